"""Creates the environment's topics, and refuses those that could not be relied on.

    settings ──▶ topics with their partitions, copies and retention ──▶ created where missing
                                                                  └──▶ checked where they exist

A broker that creates topics by itself makes them with one partition; so nothing else of skyfence
creates any. How long topics are kept is set when they are made. One that is kept for less than the
promises need is used all the same, with a warning: no alert waits for an administrator.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from skyfence.adapters.kafka import (
    admin_client,
    embedded_is_no_place,
    is_embedded,
    user_name,
)
from skyfence.adapters.settings import Settings
from skyfence.adapters.watchdog import WATCHDOG
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import CHECKPOINT_SUFFIX, Environment, Topics

log = structlog.get_logger()

# Of one partition: twenty checkpoints of 100,000 tracks each.
_CHECKPOINTS_BYTES: Final = 256 * 1024 * 1024
_JUDGED_KEPT_MS: Final = str(3_600 * 1_000)
_RETENTION: Final = "retention.ms"
_UNLIMITED: Final = -1
_DAY_MS: Final = 24 * 3_600 * 1_000
# An outage of a weekend and the holiday behind it leaves no gap in what is judged.
_INPUT_KEPT_MS: Final = 7 * _DAY_MS
# What stands is read back from here into a Redis that was emptied, and ended by an agent that has
# lost its state. Nothing stands for longer without a word: a silent source does for seven days.
# Redis knows steps for as long (``consumers.channels.functions``).
_ALERTS_KEPT_MS: Final = 14 * _DAY_MS
# For whoever looks into what was refused, and for the audit of crossings.
_RECORDS_KEPT_MS: Final = 30 * _DAY_MS
_MIN_INSYNC: Final = "min.insync.replicas"
# The broker dates what comes, so that no sender's clock decides how old its reports are.
_TIMESTAMP_TYPE: Final = "message.timestamp.type"
_BROKER_TIME: Final = "LogAppendTime"
_LOOK_AGAIN_S: Final = 0.1
# All brokers know a topic that was just created within this time, or something is wrong.
_KNOWN_WITHIN_S: Final = 10.0
# A cluster that loses the broker that is asked has chosen another one within this time.
_ANSWERS_WITHIN_S: Final = 20.0
# So long who is patient waits between two looks at a topic that somebody else is to create.
_CREATED_LOOK_S: Final = 2.0
# The topic exists already, or creating it is for somebody else; if nobody did, the check says so.
_NOT_OURS_TO_CREATE: Final = (
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)


async def ensure_topics(settings: Settings, *, patient: bool = False) -> None:
    """Create the environment's topics where they are missing, and check those that exist.

    Where the user may not create topics, they must exist already (docs/security.md has the rights);
    who is ``patient`` waits until somebody else has created them, and says so.
    While brokers come and go they are asked again for a while. Raise ``UsageError`` for a topic
    that differs from the settings, and for the actual world on the embedded broker;
    ``UnavailableError`` where Kafka does not answer or a topic does not exist.
    """
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + _ANSWERS_WITHIN_S
    while True:
        try:
            return await _ensure_topics(settings)
        except _UnknownTopicError as error:
            if not patient:
                raise
            log.warning("topics.awaited", reason=str(error))
            WATCHDOG.note_work()
            await asyncio.sleep(_CREATED_LOOK_S)
            give_up_s = loop.time() + _ANSWERS_WITHIN_S
        except KafkaError as error:
            if not error.retriable or loop.time() >= give_up_s:
                where = settings.kafka.bootstrap
                raise UnavailableError(f"kafka at {where} does not answer: {error!r}") from None
            log.warning("topics.unknown", reason=repr(error))
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _ensure_topics(settings: Settings) -> None:
    """Do it once; raise a retriable ``KafkaError`` when the broker that is asked goes away."""
    widths = settings.topics.partitions(settings.track_partitions)
    loop = asyncio.get_running_loop()
    async with admin_client(settings) as admin:
        if settings.environment is Environment.ACTUAL and await is_embedded(admin):
            raise embedded_is_no_place(settings)
        all_exist = await _create_topics(settings, admin, widths)
        give_up_s = loop.time() + (_KNOWN_WITHIN_S if all_exist else 0.0)
        while True:
            try:
                await _check_topics(settings, admin, widths)
            except _UnknownTopicError:
                if loop.time() >= give_up_s:
                    raise
                await asyncio.sleep(_LOOK_AGAIN_S)
            else:
                return


class _UnknownTopicError(UnavailableError):
    """A broker does not know a topic, or does not know it yet."""


async def _create_topics(
    settings: Settings, admin: AIOKafkaAdminClient, widths: Mapping[str, int]
) -> bool:
    """Create topics, given the number of partitions of each; return whether all exist for sure."""
    insync = {_MIN_INSYNC: str(settings.least_insync_replicas)}
    answer = await admin.create_topics(
        [
            NewTopic(name, width, settings.replication, None, insync | _options(settings, name))
            for name, width in widths.items()
        ]
    )
    errors = {name: for_code(code) for name, code, *_ in answer.topic_errors if code}
    for name, error in errors.items():
        if error in _NOT_OURS_TO_CREATE:
            continue
        if error.retriable:
            raise error(name)  # no controller just now
        raise UnavailableError(f"kafka refused topic {name}: {error.__name__}")
    return set(errors.values()) <= {TopicAlreadyExistsError}


async def _check_topics(
    settings: Settings, admin: AIOKafkaAdminClient, widths: Mapping[str, int]
) -> None:
    for topic in await admin.describe_topics(list(widths)):
        _check_topic(settings, topic, widths[topic["topic"]])
    await _check_options(settings, admin, list(widths))


def _options(settings: Settings, topic: str) -> dict[str, str]:
    """Return a topic's own options; none where the brokers' defaults do.

    A checkpoint topic never deletes by age, only by size: the newest checkpoint stays however long
    no message comes. Of what was judged the newest counts, and a little is kept.
    """
    if topic == settings.topics.judged:
        return {_RETENTION: _JUDGED_KEPT_MS, "segment.ms": _JUDGED_KEPT_MS}
    if not topic.endswith(CHECKPOINT_SUFFIX):
        dated = {_TIMESTAMP_TYPE: _BROKER_TIME} if topic == settings.topics.tracks else {}
        return dated | {_RETENTION: str(_kept_ms(settings.topics)[topic])}
    return {
        "cleanup.policy": "delete",
        _RETENTION: "-1",
        "retention.bytes": str(_CHECKPOINTS_BYTES),
        "segment.bytes": str(_CHECKPOINTS_BYTES // 8),
    }


def _kept_ms(topics: Topics) -> dict[str, int]:
    """Return how long each topic is kept whose age counts."""
    return {
        topics.tracks: _INPUT_KEPT_MS,
        topics.track_events: _INPUT_KEPT_MS,
        topics.alerts: _ALERTS_KEPT_MS,
        topics.crossings: _RECORDS_KEPT_MS,
        topics.rejected: _RECORDS_KEPT_MS,
    }


def _check_topic(settings: Settings, topic: Mapping[str, Any], width: int) -> None:
    """Raise an error for a topic that is unusable, or differs in partitions or copies.

    With another number of partitions a source's messages would change their partition, and its
    tracks be judged without what is remembered of them.
    """
    name, partitions = topic["topic"], topic["partitions"]
    if topic["error_code"]:
        reason = for_code(topic["error_code"])
        if reason is UnknownTopicOrPartitionError:
            raise _UnknownTopicError(_how_to_create(settings, name, width))
        error_type = UsageError if reason is TopicAuthorizationFailedError else UnavailableError
        raise error_type(f"topic {name} cannot be used by {user_name(settings)}: {reason.__name__}")
    if len(partitions) != width:
        raise UsageError(
            f"topic {name} has {len(partitions)} partitions, {width} wanted; "
            "set SKYFENCE_TRACK_PARTITIONS to what it has, or remake it"
        )
    copies = min(len(partition["replicas"]) for partition in partitions)
    if copies < settings.replication:
        raise UsageError(
            f"topic {name} has {copies} copies, {settings.replication} wanted; "
            "set SKYFENCE_REPLICATION to what it has, or give it more brokers"
        )


def _how_to_create(settings: Settings, name: str, width: int) -> str:
    """Return that a topic does not exist, and what makes it."""
    options = {_MIN_INSYNC: str(settings.least_insync_replicas)} | _options(settings, name)
    given = " ".join(f"--config {option}={value}" for option, value in options.items())
    return (
        f"topic {name} does not exist, and {user_name(settings)} may not create it: start a worker "
        f"whose user may, or kafka-topics.sh --bootstrap-server {settings.kafka.bootstrap} "
        f"--create --topic {name} --partitions {width} "
        f"--replication-factor {settings.replication} {given}"
    )


async def _check_options(settings: Settings, admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Raise ``UsageError`` for a topic whose options could not be relied on."""
    wanted = {_MIN_INSYNC: None, _TIMESTAMP_TYPE: None, _RETENTION: None}
    options = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name in names]
    for answer in await admin.describe_configs(options):
        for code, _, _, name, entries in answer.resources:
            if for_code(code) is UnknownTopicOrPartitionError:
                raise _UnknownTopicError(f"kafka does not know topic {name} everywhere yet")
            if code:
                raise UsageError(
                    f"the configuration of topic {name} cannot be read: {for_code(code).__name__}"
                )
            _check_option(settings, name, {entry[0]: entry[1] for entry in entries})


def _check_option(settings: Settings, topic: str, options: Mapping[str, str]) -> None:
    """Raise ``UsageError`` for a topic that acknowledges what too few copies hold.

    And for a ``tracks`` whose messages their senders date.
    """
    insync = int(options.get(_MIN_INSYNC, 1))
    if insync < settings.least_insync_replicas:
        raise UsageError(
            f"topic {topic} has {_MIN_INSYNC}={insync}, "
            f"{settings.least_insync_replicas} wanted: raise it with kafka-configs.sh, "
            "or set SKYFENCE_MIN_INSYNC_REPLICAS"
        )
    timestamps = options.get(_TIMESTAMP_TYPE, "CreateTime")
    if topic == settings.topics.tracks and timestamps != _BROKER_TIME:
        raise UsageError(
            f"topic {topic} has {_TIMESTAMP_TYPE}={timestamps}, {_BROKER_TIME} wanted: "
            f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} "
            f"--add-config {_TIMESTAMP_TYPE}={_BROKER_TIME}, or remake it"
        )
    _check_retention(settings, topic, int(options.get(_RETENTION, _UNLIMITED)))


def _check_retention(settings: Settings, topic: str, kept_ms: int) -> None:
    """Warn of a topic that is kept for less than it would be made for."""
    wanted_ms = int(_options(settings, topic)[_RETENTION])
    if kept_ms == _UNLIMITED or _UNLIMITED < wanted_ms <= kept_ms:
        return
    log.warning(
        "topic.kept_too_short",
        topic=topic,
        reason=f"it has {_RETENTION}={kept_ms}, {wanted_ms} wanted: "
        f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} "
        f"--add-config {_RETENTION}={wanted_ms}",
    )
