"""The notice: what an SMS says of an alert, and by whose clock."""

import json
from datetime import timedelta

import pytest
from builders import T0, T0_MS
from receiving import story
from repository import GOLDEN
from sms_rig import changed
from words import ENGLISH

from consumers.sms.rules.notice import as_of_ms, expires_ms, kind_of, notice_of, priority
from skyfence.contracts.alert import Alert, FeedAlarm, parse_alert
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment

HOUR_MS = 3_600_000


def golden(name: str, place: str) -> list[Alert]:
    """Return what a recording tells a place."""
    lines = (GOLDEN / name).read_bytes().splitlines()
    alerts = [parse_alert(line) for line in lines if json.loads(line)["place"] == place]
    return [alert for alert in alerts if isinstance(alert, Alert)]


def alarms(*, over: bool, back: bool = True) -> list[FeedAlarm]:
    """Return what the alliance is told of a silence."""
    silence = Silence(
        since=T0,
        noticed=T0 + timedelta(minutes=1),
        cause="silent",
        silent_after_s=60,
        places=("NATO",),
        over=T0 + timedelta(minutes=5) if over else None,
        heard_again=T0 + timedelta(minutes=5) if over and back else None,
    )
    return list(
        untold(
            silence, "radar", "live", Environment.ACTUAL, {"NATO": "alliance"}, texts=ENGLISH.feed
        )
    )


@pytest.mark.parametrize(
    ("recording", "place", "kinds"),
    [
        ("romania-2024-09-08.jsonl", "RO-TL", {"threat", "violation", "exited", "all_clear"}),
        ("romania-2024-09-08.jsonl", "RO", {"threat", "violation", "exited", "all_clear"}),
        ("latvia-2024-09-07.jsonl", "LV", {"violation", "lost_watch"}),
    ],
)
def test_the_recordings_have_a_kind_for_each_step(
    recording: str, place: str, kinds: set[str]
) -> None:
    """What the two incidents told a place is among the kinds that their stories have."""
    told_kinds = {kind_of(alert) for alert in golden(recording, place)}
    assert kinds <= told_kinds


def test_a_region_shelters_only_when_it_is_sure() -> None:
    """Possible and confirmed are two kinds, and the place that it moved on from is a third."""
    sure = changed(
        story(place="AA-1")[0],
        incident_state="violation",
        urgency="Immediate",
        severity="Severe",
        certainty="Observed",
        response_type="Shelter",
    )
    assert kind_of(sure.alert) == "violation"
    doubtful = changed(sure, certainty="Possible", response_type="Prepare")
    assert kind_of(doubtful.alert) == "possible"
    gone = changed(sure, severity="Moderate", urgency="Expected", response_type="Monitor")
    assert kind_of(gone.alert) == "averted"
    lost = changed(sure, incident_state="lost")
    assert kind_of(lost.alert) == "lost"
    joined = changed(sure, incident_state="closed", message_type="Cancel", response_type="Monitor")
    assert kind_of(joined.alert) == "merged"


def test_a_feed_that_is_given_up_is_no_feed_that_is_back() -> None:
    """The alarm, its end and its giving up are three kinds."""
    assert [kind_of(alarm) for alarm in alarms(over=True)] == ["feed_silent", "feed_back"]
    assert [kind_of(alarm) for alarm in alarms(over=True, back=False)][1] == "feed_given_up"


@pytest.mark.parametrize(
    ("run", "environment", "decided", "expected"),
    [
        ("live", Environment.ACTUAL, True, "own"),
        ("live", Environment.EXERCISE, True, "own"),
        ("replay-1", Environment.EXERCISE, True, "decided"),
        ("replay-1", Environment.EXERCISE, False, "own"),
        ("replay-1", Environment.ACTUAL, True, "own"),
    ],
)
def test_only_a_replay_in_an_exercise_counts_from_its_decision(
    run: str, environment: Environment, decided: bool, expected: str
) -> None:
    """An actual alert is over when it says so, whatever the run and whenever it was decided."""
    alert = changed(story(environment=environment)[0], run=run).alert
    decided_ms = T0_MS + 900 * HOUR_MS if decided else None
    as_of = as_of_ms(alert, decided_ms, environment)
    own_ms = T0_MS + 60_000  # the first event of the story
    assert as_of == {"own": own_ms, "decided": decided_ms}[expected]
    assert expires_ms(alert, as_of) - as_of == 6 * HOUR_MS  # as long as a violation holds


def test_a_feed_alarm_follows_the_wall_clock_in_every_run() -> None:
    """Its own times are the wall clock's, also in a replay."""
    [alarm] = alarms(over=False)
    replayed = alarm.model_copy(update={"run": "replay-1"})
    decided_ms = T0_MS + 900 * HOUR_MS
    assert as_of_ms(replayed, decided_ms, Environment.EXERCISE) == T0_MS + 60_000


def test_minutes_run_out_while_a_message_waits() -> None:
    """What was in four minutes is in two after two and a half, and never less than none."""
    alert = changed(
        story()[0], incident_state="threat", urgency="Expected", minutes_left=4, place_kind="region"
    ).alert
    notice = notice_of(alert, T0_MS, None)
    assert notice.kind == "threat"
    assert [notice.minutes_at(T0_MS + s * 1000) for s in (-5, 0, 59, 150, 600)] == [4, 4, 4, 2, 0]


def test_the_gravest_goes_first() -> None:
    """By severity, then by urgency."""
    first = story()[0]
    order = [
        ("Extreme", "Past"),
        ("Severe", "Immediate"),
        ("Severe", "Expected"),
        ("Moderate", "Immediate"),
        ("Minor", "Past"),
    ]
    priorities = [priority(changed(first, severity=s, urgency=u).alert) for s, u in order]
    assert priorities == sorted(priorities)
    assert len(set(priorities)) == len(priorities)
