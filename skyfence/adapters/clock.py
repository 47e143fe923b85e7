"""The wall clock, as those who send see it, so that tests can bring one of their own."""

import asyncio
import time
from contextlib import suppress
from typing import Protocol

from skyfence.times import MS_PER_S


class Clock(Protocol):
    """Tells the time, and waits."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        ...

    async def wait(self, event: asyncio.Event, until_ms: int) -> None:
        """Return when the event is set, or at a time."""
        ...


class WallClock:
    """This machine's."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return round(time.time() * MS_PER_S)

    async def wait(self, event: asyncio.Event, until_ms: int) -> None:
        """Return when the event is set, or at a time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, until_ms - self.now_ms()) / MS_PER_S):
                await event.wait()
