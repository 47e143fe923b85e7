"""Children of `skyfence up`: a child that gives no sign of health is killed and started anew."""

import asyncio
import sys
from pathlib import Path

import pytest
from receiving import until

from skyfence.cli.local import processes
from skyfence.cli.local.processes import ProcessCommand, keep_running

# Says that it is well; the first of them is suspended then, the next one waits.
CHILD = """
import os, pathlib, signal, sys, time
from skyfence.adapters import health_file
if sys.argv[3] != "never began":
    health_file.refresh(pathlib.Path(sys.argv[1]))
with open(sys.argv[2], "a") as log:
    print(os.getpid(), file=log)
while sys.argv[3] == "well" or pathlib.Path(sys.argv[2]).read_text().count("\\n") > 1:
    health_file.refresh(pathlib.Path(sys.argv[1]))
    time.sleep(0.1)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and wait for little."""
    for name, value_s in {
        "_LOOK_S": 0.1,
        "_SURELY_STALE_S": 0.3,
        "_STOP_S": 0.3,
        "_FIRST_PAUSE_S": 0.1,
    }.items():
        monkeypatch.setattr(processes, name, value_s)


@pytest.mark.parametrize(("state", "starts"), [("suspended", 2), ("never began", 2), ("well", 1)])
async def test_a_child_without_signs_of_health_is_started_anew(
    tmp_path: Path, state: str, starts: int
) -> None:
    """Which has no ear for SIGTERM; a child that is well goes on, however long that is."""
    health, log = tmp_path / "health", tmp_path / "log"
    command = ProcessCommand(
        "child",
        [sys.executable, "-c", CHILD, str(health), str(log), state],
        health_file=health,
        stale_s=1.0,
        start_s=5.0,
    )
    keeping = asyncio.create_task(keep_running(command))
    try:
        await until(lambda: log.exists() and len(log.read_text().split()) == starts)
        done, _ = await asyncio.wait({keeping}, timeout=2.0)
        assert not done
        assert len(log.read_text().split()) == starts
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
