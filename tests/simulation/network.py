"""Connections between simulated processes and servers: bytes in order, delayed, and cut at will.

    redis-py ──asyncio streams──▶ Connection ══▶ Server.received
                                     ◀══════════ Connection.answer

A connection loses nothing while it stands; when it is cut, what is under way is lost on both sides.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Any, Final, Protocol

from simulation.loop import PROCESS, Process, SimulatedLoop, context_of

_LEAST_DELAY_S: Final = 0.0001
_MOST_DELAY_S: Final = 0.002


class Server(Protocol):
    """Whoever listens at an address."""

    is_up: bool

    def opened(self, connection: "Connection") -> None:
        """Note a new connection."""

    def received(self, connection: "Connection", data: bytes) -> None:
        """Take in what a client has sent."""

    def closed(self, connection: "Connection") -> None:
        """Note that a connection is gone."""


class Connection(asyncio.Transport):
    """A client's end of a connection; the server answers with ``answer``."""

    def __init__(self, network: "Network", server: Server, protocol: Any) -> None:
        super().__init__()
        self._network = network
        self.server = server
        self._protocol = protocol
        self.process: Process | None = PROCESS.get()
        self._context: Context = context_of(self.process)
        self._arrives_s = {"there": 0.0, "back": 0.0}
        self.is_open = True

    # what asyncio's streams need of a transport

    def write(self, data: Any) -> None:
        if self.is_open:
            self._later("there", self._network.world, self._deliver, bytes(data))

    def is_closing(self) -> bool:
        return not self.is_open

    def close(self) -> None:
        self.cut()

    def abort(self) -> None:
        self.cut()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def is_reading(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: Any = None, low: Any = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0

    def get_protocol(self) -> Any:
        return self._protocol

    # the other side

    def answer(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self.is_open:
            self._later("back", self._context, self._hand_over, data)

    def cut(self) -> None:
        """Cut the connection: both sides see its end."""
        if self.is_open:
            self.is_open = False
            self.server.closed(self)
            self._network.connections.remove(self)
            self._network.loop.call_soon(
                self._protocol.connection_lost, None, context=self._context
            )

    def _deliver(self, data: bytes) -> None:
        if self.is_open and self.server.is_up:
            self.server.received(self, data)

    def _hand_over(self, data: bytes) -> None:
        if self.is_open:
            self._protocol.data_received(data)

    def _later(
        self, way: str, context: Context, callback: Callable[[bytes], None], data: bytes
    ) -> None:
        """Call back after a delay, and never before what was sent earlier the same way."""
        loop = self._network.loop
        at_s = max(self._arrives_s[way] + 1e-9, loop.time() + self._network.delay_s())
        self._arrives_s[way] = at_s
        loop.call_at(at_s, callback, data, context=context)


class Network:
    """All connections of a world."""

    def __init__(self, loop: SimulatedLoop, draw: Random) -> None:
        self.loop = loop
        self.world = context_of(None)
        self._draw = draw
        self._servers: dict[tuple[str, int], Server] = {}
        self.connections: list[Connection] = []
        loop.connect = self._connect

    def listen(self, host: str, port: int, server: Server) -> None:
        """Have a server listen at an address."""
        self._servers[host, port] = server

    def delay_s(self) -> float:
        """Return how long something is under way."""
        return self._draw.uniform(_LEAST_DELAY_S, _MOST_DELAY_S)

    async def _connect(
        self, protocol_factory: Callable[[], Any], host: str, port: int, **_: Any
    ) -> tuple[Connection, Any]:
        await asyncio.sleep(self.delay_s())
        server = self._servers.get((host, port))
        if server is None or not server.is_up:
            raise ConnectionRefusedError(111, f"nothing listens at {host}:{port}")
        protocol = protocol_factory()
        connection = Connection(self, server, protocol)
        self.connections.append(connection)
        server.opened(connection)
        protocol.connection_made(connection)
        return connection, protocol

    def cut(self, process: Process | None = None) -> int:
        """Cut all connections, or those of a process; return how many there were."""
        cut = [each for each in self.connections if process is None or each.process is process]
        for connection in cut:
            connection.cut()
        return len(cut)
