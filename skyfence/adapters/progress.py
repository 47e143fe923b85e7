"""Tells how far consumer groups have come in their topics: for waiting, monitoring and tests."""

import asyncio
from typing import Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings

_LOOK_AGAIN_S: Final = 0.1


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
        await self._consumer.stop()

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

    async def stored(self, topic: str) -> int:
        """Return how many messages have ever been stored in a topic."""
        ends = await self._consumer.end_offsets(self._partitions(topic))
        return sum(ends.values())

    def _partitions(self, topic: str) -> list[TopicPartition]:
        count = self._settings.topics.partitions(self._settings.track_partitions)[topic]
        return [TopicPartition(topic, number) for number in range(count)]

    async def drained(self) -> None:
        """Return when the relay has committed everything that follows from ``tracks`` as it is now.

        Each stage commits only after its output is stored, so they are looked at in their order.
        """
        topics = self._settings.topics
        for group, topic in (
            (topics.worker_group, topics.tracks),
            (topics.worker_group, topics.track_events),
            (topics.relay_group, topics.alerts),
        ):
            while await self.left(group, topic):  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(_LOOK_AGAIN_S)
