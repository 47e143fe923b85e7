"""``skyfence up``: the whole pipeline, kept running for one's own feed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from rich.console import Console

from skyfence.adapters import logs
from skyfence.adapters.files import policy_of, zones_of
from skyfence.adapters.kafka import admin_client
from skyfence.adapters.redis import connect, redis_address
from skyfence.adapters.settings import Settings, load
from skyfence.cli.local import embedded, runtime_file, signals
from skyfence.cli.local.stack import edges, servers
from skyfence.cli.zone_options import add_zones_option
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Environment


@click.command()
@add_zones_option
@click.option("--kafka-port", type=click.IntRange(1, 65535), help="Of the embedded broker.")
@click.option("--redis-port", type=click.IntRange(1, 65535), help="Of the embedded Valkey.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="For its data.")
def up(kafka_port: int | None, redis_port: int | None, data: Path | None) -> None:
    """Run brokers, workers and relays until Ctrl-C, for actual tracks and exercises side by side.

    Kafka and Redis are embedded, on loopback, unless SKYFENCE_KAFKA_BOOTSTRAP and
    SKYFENCE_REDIS_URL name others.
    """
    settings = load()
    if (pid := runtime_file.running_pid(settings)) is not None:
        raise UsageError(f"skyfence up runs already, as process {pid}")
    for port in (kafka_port, redis_port):
        if port is not None:
            embedded.check_port(port)
    policy_of(settings, zones_of(settings))  # a wrong file is better known before the start
    logs.configure("up")
    logs.started()
    console = Console(stderr=True, highlight=False)
    folder = data or settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    signals.run(_up(console, settings, folder, kafka_port, redis_port))


@asynccontextmanager
async def _answering(settings: Settings) -> AsyncIterator[None]:
    """Go on only if Kafka and Redis answer: one error now is better than four processes' later."""
    async with admin_client(settings):
        await (await connect(settings)).aclose()
    yield


async def _up(
    console: Console, asked: Settings, data: Path, kafka_port: int | None, redis_port: int | None
) -> None:
    async with (
        servers(asked, data, None, kafka_port=kafka_port, redis_port=redis_port) as (
            settings,
            server_tasks,
        ),
        _answering(settings),
        edges(settings, list(Environment), None) as edge_tasks,
    ):
        path = runtime_file.write(settings)
        try:
            redis = redis_address(settings.redis.url)
            console.print(f"kafka at {settings.kafka.bootstrap}, redis at {redis}")
            console.print(f"how to reach both is in {path}")
            console.print("workers and relays are starting; try: skyfence watch all --exercise")
            console.print("Ctrl-C ends")
            tasks = [*server_tasks, *edge_tasks]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            runtime_file.remove(settings)
    # Processes are started again for ever, save those that cannot be.
    raise UnavailableError(f"{next(iter(done)).get_name()} cannot be run: see its error above")
