"""How far each channel has been read, and reading on from there: what Redis keeps for those away.

The stream gives what was missed, the hash of what is active all that stands. Messages are known
again by their identifiers, so that none is told twice however often it is read.
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
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import ChannelMessage, parse_channel_message
from skyfence.naming import Channel

log = structlog.get_logger()

_Page = list[tuple[bytes, dict[bytes, bytes]]]

_PAGE: Final = 500  # messages of a stream read at once
_TOGETHER: Final = 100  # channels asked at once
_REMEMBERED: Final = 20_000  # messages of a channel: more than its stream holds


@dataclass(frozen=True)
class Received:
    """A message; ``live`` is False for what was caught up on."""

    channel: Channel
    message: ChannelMessage
    live: bool


@dataclass(frozen=True)
class Missed:
    """Messages that the stream does not hold any more; what is active follows."""

    channel: Channel
    first: int
    last: int


@dataclass
class ChannelCursor:
    """A channel, and how far it has been read; without a ``sequence`` it is new.

    ``epoch`` is that of the last message; ``joined`` where the sequence stood when we came: what is
    before is history, and not told.
    """

    channel: Channel
    sequence: int | None = None
    epoch: str | None = None
    joined: int = 0
    seen: OrderedDict[UUID, None] = field(default_factory=OrderedDict)

    def read(self, value: bytes) -> ChannelMessage | None:
        """Read a message; what is none is logged, and passed over."""
        try:
            return parse_channel_message(self.channel.audience, value)
        except ValidationError as error:
            name, reason = self.channel.name, describe_validation_error(error)
            log.warning("message.unreadable", channel=name, reason=reason)
            return None

    def read_all(self, values: Iterable[bytes]) -> list[ChannelMessage]:
        """Read messages, without what is none."""
        return [message for value in values if (message := self.read(value)) is not None]

    def since_we_came(self, messages: Sequence[ChannelMessage]) -> list[ChannelMessage]:
        """Return those messages that were published since we came: all of this epoch were.

        Where counting began anew with it, what follows in later epochs is no history either.
        """
        begun = [one.sequence - 1 for one in messages if one.epoch == self.epoch]
        self.joined = min([self.joined, *begun])
        return [one for one in messages if one.sequence > self.joined]

    def told(self, messages: Sequence[ChannelMessage], *, live: bool = False) -> list[Received]:
        """Return those messages that had not been told, in order."""
        ordered = sorted(messages, key=lambda message: message.sequence)
        return [Received(self.channel, one, live) for one in ordered if self._is_new(one)]

    def _is_new(self, message: ChannelMessage) -> bool:
        known = message.id in self.seen
        self.seen[message.id] = None
        if len(self.seen) > _REMEMBERED:
            self.seen.popitem(last=False)
        return not known


async def read_on(
    redis: Redis, channels: Sequence[ChannelCursor], *, again: bool = False
) -> list[Received | Missed]:
    """Read what is active of new channels, and of others what came since.

    All there is since we came is read where the newest message is of another epoch, or ``again``:
    Redis may have lost what we counted from. Raises ``UnavailableError``, and ``UsageError`` where
    the user may not read.
    """
    found: list[Received | Missed] = []
    with redis_errors(
        "redis gave no messages", forbidden="this redis user may not read what is missed"
    ):
        for start in range(0, len(channels), _TOGETHER):
            some = channels[start : start + _TOGETHER]
            for one, newest, active in await _standing(redis, some):
                found += await _read_one(redis, one, newest, active, again=again)
    return found


async def _standing(
    redis: Redis, channels: Sequence[ChannelCursor]
) -> list[tuple[ChannelCursor, ChannelMessage | None, list[ChannelMessage]]]:
    """Return the newest message of each channel, and what is active there."""
    async with redis.pipeline(transaction=False) as pipe:
        for one in channels:
            pipe.xrevrange(one.channel.stream, count=1)
            pipe.hgetall(one.channel.active)
        answers = await pipe.execute()
    found: list[tuple[ChannelCursor, ChannelMessage | None, list[ChannelMessage]]] = []
    for one, newest, kept in zip(channels, answers[::2], answers[1::2], strict=True):
        last = one.read(newest[0][1][b"message"]) if newest else None
        found.append((one, last, one.read_all(kept.values())))
    return found


async def _read_one(
    redis: Redis,
    one: ChannelCursor,
    newest: ChannelMessage | None,
    active: list[ChannelMessage],
    *,
    again: bool,
) -> list[Received | Missed]:
    last = newest.sequence if newest else 0
    before, one.epoch = one.epoch, newest.epoch if newest else one.epoch
    if one.sequence is None:
        one.sequence = one.joined = last
        return [*one.told(active)]
    if again or one.epoch != before:
        one.sequence = 0
        return [*await _read_stream(redis, one, None), *one.told(active)]
    return await _read_stream(redis, one, active) if last > one.sequence else []


async def _read_stream(
    redis: Redis, one: ChannelCursor, active: list[ChannelMessage] | None
) -> list[Received | Missed]:
    """Read a stream on; what is ``active`` is told where it does not go back far enough."""
    found: list[Received | Missed] = []
    key, expected = one.channel.stream, (one.sequence or 0) + 1
    while page := cast("_Page", await redis.xrange(key, min=str(expected), count=_PAGE)):
        first = _sequence(page[0][0])
        if first > expected and active is not None:
            found.append(Missed(one.channel, expected, first - 1))
            found += one.told(active)
        read = one.read_all([fields[b"message"] for _, fields in page])
        found += one.told(one.since_we_came(read))
        one.sequence = _sequence(page[-1][0])
        expected = one.sequence + 1
    return found


def _sequence(entry_id: bytes) -> int:
    return int(entry_id.split(b"-")[0])
