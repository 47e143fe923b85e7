"""aiokafka's consumer and producer, as far as skyfence uses them, on a simulated Kafka."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final, Self

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from simulation.groups import Groups, Member, Partitions
from simulation.kafka import Record, SimulatedKafka
from simulation.loop import PROCESS

from skyfence.adapters.settings import Settings

# So many messages come with one poll, at most.
_MOST_RECORDS: Final = 200


class SimulatedConsumer:
    """Reads partitions that were assigned by hand, or by a group."""

    def __init__(
        self,
        kafka: SimulatedKafka,
        groups: Groups,
        *topics: str,
        group_id: str | None = None,
        group_instance_id: str | None = None,
        auto_offset_reset: str = "latest",
        **_: Any,
    ) -> None:
        self._kafka = kafka
        self._topics = topics
        self._group = None if group_id is None else groups[group_id]
        self._name = group_instance_id or f"consumer-{id(self)}"
        self._reset = auto_offset_reset
        self._positions: dict[TopicPartition, int] = {}
        self._member: Member | None = None

    async def start(self) -> None:
        await self._kafka.round_trip()
        if self._group is not None:
            await self._join()

    async def stop(self) -> None:
        if self._group is not None and self._member is not None:
            self._group.leave(self._member)

    async def _join(self) -> None:
        assert self._group is not None
        process = PROCESS.get()
        self._member = Member(
            self._name, process, self._topics, self._revoked, self._assigned, self._join
        )
        await self._group.join(self._member)

    async def _revoked(self) -> None:
        self._positions = {}

    async def _assigned(self, partitions: Partitions) -> None:
        assert self._group is not None
        self._positions = {
            at: self._group.committed.get(at, (self._kafka.logs[at].first, ""))[0]
            for at in sorted(partitions)
        }

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = {at: self._kafka.logs[at].first for at in partitions}

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        for partition in partitions:
            self._positions[partition] = self._kafka.logs[partition].first

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        await self._kafka.round_trip()
        return {at: self._kafka.logs[at].end for at in partitions}

    async def beginning_offsets(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        await self._kafka.round_trip()
        return {at: self._kafka.logs[at].first for at in partitions}

    async def offsets_for_times(
        self, times_ms: dict[TopicPartition, int]
    ) -> dict[TopicPartition, Record | None]:
        await self._kafka.round_trip()
        return {
            at: next((r for r in self._kafka.logs[at].records if r.timestamp >= since_ms), None)
            for at, since_ms in times_ms.items()
        }

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Record]]:
        until_s = self._kafka.loop.time() + timeout_ms / 1000
        while True:
            await asyncio.sleep(self._kafka.delay_s())
            polled = {} if self._kafka.is_away else self._poll(partitions, max_records)
            left_s = until_s - self._kafka.loop.time()
            if polled or left_s <= 0:
                return polled
            await self._kafka.news(min(left_s, 1.0))

    def _poll(
        self, partitions: tuple[TopicPartition, ...], most: int | None
    ) -> dict[TopicPartition, list[Record]]:
        polled = {}
        for at in partitions or list(self._positions):
            log, position = self._kafka.logs[at], self._positions[at]
            if not log.first <= position <= log.end:
                if self._reset == "none":
                    raise OffsetOutOfRangeError({at: position})
                position = log.first if self._reset == "earliest" else log.end
            records = log.read(position, most or _MOST_RECORDS)
            self._positions[at] = position + len(records)
            if records:
                polled[at] = records
        return polled

    async def commit(self) -> None:
        assert self._group is not None
        assert self._member is not None
        await self._kafka.round_trip()
        self._group.commit(self._member, {at: (n, "") for at, n in self._positions.items()})


class SimulatedProgress:
    """In the place of ``GroupProgress``: how far the groups have come."""

    def __init__(self, kafka: SimulatedKafka, groups: Groups, settings: Settings) -> None:
        self._kafka = kafka
        self._groups = groups
        self._topics = settings.topics

    async def __aenter__(self) -> Self:
        await self._kafka.round_trip()
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def readers(self) -> list[str]:
        await self._kafka.round_trip()
        names = set(self._groups) - {self._topics.worker_group}
        return sorted(name for name in names if name.startswith(self._topics.sink_group("")))

    async def lags(self, group: str, topic: str) -> tuple[dict[int, int], dict[int, int]]:
        await self._kafka.round_trip()
        numbers = range(self._kafka.widths[topic])
        ends = {n: self._kafka.logs[TopicPartition(topic, n)].end for n in numbers}
        committed = self._groups[group].committed
        return ends, {
            n: end - committed.get(TopicPartition(topic, n), (0, ""))[0] for n, end in ends.items()
        }


class SimulatedProducer:
    """Sends for the process in which it was made."""

    def __init__(self, kafka: SimulatedKafka) -> None:
        self._kafka = kafka

    async def start(self) -> None:
        await self._kafka.round_trip()

    async def stop(self) -> None:
        return

    async def send(
        self, topic: str, value: bytes, *, key: bytes | None = None, headers: Any = None
    ) -> "asyncio.Future[Record]":
        sent_ms = round(time.time() * 1000)
        return self._kafka.send(topic, value, key, headers, partition=None, sent_ms=sent_ms)

    async def send_and_wait(self, topic: str, value: bytes, **options: Any) -> Record:
        return await (await self.send(topic, value, **options))
