"""The default user of Redis: it may be off, and yet must be allowed everything.

Redis 7.0 and Valkey 8.1 load their append-only file as the default user. What a function or a
transaction wrote and that user may not do, they discard after a restart, and say so in their own
log alone. Changes nothing in Redis.
"""

from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from skyfence.adapters.redis import redis_errors
from skyfence.errors import UsageError

# As redis-py reads an answer: single commands stand apart from categories.
_WANTED: Final = {"categories": ["+@all"], "commands": [], "keys": ["~*"], "channels": ["&*"]}
_REMEDY: Final = "user default off resetpass ~* &* +@all"


async def check_default_user(redis: Redis) -> bool:
    """Refuse a Redis that would discard what functions wrote; return whether that could be read.

    Raises ``UsageError`` where its default user lacks rights, ``UnavailableError`` where it fails.
    """
    with redis_errors("redis did not tell the rights of its default user"):
        try:
            answer: Any = await redis.acl_getuser("default")
        except NoPermissionError:
            return False
    user: Mapping[str, Any] = answer
    if all(user[kind] == rights for kind, rights in _WANTED.items()):
        return True
    raise UsageError(
        "the default user of this redis may not do everything, so that a restart may discard what "
        f"functions wrote: put `{_REMEDY}` into its ACL file, which lets nobody in"
    )
