"""The replay source as a component: what it refuses, and what it makes of a bad line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from producers.bad_items import BadItems
from producers.replay import COMPONENT, ReplayOptions
from producers.source import SourceContext
from skyfence.adapters.clock import WallClock
from skyfence.adapters.settings import Settings
from skyfence.contracts.report import Report
from skyfence.errors import UsageError
from skyfence.frames.packing import End
from skyfence.naming import Environment

REPORT = '{"time":"2026-01-01T00:00:00Z","source":"s","track_id":"T1","lat":1.0,"lon":2.0}'


def context(environment: Environment = Environment.EXERCISE) -> SourceContext:
    """Return what the source is given."""
    settings = Settings(environment=environment)
    return SourceContext(settings=settings, bad_items=BadItems("replay", WallClock()))


@asynccontextmanager
async def conformance_rig(folder: Path) -> AsyncIterator[Any]:
    """Yield what the conformance test needs: an open recording, and how its bad line is read."""
    path = folder / "recording.jsonl"
    path.write_text(f"nonsense\n{REPORT}\n")
    options = ReplayOptions(recording=str(path), speed=float("inf"))
    async with COMPONENT.open(options, context()) as source:

        async def send_bad() -> None:
            async for _ in source.batches():
                pass

        yield send_bad


async def test_a_recording_ends_with_its_end(tmp_path: Path) -> None:
    """Reports come in order, and after the last one the word that the source is done."""
    path = tmp_path / "recording.jsonl"
    path.write_text(f"{REPORT}\nnonsense\n{REPORT.replace('00:00:00Z', '00:00:01Z')}\n")
    options = ReplayOptions(recording=str(path), speed=float("inf"))
    async with COMPONENT.open(options, context()) as source:
        items = [item async for batch in source.batches() for item in batch]
    assert [type(item) for item in items] == [Report, Report, End]


async def test_an_actual_replay_needs_words() -> None:
    """As a component it serves exercises only: the words are asked for by another command."""
    options = ReplayOptions(recording="-")
    with pytest.raises(UsageError, match="is for exercises"):
        async with COMPONENT.open(options, context(Environment.ACTUAL)):
            raise AssertionError


def test_each_run_is_new_unless_it_is_named() -> None:
    """Without an id every replay is a story of its own."""
    options = ReplayOptions(recording="-")
    assert COMPONENT.run(options) != COMPONENT.run(options)
    assert COMPONENT.run(ReplayOptions(recording="-", run_id="drill")) == "drill"
