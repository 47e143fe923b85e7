"""A token bucket: how many SMS a second may go to a gateway. Reads no clock."""

import math
from typing import Final

# Of a second: what may go out at once after a lull.
_BURST_S: Final = 0.1


class TokenBucket:
    """Allows ``rate_per_s`` messages a second, and a tenth of that (at least one) at once."""

    def __init__(self, rate_per_s: float) -> None:
        self._per_ms = rate_per_s / 1000
        self._most = max(1.0, rate_per_s * _BURST_S)
        self._left = self._most
        self._at_ms: int | None = None

    def allowed(self, now_ms: int) -> int:
        """Return how many messages may go at a time, in milliseconds since the epoch."""
        if self._at_ms is not None:  # a clock that was set back gives nothing
            gained = max(0, now_ms - self._at_ms) * self._per_ms
            self._left = min(self._most, self._left + gained)
        self._at_ms = now_ms
        return int(self._left)

    def spend(self, count: int) -> None:
        """Take the tokens of so many messages; call it with what ``allowed`` returned at most."""
        self._left -= count

    @property
    def wait_ms(self) -> int:
        """Return how many milliseconds after the last call of ``allowed`` a message may go."""
        return max(0, math.ceil((1.0 - self._left) / self._per_ms))
