"""Messages that wait to be dealt with, a queue for each partition, which do not wait for another.

    Faust's stream ──▶ queue of partition 0 ──▶ task ──▶ handler
       (all partitions)  └▶ of partition 1 ──▶ task ──▶ handler

Within a partition the order is Kafka's. A partition whose queue is full is not fetched from until
it has drained, so that memory is bounded and the others' messages still come. Faust empties its own
buffers when partitions go, and waits for what was taken out of them; ``leave`` empties these, so
that it waits for the messages that are being handled alone.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from streams.driver.message import KafkaMessage, from_faust

# A partition is not fetched from while it has so many messages or bytes. Heartbeats take 0.2 ms
# each: half of so many outlast the time in which a fetch brings more.
_FULL_MESSAGES: Final = 800
_FULL_BYTES: Final = 8_000_000

Handle = Callable[[KafkaMessage, bool], Awaitable[None]]
NotePartition = Callable[[str, int], None]


class PartitionQueues:
    """The messages of a topic's partitions.

    ``handle`` is given each message, and whether more of its partition wait. ``note_full`` and
    ``note_drained`` are told the topic and partition.
    """

    def __init__(
        self, handle: Handle, note_full: NotePartition, note_drained: NotePartition
    ) -> None:
        self._handle = handle
        self._note_full = note_full
        self._note_drained = note_drained
        self._queues: dict[int, _Queue] = {}
        self._leaving = False

    async def run(self, events: AsyncIterator[Any]) -> None:
        """Have Faust's events handled; raise what the handler raised."""
        try:
            async with asyncio.TaskGroup() as tasks:
                async for event in events:
                    partition = event.message.partition
                    if partition not in self._queues:
                        self._queues[partition] = _Queue()
                        tasks.create_task(self._work_off(self._queues[partition]))
                    self._put(self._queues[partition], event)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def leave(self) -> None:
        """Forget what waits, and what still comes until ``begin``: partitions go."""
        self._leaving = True
        for queue in self._queues.values():
            queue.clear()
            self._note_level(queue)

    def begin(self) -> None:
        """Take messages in: partitions came, and are read from what is committed."""
        self.leave()
        self._leaving = False

    def _put(self, queue: "_Queue", event: Any) -> None:
        if self._leaving:
            event.ack()
            return
        queue.put(event)
        if not queue.is_full and queue.exceeds(1.0):
            queue.is_full = True
            self._note_full(*queue.name)

    async def _work_off(self, queue: "_Queue") -> None:
        while True:
            event = await queue.take()
            self._note_level(queue)
            await self._handle(from_faust(event.message), len(queue) > 0)
            event.ack()  # only tells Faust; checkpoints are what is committed to Kafka

    def _note_level(self, queue: "_Queue") -> None:
        if queue.is_full and not queue.exceeds(0.5):
            queue.is_full = False
            self._note_drained(*queue.name)


class _Queue:
    """The events of one partition that wait."""

    def __init__(self) -> None:
        self.name = ("", 0)  # topic and partition
        self.is_full = False
        self._events: deque[Any] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def exceeds(self, share: float) -> bool:
        """Tell whether so much of what may wait does."""
        return len(self._events) > share * _FULL_MESSAGES or self._bytes > share * _FULL_BYTES

    def put(self, event: Any) -> None:
        """Take in an event at the end."""
        self.name = (event.message.topic, event.message.partition)
        self._events.append(event)
        self._bytes += len(event.message.value or b"")
        self._filled.set()

    async def take(self) -> Any:
        """Return the first event when there is one."""
        await self._filled.wait()
        event = self._events.popleft()
        self._bytes -= len(event.message.value or b"")
        if not self._events:
            self._filled.clear()
        return event

    def clear(self) -> None:
        """Forget all events; Faust waits for none of them then."""
        for event in self._events:
            event.ack()
        self._events.clear()
        self._bytes = 0
        self._filled.clear()
