"""Runs a Faust app in this process, without Faust's own logging and console."""

import asyncio
import sys
from collections.abc import Callable

from faust import Worker

from skyfence.errors import UnavailableError
from streams.driver.app import CheckpointingApp


def run_until_stopped(build: Callable[[], CheckpointingApp]) -> None:
    """Build an app and run it until SIGTERM or SIGINT; raise ``UnavailableError`` after a crash.

    The app is built when this thread has its event loop: Faust's services look for one.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(
        build(),
        override_logging=False,  # else Faust takes away the handlers that write JSON lines
        redirect_stdouts=False,
        quiet=True,
        loop=loop,
        stdout=sys.stderr,
    )
    worker.spinner = None  # it hides the terminal's cursor, also where there is none
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        if stop.code:
            raise UnavailableError("the worker crashed: restart it") from None
