"""Where a partition's log no longer goes on from what a state covers, and where to go on then.

    covered  ....|last|next            the log holds the last covered message: it goes on
    cut      ....|                     it ends before, or another message stands in that place:
                 |new|new              a broker lost its tail, or the topic was made anew
    gap                   |first       it begins later: what was not judged has been deleted

Offsets alone do not tell a message that was covered from a new one in its place; the time at which
the last covered one was stored does. Judges nothing and changes nothing in Kafka.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.adapters.stopping import stop_reading
from skyfence.times import LATEST_MS, format_time, from_ms

_READ_MS: Final = 5_000
# A broker that has just taken a partition over may not know yet how far all copies have come, and
# then names an end that is too low.
_SETTLED_S: Final = 2.0


@dataclass(frozen=True)
class LogBreak:
    """A log that does not go on: ``covered`` is the offset that should come next.

    ``next_offset`` is where to go on, ``last_ms`` when the last covered message was stored, in ms
    since 1970, if that is known. ``is_cut``: the log lost its tail; else its head is missing.
    """

    partition: TopicPartition
    covered: int
    next_offset: int
    last_ms: int | None
    is_cut: bool

    @property
    def text(self) -> str:
        """Return what happened, for people."""
        where = f"{self.partition.topic}/{self.partition.partition}"
        last = "an unknown time"
        if self.last_ms is not None and 0 <= self.last_ms <= LATEST_MS:
            last = format_time(from_ms(self.last_ms))
        if self.is_cut:
            return (
                f"the log of {where} was cut: offset {self.covered - 1}, stored at {last}, is gone "
                f"or another message's; judged on from offset {self.next_offset}"
            )
        return (
            f"offsets {self.covered} to {self.next_offset - 1} of {where} were deleted before they "
            f"were judged: nothing is known from {last} on until the next message"
        )


async def find_break(
    settings: Settings, partition: TopicPartition, covered: int, last_ms: int | None
) -> LogBreak | None:
    """Compare a log with what a state covers; None where it goes on.

    ``covered`` is the offset of the first message that the state does not cover, ``last_ms`` the
    timestamp of the one before it. Raise ``KafkaError`` where Kafka does not answer.
    """
    async with _reading(settings, partition) as consumer:
        log_break = await _look(consumer, partition, covered, last_ms)
        if log_break is None:
            return None
        await asyncio.sleep(_SETTLED_S)
        return await _look(consumer, partition, covered, last_ms)


async def first_message(settings: Settings, partition: TopicPartition, start: int) -> int | None:
    """Return the offset of the first message from ``start`` on; None where Kafka hands out none.

    Raise ``KafkaError`` where Kafka does not answer.
    """
    async with _reading(settings, partition) as consumer:
        consumer.seek(partition, start)
        fetched = await consumer.getmany(partition, timeout_ms=_READ_MS, max_records=1)
        return next((record.offset for records in fetched.values() for record in records), None)


@asynccontextmanager
async def _reading(
    settings: Settings, partition: TopicPartition
) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer of one partition."""
    consumer = AIOKafkaConsumer(
        **kafka_options(settings), enable_auto_commit=False, auto_offset_reset="none"
    )
    await consumer.start()
    try:
        consumer.assign([partition])
        yield consumer
    finally:
        await stop_reading(consumer)


async def _look(
    consumer: AIOKafkaConsumer, partition: TopicPartition, covered: int, last_ms: int | None
) -> LogBreak | None:
    """Compare once."""
    begin = (await consumer.beginning_offsets([partition]))[partition]
    end = (await consumer.end_offsets([partition]))[partition]
    if begin > covered:
        return LogBreak(partition, covered, begin, last_ms, is_cut=False)
    if not await _is_cut(consumer, partition, (begin, end), covered, last_ms):
        return None
    following = begin  # without a time nothing new can be told from what is covered
    if last_ms is not None:
        entry = (await consumer.offsets_for_times({partition: last_ms}))[partition]
        following = end if entry is None else entry.offset
    return LogBreak(partition, covered, following, last_ms, is_cut=True)


async def _is_cut(
    consumer: AIOKafkaConsumer,
    partition: TopicPartition,
    bounds: tuple[int, int],
    covered: int,
    last_ms: int | None,
) -> bool:
    """Tell whether the last covered message is not the one that stands in its place."""
    begin, end = bounds
    if covered > end or covered <= begin or last_ms is None:
        return covered > end
    consumer.seek(partition, covered - 1)
    fetched = await consumer.getmany(partition, timeout_ms=_READ_MS, max_records=1)
    for records in fetched.values():
        for record in records:
            # In that place may also stand nothing: what a transaction left, or was compacted.
            return bool(record.offset == covered - 1 and record.timestamp != last_ms)
    return False
