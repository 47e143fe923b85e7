"""A Kafka in memory, as far as the monitor uses one: topics, a consumer, a producer, lags."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from skyfence.adapters.settings import Settings


@dataclass(frozen=True)
class FakeRecord:
    """A stored message, with the attributes of aiokafka's."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...]
    key: bytes | None = None


@dataclass
class FakeKafka:
    """The stored messages, and whether the broker answers."""

    records: dict[TopicPartition, list[FakeRecord]] = field(
        default_factory=lambda: defaultdict(list)
    )
    committed: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    away: bool = False
    # A producer that is to send sets it and hangs until ``goes_on``, as a paused process does.
    hangs: asyncio.Event | None = None
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    def store(
        self,
        topic: str,
        value: bytes | None,
        *,
        partition: int = 0,
        timestamp: int = 0,
        headers: Iterable[tuple[str, bytes]] = (),
    ) -> None:
        """Append a message to a partition."""
        place = TopicPartition(topic, partition)
        offset = len(self.records[place])
        record = FakeRecord(
            topic=topic,
            partition=partition,
            offset=offset,
            value=value,
            timestamp=timestamp,
            headers=tuple(headers),
        )
        self.records[place].append(record)

    def values(self, topic: str) -> list[bytes | None]:
        """Return what partition 0 of a topic holds."""
        return [record.value for record in self.records[TopicPartition(topic, 0)]]

    def consumer(self, *_: object, **__: object) -> "FakeConsumer":
        """Return a consumer, made with whatever aiokafka's takes."""
        return FakeConsumer(self)

    def producer(self, *_: object) -> "FakeProducer":
        """Return a producer."""
        return FakeProducer(self)

    def progress(self, settings: Settings) -> "FakeProgress":
        """Return a stand-in for ``GroupProgress``."""
        return FakeProgress(self, settings.topics.partitions(settings.track_partitions))

    def check(self) -> None:
        """Raise aiokafka's error while the broker is away."""
        if self.away:
            raise KafkaConnectionError("no broker")


class FakeConsumer:
    """Reads the assigned partitions from where it was put."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self._positions: dict[TopicPartition, int] = {}
        self.running = False

    async def start(self) -> None:
        self._kafka.check()
        self.running = True

    async def stop(self) -> None:
        self.running = False

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, 0)

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    async def seek_to_beginning(self, partition: TopicPartition) -> None:
        self._positions[partition] = 0

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        self._kafka.check()
        return {partition: len(self._kafka.records[partition]) for partition in partitions}

    async def getmany(self, timeout_ms: int) -> dict[TopicPartition, list[FakeRecord]]:
        del timeout_ms
        polled = {}
        for partition, position in self._positions.items():
            if records := self._kafka.records[partition][position:]:
                polled[partition] = records
                self._positions[partition] += len(records)
        return polled


class FakeProducer:
    """Stores what is sent at once."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    async def start(self) -> None:
        self._kafka.check()

    async def stop(self) -> None:
        return

    async def send(
        self, topic: str, value: bytes, *, key: bytes, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        del key
        if self._kafka.hangs is not None:
            self._kafka.hangs.set()
            await self._kafka.goes_on.wait()
        self._kafka.store(topic, value, headers=headers)
        stored: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        stored.set_result(None)
        return stored


class FakeProgress:
    """Tells the lags from what is stored and what a test says was committed."""

    def __init__(self, kafka: FakeKafka, partitions: Mapping[str, int]) -> None:
        self._kafka = kafka
        self._partitions = partitions

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def readers(self) -> list[str]:
        return sorted({group for group, topic in self._kafka.committed if "judged" in topic})

    async def lags(self, group: str, topic: str) -> tuple[dict[int, int], dict[int, int]]:
        committed = self._kafka.committed.get((group, topic), {})
        ends = {
            number: len(self._kafka.records[TopicPartition(topic, number)])
            for number in range(self._partitions[topic])
        }
        return ends, {number: end - committed.get(number, 0) for number, end in ends.items()}
