"""Tests with Kannel run where they are asked for (``make test-sms``), and nowhere else.

Their figures are shown at the end; docs/sms-gateways.md has them as once measured.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from kannel import PASSWORD, Kannel
from proc import Processes
from smsc import Smsc

collect_ignore_glob = [] if os.environ.get("SKYFENCE_TEST_SMS") else ["test_*.py"]
FIGURES: list[str] = []


@pytest.fixture
def figure() -> Callable[[str], None]:
    """Return a function that keeps a line for the end."""
    return FIGURES.append


@pytest_asyncio.fixture
async def smsc() -> AsyncIterator[Smsc]:
    """Yield a running SMSC."""
    async with Smsc(password=PASSWORD) as running:
        yield running


@pytest.fixture
def kannel(processes: Processes, tmp_path: Path, smsc: Smsc) -> Callable[..., Awaitable[Kannel]]:
    """Return a function that starts a Kannel bound to the SMSC."""

    async def start(**changes: Any) -> Kannel:
        made = Kannel(processes, tmp_path / "kannel", smsc.port, **changes)
        await made.start()
        await smsc.until(lambda: bool(smsc.binds))
        return made

    return start


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show the figures."""
    if FIGURES:
        terminalreporter.section("figures")
    for line in FIGURES:
        terminalreporter.write_line(line)
