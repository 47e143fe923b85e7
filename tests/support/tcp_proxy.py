"""A TCP line on loopback that a test cuts: connections broken, or silently stalled.

client ──▶ TcpProxy ──▶ server
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Self

from skyfence.cli.local.embedded import HOST

_PIECE = 65_536


class TcpProxy:
    """Passes on what comes to a port, both ways, inside ``async with``.

    ``broken``: connections are ended, and new ones at once. Stalled: nothing is passed on and
    nobody is told; what was sent meanwhile arrives when the line is ``mend``ed, as TCP does it.
    """

    def __init__(self, port: int, server_port: int) -> None:
        self._port = port
        self._server_port = server_port
        self._broken = False
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._accept, HOST, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def cut(self) -> None:
        """Break all connections, and each new one."""
        self._broken = True
        self._flows.set()
        for writer in self._writers:
            writer.transport.abort()

    def stall(self) -> None:
        """Pass nothing on."""
        self._flows.clear()

    def mend(self) -> None:
        """Pass on again what comes, and what has come while it was stalled."""
        self._broken = False
        self._flows.set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._known(writer), contextlib.suppress(OSError):
            await self._flows.wait()
            if self._broken:
                return
            there = await asyncio.open_connection(HOST, self._server_port)
            with self._known(there[1]):
                pumps = {
                    asyncio.create_task(self._pump(reader, there[1])),
                    asyncio.create_task(self._pump(there[0], writer)),
                }
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pump in pumps:
                        pump.cancel()

    @contextlib.contextmanager
    def _known(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """Have a connection broken by ``cut``, and end it at last."""
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                await self._flows.wait()
                writer.write(piece)
                await writer.drain()
