"""Lower bounds of the distance to borders (the protected airspace's), block by block of the map.

To know that the border is out of reach, a bound that can be looked up is enough. Made page by page
like the grid, in metres:

    bound of a block = bound at the block's middle - half the block's diagonal

Does not measure exactly (``Airspace.protected_border``).
"""

from collections.abc import Callable
from math import floor, inf, log
from typing import Final

import numpy as np
import numpy.typing as npt

from skyfence.geometry.arrays import Floats, Indices
from skyfence.geometry.border_distance import length_bounds_m
from skyfence.geometry.paged_table import PAGE_BLOCKS, Cells, PageTable, RowStore

# Longitudes and latitudes, degrees, both (n,), to metres, (n,).
BoundsOf = Callable[[Floats, Floats], Floats]

# A page is up to 200 km wide. A page that is farther from the border than this has the same bound
# in all its blocks, rounded down to one of few values, so that far pages share their rows.
_FAR_M: Final = 400_000.0
# The bounds of squares of 8 x 8 blocks, up to 25 km from corner to corner, are made first; only
# squares with a lower bound than this are done block by block.
_SQUARE: Final = 8
_NEAR_M: Final = 60_000.0
# The ratio of neighbouring bounds of far pages.
_FAR_RATIO: Final = 1.05
# Multiplied in before rounding to 32 bits, so that rounding never raises a bound.
_DOWN: Final = 1.0 - 1e-6


class Clearance:
    """The lower bounds of the distance to some borders."""

    def __init__(self, bounds_m: BoundsOf, columns: int, rows: int, block_deg: float) -> None:
        """Cover columns x rows blocks of the map, counted from longitude -180, latitude -90.

        ``bounds_m`` gives lower bounds of points' distances, metres.
        """
        self._points_bounds_m = bounds_m
        self._block_deg = block_deg
        self._pages = PageTable(columns, rows, self._make)
        self._bounds_m = RowStore(PAGE_BLOCKS**2, np.float32)
        self._far: dict[int, int] = {}

    def make_pages(self, x: Cells, y: Cells, max_new_pages: int) -> npt.NDArray[np.bool_]:
        """Make some missing pages; tell for each block whether its bound is made.

        See ``PageTable.make_pages``.
        """
        return self._pages.make_pages(x, y, max_new_pages)

    def lower_bounds_m(self, x: Cells, y: Cells) -> npt.NDArray[np.float32]:
        """Return for each block a distance that no point of it is nearer than, (n,), metres.

        Makes the pages that are missing.
        """
        positions = self._pages.positions(x, y)  # first: it may replace the store's array
        bounds_m: npt.NDArray[np.float32] = self._bounds_m.values[positions]
        return bounds_m

    def _make(self, column: int, row: int) -> int:
        first = np.array([[column, row]]) * PAGE_BLOCKS
        whole = float(self._squares_m(first, PAGE_BLOCKS)[0])
        if whole > _FAR_M:
            return self._make_far(whole)
        squares = first + _corners(PAGE_BLOCKS, _SQUARE)
        least_m = np.repeat(self._squares_m(squares, _SQUARE)[:, None], _SQUARE**2, axis=1)
        near = np.flatnonzero(least_m[:, 0] < _NEAR_M)
        blocks = (squares[near, None] + _corners(_SQUARE)).reshape(-1, 2)
        least_m[near] = self._squares_m(blocks, 1).reshape(-1, _SQUARE**2)
        across = PAGE_BLOCKS // _SQUARE
        split = least_m.reshape(across, across, _SQUARE, _SQUARE).transpose(0, 2, 1, 3)
        return self._bounds_m.append(split.reshape(1, -1))

    def _make_far(self, metres: float) -> int:
        """Return the row of a page that is far away, shared with pages about as far."""
        step = -1 if metres == inf else floor(log(metres) / log(_FAR_RATIO))
        if step not in self._far:
            least = inf if step < 0 else _FAR_RATIO**step * _DOWN
            self._far[step] = self._bounds_m.append(np.full((1, PAGE_BLOCKS**2), least))
        return self._far[step]

    def _squares_m(self, blocks: Indices, side: int) -> Floats:
        """Return the bounds of squares of side x side blocks, (n,).

        A square is given by its south-west block, shape (n, 2).
        """
        low = blocks * self._block_deg - (180.0, 90.0)
        high = low + side * self._block_deg
        middle = (low + high) / 2.0
        # From the middle to a corner on the equator's side, where it is farthest.
        half_m = length_bounds_m(np.hstack((low, high))) / 2.0
        least_m = self._points_bounds_m(*middle.T) - half_m
        return np.maximum(least_m, 0.0) * _DOWN


def _corners(side: int, step: int = 1) -> Indices:
    """Return every ``step``-th block (x, y) of a square, column by column, shape (n, 2)."""
    return np.stack(np.meshgrid(*[np.arange(0, side, step)] * 2, indexing="ij"), -1).reshape(-1, 2)
