"""How far from the protected airspace's border a block of the map is, at least.

A lower bound that can be looked up: who needs to know only that the border is out of reach need
not measure. Made page by page like the grid, in metres:

    bound of a block's middle - half the block's diagonal

Does not measure exactly (``Airspace.protected_border``).
"""

from math import floor, inf, log
from typing import Final

import numpy as np
import numpy.typing as npt

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.border_distance import length_bounds_m
from skyfence.geometry.paged_table import PAGE_BLOCKS, Cells, PageTable, RowStore

Floats = npt.NDArray[np.float64]

# A page is up to 200 km wide. One wholly farther from the border than this is one value, rounded
# down to one of few, so that far pages share their rows.
_FAR_M: Final = 400_000.0
# Squares of so many blocks along a side, up to 25 km from corner to corner, are looked at first;
# only those that may be nearer than this are looked at block by block.
_SQUARE: Final = 8
_NEAR_M: Final = 60_000.0
_STEP: Final = 1.05
# Rounding to 32 bits must not round up.
_DOWN: Final = 1.0 - 1e-6


class Clearance:
    """The lower bounds of an airspace, block by block."""

    def __init__(self, airspace: Airspace, columns: int, rows: int, block_deg: float) -> None:
        self._airspace = airspace
        self._block_deg = block_deg
        self._pages = PageTable(columns, rows, self._make)
        self._metres = RowStore(PAGE_BLOCKS**2, np.float32)
        self._far: dict[int, int] = {}

    def ready(self, x: Cells, y: Cells, most: int) -> npt.NDArray[np.bool_]:
        """Tell for each block whether ``metres`` knows it; see ``PageTable.make_pages``."""
        return self._pages.make_pages(x, y, most)

    def metres(self, x: Cells, y: Cells) -> npt.NDArray[np.float32]:
        """Return for each block how far any point of it is from the border at least."""
        places = self._pages.positions(x, y)  # first: it may make the store grow
        bounds_m: npt.NDArray[np.float32] = self._metres.values[places]
        return bounds_m

    def _make(self, column: int, row: int) -> int:
        first = np.array([[column, row]]) * PAGE_BLOCKS
        whole = float(self._least_m(first, PAGE_BLOCKS)[0])
        if whole > _FAR_M:
            return self._make_far(whole)
        squares = first + _inside(PAGE_BLOCKS, _SQUARE)
        least_m = np.repeat(self._least_m(squares, _SQUARE)[:, None], _SQUARE**2, axis=1)
        near = np.flatnonzero(least_m[:, 0] < _NEAR_M)
        blocks = (squares[near, None] + _inside(_SQUARE)).reshape(-1, 2)
        least_m[near] = self._least_m(blocks, 1).reshape(-1, _SQUARE**2)
        across = PAGE_BLOCKS // _SQUARE
        split = least_m.reshape(across, across, _SQUARE, _SQUARE).transpose(0, 2, 1, 3)
        return self._metres.append(split.reshape(1, -1))

    def _make_far(self, metres: float) -> int:
        step = -1 if metres == inf else floor(log(metres) / log(_STEP))
        if step not in self._far:
            least = inf if step < 0 else _STEP**step * _DOWN
            self._far[step] = self._metres.append(np.full((1, PAGE_BLOCKS**2), least))
        return self._far[step]

    def _least_m(self, blocks: npt.NDArray[np.int64], side: int) -> Floats:
        """Return the bounds of squares of so many blocks, given by their first ones (n, 2)."""
        low = blocks * self._block_deg - (180.0, 90.0)
        high = low + side * self._block_deg
        middle = (low + high) / 2.0
        # From the middle to a corner; shorter where the square is nearer to a pole.
        half_m = length_bounds_m(np.hstack((low, high))) / 2.0
        least_m = self._airspace.protected_border_bounds_m(*middle.T) - half_m
        return np.maximum(least_m, 0.0) * _DOWN


def _inside(side: int, step: int = 1) -> npt.NDArray[np.int64]:
    """Return the places (n, 2) in a square of this side, column by column, at every step."""
    return np.stack(np.meshgrid(*[np.arange(0, side, step)] * 2, indexing="ij"), -1).reshape(-1, 2)
