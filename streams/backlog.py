"""What of a topic's partitions is not judged yet: Kafka's ends beside what a worker has judged."""

from dataclasses import dataclass
from typing import Any

from streams.driver.app import CheckpointingApp
from streams.partition_state import PartitionStates


@dataclass(frozen=True)
class Backlog:
    """By partition of a worker: the ``end`` of its log, and how many messages before it are left.

    What is judged counts when all that follows from it is stored.
    """

    ends: dict[int, int]
    left: dict[int, int]


async def backlog(app: CheckpointingApp, states: PartitionStates[Any], topic: str) -> Backlog:
    """Return what is left of a topic's partitions; raise ``NotStartedError`` or ``KafkaError``."""
    ends = await app.end_offsets(topic)
    left = {number: end - await _next(app, states, topic, number) for number, end in ends.items()}
    return Backlog(ends, left)


async def _next(
    app: CheckpointingApp, states: PartitionStates[Any], topic: str, partition: int
) -> int:
    """Return the offset before which all is judged and stored.

    Where no message was read since the assignment that is where the consumer begins to read.
    """
    judged = states.next_offset(partition)
    return await app.next_offset(topic, partition) if judged is None else judged
