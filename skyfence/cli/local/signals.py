"""Runs a command's coroutine so that Ctrl-C, a closed terminal and SIGTERM all clean up."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from skyfence.adapters import stop_signals


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end; exit 143 when told to stop by SIGTERM or SIGHUP."""
    try:
        asyncio.run(_stoppable(main))
    except asyncio.CancelledError:
        sys.exit(143)


async def until_told_to_stop(serving: Coroutine[Any, Any, None]) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C, a good end for a process that serves."""
    task = asyncio.ensure_future(serving)
    with (
        stop_signals.stopping(task.cancel, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
        suppress(asyncio.CancelledError),  # told to stop
    ):
        await task


async def _stoppable(main: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await main
