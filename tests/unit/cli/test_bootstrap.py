"""What every process is given: a component is opened again when it fails, and how it ends."""

import asyncio
import os
import signal
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from producers.source import Source, SourceComponent, SourceContext
from skyfence.cli.bootstrap import NoteOpen, keep_open
from skyfence.cli.local.signals import until_told_to_stop
from skyfence.components.component import ComponentOptions
from skyfence.errors import UnavailableError, UsageError


def never(_: ComponentOptions, __: SourceContext) -> AbstractAsyncContextManager[Source]:
    """Open nothing."""
    raise AssertionError


COMPONENT = SourceComponent(
    name="test", summary="a test's", guarantee="none", options=ComponentOptions, open=never
)


class Attempts:
    """Fails so often, when open or before, then ends; keeps the pauses that were made."""

    def __init__(self, failures: int, *, opens: bool = True) -> None:
        self.left, self.opens = failures, opens
        self.pauses_s: list[float] = []

    async def attempt(self, note_open: NoteOpen) -> None:
        """Fail while failures are left."""
        if self.opens:
            note_open()
        if self.left:
            self.left -= 1
            raise UnavailableError("the peer is away")

    async def sleep(self, pause_s: float) -> None:
        """Keep a pause instead of making it."""
        self.pauses_s.append(pause_s)


async def test_a_component_is_opened_again_with_growing_pauses() -> None:
    """Each failure in a row doubles the pause, up to a minute, half of it drawn."""
    attempts = Attempts(8)
    await keep_open(COMPONENT, attempts.attempt, patient=False, sleep=attempts.sleep)
    wholes = [1, 2, 4, 8, 16, 32, 60, 60]
    for pause_s, whole_s in zip(attempts.pauses_s, wholes, strict=True):
        assert whole_s / 2 <= pause_s <= whole_s


async def test_what_never_was_open_is_told_at_once() -> None:
    """Without patience the first failure to open ends the process; with it, it is tried again."""
    attempts = Attempts(1, opens=False)
    with pytest.raises(UnavailableError, match="the peer is away"):
        await keep_open(COMPONENT, attempts.attempt, patient=False, sleep=attempts.sleep)
    attempts = Attempts(2, opens=False)
    await keep_open(COMPONENT, attempts.attempt, patient=True, sleep=attempts.sleep)
    assert len(attempts.pauses_s) == 2


async def test_what_is_finite_is_not_begun_again() -> None:
    """A component that would tell everything twice fails for good."""
    attempts = Attempts(1)
    with pytest.raises(UnavailableError):
        await keep_open(
            replace(COMPONENT, finite=True), attempts.attempt, patient=False, again=False
        )


async def test_what_is_permanent_ends_the_process() -> None:
    """A wrong setting does not mend itself, however patient we are."""

    async def attempt(_: NoteOpen) -> None:
        raise UsageError("port 5010 on 127.0.0.1: address already in use")

    with pytest.raises(UsageError, match="port 5010"):
        await keep_open(COMPONENT, attempt, patient=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_is_a_good_end(number: signal.Signals) -> None:
    """Each signal that asks to stop lets the work clean up, and is no error."""
    ends: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            ends.append("cleaned up")

    await until_told_to_stop(work())
    assert ends == ["cleaned up"]


async def test_a_cancellation_that_nobody_asked_for_is_no_good_end() -> None:
    """A task of a library's that is cancelled ends us as something that is to be started anew."""

    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(UnavailableError, match="restart it"):
        await until_told_to_stop(work())


async def test_who_serves_may_be_cancelled_from_outside() -> None:
    """A cancellation of whoever waits for the end stays one."""
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    serving = asyncio.create_task(until_told_to_stop(work()))
    await begun.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
