"""``skyfence worker``: the Faust worker of one environment."""

import click

from skyfence import logs
from skyfence.settings import load


@click.command()
def worker() -> None:
    """Run the track and incident agents (settings: SKYFENCE_… variables)."""
    from streams.worker import run  # noqa: PLC0415 - Faust takes a second to import

    logs.configure()
    run(load())
