"""Processes that can be killed, stopped and started again, and what starts those that ended."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from faults import Victim

# As `skyfence up`, which starts what has died a second later.
_LOOK_EVERY_S = 1.0


@dataclass
class Running:
    """One process: what starts it, and the one that runs now.

    ``is_down``: it was killed, or told to stop, and is not started again yet.
    """

    name: str
    begin: Callable[[], subprocess.Popen[bytes]]
    process: subprocess.Popen[bytes] = field(init=False)
    is_down: bool = True

    def start(self) -> None:
        """Start it."""
        self.process = self.begin()
        self.is_down = False

    def send(self, number: signal.Signals) -> None:
        """Send its whole group a signal; wait for its end if that is what it means."""
        ends = number in {signal.SIGKILL, signal.SIGTERM}
        self.is_down = self.is_down or ends
        with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
            os.killpg(self.process.pid, number)
        if ends:
            self.process.wait()

    def victim(self, back: Callable[[], Awaitable[None]]) -> Victim:
        """Return it as something that can die."""
        return Victim(
            self.name,
            kill=lambda: self.send(signal.SIGKILL),
            start=self.start,
            back=back,
            pause=lambda: self.send(signal.SIGSTOP),
            go_on=lambda: self.send(signal.SIGCONT),
        )


async def supervise(edges: Sequence[Running], ends: Counter[tuple[str, int]]) -> None:
    """Start again what ends by itself, as whoever runs us does; count by name and exit status."""
    while True:
        for edge in edges:
            if not edge.is_down and edge.process.poll() is not None:
                ends[edge.name, edge.process.returncode] += 1
                edge.start()
        await asyncio.sleep(_LOOK_EVERY_S)
