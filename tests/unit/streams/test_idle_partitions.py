"""Which partitions are reported as judged: those without unjudged messages, and no others."""

from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from fuzz.agents import TOPICS
from set_clock import SetClock

from skyfence.contracts.track_event import PartitionWatermark, parse_event
from skyfence.times import from_ms
from streams.driver.consumer import NotStartedError
from streams.idle_partitions import IdlePartitionReporter

NOW_MS = 1_725_688_800_000


class FakeApp:
    """Has partitions 0 to 2 of ``tracks``, each with an end and an offset that is read next."""

    error: Exception | None = None

    async def end_offsets(self, topic: str) -> dict[int, int]:
        assert topic == TOPICS.tracks
        if self.error is not None:
            raise self.error
        return {0: 5, 1: 5, 2: 5}

    async def next_offset(self, topic: str, partition: int) -> int:
        assert topic == TOPICS.tracks
        return {0: 5, 1: 4, 2: 5}[partition]


class FakeStates:
    """Knows up to where each partition is judged; None where nothing was read."""

    def __init__(self, **judged: int | None) -> None:
        self._judged = judged

    def next_offset(self, partition: int) -> int | None:
        return self._judged.get(f"p{partition}")


class FakeSends:
    """Keeps what was sent, and whether all of it was awaited."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.flushed = False

    async def send(self, topic: str, key: str, value: bytes, headers: Any) -> None:
        assert (topic, headers) == (TOPICS.track_events, {})
        self.events.append((key, parse_event(value)))
        self.flushed = False

    async def flush(self) -> None:
        self.flushed = True


async def reported(app: FakeApp, **judged: int | None) -> FakeSends:
    """Return what a reporter sends first of partitions that are judged so far."""
    sends = FakeSends()
    given: Any = app, TOPICS, FakeStates(**judged), sends, SetClock(NOW_MS)
    await IdlePartitionReporter(*given).report()
    return sends


async def test_a_partition_that_is_judged_to_its_end_is_reported() -> None:
    """It is said up to when that holds, less than brokers' clocks may differ from ours."""
    sends = await reported(FakeApp(), p0=5, p1=4, p2=0)
    watermark = PartitionWatermark(partition=0, time=from_ms(NOW_MS - 2_000))
    assert sends.events == [("partition/0", watermark)]
    assert sends.flushed


async def test_what_was_never_read_begins_where_the_consumer_reads() -> None:
    """Without a message since the assignment the consumer's next offset decides."""
    sends = await reported(FakeApp(), p2=4)
    assert [key for key, _ in sends.events] == ["partition/0"]


@pytest.mark.parametrize("error", [NotStartedError(), KafkaConnectionError()])
async def test_no_partition_is_reported_while_kafka_does_not_answer(error: Exception) -> None:
    """Before the consumer has started, or without Kafka, nothing is said and nothing breaks."""
    app = FakeApp()
    app.error = error
    assert (await reported(app, p0=5, p1=5, p2=5)).events == []


async def reported_at(app: FakeApp, states: FakeStates, seconds: range) -> list[tuple[int, str]]:
    """Return at which second, of those at which it looks, a reporter sends of which partition."""
    sends, clock, told = FakeSends(), SetClock(NOW_MS), list[tuple[int, str]]()
    given: Any = app, TOPICS, states, sends, clock
    reporter = IdlePartitionReporter(*given)
    for at_s in seconds:
        clock.time_ms = NOW_MS + 1_000 * at_s
        sends.events.clear()
        await reporter.report()
        told += [(at_s, key) for key, _ in sends.events]
    return told


async def test_an_empty_partition_is_reported_every_four_seconds() -> None:
    """From the start on, whatever others have left: the incident agent would wait for it."""
    told = await reported_at(FakeApp(), FakeStates(p0=5, p1=4, p2=4), range(0, 10, 2))
    assert told == [(0, "partition/0"), (4, "partition/0"), (8, "partition/0")]
