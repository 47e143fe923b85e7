"""A subscriber's side of Redis: connect, subscribe to channels, read alerts as they come.

What is published while nobody is connected is lost to pub/sub; a cut therefore shows as an error
here, never as silence.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Self
from urllib.parse import urlsplit

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from skyfence.alert import AlertMessage
from skyfence.errors import UnavailableError, UsageError
from skyfence.model import why_invalid
from skyfence.security import redis_options
from skyfence.settings import Settings

log = structlog.get_logger()

_TIMEOUT_S = 5.0
# A dead connection is found out within this time even when no alert comes.
_CHECK_S = 5
_SETTLE = "skyfence-settle"
_REFUSALS = (AuthenticationError, NoPermissionError)


async def connect(settings: Settings) -> Redis:
    """Connect to the settings' Redis.

    Raises ``UnavailableError`` where it does not answer, and ``UsageError`` where it refuses the
    user: trying again does not mend that.
    """
    redis = Redis.from_url(
        settings.redis_url,
        **redis_options(settings),
        socket_connect_timeout=_TIMEOUT_S,
        health_check_interval=_CHECK_S,
    )
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        await redis.aclose()
        where = redis_address(settings.redis_url)
        if isinstance(error, _REFUSALS):
            user = settings.redis_user or "default"
            raise UsageError(f"redis at {where} refused user {user}: {_in_short(error)}") from None
        raise UnavailableError(f"redis at {where} cannot be reached: {error}") from None
    return redis


def _in_short(error: Exception) -> str:
    reason = str(error).rstrip(".")
    return reason[:1].lower() + reason[1:]


def redis_address(url: str) -> str:
    """Return where a URL leads, never the credentials in it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}{parts.path}" if parts.hostname else parts.path


class AlertFeed:
    """The alerts of some channels, or of all that match a pattern, from now on."""

    def __init__(self, redis: Redis, channels: Sequence[str], patterns: Sequence[str] = ()) -> None:
        self._redis = redis
        self._channels = channels
        self._patterns = patterns
        self._pubsub = redis.pubsub()
        self._settled = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Subscribe, and return when Redis has confirmed every channel."""
        try:
            if self._channels:
                await self._pubsub.subscribe(*self._channels)
            if self._patterns:
                await self._pubsub.psubscribe(*self._patterns)
            for _ in [*self._channels, *self._patterns]:
                await self._pubsub.get_message(timeout=_TIMEOUT_S)
        except NoPermissionError:
            await self.__aexit__()
            names = ", ".join([*self._channels, *self._patterns])
            raise UsageError(f"this user may not subscribe to {names} in redis") from None
        except (RedisError, OSError) as error:
            await self.__aexit__()
            raise UnavailableError(f"redis took no subscription: {error}") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        """Unsubscribe and disconnect."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._redis.aclose()

    async def __aiter__(self) -> AsyncIterator[AlertMessage]:
        """Yield alerts for ever; raise ``UnavailableError`` when the connection is cut."""
        while True:
            message = await self.next(_CHECK_S)
            if message is not None:
                yield message

    async def settle(self) -> None:
        """Return when everything published before this call has been read by the iteration.

        Redis answers in order: what comes back after a ping was published after it.
        """
        self._settled.clear()
        await self._pubsub.ping(_SETTLE)
        await self._settled.wait()

    async def next(self, timeout_s: float) -> AlertMessage | None:
        """Return the next alert, or None when none came in time."""
        try:
            received = await self._pubsub.get_message(
                ignore_subscribe_messages=True, timeout=timeout_s
            )
        except (RedisError, OSError) as error:
            raise UnavailableError(f"the connection to redis was cut: {error}") from None
        if received is not None and received["type"] == "pong":
            self._settled.set()
        if received is None or received["type"] not in ("message", "pmessage"):
            return None
        try:
            return AlertMessage.model_validate_json(received["data"])
        except ValidationError as error:
            log.warning("alert.unreadable", channel=received["channel"], reason=why_invalid(error))
            return None
