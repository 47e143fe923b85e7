"""What all edges need of Kafka besides messages: producers, topics, how far a group has come.

Topics are created here with the partitions and copies the project wants, because a broker would
make them with one. Everything else about Kafka is the edges' own.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalSaslStateError,
    KafkaError,
    NotCoordinatorForGroupError,
    SaslAuthenticationFailed,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
    for_code,
)

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.errors import SkyfenceError, UnavailableError, UsageError
from skyfence.naming import CHECKPOINT_SUFFIX

# Of one partition: twenty of 100,000 tracks each.
_CHECKPOINTS_BYTES = 256 * 1024 * 1024
_MIN_INSYNC = "min.insync.replicas"
_LOOK_AGAIN_S = 0.1
# A topic that was only just made is known to every broker within this time, or something is wrong.
_HEARD_WITHIN_S = 10.0
# A broker's answer to who may come in takes no longer than this.
_ASK_WHY_S = 5.0
# These do not mend themselves; trying again only fills the broker's log.
_REFUSALS = (
    AuthenticationFailedError,
    GroupCoordinatorNotAvailableError,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
# A topic that exists, or that others make; if nobody did, looking at it says so.
_MADE_BY_OTHERS = (
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)


def producer(settings: Settings) -> AIOKafkaProducer:
    """Return a producer whose messages are stored by all copies, once each and in order."""
    return AIOKafkaProducer(acks="all", enable_idempotence=True, **kafka_options(settings))


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect to the brokers; raise what ``why_away`` finds where none lets us in."""
    admin = AIOKafkaAdminClient(client_id="skyfence-admin", **kafka_options(settings))
    try:
        await admin.start()
    except KafkaError as error:
        await admin.close()
        raise await why_away(settings, error) from None
    try:
        yield admin
    finally:
        await admin.close()


async def why_away(settings: Settings, error: KafkaError) -> SkyfenceError:
    """Return an error that says why the brokers cannot be reached.

    aiokafka keeps to itself why it could not connect, so the first broker is asked once more.
    """
    options = kafka_options(settings)
    host, _, port = options.pop("bootstrap_servers").split(",")[0].rpartition(":")
    where, reason = f"kafka at {settings.kafka_bootstrap}", error
    try:
        async with asyncio.timeout(_ASK_WHY_S):
            (await create_conn(host, int(port), **options)).close()
    except _REFUSALS as refusal:
        return UsageError(f"{where} refused {_who(settings)}: {refusal}")
    except (OSError, KafkaError, TimeoutError) as found:
        reason = found
    return UnavailableError(f"{where} cannot be reached: {reason}")


def _who(settings: Settings) -> str:
    """Return who the brokers see in us, for a message."""
    if settings.kafka_user is not None:
        return f"user {settings.kafka_user}"
    certificate = settings.kafka_certificate_file
    return "a user without a name" if certificate is None else f"the user of {certificate}"


async def ensure_topics(settings: Settings) -> None:
    """Create the environment's topics where they are missing, and check those that exist.

    A user who may not create topics needs them made; see docs/security.md for their rights.
    """
    wanted = settings.topics.partitions(settings.track_partitions)
    loop = asyncio.get_running_loop()
    async with admin_client(settings) as admin:
        exist = await _create_topics(settings, admin, wanted)
        give_up_s = loop.time() + (_HEARD_WITHIN_S if exist else 0.0)
        while True:
            try:
                await _check_topics(settings, admin, wanted)
            except _UnknownTopicError:
                if loop.time() >= give_up_s:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)
            else:
                return


class _UnknownTopicError(UnavailableError):
    """A broker does not know a topic, or does not know it yet."""


async def _create_topics(
    settings: Settings, admin: AIOKafkaAdminClient, wanted: Mapping[str, int]
) -> bool:
    """Create topics where they are missing; tell whether all are sure to exist now."""
    insync = {_MIN_INSYNC: str(settings.least_insync_replicas)}
    answer = await admin.create_topics(
        [
            NewTopic(name, n, settings.replication, None, insync | _kept(name))
            for name, n in wanted.items()
        ]
    )
    errors = {name: for_code(code) for name, code, *_ in answer.topic_errors if code}
    for name, error in errors.items():
        if error not in _MADE_BY_OTHERS:
            raise UnavailableError(f"kafka refused topic {name}: {error.__name__}")
    return set(errors.values()) <= {TopicAlreadyExistsError}


async def _check_topics(
    settings: Settings, admin: AIOKafkaAdminClient, wanted: Mapping[str, int]
) -> None:
    for topic in await admin.describe_topics(list(wanted)):
        _check_topic(settings, topic, wanted[topic["topic"]])
    await _check_insync(settings, admin, list(wanted))


def _kept(topic: str) -> dict[str, str]:
    """Return how long a topic keeps its messages, where that is not the brokers' to say.

    A checkpoint must be there however long nothing comes; only what newer ones replace goes.
    """
    if not topic.endswith(CHECKPOINT_SUFFIX):
        return {}
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "retention.bytes": str(_CHECKPOINTS_BYTES),
        "segment.bytes": str(_CHECKPOINTS_BYTES // 8),
    }


def _check_topic(settings: Settings, topic: Mapping[str, Any], wanted: int) -> None:
    """Refuse what could not be relied on.

    In a topic of another width tracks would be judged on the wrong partition.
    """
    name, partitions = topic["topic"], topic["partitions"]
    if topic["error_code"]:
        reason = for_code(topic["error_code"])
        kinds = {
            TopicAuthorizationFailedError: UsageError,
            UnknownTopicOrPartitionError: _UnknownTopicError,
        }
        raise kinds.get(reason, UnavailableError)(
            f"topic {name} cannot be used by {_who(settings)}: {reason.__name__}"
        )
    if len(partitions) != wanted:
        raise UsageError(
            f"topic {name} has {len(partitions)} partitions, {wanted} wanted; "
            "set SKYFENCE_TRACK_PARTITIONS to what it has, or remake it"
        )
    copies = min(len(partition["replicas"]) for partition in partitions)
    if copies < settings.replication:
        raise UsageError(
            f"topic {name} has {copies} copies, {settings.replication} wanted; "
            "set SKYFENCE_REPLICATION to what it has, or give it more brokers"
        )


async def _check_insync(settings: Settings, admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Refuse topics that acknowledge a message which fewer copies hold than wanted."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, {_MIN_INSYNC: None}) for name in names]
    for answer in await admin.describe_configs(asked):
        for code, _, _, name, entries in answer.resources:
            if for_code(code) is UnknownTopicOrPartitionError:
                raise _UnknownTopicError(f"kafka does not know topic {name} everywhere yet")
            if code:
                raise UsageError(
                    f"the configuration of topic {name} cannot be read: {for_code(code).__name__}"
                )
            found = next((int(entry[1]) for entry in entries if entry[0] == _MIN_INSYNC), 1)
            if found < settings.least_insync_replicas:
                raise UsageError(
                    f"topic {name} has {_MIN_INSYNC}={found}, "
                    f"{settings.least_insync_replicas} wanted: raise it with kafka-configs.sh, "
                    "or set SKYFENCE_MIN_INSYNC_REPLICAS"
                )


def pace_fetches(settings: Settings) -> None:
    """Make this process's consumers pause after a fetch that brought nothing.

    Apache Kafka waits for data before it answers; the embedded broker answers at once, and each
    consumer would ask it 1,200 times a second and take a third of a processor. aiokafka offers no
    setting for this, hence the hand in its fetcher (held by tests/integration).
    """
    if not settings.fetch_pause_ms:
        return
    fetch = Fetcher._proc_fetch_request

    async def paced(self: Fetcher, *arguments: Any) -> bool:
        found: bool = await fetch(self, *arguments)
        if not found:
            # The fetcher awaits what it cancelled and expects no CancelledError from it.
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(settings.fetch_pause_ms / 1000)
        return found

    Fetcher._proc_fetch_request = paced


class GroupProgress:
    """Tells how far consumer groups have come; connect with ``async with``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer = AIOKafkaConsumer(**kafka_options(settings))
        self._admin = AIOKafkaAdminClient(**kafka_options(settings))

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._consumer.start()
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._admin.close()
        await self._consumer.stop()

    async def left(self, group: str, topic: str) -> int:
        """Return how many messages of a topic a group has not yet acknowledged."""
        try:
            return sum((await self.lags(group, topic))[1].values())
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            # A Kafka that was made just now: the group's own topic is still to come.
            return await self.stored(topic)

    async def lags(self, group: str, topic: str) -> tuple[dict[int, int], dict[int, int]]:
        """Return each partition's end, and how many messages before it are not acknowledged."""
        partitions = self._partitions(topic)
        ends = await self._consumer.end_offsets(partitions)
        done = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        return {p.partition: end for p, end in ends.items()}, {
            p.partition: end - max(done[p].offset if p in done else 0, 0) for p, end in ends.items()
        }

    async def stored(self, topic: str) -> int:
        """Return how many messages have ever been stored in a topic."""
        ends = await self._consumer.end_offsets(self._partitions(topic))
        return sum(ends.values())

    def _partitions(self, topic: str) -> list[TopicPartition]:
        count = self._settings.topics.partitions(self._settings.track_partitions)[topic]
        return [TopicPartition(topic, number) for number in range(count)]

    async def drained(self) -> None:
        """Return when all that was in ``tracks`` has come out at the relay's end.

        Each stage acknowledges only after its output is stored, so they are looked at in order.
        """
        topics = self._settings.topics
        for group, topic in (
            (topics.worker_group, topics.tracks),
            (topics.worker_group, topics.track_events),
            (topics.relay_group, topics.alerts),
        ):
            while await self.left(group, topic):  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(_LOOK_AGAIN_S)
