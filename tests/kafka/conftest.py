"""Tests on Apache Kafka run where they are asked for (``make test-kafka``), and nowhere else."""

import os
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from apache import Cluster, settings_of
from proc import Processes, wait_for

from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local import embedded

collect_ignore_glob = [] if os.environ.get("SKYFENCE_TEST_KAFKA") else ["test_*.py"]


@pytest_asyncio.fixture
async def broker(processes: Processes, tmp_path: Path) -> Cluster:
    """Return one running node, ended with the test's processes."""
    cluster = Cluster(processes, tmp_path)
    await cluster.start_all()
    return cluster


@pytest_asyncio.fixture
async def three(processes: Processes, tmp_path: Path) -> Cluster:
    """Return three running nodes, ended with the test's processes."""
    cluster = Cluster(processes, tmp_path, 3)
    await cluster.start_all()
    return cluster


@pytest.fixture
def redis(processes: Processes, tmp_path: Path) -> dict[str, Any]:
    """Return the settings of Redis that reach an own Valkey."""
    password, port = embedded.new_password(), embedded.free_port()
    server = embedded.valkey(port, tmp_path, password, None)
    processes.start(*server.command.arguments)
    wait_for(server)
    return {"url": f"redis://{embedded.HOST}:{port}/0", "password": password}


@pytest_asyncio.fixture
async def settings(broker: Cluster, redis: dict[str, Any]) -> Settings:
    """Return settings that reach one node with its topics, and an own Valkey."""
    made = settings_of(broker, redis)
    await ensure_topics(made)
    return made
