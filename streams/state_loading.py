"""Where the state of a newly assigned partition comes from: its checkpoint, recovery, or nothing.

checkpoint that the group's commit names ──▶ restored
none, at the beginning of the log ─────────▶ empty
unreadable, or none and the head is gone ──▶ recovered, where the agent can
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, Literal

import structlog

from skyfence.adapters import metrics
from skyfence.errors import InputError
from streams.checkpoint import Checkpoint, CheckpointStore
from streams.partition_entry import PartitionEntry, StateCodec, StateT

log = structlog.get_logger()

# What to do about a checkpoint that cannot be read.
_REMEDY: Final = (
    "run the skyfence that wrote it, or a newer one; docs/upgrades.md says how to begin without it"
)


@dataclass(frozen=True)
class LoadedEntry(Generic[StateT]):
    """A partition's state, and where it comes from."""

    entry: PartitionEntry[StateT]
    origin: Literal["checkpoint", "nothing", "recovery"]


class StateLoader(Generic[StateT]):
    """Loads the states of one agent."""

    def __init__(self, agent: str, codec: StateCodec[StateT], store: CheckpointStore) -> None:
        self._agent = agent
        self._codec = codec
        self._store = store

    async def load(self, partition: int, name: str, offset: int) -> LoadedEntry[StateT]:
        """Return the state that the checkpoint of a name holds; other texts name none.

        ``offset`` is that of the partition's first message, where an empty state begins. Raise
        ``InputError`` where a checkpoint is named that cannot be read, and the agent has no way to
        begin without.
        """
        context = {"agent": self._agent, "partition": partition, "offset": offset}
        state, start_s = self._codec.empty(), time.monotonic()
        try:
            checkpoint = await self._store.load(partition, name)
            if checkpoint is not None:
                self._restore(state, checkpoint)
        except InputError as error:
            log.error("checkpoint.unreadable", **context, reason=str(error))  # noqa: TRY400
            metrics.CHECKPOINTS_UNREADABLE.labels(self._agent).inc()
            if self._codec.recover is None:
                # Whoever began with nothing would leave every open incident without an end.
                raise InputError(f"{error}; {_REMEDY}") from None
            return LoadedEntry(_begun(await self._codec.recover(), offset), "recovery")
        if checkpoint is None and offset > 0 and self._codec.recover is not None:
            # The log's head is gone, and with it what had opened things that may stand still.
            log.error("state.lost", **context)
            return LoadedEntry(_begun(await self._codec.recover(), offset), "recovery")
        if checkpoint is None:
            log.info("state.begun", **context)
            return LoadedEntry(_begun(state, offset), "nothing")
        took_s = round(time.monotonic() - start_s, 3)
        log.info("checkpoint.loaded", **context, size=len(checkpoint.state), seconds=took_s)
        covered, last_ms = checkpoint.next_offset, checkpoint.last_ms
        entry = PartitionEntry(state, covered, checkpoint.name, covered, last_ms=last_ms)
        return LoadedEntry(entry, "checkpoint")

    def _restore(self, state: StateT, checkpoint: Checkpoint) -> None:
        with _collector_paused():
            self._codec.restore(state, checkpoint.state)
            # It lives long: else the next full collection walks it all, over a second.
            gc.freeze()


def _begun(state: StateT, offset: int) -> PartitionEntry[StateT]:
    return PartitionEntry(state, offset, saved_name="", saved_offset=offset)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the garbage collector while 100,000 live objects are made at once.

    A full collection would walk them all (3 s) and free nothing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
