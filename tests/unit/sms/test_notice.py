"""The notice: what an SMS says of an alert, and by whose clock."""

from datetime import timedelta
from typing import Any

import pytest
from builders import T0, T0_MS, place_alert
from receiving import episode
from sms_rig import changed
from words import ENGLISH

from consumers.expiry import FEED_ALARM_HOLDS_MS, as_of_ms, expires_ms
from consumers.sms.rules.notice import kind_of, notice_of, priority
from skyfence.contracts.alert import FeedAlarm, PlaceLevel
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment

HOUR_MS = 3_600_000
NEWS_OF_ALL = ("objects", "direction", "unseen")


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
    ("level", "more", "kind"),
    [
        ("prepare", {"minutes_left": 4}, "threat"),
        ("prepare", {"minutes_left": 0}, "threat_now"),
        ("prepare", {}, "threat_open"),
        ("prepare", {"minutes_left": 4, "objects": 2}, "threat_many"),
        ("prepare", {"minutes_left": 0, "objects": 2}, "threat_now_many"),
        ("prepare", {"objects": 2}, "threat_open_many"),
        ("shelter", {}, "violation"),
        ("shelter", {"objects": 2}, "violation_many"),
        ("shelter", {"objects": 2, "lost": 1}, "violation_many"),
        ("shelter", {"lost": 1}, "lost"),
        ("shelter", {"objects": 2, "lost": 2}, "lost"),
        ("prepare", {"lost": 1}, "lost_watch"),
        ("prepare", {"lost": 1, "minutes_left": 4}, "threat"),
        ("watch", {}, "averted"),
        ("clear", {}, "all_clear"),
        ("clear", {"certainty": "Unknown"}, "untracked"),
        ("shelter", {"unseen": True, "news": ("unseen",)}, "violation"),
        ("shelter", {"unseen": True, "objects": 5, "news": NEWS_OF_ALL}, "violation_many"),
        ("prepare", {"unseen": True, "objects": 5, "news": NEWS_OF_ALL}, "threat_open_many"),
        ("watch", {"unseen": True, "news": ("unseen",)}, "unseen"),
        ("watch", {"unseen": True, "news": ("level", "unseen")}, "averted"),
        ("watch", {"news": ("unseen",)}, "averted"),
    ],
)
def test_the_state_of_a_place_has_a_kind(
    level: PlaceLevel, more: dict[str, Any], kind: str
) -> None:
    """Level, minutes, number, what is lost and what is not watched select the text."""
    assert kind_of(place_alert(level, **more)) == kind


def test_a_notice_says_who_has_to_act_and_where() -> None:
    """Whether it sounds, the places beneath, and for the alliance the nations by name."""
    beneath: dict[str, Any] = {"nations": ("LV",), "regions": ("LV-1",), "notify": "quiet"}
    nation, alliance = (
        notice_of(place_alert(place=place, **beneath), T0_MS, None) for place in ("LV", "NATO")
    )
    assert (nation.sounds, nation.nations, nation.beneath) == (False, (), ("LV", "LV-1"))
    assert alliance.nations == ("LV",)


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
    alert = changed(episode(environment=environment)[0], run=run).alert
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
    as_of = as_of_ms(replayed, decided_ms, Environment.EXERCISE)
    assert as_of == T0_MS + 60_000
    assert expires_ms(replayed, as_of, as_of) == as_of + FEED_ALARM_HOLDS_MS
    # a place that the silence came to concern is told of it long after it began
    later_ms = as_of + HOUR_MS
    assert expires_ms(replayed, as_of, later_ms) == later_ms + FEED_ALARM_HOLDS_MS


def test_minutes_run_out_while_a_message_waits() -> None:
    """What was in four minutes is in two after two and a half, and never less than none."""
    alert = place_alert("prepare", minutes_left=4)
    notice = notice_of(alert, T0_MS, None)
    assert notice.kind == "threat"
    assert [notice.minutes_at(T0_MS + s * 1000) for s in (-5, 0, 59, 150, 600)] == [4, 4, 4, 2, 0]
    assert [notice.kind_at(T0_MS + s * 1000) for s in (179, 180, 240)] == [
        *("threat", "threat", "threat_now"),
    ]


def test_the_gravest_goes_first() -> None:
    """By severity, then by urgency."""
    first = episode()[0]
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
