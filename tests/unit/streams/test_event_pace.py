"""The pace of judging: who floods the incident agent waits, and nobody else."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from streams import event_pace
from streams.event_pace import EventPace

MOST = event_pace._MOST_WAITING


def flooded(partition: int, *, decides_here: bool = True) -> EventPace:
    """Return a pace at which one event too many of a partition waits."""
    pace = EventPace()
    pace.on_assigned(decides_here=decides_here)
    for _ in range(MOST + 1):
        pace.note_sent(partition)
    return pace


async def is_held_up(waiting: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
    """Return the task of what waits; None if it does not."""
    task = asyncio.create_task(waiting)
    for _ in range(3):
        await asyncio.sleep(0)
    return None if task.done() else task


async def test_who_floods_waits_until_few_events_do() -> None:
    """A single one that is decided on is enough at the bound; others' change nothing."""
    pace = flooded(0)
    held_up = await is_held_up(pace.ready(0))
    assert held_up is not None
    pace.note_decided(1)
    pace.note_decided(None)
    await asyncio.sleep(0)
    assert not held_up.done()
    pace.note_decided(0)
    await held_up


async def test_no_other_partition_waits() -> None:
    """It has its own count."""
    assert await is_held_up(flooded(0).ready(1)) is None


async def test_nobody_waits_for_another_worker() -> None:
    """What it has decided on is not known here."""
    assert await is_held_up(flooded(0, decides_here=False).ready(0)) is None


async def test_an_assignment_begins_anew() -> None:
    """What was sent may be decided on elsewhere now; what waits at that time goes on."""
    pace = flooded(0)
    held_up = await is_held_up(pace.ready(0))
    assert held_up is not None
    pace.on_assigned(decides_here=True)
    await held_up


async def test_nobody_waits_once_partitions_go() -> None:
    """The events that wait are forgotten here: a stop would wait for what never comes."""
    pace = flooded(0)
    held_up = await is_held_up(pace.ready(0))
    assert held_up is not None
    pace.on_leaving()
    await held_up
    for _ in range(2 * MOST):
        pace.note_sent(0)
    assert await is_held_up(pace.ready(0)) is None


async def test_events_that_never_come_hold_nobody_up_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log of events may have lost its tail."""
    monkeypatch.setattr(event_pace, "_LONGEST_STANDSTILL_S", 0.0)
    async with asyncio.timeout(10):
        await flooded(0).ready(0)


async def test_what_was_decided_before_is_no_credit() -> None:
    """Events from before the start pass by; as many may wait as ever."""
    pace = EventPace()
    pace.on_assigned(decides_here=True)
    for _ in range(10):
        pace.note_decided(0)
    for _ in range(MOST + 1):
        pace.note_sent(0)
    held_up = await is_held_up(pace.ready(0))
    assert held_up is not None
    held_up.cancel()
