"""Real servers and processes for the integration tests: each test has its own, on free ports."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from proc import Processes, wait_for
from redis.asyncio import Redis
from redis_server import Server

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import KafkaSettings, RedisSettings, Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local import embedded
from skyfence.naming import Environment


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
        kafka=KafkaSettings(bootstrap=f"{embedded.HOST}:{kafka_port}"),
        redis=RedisSettings(url=f"redis://{embedded.HOST}:{redis_port}/0", password=password),
        track_partitions=4,
        fetch_pause_ms=embedded.FETCH_PAUSE_MS,
        zones=zones_file,
        worker_slot="0",
    )
    asyncio.run(ensure_topics(made))
    return made


@pytest.fixture
def server(processes: Processes, tmp_path: Path) -> Server:
    """Return an own Valkey alone."""
    return Server(processes, tmp_path)


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    """Yield a connection to it with all rights."""
    redis = await connect(server.settings)
    yield redis
    await redis.aclose()
