"""The processes of a world: each is started again when it ends, as ``skyfence up`` does."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError
from simulation.driver import SimulatedApp
from simulation.loop import Process, context_of

from skyfence.adapters.watchdog import EXIT_HUNG, Watchdog
from skyfence.errors import SkyfenceError

if TYPE_CHECKING:
    from simulation.world import World

# A process that has ended is started again after about a second.
_RESTART_S: Final = (0.2, 3.0)
# What has not stopped by then is killed.
_STOP_S: Final = 20.0
# How often the watchdog's thread looks.
_POLL_S: Final = 0.5


@dataclass(eq=False)
class Role:
    """A process that is started again when it ends."""

    name: str
    main: Callable[[], Awaitable[None]]
    process: Process
    is_wanted: bool = True
    app: SimulatedApp | None = None
    lives: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class SimulatedWatchdog(Watchdog):
    """The watchdog without its thread, its log line and the stacks."""

    def _expire(self, reason: str, limit_s: float) -> None:
        self._end(EXIT_HUNG)


class Roles(dict[str, Role]):
    """The processes by name, and what is done to them."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world
        # Each tick of a watched loop is a step, so that only worlds in which one hangs are watched.
        self.are_watched = any(fault.name.startswith("hang") for fault in world.faults)

    def begin(self, name: str, main: Callable[[], Awaitable[None]]) -> Role:
        """Start a process that is kept running; the one that has the name already goes on."""
        if name in self and self[name].is_wanted:
            return self[name]
        role = self[name] = Role(name, main, Process(name))
        self._world.loop.create_task(self._keep_running(role), context=context_of(None))
        return role

    async def _keep_running(self, role: Role) -> None:
        loop = self._world.loop
        while role.is_wanted:
            role.process, role.ended = Process(role.name), asyncio.Event()
            role.lives += 1
            loop.create_task(self._live(role, role.ended), context=context_of(role.process))
            if self.are_watched:
                loop.create_task(self._watch(role, role.process), context=context_of(None))
            await role.ended.wait()
            role.process.is_dead = True
            self._world.network.cut(role.process)
            role.app = None
            await asyncio.sleep(self._world.draw.uniform(*_RESTART_S))

    async def _watch(self, role: Role, process: Process) -> None:
        """Do as the thread of the watchdog does, which runs while the loop stands still."""
        watchdog = SimulatedWatchdog(partial(self._end_hung, role, process))
        context_of(process).run(watchdog.watch_loop, self._world.loop)
        while not process.is_dead:
            await asyncio.sleep(_POLL_S)
            if not process.is_stopped:
                watchdog.poll(_POLL_S)

    def _end_hung(self, role: Role, process: Process, _: int) -> None:
        if role.process is process and not process.is_dead:
            self._world.events["watchdog ended a process"] += 1
            self.kill(role.name)

    async def _live(self, role: Role, ended: asyncio.Event) -> None:
        events, kind = self._world.events, role.name.split("-")[0]
        try:
            await role.main()
        except (SkyfenceError, KafkaError) as error:
            events[f"{kind} ended: {type(error).__name__}"] += 1
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a process that crashes is started anew
            events[f"{kind} crashed: {error!r}"] += 1
        ended.set()

    def kill(self, name: str) -> None:
        """Kill a process as SIGKILL does."""
        role = self[name]
        role.process.is_dead = True
        role.ended.set()

    async def ask_to_stop(self, name: str) -> None:
        """Stop a worker as SIGTERM does; it is started again."""
        role = self[name]
        if role.app is not None and role.process.runs:
            context = context_of(role.process)
            stopping = self._world.loop.create_task(role.app.stop(), context=context)
            await asyncio.wait({stopping}, timeout=_STOP_S)
            if stopping.done() and not stopping.cancelled():
                error = stopping.exception()
                self._world.events["stopped" if error is None else f"stop failed: {error!r}"] += 1
        self.kill(name)

    async def remove(self, role: Role) -> None:
        """Stop a worker for good."""
        role.is_wanted = False
        await self.ask_to_stop(role.name)

    async def hang(self, name: str, seconds: float) -> None:
        """Let the loop of a process stand still for so long, or until its watchdog ends it."""
        process = self[name].process
        process.hangs = True
        for _ in range(round(seconds)):
            await asyncio.sleep(1.0)
            if process.is_dead:
                return
        process.hangs = False
        self._world.loop.go_on(process)

    def pause(self, name: str) -> Process:
        """Stop a process as SIGSTOP does."""
        process = self[name].process
        process.is_stopped = True
        return process

    def go_on(self, process: Process) -> None:
        """Let a stopped process go on."""
        process.is_stopped = False
        self._world.loop.go_on(process)
