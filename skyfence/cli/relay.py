"""``skyfence relay``: the Redis relay of one environment, which is ``skyfence sink redis``."""

import click

from consumers.channels.component import COMPONENT, RedisOptions
from skyfence.adapters.settings import load
from skyfence.cli.sink import run_sink


@click.command()
def relay() -> None:
    """Carry alerts from Kafka to Redis (settings: SKYFENCE_… variables)."""
    run_sink(COMPONENT, RedisOptions(), load())
