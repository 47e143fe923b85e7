"""The health file: a process that is well says so every few seconds; ``skyfence health`` reads it.

A file rather than a port: nothing listens, and a process that hangs stops writing by itself. Its
time is the machine's monotonic clock, which all processes share and nobody sets.
"""

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from skyfence.adapters.watchdog import WATCHDOG
from skyfence.errors import UnavailableError

REFRESH_S = 2.0
# Five missed refreshes: long enough for a pause of the machine, short enough to restart in time.
STALE_S = 10.0


def clear(path: Path | None) -> None:
    """Remove what an earlier process left: until the first refresh there is no sign of health."""
    if path is not None:
        path.unlink(missing_ok=True)


def refresh(path: Path | None) -> None:
    """Say that this process is well, now; without a path to nobody but the watchdog."""
    WATCHDOG.note_work()
    if path is None:
        return
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"monotonic_s": time.monotonic(), "pid": os.getpid()}))
    fresh.replace(path)


def check(path: Path | None) -> float:
    """Return the age of the last sign of health, seconds; raise ``UnavailableError`` if stale."""
    age_s, _ = _read(path)
    if not abs(age_s) <= STALE_S:  # a time ahead of the clock, or none at all, is no sign either
        raise UnavailableError(f"{path}: last sign of health {age_s:.0f} s ago")
    return age_s


def age_s(path: Path) -> float | None:
    """Return the age of the last sign of health, seconds; None where there is none yet."""
    with suppress(UnavailableError):
        return _read(path)[0]
    return None


def kill_if_stale(path: Path | None, after_s: float) -> bool:
    """Kill the process whose last sign of health is older than ``after_s``; return whether it was.

    For a health check that runs beside the process, as the same user: what is stopped from
    outside, or hangs beyond its own watchdog, ends in no other way.
    """
    with suppress(UnavailableError, ProcessLookupError):
        age_s, pid = _read(path)
        if path is not None and age_s > after_s and pid > 1:
            path.unlink(missing_ok=True)  # the process's number may be another's next time
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _read(path: Path | None) -> tuple[float, int]:
    """Return the age of the last sign of health, seconds, and whose it is."""
    if path is None:
        raise UnavailableError("SKYFENCE_HEALTH_FILE is not set: nothing to read health from")
    try:
        sign: dict[str, Any] = json.loads(path.read_text())
        return time.monotonic() - float(sign["monotonic_s"]), int(sign["pid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnavailableError(f"{path}: no sign of health: {error}") from None
