"""The clocks of a process, as those who send see them, so that tests can bring one of their own.

WallClock    what the system says: it may be set, on or back
SteadyClock  the wall clock's time when the process began, and what went by since
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from skyfence.times import MS_PER_S

# A clock that runs beside another for hours may differ so much without having been set.
_LEAST_STEP_MS: Final = 2_000


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


class SteadyClock(WallClock):
    """A clock that goes on evenly when the system's is set: spans are as long as they were.

    Who shows its times beside the system's asks for steps, and moves what it remembers with them.
    """

    def __init__(
        self,
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin at the system's time; the two clocks return seconds."""
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._offset_s = wall_s() - monotonic_s()

    def now_ms(self) -> int:
        """Return milliseconds since 1970, as if no clock had been set since the start."""
        return round((self._monotonic_s() + self._offset_s) * MS_PER_S)

    def latest_ms(self) -> int:
        """Return the later of this and the system's time: what is after it has not been yet."""
        return max(self.now_ms(), round(self._wall_s() * MS_PER_S))

    def take_step_ms(self) -> int:
        """Return by how much the system's clock was set since the last call, and go by it now."""
        step_s = self._wall_s() - self._monotonic_s() - self._offset_s
        if abs(step_s) * MS_PER_S < _LEAST_STEP_MS:
            return 0
        self._offset_s += step_s
        return round(step_s * MS_PER_S)
