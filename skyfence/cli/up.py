"""``skyfence up``: the whole pipeline, kept running for one's own feed."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import click
from aiokafka import TopicPartition
from rich.console import Console

from skyfence.adapters import logs
from skyfence.adapters.files import policy_of, zones_of
from skyfence.adapters.kafka import admin_client, embedded_is_no_place, is_embedded
from skyfence.adapters.progress import commits_within
from skyfence.adapters.redis import connect, redis_address
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.topics import ensure_topics
from skyfence.cli import view
from skyfence.cli.bootstrap import PRIVATE
from skyfence.cli.local import apache_kafka, embedded, runtime_file, signals
from skyfence.cli.local.stack import edges, servers
from skyfence.cli.zone_options import add_zones_option
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Environment

# Three times as long as it takes between two things that a relay has to read.
_OTHERS_COMMIT_S: Final = 6.0


@click.command()
@add_zones_option
@click.option("--kafka-port", type=click.IntRange(1, 65535), help="Of the embedded broker.")
@click.option("--redis-port", type=click.IntRange(1, 65535), help="Of the embedded Valkey.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="For its data.")
def up(kafka_port: int | None, redis_port: int | None, data: Path | None) -> None:
    """Run brokers, workers and relays until Ctrl-C.

    Kafka and Redis are embedded, on loopback, unless SKYFENCE_KAFKA_BOOTSTRAP and
    SKYFENCE_REDIS_URL name others. The embedded Kafka serves exercises; one that is named, or the
    Apache Kafka that KAFKA_HOME and java start, serves actual tracks, too, side by side.
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
    console = view.console(stderr=True)
    os.umask(PRIVATE)  # the servers', too: theirs is what was reported, and users' passwords
    folder = data or settings.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    signals.run(_up(console, settings, folder, kafka_port, redis_port))


@asynccontextmanager
async def _answering(
    settings: Settings, *, shares_kafka: bool
) -> AsyncIterator[Sequence[Environment]]:
    """Go on only if Kafka and Redis answer; yield the environments that this Kafka may serve.

    Their topics exist then. One error now is better than four processes' later. It ``shares_kafka``
    where that is named and Redis is not.
    """
    async with admin_client(settings) as admin:
        only_exercises = await is_embedded(admin)
        await (await connect(settings)).aclose()
    if only_exercises and _is_meant_for_actual(settings):
        raise embedded_is_no_place(settings)
    if shares_kafka:
        await _refuse_second_redis(settings)
    environments = [Environment.EXERCISE] if only_exercises else list(Environment)
    for environment in environments:
        await ensure_topics(settings.changed(environment=environment))
    yield environments


def _is_meant_for_actual(settings: Settings) -> bool:
    return "environment" in settings.model_fields_set and settings.environment is Environment.ACTUAL


async def _refuse_second_redis(settings: Settings) -> None:
    """Refuse a Redis of one's own where another relay reads the alerts of the same Kafka.

    Each alert would go to one of the two, and no subscriber of either would have them all.
    """
    worlds = [settings.changed(environment=environment).topics for environment in Environment]
    for is_read in await asyncio.gather(
        *(
            commits_within(
                settings, topics.relay_group, TopicPartition(topics.judged, 0), _OTHERS_COMMIT_S
            )
            for topics in worlds
        )
    ):
        if is_read:
            raise UsageError(
                f"{settings.redis.variable('url')}: is needed where another skyfence reads the "
                f"alerts of the kafka at {settings.kafka.bootstrap}: each alert goes to one relay"
            )


async def _up(
    console: Console, asked: Settings, data: Path, kafka_port: int | None, redis_port: int | None
) -> None:
    named = asked.kafka.model_fields_set, asked.redis.model_fields_set
    shares_kafka = "bootstrap" in named[0] and "url" not in named[1]
    async with (
        servers(
            asked,
            data,
            None,
            kafka_port=kafka_port,
            redis_port=redis_port,
            apache=apache_kafka.installation(),
        ) as (settings, server_tasks),
        _answering(settings, shares_kafka=shares_kafka) as environments,
        edges(settings, environments, None) as edge_tasks,
    ):
        path = runtime_file.write(settings, environments)
        try:
            redis = redis_address(settings.redis.url)
            console.print(f"kafka at {settings.kafka.bootstrap}, redis at {redis}")
            console.print(f"how to reach both is in {path}")
            if Environment.ACTUAL not in environments:
                console.print(
                    "exercises only: the embedded kafka loses what it acknowledged when it is "
                    "killed; for actual tracks set SKYFENCE_KAFKA_BOOTSTRAP to another kafka"
                )
            console.print("workers and relays are starting; try: skyfence watch all --exercise")
            console.print("Ctrl-C ends")
            tasks = [*server_tasks, *edge_tasks]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            runtime_file.remove(settings)
    # Processes are started again for ever, save those that cannot be.
    raise UnavailableError(f"{next(iter(done)).get_name()} cannot be run: see its error above")
