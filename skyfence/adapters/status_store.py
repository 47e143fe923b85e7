"""The status in Redis: the hash that others read, the monitor's memory, and who may write both.

One monitor writes at a time: it holds a lease that it renews with each writing, and a monitor that
lost it (paused, cut off) cannot write over its successor. A lease that ran out while nobody else
wrote is taken up again: Redis measures it by its machine's clock, which may be set on. Memory and
hash change together.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final, cast
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from skyfence.adapters.redis import redis_errors
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import UnavailableError
from skyfence.monitoring.status import MonitorState, SystemStatus, from_hash, to_hash
from skyfence.naming import (
    Environment,
    status_key,
    status_last_writer_key,
    status_memory_key,
    status_writer_key,
)

log = structlog.get_logger()

# Several looks of the monitor; after this long without one, another takes over.
LEASE_MS: Final = 15_000
_ASK_AGAIN_S: Final = 1.0
# KEYS: who may write, memory, hash, who wrote last. ARGV: name, lease (ms), memory, then fields and
# values of the hash.
_WRITE: Final = """
local writer = redis.call('GET', KEYS[1]) or redis.call('GET', KEYS[4])
if writer ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[4], ARGV[1])
redis.call('SET', KEYS[2], ARGV[3])
redis.call('DEL', KEYS[3])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
return 1
"""
_RESIGN: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class LeaseLostError(UnavailableError):
    """Another monitor writes the status now."""


class StatusStore:
    """The writer's side; ``name`` is this writer's own."""

    def __init__(self, redis: Redis, environment: Environment, name: UUID) -> None:
        self._redis = redis
        self._name = str(name)
        self._writer = status_writer_key(environment)
        self._last_writer = status_last_writer_key(environment)
        self._memory = status_memory_key(environment)
        self._hash = status_key(environment)
        self._write = redis.register_script(_WRITE)
        self._resign = redis.register_script(_RESIGN)

    async def lead(self) -> None:
        """Return when this writer is the one that may write."""
        while not await self._try_to_lead():  # noqa: ASYNC110 - a lease that runs out tells nobody
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _try_to_lead(self) -> bool:
        with redis_errors("redis gave no lease"):
            return bool(await self._redis.set(self._writer, self._name, nx=True, px=LEASE_MS))

    async def memory(self) -> MonitorState:
        """Return what the last writer left; raise ``UnavailableError`` if it cannot be read."""
        with redis_errors("redis gave no memory"):
            stored = await self._redis.get(self._memory)
        try:
            return MonitorState() if stored is None else MonitorState.model_validate_json(stored)
        except ValidationError as error:
            raise UnavailableError(
                f"{self._memory} in redis: {describe_validation_error(error)}"
            ) from None

    async def write(self, memory: MonitorState, status: SystemStatus) -> None:
        """Store both; raise ``UnavailableError`` if that failed.

        Raises ``LeaseLostError`` if another one may write now.
        """
        fields = [part for pair in to_hash(status).items() for part in pair]
        arguments: list[Any] = [self._name, LEASE_MS, memory.to_json(), *fields]
        keys = [self._writer, self._memory, self._hash, self._last_writer]
        with redis_errors("redis took no status"):
            written = await self._write(keys=keys, args=arguments)
        if not written:
            raise LeaseLostError("another monitor writes the status now")

    async def close(self) -> None:
        """Leave the lease to others and disconnect."""
        try:
            await self._resign(keys=[self._writer], args=[self._name])
        except (RedisError, OSError) as error:
            log.warning("monitor.lease_kept", reason=str(error))  # it runs out by itself
        finally:
            await self._redis.aclose()


async def read_status(redis: Redis, environment: Environment) -> SystemStatus | None:
    """Return the status as it was written last, or None if nobody has yet."""
    key = status_key(environment)
    with redis_errors("redis gave no status"):
        fields = await cast(Awaitable[dict[bytes, bytes]], redis.hgetall(key))
    try:
        return (
            from_hash({name.decode(): value for name, value in fields.items()}) if fields else None
        )
    except (ValidationError, KeyError, ValueError) as error:
        raise UnavailableError(f"{key} in redis is no status: {error}") from None
