"""What a topic holds, read from its first message on, outside any group.

Commits nothing, and ends where the topic ends when the reading begins, or before.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.adapters.stopping import stop_reading

_FETCH_MS: Final = 1_000


async def stored_records(
    settings: Settings, topic: str, before: Mapping[int, int] | None = None
) -> AsyncIterator[Any]:
    """Yield the records that a topic holds, in order within each partition.

    With ``before``, of those partitions alone, each up to an offset. Raise aiokafka's errors where
    Kafka does not answer.
    """
    numbers = before or range(settings.topics.partitions(settings.track_partitions)[topic])
    partitions = [TopicPartition(topic, number) for number in numbers]
    consumer = AIOKafkaConsumer(
        **kafka_options(settings), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        if before is not None:
            ends = {at: min(end, before[at.partition]) for at, end in ends.items()}
        while any([await consumer.position(at) < end for at, end in ends.items()]):
            fetched = await consumer.getmany(timeout_ms=_FETCH_MS)
            for at, records in fetched.items():
                for record in records:
                    if record.offset < ends[at]:
                        yield record
    finally:
        await stop_reading(consumer)
