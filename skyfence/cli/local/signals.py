"""Runs a command's coroutine so that Ctrl-C, a closed terminal and SIGTERM all clean up."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from skyfence.adapters import stop_signals
from skyfence.adapters.cancellation import is_cancelled
from skyfence.errors import UnavailableError


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end; exit 143 when told to stop by SIGTERM or SIGHUP."""
    try:
        asyncio.run(_stoppable(main))
    except asyncio.CancelledError:
        sys.exit(143)


async def until_told_to_stop(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C, a good end for a process that serves.

    Raise ``UnavailableError`` where it ends as if cancelled and nobody has told it to stop: a
    library may raise the ``CancelledError`` of a task of its own.
    """
    task, told = asyncio.ensure_future(serving), False

    def stop() -> None:
        nonlocal told
        told = True
        task.cancel()

    with stop_signals.stopping(stop, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
        try:
            await task
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            if not told:
                raise UnavailableError("a task was cancelled by itself: restart it") from None


async def _stoppable(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await main
