"""The health file: fresh, stale, missing and broken."""

import json
import time
from pathlib import Path

import pytest

from skyfence.adapters.health_file import STALE_S, check, refresh
from skyfence.errors import UnavailableError


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
    path.write_text(json.dumps({"at": time.time() - STALE_S - 20}))
    with pytest.raises(UnavailableError, match=r"worker\.health: last sign of health 30 s ago$"):
        check(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"at": null}', '{"at": "noon"}'])
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
