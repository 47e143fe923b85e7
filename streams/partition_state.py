"""State held for the partitions of a worker, each with the offset it covers.

State and offset belong together: a message below the offset is in the state already (Kafka hands
some out again after a crash) and is not judged twice. With the first message after a partition was
assigned the state is loaded from the checkpoint that the group's offset names; where this worker
wrote that itself, what it remembers is newer and stays.

    message ──▶ state_for ──▶ judged ... ──▶ all_stored ──▶ snapshot, if it is time ──▶ saved
    timer   ──▶ tick: the same where nothing more comes

What follows from several messages may be stored together. A snapshot is taken when nothing is
outstanding, at once; storing it goes on beside the next messages.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog

from skyfence.errors import InputError
from streams.checkpoint import CheckpointStore

log = structlog.get_logger()

# What a crash makes Kafka hand out again: little enough to be judged anew in no time.
SNAPSHOT_EVERY_S: Final = 0.5
# A large state takes a while to write, in which nothing is judged: 5 % of the time at most.
_PAUSES: Final = 20.0

StateT = TypeVar("StateT")


@dataclass(frozen=True)
class StateCodec(Generic[StateT]):
    """How one agent's state is begun, written and read."""

    begin: Callable[[], StateT]
    pack: Callable[[StateT], bytes]
    restore: Callable[[StateT, bytes], None]


@dataclass
class _Entry(Generic[StateT]):
    state: StateT
    next_offset: int
    saved: str  # the checkpoint that was loaded, or written last
    saved_offset: int
    returned: bool = False  # the partition was assigned anew, and nothing of it read since
    lost: bool = False  # another worker has it: nothing is judged until it is assigned anew
    judging: bool = False  # stays where judging was broken off: the state is half a message ahead
    outstanding: bool = False  # what follows from some message is not stored yet
    due_s: float = 0.0  # when it is time for a snapshot
    saving: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Tell whether the state is ahead of what is stored."""
        return self.judging or self.outstanding

    @property
    def is_new(self) -> bool:
        """Tell whether there is something to save, and this worker may."""
        return self.next_offset > self.saved_offset and not self.lost


class PartitionStates(Generic[StateT]):
    """The states of one agent, by partition."""

    def __init__(self, agent: str, kind: StateCodec[StateT], store: CheckpointStore) -> None:
        self._agent = agent
        self._kind = kind
        self._store = store
        self._entries: dict[int, _Entry[StateT]] = {}

    async def state_for(self, partition: int, offset: int) -> StateT | None:
        """Return the state to judge a message with, or None if it covers the message already."""
        entry = self._entries.get(partition)
        if entry is None or entry.returned:
            entry = self._entries[partition] = await self._current(partition, entry, offset)
        if entry.lost:
            return None
        if offset < entry.next_offset:
            log.info("message.repeated", agent=self._agent, partition=partition, offset=offset)
            return None
        entry.judging = True
        return entry.state

    def judged(self, partition: int, offset: int) -> None:
        """Note that a message is in the state, though what follows from it may not be stored."""
        entry = self._entries.get(partition)
        if entry is not None:  # else it has gone to another worker meanwhile
            entry.next_offset, entry.judging, entry.outstanding = offset + 1, False, True

    def all_stored(self) -> None:
        """Note that all that follows from what was judged is stored."""
        for partition, entry in self._entries.items():
            if entry.outstanding:
                entry.outstanding = False
                if not entry.judging:
                    self._save_if_due(partition, entry)

    def judged_to(self, partition: int) -> int | None:
        """Return the offset before which all is judged and stored; 0 while that is not known.

        None if nothing was read since the partition was assigned.
        """
        entry = self._entries.get(partition)
        if entry is None or entry.returned:
            return None
        return 0 if entry.lost or entry.busy else entry.next_offset

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note which partitions this worker has now: others may have had the new ones meanwhile."""
        kept = set(partitions)
        log.info("partitions.assigned", agent=self._agent, partitions=sorted(kept))
        for partition in [one for one in self._entries if one not in kept]:
            del self._entries[partition]
        for entry in self._entries.values():
            entry.returned = True

    def tick(self) -> None:
        """Take the snapshots that are due; raise what went wrong with storing one."""
        for partition, entry in list(self._entries.items()):
            if entry.saving is not None and entry.saving.done():
                entry.saving.result()
                entry.saving = None
            if not entry.busy:
                self._save_if_due(partition, entry)

    async def save_all(self) -> None:
        """Store whatever is not stored: partitions go, or the worker stops."""
        for partition, entry in list(self._entries.items()):
            if entry.saving is not None:
                await entry.saving
            if entry.is_new and not entry.busy:
                await self._save(partition, entry, entry.next_offset, self._pack(entry))

    async def _current(
        self, partition: int, entry: _Entry[StateT] | None, offset: int
    ) -> _Entry[StateT]:
        """Return the state of a partition that was assigned: ours, the checkpoint's, or none."""
        name = await self._store.named(partition)
        if entry is not None and not entry.lost and name == entry.saved:
            entry.returned = False
            return entry
        where = {"agent": self._agent, "partition": partition, "offset": offset}
        state, start_s = self._kind.begin(), time.monotonic()
        try:
            found = await self._store.load(partition, name)
            if found is not None:
                with _undisturbed():
                    self._kind.restore(state, found.state)
                    # Kept for long: else the next full collection walks it all, over a second.
                    gc.freeze()
        except InputError as error:
            log.error("checkpoint.unreadable", **where, reason=str(error))  # noqa: TRY400
            found, state = None, self._kind.begin()
        if found is None:
            log.info("state.begun", **where)
            return _Entry(state, offset, "", offset)
        taken_s = round(time.monotonic() - start_s, 3)
        log.info("checkpoint.loaded", **where, size=len(found.state), seconds=taken_s)
        return _Entry(state, found.next_offset, found.name, found.next_offset)

    def _save_if_due(self, partition: int, entry: _Entry[StateT]) -> None:
        if entry.is_new and entry.saving is None and time.monotonic() >= entry.due_s:
            packed = self._pack(entry)
            saving = self._save(partition, entry, entry.next_offset, packed)
            entry.saving = asyncio.create_task(saving)

    def _pack(self, entry: _Entry[StateT]) -> bytes:
        start_s = time.monotonic()
        with _undisturbed():
            packed = self._kind.pack(entry.state)
        now_s = time.monotonic()
        entry.due_s = now_s + max(SNAPSHOT_EVERY_S, _PAUSES * (now_s - start_s))
        return packed

    async def _save(self, partition: int, entry: _Entry[StateT], covers: int, state: bytes) -> None:
        name = await self._store.save(partition, covers, state)
        if name is not None:
            entry.saved, entry.saved_offset = name, covers
            return
        log.warning("checkpoint.refused", agent=self._agent, partition=partition, offset=covers)
        entry.lost = True  # what is judged from here on is the new owner's to judge


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold the garbage collector back: 100,000 tracks made at once are none, and it takes 3 s."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
