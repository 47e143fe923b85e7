"""The machines on which our processes of a fault run stand: each has a network and a clock.

a machine's processes ──▶ its lines ──▶ brokers, Redis      lines are cut, or stalled
└── its clock, which is set on or back              the brokers' and Redis's is not
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from apache import Cluster
from faults import Trouble
from proc import Processes
from stepped_clock import COMPILER, SteppedClock
from tcp_proxy import TcpProxy

from skyfence.adapters.settings import Settings
from skyfence.cli.local import embedded

# Shorter and longer than a session in Kafka (6 s), than a relay's longest pause (10 s).
_CUT_S = (2.0, 15.0)
# Less than our clocks may differ unnoticed, about as much as a frame may be ahead, and minutes.
_STEPS_S = (1, 3, 30, 300)
_STEPPED_S = (2.0, 10.0)


@dataclass(frozen=True)
class Home:
    """Where processes are started, and by what settings they reach Kafka and Redis."""

    processes: Processes
    settings: Settings


@dataclass(frozen=True)
class Machine(Home):
    """A machine: its lines to each broker and to Redis, and its clock where one can be made."""

    name: str
    kafka: Sequence[TcpProxy]
    redis: TcpProxy
    clock: SteppedClock | None

    def troubles(self) -> list[Trouble]:
        """Return what may happen to it."""
        networks = [
            Trouble(f"{self.name} and {server}: {'stalled' if silently else 'cut'}", happens)
            for server, lines in (("kafka", self.kafka), ("redis", [self.redis]))
            for silently in (False, True)
            for happens in [_Severed(lines, silently=silently)]
        ]
        if len(self.kafka) > 1:
            networks.append(Trouble(f"{self.name} and a broker: cut", _SeveredFromOne(self.kafka)))
        if self.clock is None:
            return networks
        clocks = [
            Trouble(f"clock of {self.name}: {way}", _Stepped(self.clock, sign))
            for way, sign in (("on", 1), ("back", -1))
        ]
        return [*networks, *clocks]


@dataclass(frozen=True)
class _Severed:
    """Lines that are cut, or stalled, for some seconds."""

    lines: Sequence[TcpProxy]
    silently: bool

    async def __call__(self, draw: Random) -> None:
        seconds = draw.uniform(*_CUT_S)
        for line in self.lines:
            line.stall() if self.silently else line.cut()
        try:
            await asyncio.sleep(seconds)
        finally:
            for line in self.lines:
                line.mend()


@dataclass(frozen=True)
class _SeveredFromOne:
    """One of several lines is cut for some seconds."""

    lines: Sequence[TcpProxy]

    async def __call__(self, draw: Random) -> None:
        await _Severed([draw.choice(self.lines)], silently=False)(draw)


@dataclass(frozen=True)
class _Stepped:
    """A clock that is set, and set right again some seconds later."""

    clock: SteppedClock
    sign: int

    async def __call__(self, draw: Random) -> None:
        step_s = self.sign * draw.choice(_STEPS_S)
        seconds = draw.uniform(*_STEPPED_S)
        self.clock.step(step_s)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.clock.step(-step_s)


@asynccontextmanager
async def machines_of(
    cluster: Cluster, settings: Settings, folder: Path
) -> AsyncIterator[list[Machine]]:
    """Yield as many machines as the cluster has lines; ``settings`` reach the servers directly."""
    redis_port = int(settings.redis.url.rsplit(":", 1)[1].split("/")[0])
    async with AsyncExitStack() as stack:
        machines: list[Machine] = []
        for number in range(cluster.lines):
            kafka = [
                await stack.enter_async_context(TcpProxy(outer, inner))
                for node in cluster.nodes
                for outer, inner in [node.lines[number]]
            ]
            port = embedded.free_port()
            redis = await stack.enter_async_context(TcpProxy(port, redis_port))
            own = settings.changed(
                kafka={"bootstrap": cluster.line_bootstrap(number)},
                redis={"url": f"redis://{embedded.HOST}:{port}/0"},
            )
            home = folder / f"machine-{number + 1}"
            home.mkdir()
            processes = Processes(home)
            stack.callback(processes.end)
            clock = SteppedClock(processes, home) if shutil.which(COMPILER) else None
            machines.append(Machine(processes, own, home.name, kafka, redis, clock))
        yield machines
