"""``skyfence relay``: the Redis relay of one environment."""

import asyncio

import click

from consumers.channels.sink import RedisChannels
from consumers.relay import Relay
from skyfence.adapters import logs, metrics
from skyfence.adapters.embedded_kafka import pace_fetches
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local.signals import until_told_to_stop


@click.command()
def relay() -> None:
    """Carry alerts from Kafka to Redis (settings: SKYFENCE_… variables)."""
    asyncio.run(_run(load()))


async def _run(settings: Settings) -> None:
    pace_fetches(settings)
    await ensure_topics(settings)
    sink = await RedisChannels.open(settings)
    logs.configure("relay", settings.environment)
    metrics.serve(settings, "relay")
    try:
        await until_told_to_stop(Relay(settings, sink, beat=sink.beat).run())
    finally:
        await sink.close()
