"""The line that a fault run cuts: what it does to those who talk over it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tcp_proxy import TcpProxy

from skyfence.cli.local.embedded import HOST, free_port

_LONGEST_S = 20.0  # only ever reached when something is broken


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(100):
        writer.write(piece)
    writer.close()


@asynccontextmanager
async def line() -> AsyncIterator[tuple[TcpProxy, int]]:
    """Yield a line to a server that sends back what it gets, and the line's port."""
    server_port, port = free_port(), free_port()
    server = await asyncio.start_server(_echo, HOST, server_port)
    async with asyncio.timeout(_LONGEST_S), TcpProxy(port, server_port) as proxy:
        yield proxy, port
    server.close()


async def test_a_line_passes_on_and_stalls_without_a_word() -> None:
    """What is sent over a stalled line comes when it is mended, on the same connection."""
    async with line() as (proxy, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        proxy.stall()
        writer.write(b"two")
        came = asyncio.create_task(reader.readexactly(3))
        other_reader, other_writer = await asyncio.open_connection(HOST, port)
        other_writer.write(b"new")
        assert not came.done()
        proxy.mend()
        assert await came == b"two"
        assert await other_reader.readexactly(3) == b"new"


async def test_a_cut_ends_connections_until_it_is_mended() -> None:
    """Who was connected is told, who connects is let go, and then all is as before."""
    async with line() as (proxy, port):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"one")
        await reader.readexactly(3)
        proxy.cut()
        for _ in range(2):  # the one that was, and a new one
            with pytest.raises((asyncio.IncompleteReadError, OSError)):
                await reader.readexactly(1)
            reader, writer = await asyncio.open_connection(HOST, port)
        proxy.mend()
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"two")
        assert await reader.readexactly(3) == b"two"
