"""``skyfence worker``: the Faust worker of one environment."""

import asyncio

import click

from skyfence.adapters.settings import load
from skyfence.adapters.watchdog import WATCHDOG
from skyfence.cli import bootstrap
from skyfence.cli.zone_options import add_zones_option


@click.command()
@add_zones_option
def worker() -> None:
    """Run the track and incident agents (settings: SKYFENCE_… variables)."""
    from streams.worker import run  # noqa: PLC0415 - Faust takes a second to import

    settings = load()
    bootstrap.configure(settings, "worker")
    with WATCHDOG.watching(settings, "worker"):
        asyncio.run(bootstrap.reach_kafka(settings))
        run(settings)  # Faust runs a loop of its own
