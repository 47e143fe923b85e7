"""Whether reports are judged at present, by what comes of them and by what does not."""

from types import SimpleNamespace

from builders import T0_MS
from structlog.testing import capture_logs

from consumers.judging import LATE_AFTER_S, JudgingWatch
from consumers.sink import Judging
from skyfence.contracts.judging import JudgedUntil
from skyfence.times import from_ms


class Watching:
    """A watch with a clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.watch = JudgingWatch(lambda: self.now_s)

    def is_current(self, after_s: float = 0.0) -> bool | None:
        """Return whether reports are judged, so many seconds later."""
        self.now_s += after_s
        judging = self.watch.judging()
        return None if judging is None else judging.now

    def take(self, behind_s: float = 0.0) -> None:
        """Take in a message that says how far judging is behind."""
        as_of = T0_MS + 60_000
        said = JudgedUntil(as_of=from_ms(as_of), until=from_ms(as_of - round(1000 * behind_s)))
        self.watch.take(SimpleNamespace(value=said.to_json(), offset=0))


def test_what_another_relay_reads_is_not_known() -> None:
    """One of several relays has the topic's partition; the others say nothing of it."""
    watching = Watching()
    assert watching.is_current() is None
    watching.watch.watch(assigned=True)
    assert watching.is_current() is True
    watching.watch.watch(assigned=False)
    assert watching.is_current(LATE_AFTER_S) is None


def test_what_was_never_said_is_late() -> None:
    """Without any worker nothing comes; the watching is given as long as for a pause."""
    watching = Watching()
    watching.watch.watch(assigned=True)
    assert watching.is_current(LATE_AFTER_S - 1) is True
    watching.watch.watch(assigned=True)
    assert watching.is_current(1) is False
    assert watching.watch.judging() == Judging(now=False, until=None)


def test_what_is_said_no_more_is_late_and_current_again() -> None:
    """The last one grows old by the clock of whoever heard it."""
    watching = Watching()
    watching.watch.watch(assigned=True)
    watching.take()
    assert watching.is_current(LATE_AFTER_S - 1) is True
    assert watching.is_current(1) is False
    watching.take()
    assert watching.is_current() is True


def test_what_is_far_behind_is_late() -> None:
    """Judging that goes on and is behind, for one partition hangs, is as late as that."""
    watching = Watching()
    watching.watch.watch(assigned=True)
    watching.take(behind_s=LATE_AFTER_S - 1)
    assert watching.is_current() is True
    watching.take(behind_s=LATE_AFTER_S)
    assert watching.is_current() is False


def test_what_cannot_be_read_says_nothing() -> None:
    """It is logged, and the last one that could be read grows old."""
    watching = Watching()
    watching.watch.watch(assigned=True)
    with capture_logs() as logs:
        watching.watch.take(SimpleNamespace(value=b"{", offset=7))
    assert logs == [{"event": "judged.unreadable", "offset": 7, "log_level": "warning"}]
    assert watching.is_current(LATE_AFTER_S) is False
