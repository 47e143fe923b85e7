"""A partition's state beside its offset, and how an agent makes, packs and restores its states."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from skyfence.steps import Steps
from streams.log_break import LogBreak

StateT = TypeVar("StateT")


@dataclass(frozen=True)
class StateCodec(Generic[StateT]):
    """How the state of one agent is made, packed and restored."""

    empty: Callable[[], StateT]
    pack: Callable[[StateT], Steps[bytes]]  # the state is not changed until it is done
    restore: Callable[[StateT, bytes], None]  # into an empty state; raises InputError
    # Tells people of a log that does not go on, and returns when that is stored, and all else.
    tell_break: Callable[[LogBreak], Awaitable[None]]
    # Makes the state to begin with where the agent's own is lost (the checkpoint cannot be read, or
    # messages were deleted before they were judged), and tells people; may be broken off, and is
    # then called again.
    recover: Callable[[], Awaitable[StateT]] | None = None


@dataclass
class PartitionEntry(Generic[StateT]):
    """One partition's state, with what is known of it."""

    state: StateT
    next_offset: int  # of the first message that is not in the state
    saved_name: str  # of the checkpoint that was loaded, or written last
    saved_offset: int  # its next_offset
    last_ms: int | None = None  # Kafka's timestamp of the last message in the state
    is_compared: bool = False  # with the log, since a message in the state was handed out again
    has_marks: bool = False  # transactions' marks take offsets in the log
    reassigned: bool = False  # the partition was assigned anew, and none of its messages read since
    lost: bool = False  # another worker has it: nothing is judged until it is assigned anew
    judging: bool = False  # stays where judging was broken off: the state is half a message ahead
    outstanding: bool = False  # what follows from some judged message is not stored yet
    snapshot_from_s: float = 0.0  # monotonic time from which the next snapshot is due
    save_task: asyncio.Task[None] | None = None
    packing: asyncio.Event | None = None  # set when the state, which is being packed, may change

    @property
    def covers(self) -> tuple[int, int | None]:
        """Return what the state covers: the offset that comes next, the time of the last one."""
        return self.next_offset, self.last_ms

    @property
    def is_ahead(self) -> bool:
        """Tell whether the state is ahead of what is stored, so that no snapshot may be taken."""
        return self.judging or self.outstanding

    @property
    def is_unsaved(self) -> bool:
        """Tell whether there is something to save, and this worker may."""
        return self.next_offset > self.saved_offset and not self.lost
