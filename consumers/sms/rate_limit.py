"""How fast and when again: a rate that is kept, and pauses that grow. Reads no clock itself."""

import math
import random
from typing import Final

from skyfence.adapters.backoff import pause_s
from skyfence.times import MS_PER_S

# Of a second: what may go out at once after a lull.
_BURST_S: Final = 0.1


class TokenBucket:
    """Lets so many a second go, and a tenth of a second's worth (one at least) at once."""

    def __init__(self, rate_per_s: float) -> None:
        self._per_ms = rate_per_s / 1000
        self._most = max(1.0, rate_per_s * _BURST_S)
        self._left = self._most
        self._at_ms: int | None = None

    def allowed(self, now_ms: int) -> int:
        """Return how many may go now."""
        if self._at_ms is not None:  # a clock that was set back gives nothing
            gained = max(0, now_ms - self._at_ms) * self._per_ms
            self._left = min(self._most, self._left + gained)
        self._at_ms = now_ms
        return int(self._left)

    def spend(self, count: int) -> None:
        """Note that so many go."""
        self._left -= count

    @property
    def wait_ms(self) -> int:
        """Return how long after the last look one more may go."""
        return max(0, math.ceil((1.0 - self._left) / self._per_ms))


class Backoff:
    """Counts the failures in a row, and pauses by them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._failures = 0

    def next_ms(self) -> int:
        """Return how long to wait after one more failure."""
        self._failures += 1
        return round(pause_s(self._failures, self._rng) * MS_PER_S)

    def reset(self) -> None:
        """Note that all is well."""
        self._failures = 0
