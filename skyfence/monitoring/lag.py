"""Time lag: up to when a consumer group has dealt with all that came into a partition.

A lag in messages says little: 500 may be a second or an hour. So the end of each partition is
sampled with the time; once the group has acknowledged up to a sampled end, all that came until that
sample is dealt with. Does not ask Kafka.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

# At two seconds a sample, half an hour: a longer lag is known only once it is that short.
_MOST_SAMPLES: Final = 900


class TimeLag:
    """How far one group has come in time in each partition of a topic."""

    def __init__(self) -> None:
        self._ends: dict[int, deque[tuple[int, int]]] = {}
        self._done_to_ms: dict[int, int] = {}

    def sample(self, now_ms: int, ends: Mapping[int, int], lags: Mapping[int, int]) -> None:
        """Take a sample: each partition's end offset, and how many messages are left before it.

        ``now_ms`` is the wall clock, in ms since 1970. Raises ``KeyError`` if ``lags`` lacks a
        partition of ``ends``.
        """
        for partition, end in ends.items():
            samples = self._ends.setdefault(partition, deque(maxlen=_MOST_SAMPLES))
            samples.append((now_ms, end))
            while samples and samples[0][1] <= end - lags[partition]:
                self._done_to_ms[partition] = samples.popleft()[0]

    def shift(self, step_ms: int) -> None:
        """Note that this machine's clock was set: every sample moves with it."""
        for partition, samples in self._ends.items():
            moved = [(time_ms + step_ms, end) for time_ms, end in samples]
            self._ends[partition] = deque(moved, maxlen=_MOST_SAMPLES)
        for partition in self._done_to_ms:
            self._done_to_ms[partition] += step_ms

    @property
    def done_to_ms(self) -> Mapping[int, int]:
        """Return, by partition, the wall clock up to which all is dealt with; none: not known."""
        return self._done_to_ms
