"""The grid: where a point is, answered by one look-up for nearly all of them.

The world's cells (0.0025 degrees) each hold the set of areas that cover the whole of it, or the
mark that a border comes near: then shapely is asked, so that every answer is exact. Eight by eight
cells are a block; only blocks near a border are kept cell by cell:

    page (64 x 64 blocks, made when first asked for)
      block -> set of areas                            97 in 100
            -> its cells -> set of areas
                         -> BOUNDARY                   ask shapely

Sets are interned: small whole numbers that can be compared at once. They are numbered as they turn
up, so they mean nothing to another process and belong in no checkpoint. Blocks and near cells also
hold how far the next boundary is, so that one look tells whether a track moved without meeting any.

Knows outlines only: whether limits of height or time hold is for ``Airspace.within_limits``.
"""

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.clearance import Clearance
from skyfence.airspace.protected import TOUCH_DEG
from skyfence.geometry.geodesy import SHORT_LAT_DEG, SHORT_LON_DEG
from skyfence.geometry.paged_table import PAGE_BLOCKS, Cells, PageTable, RowStore
from skyfence.geometry.rasterize import regions_of, supercover

Floats = npt.NDArray[np.float64]

BOUNDARY: Final = -1

# Along the side of a block and of a page, in cells.
_BLOCK: Final = 8
_SHIFT: Final = 3
_MASK: Final = _BLOCK - 1
_PAGE: Final = PAGE_BLOCKS * _BLOCK
# What lies around a page is looked at so far, so that moves over its edge can be judged: as far as
# ``uniform`` ever looks (30 cells), in whole blocks.
_AROUND_BLOCKS: Final = 4
_AROUND: Final = _AROUND_BLOCKS * _BLOCK
# A border nearer than this to a cell comes near it: what counts as a touch, and as much again for
# the rounding of what is computed here (1e-13).
_WIDEN_DEG: Final = 2 * TOUCH_DEG
_SOUTH_WEST: Final = np.array([-180.0, -90.0])  # where the cells are counted from


class Grid:
    """The areas of an airspace, cell by cell."""

    def __init__(self, airspace: Airspace, cell_deg: float = 0.0025) -> None:
        self._airspace = airspace
        self._per_deg = 1.0 / cell_deg
        self._last = np.array([360, 180], dtype=np.int32) * round(self._per_deg) - 1
        # Farther apart (in cells) a segment may be no single planar leg: see ``geodesy.legs``.
        self._most_x = int(SHORT_LON_DEG * self._per_deg - 1e-6) - 1
        self._most_y = int(SHORT_LAT_DEG * self._per_deg - 1e-6) - 1
        self._ids: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._has_limits = np.zeros(0, dtype=bool)
        self.set_id(())  # nothing is 0
        columns, rows = (-(-(self._last + 1) // _BLOCK)).tolist()
        self._blocks = PageTable(columns, rows, self._make)
        # A block's set; where its cells differ, -1 less the number of its row of cells.
        self._codes = RowStore(PAGE_BLOCKS**2, np.int32)
        self._gaps = RowStore(PAGE_BLOCKS**2, np.uint8)
        self._cell_codes = RowStore(_BLOCK**2, np.int32)
        self._cell_gaps = RowStore(_BLOCK**2, np.uint8)
        self._plain: dict[int, int] = {}  # rows of pages that are one set, by set
        self._clearance = Clearance(airspace, columns, rows, cell_deg * _BLOCK)

    def set_id(self, areas: Collection[int]) -> int:
        """Return the number of a set of areas; the empty one is 0."""
        members = frozenset(areas)
        number = self._ids.setdefault(members, len(self._members))
        if number == len(self._members):
            self._members.append(members)
            limited = not members.isdisjoint(self._airspace.limits)
            self._has_limits = np.append(self._has_limits, limited)
        return number

    @property
    def set_count(self) -> int:
        """Return how many sets there are so far, numbered from 0."""
        return len(self._members)

    def members(self, set_id: int) -> frozenset[int]:
        """Return the areas of a set."""
        return self._members[set_id]

    def have_limits(self, set_ids: Cells) -> npt.NDArray[np.bool_]:
        """Tell for each set (none may be ``BOUNDARY``) whether any area of it has limits."""
        return self._has_limits[set_ids]

    def cells(self, lons: Floats, lats: Floats) -> tuple[Cells, Cells]:
        """Return the cell of each point; ``ValueError`` for one that is not in the world.

        Rounding may put a point next to an edge into the other cell: cells are judged with what
        lies within a touch of them, which is far more.
        """
        if len(lons) and not (np.abs(lons).max() <= 180.0 and np.abs(lats).max() <= 90.0):
            raise ValueError("a point leaves longitude -180..180, latitude -90..90")
        x = ((lons + 180.0) * self._per_deg).astype(np.int32)
        y = ((lats + 90.0) * self._per_deg).astype(np.int32)
        # The edges of the map at 180 and 90 degrees belong to the last cells.
        return np.minimum(x, self._last[0]), np.minimum(y, self._last[1])

    def codes(self, x: Cells, y: Cells) -> Cells:
        """Return the set that covers each cell, or ``BOUNDARY``."""
        places = self._places(x, y)  # first: it may make the store grow
        codes: Cells = self._codes.values[places]
        near = np.flatnonzero(codes < 0)
        if near.size:
            codes[near] = self._cell_codes.values[self._cell_places(codes, x, y, near)]
        return codes

    def uniform(self, x0: Cells, y0: Cells, x1: Cells, y1: Cells) -> Cells:
        """Return for each pair of cells the set of all that a move between them passes.

        ``BOUNDARY`` where that may be more than one, or where cells are so far apart that the
        segment between two points in them may be cut into legs. With any other answer no border
        comes within a touch of the segment.
        """
        across, up = np.abs(x1 - x0), np.abs(y1 - y0)
        near = (across <= self._most_x) & (up <= self._most_y)
        start = self._places(x0, y0)
        codes: Cells = self._codes.values[start]
        blocks_across = np.abs((x1 >> _SHIFT) - (x0 >> _SHIFT))
        blocks_up = np.abs((y1 >> _SHIFT) - (y0 >> _SHIFT))
        reach = np.maximum(blocks_across, blocks_up)
        plain = near & (codes >= 0) & (reach < self._gaps.values[start])
        cover = np.where(plain, codes, np.int32(BOUNDARY))
        rest = np.flatnonzero(near & ~plain)
        if rest.size:
            reach = np.maximum(across[rest], up[rest])
            ahead = self._within(x0[rest], y0[rest], reach)
            back = self._within(x1[rest], y1[rest], reach)
            cover[rest] = np.maximum(ahead, back)
        return cover

    def moves(self, start: tuple[Cells, Cells], end: tuple[Cells, Cells], most: int) -> Cells:
        """Return what ``uniform`` does for pairs of cells, in bounded time.

        At most so many pages are made; ``BOUNDARY`` stands where one is not made yet.
        """
        (x0, y0), (x1, y1) = start, end
        x, y = np.append(x0, x1) >> _SHIFT, np.append(y0, y1) >> _SHIFT
        ready = self._blocks.make_pages(x, y, most).reshape(2, -1).all(axis=0)
        if ready.all():
            return self.uniform(x0, y0, x1, y1)
        cover = np.full(len(x0), BOUNDARY, dtype=np.int32)
        cover[ready] = self.uniform(x0[ready], y0[ready], x1[ready], y1[ready])
        return cover

    def sets_at(self, lons: Floats, lats: Floats) -> Cells:
        """Return the set of areas that hold each point, borders included."""
        sets = self.codes(*self.cells(lons, lats))
        near = np.flatnonzero(sets == BOUNDARY)
        if near.size:
            held = self._airspace.covering_many(lons[near], lats[near])
            sets[near] = [self.set_id(areas) for areas in held]
        return sets

    def clear_of_border_m(self, x: Cells, y: Cells) -> npt.NDArray[np.float32]:
        """Return how far any point of each cell is from the protected border at least, metres."""
        return self._clearance.metres(x >> _SHIFT, y >> _SHIFT)

    def surely_clear_m(self, x: Cells, y: Cells, most: int) -> npt.NDArray[np.float32]:
        """Return what ``clear_of_border_m`` does, in bounded time: 0 where a page is not made."""
        ready = self._clearance.ready(x >> _SHIFT, y >> _SHIFT, most)
        bounds_m = np.zeros(len(x), dtype=np.float32)
        bounds_m[ready] = self.clear_of_border_m(x[ready], y[ready])
        return bounds_m

    def _places(self, x: Cells, y: Cells) -> Cells:
        return self._blocks.positions(x >> _SHIFT, y >> _SHIFT)

    def _cell_places(
        self, codes: Cells, x: Cells, y: Cells, near: npt.NDArray[np.intp]
    ) -> npt.NDArray[Any]:
        inner = ((x[near] & _MASK) << _SHIFT) + (y[near] & _MASK)
        return ((-1 - codes[near]) << 2 * _SHIFT) + inner

    def _within(self, x: Cells, y: Cells, reach: Cells) -> Cells:
        """Return the set that covers all cells within reach of each, or ``BOUNDARY``."""
        blocks = self._places(x, y)
        codes: Cells = self._codes.values[blocks]
        cover = np.full(len(x), BOUNDARY, dtype=np.int32)
        near = np.flatnonzero(codes < 0)
        places = self._cell_places(codes, x, y, near)
        clear = reach[near] < self._cell_gaps.values[places]
        cover[near[clear]] = self._cell_codes.values[places[clear]]
        return cover

    def _make(self, column: int, row: int) -> int:
        """Make the page of this column and row of pages."""
        corner = np.array([column, row]) * _PAGE
        met = self._met(corner - _AROUND)
        if not met.any():
            return self._make_plain(corner)
        regions = regions_of(met, margin=_AROUND, block=_BLOCK)
        sets = np.append(np.int32(BOUNDARY), self._sets_of(corner + regions.seeds))
        cells = _by_block(sets[regions.labels])
        codes = cells[:, 0].copy()
        near = np.flatnonzero((cells == BOUNDARY).any(axis=1))
        first = self._cell_codes.append(cells[near])
        self._cell_gaps.append(_by_block(regions.distances)[near])
        codes[near] = -1 - first - np.arange(len(near))
        self._gaps.append(regions.block_distances.reshape(1, -1))
        return self._codes.append(codes.reshape(1, -1))

    def _make_plain(self, corner: npt.NDArray[np.int64]) -> int:
        """Make a page that is one set of areas, or find one like it."""
        (number,) = self._sets_of(corner[None]).tolist()
        if number not in self._plain:
            codes = np.full((1, PAGE_BLOCKS**2), number)
            self._gaps.append(np.full_like(codes, _AROUND_BLOCKS + 1))
            self._plain[number] = self._codes.append(codes)
        return self._plain[number]

    def _met(self, corner: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which cells of a page, and around it, a border comes near."""
        side = _PAGE + 2 * _AROUND
        west, south = _SOUTH_WEST + corner / self._per_deg - _WIDEN_DEG
        width = side / self._per_deg + 2 * _WIDEN_DEG
        segments = self._airspace.border_segments_in(west, south, west + width, south + width)
        # In cells as ``cells`` counts them, so that both round alike.
        placed = (segments - np.tile(_SOUTH_WEST, 2)) * self._per_deg
        return supercover(placed - np.tile(corner, 2), side, _WIDEN_DEG * self._per_deg)

    def _sets_of(self, cells: npt.NDArray[np.int64]) -> Cells:
        """Return the sets of areas that hold the middles of cells, shape (n, 2)."""
        lons, lats = (_SOUTH_WEST + (cells + 0.5) / self._per_deg).T
        held = self._airspace.covering_many(lons, lats)
        return np.array([self.set_id(areas) for areas in held], dtype=np.int32)


def _by_block(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the cells of a page block by block, shape (blocks, cells of a block)."""
    split = cells.reshape(PAGE_BLOCKS, _BLOCK, PAGE_BLOCKS, _BLOCK)
    return split.transpose(0, 2, 1, 3).reshape(PAGE_BLOCKS**2, _BLOCK**2)
