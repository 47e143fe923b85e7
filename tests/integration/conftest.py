"""Real servers and processes for the integration tests: each test has its own, on free ports."""

import asyncio
import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from proc import Processes

from skyfence.channels import Environment
from skyfence.cli import embedded
from skyfence.cli.embedded import Server
from skyfence.errors import SkyfenceError
from skyfence.kafka import ensure_topics
from skyfence.settings import Settings


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Yield a place to start processes from."""
    started = Processes(tmp_path)
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def zones_file() -> Path:
    """Return a zone file with two members (AA, BB), their regions, and a stranger (XX)."""
    return Path(__file__).parent / "zones.geojson"


@pytest.fixture
def settings(processes: Processes, zones_file: Path, tmp_path: Path) -> Settings:
    """Return settings that reach an own broker with its topics, and an own Valkey."""
    password = embedded.new_password()
    kafka_port, redis_port = embedded.free_port(), embedded.free_port()
    for server in (
        embedded.kafka(kafka_port, tmp_path, None),
        embedded.valkey(redis_port, tmp_path, password, None),
    ):
        processes.start(*server.command.arguments)
        wait_for(server)
    made = Settings(
        environment=Environment.EXERCISE,
        kafka_bootstrap=f"{embedded.HOST}:{kafka_port}",
        redis_url=f"redis://{embedded.HOST}:{redis_port}/0",
        redis_password=password,
        track_partitions=4,
        fetch_pause_ms=embedded.FETCH_PAUSE_MS,
        zones=zones_file,
        worker_slot=0,
    )
    asyncio.run(ensure_topics(made))
    return made


def wait_for(server: Server) -> None:
    """Return when a server answers."""

    async def answers() -> None:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(SkyfenceError):
                    await server.answers()
                    return

    asyncio.run(answers())


@pytest.fixture
def edges(processes: Processes, settings: Settings) -> Callable[[], list[subprocess.Popen[bytes]]]:
    """Return a function that starts a worker and a relay."""
    return lambda: [processes.skyfence(settings, name) for name in ("worker", "relay")]
