"""A wall clock that a test sets for all processes that it starts, as an operator sets a machine's.

``stepped_clock.c`` is compiled and preloaded into them; it adds to the time of day the seconds that
stand in a file. The test's own process keeps the real time: it asks ``SteppedClock.now``.
"""

import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from proc import Processes

_SOURCE: Final = Path(__file__).with_suffix(".c")
COMPILER: Final = "cc"


class SteppedClock:
    """The wall clock of a test's processes, at first the real one."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        library = folder / "stepped_clock.so"
        command = [COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(_SOURCE)]
        subprocess.run(command, check=True)
        self._step_file = folder / "step"
        self._step_s = 0.0
        self.step(0.0)
        processes.variables |= {
            "LD_PRELOAD": str(library),
            "STEPPED_CLOCK": str(self._step_file),
        }

    def step(self, seconds: float) -> None:
        """Set the clock on by whole seconds, or back; it goes on from there at the real rate."""
        self._step_s += seconds
        packed = struct.pack("d", self._step_s)
        if not self._step_file.exists():
            self._step_file.write_bytes(packed)
        with self._step_file.open("r+b") as file:  # the processes have mapped this very file
            file.write(packed)

    def now(self) -> datetime:
        """Return the time that the processes see."""
        return datetime.now(UTC) + timedelta(seconds=self._step_s)
