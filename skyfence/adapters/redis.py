"""How to reach Redis: a connection, or an error that says whose fault it is."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from skyfence.adapters.cancellation import is_cancelled
from skyfence.adapters.credentials import redis_options
from skyfence.adapters.settings import Settings
from skyfence.errors import UnavailableError, UsageError

_TIMEOUT_S = 5.0
# A dead connection is found out within this time even when no alert comes.
_CHECK_S = 5
_REFUSALS = (AuthenticationError, NoPermissionError)


async def connect(settings: Settings) -> Redis:
    """Connect to the settings' Redis.

    Raises ``UnavailableError`` where it does not answer, and ``UsageError`` where it refuses the
    user: trying again does not mend that.
    """
    redis = Redis.from_url(
        settings.redis.url,
        **redis_options(settings),
        socket_connect_timeout=_TIMEOUT_S,
        health_check_interval=_CHECK_S,
    )
    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        await redis.aclose()
        where = redis_address(settings.redis.url)
        if isinstance(error, _REFUSALS):
            user = settings.redis.user or "default"
            raise UsageError(f"redis at {where} refused user {user}: {_in_short(error)}") from None
        raise UnavailableError(f"redis at {where} cannot be reached: {error}") from None
    return redis


@contextmanager
def redis_errors(failure: str, *, forbidden: str | None = None) -> Iterator[None]:
    """Turn an error of redis-py or of the connection into ``UnavailableError``.

    ``failure`` says what failed ("redis gave no lease"); the library's reason follows it. With
    ``forbidden`` ("this redis user may not command") a right that the user lacks is a
    ``UsageError`` instead, because trying again does not mend it.

    Raises ``CancelledError`` behind the block where redis-py has lost a cancellation of this task.
    """
    try:
        yield
    except NoPermissionError as error:
        if forbidden is None:
            raise UnavailableError(f"{failure}: {error}") from None
        raise UsageError(f"{forbidden}: {error}") from None
    except (RedisError, OSError) as error:  # TimeoutError is an OSError
        raise UnavailableError(f"{failure}: {str(error) or type(error).__name__}") from None
    _raise_lost_cancellation()


def _raise_lost_cancellation() -> None:
    """Raise ``CancelledError`` in a task that was cancelled and goes on all the same.

    redis-py sends with ``asyncio.wait_for``, which in Python 3.11 returns a result that has come in
    the moment of the cancellation (python/cpython#86296). Whoever serves in a loop would go on for
    ever, and ignore SIGTERM.
    """
    if is_cancelled():
        raise asyncio.CancelledError


def _in_short(error: Exception) -> str:
    reason = str(error).rstrip(".")
    return reason[:1].lower() + reason[1:]


def redis_address(url: str) -> str:
    """Return where a URL leads, never the credentials in it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}{parts.path}" if parts.hostname else parts.path
