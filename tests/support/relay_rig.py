"""A relay on a log in memory, from the group's last commit to the log's end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from fake_kafka import FakeRecord

from consumers import relay
from consumers.sink import OpenSink
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AnyAlert
from skyfence.naming import Environment

SETTINGS = Settings(environment=Environment.EXERCISE)
PARTITION = TopicPartition(SETTINGS.topics.alerts, 0)


@dataclass
class AlertLog:
    """The alerts of one partition, how far the group has committed, and what was rejected.

    ``per_poll`` are handed out at once. A relay that is given nothing more is cancelled, after so
    many ``idle_turns``.
    """

    per_poll: int = 500
    idle_turns: int = 0
    records: list[FakeRecord] = field(default_factory=list)
    committed: int = 0
    rejected: list[bytes] = field(default_factory=list)

    def store(self, *values: AnyAlert | bytes) -> None:
        """Append alerts, or what is none."""
        for value in values:
            self.records.append(
                FakeRecord(
                    topic=PARTITION.topic,
                    partition=PARTITION.partition,
                    offset=len(self.records),
                    value=value if isinstance(value, bytes) else value.to_json(),
                    timestamp=0,
                    headers=(),
                )
            )

    async def stored_before(
        self, _: Settings, topic: str, before: Mapping[int, int]
    ) -> AsyncIterator[FakeRecord]:
        """Stand in for ``stored_records``."""
        assert topic == PARTITION.topic
        for record in self.records[: before[0]]:
            yield record

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        """Stand in for the Kafka of relays."""
        patch.setattr(relay, "AIOKafkaConsumer", lambda *_, **__: _Consumer(self))
        patch.setattr(relay, "producer", lambda _: _Producer(self))

    async def carry(self, opened: OpenSink, patch: pytest.MonkeyPatch) -> None:
        """Run a relay to the end of the log."""
        self.stand_in(patch)
        with pytest.raises(asyncio.CancelledError):
            await relay.Relay(SETTINGS, opened).run()


class _Consumer:
    """Stands in for aiokafka's, with one partition assigned."""

    def __init__(self, log: AlertLog) -> None:
        self._log = log
        self._position = log.committed
        self._idle_turns = log.idle_turns

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    async def position(self, _: TopicPartition) -> int:
        return self._position

    async def end_offsets(self, partitions: Any) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, len(self._log.records))

    async def getmany(self, timeout_ms: int) -> dict[TopicPartition, list[FakeRecord]]:
        del timeout_ms
        polled = self._log.records[self._position : self._position + self._log.per_poll]
        if not polled:
            if not self._idle_turns:
                raise asyncio.CancelledError
            self._idle_turns -= 1
            return {}
        self._position += len(polled)
        return {PARTITION: polled}

    async def seek_to_beginning(self, _: TopicPartition) -> None:
        self._position = 0

    def seek(self, _: TopicPartition, offset: int) -> None:
        self._position = offset

    async def commit(self) -> None:
        self._log.committed = self._position


class _Producer:
    """Stands in for the relay's producer of ``rejected``."""

    def __init__(self, log: AlertLog) -> None:
        self._log = log

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send_and_wait(self, _: str, value: bytes) -> None:
        self._log.rejected.append(value)
