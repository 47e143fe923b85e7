"""Handling: a message that takes long is none that hangs."""

import asyncio

import pytest

from streams import handling
from streams.handling import Handling, note_step
from streams.turns import Turns


class _Time:
    """A clock that goes on when it is told to."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Time:
    """Return the clock that handling reads."""
    clock = _Time()
    monkeypatch.setattr(handling, "time", clock)
    return clock


async def test_who_takes_a_step_is_not_stuck(clock: _Time) -> None:
    """Time counts from the last step of the message, not from its beginning."""
    messages = Handling()
    with messages.of("a"):
        clock.now_s += 50
        assert messages.longest_step_s == 50
        await Turns(lambda: 0.0).give_way()
        assert messages.longest_step_s == 0
    assert messages.longest_step_s == 0


async def test_anothers_steps_do_not_count(clock: _Time) -> None:
    """Beside a message that goes on, one that hangs is seen; outside of any, a step is nothing."""
    messages, begun, end = Handling(), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        with messages.of("hangs"):
            begun.set()
            await end.wait()

    hanging = asyncio.create_task(hang())
    await begun.wait()
    with messages.of("goes on"):
        clock.now_s += 50
        note_step()
        assert messages.longest_step_s == 50
    note_step()
    end.set()
    await hanging
    assert messages.longest_step_s == 0


def test_a_handler_that_fails_is_over(clock: _Time) -> None:
    """Nobody waits for it."""
    messages = Handling()
    with pytest.raises(ValueError, match="a test's"), messages.of("a"):
        raise ValueError("a test's")
    clock.now_s += 50
    assert messages.longest_step_s == 0
