"""Queues of partitions: order within each, no waiting between them, bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from streams.driver import partition_queues
from streams.driver.message import KafkaMessage
from streams.driver.partition_queues import PartitionQueues


def event(partition: int, offset: int) -> Any:
    """Return an event as Faust hands it out."""
    message = SimpleNamespace(
        topic="tracks",
        partition=partition,
        offset=offset,
        timestamp=1.0,
        timestamp_type=1,
        key=b"radar",
        value=b"x",
        headers=[],
    )
    return SimpleNamespace(message=message, ack=lambda: None)


@dataclass
class Rig:
    """Queues whose messages are handled one a round of the loop."""

    handled: list[tuple[int, int, bool]] = field(default_factory=list)
    levels: list[tuple[str, int]] = field(default_factory=list)
    failing: int = -1  # the offset at which handling fails
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def queues(self) -> PartitionQueues:
        return PartitionQueues(
            self.handle,
            lambda _, partition: self.levels.append(("full", partition)),
            lambda _, partition: self.levels.append(("drained", partition)),
        )

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return when something holds of what was handled or told."""
        async with asyncio.timeout(10), self.changed:
            await self.changed.wait_for(is_so)

    async def handle(self, message: KafkaMessage, more: bool) -> None:
        await asyncio.sleep(0)
        if message.offset == self.failing:
            raise ValueError("a test's")
        self.handled.append((message.partition, message.offset, more))
        async with self.changed:
            self.changed.notify_all()


async def stream(events: Sequence[Any]) -> AsyncIterator[Any]:
    """Yield events, and then none, for ever."""
    for each in events:
        yield each
    await asyncio.Event().wait()


async def handled(rig: Rig, queues: PartitionQueues, events: Sequence[Any]) -> None:
    """Return when all events are handled."""
    running = asyncio.create_task(queues.run(stream(events)))
    await rig.until(lambda: len(rig.handled) == len(events))
    running.cancel()


async def test_a_partition_does_not_wait_for_another() -> None:
    """The message behind five hundred of another partition is handled among the first."""
    rig = Rig()
    await handled(rig, rig.queues(), [event(0, n) for n in range(500)] + [event(1, 7)])
    assert (1, 7, False) in rig.handled[:3]
    assert [offset for partition, offset, _ in rig.handled if partition == 0] == list(range(500))


async def test_a_handler_knows_whether_more_wait() -> None:
    """Only of the same partition, and not for the last."""
    rig = Rig()
    await handled(rig, rig.queues(), [event(0, 1), event(0, 2), event(1, 1)])
    assert sorted(rig.handled) == [(0, 1, True), (0, 2, False), (1, 1, False)]


async def test_a_full_queue_is_told_of_until_it_has_drained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once each; the queue that is not full is not named."""
    monkeypatch.setattr(partition_queues, "_FULL_MESSAGES", 10)
    rig = Rig()
    await handled(rig, rig.queues(), [event(0, n) for n in range(20)] + [event(1, 1)])
    assert rig.levels == [("full", 0), ("drained", 0)]


async def test_what_waits_when_partitions_go_is_not_handled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Partitions that go take their messages along, and are full no longer."""
    monkeypatch.setattr(partition_queues, "_FULL_MESSAGES", 10)
    rig = Rig()
    queues = rig.queues()
    running = asyncio.create_task(queues.run(stream([event(0, n) for n in range(20)])))
    await rig.until(lambda: bool(rig.levels))
    queues.leave()
    assert rig.levels[-1] == ("drained", 0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(rig.handled) < 5
    running.cancel()


async def test_what_comes_late_is_not_handled_until_partitions_are_there_again() -> None:
    """It was fetched before they went; what is handed out after they came is."""
    rig, coming = Rig(), asyncio.Queue[Any]()

    async def events() -> AsyncIterator[Any]:
        while True:
            yield await coming.get()

    queues = rig.queues()
    running = asyncio.create_task(queues.run(events()))
    queues.leave()
    coming.put_nowait(event(0, 1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert coming.empty()
    queues.begin()
    coming.put_nowait(event(0, 1))
    await rig.until(lambda: bool(rig.handled))
    assert rig.handled == [(0, 1, False)]
    running.cancel()


async def test_a_failing_handler_ends_it_all() -> None:
    """With its own error: Faust ends the process."""
    rig = Rig(failing=1)
    with pytest.raises(ValueError, match="a test's"):
        await rig.queues().run(stream([event(0, 1), event(1, 0)]))
