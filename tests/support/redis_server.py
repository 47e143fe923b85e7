"""A Valkey of a test's own, without Kafka, that can be killed and started again."""

import shutil
from pathlib import Path
from typing import Any

from proc import Processes, wait_for

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings
from skyfence.cli.local import embedded
from skyfence.naming import Environment


class Server:
    """A Valkey that can be started again, with or without what it had stored."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self._processes = processes
        self._folder = folder
        self._password = embedded.new_password()
        self._port = embedded.free_port()
        self.settings = Settings(
            environment=Environment.EXERCISE,
            redis=RedisSettings(
                url=f"redis://{embedded.HOST}:{self._port}/0", password=self._password
            ),
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        server = embedded.valkey(self._port, self._folder, self._password, None)
        self._process = self._processes.start(*server.command.arguments)
        wait_for(server)

    def restart(self, *, losing: bool = False) -> None:
        """Kill it and start it again."""
        self._process.kill()
        self._process.wait()
        if losing:
            for file in (self._folder / "valkey").rglob("appendonly*.*"):
                if file.is_file():
                    file.unlink()
        self.start()

    def keep_copy(self) -> None:
        """Keep a copy of what it has stored by now."""
        shutil.copytree(self._folder / "valkey", self._folder / "copy", dirs_exist_ok=True)

    def restart_as_copy(self) -> None:
        """Kill it and start it again as it was when the copy was kept."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder / "valkey")
        shutil.copytree(self._folder / "copy", self._folder / "valkey")
        self.start()

    async def empty(self) -> None:
        """Delete what tests left: data, functions, and all users but the default one."""
        redis = await connect(self.settings)
        try:
            await redis.flushall()
            await redis.function_flush()
            users: Any = await redis.acl_users()
            names = [name for name in users if name != "default"]
            if names:
                await redis.acl_deluser(*names)
                await redis.acl_save()
        finally:
            await redis.aclose()
