"""Runs the Faust app as a process until it is told to stop, or crashes and must be restarted."""

import asyncio
import sys

from faust import Worker

from skyfence.adapters.embedded_kafka import pace_fetches
from skyfence.adapters.files import load_policy, load_zones
from skyfence.adapters.settings import Settings
from skyfence.errors import UnavailableError
from streams.app import build


def run(settings: Settings) -> None:
    """Serve an environment; return after a stop, raise ``UnavailableError`` after a crash."""
    pace_fetches(settings)
    zones = load_zones(settings.zones, settings.regions)
    policy = load_policy(settings.policy)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = Worker(
        build(settings, zones, policy),
        loglevel="warning",
        redirect_stdouts=False,
        quiet=True,
        loop=loop,
        stdout=sys.stderr,
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        if stop.code:
            raise UnavailableError("the worker crashed: restart it") from None
