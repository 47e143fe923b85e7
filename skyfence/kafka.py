"""What all edges need of Kafka besides messages: topics that exist, and how far a group has come.

Topics are created here with the partitions the project wants, because a broker would make them
with one. Everything else about Kafka is the edges' own.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaError, for_code

from skyfence.errors import UnavailableError, UsageError
from skyfence.settings import Settings

_ALREADY_EXISTS = 36
_LOOK_AGAIN_S = 0.1


@asynccontextmanager
async def admin_client(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect to the brokers; raise ``UnavailableError`` where none answers."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="skyfence-admin")
    try:
        await admin.start()
    except KafkaError as error:
        await admin.close()
        raise UnavailableError(f"kafka at {bootstrap} cannot be reached: {error}") from None
    try:
        yield admin
    finally:
        await admin.close()


async def ensure_topics(settings: Settings) -> None:
    """Create the environment's topics where they are missing, and check their partitions."""
    wanted = settings.topics.partitions(settings.track_partitions)
    async with admin_client(settings.kafka_bootstrap) as admin:
        new = [NewTopic(name, count, settings.replication) for name, count in wanted.items()]
        answer = await admin.create_topics(new)
        for name, code, *_ in answer.topic_errors:
            if code not in (0, _ALREADY_EXISTS):
                raise UnavailableError(f"kafka refused topic {name}: {for_code(code).__name__}")
        await _check_partitions(admin, wanted)


async def _check_partitions(admin: AIOKafkaAdminClient, wanted: Mapping[str, int]) -> None:
    """Refuse topics of another width: their tracks would be judged on the wrong partition."""
    for topic in await admin.describe_topics(list(wanted)):
        name, found = topic["topic"], len(topic["partitions"])
        if found != wanted[name]:
            raise UsageError(
                f"topic {name} has {found} partitions, {wanted[name]} wanted; "
                "set SKYFENCE_TRACK_PARTITIONS to what it has, or remake it"
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


class Progress:
    """Tells how far consumer groups have come; connect with ``async with``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)

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
        partitions = self._partitions(topic)
        ends = await self._consumer.end_offsets(partitions)
        done = await self._admin.list_consumer_group_offsets(group, partitions=partitions)
        return sum(
            end - max(done[partition].offset if partition in done else 0, 0)
            for partition, end in ends.items()
        )

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
