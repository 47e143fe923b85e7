"""One operator, or somebody without a password, against a Redis with the shipped limits."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from builders import T0, place_alert
from proc import Processes
from redis.exceptions import OutOfMemoryError
from shipped_redis import ShippedRedis, programs

from consumers.channels.functions import ChannelFunctions, install
from skyfence.adapters.operator_store import OperatorStore
from skyfence.adapters.redis import connect
from skyfence.contracts.alert import AlertMessage, Timeline
from skyfence.errors import UnavailableError
from skyfence.naming import Audience, Channel, Environment, commands_key
from skyfence.operators.accounts import Operator, user_name

pytestmark = pytest.mark.integration

EXERCISE = Environment.EXERCISE
CHANNEL = Channel(EXERCISE, Audience.OPERATORS, "AA-S")
COMMANDS = commands_key(EXERCISE, "anna")
MB = 1_000_000
# No limit shows later than this.
SOON_S = 10.0
Start = Callable[..., ShippedRedis]


@pytest.fixture(params=programs())
def start(request: pytest.FixtureRequest, processes: Processes, tmp_path: Path) -> Start:
    """Return a function that starts a server, with other values of limits where a test needs it."""
    return lambda **changes: ShippedRedis(processes, tmp_path, request.param, changes)


class Guest:
    """A raw connection, which reads only when it is told to."""

    def __init__(self, server: ShippedRedis, secret: str | None = None) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SOON_S)
        self.socket.connect(str(server.socket))
        if secret is not None:
            self.send("AUTH", user_name(EXERCISE, "anna"), secret)
            assert self.socket.recv(100) == b"+OK\r\n"

    def send(self, *words: str) -> None:
        """Send a command."""
        parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
        self.socket.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())

    def is_cut_off(self) -> bool:
        """Tell whether the server has ended the connection, reading what it had sent before."""
        try:
            while self.socket.recv(MB):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True


@pytest.fixture
def guests() -> Iterator[ExitStack]:
    """Yield a stack that closes what is opened on it."""
    with ExitStack() as stack:
        yield stack


async def prepare(server: ShippedRedis) -> str:
    """Load the functions, and make an operator; return the secret."""
    admin = await server.connect("admin")
    await install(admin)
    anna = Operator(name="anna", channels=("AA-S",), created=T0)
    secret = await OperatorStore(admin, EXERCISE).add(anna)
    await admin.aclose()
    return secret


async def fill_stream(server: ShippedRedis) -> None:
    """Have the channel's stream hold ten megabytes."""
    redis = await server.connect("relay")
    for number in range(1, 11):
        await redis.xadd(CHANNEL.stream, {"message": "x" * MB}, id=f"{number}-0")
    await redis.aclose()


async def deliver(server: ShippedRedis) -> int | None:
    """Publish a place's message as the relay does."""
    redis = await server.connect("relay")
    alert = place_alert(place="AA-S", environment=EXERCISE, at=T0)
    message = AlertMessage(alert=alert, timeline=Timeline())
    try:
        return await ChannelFunctions(redis).deliver(CHANNEL, alert, message)
    finally:
        await redis.aclose()


def test_who_does_not_read_what_he_asks_for_is_cut_off(start: Start, guests: ExitStack) -> None:
    """An operator asks for ten megabytes thirty times, and reads nothing."""
    server = start(**{"maxmemory-clients": "0"})  # the limit of all together
    secret = asyncio.run(prepare(server))
    asyncio.run(fill_stream(server))
    guest = Guest(server, secret)
    guests.callback(guest.socket.close)
    for _ in range(30):
        guest.send("XRANGE", CHANNEL.stream, "-", "+")
    assert peak_bytes(server) < 120 * MB
    assert guest.is_cut_off()


def peak_bytes(server: ShippedRedis) -> int:
    """Return the most memory that a server has used, by the kernel's word."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def test_many_who_do_not_read_are_bounded_together(start: Start, guests: ExitStack) -> None:
    """Each stays below the own limit: those with the most are cut off, and the relay is not."""
    server = start()
    secret = asyncio.run(prepare(server))
    asyncio.run(fill_stream(server))
    for _ in range(12):
        guest = Guest(server, secret)
        guests.callback(guest.socket.close)
        for _ in range(4):
            guest.send("XRANGE", CHANNEL.stream, "-", "+")
    assert asyncio.run(deliver(server)) == 0
    assert peak_bytes(server) < 250 * MB


def test_a_command_of_a_hundred_megabytes_is_refused(start: Start, guests: ExitStack) -> None:
    """Before it is sent: Redis would keep room for it."""
    server = start()
    guest = Guest(server, asyncio.run(prepare(server)))
    guests.callback(guest.socket.close)
    guest.socket.sendall(f"*5\r\n$4\r\nXADD\r\n${len(COMMANDS)}\r\n{COMMANDS}\r\n".encode())
    guest.socket.sendall(b"$1\r\n*\r\n$7\r\ncommand\r\n$100000000\r\n")
    assert b"invalid bulk length" in guest.socket.recv(1_000)
    assert guest.is_cut_off()


def test_a_command_of_many_large_fields_is_cut_off(start: Start, guests: ExitStack) -> None:
    """Each field is small enough, and all together are not."""
    server = start()
    guest = Guest(server, asyncio.run(prepare(server)))
    guests.callback(guest.socket.close)
    field = b"$1000000\r\n" + b"x" * MB + b"\r\n"
    guest.socket.sendall(f"*501\r\n$4\r\nXADD\r\n${len(COMMANDS)}\r\n{COMMANDS}\r\n".encode())
    guest.socket.sendall(b"$1\r\n*\r\n")
    with pytest.raises(ConnectionError):
        guest.socket.sendall(field * 400)
    assert peak_bytes(server) < 250 * MB


def test_sockets_without_a_password_are_bounded(start: Start, guests: ExitStack) -> None:
    """Sixty sockets fill a server for fifty: who is in works on, and others get in when they go."""
    server = start(maxclients="50")
    asyncio.run(prepare(server))

    async def crowd() -> None:
        relay = await server.connect("relay")
        silent = [Guest(server) for _ in range(60)]
        for guest in silent:
            guests.callback(guest.socket.close)
        assert b"max number of clients reached" in silent[-1].socket.recv(100)
        assert await relay.get(CHANNEL.steps("0")) is None
        guests.close()
        async with asyncio.timeout(SOON_S):
            while True:
                with suppress(UnavailableError):
                    await (await connect(server.settings("monitor"))).aclose()
                    break
        await relay.aclose()

    asyncio.run(crowd())


def test_data_does_not_outgrow_memory(start: Start) -> None:
    """Commands that nobody reads are refused in the end."""
    server = start(maxmemory="32mb")
    secret = asyncio.run(prepare(server))

    async def flood() -> None:
        settings = server.settings(user_name(EXERCISE, "anna"), secret)
        redis = await connect(settings)
        try:
            for _ in range(100):
                await redis.xadd(COMMANDS, {"command": "x" * MB})
        finally:
            await redis.aclose()

    with pytest.raises(OutOfMemoryError):
        asyncio.run(flood())
