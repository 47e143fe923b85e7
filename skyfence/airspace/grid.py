"""The grid: which areas hold a point, answered by an array look-up for nearly all points.

The map is divided into cells of 0.0025 degrees. The *cover* of a cell is the set of areas that hold
all of it, or ``BOUNDARY`` where a border comes near it: for those few cells shapely is asked, so
that every answer is exact. 8 x 8 cells are a block; blocks near a border are kept cell by cell:

    page (64 x 64 blocks, made when first asked for)
      block -> set of areas                            97 in 100
            -> its cells -> set of areas
                         -> BOUNDARY                   ask shapely

Sets are interned: each has a number, so that comparing sets is comparing integers. Numbers are
given in the order in which sets turn up, so they mean nothing to another process and belong in no
checkpoint. Blocks and near cells also hold how far the next boundary cell is, so that a look-up
tells whether a track moved without meeting any border.

Knows outlines only: whether limits of height or time hold is for ``Airspace.within_limits``.
"""

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.clearance import BoundsOf, Clearance
from skyfence.airspace.protected import TOUCH_DEG
from skyfence.geometry.arrays import Floats, Indices, Mask
from skyfence.geometry.geodesy import SHORT_LAT_DEG, SHORT_LON_DEG
from skyfence.geometry.paged_table import PAGE_BLOCKS, Cells, PageTable, RowStore
from skyfence.geometry.rasterize import regions_of, supercover

BOUNDARY: Final = -1

CellPositions = tuple[Cells, Cells]  # columns and rows of cells, both (n,)

# Along the side of a block and of a page, in cells.
_BLOCK: Final = 8
_SHIFT: Final = 3
_MASK: Final = _BLOCK - 1
_PAGE: Final = PAGE_BLOCKS * _BLOCK
# How far around a page borders are looked for, so that moves over its edge can be judged: as far
# as ``common_cover`` ever looks (30 cells), in whole blocks.
_MARGIN_BLOCKS: Final = 4
_MARGIN: Final = _MARGIN_BLOCKS * _BLOCK
# A border nearer than this to a cell makes it a boundary cell: what counts as a touch, and as much
# again for the rounding of what is computed here (1e-13).
_WIDEN_DEG: Final = 2 * TOUCH_DEG
_SOUTH_WEST: Final = np.array([-180.0, -90.0])  # where the cells are counted from


class Grid:
    """The covers of an airspace's cells, made as they are asked for."""

    def __init__(self, airspace: Airspace, cell_deg: float = 0.0025) -> None:
        self._airspace = airspace
        self._per_deg = 1.0 / cell_deg
        self._last = np.array([360, 180], dtype=np.int32) * round(self._per_deg) - 1
        # Points in cells farther apart may be joined by more than one leg: see ``geodesy.legs``.
        self._max_across = int(SHORT_LON_DEG * self._per_deg - 1e-6) - 1
        self._max_up = int(SHORT_LAT_DEG * self._per_deg - 1e-6) - 1
        self._ids: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._has_limits = np.zeros(0, dtype=bool)
        self.set_id(())  # the empty set is 0
        columns, rows = (-(-(self._last + 1) // _BLOCK)).tolist()
        self._blocks = PageTable(columns, rows, self._make)
        # A block's cover; where its cells differ, -1 less its row in the stores of cells.
        self._block_covers = RowStore(PAGE_BLOCKS**2, np.int32)
        self._block_distances = RowStore(PAGE_BLOCKS**2, np.uint8)
        self._cell_covers = RowStore(_BLOCK**2, np.int32)
        self._cell_distances = RowStore(_BLOCK**2, np.uint8)
        self._borderless: dict[int, int] = {}  # rows of pages that no border meets, by cover
        self._extent = (columns, rows, cell_deg * _BLOCK)
        self._clearance = self.clearance(airspace.protected_border_bounds_m)

    def set_id(self, areas: Collection[int]) -> int:
        """Return the number of a set of areas, a new one for a new set; the empty set's is 0."""
        members = frozenset(areas)
        number = self._ids.setdefault(members, len(self._members))
        if number == len(self._members):
            self._members.append(members)
            limited = not members.isdisjoint(self._airspace.limits)
            self._has_limits = np.append(self._has_limits, limited)
        return number

    def members(self, set_id: int) -> frozenset[int]:
        """Return the areas of a set, given its number."""
        return self._members[set_id]

    def have_limits(self, set_ids: Cells) -> Mask:
        """Tell for each set, (n,), whether any of its areas has limits of height or time.

        Precondition: none is ``BOUNDARY``.
        """
        return self._has_limits[set_ids]

    def cells(self, lons: Floats, lats: Floats) -> CellPositions:
        """Return the column and row of each point's cell; points are degrees, both (n,).

        Raises ``ValueError`` where a point is not in the world. Rounding may put a point at the
        edge of a cell into its neighbour. That is harmless: borders are looked for within a touch
        of a cell, which is far more.
        """
        if len(lons) and not (np.abs(lons).max() <= 180.0 and np.abs(lats).max() <= 90.0):
            raise ValueError("a point leaves longitude -180..180, latitude -90..90")
        x = ((lons + 180.0) * self._per_deg).astype(np.int32)
        y = ((lats + 90.0) * self._per_deg).astype(np.int32)
        # The edges of the map at 180 and 90 degrees belong to the last cells.
        return np.minimum(x, self._last[0]), np.minimum(y, self._last[1])

    def common_cover(
        self, start: CellPositions, end: CellPositions, max_new_pages: int | None = None
    ) -> Cells:
        """Return for each pair of cells the cover that all cells between them share, (n,).

        With any other answer than ``BOUNDARY``, no border comes within a touch of a segment from a
        point in the first cell to a point in the second, and its areas hold all of it. ``BOUNDARY``
        stands where cells between have different covers, or where the two are so far apart that
        the segment may have several legs. Of a cell and itself it is the cell's own cover.

        Makes the pages that are missing, at most ``max_new_pages`` so that the call takes bounded
        time (10 ms a page); ``BOUNDARY`` stands where a page is not made then.
        """
        (x0, y0), (x1, y1) = start, end
        if max_new_pages is None:
            return self._common_cover(x0, y0, x1, y1)
        x, y = np.append(x0, x1) >> _SHIFT, np.append(y0, y1) >> _SHIFT
        made = self._blocks.make_pages(x, y, max_new_pages).reshape(2, -1).all(axis=0)
        if made.all():
            return self._common_cover(x0, y0, x1, y1)
        cover = np.full(len(x0), BOUNDARY, dtype=np.int32)
        cover[made] = self._common_cover(x0[made], y0[made], x1[made], y1[made])
        return cover

    def clearance(self, bounds_m: BoundsOf) -> Clearance:
        """Return the lower bounds of the distance to other borders, by this grid's blocks."""
        return Clearance(bounds_m, *self._extent)

    def protected_border_bounds_m(
        self, x: Cells, y: Cells, max_new_pages: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return for each cell a lower bound of its points' distance to the protected border.

        Shape (n,), metres. Makes the pages that are missing, at most ``max_new_pages``; the bound
        is 0 where a page is not made then.
        """
        return self.bounds_m(self._clearance, x, y, max_new_pages)

    def bounds_m(
        self, clearance: Clearance, x: Cells, y: Cells, max_new_pages: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return what ``protected_border_bounds_m`` does, of the borders of a clearance."""
        x, y = x >> _SHIFT, y >> _SHIFT
        if max_new_pages is None:
            return clearance.lower_bounds_m(x, y)
        made = clearance.make_pages(x, y, max_new_pages)
        bounds_m = np.zeros(len(x), dtype=np.float32)
        bounds_m[made] = clearance.lower_bounds_m(x[made], y[made])
        return bounds_m

    def _common_cover(self, x0: Cells, y0: Cells, x1: Cells, y1: Cells) -> Cells:
        across, up = np.abs(x1 - x0), np.abs(y1 - y0)
        near = (across <= self._max_across) & (up <= self._max_up)
        start = self._positions(x0, y0)
        covers: Cells = self._block_covers.values[start]
        blocks_across = np.abs((x1 >> _SHIFT) - (x0 >> _SHIFT))
        blocks_up = np.abs((y1 >> _SHIFT) - (y0 >> _SHIFT))
        reach = np.maximum(blocks_across, blocks_up)
        by_blocks = near & (covers >= 0) & (reach < self._block_distances.values[start])
        cover = np.where(by_blocks, covers, np.int32(BOUNDARY))
        rest = np.flatnonzero(near & ~by_blocks)
        if rest.size:
            reach = np.maximum(across[rest], up[rest])
            ahead = self._cover_within(x0[rest], y0[rest], reach)
            back = self._cover_within(x1[rest], y1[rest], reach)
            cover[rest] = np.maximum(ahead, back)
        return cover

    def _cover_within(self, x: Cells, y: Cells, reach: Cells) -> Cells:
        """Return the cover that all cells within reach (cells) of each share, or ``BOUNDARY``.

        Precondition for another answer: the cell is in a block that is kept cell by cell.
        """
        blocks = self._positions(x, y)
        covers: Cells = self._block_covers.values[blocks]
        cover = np.full(len(x), BOUNDARY, dtype=np.int32)
        near = np.flatnonzero(covers < 0)
        positions = self._cell_positions(covers, x, y, near)
        clear = reach[near] < self._cell_distances.values[positions]
        cover[near[clear]] = self._cell_covers.values[positions[clear]]
        return cover

    def _positions(self, x: Cells, y: Cells) -> Cells:
        """Return the position of each cell's block in the stores of blocks."""
        return self._blocks.positions(x >> _SHIFT, y >> _SHIFT)

    def _cell_positions(
        self, covers: Cells, x: Cells, y: Cells, near: npt.NDArray[np.intp]
    ) -> npt.NDArray[Any]:
        """Return the positions of near cells in the stores of cells, given their blocks' covers."""
        inner = ((x[near] & _MASK) << _SHIFT) + (y[near] & _MASK)
        return ((-1 - covers[near]) << 2 * _SHIFT) + inner

    def _make(self, column: int, row: int) -> int:
        """Make the page of this column and row of pages; return its row in the stores of blocks."""
        corner = np.array([column, row]) * _PAGE
        border = self._border_cells(corner - _MARGIN)
        if not border.any():
            return self._make_borderless(corner)
        regions = regions_of(border, margin=_MARGIN, block=_BLOCK)
        sets = np.append(np.int32(BOUNDARY), self._sets_of(corner + regions.seeds))
        cells = _by_block(sets[regions.labels])
        covers = cells[:, 0].copy()
        near = np.flatnonzero((cells == BOUNDARY).any(axis=1))
        first = self._cell_covers.append(cells[near])
        self._cell_distances.append(_by_block(regions.distances)[near])
        covers[near] = -1 - first - np.arange(len(near))
        self._block_distances.append(regions.block_distances.reshape(1, -1))
        return self._block_covers.append(covers.reshape(1, -1))

    def _make_borderless(self, corner: Indices) -> int:
        """Make a page that no border meets, or return the row of another with the same cover."""
        (number,) = self._sets_of(corner[None]).tolist()
        if number not in self._borderless:
            covers = np.full((1, PAGE_BLOCKS**2), number)
            self._block_distances.append(np.full_like(covers, _MARGIN_BLOCKS + 1))
            self._borderless[number] = self._block_covers.append(covers)
        return self._borderless[number]

    def _border_cells(self, corner: Indices) -> Mask:
        """Return which cells of a page and of the margin around it a border comes near."""
        side = _PAGE + 2 * _MARGIN
        west, south = _SOUTH_WEST + corner / self._per_deg - _WIDEN_DEG
        width = side / self._per_deg + 2 * _WIDEN_DEG
        segments = self._airspace.border_segments_in(west, south, west + width, south + width)
        # Computed as ``cells`` computes them, so that both round alike.
        placed = (segments - np.tile(_SOUTH_WEST, 2)) * self._per_deg
        return supercover(placed - np.tile(corner, 2), side, _WIDEN_DEG * self._per_deg)

    def _sets_of(self, cells: Indices) -> Cells:
        """Return the sets of areas that hold the middles of cells, given as (n, 2)."""
        lons, lats = (_SOUTH_WEST + (cells + 0.5) / self._per_deg).T
        held = self._airspace.covering_many(lons, lats)
        return np.array([self.set_id(areas) for areas in held], dtype=np.int32)


def _by_block(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the cells of a page block by block, shape (blocks, cells of a block)."""
    split = cells.reshape(PAGE_BLOCKS, _BLOCK, PAGE_BLOCKS, _BLOCK)
    return split.transpose(0, 2, 1, 3).reshape(PAGE_BLOCKS**2, _BLOCK**2)
