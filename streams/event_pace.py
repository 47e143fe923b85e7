"""The pace of judging: no partition of ``tracks`` floods the agent that decides on incidents.

    partition ──▶ event ──▶ track.events ──▶ decided on
                    ▲                            │
                    └─── the next, if few wait ◀─┘

Events are decided on in the order of ``track.events``, so that each waits for all before it. A
partition of which many wait there sends no more meanwhile: another's event waits for hundreds, not
for tens of thousands. Where another worker decides, nobody here knows what waits, and no partition
is held up.
"""

import asyncio
from collections import Counter
from typing import Final

import structlog

from streams.handling import note_step

log = structlog.get_logger()

# Deciding on an event takes 0.3 to 3 ms, so that so many take up to a third of a second.
_MOST_WAITING: Final = 100
# What was sent may never come by: a log can lose its tail. Then nobody waits for it any longer.
_LONGEST_STANDSTILL_S: Final = 5.0


class EventPace:
    """Counts, by partition of ``tracks``, the events that were sent and not decided on yet."""

    def __init__(self) -> None:
        self._decides_here = False
        self._waiting: Counter[int] = Counter()
        self._changed = asyncio.Event()

    def on_assigned(self, *, decides_here: bool) -> None:
        """Note that partitions came or went, and whether this worker has ``track.events`` now."""
        self._decides_here = decides_here
        self._forget()

    def on_leaving(self) -> None:
        """Note that partitions go: what waits is decided on by whoever has track.events next."""
        self.on_assigned(decides_here=False)

    def note_sent(self, partition: int) -> None:
        """Note that an event was sent that follows from a partition's message."""
        self._waiting[partition] += 1

    def note_decided(self, partition: int | None) -> None:
        """Note that an event was dealt with; None where it names no partition."""
        if partition is not None and self._waiting[partition] > 0:
            self._waiting[partition] -= 1
        self._changed.set()

    async def ready(self, partition: int) -> None:
        """Return when few events of a partition wait, or none has been decided on for long."""
        while self._decides_here and self._waiting[partition] > _MOST_WAITING:
            self._changed.clear()
            note_step()  # it is the incident agent that must go on
            try:
                async with asyncio.timeout(_LONGEST_STANDSTILL_S):
                    await self._changed.wait()
            except TimeoutError:
                log.warning("events.standstill", partition=partition)
                self._forget()

    def _forget(self) -> None:
        self._waiting.clear()
        self._changed.set()
