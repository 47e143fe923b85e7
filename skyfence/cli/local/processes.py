"""Child processes: started so that none outlives us, watched, restarted, stopped.

Each child has a session of its own, so that Ctrl-C reaches only us and we stop them in order; on
Linux the kernel ends them if we are killed. A child that lives and gives no sign of health, because
it hangs beyond its own watchdog or was suspended, is asked to stop, killed, and started anew.
"""

import asyncio
import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import structlog

from skyfence.adapters import health_file
from skyfence.adapters.backoff import Backoff

log = structlog.get_logger()

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_STOP_S: Final = 10.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_WELL_AFTER_S: Final = 60.0  # a child that lived this long has earned a quick restart
_LOOK_S: Final = 2.0  # between two looks at the signs of health
# Seen stale for so long: where all processes were suspended, their signs are old at first.
_SURELY_STALE_S: Final = 10.0
_USAGE_ERROR: Final = 2  # a wrong setting does not mend itself
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ProcessCommand:
    """What to run. ``environment`` is the child's whole environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    output: IO[bytes] | None = None  # where both outputs go; None: ours
    health_file: Path | None = None  # what it refreshes while it is well, if anything
    stale_s: float = math.inf  # for how long it may not, once it has begun
    start_s: float = math.inf  # how long it may take to begin


async def start(command: ProcessCommand) -> asyncio.subprocess.Process:
    """Start a command."""
    return await asyncio.create_subprocess_exec(
        *command.arguments,
        env=dict(command.environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=command.output,
        stderr=command.output,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process and whatever it started: first asked, then killed."""
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            log.warning("process.killed", pid=process.pid)
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


async def keep_running(command: ProcessCommand) -> None:
    """Run a command for ever, starting it again with growing pauses; return on a usage error."""
    loop = asyncio.get_running_loop()
    backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    while True:
        began = loop.time()
        health_file.clear(command.health_file)
        process = await start(command)
        try:
            await _wait(process, command)
        finally:
            await stop(process)
        code = process.returncode
        if code == _USAGE_ERROR:
            log.error("process.misconfigured", name=command.name)
            return
        if loop.time() - began > _WELL_AFTER_S:
            backoff.reset()
        pause_s = backoff.next_s()
        log.warning("process.ended", name=command.name, code=code, again_in_s=round(pause_s, 1))
        await asyncio.sleep(pause_s)


async def _wait(process: asyncio.subprocess.Process, command: ProcessCommand) -> None:
    """Return when a process has ended, or lives and gives no sign of health any more."""
    began_s, stale_s = time.monotonic(), 0.0
    while stale_s < _SURELY_STALE_S:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await process.wait()
                return
        stale_s = stale_s + _LOOK_S if _is_stale(command, began_s) else 0.0
    log.error("process.unresponsive", name=command.name, pid=process.pid)


def _is_stale(command: ProcessCommand, began_s: float) -> bool:
    """Tell whether a process that began then (monotonic) has given no sign of health for long."""
    if command.health_file is None:
        return False
    age_s = health_file.age_s(command.health_file)
    if age_s is None:
        return time.monotonic() - began_s > command.start_s
    return age_s > command.stale_s


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # nothing of it is left
