"""Processes of a test: started with their output kept, found again by a mark, ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from skyfence.adapters.settings import Settings, environment_of
from skyfence.cli.local.embedded import EmbeddedServer
from skyfence.errors import SkyfenceError


@dataclass
class Processes:
    """Processes of one test, all ended with it; a mark in their environment finds leftovers."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)  # that each process gets

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[bytes]:
        """Start a command; what it says goes to a file of its own in the test's folder."""
        environment = os.environ | self.variables | changes | {"TEST_MARK": self.mark}
        log = self.log_of(len(self.started))
        with log.open("wb") as output:
            process = subprocess.Popen(
                arguments, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        self.started.append(process)
        return process

    def log_of(self, number: int) -> Path:
        """Return where the n-th process writes."""
        return self.folder / f"process-{number}.log"

    def said(self, process: subprocess.Popen[bytes]) -> str:
        """Return the last of what a process wrote."""
        return self.log_of(self.started.index(process)).read_text(errors="replace")[-4_000:]

    def skyfence(self, settings: Settings, *arguments: str) -> subprocess.Popen[bytes]:
        """Start skyfence with settings."""
        return self.python(settings, "-m", "skyfence", *arguments)

    def python(
        self, settings: Settings, *arguments: str, **changes: str
    ) -> subprocess.Popen[bytes]:
        """Start this Python with settings, and other variables besides."""
        wanted = {k: v for k, v in environment_of(settings).items() if k.startswith("SKYFENCE_")}
        return self.start(sys.executable, *arguments, **wanted, **changes)

    def left(self) -> list[int]:
        """Return the processes that carry this test's mark and live."""
        left = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"TEST_MARK={self.mark}".encode() in (folder / "environ").read_bytes():
                    left.append(int(folder.name))
        return left

    def end(self) -> None:
        """Kill whatever is left."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(server: EmbeddedServer) -> None:
    """Return when a server answers."""

    async def answers() -> None:
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(SkyfenceError):
                    await server.answers()
                    return

    asyncio.run(answers())
