"""How far each channel has been read, and the reading of what came since: catching up.

    new here             ──▶ what is active (a hash in Redis), the place's state before incidents
    been away            ──▶ the stream from the cursor's sequence on; what is active after a hole
    another epoch, or    ──▶ the stream from where the cursor joined, and what is active
      counted anew

Messages are recognized by their identifiers, so that none is handed out twice however often it is
read, and steps of a chain by their number, so that none comes after a later one: a Redis that came
back as it was before is given its steps once more. Subscribing is ``feed``'s.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, cast
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from skyfence.adapters.redis import redis_errors
from skyfence.contracts.alert import PlaceAlert
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import (
    ChannelMessage,
    NoteMessage,
    OperatorsMessage,
    parse_channel_message,
)
from skyfence.naming import Channel

log = structlog.get_logger()

_Page = list[tuple[bytes, dict[bytes, bytes]]]

_PAGE_MESSAGES: Final = 500  # of a stream, in one answer
_BATCH_CHANNELS: Final = 100  # in one pipeline
_SEEN_MESSAGES: Final = 20_000  # of a channel: more than its stream holds


@dataclass(frozen=True)
class Received:
    """A message of a channel; ``live`` is False for one that was caught up on."""

    channel: Channel
    message: ChannelMessage
    live: bool


@dataclass(frozen=True)
class Missed:
    """Sequences ``first`` to ``last``, which the stream does not hold any more.

    The channel's active messages follow.
    """

    channel: Channel
    first: int
    last: int


@dataclass
class ChannelCursor:
    """A channel, and how far it has been read.

    ``sequence`` is that of the last message read, None while the channel is new; ``epoch`` is that
    message's. ``joined_at`` is the sequence that the channel had when the cursor came to it: what
    is before is history, and not handed out. ``seen`` holds the identifiers of
    the last 20,000 messages that were handed out, oldest first, ``steps`` the last step of each
    chain, by incident.
    """

    channel: Channel
    sequence: int | None = None
    epoch: str | None = None
    joined_at: int = 0
    seen: OrderedDict[UUID, None] = field(default_factory=OrderedDict)
    steps: OrderedDict[UUID, int] = field(default_factory=OrderedDict)

    def parse(self, value: bytes) -> ChannelMessage | None:
        """Return the message that a value holds; None, and a line in the log, if it holds none."""
        try:
            return parse_channel_message(self.channel.audience, value)
        except ValidationError as error:
            name, reason = self.channel.name, describe_validation_error(error)
            log.warning("message.unreadable", channel=name, reason=reason)
            return None

    def parse_all(self, values: Iterable[bytes]) -> list[ChannelMessage]:
        """Return the messages that some values hold, in the same order."""
        return [message for value in values if (message := self.parse(value)) is not None]

    def after_joining(self, messages: Sequence[ChannelMessage]) -> list[ChannelMessage]:
        """Return those messages that were published after the cursor joined the channel.

        All messages of the cursor's present epoch were. If that epoch counted anew, from a lower
        sequence than ``joined_at``, that moves down with it: later epochs hold no history either.
        """
        begun = [message.sequence - 1 for message in messages if message.epoch == self.epoch]
        self.joined_at = min([self.joined_at, *begun])
        return [message for message in messages if message.sequence > self.joined_at]

    def take_new(self, messages: Sequence[ChannelMessage], *, live: bool = False) -> list[Received]:
        """Return those messages that were not handed out before, by sequence, and note them."""
        ordered = sorted(messages, key=lambda message: message.sequence)
        return [Received(self.channel, message, live) for message in ordered if self._note(message)]

    def _note(self, message: ChannelMessage) -> bool:
        """Note a message as seen; return whether it is new, and no step before one seen."""
        is_new = message.id not in self.seen
        self.seen[message.id] = None
        if len(self.seen) > _SEEN_MESSAGES:
            self.seen.popitem(last=False)
        return is_new and self._is_next_step(message)

    def _is_next_step(self, message: ChannelMessage) -> bool:
        """Note the step of a message's chain; tell whether no later one was noted."""
        if isinstance(message, NoteMessage):
            return True
        incident_id, step = message.alert.incident_id, message.alert.step
        last = self.steps.pop(incident_id, 0)
        self.steps[incident_id] = max(step, last)
        if len(self.steps) > _SEEN_MESSAGES:
            self.steps.popitem(last=False)
        return step > last


async def catch_up(
    redis: Redis, cursors: Sequence[ChannelCursor], *, reread: bool = False
) -> list[Received | Missed]:
    """Read channels to their ends: what is active of new ones, of others what came since.

    Moves the cursors. A channel whose newest message is of another epoch is read anew from where
    its cursor joined, and with ``reread`` all are: Redis may have lost the messages that their
    sequences were counted from. Raises ``UnavailableError`` where Redis fails, and ``UsageError``
    where the user may not read a channel.
    """
    events: list[Received | Missed] = []
    with redis_errors(
        "redis gave no messages", forbidden="this redis user may not read what is missed"
    ):
        for start in range(0, len(cursors), _BATCH_CHANNELS):
            batch = cursors[start : start + _BATCH_CHANNELS]
            for cursor, newest, active in await _heads(redis, batch):
                events += await _read_channel(redis, cursor, newest, active, reread=reread)
    return events


async def _heads(
    redis: Redis, cursors: Sequence[ChannelCursor]
) -> list[tuple[ChannelCursor, ChannelMessage | None, list[ChannelMessage]]]:
    """Return each channel's cursor, its newest message, and its active messages."""
    async with redis.pipeline(transaction=False) as pipe:
        for cursor in cursors:
            pipe.xrevrange(cursor.channel.stream, count=1)
            pipe.hgetall(cursor.channel.active)
        answers = await pipe.execute()
    heads: list[tuple[ChannelCursor, ChannelMessage | None, list[ChannelMessage]]] = []
    for cursor, entries, active in zip(cursors, answers[::2], answers[1::2], strict=True):
        newest = cursor.parse(entries[0][1][b"message"]) if entries else None
        heads.append((cursor, newest, cursor.parse_all(active.values())))
    return heads


async def _read_channel(
    redis: Redis,
    cursor: ChannelCursor,
    newest: ChannelMessage | None,
    active: list[ChannelMessage],
    *,
    reread: bool,
) -> list[Received | Missed]:
    """Read one channel to its end, as the module's diagram says."""
    last = newest.sequence if newest else 0
    before, cursor.epoch = cursor.epoch, newest.epoch if newest else cursor.epoch
    if cursor.sequence is None:
        cursor.sequence = cursor.joined_at = last
        return sorted(cursor.take_new(active), key=_is_evidence)
    if reread or cursor.epoch != before:
        cursor.sequence = 0
        return [*await _read_stream(redis, cursor, None), *cursor.take_new(active)]
    return await _read_stream(redis, cursor, active) if last > cursor.sequence else []


async def _read_stream(
    redis: Redis, cursor: ChannelCursor, active: list[ChannelMessage] | None
) -> list[Received | Missed]:
    """Read a stream from the cursor's sequence to its end.

    Where the stream does not go back that far, say what is missed and hand out ``active``; None
    says that a hole is of no interest.
    """
    events: list[Received | Missed] = []
    key, expected = cursor.channel.stream, (cursor.sequence or 0) + 1
    while page := cast("_Page", await redis.xrange(key, min=str(expected), count=_PAGE_MESSAGES)):
        first = _sequence(page[0][0])
        if first > expected and active is not None:
            events.append(Missed(cursor.channel, expected, first - 1))
            events += cursor.take_new(active)
        messages = cursor.parse_all([fields[b"message"] for _, fields in page])
        events += cursor.take_new(cursor.after_joining(messages))
        cursor.sequence = _sequence(page[-1][0])
        expected = cursor.sequence + 1
    return events


def _is_evidence(received: Received | Missed) -> bool:
    """Tell whether a message is another than a place's state, which comes first."""
    message = received.message if isinstance(received, Received) else None
    return not (isinstance(message, OperatorsMessage) and isinstance(message.alert, PlaceAlert))


def _sequence(entry_id: bytes) -> int:
    """Return the sequence of a stream's entry, which its identifier begins with."""
    return int(entry_id.split(b"-")[0])
