"""The health file: fresh, stale, missing and broken."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyfence.adapters.health_file import STALE_S, age_s, check, clear, kill_if_stale, refresh
from skyfence.errors import UnavailableError


def sign(age_s: float, pid: int = 0) -> str:
    """Return what a process wrote so long ago."""
    return json.dumps({"monotonic_s": time.monotonic() - age_s, "pid": pid})


def test_a_refreshed_file_is_fresh(tmp_path: Path) -> None:
    """After a refresh the process is well, and nothing but the file is left behind."""
    path = tmp_path / "worker.health"
    refresh(path)
    refresh(path)
    assert 0 <= check(path) < STALE_S
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_is_stale(tmp_path: Path) -> None:
    """A sign of health older than the limit is none, and its age is told."""
    path = tmp_path / "worker.health"
    path.write_text(sign(age_s=STALE_S + 20))
    with pytest.raises(UnavailableError, match=r"worker\.health: last sign of health 30 s ago$"):
        check(path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 7}', '{"monotonic_s": null, "pid": 7}', '{"monotonic_s": 1}']
)
def test_a_broken_file_is_no_sign(tmp_path: Path, text: str) -> None:
    """A file that cannot be read as one is no sign of health, whatever it holds."""
    path = tmp_path / "worker.health"
    path.write_text(text)
    with pytest.raises(UnavailableError, match=r"worker\.health: no sign of health: "):
        check(path)


def test_a_missing_file_is_no_sign(tmp_path: Path) -> None:
    """Before the first refresh nobody is well."""
    with pytest.raises(UnavailableError, match="no sign of health: "):
        check(tmp_path / "none")


def test_without_a_path_nobody_is_told() -> None:
    """Without a path a refresh does nothing, and a check says which setting is missing."""
    refresh(None)
    with pytest.raises(UnavailableError, match=r"^SKYFENCE_HEALTH_FILE is not set"):
        check(None)


def test_what_an_earlier_process_left_is_cleared(tmp_path: Path) -> None:
    """A process that starts has given no sign, whatever stands there; nor is a file needed."""
    path = tmp_path / "worker.health"
    refresh(path)
    clear(path)
    clear(path)
    assert age_s(path) is None


@pytest.fixture
def frozen() -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a process that was suspended."""
    process = subprocess.Popen(["sleep", "600"])
    process.send_signal(signal.SIGSTOP)
    yield process
    process.kill()
    process.wait()


def test_a_process_that_was_not_well_for_long_is_killed(
    tmp_path: Path, frozen: "subprocess.Popen[bytes]"
) -> None:
    """Also one that was suspended, and once: its number may be another's afterwards."""
    path = tmp_path / "worker.health"
    path.write_text(sign(age_s=95, pid=frozen.pid))
    assert not kill_if_stale(path, after_s=100)
    assert frozen.poll() is None
    assert kill_if_stale(path, after_s=90)
    assert frozen.wait(60) == -signal.SIGKILL
    assert not kill_if_stale(path, after_s=90)


@pytest.mark.parametrize("pid", [-1, 0, 1, 2**22 + 1])
def test_no_other_process_is_killed(tmp_path: Path, pid: int) -> None:
    """Neither a group, nor the first process, nor one that has ended."""
    path = tmp_path / "worker.health"
    path.write_text(sign(age_s=95, pid=pid))
    assert not kill_if_stale(path, after_s=90)
