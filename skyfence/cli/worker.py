"""``skyfence worker``: the Faust worker of one environment."""

import asyncio

import click

from skyfence.adapters import logs, metrics
from skyfence.adapters.settings import load
from skyfence.adapters.topics import ensure_topics


@click.command()
def worker() -> None:
    """Run the track and incident agents (settings: SKYFENCE_… variables)."""
    from streams.worker import run  # noqa: PLC0415 - Faust takes a second to import

    settings = load()
    asyncio.run(ensure_topics(settings))
    logs.configure("worker", settings.environment)
    metrics.serve(settings, "worker")
    run(settings)
