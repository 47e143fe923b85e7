"""A subscriber's side: every message of some channels once and in order, whatever comes between.

    connect ──▶ subscribe ──▶ catch up ──▶ live
       ▲                         ▲           │ a gap in the sequence, or another epoch
       │                         └───────────┤
       └── pause ◀── cut, or no answer ◀─────┘ no heartbeat: silent

``places`` tells the state of places in one read. A new subscriber first gets the messages that are
active, and then those that come. After a cut the
channels' streams give what was missed (``catch_up``). "No alert" and "no connection" never look
alike: whatever lies between a publisher and the subscriber has events of its own. docs/clients.md
says the same for other languages.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from skyfence.adapters.backoff import Backoff
from skyfence.adapters.redis import connect, redis_errors
from skyfence.adapters.settings import Settings
from skyfence.client.catch_up import ChannelCursor, Missed, Received, catch_up
from skyfence.client.place_states import read_places
from skyfence.contracts.channel_message import Heartbeat, OperatorsMessage
from skyfence.errors import UnavailableError
from skyfence.naming import Audience, Channel, heartbeat_channel

__all__ = [
    "AlertFeed",
    "Alive",
    "Connected",
    "Disconnected",
    "FeedEvent",
    "Judged",
    "Missed",
    "Received",
    "Silent",
    "Unjudged",
]

# Heartbeats come every five seconds; three missing are no accident.
SILENT_AFTER_S: Final = 15.0
# After a reconnection at least this long is waited for a heartbeat: its interval and a margin.
_NEXT_BEAT_S: Final = 6.0
# A connection on which Redis does not answer within this is dead.
_ANSWER_S: Final = 5.0
_POLL_S: Final = 0.5
# Between attempts to connect, doubled each time.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
# Payloads of our pings: the pong comes behind everything that was published before.
_SETTLE: Final = b"skyfence-settle"
_OPENED: Final = b"skyfence-opened"


@dataclass(frozen=True)
class Connected:
    """From here on messages come as they are published; those before have been yielded."""


@dataclass(frozen=True)
class Disconnected:
    """There is no connection: nothing comes until ``Connected``, whatever happens."""

    reason: str


@dataclass(frozen=True)
class Silent:
    """Redis answers, but no heartbeat of a publisher has come for so many ``seconds``."""

    seconds: float


@dataclass(frozen=True)
class Alive:
    """Heartbeats come again after ``Silent``."""


@dataclass(frozen=True)
class Unjudged:
    """Heartbeats come, and say that reports are not judged; they were ``until`` then, if known."""

    until: datetime | None


@dataclass(frozen=True)
class Judged:
    """Reports are judged again after ``Unjudged``."""


FeedEvent = Received | Missed | Connected | Disconnected | Silent | Alive | Unjudged | Judged


class AlertFeed:
    """The messages of some channels, from those that are active now on, without end.

    Entering it connects; raises ``UnavailableError`` where Redis cannot be reached and
    ``UsageError`` where its user may not subscribe to a channel. Iterating it yields events, and
    connects again by itself when the connection is lost: with the settings that ``reach`` returns
    at that time, or with the same. A user who is refused then ends the iteration with
    ``UsageError``. One task may iterate at a time.
    """

    def __init__(
        self,
        settings: Settings,
        channels: Sequence[Channel],
        *,
        reach: Callable[[], Settings] | None = None,
    ) -> None:
        self._settings = settings
        self._reach = reach or (lambda: settings)
        self._cursors = {channel.name: ChannelCursor(channel) for channel in channels}
        self._heartbeats = heartbeat_channel(settings.environment)
        self._redis: Redis | None = None
        self._pubsub: PubSub | None = None
        self._backlog: list[Received | Missed] = []  # published before we subscribed
        self._opened = False  # all that is read from now on was published after that
        self._settled = asyncio.Event()
        self._beaten_s = 0.0
        self._judging = True

    async def __aenter__(self) -> Self:
        """Connect, subscribe and catch up: nothing that is published from now on is lost."""
        await self._subscribe(self._settings)
        self._beaten_s = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Unsubscribe and disconnect."""
        await self._drop()

    async def __aiter__(self) -> AsyncIterator[FeedEvent]:
        """Yield messages, and what becomes of the connection; ends only by an exception."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            try:
                if self._pubsub is None:
                    await self._subscribe(self._reach())
                for caught_up in self._backlog:
                    yield caught_up
                yield Connected()
                backoff.reset()
                async for event in self._live():
                    yield event
            except UnavailableError as error:
                await self._drop()
                yield Disconnected(str(error))
            await asyncio.sleep(backoff.next_s())

    async def places(self) -> list[OperatorsMessage]:
        """Return the last message of each place of the feed's channels, ``clear`` included.

        One read; call it once the feed is entered, before iterating: what changes afterwards comes
        as a message. Raises ``UnavailableError`` without a connection or where Redis fails, and
        ``UsageError`` where the user may not read the states of places.
        """
        if self._redis is None:
            raise UnavailableError("there is no connection to redis")
        channels = [cursor.channel for cursor in self._cursors.values()]
        own = {channel.place for channel in channels if channel.audience is Audience.OPERATORS}
        return await read_places(self._redis, self._settings.environment, own)

    async def settle(self) -> None:
        """Return when everything published before this call has been read by the iteration.

        Redis answers in order: what comes back after a ping was published after it.
        """
        self._settled.clear()
        if self._pubsub is not None:
            await self._pubsub.ping(_SETTLE)
            await self._settled.wait()

    async def _subscribe(self, settings: Settings) -> None:
        """Connect, subscribe, and catch up once Redis has confirmed every channel."""
        redis = await connect(settings)
        self._redis, self._pubsub = redis, redis.pubsub()
        try:
            await self._open(self._pubsub)
        except BaseException:
            await self._drop()
            raise

    async def _open(self, pubsub: PubSub) -> None:
        names = [*self._cursors, self._heartbeats]
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        with redis_errors(
            "redis took no subscription",
            forbidden=f"this user may not subscribe to {shown} in redis",
        ):
            async with asyncio.timeout(_ANSWER_S):
                await pubsub.subscribe(*names)
                for _ in names:
                    await pubsub.get_message(timeout=None)
            self._backlog = await self._catch_up(list(self._cursors.values()))
            self._opened = False
            await pubsub.ping(_OPENED)

    async def _drop(self) -> None:
        redis, pubsub, self._redis, self._pubsub = self._redis, self._pubsub, None, None
        if pubsub is not None:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
        if redis is not None:
            await redis.aclose()

    async def _live(self) -> AsyncIterator[FeedEvent]:
        """Yield what comes live; raise ``UnavailableError`` when the connection is cut or dead."""
        waited_s = SILENT_AFTER_S - _NEXT_BEAT_S
        self._beaten_s = max(self._beaten_s, time.monotonic() - waited_s)
        silent = False
        while True:
            received = await self._next()
            silence_s = time.monotonic() - self._beaten_s
            if received is None or received["type"] == "pong":
                if not silent and silence_s > SILENT_AFTER_S:
                    silent = True
                    await self._probe()
                    yield Silent(silence_s)
                continue
            name = received["channel"].decode()
            if name == self._heartbeats:
                self._beaten_s = time.monotonic()
                if silent:
                    silent = False
                    yield Alive()
                if (judging := self._judging_news(received["data"])) is not None:
                    yield judging
                continue
            for event in await self._take(self._cursors[name], received["data"]):
                yield event

    def _judging_news(self, heartbeat: bytes) -> Unjudged | Judged | None:
        """Return what a heartbeat says of the judging, where that is new."""
        try:
            beat = Heartbeat.model_validate_json(heartbeat)
        except ValidationError:
            return None  # a sign of life all the same
        if beat.judging is None or beat.judging is self._judging:
            return None
        self._judging = beat.judging
        return Judged() if beat.judging else Unjudged(beat.judged)

    async def _next(self) -> dict[str, Any] | None:
        assert self._pubsub is not None  # noqa: S101 - subscribed
        with redis_errors("the connection to redis was cut"):
            received: dict[str, Any] | None = await self._pubsub.get_message(
                ignore_subscribe_messages=True, timeout=_POLL_S
            )
        if received is not None and received["type"] == "pong":
            self._opened = self._opened or received["data"] == _OPENED
            if received["data"] == _SETTLE:
                self._settled.set()
        return received

    async def _probe(self) -> None:
        """Make sure that Redis itself answers; what comes meanwhile is caught up on."""
        assert self._redis is not None  # noqa: S101 - subscribed
        with redis_errors("redis does not answer"):
            async with asyncio.timeout(_ANSWER_S):
                await self._redis.ping()

    async def _take(self, cursor: ChannelCursor, data: bytes) -> list[Received | Missed]:
        """Return what follows from a published message: itself, or all that was missed."""
        message, last = cursor.parse(data), cursor.sequence or 0
        if message is None:
            return []
        if message.epoch != cursor.epoch and cursor.epoch is not None:
            return await self._catch_up([cursor])
        cursor.epoch = message.epoch
        if message.sequence <= last:
            # Read already, or published while we subscribed. Later, a message that is not known
            # means that Redis counts anew, and that others are lost.
            is_counted_anew = self._opened and message.id not in cursor.seen
            return await self._catch_up([cursor], reread=True) if is_counted_anew else []
        if message.sequence > last + 1:
            return await self._catch_up([cursor])
        cursor.sequence = message.sequence
        return [*cursor.take_new([message], live=True)]

    async def _catch_up(
        self, cursors: Sequence[ChannelCursor], *, reread: bool = False
    ) -> list[Received | Missed]:
        assert self._redis is not None  # noqa: S101 - subscribed
        return await catch_up(self._redis, cursors, reread=reread)
