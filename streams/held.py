"""State held for the partitions of a worker, each with the offset it covers.

State and offset belong together: a message below the offset is in the state already (Kafka hands
some out again after a rebalance) and is not judged twice. When a partition comes back and its first
message is beyond the offset, others have worked on it meanwhile, and the state is begun anew; a gap
later on is only what compaction or a transaction's marker left.

This is the place of the checkpoint: what ``begin`` makes empty today will be loaded from it, and
``covered`` is where it will be written.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger()

State = TypeVar("State")


@dataclass
class _Entry(Generic[State]):
    state: State
    next_offset: int
    returned: bool = False  # the partition was assigned anew, and nothing of it read since


class Held(Generic[State]):
    """The states of one agent, by partition."""

    def __init__(self, agent: str, begin: Callable[[], State]) -> None:
        self._agent = agent
        self._begin = begin
        self._entries: dict[int, _Entry[State]] = {}

    def state_for(self, partition: int, offset: int) -> State | None:
        """Return the state to judge a message with, or None if it covers the message already."""
        entry = self._entries.get(partition)
        if entry is not None and offset < entry.next_offset:
            log.info("message.repeated", agent=self._agent, partition=partition, offset=offset)
            return None
        if entry is None or (entry.returned and offset > entry.next_offset):
            log.info("state.begun", agent=self._agent, partition=partition, offset=offset)
            entry = self._entries[partition] = _Entry(self._begin(), offset)
        entry.returned = False
        return entry.state

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note that partitions were handed out anew: others may have had them meanwhile."""
        for partition in partitions:
            if partition in self._entries:
                self._entries[partition].returned = True

    def covered(self, partition: int, offset: int) -> None:
        """Note that a message is in the state, and all that follows from it is stored."""
        self._entries[partition].next_offset = offset + 1
