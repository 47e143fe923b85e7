"""A simulated Kafka: logs of partitions, what is sent to them, and what befalls both.

    send ──delay──▶ stored in the log ──delay──▶ acknowledged
             └── lost with its sender, refused, or stored without an answer

The groups of consumers are ``groups``', the clients' classes ``kafka_clients``'.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import murmur2
from simulation.loop import PROCESS, Process, SimulatedLoop, context_of

from skyfence.naming import Topics

# Kafka's default for messages, as brokers measure them: record batch and all.
MOST_BYTES: Final = 1_048_588
_LEAST_DELAY_S: Final = 0.0005
_MOST_DELAY_S: Final = 0.01


@dataclass(frozen=True)
class Record:
    """A stored message, with the attributes of aiokafka's and Faust's."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int  # ms
    timestamp_type: int  # 1: the broker's


class Log:
    """One partition: its messages from the first that is kept."""

    def __init__(self) -> None:
        self.first = 0
        self.records: list[Record] = []

    @property
    def end(self) -> int:
        """Return the offset of the next message."""
        return self.first + len(self.records)

    def read(self, offset: int, most: int) -> list[Record]:
        """Return messages from an offset on, which must lie in the log."""
        start = offset - self.first
        return self.records[start : start + most]

    def truncate(self, end: int) -> int:
        """Lose the tail from an offset on; return how many messages that were."""
        lost = max(0, self.end - max(end, self.first))
        del self.records[len(self.records) - lost :]
        return lost

    def delete_before(self, offset: int) -> int:
        """Delete the messages before an offset, as retention does; return how many."""
        gone = min(max(0, offset - self.first), len(self.records))
        del self.records[:gone]
        self.first += gone
        return gone


class SimulatedKafka:
    """The brokers, taken as one: logs, and how they treat what is sent."""

    def __init__(self, loop: SimulatedLoop, draw: Random, topics: Topics, partitions: int) -> None:
        self.loop = loop
        self.draw = draw
        self.topics = topics
        self.widths = topics.partitions(partitions)
        self.logs: dict[TopicPartition, Log] = {
            TopicPartition(topic, number): Log()
            for topic, width in self.widths.items()
            for number in range(width)
        }
        self.epoch_s = 0.0  # the wall clock at virtual time 0
        self._offset_s = 0.0  # of the brokers' clock against that, at ``_drifts_since_s``
        self._drift_ppm, self._drifts_since_s = 0, 0.0
        self.is_away = False
        self.most_bytes: dict[str, int] = {}  # by topic, where it is not the default
        self.slow_s = 0.0  # the longest that an acknowledgement is held back
        self.refuses = False  # what our processes send; sources send it again until it is taken
        self._world = context_of(None)
        self._arrives_s: dict[str, float] = {}
        self._held: list[tuple[Any, asyncio.Future[Record], Process | None]] = []
        self._waiting: list[asyncio.Future[None]] = []

    def wall_ms(self) -> int:
        """Return the brokers' time."""
        return round((self.epoch_s + self.loop.time() + self._clock_off_s()) * 1000)

    def set_clock(self, by_s: float) -> None:
        """Set the brokers' clock, on or back."""
        self._offset_s += by_s

    def drift(self, ppm: int) -> None:
        """Let the brokers' clock run so many millionths too fast from now on."""
        self._offset_s, self._drifts_since_s = self._clock_off_s(), self.loop.time()
        self._drift_ppm = ppm

    def _clock_off_s(self) -> float:
        drifted_s = (self.loop.time() - self._drifts_since_s) * self._drift_ppm / 1e6
        return self._offset_s + drifted_s

    def check(self) -> None:
        """Raise aiokafka's error while no broker answers."""
        if self.is_away:
            raise KafkaConnectionError("no broker answers")

    async def round_trip(self) -> None:
        """Wait as for an answer; raise aiokafka's error while no broker answers."""
        await asyncio.sleep(self.delay_s())
        self.check()

    async def until_back(self) -> None:
        """Return with an answer, as soon as there is one."""
        await asyncio.sleep(self.delay_s())
        while self.is_away:  # noqa: ASYNC110 - a client tries again by itself
            await asyncio.sleep(0.5)

    def delay_s(self) -> float:
        """Return how long something is under way."""
        return self.draw.uniform(_LEAST_DELAY_S, _MOST_DELAY_S)

    def partition_of(self, topic: str, key: bytes | None) -> int:
        """Return where a message with a key goes, as Java's clients and ours decide."""
        width = self.widths[topic]
        return 0 if width == 1 or key is None else (murmur2(key) & 0x7FFFFFFF) % width

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Mapping[str, bytes] | list[tuple[str, bytes]] | None,
        *,
        partition: int | None,
        sent_ms: int,
    ) -> "asyncio.Future[Record]":
        """Send a message for the process that calls; return its acknowledgement.

        What a sender sends arrives in its order. Of what is under way when it is killed the broker
        stores the first part, or all.
        """
        number = self.partition_of(topic, key) if partition is None else partition
        pairs = tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers or ())
        sent = (TopicPartition(topic, number), key, value, pairs, sent_ms)
        process = PROCESS.get()
        sender = "world" if process is None else f"{process.name} {id(process)}"
        at_s = max(self._arrives_s.get(sender, 0.0) + 1e-9, self.loop.time() + self.delay_s())
        self._arrives_s[sender] = at_s
        stored: asyncio.Future[Record] = self.loop.create_future()
        self.loop.call_at(at_s, self._arrive, sent, stored, process, context=self._world)
        return stored

    def _arrive(self, sent: Any, stored: "asyncio.Future[Record]", process: Process | None) -> None:
        if process is not None and process.is_dead and self.draw.random() < 0.5:
            process.sends_are_lost = True  # what was behind it on the wire is lost as well
        if process is not None and process.sends_are_lost:
            return
        if self.is_away or self._held:  # the client tries again, in its order
            self._held.append((sent, stored, process))
            return
        self._store(sent, stored, process)

    def come_back(self) -> None:
        """Answer again, after ``is_away``; what was sent meanwhile is stored now."""
        self.is_away = False
        held, self._held = self._held, []
        for sent, stored, process in held:
            if process is None or not process.sends_are_lost:
                self._store(sent, stored, process)

    def _store(self, sent: Any, stored: "asyncio.Future[Record]", process: Process | None) -> None:
        partition, key, value, headers, sent_ms = sent
        if len(value or b"") > self.most_bytes.get(partition.topic, MOST_BYTES):
            self._answer(stored, MessageSizeTooLargeError("the message is too large"))
        elif self.refuses and process is not None:
            self._answer(stored, KafkaError("the broker refused the message"))
        else:
            record = self.append(partition, key, value, headers, sent_ms)
            held_s = self.draw.uniform(0.0, self.slow_s) if self.slow_s else 0.0
            delay_s = self.delay_s() + held_s
            self.loop.call_later(delay_s, self._answer, stored, record, context=self._world)

    def _answer(self, stored: "asyncio.Future[Record]", answer: Record | KafkaError) -> None:
        if stored.done():
            return
        if isinstance(answer, Record):
            stored.set_result(answer)
        else:
            stored.set_exception(answer)

    def append(
        self,
        partition: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...],
        sent_ms: int,
    ) -> Record:
        """Store a message now; ``tracks`` is dated by the broker, all else by its sender."""
        log = self.logs[partition]
        by_broker = partition.topic == self.topics.tracks
        timestamp = self.wall_ms() if by_broker else sent_ms
        record = Record(
            topic=partition.topic,
            partition=partition.partition,
            offset=log.end,
            key=key,
            value=value,
            headers=headers,
            timestamp=timestamp,
            timestamp_type=int(by_broker),
        )
        log.records.append(record)
        self.loop.note(f"stored {partition.topic}/{partition.partition}/{record.offset}")
        self._wake()
        return record

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def news(self, timeout_s: float) -> None:
        """Return when anything was stored, or after so long."""
        waiter: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return
