"""Asks Kafka how far consumer groups have come in their topics, and what their commits say."""

import asyncio
from typing import Final, Self

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorForGroupError,
)

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import admin_client
from skyfence.adapters.settings import Settings
from skyfence.adapters.stopping import stop_reading
from skyfence.contracts.judging import JudgedUntil
from skyfence.errors import UnavailableError

log = structlog.get_logger()

_LOOK_AGAIN_S: Final = 0.1
# Seldom enough to leave a broker that starts in peace, and the log readable.
_ASK_AGAIN_S: Final = 0.5


async def committed_text(settings: Settings, group: str, partition: TopicPartition) -> str:
    """Return the text beside a group's committed offset; empty where it has committed nothing.

    Kafka is asked until it answers: while brokers are away, or move the group to another of them,
    nobody may conclude that nothing was committed. Raise ``UsageError`` where the brokers refuse
    our login, ``KafkaError`` where they will never answer (no right to see the group).
    """
    while True:
        try:
            async with admin_client(settings) as admin:
                answer = await admin.list_consumer_group_offsets(group, partitions=[partition])
        except UnavailableError as error:
            reason = str(error)
        except KafkaError as error:
            if not error.retriable:
                raise
            reason = repr(error)
        else:
            if partition in answer:
                offset, text = answer[partition]
                return "" if offset < 0 else str(text)
            # aiokafka 0.14 does not look at the error code of the whole answer (the coordinator is
            # loading, or has moved); every partition that is asked for by name is missing then.
            reason = "the group's coordinator is not ready"
        log.warning("group.unknown", group=group, reason=reason)
        await asyncio.sleep(_ASK_AGAIN_S)


async def commits_within(
    settings: Settings, group: str, partition: TopicPartition, seconds: float
) -> bool:
    """Tell whether a group's committed offset moves: whether a process of it reads at present.

    Members are no evidence: some brokers keep those that have died. Raise ``KafkaError`` where
    Kafka does not answer.
    """
    before = await _committed_offset(settings, group, partition)
    await asyncio.sleep(seconds)
    return await _committed_offset(settings, group, partition) != before


async def _committed_offset(settings: Settings, group: str, partition: TopicPartition) -> int:
    """Return a group's committed offset, -1 where there is none."""
    async with admin_client(settings) as admin:
        try:
            answer = await admin.list_consumer_group_offsets(group, partitions=[partition])
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            return -1  # of a Kafka where no group has committed anything yet
    return answer[partition].offset if partition in answer else -1


class GroupProgress:
    """Asks Kafka how far consumer groups have come; connect with ``async with``."""

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
        await stop_reading(self._consumer)

    async def left(self, group: str, topic: str) -> int:
        """Return how many messages of a topic a group has not yet committed."""
        try:
            return sum((await self.lags(group, topic))[1].values())
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            # On a new Kafka the topic of the groups' offsets does not exist before its first use.
            return await self.stored(topic)

    async def lags(self, group: str, topic: str) -> tuple[dict[int, int], dict[int, int]]:
        """Return, by partition, its end offset and how many messages before it are not committed.

        Raise ``KafkaError`` where the group has no coordinator yet.
        """
        partitions = self._partitions(topic)
        ends = await self._consumer.end_offsets(partitions)
        committed = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        return {p.partition: end for p, end in ends.items()}, {
            # -1 where nothing was ever committed
            p.partition: end - max(committed[p].offset if p in committed else 0, 0)
            for p, end in ends.items()
        }

    async def readers(self) -> list[str]:
        """Return the consumer groups that read this environment's alerts, all but the worker's."""
        topics = self._settings.topics
        groups = await self._admin.list_consumer_groups()
        names = {str(name) for name, *_ in groups} - {topics.worker_group}
        return sorted(name for name in names if name.startswith(topics.sink_group("")))

    async def stored(self, topic: str) -> int:
        """Return how many messages have ever been stored in a topic."""
        ends = await self._consumer.end_offsets(self._partitions(topic))
        return sum(ends.values())

    def _partitions(self, topic: str) -> list[TopicPartition]:
        count = self._settings.topics.partitions(self._settings.track_partitions)[topic]
        return [TopicPartition(topic, number) for number in range(count)]

    async def drained(self) -> None:
        """Return when the relay has committed everything that follows from ``tracks`` as it is now.

        What a run ends with may wait for the progress of partitions that hold nothing of it. The
        incident agent says whether anything does, after everything that it has decided.
        """
        await self._until_caught_up()
        await self._until_decided()
        await self._until_caught_up()

    async def _until_caught_up(self) -> None:
        """Return when each group has committed what its topic holds.

        Each stage commits only after its output is stored, so they are looked at in their order.
        """
        for group, topic in self._stages():
            while await self.left(group, topic):  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _until_decided(self) -> None:
        """Return when a message of ``judged`` that is yet to be stored says that nothing waits.

        Workers have one written every two seconds.
        """
        partition = TopicPartition(self._settings.topics.judged, 0)
        ends = await self._consumer.end_offsets([partition])
        self._consumer.assign([partition])
        self._consumer.seek(partition, ends[partition])
        undecided_runs = 1
        while undecided_runs:
            record = await self._consumer.getone(partition)
            judged = JudgedUntil.model_validate_json(record.value or b"")
            undecided_runs = judged.undecided_runs
        self._consumer.unsubscribe()

    async def waiting(self) -> dict[str, dict[int, int]]:
        """Return, by topic and partition, how many messages wait for a worker or the relay.

        Raise ``KafkaError`` where a group has no coordinator yet.
        """
        lags = {topic: (await self.lags(group, topic))[1] for group, topic in self._stages()}
        return {
            topic: {partition: left for partition, left in by_partition.items() if left}
            for topic, by_partition in lags.items()
        }

    def _stages(self) -> list[tuple[str, str]]:
        """Return the groups and the topics that they read, in the order of the flow."""
        topics = self._settings.topics
        return [
            (topics.worker_group, topics.tracks),
            (topics.worker_group, topics.track_events),
            (topics.relay_group, topics.alerts),
        ]
