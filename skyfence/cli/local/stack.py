"""The whole skyfence on one machine: servers, workers and relays as processes of their own."""

import asyncio
import hashlib
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

from skyfence.adapters.settings import LOGIN, TLS, ServerSettings, Settings, environment_of
from skyfence.cli.local import apache_kafka, embedded
from skyfence.cli.local.apache_kafka import Installation
from skyfence.cli.local.processes import ProcessCommand, keep_running
from skyfence.errors import UsageError
from skyfence.naming import Environment

Tasks = Sequence["asyncio.Task[None]"]
# What serves one environment, each a process of its own.
EDGES: Final = ("worker", "relay", "monitor", "desk")

# A process that hangs is ended by its own watchdog first, which tells where it hangs.
_AFTER_WATCHDOG_S: Final = 15.0


@asynccontextmanager
async def servers(
    settings: Settings,
    data: Path,
    output: IO[bytes] | None,
    *,
    kafka_port: int | None = None,
    redis_port: int | None = None,
    apache: Installation | None = None,
) -> AsyncIterator[tuple[Settings, Tasks]]:
    """Run the servers that the settings do not name; yield settings that reach them.

    Kafka is the Apache Kafka given, or else the embedded broker.

    Their slot is this machine's and data folder's own, so that two that share a Kafka share its
    partitions: members of one name would evict each other again and again.
    """
    started: list[embedded.EmbeddedServer] = []
    _refuse_logins_of_nobody(settings)
    if "bootstrap" not in settings.kafka.model_fields_set:
        port = kafka_port or embedded.free_port()
        if apache is None:
            started.append(embedded.kafka(port, data, output))
        else:
            started.append(apache_kafka.kafka(apache, port, data, output))
        settings = settings.changed(
            kafka={"bootstrap": f"{embedded.HOST}:{port}"},
            replication=1,
            min_insync_replicas=None,
            fetch_pause_ms=0 if apache else embedded.FETCH_PAUSE_MS,
        )
    if "url" not in settings.redis.model_fields_set:
        port = redis_port or embedded.free_port()
        password = embedded.new_password()
        started.append(embedded.valkey(port, data, password, output))
        url = f"redis://{embedded.HOST}:{port}/0"
        settings = settings.changed(redis={"url": url, "password": password})
    if settings.worker_slot is None:
        settings = settings.changed(worker_slot=slot_name(socket.gethostname(), data))
    async with _kept_running(server.command for server in started) as tasks:
        for server, task in zip(started, tasks, strict=True):
            await embedded.wait_until_answers(server, task)
        yield settings, tasks


def slot_name(host: str, data: Path) -> str:
    """Return the slot of a host's processes that have this data folder."""
    folder = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9.-]', '-', host).strip('.-')[:64] or 'host'}-{folder}"


def _refuse_logins_of_nobody(settings: Settings) -> None:
    """Refuse a login for a server that is not named: the embedded ones would not ask for it."""
    servers: Sequence[tuple[str, ServerSettings, str]] = (
        ("kafka", settings.kafka, "bootstrap"),
        ("redis", settings.redis, "url"),
    )
    for name, server, address in servers:
        given = server.model_fields_set
        for field in sorted(given & (LOGIN | TLS)):
            if address not in given:
                raise UsageError(
                    f"{server.variable(field)}: is for a {name} that {server.variable(address)} "
                    "names, not for the embedded one"
                )


@asynccontextmanager
async def edges(
    settings: Settings,
    environments: Sequence[Environment],
    output: IO[bytes] | None,
    names: Sequence[str] = EDGES,
) -> AsyncIterator[Tasks]:
    """Run a worker, a relay, a monitor and a desk for each environment, or those that are named.

    Where metrics have a fixed port, each process has the next one, in this order.
    """
    commands: list[ProcessCommand] = []
    with TemporaryDirectory(prefix="skyfence-health-") as folder:
        for environment in environments:
            for name in names:
                commands.append(
                    _edge(settings, environment, name, len(commands), Path(folder), output)
                )
        async with _kept_running(commands) as tasks:
            yield tasks


def _edge(
    settings: Settings,
    environment: Environment,
    name: str,
    number: int,
    health: Path,
    output: IO[bytes] | None,
) -> ProcessCommand:
    """Return the command of the ``number``-th process, whose health file is in ``health``."""
    title = f"{environment}-{name}"
    own = settings.changed(
        environment=environment,
        worker_slot=settings.worker_slot or "0",
        metrics={"port": settings.metrics.port and settings.metrics.port + number},
        health_file=health / title,
    )
    return ProcessCommand(
        title,
        [sys.executable, "-m", "skyfence", name],
        environment_of(own),
        output,
        health_file=own.health_file,
        stale_s=own.watchdog.loop_s + _AFTER_WATCHDOG_S,
        start_s=own.watchdog.work_s,
    )


@asynccontextmanager
async def _kept_running(commands: Iterable[ProcessCommand]) -> AsyncIterator[Tasks]:
    tasks = [asyncio.create_task(keep_running(command), name=command.name) for command in commands]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
