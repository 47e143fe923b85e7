"""Signals that ask a process to stop: obeyed at once, and the process ended if that fails.

The handlers are Python's own and not the event loop's, which hears of nothing while it stands
still. The first signal begins the stop, which the watchdog limits; the second ends the process.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from skyfence.adapters.watchdog import WATCHDOG

_SHELL_CODE = 128  # and the signal's number: what shells report of a process that it ended


def install(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], Any], numbers: Sequence[signal.Signals]
) -> Callable[[], None]:
    """Have signals call ``stop`` in the loop; return what brings the earlier handlers back.

    Call it in the main thread.
    """
    told = False

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal told
        if told:
            WATCHDOG.end_now("told to stop a second time", _SHELL_CODE + number)
        told = True
        WATCHDOG.begin_stop()
        loop.call_soon_threadsafe(stop)

    earlier = {number: signal.signal(number, handle) for number in numbers}

    def undo() -> None:
        for number, handler in earlier.items():
            signal.signal(number, handler)

    return undo


@contextmanager
def stopping(stop: Callable[[], Any], numbers: Sequence[signal.Signals]) -> Iterator[None]:
    """Have signals call ``stop`` in the running loop while the block lasts."""
    undo = install(asyncio.get_running_loop(), stop, numbers)
    try:
        yield
    finally:
        undo()
