"""A simulated Redis: clients speak its protocol with it, and it dies, forgets and refuses at will.

redis-py ──network──▶ RedisServer ──▶ Keyspace ──Lua──▶ functions.lua, as shipped
                         └──published──▶ subscribers
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from simulation.keyspace import Keyspace
from simulation.loop import SimulatedLoop, context_of
from simulation.network import Connection
from simulation.resp import CommandReader, Push, RedisError, Status, encode

_OK: Final = Status(b"OK")
# Commands that change nothing that a full disk would have to take.
_READS: Final = frozenset(
    {b"PING", b"GET", b"HGET", b"HGETALL", b"HLEN", b"XRANGE", b"XREVRANGE", b"XREAD", b"MEMORY"}
)


@dataclass
class _Client:
    """What the server knows of a connection; ``blocked`` is the command that waits for entries."""

    reader: CommandReader = field(default_factory=CommandReader)
    version: int = 2
    channels: list[bytes] = field(default_factory=list)
    blocked: list[bytes] | None = None


class RedisServer:
    """One server; ``keep`` is called now and then, ``restart`` brings back the last or an older."""

    def __init__(self, loop: SimulatedLoop, draw: Random, epoch_s: float = 0.0) -> None:
        self._loop = loop
        self._draw = draw
        self._epoch_s = epoch_s  # its wall clock when the loop began
        self._world = context_of(None)
        self._clients: dict[Connection, _Client] = {}
        self.is_up = True
        self.is_full = False  # what is to be written is refused
        self._copies: list[tuple[float, Any]] = []
        self.keyspace = self._begin(None)

    # as the network sees it

    def opened(self, connection: Connection) -> None:
        self._clients[connection] = _Client()

    def closed(self, connection: Connection) -> None:
        self._clients.pop(connection, None)

    def received(self, connection: Connection, data: bytes) -> None:
        client = self._clients[connection]
        for words in client.reader.feed(data):
            answers = self._answers(client, words)
            if answers == [None] and b"BLOCK" in words:
                self._block(connection, client, words)
            else:
                connection.answer(b"".join(encode(answer, client.version) for answer in answers))
            self._publish()
            self._wake()

    # what befalls it

    def keep_copy(self) -> None:
        """Keep what it holds now, as a replica or a backup that a restart may find."""
        self._copies.append((self._loop.time(), self.keyspace.copy()))
        del self._copies[:-20]

    def stop(self) -> None:
        """Die: all connections are cut."""
        self.is_up = False
        for connection in list(self._clients):
            connection.cut()

    def start(self, *, older_s: float = 0.0, is_empty: bool = False) -> None:
        """Come back with all that was written, with what it held so long ago, or with nothing.

        Where no copy is as old, the oldest is taken.
        """
        held = None if is_empty else self.keyspace.copy()
        if older_s > 0 and self._copies:
            before_s = self._loop.time() - older_s
            older = [copy for copy in self._copies if copy[0] <= before_s]
            held = (older or self._copies)[-1 if older else 0][1]
        self.keyspace = self._begin(held)
        self.is_up = True

    def _begin(self, held: Any) -> Keyspace:
        keyspace = Keyspace(f"{self._draw.getrandbits(160):040x}", self._wall_s, held)
        keyspace.receivers = self._receivers
        return keyspace

    def _wall_s(self) -> float:
        return self._epoch_s + self._loop.time()

    def _receivers(self, channel: bytes) -> int:
        return sum(channel in client.channels for client in self._clients.values())

    def _answers(self, client: _Client, words: list[bytes]) -> list[Any]:
        name = words[0].upper()
        if name == b"HELLO":
            client.version = int(words[1]) if len(words) > 1 else client.version
            return [{b"server": b"redis", b"version": b"9.1.2", b"proto": client.version}]
        if name in (b"SUBSCRIBE", b"UNSUBSCRIBE"):
            return self._subscribe(client, name, words[1:])
        if name == b"PING" and client.channels and client.version == 2:
            return [Push([b"pong", words[1] if len(words) > 1 else b""])]
        return [self._answer(name, words)]

    def _answer(self, name: bytes, words: list[bytes]) -> Any:
        if name in (b"CLIENT", b"SELECT"):
            return _OK
        if self.is_full and name not in _READS:
            return RedisError("MISCONF Errors writing to the AOF file: No space left on device")
        try:
            return self.keyspace.run(words)
        except RedisError as error:
            return error

    def _block(self, connection: Connection, client: _Client, words: list[bytes]) -> None:
        """Answer when there are entries, or with nothing when the command has waited its time."""
        client.blocked = words
        after_s = int(words[words.index(b"BLOCK") + 1]) / 1000
        self._loop.call_later(after_s, self._unblock, connection, words, context=self._world)

    def _unblock(self, connection: Connection, words: list[bytes]) -> None:
        client = self._clients.get(connection)
        if client is not None and client.blocked is words:
            client.blocked = None
            connection.answer(encode(None, client.version))

    def _wake(self) -> None:
        """Answer commands that waited for entries which are there now."""
        for connection, client in self._clients.items():
            if client.blocked is None:
                continue
            answer = self._answer(client.blocked[0].upper(), client.blocked)
            if answer is not None:
                client.blocked = None
                connection.answer(encode(answer, client.version))

    def _subscribe(self, client: _Client, name: bytes, channels: list[bytes]) -> list[Any]:
        answers = list[Any]()
        for channel in channels or list(client.channels):
            if name == b"SUBSCRIBE" and channel not in client.channels:
                client.channels.append(channel)
            elif name == b"UNSUBSCRIBE" and channel in client.channels:
                client.channels.remove(channel)
            answers.append(Push([name.lower(), channel, len(client.channels)]))
        return answers

    def _publish(self) -> None:
        published, self.keyspace.published = self.keyspace.published, []
        for channel, message in published:
            for connection, client in self._clients.items():
                if channel in client.channels:
                    push = Push([b"message", channel, message])
                    connection.answer(encode(push, client.version))
