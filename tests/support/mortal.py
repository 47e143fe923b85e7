"""A connection to Redis that dies after so many commands, as the process behind it would."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis


class KilledError(Exception):
    """The process is no more."""


@dataclass
class Mortal:
    """Gives so many commands and dies; ``cross`` is what another does before the first swap."""

    redis: Redis
    lives: int = 1_000
    cross: Callable[[], Awaitable[Any]] | None = None
    used: int = field(default=0, init=False)

    def pipeline(self, **named: Any) -> Any:
        """Return a real pipeline: what is read in one changes nothing that a death could leave."""
        return self.redis.pipeline(**named)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        command = getattr(self.redis, name)

        async def run(*given: Any, **named: Any) -> Any:
            if self.used == self.lives:
                raise KilledError
            self.used += 1
            if self.cross is not None and given[0] == "skyfence_swap":
                crossing, self.cross = self.cross, None
                await crossing()
            return await command(*given, **named)

        return run
