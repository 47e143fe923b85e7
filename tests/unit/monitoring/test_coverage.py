"""Coverage: which places no healthy source covers, and how often that is told."""

from datetime import timedelta

import pytest
from builders import T0, T0_MS

from skyfence.contracts.alert import PlaceKind
from skyfence.contracts.track_event import Coverage
from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.coverage import CoverageMonitor, Covered, RunCoverage, unseen_places

KINDS: dict[str, PlaceKind] = {
    "NATO": "alliance",
    "AA": "nation",
    "AA-1": "region",
    "AA-2": "region",
    "BB": "nation",
    "BB-1": "region",
}
NATIONS = {"AA-1": "AA", "AA-2": "AA", "BB-1": "BB"}
ALL = tuple(sorted(KINDS))


@pytest.mark.parametrize(
    ("covered", "unseen"),
    [
        ([], ALL),
        ([()], ALL),
        ([None], ()),
        ([("AA",), None], ()),
        ([("NATO",)], ()),
        ([("AA",)], ("BB", "BB-1")),
        ([("AA-1",)], ("AA-2", "BB", "BB-1")),
        ([("AA-1",), ("BB",)], ("AA-2",)),
    ],
)
def test_what_nothing_covers_is_unseen(covered: Covered, unseen: tuple[str, ...]) -> None:
    """A nation's source covers its regions; a region's leaves the rest of its nation unseen."""
    assert unseen_places(KINDS, NATIONS, covered) == unseen


def told(monitor: CoverageMonitor, at_s: float, **covered: Covered) -> list[Coverage]:
    """Judge runs so many seconds after T0, and return what is told then."""
    monitor.judge(T0_MS + round(at_s * 1000), covered)
    events = monitor.pending()
    monitor.note_sent()
    return events


def test_a_change_is_told_once_with_its_time() -> None:
    """What becomes unseen and is seen again is told once each, whole; what stays is not."""
    monitor = CoverageMonitor(KINDS, NATIONS)
    assert told(monitor, 0, live=[None]) == []
    [event] = told(monitor, 10, live=[("AA",)])
    assert (event.run, event.time) == (LIVE_RUN, T0 + timedelta(seconds=10))
    assert event.unseen == ("BB", "BB-1")
    assert told(monitor, 20, live=[("AA",), ("AA",)]) == []
    assert [event.unseen for event in told(monitor, 30, live=[None])] == [()]


def test_a_crash_repeats_the_same_words() -> None:
    """What was stored and perhaps not sent is told again later with the time it had, and once."""
    monitor = CoverageMonitor(KINDS, NATIONS)
    monitor.judge(T0_MS, {LIVE_RUN: []})
    stored = [RunCoverage.model_validate_json(of_run.to_json()) for of_run in monitor.all]
    after = CoverageMonitor(KINDS, NATIONS, stored)
    after.judge(T0_MS + 60_000, {LIVE_RUN: []})
    assert after.pending() == monitor.pending() != []
    after.note_sent()
    assert after.pending() == []


def test_runs_are_apart_and_one_that_is_over_is_forgotten() -> None:
    """A replay's sources cover nothing of the live run, and nothing of it stays behind."""
    monitor = CoverageMonitor(KINDS, NATIONS)
    events = told(monitor, 0, live=[], replay=[None])
    assert [(event.run, event.unseen) for event in events] == [(LIVE_RUN, ALL)]
    assert told(monitor, 10, live=[]) == []
    assert [of_run.run for of_run in monitor.all] == [LIVE_RUN]


def test_a_clock_that_is_set_back_makes_no_change_older() -> None:
    """Each change is told with a later time than the one before, whatever the wall clock does."""
    monitor = CoverageMonitor(KINDS, NATIONS)
    changes = [told(monitor, at_s, live=covered) for at_s, covered in ((0, []), (-60, [None]))]
    [[first], [second]] = changes
    assert (second.unseen, second.time > first.time) == ((), True)
