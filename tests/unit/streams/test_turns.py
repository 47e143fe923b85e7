"""Turns: work that shares an event loop goes on in turn."""

import asyncio

import pytest

from skyfence.steps import Steps
from streams.turns import Turns


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Return turns each of which is over after a step."""
    monkeypatch.setattr("streams.turns._TURN_S", 0.0)
    return Turns()


def work(name: str, steps: int, done: list[str]) -> Steps[str]:
    for _ in range(steps):
        done.append(name)
        yield
    return name


async def test_work_goes_on_in_turn(turns: Turns) -> None:
    """What takes two steps waits for two of what takes fifty, and each returns its result."""
    done: list[str] = []
    results = await asyncio.gather(
        turns.work_off(work("long", 50, done)), turns.work_off(work("short", 2, done))
    )
    assert [*results] == ["long", "short"]
    assert done[:6].count("short") == 2


async def test_what_fails_fails_for_its_caller(turns: Turns) -> None:
    """The others go on."""

    def failing() -> Steps[None]:
        yield
        raise ValueError("a test's")

    done: list[str] = []
    other = asyncio.create_task(turns.work_off(work("other", 5, done)))
    with pytest.raises(ValueError, match="a test's"):
        await turns.work_off(failing())
    assert await other == "other"


async def test_a_turn_that_is_not_over_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cheap work does not pay for giving way after each step."""
    monkeypatch.setattr("streams.turns._TURN_S", 1.0)
    done: list[str] = []
    turns = Turns(lambda: 0.0)
    await asyncio.gather(
        turns.work_off(work("first", 3, done)), turns.work_off(work("second", 3, done))
    )
    assert done == ["first"] * 3 + ["second"] * 3
