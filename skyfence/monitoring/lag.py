"""The backlog: up to when all that came into a partition has been dealt with.

A group's lag in messages says little: 500 may be a second or an hour. So the end of each partition
is remembered with the time when it was there; once the group has acknowledged that far, all that
came until then is dealt with. Does not ask Kafka.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

# At two seconds a sample, half an hour; a longer backlog counts from there.
_KEPT: Final = 900


class TimeLag:
    """Learns from ends and acknowledged offsets how far a group has come in time."""

    def __init__(self) -> None:
        self._ends: dict[int, deque[tuple[int, int]]] = {}
        self._done_to_ms: dict[int, int] = {}

    def sample(self, now_ms: int, ends: Mapping[int, int], lags: Mapping[int, int]) -> None:
        """Take in each partition's end as it was now, and how many messages are left before it."""
        for partition, end in ends.items():
            waiting = self._ends.setdefault(partition, deque(maxlen=_KEPT))
            waiting.append((now_ms, end))
            while waiting and waiting[0][1] <= end - lags[partition]:
                self._done_to_ms[partition] = waiting.popleft()[0]

    @property
    def done_to_ms(self) -> Mapping[int, int]:
        """Return for each partition up to when all is dealt with; without entry it is unknown."""
        return self._done_to_ms
