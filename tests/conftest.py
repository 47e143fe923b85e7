"""What the tests of the whole pipeline share, whichever broker it runs on."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import hypothesis
import pytest
import structlog
from proc import Processes
from repository import ZONES

from skyfence.adapters.settings import Settings
from skyfence.adapters.watchdog import WATCHDOG

# A busy machine is no failure: no test asserts how long it took. In CI a test draws the same
# examples each time, so that a failure is the change's; elsewhere it looks for new ones.
hypothesis.settings.register_profile("skyfence", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "skyfence")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a test does to logging: the captured stream that it names is closed with the test.

    A later test in the same process would fail at its first log line.
    """
    was_configured, configuration = structlog.is_configured(), structlog.get_config()
    yield
    if was_configured:
        structlog.configure(**configuration)
    else:
        structlog.reset_defaults()
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler:  # pytest's own are of other classes
            root.removeHandler(handler)


@pytest.fixture(autouse=True)
def no_watchdog_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a command that a test runs in this process from having the tests watched, and ended."""
    monkeypatch.setattr(WATCHDOG, "watching", lambda *_: nullcontext())


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Yield a place to start processes from."""
    started = Processes(tmp_path)
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def zones_file() -> Path:
    """Return a zone file with two members (AA, BB), their regions, and a stranger (XX)."""
    return ZONES


@pytest.fixture
def edges(processes: Processes, settings: Settings) -> Callable[[], list[subprocess.Popen[bytes]]]:
    """Return a function that starts a worker and a relay."""
    return lambda: [processes.skyfence(settings, name) for name in ("worker", "relay")]
