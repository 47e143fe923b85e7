"""The pipeline of a fault run, as processes that can be killed one by one and started again."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from brokers import Brokers, brokers_of
from faults import Victim
from machines import Home, Machine, machines_of
from proc import Processes
from readers import Readers, write_policy
from redis.exceptions import RedisError
from repository import ZONES
from running import Running

from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import RedisSettings, Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local import embedded
from skyfence.errors import SkyfenceError, UnavailableError
from skyfence.naming import Environment

# Starts a command of skyfence, by its name.
Start = Callable[[Processes, Settings, str], subprocess.Popen[bytes]]

_PARTITIONS = 8
_MACHINES = 2
_LONGEST_S = 120.0
_DRAIN_S = 300.0
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True)
class Stage:
    """All that runs: where processes are started, what reaches them, and who may die."""

    processes: Processes
    settings: Settings
    brokers: Brokers
    redis: Victim
    edges: list[Running]
    machines: list[Machine]

    @property
    def workers(self) -> list[Running]:
        """Return the edges that are workers."""
        return [edge for edge in self.edges if edge.name.startswith("worker")]


@asynccontextmanager
async def staged(
    folder: Path,
    brokers: int,
    workers: int,
    *,
    zones: Path | None = ZONES,
    readers: Readers | None = None,
    start: Start = Processes.skyfence,
) -> AsyncIterator[Stage]:
    """Start so many brokers, a Redis, so many workers and a relay; end whatever is left.

    Without ``zones`` the default ones are used. With ``readers`` they are started as well, all go
    by the fault run's policy, and stand on machines where Apache Kafka is what they reach. Workers
    and relay are begun by ``start``.
    """
    processes = Processes(folder)
    async with AsyncExitStack() as stack:
        stack.callback(processes.end)
        lines = 0 if readers is None else _MACHINES
        kafka = await brokers_of(brokers, processes, folder, lines=lines)
        settings = _settings_of(kafka, zones)
        if readers is not None:
            settings = settings.model_copy(update={"policy": write_policy(folder)})
        server, redis = redis_of(processes, folder, settings)
        server.start()
        await redis.back()
        await until(lambda: ensure_topics(settings))
        machines: list[Machine] = []
        if readers is not None and kafka.cluster is not None:
            machines = await stack.enter_async_context(machines_of(kafka.cluster, settings, folder))
        homes: Sequence[Home] = machines or [Home(processes, settings)]
        edges = edges_of(homes, workers, start)
        edges += [] if readers is None else readers.edges(homes)
        for edge in edges:
            edge.start()
        yield Stage(processes, settings, kafka, redis, edges, machines)


def _settings_of(kafka: Brokers, zones: Path | None) -> Settings:
    """Return settings that reach some brokers, and a Redis of their own that is yet to start."""
    return Settings(
        environment=Environment.EXERCISE,
        redis=RedisSettings(
            url=f"redis://{embedded.HOST}:{embedded.free_port()}/0",
            password=embedded.new_password(),
        ),
        track_partitions=_PARTITIONS,
        zones=zones,
        **kafka.settings,
    )


async def drained(settings: Settings) -> None:
    """Return when all that was published has come out; raise ``UnavailableError`` if it does not.

    The error says how many messages of which topics and partitions wait.
    """

    async def come_out() -> None:
        async with GroupProgress(settings) as progress:
            await progress.drained()

    try:
        await until(come_out, _DRAIN_S)
    except TimeoutError as error:
        async with GroupProgress(settings) as progress:
            waiting = await progress.waiting()
        message = f"not drained after {_DRAIN_S:.0f} s, there wait: {waiting}"
        raise UnavailableError(message) from error


async def until(answers: Callable[[], Awaitable[None]], longest_s: float = _LONGEST_S) -> None:
    """Return when something answers; raise ``TimeoutError`` when it does not."""
    async with asyncio.timeout(longest_s):
        while True:
            try:
                await answers()
            except (SkyfenceError, RedisError, OSError):
                await asyncio.sleep(_LOOK_AGAIN_S)
            else:
                return


def redis_of(processes: Processes, folder: Path, settings: Settings) -> tuple[Running, Victim]:
    """Return the Redis of the settings, which keeps everything on disk at once."""
    port = int(settings.redis.url.rsplit(":", 1)[1].split("/")[0])
    assert settings.redis.password is not None
    server = embedded.valkey(port, folder, settings.redis.password, None)
    running = Running("redis", lambda: processes.start(*server.command.arguments))

    async def answers() -> None:
        await (await connect(settings)).aclose()

    return running, running.victim(lambda: until(answers))


def edges_of(
    homes: Sequence[Home], workers: int, start: Start = Processes.skyfence
) -> list[Running]:
    """Return the workers, each with a slot of its own, and the relay, at their homes."""

    def begin(name: str, slot: int) -> Callable[[], subprocess.Popen[bytes]]:
        home = homes[slot % len(homes)]
        own = home.settings.model_copy(update={"worker_slot": str(slot)})
        return lambda: start(home.processes, own, name)

    running = [Running(f"worker-{slot}", begin("worker", slot)) for slot in range(workers)]
    return [*running, Running("relay", begin("relay", 0))]
