"""Tables over the whole world that are made page by page, when a page is first asked for.

A page is 64 x 64 blocks of the map. Its values stand in one row of a store; pages that are alike
may share a row:

    block --> page --> row of the store --> the block's place in it
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# Blocks along the side of a page: large enough that making one is worth it (10 ms), small enough
# that a few tracks do not make a continent.
PAGE_BLOCKS: Final = 64
_SHIFT: Final = 6
_MASK: Final = PAGE_BLOCKS - 1

Cells = npt.NDArray[np.int32]


class RowStore:
    """Rows of equal length, one after the other in one array that grows."""

    def __init__(self, length: int, dtype: Any) -> None:
        self._length = length
        self._rows = 0
        self.values: npt.NDArray[Any] = np.empty(0, dtype)

    def append(self, rows: npt.NDArray[Any]) -> int:
        """Add rows, shape (n, length); return the number of the first."""
        first, self._rows = self._rows, self._rows + len(rows)
        if self._rows * self._length > len(self.values):
            grown = np.empty(2 * self._rows * self._length, self.values.dtype)
            grown[: first * self._length] = self.values[: first * self._length]
            self.values = grown
        self.values[first * self._length : self._rows * self._length] = rows.ravel()
        return first


class PageTable:
    """Where in a store the values of each block stand."""

    def __init__(self, columns: int, rows: int, make: Callable[[int, int], int]) -> None:
        """``make`` makes the page of this column and row, and returns its row in the store."""
        self._rows = -(-rows // PAGE_BLOCKS)
        self._numbers = np.full(-(-columns // PAGE_BLOCKS) * self._rows, -1, dtype=np.int32)
        self._make = make

    def ready(self, x: Cells, y: Cells, most: int) -> npt.NDArray[np.bool_]:
        """Tell for each block whether its page is made, after making ``most`` that are not.

        Those that most of the blocks lie on come first.
        """
        page = (x >> _SHIFT) * self._rows + (y >> _SHIFT)
        made: npt.NDArray[np.bool_] = self._numbers[page] >= 0
        if not made.all():
            self._fill(page[~made], most)
            made = self._numbers[page] >= 0
        return made

    def places(self, x: Cells, y: Cells) -> Cells:
        """Return the place in the store of each block, after making what pages are missing."""
        page = (x >> _SHIFT) * self._rows + (y >> _SHIFT)
        number = self._numbers[page]
        if number.size and number.min() < 0:
            self._fill(page[number < 0])
            number = self._numbers[page]
        places: Cells = (number << 2 * _SHIFT) + ((x & _MASK) << _SHIFT) + (y & _MASK)
        return places

    def _fill(self, missing: npt.NDArray[Any], most: int | None = None) -> None:
        """Make pages that are missing, those that are named most often first."""
        pages, counts = np.unique(missing, return_counts=True)
        for page in pages[np.argsort(-counts, kind="stable")][:most].tolist():
            self._numbers[page] = self._make(*divmod(page, self._rows))
