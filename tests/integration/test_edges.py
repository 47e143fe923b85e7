"""Each edge by itself against the real servers: topics, publisher, replay, Redis sink, relay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from structlog.testing import capture_logs
from talk import LONGEST_S, Subscriber, entry, report, stored
from words import ENGLISH

from consumers.channels.sink import RedisChannels
from consumers.relay import Relay
from consumers.sink import OpenSink
from producers.publisher import Publisher
from producers.replay import Replay
from skyfence.adapters.files import load_zones
from skyfence.adapters.kafka import admin_client
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.contracts.alert import AlertMessage, Timeline
from skyfence.contracts.report import Report
from skyfence.engine import Engine
from skyfence.errors import UnavailableError, UsageError
from skyfence.frames.codec import RawMessage, decode_message
from skyfence.frames.packing import Packer, SourceHeartbeat, SourceItem, play
from skyfence.naming import Environment

pytestmark = pytest.mark.integration


def messages(zones_file: Path) -> list[AlertMessage]:
    """Return the messages of one incident: an entry, and its loss at the end."""
    engine, packer = Engine(load_zones(zones_file), ENGLISH.operators), Packer("run-1")
    reports = [Report.model_validate(row) for row in entry("T1")]
    frames = [frame for item in play(reports) for frame in packer.add(item)]
    alerts = [alert for frame in frames for alert in engine.process(frame).alerts]
    return [AlertMessage(alert=alert, timeline=Timeline()) for alert in alerts]


async def frames_in(settings: Settings, count: int) -> list[Any]:
    """Return the first messages of ``tracks``, once there are so many."""
    consumer = AIOKafkaConsumer(
        settings.topics.tracks,
        bootstrap_servers=settings.kafka.bootstrap,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async with asyncio.timeout(LONGEST_S):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_topics_have_the_partitions_the_project_wants(settings: Settings) -> None:
    """All five topics exist with their own number of partitions, and making them again is fine."""
    await ensure_topics(settings)
    wanted = settings.topics.partitions(settings.track_partitions)
    async with admin_client(settings) as admin:
        described = await admin.describe_topics(list(wanted))
    assert {topic["topic"]: len(topic["partitions"]) for topic in described} == wanted
    assert wanted["exercise.track.events"] == 1


async def test_topics_of_another_width_are_refused(settings: Settings) -> None:
    """A topic with other partitions than wanted stops the process with the numbers."""
    wider = settings.model_copy(update={"track_partitions": 5})
    with pytest.raises(UsageError, match=r"has 4 partitions, 5 wanted"):
        await ensure_topics(wider)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"replication": 2}, "has 1 copies, 2 wanted; set SKYFENCE_REPLICATION"),
        ({"min_insync_replicas": 2}, r"has min\.insync\.replicas=1, 2 wanted: raise it"),
    ],
)
async def test_topics_that_keep_less_are_refused(
    settings: Settings, more: dict[str, int], reason: str
) -> None:
    """A topic with fewer copies than wanted, or that acknowledges with fewer, stops the process."""
    with pytest.raises(UsageError, match=reason):
        await ensure_topics(settings.model_copy(update=more))


async def test_a_broker_that_does_not_date_reports_is_refused(settings: Settings) -> None:
    """The broker dates what comes into ``tracks``; a topic made otherwise stops the process."""
    name = settings.topics.tracks
    async with admin_client(settings) as admin:
        await admin.delete_topics([name])
        await admin.create_topics([NewTopic(name, settings.track_partitions, 1)])
    with pytest.raises(UsageError, match=r"timestamp\.type=CreateTime, LogAppendTime wanted"):
        await ensure_topics(settings)


async def test_topics_are_kept_for_as_long_as_promises_need(settings: Settings) -> None:
    """A topic that is kept for less is named, with the line that mends it."""
    with capture_logs() as logs:
        await ensure_topics(settings)
    assert not [entry for entry in logs if entry["event"] == "topic.kept_too_short"]
    name = settings.topics.alerts
    async with admin_client(settings) as admin:
        await admin.delete_topics([name])
        kept = {"retention.ms": str(7 * 24 * 3_600_000)}
        await admin.create_topics([NewTopic(name, 4, 1, topic_configs=kept)])
    with capture_logs() as logs:
        await ensure_topics(settings)
    [warning] = [entry for entry in logs if entry["event"] == "topic.kept_too_short"]
    assert warning["topic"] == name
    assert "has retention.ms=604800000, 1209600000 wanted: kafka-configs.sh" in warning["reason"]


async def test_the_embedded_valkey_forgets_nothing(settings: Settings) -> None:
    """What the project's own Valkey acknowledged is on the disk, and stays there."""
    redis = await connect(settings)
    config = await redis.config_get("append*", "maxmemory-policy")
    await redis.aclose()
    assert (config["appendonly"], config["appendfsync"]) == ("yes", "always")
    assert config["maxmemory-policy"] == "noeviction"


async def test_kafka_away_is_one_line(settings: Settings) -> None:
    """Without a broker the publisher says which address does not answer."""
    away = settings.changed(kafka={"bootstrap": "127.0.0.1:1"})
    with pytest.raises(UnavailableError, match=r"^kafka at 127\.0\.0\.1:1 cannot be reached"):
        await Publisher(away, "run-1").__aenter__()


async def test_redis_away_is_one_line_without_its_password(settings: Settings) -> None:
    """Without Redis the error names the address and never a password."""
    url = "redis://:secret@127.0.0.1:1/0"
    away = settings.changed(redis=RedisSettings.model_construct(url=url))
    with pytest.raises(UnavailableError) as error:
        await connect(away)
    assert str(error.value).startswith("redis at 127.0.0.1:1/0 cannot be reached")
    assert "secret" not in str(error.value)


class OpenEnded:
    """A source whose first report comes at once and whose second never does."""

    def __init__(self) -> None:
        self.more = asyncio.Event()

    async def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield one report, then wait."""
        yield [Report.model_validate(report("T1", 0, 22.0))]
        yield [Report.model_validate(report("T2", 0, 22.0))]
        await self.more.wait()


async def test_a_report_does_not_wait_for_a_full_frame(settings: Settings) -> None:
    """Reports go out together, without the source saying anything more or ending."""
    source = OpenEnded()
    async with Publisher(settings, "run-1") as publisher:
        publishing = asyncio.create_task(publisher.publish(source))
        [message] = await frames_in(settings, 1)
        assert not publishing.done()
        source.more.set()
        await publishing
    given = RawMessage(message.key, message.value, dict(message.headers), message.timestamp)
    assert decode_message(given, Environment.EXERCISE).frame.track_ids == ["T1", "T2"]


async def test_a_replay_skips_gaps_and_ends_each_source(settings: Settings) -> None:
    """Hours without reports take no time; heartbeats and a last frame say what they mean."""
    # The third bears out that the second's time is right, and no wrong stamp.
    reports = [report("T1", at_s, 22.01) for at_s in (0, 30_000, 30_004)]
    items = list(play([Report.model_validate(row) for row in reports]))
    assert [type(item) for item in items].count(SourceHeartbeat) == 1
    async with Publisher(settings, "run-1") as publisher:
        async with asyncio.timeout(LONGEST_S):
            await publisher.publish(Replay(items, 1_000.0))
        sent = await frames_in(settings, publisher.frames)
    headers = [dict(message.headers) for message in sent]
    assert [h["run"] for h in headers] == [b"run-1"] * len(headers)
    assert [h.get("last") for h in headers] == [None] * (len(headers) - 1) + [b"1"]


async def test_a_step_is_published_once(settings: Settings, zones_file: Path) -> None:
    """The sink publishes a step once however often it is handed over, and none out of order."""
    first, *_, last = [m for m in messages(zones_file) if m.alert.place == "AA"]
    sink = await RedisChannels.open(settings)
    async with Subscriber(settings) as operator:
        news = [await sink.deliver(message) for message in (first, first, last, first, last)]
        await operator.settle()
    await sink.close()
    assert news == [1, None, 1, None, None]
    assert operator.told() == [("AA", 1, "Alert"), ("AA", 2, "Update")]


class FailingSink:
    """A sink that is away the first times, then takes what it is given."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.taken: list[AlertMessage] = []
        self.tried = asyncio.Event()
        self.enough = asyncio.Event()

    async def deliver(self, message: AlertMessage) -> int | None:
        """Fail, or take the alert."""
        self.tried.set()
        if self.failures:
            self.failures -= 1
            raise UnavailableError("away")
        self.taken.append(message)
        if len(self.taken) == 3:
            self.enough.set()
        return 1

    async def close(self) -> None:
        """Nothing to let go of."""


def as_relay(settings: Settings, sink: FailingSink) -> OpenSink:
    """Return a sink in the place of the Redis relay's."""
    return OpenSink(sink=sink, group=settings.topics.relay_group)


async def send_alerts(settings: Settings, *values: bytes) -> None:
    """Put values on the alerts topic."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    await producer.start()
    for value in values:
        await producer.send_and_wait(settings.topics.alerts, value, key=b"one")
    await producer.stop()


async def test_the_relay_waits_for_a_sink_and_rejects_what_is_no_alert(
    settings: Settings, zones_file: Path
) -> None:
    """A sink that is away delays alerts and loses none; an unreadable one is kept in rejected."""
    alerts = [message.alert for message in messages(zones_file)][:3]
    await send_alerts(settings, b"no alert", *(alert.to_json() for alert in alerts))
    sink = FailingSink(failures=2)
    running = asyncio.create_task(Relay(settings, as_relay(settings, sink)).run())
    async with asyncio.timeout(LONGEST_S):
        await sink.enough.wait()
    [rejected] = await stored(settings, settings.topics.rejected, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [message.alert for message in sink.taken] == alerts
    assert rejected["topic"] == "exercise.alerts"


async def test_the_relay_commits_only_what_was_taken(settings: Settings, zones_file: Path) -> None:
    """A relay that ends before the sink took anything leaves everything to the next one."""
    alerts = [message.alert for message in messages(zones_file)][:3]
    await send_alerts(settings, *(alert.to_json() for alert in alerts))
    away, sink = FailingSink(failures=1_000), FailingSink(failures=0)
    first = asyncio.create_task(Relay(settings, as_relay(settings, away)).run())
    async with asyncio.timeout(LONGEST_S):
        await away.tried.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(Relay(settings, as_relay(settings, sink)).run())
    async with asyncio.timeout(LONGEST_S):
        await sink.enough.wait()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert [message.alert for message in sink.taken] == alerts
