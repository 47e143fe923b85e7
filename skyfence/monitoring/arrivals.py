"""Arrivals: when frames came by this machine's clock, of which the broker's may be far behind.

    look n      reads all that is said, then samples up to when the workers have judged
    look n + 1  reads what was said of frames that came before that
    look n + 2  reads of frames that came later, whenever the broker says that they did

Without this a monitor whose machine is an hour ahead of Kafka would take every source for silent.
A frame that is told of once more, by a worker that judges it again, came when the broker says.
"""

from collections.abc import Mapping


class Arrivals:
    """When the frames of each partition of ``tracks`` came. Times are in ms since 1970."""

    def __init__(self) -> None:
        self._after_ms: Mapping[int, int] = {}
        self._after_next_ms: Mapping[int, int] = {}
        self._latest_published_ms: dict[int, int] = {}

    def begin_look(self, judged_to_ms: Mapping[int, int]) -> None:
        """Note that a look begins; up to when the one before found each partition judged."""
        self._after_ms, self._after_next_ms = self._after_next_ms, dict(judged_to_ms)

    def forget(self) -> None:
        """Note that this machine's clock was set: what it said before is no bound."""
        self._after_ms = self._after_next_ms = {}

    def came_ms(self, published_ms: int, partition: int | None) -> int:
        """Return when a frame came that the broker dates so; ``partition`` may be unknown."""
        if partition is None:
            return published_ms
        latest_ms = self._latest_published_ms.get(partition, -1)
        self._latest_published_ms[partition] = max(latest_ms, published_ms)
        if published_ms <= latest_ms:
            return published_ms
        return max(published_ms, self._after_ms.get(partition, published_ms))
