"""Redis' errors: translated in one place, and a missing right told from an outage."""

import asyncio
from contextlib import suppress

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, RedisError

from skyfence.adapters.redis import redis_errors
from skyfence.errors import UnavailableError, UsageError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RedisError("LOADING"), "redis gave no lease: LOADING"),
        (RedisConnectionError("cut"), "redis gave no lease: cut"),
        (ConnectionResetError(104, "reset by peer"), "redis gave no lease: [Errno 104] reset by"),
        (TimeoutError(), "redis gave no lease: TimeoutError"),
        (NoPermissionError("no GET"), "redis gave no lease: no GET"),
    ],
)
def test_every_failure_of_redis_is_unavailable(error: Exception, reason: str) -> None:
    """Whatever redis-py or the connection raises says what failed, and why."""
    with pytest.raises(UnavailableError) as caught, redis_errors("redis gave no lease"):
        raise error
    assert str(caught.value).startswith(reason)


def test_a_right_that_is_missing_is_the_users_to_mend() -> None:
    """With ``forbidden`` a missing right is no outage."""
    with (
        pytest.raises(UsageError, match=r"^this redis user may not read: no GET$"),
        redis_errors("redis gave nothing", forbidden="this redis user may not read"),
    ):
        raise NoPermissionError("no GET")


def test_other_errors_pass() -> None:
    """A defect keeps its type and traceback."""
    with pytest.raises(KeyError), redis_errors("redis gave nothing"):
        raise KeyError("name")


async def test_a_cancellation_that_the_library_lost_ends_the_task() -> None:
    """A task that is told to stop ends behind the command, though the command returned."""
    sending = asyncio.Event()

    async def serve() -> None:
        with redis_errors("redis took nothing"), suppress(asyncio.CancelledError):
            sending.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await sending.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
