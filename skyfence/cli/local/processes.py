"""Child processes: started so that none outlives us, watched, restarted, stopped.

Each child has a session of its own, so that Ctrl-C reaches only us and we stop them in order; on
Linux the kernel ends them if we are killed.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final

import structlog

from skyfence.adapters.backoff import Backoff

log = structlog.get_logger()

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_STOP_S: Final = 10.0
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_WELL_AFTER_S: Final = 60.0  # a child that lived this long has earned a quick restart
_USAGE_ERROR: Final = 2  # a wrong setting does not mend itself
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ProcessCommand:
    """What to run. ``environment`` is the child's whole environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    output: IO[bytes] | None = None  # where both outputs go; None: ours


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
        process = await start(command)
        try:
            code = await process.wait()
        finally:
            await stop(process)
        if code == _USAGE_ERROR:
            log.error("process.misconfigured", name=command.name)
            return
        if loop.time() - began > _WELL_AFTER_S:
            backoff.reset()
        pause_s = backoff.next_s()
        log.warning("process.ended", name=command.name, code=code, again_in_s=round(pause_s, 1))
        await asyncio.sleep(pause_s)


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return  # nothing of it is left
