"""In the place of ``streams.driver``: the worker's app on a simulated Kafka.

What Faust does around the agents is made here anew, from its source (0.15.3): one buffer a topic,
emptied when partitions go; messages before the last one read are passed over, also where the log
was made anew; a last checkpoint before partitions go; a crash that ends the process.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from simulation.groups import Group, Member, Partitions
from simulation.kafka import Record, SimulatedKafka
from simulation.loop import PROCESS

from skyfence.adapters.settings import Settings
from streams.driver.consumer import NotStartedError
from streams.driver.message import KafkaMessage
from streams.handling import Handling

# So many messages of a partition come with one fetch, at most, drawn anew each time.
_MOST_FETCHED: Final = 20
_MOST_BUFFERED: Final = 100
_FETCH_EVERY_S: Final = 0.5


class SimulatedTopic:
    """A topic to send bytes to."""

    def __init__(self, kafka: SimulatedKafka, name: str) -> None:
        self._kafka = kafka
        self._name = name

    async def send(
        self,
        *,
        key: bytes,
        value: bytes,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> "asyncio.Future[Record]":
        sent_ms = round(time.time() * 1000)
        stored = self._kafka.send(
            self._name, value, key, headers, partition=partition, sent_ms=sent_ms
        )
        await asyncio.sleep(0)
        return stored


class SimulatedApp:
    """Stands in for ``CheckpointingApp``, one life of one worker."""

    on_leaving: Callable[[], Awaitable[None]]

    def __init__(self, kafka: SimulatedKafka, group: Group, settings: Settings) -> None:
        self._kafka = kafka
        self._group = group
        self._name = settings.worker_slot or "worker"
        self._tracks = settings.topics.tracks
        self._handlers: dict[str, Any] = {}
        self._buffers: dict[str, deque[Record]] = {}
        self._positions: dict[TopicPartition, int] = {}
        self._read: dict[TopicPartition, int] = {}  # last handed on, or the first
        self._background: list[Callable[[], Awaitable[None]]] = []
        self._notes_of_leaving: list[Callable[[], None]] = []
        self._note_assigned: list[Callable[[Collection[tuple[str, int]]], None]] = []
        self._member: Member | None = None
        self._news = asyncio.Event()
        self._is_crashed = False
        self.leaves_out = 0  # so many messages of tracks that come next are lost on their way
        self._messages = Handling()
        self.stopping = False

    # as the agents see it

    def consume(self, topic: str, agent: str, handler: Any) -> None:
        self._handlers[topic] = handler
        self._buffers[topic] = deque()

    @property
    def longest_step_s(self) -> float:
        return self._messages.longest_step_s

    def output_topic(self, name: str) -> SimulatedTopic:
        return SimulatedTopic(self._kafka, name)

    def in_background(self, task: Callable[[], Awaitable[None]]) -> None:
        self._background.append(task)

    def on_queues_left(self, note: Callable[[], None]) -> None:
        self._notes_of_leaving.append(note)

    def on_assigned(self, note: Callable[[Collection[tuple[str, int]]], None]) -> None:
        self._note_assigned.append(note)

    async def commit_checkpoint(self, topic: str, partition: int, offset: int, text: str) -> bool:
        await self._kafka.round_trip()
        if self._member is None:
            return False
        try:
            self._group.commit(self._member, {TopicPartition(topic, partition): (offset, text)})
        except (CommitFailedError, IllegalStateError):
            return False
        return True

    async def end_offsets(self, topic: str) -> dict[int, int]:
        if self._member is None:
            raise NotStartedError("no member yet")
        await self._kafka.round_trip()
        mine = [at for at in self._positions if at.topic == topic]
        return {at.partition: self._kafka.logs[at].end for at in mine}

    async def next_offset(self, topic: str, partition: int) -> int:
        return self._positions.get(TopicPartition(topic, partition), 0)

    def position(self, at: TopicPartition) -> int:
        """Return the offset up to which it has read a partition, 0 of one that it does not have."""
        return self._positions.get(at, 0)

    # its life

    async def run(self) -> None:
        """Run until it is told to ``stop``, or something fails, which is raised."""
        works = [self._agent(topic) for topic in self._handlers]
        works += [_called(task) for task in self._background]
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(work) for work in (*works, self._fetch())]
        await self._join()
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Stop as SIGTERM has it: a last checkpoint, and the partitions are given up."""
        self._leave_queues()
        await self.on_leaving()
        self.stopping = True
        self._news.set()
        if self._member is not None:
            self._group.leave(self._member)

    async def _join(self) -> None:
        self._member = Member(
            name=self._name,
            process=PROCESS.get(),
            topics=tuple(self._handlers),
            revoked=self._revoked,
            assigned=self._assigned,
            put_out=self._put_out,
        )
        await self._group.join(self._member)

    async def _put_out(self) -> None:
        await self._revoked()
        await self._join()

    async def _revoked(self) -> None:
        self._leave_queues()
        await self.on_leaving()

    def _leave_queues(self) -> None:
        self._positions = {}
        for buffer in self._buffers.values():
            buffer.clear()
        for note in self._notes_of_leaving:
            note()

    async def _assigned(self, partitions: Partitions) -> None:
        for buffer in self._buffers.values():
            buffer.clear()
        self._positions, self._read = {}, {}
        for note in self._note_assigned:
            note([(at.topic, at.partition) for at in sorted(partitions)])
        await asyncio.sleep(self._kafka.delay_s())
        if self._member is None or self._member.partitions != partitions:
            return  # it has been given others meanwhile
        for at in sorted(partitions):
            offset = self._group.committed.get(at, (self._kafka.logs[at].first, ""))[0]
            self._positions[at] = offset
            self._read[at] = offset

    async def _fetch(self) -> None:
        while not self.stopping:
            await asyncio.sleep(self._kafka.delay_s())
            if not self._kafka.is_away and self._fetch_once():
                self._news.set()
            else:
                await self._kafka.news(_FETCH_EVERY_S)

    def _fetch_once(self) -> bool:
        is_news = False
        for at, next_offset in list(self._positions.items()):
            log, buffer = self._kafka.logs[at], self._buffers[at.topic]
            is_in_log = log.first <= next_offset <= log.end
            position = next_offset if is_in_log else log.first  # auto.offset.reset is earliest
            most = self._kafka.draw.randint(1, _MOST_FETCHED)
            records = log.read(position, most) if len(buffer) < _MOST_BUFFERED else []
            self._positions[at] = position + len(records)
            for record in records:
                if record.offset < self._read[at]:  # the last one is handed on once more
                    continue
                self._read[at] = record.offset
                if self.leaves_out and at.topic == self._tracks:
                    self.leaves_out -= 1
                    continue
                buffer.append(record)
                is_news = True
        return is_news

    async def _agent(self, topic: str) -> None:
        buffer, handler = self._buffers[topic], self._handlers[topic]
        while not self.stopping:
            if not buffer:
                self._news.clear()
                await self._news.wait()
                continue
            message = message_of(buffer.popleft())
            with self._messages.of(topic):
                await handler(message, more=bool(buffer))


async def _called(function: Callable[[], Awaitable[None]]) -> None:
    await function()


def message_of(record: Record) -> KafkaMessage:
    """Return a stored message as an agent gets it."""
    return KafkaMessage(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        is_broker_time=record.timestamp_type == 1,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
    )
