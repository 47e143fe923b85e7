"""A subscriber's side: every message of some channels once and in order, whatever comes between.

    connect ──▶ subscribe ──▶ catch up ──▶ live
       ▲                         ▲           │ a gap in the sequence, or another epoch
       │                         └───────────┤
       └── pause ◀── cut, or no answer ◀─────┘ no heartbeat: silent

Who comes new is told what is active, and then what comes. After a cut the channels' streams give
what was missed. "No alert" and "no connection" never look alike: what stands between the two is
told as an event of its own. docs/clients.md says the same for other languages.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from skyfence.adapters.redis import connect, redis_errors
from skyfence.adapters.settings import Settings
from skyfence.client.catch_up import ChannelCursor, Missed, Received, read_on
from skyfence.errors import UnavailableError
from skyfence.naming import Channel, heartbeat_channel

__all__ = [
    "AlertFeed",
    "Alive",
    "Connected",
    "Disconnected",
    "FeedEvent",
    "Missed",
    "Received",
    "Silent",
]

# Heartbeats come every five seconds; three missing are no accident.
SILENT_AFTER_S: Final = 15.0
# Who comes back to a feed that had been silent before waits for one heartbeat, no more.
_NEXT_BEAT_S: Final = 6.0
# A connection on which not even Redis answers is dead.
_ANSWER_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.5
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_SETTLE: Final = b"skyfence-settle"
_OPENED: Final = b"skyfence-opened"


@dataclass(frozen=True)
class Connected:
    """From here on messages come as they are published; all there was has been told."""


@dataclass(frozen=True)
class Disconnected:
    """There is no connection: nothing comes until ``Connected``, whatever happens."""

    reason: str


@dataclass(frozen=True)
class Silent:
    """Redis answers, but nobody who would publish alerts has shown life since."""

    seconds: float


@dataclass(frozen=True)
class Alive:
    """Signs of life have come back after ``Silent``."""


FeedEvent = Received | Missed | Connected | Disconnected | Silent | Alive


class AlertFeed:
    """The messages of some channels, from what is active now on, for ever.

    Entering it connects, and raises ``UnavailableError`` or ``UsageError`` where that fails. Later
    it connects again by itself, each time as ``reach`` says, or as the settings did.
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
        self._followed = {channel.name: ChannelCursor(channel) for channel in channels}
        self._heartbeats = heartbeat_channel(settings.environment)
        self._redis: Redis | None = None
        self._pubsub: PubSub | None = None
        self._opening: list[Received | Missed] = []  # what was there when we subscribed
        self._opened = False  # what is read was published after that
        self._settled = asyncio.Event()
        self._beaten_s = 0.0

    async def __aenter__(self) -> Self:
        """Connect, subscribe, and read what stands: whatever is published from now on is told."""
        await self._subscribe(self._settings)
        self._beaten_s = time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Unsubscribe and disconnect."""
        await self._drop()

    async def __aiter__(self) -> AsyncIterator[FeedEvent]:
        """Yield what happens; does not end."""
        pause_s = 0.0
        while True:
            try:
                if self._pubsub is None:
                    await self._subscribe(self._reach())
                for caught_up in self._opening:
                    yield caught_up
                yield Connected()
                pause_s = _FIRST_PAUSE_S
                async for event in self._live():
                    yield event
            except UnavailableError as error:
                await self._drop()
                yield Disconnected(str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(max(2 * pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)

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
        names = [*self._followed, self._heartbeats]
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        with redis_errors(
            "redis took no subscription",
            forbidden=f"this user may not subscribe to {shown} in redis",
        ):
            async with asyncio.timeout(_ANSWER_S):
                await pubsub.subscribe(*names)
                for _ in names:
                    await pubsub.get_message(timeout=None)
            self._opening = await self._catch_up(list(self._followed.values()))
            self._opened = False
            await pubsub.ping(_OPENED)

    async def _drop(self) -> None:
        redis, pubsub, self._redis, self._pubsub = self._redis, self._pubsub, None, None
        if pubsub is not None:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
        if redis is not None:
            await redis.aclose()

    async def _live(self) -> AsyncIterator[FeedEvent]:
        """Yield what comes; raise ``UnavailableError`` when the connection is cut or dead."""
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
                continue
            for event in await self._take(self._followed[name], received["data"]):
                yield event

    async def _next(self) -> dict[str, Any] | None:
        assert self._pubsub is not None  # noqa: S101 - subscribed
        with redis_errors("the connection to redis was cut"):
            received: dict[str, Any] | None = await self._pubsub.get_message(
                ignore_subscribe_messages=True, timeout=_LOOK_EVERY_S
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

    async def _take(self, followed: ChannelCursor, data: bytes) -> list[Received | Missed]:
        """Return what follows from something published: itself, or all that was missed."""
        message, last = followed.read(data), followed.sequence or 0
        if message is None:
            return []
        if message.epoch != followed.epoch and followed.epoch is not None:
            return await self._catch_up([followed])
        followed.epoch = message.epoch
        if message.sequence <= last:
            # Told, or from when we came; unknown later, it means that others are gone.
            is_counted_anew = self._opened and message.id not in followed.seen
            return await self._catch_up([followed], again=True) if is_counted_anew else []
        if message.sequence > last + 1:
            return await self._catch_up([followed])
        followed.sequence = message.sequence
        return [*followed.told([message], live=True)]

    async def _catch_up(
        self, followed: Sequence[ChannelCursor], *, again: bool = False
    ) -> list[Received | Missed]:
        assert self._redis is not None  # noqa: S101 - subscribed
        return await read_on(self._redis, followed, again=again)
