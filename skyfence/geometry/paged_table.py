"""Tables over the whole map that are made page by page, when a page is first asked for.

A page is 64 x 64 blocks of the map. Its values are a row of a ``RowStore``; pages with equal values
may share a row:

    block (x, y) --> page --> row of the store --> position of the block's value
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# Blocks along the side of a page: large enough that making a page is worth its 10 ms, small enough
# that a few tracks do not cause a whole continent to be made.
PAGE_BLOCKS: Final = 64
_SHIFT: Final = 6
_MASK: Final = PAGE_BLOCKS - 1

Cells = npt.NDArray[np.int32]


class RowStore:
    """Rows of equal length in a flat array, ``values``, that is replaced when it must grow."""

    def __init__(self, length: int, dtype: Any) -> None:
        self._length = length
        self._rows = 0
        self.values: npt.NDArray[Any] = np.empty(0, dtype)

    def append(self, rows: npt.NDArray[Any]) -> int:
        """Add rows, shape (n, length); return the index of the first."""
        first, self._rows = self._rows, self._rows + len(rows)
        if self._rows * self._length > len(self.values):
            grown = np.empty(2 * self._rows * self._length, self.values.dtype)
            grown[: first * self._length] = self.values[: first * self._length]
            self.values = grown
        self.values[first * self._length : self._rows * self._length] = rows.ravel()
        return first


class PageTable:
    """Where in a store the value of each block stands."""

    def __init__(self, columns: int, rows: int, make: Callable[[int, int], int]) -> None:
        """Cover columns x rows blocks; ``make(column, row)`` adds a page to the store.

        It is given the column and row of pages, and returns the page's row in the store.
        """
        self._rows = -(-rows // PAGE_BLOCKS)
        self._numbers = np.full(-(-columns // PAGE_BLOCKS) * self._rows, -1, dtype=np.int32)
        self._make = make

    def make_pages(self, x: Cells, y: Cells, max_new_pages: int) -> npt.NDArray[np.bool_]:
        """Make at most so many missing pages; return for each block whether its page is made.

        Blocks are given by column and row, both (n,). The pages of most of the blocks are made
        first.
        """
        page = (x >> _SHIFT) * self._rows + (y >> _SHIFT)
        made: npt.NDArray[np.bool_] = self._numbers[page] >= 0
        if not made.all():
            self._fill(page[~made], max_new_pages)
            made = self._numbers[page] >= 0
        return made

    def positions(self, x: Cells, y: Cells) -> Cells:
        """Return the position of each block's value in ``RowStore.values``, shape (n,).

        Makes the pages that are missing, 10 ms each: read ``values`` after this call, not before.
        """
        page = (x >> _SHIFT) * self._rows + (y >> _SHIFT)
        number = self._numbers[page]
        if number.size and number.min() < 0:
            self._fill(page[number < 0])
            number = self._numbers[page]
        positions: Cells = (number << 2 * _SHIFT) + ((x & _MASK) << _SHIFT) + (y & _MASK)
        return positions

    def _fill(self, missing: npt.NDArray[Any], limit: int | None = None) -> None:
        """Make missing pages, those that are named most often first, up to a limit."""
        pages, counts = np.unique(missing, return_counts=True)
        for page in pages[np.argsort(-counts, kind="stable")][:limit].tolist():
            self._numbers[page] = self._make(*divmod(page, self._rows))
