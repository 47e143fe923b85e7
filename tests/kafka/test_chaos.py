"""The short fault runs, with a fixed seed; ``make chaos`` has the long ones."""

import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "chaos" / "run.py"
_LONGEST_S = 1_200


def as_undisturbed(folder: Path, *options: str) -> None:
    """Run a fault run, and assert that nothing was lost and nothing said twice."""
    done = subprocess.run(
        [sys.executable, str(RUN), "--seed", "1", "--keep", str(folder), *options],
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-4_000:]
    assert "nothing missing, nothing twice, all in order" in done.stdout


def test_nothing_is_lost_or_said_twice_while_parts_die(tmp_path: Path) -> None:
    """Kill and stop parts, cut lines, set clocks, send junk: heard and told as if undisturbed.

    Five minutes of the recording pass in 50 s: partitions that are without a leader for that long
    would make of their sources silent ones, whom nobody waits for.
    """
    faults = ["--kills", "8", "--trouble-every", "2", "--pause-every", "7", "--pause", "20"]
    as_undisturbed(tmp_path, *faults, "--tracks", "120", "--window", "300", "--speed", "6")


def test_nothing_is_lost_or_judged_twice_while_workers_restart_amid_a_backlog(
    tmp_path: Path,
) -> None:
    """Workers told to stop amid a backlog, and started again: as undisturbed, each judged once."""
    backlog = ["--backlog", "20000", "--tracks", "45", "--window", "60"]
    as_undisturbed(tmp_path, "--graceful", "1", *backlog, "--brokers", "1")
