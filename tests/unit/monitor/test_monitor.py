"""The monitor beside a Kafka in memory and a real Valkey: what it reads, keeps and tells.

tests/integration/test_monitor.py has the same with real brokers and processes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import structlog
from fake_kafka import FakeKafka
from redis.asyncio import Redis
from redis_server import Server
from talk import NOON, golden
from words import ENGLISH

from consumers import monitor as monitor_module
from consumers.monitor import Monitor
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import StatusStore, read_status
from skyfence.contracts.alert import FeedAlarm, PlaceKind, parse_alert
from skyfence.contracts.rejected import Rejected
from skyfence.contracts.track_event import SourceWatermark
from skyfence.errors import UnavailableError
from skyfence.monitoring.status import MonitorState, SystemStatus
from skyfence.naming import status_key, status_memory_key, status_writer_key
from skyfence.policy.policy import Policy
from skyfence.times import from_ms, to_ms

KINDS: Mapping[str, PlaceKind] = {"NATO": "alliance", "AA": "nation", "BB": "nation"}
NOON_MS = to_ms(NOON)
LONGEST_S = 20.0  # a busy machine is no failure; a monitor that hangs is


class HandClock:
    """The time that a monitor reads; a test moves it."""

    now_ms = NOON_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    """Return a Kafka in memory, which the monitor takes for the real one."""
    fake = FakeKafka()
    monkeypatch.setattr(monitor_module, "AIOKafkaConsumer", fake.consumer)
    monkeypatch.setattr(monitor_module, "producer", fake.producer)
    monkeypatch.setattr(monitor_module, "GroupProgress", fake.progress)
    return fake


@pytest.fixture
def settings(server: Server) -> Settings:
    """Return settings that reach the Valkey; Kafka's are never used."""
    return server.settings


@asynccontextmanager
async def watching(settings: Settings, clock: HandClock) -> AsyncIterator[asyncio.Task[None]]:
    """Run a monitor that ends without a word: its lease is deleted, as time would do."""
    redis = await connect(settings)
    store = StatusStore(redis, settings.environment, uuid4())
    monitor = Monitor(
        settings, store, Policy(), KINDS, ENGLISH.feed, now_ms=clock, look_every_s=0.001
    )
    running = asyncio.create_task(monitor.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.delete(status_writer_key(settings.environment))
        await redis.aclose()


async def status_with(
    redis: Redis, settings: Settings, condition: Callable[[SystemStatus], bool]
) -> SystemStatus:
    """Return the status once it meets a condition."""
    async with asyncio.timeout(LONGEST_S):
        while True:
            status = await read_status(redis, settings.environment)
            if status is not None and condition(status):
                return status


async def next_look(redis: Redis, settings: Settings, clock: HandClock) -> None:
    """Wait for a look to begin after now: the one under way has sent and logged what it stored."""
    clock.now_ms += 1
    await status_with(redis, settings, lambda status: to_ms(status.as_of) == clock.now_ms)


def hear(kafka: FakeKafka, settings: Settings, published_ms: int, *, last: bool = False) -> None:
    """Store a source's watermark on ``track.events``, as a worker would."""
    watermark = SourceWatermark(run="live", key="radar", time=from_ms(published_ms), last=last)
    headers = [("published", str(published_ms).encode()), ("partition", b"0")]
    kafka.store(settings.topics.track_events, watermark.to_json(), headers=headers)


def alarms(kafka: FakeKafka, settings: Settings) -> list[tuple[str, int, str]]:
    """Return place, step and message type of the feed alarms on ``alerts``."""
    read = [parse_alert(value or b"") for value in kafka.values(settings.topics.alerts)]
    return [(a.place, a.step, a.message_type) for a in read if isinstance(a, FeedAlarm)]


ALARM = [(place, 1, "Alert") for place in KINDS]
ALL_CLEAR = [(place, 2, "Cancel") for place in KINDS]


async def test_a_silence_is_told_once_whoever_watches(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """One alarm and one all-clear a place, over two monitors that follow one another."""
    clock = HandClock()
    hear(kafka, settings, NOON_MS)
    with structlog.testing.capture_logs() as logs:
        async with watching(settings, clock):
            await status_with(redis, settings, lambda s: bool(s.sources))
            clock.now_ms += 100_000
            await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
            await next_look(redis, settings, clock)
        clock.now_ms += 100_000
        async with watching(settings, clock):
            await status_with(redis, settings, lambda s: to_ms(s.as_of) == clock.now_ms)
            hear(kafka, settings, clock.now_ms)
            await status_with(redis, settings, lambda s: s.sources[0].state == "heard")
            await next_look(redis, settings, clock)
    assert alarms(kafka, settings) == ALARM + ALL_CLEAR
    assert {"feed.silent", "feed.back"} <= {line["event"] for line in logs}


async def test_a_source_that_ended_raises_nothing(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """After its last frame a source is shown as ended, and no alarm is written."""
    clock = HandClock()
    hear(kafka, settings, NOON_MS, last=True)
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: bool(s.sources))
        clock.now_ms += 100_000
        status = await status_with(redis, settings, lambda s: to_ms(s.as_of) == clock.now_ms)
    assert [source.state for source in status.sources] == ["ended"]
    assert kafka.values(settings.topics.alerts) == []


async def test_what_is_rejected_and_open_is_counted(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """The status has the reasons' classes, the open incidents, and the lags."""
    topics = settings.topics
    alert = golden("romania-2024-09-08.jsonl")[0]
    kafka.store(topics.alerts, alert.to_json(), timestamp=NOON_MS)
    kafka.store(topics.tracks, b"[]", partition=3)
    kafka.committed[topics.worker_group, topics.tracks] = {3: 0}
    rejected = Rejected(
        reason="no JSON",
        reason_class="unreadable",
        topic=topics.tracks,
        partition=0,
        offset=0,
        received=NOON,
        size_bytes=8,
        excerpt_base64="",
    )
    kafka.store(topics.rejected, rejected.to_json())
    async with watching(settings, HandClock()):
        status = await status_with(redis, settings, lambda s: bool(s.rejected))
    assert sum(status.rejected.values()) == 1
    assert status.incidents_open == 1
    lags = {lag.partition: lag.messages for lag in status.lags if lag.topic == topics.tracks}
    assert {number: messages for number, messages in lags.items() if messages} == {3: 1}


async def test_what_cannot_be_read_stops_nothing(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """Nonsense and empty messages on every topic that is read are passed over."""
    topics = settings.topics
    for topic in (topics.track_events, topics.rejected, topics.alerts):
        kafka.store(topic, b"nonsense")
        kafka.store(topic, None)
    hear(kafka, settings, NOON_MS)
    async with watching(settings, HandClock()):
        status = await status_with(redis, settings, lambda s: bool(s.sources))
    assert status.rejected == {}


async def test_a_topic_made_anew_is_read_from_its_beginning(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """An offset behind the topic's end is of another topic of this name."""
    topics = settings.topics
    memory = MonitorState(offsets={topics.track_events: {0: 99}, topics.alerts: {0: 0}})
    await redis.set(status_memory_key(settings.environment), memory.to_json())
    hear(kafka, settings, NOON_MS)
    async with watching(settings, HandClock()):
        status = await status_with(redis, settings, lambda s: bool(s.sources))
    assert [source.key for source in status.sources] == ["radar"]


async def test_kafka_that_fails_ends_the_monitor(kafka: FakeKafka, settings: Settings) -> None:
    """The error names the broker; whoever runs the process starts it anew."""
    kafka.away = True
    async with watching(settings, HandClock()) as running:
        with pytest.raises(UnavailableError, match=r"^kafka at 127\.0\.0\.1:9092 failed: "):
            await running


async def test_a_second_monitor_waits_for_the_lease(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """While another leads it writes nothing, and says that it is well all the same."""
    await redis.set(status_writer_key(settings.environment), "another")
    async with watching(settings, HandClock()) as running:
        done, _ = await asyncio.wait({running}, timeout=0.05)
        assert not done
        assert await read_status(redis, settings.environment) is None
    del kafka


async def test_who_lost_the_lease_cannot_write(settings: Settings, redis: Redis) -> None:
    """One writer at a time: the other's writing fails, and changes nothing."""
    environment = settings.environment
    first = StatusStore(await connect(settings), environment, uuid4())
    second = StatusStore(await connect(settings), environment, uuid4())
    await first.lead()
    status = SystemStatus(environment=environment, as_of=NOON)
    await first.write(MonitorState(rejected={"key": 1}), status)
    with pytest.raises(UnavailableError, match="another monitor writes the status now"):
        await second.write(MonitorState(rejected={"key": 2}), status)
    assert (await second.memory()).rejected == {"key": 1}
    await first.close()
    await second.lead()
    await second.write(MonitorState(rejected={"key": 3}), status)
    assert (await second.memory()).rejected == {"key": 3}
    await second.close()
    del redis


async def test_what_is_no_status_is_an_error(settings: Settings, redis: Redis) -> None:
    """A hash or a memory that another version wrote is named, and not taken for an empty one."""
    environment = settings.environment
    await redis.hset(status_key(environment), "as_of", "yesterday")
    with pytest.raises(UnavailableError, match=f"{status_key(environment)} in redis is no status"):
        await read_status(redis, environment)
    await redis.set(status_memory_key(environment), "{}x")
    store = StatusStore(redis, environment, uuid4())
    with pytest.raises(UnavailableError, match=f"{status_memory_key(environment)} in redis: "):
        await store.memory()
