"""Back-off: pauses that double with each failure in a row. Reads no clock and waits for nothing.

    first_s, 2 * first_s, 4 * first_s, … longest_s     each drawn between its half and its whole

Half of each pause is chance, so that many clients of a server that comes back do not reach it in
the same moment.
"""

from random import Random
from typing import Final

_MOST_DOUBLINGS: Final = 32  # more than any longest pause needs, and 2.0 ** n stays finite


class Backoff:
    """Counts the failures in a row of one peer, and says how long to wait after each."""

    def __init__(self, first_s: float, longest_s: float, rng: Random | None = None) -> None:
        """Begin without a failure; ``rng`` is a generator of its own where none is given."""
        self._first_s = first_s
        self._longest_s = longest_s
        self._rng = Random() if rng is None else rng  # noqa: S311 - jitter keeps no secret
        self.failures = 0

    def next_s(self) -> float:
        """Count one more failure in a row; return the pause after it, seconds."""
        self.failures += 1
        return self.pause_s(self.failures)

    def pause_s(self, failures: int) -> float:
        """Return the pause after ``failures`` in a row (at least 1), seconds; count nothing."""
        whole_s = min(self._longest_s, self._first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
        return whole_s * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Forget the failures: the peer has answered."""
        self.failures = 0
