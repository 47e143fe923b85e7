"""Runs a Faust app in this process, without Faust's own logging and console."""

import asyncio
import signal
import sys
from collections.abc import Callable
from functools import partial

from faust import Worker

from skyfence.adapters import stop_signals
from skyfence.adapters.watchdog import WATCHDOG
from skyfence.errors import UnavailableError
from streams.driver.app import CheckpointingApp


class _WatchedWorker(Worker):  # type: ignore[misc]  # mypy does not follow into Faust
    """Faust's worker, whose stop the watchdog limits."""

    def install_signal_handlers(self) -> None:
        """Obey the signals that ask to stop, also where the loop hears of nothing."""
        # Private: all that mode's own handlers do.
        stop = partial(self._schedule_shutdown, signal.SIGTERM)
        stop_signals.install(self.loop, stop, (signal.SIGTERM, signal.SIGINT))

    def on_worker_shutdown(self) -> None:
        """Note that the worker ends, after a crash too: its stop may never come to an end."""
        WATCHDOG.begin_stop()


def run_until_stopped(build: Callable[[], CheckpointingApp]) -> None:
    """Build an app and run it until SIGTERM or SIGINT; raise ``UnavailableError`` after a crash.

    The app is built when this thread has its event loop: Faust's services look for one.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = _WatchedWorker(
        build(),
        override_logging=False,  # else Faust takes away the handlers that write JSON lines
        redirect_stdouts=False,
        quiet=True,
        loop=loop,
        stdout=sys.stderr,
    )
    worker.spinner = None  # it hides the terminal's cursor, also where there is none
    WATCHDOG.watch_loop(loop)
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        if stop.code:
            raise UnavailableError("the worker crashed: restart it") from None
    except asyncio.CancelledError:
        # After a crash mode raises what it takes for its cause: it may be that of an agent which
        # was cancelled because another task had failed.
        raise UnavailableError("the worker crashed: restart it") from None
