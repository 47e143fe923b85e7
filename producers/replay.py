"""The replay source: recorded reports again, at the pace they had or faster.

Paced by absolute deadlines, so that a slow moment is made up for and errors do not add up. Event
time in which nothing was reported is skipped. Times stay the original ones.

    due = start + (event time - first event time - skipped) / speed
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from skyfence.frames.packing import HEARTBEAT_MS, SourceItem, time_of

# A silence longer than this is skipped; heartbeats tell the tracker that time has passed.
_LONGEST_SILENCE_MS: Final = 2 * HEARTBEAT_MS
# At full speed, what is handed over in one go.
_BATCH: Final = 1_000
_SHORTEST_SLEEP_S: Final = 0.005  # below this, timers cost more than they give


class Replay:
    """Items in order of time, ``speed`` times as fast as life (``inf``: as fast as it goes)."""

    def __init__(self, items: Iterable[SourceItem], speed: float) -> None:
        self._items = items
        self._speed = speed

    async def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield what is due, sleeping until more is."""
        loop = asyncio.get_running_loop()
        start_s, played_ms, last_ms = loop.time(), 0, None
        batch: list[SourceItem] = []
        for item in self._items:
            at_ms = time_of(item)
            if last_ms is not None and at_ms > last_ms:
                played_ms += min(at_ms - last_ms, _LONGEST_SILENCE_MS)
            last_ms = at_ms if last_ms is None else max(at_ms, last_ms)
            wait_s = start_s + played_ms / 1000 / self._speed - loop.time()
            if batch and (wait_s > _SHORTEST_SLEEP_S or len(batch) >= _BATCH):
                yield batch
                batch = []
            if wait_s > _SHORTEST_SLEEP_S:
                await asyncio.sleep(wait_s)
            batch.append(item)
        if batch:
            yield batch
