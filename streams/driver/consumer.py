"""Commits that carry a checkpoint: the one switch between an old state and a new one.

A commit to a consumer group holds an offset and some text, is atomic, and is refused by the broker
for who has lost the partition. So the text names the checkpoint that covers the offset, and the
two cannot come apart: not by a crash between them, nor by a worker that writes too late.

Faust commits what it saw acknowledged, which a checkpoint need not cover yet; that commit is left
out here. docs/decisions/0002 has the reasons.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import faust
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from streams.driver.producer import IdempotentProducer

Leaving = Callable[[], Awaitable[None]]


class CheckpointConsumer(Consumer):  # type: ignore[misc]  # Faust has no types
    """Faust's consumer, which commits checkpoints and nothing else."""

    async def commit_checkpoint(self, topic: str, partition: int, offset: int, text: str) -> bool:
        """Commit an offset with its checkpoint; return False if the partition is another's now."""
        thread = cast("Any", self._thread)
        given = {TopicPartition(topic, partition): OffsetAndMetadata(offset, text)}
        try:
            await thread.call_thread(thread._ensure_consumer().commit, given)
        except (CommitFailedError, IllegalStateError):
            return False
        return True

    async def committed_checkpoint(self, topic: str, partition: int) -> str:
        """Return the text beside the group's offset of a partition; without one it is empty."""
        thread, name = cast("Any", self._thread), TopicPartition(topic, partition)
        coordinator = thread._ensure_consumer()._coordinator
        found = (await thread.call_thread(coordinator.fetch_committed_offsets, [name])).get(name)
        return "" if found is None or found.offset < 0 else str(found.metadata)

    async def commit_and_end_transactions(self) -> None:
        """Write a last checkpoint: Faust calls this before partitions go, and before it stops."""
        await cast("CheckpointingApp", self.app).leaving()
        await super().commit_and_end_transactions()

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True


class CheckpointingApp(faust.App):  # type: ignore[misc]
    """A Faust app whose partitions are given up with a checkpoint. ``leaving`` writes it."""

    leaving: Leaving

    def _new_transport(self) -> Any:
        transport = super()._new_transport()
        transport.Consumer = CheckpointConsumer
        transport.Producer = IdempotentProducer
        return transport
