"""Commits that carry a checkpoint: one switch from an old state and offset to new ones.

A commit to a consumer group holds an offset and a text, is atomic, and is refused by the broker
for a member that has lost the partition. The text names the checkpoint that covers the offset, so
state and offset cannot come apart: neither by a crash between two writes, nor by a worker that
writes too late.

Faust commits the messages that were acknowledged to it, which a checkpoint need not cover yet; that
commit is left out here. docs/decisions/0002 has the reasons. Everything private that is used here
is that of faust-streaming 0.15.3, which is pinned exactly.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.exceptions import ConsumerNotStarted
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

# Half a queue lasts longer (``partition_queues``).
_LOOK_AGAIN_S: Final = 0.05


class NotStartedError(Exception):
    """The consumer has not started yet, or has stopped already."""


class CheckpointConsumer(Consumer):  # type: ignore[misc]  # mypy does not follow into Faust
    """Faust's consumer, which commits checkpoints and nothing else."""

    async def commit_checkpoint(self, topic: str, partition: int, offset: int, text: str) -> bool:
        """Commit an offset with a text; return False if another worker has the partition now.

        Faust's own ``commit`` has no place for a text. So the aiokafka consumer is reached through
        the private ``_thread._ensure_consumer``, and called in the thread that it lives in.
        """
        thread = cast("Any", self._thread)
        offsets = {TopicPartition(topic, partition): OffsetAndMetadata(offset, text)}
        try:
            await thread.call_thread(thread._ensure_consumer().commit, offsets)
        except (CommitFailedError, IllegalStateError):
            return False
        return True

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the end of each partition of a topic that this worker has; Kafka is asked.

        Raise ``NotStartedError`` before the consumer has started.
        """
        with _not_started():
            assigned = {tp for tp in self.assignment() if tp.topic == topic}
            ends = await self.highwaters(*assigned) if assigned else {}
        return {tp.partition: end for tp, end in ends.items()}

    async def next_offset(self, topic: str, partition: int) -> int:
        """Return the offset that is fetched next, 0 if unknown; raise ``NotStartedError``."""
        with _not_started():
            return int(await self.position(TP(topic, partition)) or 0)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Read each partition from what is committed; one of which nothing is from its beginning.

        aiokafka leaves the latter where it stands. Faust drops what it has fetched when partitions
        come or go and relies on this: the first messages of a new partition would never be judged.
        """
        committed: Mapping[TP, int] = await super().seek_to_committed()
        never = [TopicPartition(*partition) for partition, at in committed.items() if not at]
        if never:
            thread = cast("Any", self._thread)
            await thread.call_thread(thread._ensure_consumer().seek_to_beginning, *never)
        return committed

    async def wait_empty(self) -> None:
        """Wait for the messages that are being handled, before partitions go or this stops.

        Those that wait for their turn would take as long as a backlog does: whoever has their
        partition next reads them.
        """
        self.app.leave_queues()
        await super().wait_empty()

    async def commit_and_end_transactions(self) -> None:
        """Write a last checkpoint: Faust calls this before partitions go, and before it stops."""
        await self.app.on_leaving()
        await super().commit_and_end_transactions()

    async def _wait_next_records(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's parameter
    ) -> tuple[Mapping[TP, list[Any]] | None, set[TP] | None]:
        """Fetch; soon again where a partition is not fetched from, because its queue was full.

        Private: Faust waits for a second, in which a queue that has drained would stay empty.
        """
        if self.flow_active and self._buffered_partitions:
            if not self._get_active_partitions():
                await asyncio.sleep(_LOOK_AGAIN_S)
                return {}, set()
            timeout = min(timeout, _LOOK_AGAIN_S)
        records: tuple[Mapping[TP, list[Any]] | None, set[TP] | None]
        records = await super()._wait_next_records(timeout)
        return records

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # Private: every commit of Faust's own ends here, by its timer and by the line above.
        return True


@contextmanager
def _not_started() -> Iterator[None]:
    try:
        yield
    except ConsumerNotStarted as error:
        raise NotStartedError(str(error)) from None
