"""The status: what is counted, what is remembered, and its form as a Redis hash."""

from datetime import timedelta

import pytest
from builders import T0, T0_MS, track_event
from words import ENGLISH

from skyfence.contracts.judging import JudgedUntil
from skyfence.contracts.rejected import ReasonClass, Rejected
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import LIVE_RUN
from skyfence.incidents.manager import IncidentManager
from skyfence.monitoring.coverage import CoverageMonitor, Covered
from skyfence.monitoring.sources import SourceMonitor
from skyfence.monitoring.status import (
    MonitorState,
    PartitionLag,
    ProcessStatus,
    Tally,
    from_hash,
    to_hash,
)
from skyfence.naming import Environment
from skyfence.policy.policy import Policy
from skyfence.times import from_ms

WORLD = Environment.EXERCISE
LAG = PartitionLag(group="g", topic="exercise.tracks", partition=3, messages=7, done_to=T0)


def some_feeds() -> SourceMonitor:
    monitor = SourceMonitor(WORLD, Policy(), {"NATO": "alliance", "AA": "nation"}, ENGLISH.feed)
    monitor.hear(SourceWatermark(run="live", key="radar/a", time=T0), T0_MS, 3, T0_MS)
    return monitor


def coverage(covered: Covered = (None,)) -> CoverageMonitor:
    """Return what is known of two nations, which by default a source covers."""
    known = CoverageMonitor({"AA": "nation", "BB": "nation"}, {})
    known.judge(T0_MS, {LIVE_RUN: covered})
    return known


def bad(reason_class: ReasonClass) -> Rejected:
    return Rejected(
        reason="a line that nobody parses",
        reason_class=reason_class,
        topic="exercise.tracks",
        partition=0,
        offset=0,
        received=T0,
        size_bytes=0,
        excerpt_base64="",
    )


def test_incidents_are_counted_from_alerts() -> None:
    """An incident is open from its first alert until one says it is closed, whoever it is for."""
    manager, tally = IncidentManager(WORLD, {}, ENGLISH.operators), Tally(MonitorState())
    for number, kind in enumerate(("entered", "confirmed", "exited", "cleared"), 1):
        for alert in manager.process(track_event(kind, number)):
            tally.take_alert(alert, T0_MS)
        status = tally.status(WORLD, T0_MS, some_feeds(), coverage(), ())
        assert status.incidents_open == len(manager.open) == (kind != "cleared")
    assert status.last_alert is not None
    assert status.last_alert.message_type == "Cancel"


def test_an_incident_without_a_word_for_a_day_is_dropped() -> None:
    """An incident whose end was lost does not count for ever."""
    tally = Tally(MonitorState())
    for alert in IncidentManager(WORLD, {}, ENGLISH.operators).process(track_event("entered", 1)):
        tally.take_alert(alert, T0_MS)
    day_ms = 24 * 3_600_000
    assert tally.status(WORLD, T0_MS + day_ms, some_feeds(), coverage(), ()).incidents_open == 1
    assert tally.status(WORLD, T0_MS + day_ms + 1, some_feeds(), coverage(), ()).incidents_open == 0


def test_a_feed_alarm_is_no_incident() -> None:
    """The last alert may be a feed alarm, and no incident is open because of it."""
    watched, tally = some_feeds(), Tally(MonitorState())
    watched.judge(T0_MS + 100_000, T0_MS, {3: T0_MS + 100_000})
    for alarm in watched.pending_alarms():
        tally.take_alert(alarm, T0_MS + 100_000)
    status = tally.status(WORLD, T0_MS + 100_000, watched, coverage(), ())
    assert status.incidents_open == 0
    assert status.last_alert is not None
    assert status.last_alert.event == "sensor feed silent"
    assert [source.state for source in status.sources] == ["silent"]


def test_what_is_remembered_goes_on() -> None:
    """A tally made from another's memory, through JSON, counts on from there."""
    first = Tally(MonitorState())
    first.take_rejected(bad("field"))
    first.take_rejected(bad("key"))
    memory = first.state(some_feeds(), coverage(), {"exercise.rejected": {0: 2}})
    stored = MonitorState.model_validate_json(memory.to_json())
    assert stored == memory
    second = Tally(stored)
    second.take_rejected(bad("field"))
    status = second.status(WORLD, T0_MS, some_feeds(), coverage(), ())
    assert status.rejected == {"field": 2, "key": 1}


def test_the_hash_and_back() -> None:
    """A status written as a hash is read back the same; its field names are the documented ones."""
    tally = Tally(MonitorState())
    for alert in IncidentManager(WORLD, {}, ENGLISH.operators).process(track_event("entered", 1)):
        tally.take_alert(alert, T0_MS)
    tally.take_rejected(bad("unreadable"))
    now_ms = T0_MS + 4_500
    status = tally.status(WORLD, now_ms, some_feeds(), coverage([("BB",)]), (LAG,))
    judged = JudgedUntil(as_of=T0, until=T0)
    relay = ProcessStatus(name="relay", done_to=T0)
    status = status.model_copy(update={"judged": judged, "processes": (relay,)})
    fields = to_hash(status)
    assert set(fields) == {
        "judged",
        "process:relay",
        "environment",
        "as_of",
        "rejected",
        "incidents_open",
        "last_alert",
        "unseen:live",
        "source:live:radar/a",
        "lag:exercise.tracks:3",
    }
    assert from_hash(fields) == status
    [unseen] = status.unseen
    assert (unseen.run, unseen.since, unseen.places) == (LIVE_RUN, T0, ("AA",))
    assert not unseen.everywhere
    [source] = status.sources
    assert (source.age_s, source.partition, source.silent_after_s) == (4.5, 3, 60)
    assert status.as_of == from_ms(now_ms) == T0 + timedelta(seconds=4.5)


@pytest.mark.parametrize("field", ["environment", "as_of", "rejected", "incidents_open"])
def test_half_a_hash_is_no_status(field: str) -> None:
    """A hash that lacks a field is refused rather than read as if all were well."""
    fields = to_hash(Tally(MonitorState()).status(WORLD, T0_MS, some_feeds(), coverage(), ()))
    del fields[field]
    with pytest.raises(KeyError):
        from_hash(fields)


def test_who_is_concerned_is_remembered() -> None:
    """What a monitor leaves says where a source's incidents stand, through JSON and back."""
    first, event = Tally(MonitorState()), track_event("entered", 1)
    for alert in IncidentManager(WORLD, {}, ENGLISH.operators).process(event):
        first.take_alert(alert, T0_MS)
    places = first.concerned_places(event.run, event.source)
    assert places
    stored = first.state(some_feeds(), coverage(), {}).to_json()
    second = Tally(MonitorState.model_validate_json(stored))
    assert second.concerned_places(event.run, event.source) == places


def test_an_incident_that_is_not_counted_any_more_concerns_nobody() -> None:
    """With an incident whose end was lost, whom it concerned is forgotten."""
    tally = Tally(MonitorState())
    event = track_event("entered", 1)
    for alert in IncidentManager(WORLD, {}, ENGLISH.operators).process(event):
        tally.take_alert(alert, T0_MS)
    tally.status(WORLD, T0_MS + 24 * 3_600_000 + 1, some_feeds(), coverage(), ())
    assert tally.concerned_places(event.run, event.source) == frozenset()
