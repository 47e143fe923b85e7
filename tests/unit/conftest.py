"""A Valkey for unit tests: started once for all of them, and emptied before each."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from proc import Processes
from redis.asyncio import Redis
from redis_server import Server

from skyfence.adapters.redis import connect


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a Valkey that runs as long as the tests; it starts in about 100 ms."""
    folder = tmp_path_factory.mktemp("valkey")
    processes = Processes(folder)
    try:
        yield Server(processes, folder)
    finally:
        processes.end()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """Return the Valkey without data, functions and users but its own."""
    asyncio.run(shared_server.empty())
    return shared_server


@pytest.fixture
async def redis(server: Server) -> AsyncIterator[Redis]:
    """Yield a connection to the empty Valkey, with all rights."""
    connection = await connect(server.settings)
    yield connection
    await connection.aclose()
