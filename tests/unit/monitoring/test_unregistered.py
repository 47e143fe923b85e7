"""Sources that no policy names: invented names wake no nation, and make no place seen."""

from datetime import timedelta

import pytest
from builders import T0, T0_MS
from source_feeds import DAY_S, feeds, hear, look, told
from words import ENGLISH

from skyfence.contracts.track_event import OperatorClosed, SourceMistimed
from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.coverage import CoverageMonitor
from skyfence.monitoring.feed import Feed
from skyfence.monitoring.feed_alarm import LIVE_GIVEN_UP_AFTER, UNREGISTERED
from skyfence.monitoring.sources import SourceMonitor

ONE_ALARM = [("NATO", 1, "Alert")]
ONE_END = [("NATO", 2, "Cancel")]


def registered() -> SourceMonitor:
    """Return a monitor whose policy names a radar, which is heard."""
    monitor = feeds(radar={"watches": ["AA"], "silent_after_s": 80_000})
    hear(monitor, 0)
    return monitor


def test_fifty_invented_names_make_one_alarm() -> None:
    """However many fall silent, and whenever; it ends when none is silent any more."""
    monitor = registered()
    for number in range(50):
        hear(monitor, number, f"name-{number}")
    assert told(look(monitor, 70)) == ONE_ALARM
    assert look(monitor, 300) == []
    for number in range(49):
        hear(monitor, 310, f"name-{number}")
    assert look(monitor, 311) == []
    hear(monitor, 320, "name-49")
    over = look(monitor, 321)
    assert told(over) == ONE_END
    assert over[0].response_type == "AllClear"
    assert UNREGISTERED not in {feed.key for feed in monitor.all}


def test_a_clock_that_is_wrong_is_one_of_them() -> None:
    """A wrong clock under an invented name is no alarm of its own either."""
    monitor = registered()
    for at_s in (0, 40, 80):
        event = SourceMistimed(run=LIVE_RUN, key="new", time=T0, off_ms=3_000_000)
        monitor.note_mistimed(event, T0_MS + at_s * 1000, T0_MS + at_s * 1000)
    assert told(look(monitor, 81)) == ONE_ALARM


def test_runs_can_be_invented_too() -> None:
    """Names in fifty runs are still one alarm."""
    monitor = registered()
    for number in range(50):
        hear(monitor, 0, "new", run=f"run-{number}")
    assert told(look(monitor, 70)) == ONE_ALARM


def test_the_registered_ones_alarm_as_before() -> None:
    """Whoever watches a named source hears of it by its name."""
    monitor = registered()
    hear(monitor, 0, "new")
    look(monitor, 70)
    alarms = look(monitor, 90_000)
    assert {(alarm.place, alarm.key) for alarm in alarms} == {("NATO", "radar"), ("AA", "radar")}


def test_where_nothing_is_registered_every_source_counts() -> None:
    """A policy without a source leaves everything as it is: each silence is told to all."""
    monitor = feeds()
    hear(monitor, 0, "new")
    assert [alarm.place for alarm in look(monitor, 70)] == ["NATO", "AA", "BB"]


def test_a_place_with_an_incident_of_it_is_not_told() -> None:
    """An invented source could make an incident, and fall silent, wherever it likes."""
    monitor = registered()
    hear(monitor, 0, "new")
    monitor.judge(T0_MS + 70_000, T0_MS, {3: T0_MS + 70_000}, lambda _run, _source: ["AA-1"])
    assert told(monitor.pending_alarms()) == ONE_ALARM


def test_a_restart_tells_the_same() -> None:
    """Before and after the telling, from what was stored."""
    monitor = registered()
    hear(monitor, 0, "new")
    monitor.judge(T0_MS + 70_000, T0_MS, {3: T0_MS + 70_000})
    stored = [Feed.model_validate_json(feed.to_json()) for feed in monitor.all]
    after = feeds(stored, radar={"watches": ["AA"], "silent_after_s": 80_000})
    assert after.pending_alarms() == monitor.pending_alarms() != []


def test_the_next_silence_is_another_alarm() -> None:
    """Whoever was heard again may fall silent again."""
    monitor = registered()
    hear(monitor, 0, "new")
    (first,) = look(monitor, 70)
    hear(monitor, 80, "new")
    assert told(look(monitor, 82)) == ONE_END
    assert look(monitor, 84) == []
    (second,) = look(monitor, 200)
    assert first.incident_id != second.incident_id


def test_closing_the_alarm_retires_those_that_are_silent() -> None:
    """An operator's word ends the alarm, and they are forgotten until they are heard again."""
    monitor = registered()
    hear(monitor, 0, "new")
    (alarm,) = look(monitor, 70)
    word = OperatorClosed(
        run=LIVE_RUN,
        incident_id=alarm.incident_id,
        time=T0 + timedelta(seconds=80),
        by="anna",
        reason="invented",
    )
    monitor.retire(word)
    over = look(monitor, 82)
    assert told(over) == ONE_END
    assert over[0].response_type == "Monitor"
    assert [feed.key for feed in monitor.all] == ["radar"]
    assert look(monitor, 200) == []


def test_given_up_is_no_all_clear() -> None:
    """After a week nobody waits for them any more, and it is said so."""
    monitor = registered()
    hear(monitor, 0, "new")
    look(monitor, 70)
    hear(monitor, LIVE_GIVEN_UP_AFTER.days * DAY_S)
    (over,) = look(monitor, LIVE_GIVEN_UP_AFTER.days * DAY_S + 10)
    assert (over.key, over.response_type) == (UNREGISTERED, "Monitor")


@pytest.mark.parametrize("count", [199, 200, 201, 1_000])
def test_so_many_names_are_remembered(count: int) -> None:
    """Invented names cost no more memory from some number on, and push no silence out."""
    monitor = registered()
    hear(monitor, 0, "silent")
    assert told(look(monitor, 70)) == ONE_ALARM
    for number in range(count):
        hear(monitor, 75, f"name-{number}")
    assert look(monitor, 80) == []
    kept = {feed.key for feed in monitor.all} - {"radar", UNREGISTERED}
    assert len(kept) == min(count + 1, 200)
    assert "silent" in kept


def test_an_invented_name_makes_no_place_seen() -> None:
    """What covers a place is what the policy names; a replay's sources are its recording's own."""
    monitor = feeds(radar={"watches": ["AA"]})
    hear(monitor, 0, "new")
    hear(monitor, 0, "new", run="replay-1")
    assert monitor.covered == {LIVE_RUN: [], "replay-1": [None]}
    hear(monitor, 0, "radar")
    assert monitor.covered[LIVE_RUN] == [("AA",)]
    coverage = CoverageMonitor({"AA": "nation", "BB": "nation"}, {})
    coverage.judge(T0_MS, monitor.covered)
    assert coverage.all[0].unseen == ("BB",)


def test_words() -> None:
    """The summary says what to do, and never that one feed of a name is silent."""
    monitor = registered()
    hear(monitor, 0, "new")
    (alarm,) = look(monitor, 70)
    since = "2024-09-07 03:58:00 UTC"
    assert alarm.headline == f"EXERCISE: {ENGLISH.feed.unregistered.format(since=since)}"
    assert alarm.instruction == ENGLISH.feed.unregistered_instruction
