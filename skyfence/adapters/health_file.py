"""The health file: a process that is well says so every few seconds; ``skyfence health`` reads it.

A file rather than a port: nothing listens, and a process that hangs stops writing by itself.
"""

import json
import time
from pathlib import Path

from skyfence.errors import UnavailableError

REFRESH_S = 2.0
# Five missed refreshes: long enough for a pause of the machine, short enough to restart in time.
STALE_S = 10.0


def refresh(path: Path | None) -> None:
    """Say that this process is well, now. Without a path there is nobody to tell."""
    if path is None:
        return
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"at": time.time()}))
    fresh.replace(path)


def check(path: Path | None) -> float:
    """Return the age of the last sign of health, seconds; raise ``UnavailableError`` if stale."""
    if path is None:
        raise UnavailableError("SKYFENCE_HEALTH_FILE is not set: nothing to read health from")
    try:
        at = float(json.loads(path.read_text())["at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnavailableError(f"{path}: no sign of health: {error}") from None
    age_s = time.time() - at
    if not abs(age_s) <= STALE_S:  # a time ahead of the clock, or none at all, is no sign either
        raise UnavailableError(f"{path}: last sign of health {age_s:.0f} s ago")
    return age_s
