"""The short fault run, with a fixed seed; ``make chaos`` is the long one."""

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "chaos" / "run.py"
_LONGEST_S = 900


def test_nothing_is_lost_or_said_twice_while_parts_die(tmp_path: Path) -> None:
    """Kill workers, relay, Redis and brokers, stop some, send junk: heard as if undisturbed."""
    faults = ["--seed", "1", "--kills", "12", "--pause-every", "6", "--pause", "20"]
    done = subprocess.run(
        [sys.executable, str(RUN), *faults, "--speed", "5", "--keep", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    assert "nothing missing, nothing twice, all in order" in done.stdout
