"""State of the partitions that a worker has, each with the offset that it covers.

State and offset belong together: a message below the offset is in the state already (Kafka hands
some out again after a crash) and is not judged twice. With the first message after a partition was
assigned the state is loaded from the checkpoint that the group's commit names. If this worker wrote
that checkpoint itself, its state in memory is as new or newer, and stays.

    message ──▶ state_for ──▶ mark_judged ... ──▶ mark_flushed ──▶ snapshot, if due ──▶ saved
    timer   ──▶ snapshot_due: the same where no more messages come

What follows from several messages of a partition may be flushed together. A snapshot is taken when
nothing of it is outstanding, in steps, between which other partitions are judged and its own waits;
storing it goes on beside the next messages. How a state is made, packed and restored is the agents'
to say, where it is stored the checkpoint's, where it comes from ``state_loading``'s. A log that
does not go on from a state (``log_break``) is told of, and judged on from where it does.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final, Generic

import structlog

from skyfence.adapters import metrics
from skyfence.errors import UnavailableError
from streams.checkpoint import CheckpointStore
from streams.driver.message import KafkaMessage
from streams.partition_entry import PartitionEntry, StateCodec, StateT
from streams.state_loading import StateLoader
from streams.turns import Turns

log = structlog.get_logger()

# What Kafka hands out again after a crash: so little that judging it anew takes no time.
SNAPSHOT_EVERY_S: Final = 0.5
# Nothing of a partition is judged while its snapshot is taken. After one that took t the next is
# due after 20 t, so that snapshots take 5 % of the time at most.
_PAUSE_PER_SNAPSHOT: Final = 20.0


class PartitionStates(Generic[StateT]):
    """The states of one agent, by partition."""

    def __init__(
        self,
        agent: str,
        codec: StateCodec[StateT],
        store: CheckpointStore,
        turns: Turns | None = None,
    ) -> None:
        self._agent = agent
        self._codec = codec
        self._store = store
        self._loader = StateLoader(agent, codec, store)
        self._turns = turns or Turns()
        self._partitions: dict[int, PartitionEntry[StateT]] = {}
        self._loading = asyncio.Lock()
        # By partition of which no message was read since the assignment, what its commit covers.
        self._covered: dict[int, int] = {}

    async def state_for(self, message: KafkaMessage) -> StateT | None:
        """Return the state to judge a message with; ``mark_judged`` must follow.

        None if the state covers the message already, or the partition is another worker's now: then
        the message is not to be judged. Loads the checkpoint where the partition was assigned anew.
        Raise ``UnavailableError`` where the log was cut, or messages were left out, and the reading
        must begin anew.
        """
        partition, offset = message.partition, message.offset
        entry = self._partitions.get(partition)
        if entry is None or entry.reassigned:
            async with self._loading:
                entry = await self._current(partition, entry, offset)
            self._partitions[partition] = entry
        if entry.lost:
            return None
        if not entry.is_compared and not entry.next_offset <= offset <= entry.next_offset + 1:
            await self._compare(partition, entry, offset)
        if offset < entry.next_offset:
            log.info("message.repeated", agent=self._agent, partition=partition, offset=offset)
            return None
        if offset > entry.next_offset:
            await self._refuse_omission(partition, entry, offset)
        while entry.packing is not None:
            await entry.packing.wait()
        entry.judging = True
        return entry.state

    def mark_judged(self, message: KafkaMessage) -> None:
        """Note that a message is in the state, though what follows from it may not be stored."""
        entry = self._partitions.get(message.partition)
        if entry is not None:  # else the partition has gone to another worker meanwhile
            entry.next_offset, entry.judging, entry.outstanding = message.offset + 1, False, True
            entry.last_ms, entry.is_compared = message.timestamp_ms, False

    async def compare(self, partition: int, end: int) -> None:
        """Compare a state with its log, which ends at an offset, though no message of it came.

        Raise ``UnavailableError`` where the log ends before what the state covers: it was cut, and
        is read anew by the next worker.
        """
        async with self._loading:
            entry = self._partitions.get(partition)
            if entry is None or entry.reassigned:
                if await self._covered_by_commit(partition) <= end:
                    return
                entry = await self._current(partition, entry, end + 1)
            if entry.next_offset > end and not entry.lost:
                await self._compare(partition, entry, entry.next_offset)

    async def _covered_by_commit(self, partition: int) -> int:
        """Return what the committed checkpoint covers; Kafka is asked once an assignment."""
        if partition not in self._covered:
            name = await self._store.committed_name(partition)
            self._covered[partition] = await self._store.covered_by(partition, name)
        return self._covered[partition]

    async def _compare(self, partition: int, entry: PartitionEntry[StateT], offset: int) -> None:
        """Compare the log with what a state covers, and go on where the log does.

        An agent that can recover ends what stood open before messages were deleted unjudged: the
        ends may have been among them. Raise ``UnavailableError`` where the log goes on before the
        message at ``offset``: what was read ahead of it must be read again, from the offset that is
        committed here.
        """
        entry.is_compared = True
        if entry.save_task is not None:
            await entry.save_task  # else it is committed after what is committed here
        log_break = await self._store.find_break(partition, entry.next_offset, entry.last_ms)
        if log_break is None:
            return
        log.error("log.broken", agent=self._agent, reason=log_break.text)
        metrics.LOG_BREAKS.labels(self._agent).inc()
        await self._codec.tell_break(log_break)
        if not entry.is_ahead:
            if self._codec.recover is not None and not log_break.is_cut:
                entry.state = await self._codec.recover()
            entry.next_offset, entry.last_ms = log_break.next_offset, None
            await self._snapshot(partition, entry, self._begin_packing(entry))
            if offset > log_break.next_offset:
                raise UnavailableError(f"{log_break.text}: the worker reads it anew from there")

    async def _refuse_omission(
        self, partition: int, entry: PartitionEntry[StateT], offset: int
    ) -> None:
        """Raise ``UnavailableError`` where messages were left out: the next worker reads them.

        In a log that goes on offsets may be missing all the same: a transaction's marks take one
        each, what was compacted is gone, and a batch that cannot be read has its last one alone.
        """
        if entry.has_marks and offset == entry.next_offset + 1:
            return
        first = await self._store.first_message(partition, entry.next_offset)
        if first is None or first < offset:
            log.error(
                "messages.omitted",
                agent=self._agent,
                partition=partition,
                offset=offset,
                next_offset=entry.next_offset,
            )
            raise UnavailableError(
                f"offsets {entry.next_offset} to {offset - 1} of partition {partition} were not "
                f"handed to the {self._agent} agent: the worker reads them anew"
            )
        entry.has_marks = entry.has_marks or offset == entry.next_offset + 1

    def mark_flushed(self, partition: int) -> None:
        """Note that all that follows from a partition's judged messages is stored.

        Take its snapshot, if that is due.
        """
        entry = self._partitions.get(partition)
        if entry is not None and entry.outstanding:
            entry.outstanding = False
            if not entry.judging:
                self._save_if_due(partition, entry)

    def next_offset(self, partition: int) -> int | None:
        """Return the offset before which all is judged and stored; 0 while that is not known.

        None if no message was read since the partition was assigned.
        """
        entry = self._partitions.get(partition)
        if entry is None or entry.reassigned:
            return None
        return 0 if entry.lost or entry.is_ahead else entry.next_offset

    def on_assigned(self, partitions: Iterable[int]) -> None:
        """Note all partitions that this worker has now.

        Other workers may have had them meanwhile, so each state is compared with the group's commit
        before its next message.
        """
        assigned = set(partitions)
        log.info("partitions.assigned", agent=self._agent, partitions=sorted(assigned))
        for partition in self._partitions.keys() - assigned:
            del self._partitions[partition]
        self._covered.clear()
        for entry in self._partitions.values():
            entry.reassigned = True

    def snapshot_due(self) -> None:
        """Take the snapshots that are due; raise the error with which storing an earlier failed."""
        for partition, entry in list(self._partitions.items()):
            if entry.save_task is not None and entry.save_task.done():
                entry.save_task.result()
                entry.save_task = None
            if not entry.is_ahead:
                self._save_if_due(partition, entry)

    async def save_all(self) -> None:
        """Save every state that is not saved: partitions go, or the worker stops.

        States that are ahead of what is stored are left out; their messages are judged anew.
        """
        for partition, entry in list(self._partitions.items()):
            if entry.save_task is not None:
                await entry.save_task
            if entry.is_unsaved and not entry.is_ahead:
                await self._snapshot(partition, entry, self._begin_packing(entry))

    async def _current(
        self, partition: int, entry: PartitionEntry[StateT] | None, offset: int
    ) -> PartitionEntry[StateT]:
        """Return the state of an assigned partition: from memory, or as ``StateLoader`` has it.

        ``offset`` is that of its first message. What was recovered is saved at once, so that the
        next start finds a checkpoint that can be read.
        """
        name = await self._store.committed_name(partition)
        if entry is not None and not entry.lost and name == entry.saved_name:
            entry.reassigned = False
            return entry
        loaded = await self._loader.load(partition, name, offset)
        entry = loaded.entry
        if loaded.origin == "recovery":
            await self._snapshot(partition, entry, self._begin_packing(entry))
        elif loaded.origin == "checkpoint":
            await self._compare(partition, entry, offset)
        return entry

    def _save_if_due(self, partition: int, entry: PartitionEntry[StateT]) -> None:
        if (
            entry.is_unsaved
            and entry.save_task is None
            and time.monotonic() >= entry.snapshot_from_s
        ):
            saving = self._snapshot(partition, entry, self._begin_packing(entry))
            entry.save_task = asyncio.create_task(saving)

    def _begin_packing(self, entry: PartitionEntry[StateT]) -> asyncio.Event:
        """Keep the state from being changed, from now on and until the event is set."""
        entry.packing = asyncio.Event()
        return entry.packing

    async def _snapshot(
        self, partition: int, entry: PartitionEntry[StateT], packing: asyncio.Event
    ) -> None:
        """Pack a state and save it; precondition: it is ``packing`` that keeps it from changing."""
        covers = entry.covers
        try:
            packed = await self._pack(entry)
        finally:
            entry.packing = None
            packing.set()
        await self._save(partition, entry, covers, packed)

    async def _pack(self, entry: PartitionEntry[StateT]) -> bytes:
        start_s = time.monotonic()
        packed = await self._turns.work_off(self._codec.pack(entry.state))
        now_s = time.monotonic()
        entry.snapshot_from_s = now_s + max(
            SNAPSHOT_EVERY_S, _PAUSE_PER_SNAPSHOT * (now_s - start_s)
        )
        return packed

    async def _save(
        self,
        partition: int,
        entry: PartitionEntry[StateT],
        covers: tuple[int, int | None],
        packed: bytes,
    ) -> None:
        next_offset, last_ms = covers
        name = await self._store.save(partition, next_offset, last_ms, packed)
        if name is not None:
            entry.saved_name, entry.saved_offset = name, next_offset
            return
        log.warning(
            "checkpoint.refused", agent=self._agent, partition=partition, offset=next_offset
        )
        entry.lost = True  # what is judged from here on is the new owner's to judge
