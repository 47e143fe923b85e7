"""The vicinity of the protected border: which squares of the map lie near it, by look-up.

    square of 0.1 degrees -> is its middle within a distance of the border?   (asked once, kept)

What is near or not is the same in every process and after any restart, because it hangs on the
square alone. Good for what need not be exact: a square reaches 8 km from its middle at most. Does
not measure (``Airspace.protected_border``).
"""

from typing import Final

import numpy as np

from skyfence.airspace.clearance import BoundsOf
from skyfence.geometry.arrays import Floats, Indices, Mask

_SQUARES_A_DEG: Final = 10
_COLUMNS: Final = 360 * _SQUARES_A_DEG
_ROWS: Final = 180 * _SQUARES_A_DEG
_UNKNOWN: Final = 0
_FAR: Final = 1
_NEAR: Final = 2


class BorderVicinity:
    """The squares whose middles lie within ``within_m`` (metres) of the protected border."""

    def __init__(self, bounds_m: BoundsOf, within_m: float) -> None:
        """Know no square yet; ``bounds_m`` gives the distances that count, metres."""
        self._bounds_m = bounds_m
        self._within_m = within_m
        self._squares = np.zeros(_COLUMNS * _ROWS, np.int8)

    def contains(self, lons: Floats, lats: Floats) -> Mask:
        """Tell for each point (degrees), (n,), whether its square lies near the border."""
        # The edges of the map at 180 and 90 degrees belong to the last squares.
        x = np.minimum(((lons + 180.0) * _SQUARES_A_DEG).astype(np.int64), _COLUMNS - 1)
        y = np.minimum(((lats + 90.0) * _SQUARES_A_DEG).astype(np.int64), _ROWS - 1)
        squares = x * _ROWS + y
        kept = self._squares[squares]
        if (kept == _UNKNOWN).any():
            self._measure(np.unique(squares[kept == _UNKNOWN]))
            kept = self._squares[squares]
        near: Mask = kept == _NEAR
        return near

    def _measure(self, squares: Indices) -> None:
        x, y = np.divmod(squares, _ROWS)
        middles = ((x + 0.5) / _SQUARES_A_DEG - 180.0, (y + 0.5) / _SQUARES_A_DEG - 90.0)
        near = self._bounds_m(*middles) <= self._within_m
        self._squares[squares] = np.where(near, _NEAR, _FAR)
