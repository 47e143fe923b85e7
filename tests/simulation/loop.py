"""An event loop whose time is made up: same seed, same order of steps, to the last one.

    ready steps ──drawn from the seed──▶ one runs
    none ready  ──▶ time moves on to the next timer

There are no threads and no sockets; connections are ``network``'s. A callback belongs to the
process in whose context it was scheduled, and runs only while that process does: a killed one's are
put aside and never run, a stopped one's wait. Handles of tasks may overtake one another, as those
of real tasks do, that wait for a network; all other callbacks keep their order, on which asyncio
itself relies.
"""

import asyncio
import hashlib
import heapq
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, Final

# How often a step that is ready is overtaken by another.
_OVERTAKEN: Final = 0.3
# What is left to do when a world ends must end by itself within so many steps.
_MOST_LAST_STEPS: Final = 200_000


class Process:
    """One of the pipeline's processes: it runs, is stopped (SIGSTOP), hangs, or is dead (SIGKILL).

    Of one that hangs the loop stands still, and the watchdog's thread runs.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_stopped = False
        self.hangs = False
        self.sends_are_lost = False  # killed, and what it had on the wire is lost from here on
        self.put_aside: list[asyncio.Handle] = []

    @property
    def runs(self) -> bool:
        """Tell whether its callbacks may run."""
        return not (self.is_dead or self.is_stopped or self.hangs)


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


def context_of(process: Process | None) -> Context:
    """Return a context within a process, or outside all of them."""
    context = copy_context()
    context.run(PROCESS.set, process)
    return context


def process_of(context: Context) -> Process | None:
    """Return the process to which a context belongs, None for the world around them."""
    return context.get(PROCESS)


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs tasks in virtual time, which begins at 0 and is in seconds."""

    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._now_s = 0.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._scheduled = 0
        self._trace = hashlib.sha256()
        # Whose each task is; a dead process's would else be collected.
        self._tasks: dict[asyncio.Task[Any], Process | None] = {}
        self._is_running = False
        self._is_closed = False
        self._stopping = False
        self.steps = 0
        self.failures: list[str] = []  # what no task waited for
        self.connect: Callable[..., Coroutine[Any, Any, tuple[Any, Any]]] | None = None

    # what asyncio needs of a loop

    def time(self) -> float:
        return self._now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True

    def stop(self) -> None:
        self._stopping = True

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **options: Any) -> "asyncio.Task[Any]":
        task = asyncio.Task(coro, loop=self, **options)
        context = options.get("context")
        self._tasks[task] = PROCESS.get() if context is None else process_of(context)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context or copy_context())
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context or copy_context())
        self._scheduled += 1
        heapq.heappush(self._timers, (when, self._scheduled, timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now_s + max(delay, 0.0), callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer is passed over when its time comes."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override]
        """Call a function at once: there are no threads."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is whose waits for the future
            future.set_exception(error)
        return future

    async def create_connection(self, *arguments: Any, **options: Any) -> tuple[Any, Any]:
        assert self.connect is not None, "this world has no network"
        return await self.connect(*arguments, **options)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context.get('message')}: {error!r}")

    async def shutdown_asyncgens(self) -> None:
        return

    # running

    @property
    def trace(self) -> str:
        """Return a digest of every step so far: when it was, whose, and what."""
        return self._trace.hexdigest()

    def note(self, text: str) -> None:
        """Take something that happened into the trace."""
        self._trace.update(f"{self._now_s:.9f} {text}\n".encode())

    def run_until_complete(self, future: Any) -> Any:
        main = asyncio.ensure_future(future, loop=self)
        self._run(main.done, None)
        return main.result()

    def run_forever(self) -> None:
        self._run(lambda: self._stopping, None)

    def end(self) -> None:
        """Cancel what is left, the dead's tasks too, and run it to its end."""
        for _ in range(10):
            left = [(task, process) for task, process in self._tasks.items() if not task.done()]
            if not left:
                return
            for task, process in left:
                if process is not None:
                    self._revive(process)
                task.cancel()
            tasks = [task for task, _ in left]
            self._run(lambda tasks=tasks: all(map(_is_done, tasks)), _MOST_LAST_STEPS)  # type: ignore[misc]

    def _revive(self, process: Process) -> None:
        process.is_dead = process.is_stopped = process.hangs = False
        self.go_on(process)

    def go_on(self, process: Process) -> None:
        """Let a process that was stopped run what has waited for it."""
        self._ready.extend(process.put_aside)
        process.put_aside.clear()

    def _run(self, is_done: Callable[[], bool], most_steps: int | None) -> None:
        hooks = sys.get_asyncgen_hooks()
        before = asyncio.events._get_running_loop()
        self._is_running, self._stopping = True, False
        asyncio.events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=lambda _: None, finalizer=lambda _: None)
        until = None if most_steps is None else self.steps + most_steps
        try:
            while not is_done() and (until is None or self.steps < until):
                if not self._step():
                    break
        finally:
            sys.set_asyncgen_hooks(*hooks)
            asyncio.events._set_running_loop(before)
            self._is_running = False

    def _step(self) -> bool:
        """Run one callback; return False where nothing is left that could run."""
        while self._timers and (not self._ready or self._timers[0][0] <= self._now_s):
            when, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                self._now_s = max(self._now_s, when)
                self._ready.append(timer)
        if not self._ready:
            return False
        handle = self._next()
        if handle.cancelled():
            return True
        process = process_of(handle._context)  # type: ignore[attr-defined]
        if process is not None and not process.runs:
            process.put_aside.append(handle)
            return True
        self.steps += 1
        self.note(process.name if process is not None else "world")
        handle._run()
        return True

    def _next(self) -> asyncio.Handle:
        """Take the next handle; where it is a task's, sometimes another task's instead."""
        if len(self._ready) > 1 and self._draw.random() < _OVERTAKEN:
            index = self._draw.randrange(len(self._ready))
            if index and _is_task(self._ready[index]):
                handle = self._ready[index]
                del self._ready[index]
                return handle
        return self._ready.popleft()


def _is_done(task: "asyncio.Task[Any]") -> bool:
    return task.done()


def _is_task(handle: asyncio.Handle) -> bool:
    """Tell whether a handle is a step of a task, as ``asyncio`` itself tells when it shows one."""
    callback = handle._callback  # type: ignore[attr-defined]
    return isinstance(getattr(callback, "__self__", None), asyncio.Task)
