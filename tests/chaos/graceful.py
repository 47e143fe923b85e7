"""Workers told to stop and started again while they work off a backlog, several times.

    recording, in parts ──▶ tracks     nobody works: a backlog
    workers start ─▶ some are told to stop ─▶ start again … ─▶ nothing is left ─▶ the next part

The moments are drawn from the seed as shares of the backlog, so that they lie amid it however fast
the machine is.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

from faults import times
from groups import until_shared
from running import Running
from stage import Stage, drained
from talk import LONGEST_S

from producers.publisher import Publisher
from skyfence.adapters.progress import GroupProgress
from skyfence.contracts.report import Report
from skyfence.frames.packing import SourceItem, time_of

Lags = dict[int, int]  # messages that are left, by partition
# Every source has been heard of after this: until then nobody waits for it.
_FIRST_PART_S = 20
# Nobody is stopped when less than this is left, so that there is something to recover to.
_LEAST_LEFT, _MOST_LEFT = 0.3, 0.95
_BATCH = 1_000
_PART_WITHIN_S = 300.0  # only ever reached when nobody takes it
_LOOK_AGAIN_S = 0.05


@dataclass
class Restarts:
    """What was done: who was stopped, amid how much, and what it took, seconds.

    A recovery lasts from the start of the processes until every partition with a backlog moves.
    """

    stops: Counter[str] = field(default_factory=Counter)
    backlogs: list[int] = field(default_factory=list)  # reports
    amid: list[int] = field(default_factory=list)  # messages left at a restart
    stopping_s: list[float] = field(default_factory=list)
    recoveries_s: list[float] = field(default_factory=list)
    judged_twice: int = 0  # alerts that the topic holds once more than it should

    @property
    def holds(self) -> bool:
        """Tell whether every report was judged once."""
        return not self.judged_twice

    def document(self) -> dict[str, object]:
        """Return it as a JSON document."""
        return {
            "backlogs": self.backlogs,
            "stops": dict(self.stops),
            "messages_left_at_restarts": self.amid,
            "stopping_s": times(self.stopping_s),
            "recoveries_s": times(self.recoveries_s),
            "judged_twice": self.judged_twice,
        }

    def summary(self) -> str:
        """Return it in some words."""
        return (
            f"{len(self.amid)} restarts of {sum(self.stops.values())} workers "
            f"amid {len(self.backlogs)} backlogs of up to {max(self.backlogs):,} reports"
        )


class InParts:
    """A source that yields its items as fast as it can, one part each time it is asked."""

    def __init__(self, items: Iterable[SourceItem], part_s: int) -> None:
        self._items = items
        self._part_s = part_s
        self._asked, self._stands = asyncio.Event(), asyncio.Event()
        self.ended = False
        self.reports = 0

    async def next_part(self) -> None:
        """Let a part come, and return when all of it was taken over."""
        self._stands.clear()
        self._asked.set()
        async with asyncio.timeout(_PART_WITHIN_S):
            await self._stands.wait()

    async def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield what belongs to the part that was asked for."""
        await self._asked.wait()
        batch: list[SourceItem] = []
        ends_ms: int | None = None
        for item in self._items:
            ends_ms = ends_ms or time_of(item) + 1_000 * _FIRST_PART_S
            is_next = time_of(item) >= ends_ms
            if is_next or len(batch) >= _BATCH:
                yield batch
                batch = []
            if is_next:
                ends_ms += 1_000 * self._part_s
                self._asked.clear()
                self._stands.set()
                await self._asked.wait()
            self.reports += isinstance(item, Report)
            batch.append(item)
        yield batch
        self.ended = True
        self._stands.set()


async def play_in_parts(
    stage: Stage, items: Iterable[SourceItem], run: str, draw: Random, *, restarts: int, part_s: int
) -> Restarts:
    """Play a recording; restart workers so many times amid the backlog of each part.

    A part is ``part_s`` of event time long.
    """
    record, source = Restarts(), InParts(items, part_s)
    async with (
        Publisher(stage.settings, run) as publisher,
        GroupProgress(stage.settings) as progress,
    ):
        await until_shared(stage.settings, len(stage.workers))
        publishing = asyncio.create_task(publisher.publish(source))
        await source.next_part()
        await drained(stage.settings)
        while not source.ended:
            await _stop(record, stage.workers)
            before = source.reports
            await source.next_part()
            record.backlogs.append(source.reports - before)
            for worker in stage.workers:
                worker.start()
            await _restart_amid(stage, progress, record, draw, restarts)
            await drained(stage.settings)
        await publishing
        await drained(stage.settings)
    return record


async def _restart_amid(
    stage: Stage, progress: GroupProgress, record: Restarts, draw: Random, count: int
) -> None:
    """Restart workers so many times while a backlog shrinks."""
    backlog = sum((await _left(stage, progress)).values())
    shares = sorted((draw.uniform(_LEAST_LEFT, _MOST_LEFT) for _ in range(count)), reverse=True)
    for share in shares:
        await _until(stage, progress, partial(_at_most, share * backlog))
        chosen = draw.sample(stage.workers, draw.randint(1, len(stage.workers)))
        await _stop(record, chosen)
        left = await _left(stage, progress)
        record.amid.append(sum(left.values()))
        start_s = time.monotonic()
        for worker in chosen:
            worker.start()
        await _until(stage, progress, partial(_less_of_each, left))
        record.recoveries_s.append(time.monotonic() - start_s)


async def _stop(record: Restarts, chosen: list[Running]) -> None:
    """Tell workers to stop, and return when all have ended as they should."""
    start_s = time.monotonic()
    await asyncio.gather(*(asyncio.to_thread(worker.send, signal.SIGTERM) for worker in chosen))
    for worker in chosen:
        code = worker.process.returncode
        assert code == 0, f"{worker.name} ended with {code} when told to stop"
    record.stopping_s.append(time.monotonic() - start_s)
    record.stops.update(worker.name for worker in chosen)


async def _left(stage: Stage, progress: GroupProgress) -> Lags:
    """Return how many messages each partition's worker has not acknowledged."""
    topics = stage.settings.topics
    return (await progress.lags(topics.worker_group, topics.tracks))[1]


async def _until(stage: Stage, progress: GroupProgress, holds: Callable[[Lags], bool]) -> None:
    """Return when something holds of what is left; raise if a worker has ended."""
    async with asyncio.timeout(LONGEST_S):
        while not holds(await _left(stage, progress)):
            for worker in stage.workers:
                assert worker.process.poll() is None, stage.processes.said(worker.process)
            await asyncio.sleep(_LOOK_AGAIN_S)


def _at_most(count: float, left: Lags) -> bool:
    """Tell whether so many messages are left at most, all partitions together."""
    return sum(left.values()) <= count


def _less_of_each(before: Lags, now: Lags) -> bool:
    """Tell whether every partition that had something left has less."""
    return all(now[partition] < left for partition, left in before.items() if left)
