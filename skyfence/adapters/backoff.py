"""Pauses that double with each failure in a row. Reads no clock."""

from random import Random
from typing import Final

_FIRST_S: Final = 1.0
# Alerts are urgent: what comes back is found again within a minute.
_LONGEST_S: Final = 60.0
_MOST_DOUBLINGS: Final = 10  # more than the longest pause anyway


def pause_s(failures: int, rng: Random) -> float:
    """Return how long to wait after so many failures, one at least, seconds.

    Drawn between half and whole, so that not all come back at one moment.
    """
    longest_s = min(_LONGEST_S, _FIRST_S * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
    return longest_s * rng.uniform(0.5, 1.0)
