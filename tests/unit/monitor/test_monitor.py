"""The monitor beside a Kafka in memory and a real Valkey: what it reads, keeps and tells.

tests/integration/test_monitor.py has the same with real brokers and processes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import structlog
from aiokafka import TopicPartition
from fake_kafka import FakeKafka
from redis.asyncio import Redis
from redis_server import Server
from set_clock import SetClock
from talk import NOON, golden
from tcp_proxy import TcpProxy
from words import ENGLISH

from consumers import monitor as monitor_module
from consumers.monitor import Monitor
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import StatusStore, read_status
from skyfence.cli.local import embedded
from skyfence.contracts.alert import FeedAlarm, PlaceKind, parse_alert
from skyfence.contracts.judging import JudgedUntil
from skyfence.contracts.rejected import Rejected
from skyfence.contracts.track_event import Coverage, SourceWatermark, parse_event
from skyfence.errors import UnavailableError
from skyfence.monitoring.status import MonitorState, SystemStatus
from skyfence.naming import status_key, status_memory_key, status_writer_key
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.times import from_ms, to_ms

KINDS: Mapping[str, PlaceKind] = {
    "NATO": "alliance",
    "AA": "nation",
    "BB": "nation",
    "RO-TL": "region",
}
NATIONS = {"RO-TL": "AA"}
NOON_MS = to_ms(NOON)
LONGEST_S = 20.0  # a busy machine is no failure; a monitor that hangs is


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
async def watching(
    settings: Settings, clock: SetClock, policy: Policy | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a monitor that ends without a word: its lease is deleted, as time would do."""
    redis = await connect(settings)
    store = StatusStore(redis, settings.environment, uuid4())
    monitor = Monitor(
        settings,
        store,
        policy or Policy(),
        KINDS,
        ENGLISH.feed,
        nations=NATIONS,
        clock=clock,
        look_every_s=0.001,
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


async def next_look(redis: Redis, settings: Settings, clock: SetClock) -> None:
    """Wait for a look to begin after now: the one under way has sent and logged what it stored."""
    clock.time_ms += 1
    await status_with(redis, settings, lambda status: to_ms(status.as_of) == clock.time_ms)


def hear(
    kafka: FakeKafka,
    settings: Settings,
    published_ms: int,
    *,
    key: str = "radar",
    last: bool = False,
) -> None:
    """Store a source's watermark on ``track.events``, as a worker would."""
    watermark = SourceWatermark(run="live", key=key, time=from_ms(published_ms), last=last)
    headers = [("published", str(published_ms).encode()), ("partition", b"0")]
    kafka.store(settings.topics.track_events, watermark.to_json(), headers=headers)


def alarms(kafka: FakeKafka, settings: Settings) -> list[tuple[str, int, str]]:
    """Return place, step and message type of the feed alarms on ``alerts``."""
    read = [parse_alert(value or b"") for value in kafka.values(settings.topics.alerts)]
    return [(a.place, a.step, a.message_type) for a in read if isinstance(a, FeedAlarm)]


def coverages(kafka: FakeKafka, settings: Settings) -> list[Coverage]:
    """Return what was told of unseen places."""
    events = [parse_event(value or b"") for value in kafka.values(settings.topics.track_events)]
    return [event for event in events if isinstance(event, Coverage)]


WATCHERS = ("NATO", "AA", "BB")
ALARM = [(place, 1, "Alert") for place in WATCHERS]
ALL_CLEAR = [(place, 2, "Cancel") for place in WATCHERS]


async def test_each_process_shows_how_far_it_has_come(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """The worker by what it says, the others by what they have read of it; late where they hang."""
    clock, topics = SetClock(NOON_MS), settings.topics
    said = JudgedUntil(as_of=NOON, until=NOON)
    kafka.store(topics.judged, said.to_json())
    kafka.committed[topics.relay_group, topics.judged] = {0: 1}
    kafka.committed[topics.sink_group("sms-duty"), topics.judged] = {0: 1}
    async with watching(settings, clock):
        await next_look(redis, settings, clock)
        looked = from_ms(clock.time_ms)
        kafka.store(topics.judged, said.to_json())
        kafka.committed[topics.relay_group, topics.judged] = {0: 2}
        await next_look(redis, settings, clock)
        status = await status_with(redis, settings, lambda s: s.processes[0].done_to == s.as_of)
    assert status.judged == said
    assert {p.name: p.done_to for p in status.processes} == {
        "relay": status.as_of,
        "sms-duty": looked,
    }


async def test_a_silence_is_told_once_whoever_watches(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """One alarm and one all-clear a place, over two monitors that follow one another."""
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    with structlog.testing.capture_logs() as logs:
        async with watching(settings, clock):
            await status_with(redis, settings, lambda s: bool(s.sources))
            clock.time_ms += 100_000
            await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
            await next_look(redis, settings, clock)
        clock.time_ms += 100_000
        async with watching(settings, clock):
            await status_with(redis, settings, lambda s: to_ms(s.as_of) == clock.time_ms)
            hear(kafka, settings, clock.time_ms)
            await status_with(redis, settings, lambda s: s.sources[0].state == "heard")
            await next_look(redis, settings, clock)
    assert alarms(kafka, settings) == ALARM + ALL_CLEAR
    assert {"feed.silent", "feed.back"} <= {line["event"] for line in logs}


async def test_a_source_that_ended_raises_nothing(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """After its last frame a source is shown as ended, and no alarm is written."""
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS, last=True)
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: bool(s.sources))
        clock.time_ms += 100_000
        status = await status_with(redis, settings, lambda s: to_ms(s.as_of) == clock.time_ms)
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
    async with watching(settings, SetClock(NOON_MS)):
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
    async with watching(settings, SetClock(NOON_MS)):
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
    async with watching(settings, SetClock(NOON_MS)):
        status = await status_with(redis, settings, lambda s: bool(s.sources))
    assert [source.key for source in status.sources] == ["radar"]


async def test_kafka_that_fails_ends_the_monitor(kafka: FakeKafka, settings: Settings) -> None:
    """The error names the broker; whoever runs the process starts it anew."""
    kafka.away = True
    async with watching(settings, SetClock(NOON_MS)) as running:
        with pytest.raises(UnavailableError, match=r"^kafka at 127\.0\.0\.1:9092 failed: "):
            await running


async def test_a_second_monitor_waits_for_the_lease(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """While another leads it writes nothing, and says that it is well all the same."""
    await redis.set(status_writer_key(settings.environment), "another")
    async with watching(settings, SetClock(NOON_MS)) as running:
        done, _ = await asyncio.wait({running}, timeout=0.05)
        assert not done
        assert await read_status(redis, settings.environment) is None
    del kafka


async def test_a_lease_that_ran_out_is_taken_up_again(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """Redis measures it by a clock that may be set on; nobody else wrote meanwhile."""
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    async with watching(settings, clock) as running:
        await next_look(redis, settings, clock)
        await redis.delete(status_writer_key(settings.environment))  # as a step of the clock would
        await next_look(redis, settings, clock)
        assert not running.done()


def open_incident(
    kafka: FakeKafka, settings: Settings, *places: str, state: str = "violation"
) -> None:
    """Store an incident's alerts for places: it is of the radar that a test lets fall silent."""
    pattern = golden("romania-2024-09-08.jsonl")[0]
    for place in places:
        own = {"place": place, "run": "live", "source": "radar", "tracks": ("radar/7",)}
        alert = pattern.model_copy(update=own | {"incident_state": state})
        kafka.store(settings.topics.alerts, alert.to_json(), timestamp=NOON_MS)


def of_region(kafka: FakeKafka, settings: Settings) -> list[tuple[int, str, str]]:
    """Return step, message type and notification of the region's feed alarms."""
    read = [parse_alert(value or b"") for value in kafka.values(settings.topics.alerts)]
    alarms = [a for a in read if isinstance(a, FeedAlarm) and a.place == "RO-TL"]
    return [(alarm.step, alarm.message_type, alarm.notify) for alarm in alarms]


REGION_TOLD = [(1, "Alert", "sound"), (2, "Cancel", "quiet")]


async def test_a_region_with_an_open_incident_hears_of_the_silence(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """It is told once that its incident's source is silent, and once that it is back.

    The incident was read by one monitor and the silence noticed by the next, and the incident's end
    in between takes nothing from the all-clear.
    """
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    open_incident(kafka, settings, "RO-TL")
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: s.incidents_open == 1)
    async with watching(settings, clock):
        await next_look(redis, settings, clock)
        clock.time_ms += 100_000
        await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
        await next_look(redis, settings, clock)
        open_incident(kafka, settings, "RO-TL", state="closed")
        await status_with(redis, settings, lambda s: s.incidents_open == 0)
    hear(kafka, settings, clock.time_ms)
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: s.sources[0].state == "heard")
        await next_look(redis, settings, clock)
    assert of_region(kafka, settings) == REGION_TOLD


async def test_a_region_hears_of_a_silence_that_comes_to_concern_it(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """Where an incident of the silent source opens later, the silence is told then, and its end."""
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: bool(s.sources))
        clock.time_ms += 100_000
        await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
        await next_look(redis, settings, clock)
        assert of_region(kafka, settings) == []
        open_incident(kafka, settings, "RO-TL")
        await status_with(redis, settings, lambda s: s.incidents_open == 1)
        await next_look(redis, settings, clock)
    async with watching(settings, clock):
        await next_look(redis, settings, clock)
        hear(kafka, settings, clock.time_ms)
        await status_with(redis, settings, lambda s: s.sources[0].state == "heard")
        await next_look(redis, settings, clock)
    assert of_region(kafka, settings) == REGION_TOLD
    assert alarms(kafka, settings)[:3] == ALARM


async def test_an_alarm_is_decided_when_its_place_is_told(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """Sinks that tell of a silence within minutes count from then, not from its beginning."""
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: bool(s.sources))
        clock.time_ms += 100_000
        await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
        await next_look(redis, settings, clock)
        clock.time_ms += 3_600_000
        opened_ms = clock.time_ms
        open_incident(kafka, settings, "RO-TL")
        await status_with(redis, settings, lambda s: s.incidents_open == 1)
        await next_look(redis, settings, clock)
    decided_ms = {
        alert.place: int(dict(record.headers)["decided"])
        for record in kafka.records[TopicPartition(settings.topics.alerts, 0)]
        if isinstance(alert := parse_alert(record.value or b""), FeedAlarm)
    }
    assert decided_ms["NATO"] < opened_ms <= decided_ms["RO-TL"]


async def test_what_an_older_monitor_left_is_made_whole(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """A memory without whom incidents concern is completed from the alerts, as the others stand."""
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    open_incident(kafka, settings, "RO-TL")
    async with watching(settings, clock):
        await status_with(redis, settings, lambda s: s.incidents_open == 1)
    key = status_memory_key(settings.environment)
    memory = MonitorState.model_validate_json(await redis.get(key) or b"")
    older = memory.model_copy(update={"concerned": None, "episodes": None})
    await redis.set(key, older.to_json())
    async with watching(settings, clock):
        await next_look(redis, settings, clock)
        clock.time_ms += 100_000
        await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
        await next_look(redis, settings, clock)
    assert of_region(kafka, settings) == REGION_TOLD[:1]


async def test_a_monitor_that_hung_repeats_its_words_and_ends(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """One that stored a silence, hung, and lost the lease says nothing that the next did not say.

    Every message of it has the identifier and the bytes of the other one's; its writing fails.
    """
    clock = SetClock(NOON_MS)
    hear(kafka, settings, NOON_MS)
    open_incident(kafka, settings, "RO-TL")
    kafka.hangs = asyncio.Event()
    async with watching(settings, clock) as hung:
        await status_with(redis, settings, lambda s: bool(s.sources))
        clock.time_ms += 100_000
        await asyncio.wait_for(kafka.hangs.wait(), LONGEST_S)
        kafka.hangs = None
        await redis.delete(status_writer_key(settings.environment))  # as time would
        async with watching(settings, clock):
            await next_look(redis, settings, clock)
            await next_look(redis, settings, clock)
            kafka.goes_on.set()
            with pytest.raises(UnavailableError, match="another monitor writes the status now"):
                await asyncio.wait_for(asyncio.shield(hung), LONGEST_S)
    for topic in (settings.topics.alerts, settings.topics.track_events):
        told = [value for value in kafka.values(topic) if value is not None]
        of_monitor = [value for value in told if b"feed" in value or b"coverage" in value]
        assert len(set(of_monitor)) < len(of_monitor)
    assert {step for step, *_ in of_region(kafka, settings)} == {1}
    assert set(alarms(kafka, settings)) == {*ALARM, ("RO-TL", 1, "Alert")}
    assert len({event.to_json() for event in coverages(kafka, settings)}) == 1


async def test_a_monitor_remembers_what_it_found_while_redis_was_away(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """Nobody is told before it is stored; then everybody is, once, by the same monitor."""
    clock, port = SetClock(NOON_MS), embedded.free_port()
    hear(kafka, settings, NOON_MS)
    server_port = urlsplit(settings.redis.url).port
    assert server_port is not None
    url = f"redis://{embedded.HOST}:{port}/0"
    reached = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})
    async with TcpProxy(port, server_port) as line:
        with structlog.testing.capture_logs() as logs:
            async with watching(reached, clock) as monitor:
                await status_with(redis, settings, lambda s: bool(s.sources))
                line.cut()
                clock.time_ms += 100_000
                async with asyncio.timeout(LONGEST_S):
                    while not any(entry["event"] == "status.unwritten" for entry in logs):
                        await redis.ping()
                assert alarms(kafka, settings) == []
                line.mend()
                await status_with(redis, settings, lambda s: s.sources[0].state == "silent")
                await next_look(redis, settings, clock)
                assert not monitor.done()
    assert alarms(kafka, settings) == ALARM


async def test_where_no_source_was_ever_heard_everything_is_unseen(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """Without a source the status says so at the first look, and the incident agent is told once.

    Two monitors that follow one another tell it once.
    """
    clock = SetClock(NOON_MS)
    for _ in range(2):
        async with watching(settings, clock):
            status = await status_with(redis, settings, lambda s: bool(s.unseen))
            await next_look(redis, settings, clock)
            await next_look(redis, settings, clock)
    [unseen] = status.unseen
    assert (unseen.run, unseen.everywhere, set(unseen.places)) == ("live", True, set(KINDS))
    [event] = coverages(kafka, settings)
    assert set(event.unseen) == set(KINDS)


async def test_places_become_unseen_with_their_sources(
    kafka: FakeKafka, settings: Settings, redis: Redis
) -> None:
    """While the only source that covers a nation is silent, it is unseen and so are its regions."""
    clock = SetClock(NOON_MS)
    sources = {"radar": {"watches": ["AA"]}, "coast": {"watches": ["BB"], "silent_after_s": 900.0}}
    policy = Policy(PolicyFile.model_validate({"version": "1", "sources": sources}))
    hear(kafka, settings, NOON_MS)
    hear(kafka, settings, NOON_MS, key="coast")
    async with watching(settings, clock, policy):
        await status_with(redis, settings, lambda s: len(s.sources) == 2 and not s.unseen)
        clock.time_ms += 100_000
        status = await status_with(redis, settings, lambda s: bool(s.unseen))
        await next_look(redis, settings, clock)
        hear(kafka, settings, clock.time_ms)
        await status_with(redis, settings, lambda s: not s.unseen)
        await next_look(redis, settings, clock)
    [unseen] = status.unseen
    assert (unseen.places, unseen.everywhere) == (("AA", "RO-TL"), False)
    assert [event.unseen for event in coverages(kafka, settings)] == [("AA", "RO-TL"), ()]


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
