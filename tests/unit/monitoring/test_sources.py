"""Sources' health: when a silence is an alarm, what is told of it, and how often."""

from datetime import timedelta
from uuid import uuid4

import pytest
from builders import T0, T0_MS
from source_feeds import DAY_S, KINDS, LIMIT_S, feeds, hear, look, told
from words import ENGLISH

from skyfence.contracts.alert import FeedAlarm
from skyfence.contracts.track_event import OperatorClosed, SourceMistimed, SourceWatermark
from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.feed import Feed
from skyfence.monitoring.feed_alarm import LIVE_GIVEN_UP_AFTER, REPLAY_GIVEN_UP_AFTER
from skyfence.monitoring.sources import SourceMonitor
from skyfence.naming import Environment
from skyfence.policy.policy import Policy
from skyfence.times import from_ms


def again(before: SourceMonitor, known: list[Feed] | None = None) -> SourceMonitor:
    """Return feeds after a restart with what was stored, through JSON and back."""
    stored = [Feed.model_validate_json(feed.to_json()) for feed in known or before.all]
    return SourceMonitor(Environment.EXERCISE, Policy(), KINDS, ENGLISH.feed, stored)


def test_a_silence_is_told_once_and_ended_once() -> None:
    """Alliance and members hear of a silence when it is past its limit, and once of its end."""
    monitor = feeds()
    hear(monitor, 0)
    assert look(monitor, LIMIT_S) == []
    first = look(monitor, LIMIT_S + 1)
    assert told(first) == [("NATO", 1, "Alert"), ("AA", 1, "Alert"), ("BB", 1, "Alert")]
    assert {alarm.cause for alarm in first} == {"silent"}
    assert look(monitor, 500) == []
    hear(monitor, 510)
    over = look(monitor, 512)
    assert told(over) == [("NATO", 2, "Cancel"), ("AA", 2, "Cancel"), ("BB", 2, "Cancel")]
    assert [alarm.references for alarm in over] == [(alarm.alert_id,) for alarm in first]
    assert {alarm.response_type for alarm in over} == {"AllClear"}
    assert look(monitor, 514) == []


def test_the_next_silence_is_another_chain() -> None:
    """A source that falls silent again raises an alarm with an identifier of its own."""
    monitor = feeds()
    hear(monitor, 0)
    first = look(monitor, 100)
    hear(monitor, 110)
    look(monitor, 112)
    second = look(monitor, 200)
    assert told(second) == told(first)
    assert {alarm.incident_id for alarm in first}.isdisjoint(a.incident_id for a in second)


def test_a_crash_between_storing_and_telling_repeats_the_same_messages() -> None:
    """Whoever goes on from what was stored before the telling tells the same, to the last byte."""
    monitor = feeds()
    hear(monitor, 0)
    monitor.judge(T0_MS + 100_000, T0_MS, {3: T0_MS + 100_000})
    after = again(monitor)
    assert after.pending_alarms() == monitor.pending_alarms() != []
    assert [alarm.to_json() for alarm in after.pending_alarms()] == [
        alarm.to_json() for alarm in monitor.pending_alarms()
    ]


def test_a_crash_after_the_telling_repeats_nothing() -> None:
    """Whoever goes on from what was stored after the telling says nothing until the end."""
    monitor = feeds()
    hear(monitor, 0)
    look(monitor, 100)
    after = again(monitor)
    assert look(after, 102) == []
    hear(after, 110)
    assert [alarm.step for alarm in look(after, 112)] == [2, 2, 2]


def test_back_before_it_was_told_tells_both() -> None:
    """What may have been told is told again before its end, so that no alarm stays open."""
    monitor = feeds()
    hear(monitor, 0)
    monitor.judge(T0_MS + 100_000, T0_MS, {3: T0_MS + 100_000})
    after = again(monitor)
    hear(after, 101)
    assert [alarm.step for alarm in look(after, 102)] == [1, 1, 1, 2, 2, 2]
    assert look(after, 104) == []


def test_a_source_that_ended_is_not_silent() -> None:
    """After its last frame a source raises no alarm, and is forgotten after an hour."""
    monitor = feeds()
    hear(monitor, 0, run="replay-1")
    hear(monitor, 1, run="replay-1", last=True)
    assert look(monitor, 1_000) == []
    assert [feed.ended for feed in monitor.all] == [True]
    look(monitor, 3_700)
    assert monitor.all == []


def test_unjudged_reports_are_not_called_silence() -> None:
    """Where workers are behind, the alarm says so and waits until that is sure."""
    monitor = feeds()
    hear(monitor, 0)
    assert look(monitor, LIMIT_S + 1, judged_s=0) == []
    alarms = look(monitor, LIMIT_S + 16, judged_s=0)
    assert {alarm.cause for alarm in alarms} == {"unjudged"}
    assert all("not judged" in alarm.headline for alarm in alarms)


def test_who_begins_to_watch_gives_time() -> None:
    """After a restart of everything a source has its limit to be heard again."""
    monitor = feeds()
    hear(monitor, -DAY_S)
    assert look(monitor, LIMIT_S) == []
    assert len(look(monitor, LIMIT_S + 1)) == 3


def test_the_policy_says_when_and_who() -> None:
    """A source's own limit and places hold; its shards are watched one by one."""
    monitor = feeds(radar={"silent_after_s": 10, "watches": ["AA-1"]})
    hear(monitor, 0, "radar/north")
    hear(monitor, 15, "radar/south")
    alarms = look(monitor, 21)
    assert [(alarm.key, alarm.place, alarm.place_kind) for alarm in alarms] == [
        ("radar/north", "NATO", "alliance"),
        ("radar/north", "AA-1", "region"),
    ]
    assert alarms[0].silent_after_s == 10


@pytest.mark.parametrize(
    ("run", "after"), [(LIVE_RUN, LIVE_GIVEN_UP_AFTER), ("replay-1", REPLAY_GIVEN_UP_AFTER)]
)
def test_what_never_comes_back_is_given_up_with_a_word(run: str, after: timedelta) -> None:
    """A chain ends with a Cancel that is no all-clear, and the source is forgotten."""
    monitor = feeds()
    hear(monitor, 0, run=run)
    look(monitor, 100)
    assert look(monitor, after.total_seconds()) == []
    alarms = look(monitor, after.total_seconds() + 1)
    assert {(alarm.message_type, alarm.response_type) for alarm in alarms} == {
        ("Cancel", "Monitor")
    }
    assert all("no longer waited for" in alarm.headline for alarm in alarms)
    assert monitor.all == []


def test_what_is_given_up_is_not_taken_up_by_old_frames() -> None:
    """A source whose frames were always old is given up once, and not alarmed of again."""
    monitor = feeds()
    hear(monitor, 0, run="replay-1")
    look(monitor, 100)
    hear(monitor, 10, run="replay-1")
    assert {alarm.step for alarm in look(monitor, 4_000)} == {2}
    assert look(monitor, 4_002) == []


def test_an_old_frame_is_no_sign_of_life() -> None:
    """A backlog that is judged now does not end a silence while what it brings is old."""
    monitor = feeds()
    hear(monitor, 0)
    look(monitor, 200)
    hear(monitor, 50)
    assert look(monitor, 205) == []
    hear(monitor, 190)
    over = look(monitor, 206)
    assert {alarm.heard_again for alarm in over} == {from_ms(T0_MS + 190_000)}


def test_an_exercise_says_that_it_is_one() -> None:
    """In an exercise every headline says so, and the status too."""
    monitor = feeds()
    hear(monitor, 0)
    alarms = look(monitor, 100)
    assert {alarm.status for alarm in alarms} == {"Exercise"}
    assert all(alarm.headline.startswith("EXERCISE: ") for alarm in alarms)
    assert alarms[1].channel == "exercise:alerts:AA"


def test_what_concerns_a_region_is_told_there_besides() -> None:
    """A silence is told where an incident of its source stands, shards included, and of its run."""
    monitor = feeds(radar={"watches": ["BB"]})
    hear(monitor, 0, "radar/north")
    places = {(LIVE_RUN, "radar"): {"AA-1"}, ("replay-1", "radar"): {"AA"}}
    monitor.judge(
        T0_MS + 100_000, T0_MS, {3: T0_MS + 100_000}, lambda run, source: places[run, source]
    )
    assert [alarm.place for alarm in monitor.pending_alarms()] == ["NATO", "BB", "AA-1"]


def sounds(alarms: list[FeedAlarm]) -> list[tuple[str, str]]:
    """Return key and place of the alarms that sound."""
    return [(alarm.key, alarm.place) for alarm in alarms if alarm.notify == "sound"]


def test_fifty_silences_sound_once_a_place() -> None:
    """Where many sources fall silent a place's channel sounds once; ten minutes later again."""
    monitor = feeds()
    for number in range(50):
        hear(monitor, number / 10, f"radar-{number}")
    hear(monitor, 700, "coast")
    first = [*look(monitor, 73), *look(monitor, 76)]
    assert len(first) == 150
    assert sounds(first) == [("radar-0", place) for place in ("NATO", "AA", "BB")]
    assert sounds(look(monitor, 772)) == [("coast", place) for place in ("NATO", "AA", "BB")]


def test_an_end_of_silence_is_quiet() -> None:
    """That a source is back asks nobody to act."""
    monitor = feeds()
    hear(monitor, 0)
    look(monitor, 100)
    hear(monitor, 110)
    over = look(monitor, 112)
    assert (len(over), sounds(over)) == (3, [])


def test_what_is_healthy_covers_what_it_watches() -> None:
    """A source that is silent or has ended covers nothing; a replay that has ended is over."""
    monitor = feeds(radar={"watches": ["AA"]})
    assert monitor.covered == {LIVE_RUN: []}
    hear(monitor, 0)
    hear(monitor, 0, "coast", run="replay-1")
    assert monitor.covered == {LIVE_RUN: [("AA",)], "replay-1": [None]}
    look(monitor, 100)
    assert monitor.covered == {LIVE_RUN: [], "replay-1": []}
    hear(monitor, 101)
    hear(monitor, 102, "coast", run="replay-1", last=True)
    look(monitor, 103)
    assert monitor.covered == {LIVE_RUN: [("AA",)]}


def mistimed(monitor: SourceMonitor, at_s: float, *, off_s: float = 3_000) -> None:
    """Say that most frames of the source were off, so many seconds after T0."""
    time, came_ms = T0 + timedelta(seconds=at_s), T0_MS + round(at_s * 1000)
    event = SourceMistimed(run=LIVE_RUN, key="radar", time=time, off_ms=round(off_s * 1000))
    monitor.note_mistimed(event, came_ms, came_ms)


def test_a_source_whose_clock_is_wrong_is_told_of_as_such() -> None:
    """Who sends frames that do not fit is not called silent, and is back by itself."""
    monitor = feeds()
    hear(monitor, 0)
    for at_s in range(10, 100, 10):
        mistimed(monitor, at_s)
    alarms = look(monitor, 100)
    assert {alarm.cause for alarm in alarms} == {"clock"}
    assert "clock of sensor feed radar is wrong" in alarms[0].headline
    for at_s in range(100, 260, 10):
        hear(monitor, at_s)
    over = look(monitor, 260)
    assert {alarm.message_type for alarm in over} == {"Cancel"}
    assert look(monitor, 262) == []


def test_a_source_that_was_never_in_time_is_told_of() -> None:
    """A source of which nothing was ever judged is known by its frames that do not fit."""
    monitor = feeds()
    for at_s in range(0, 100, 10):
        mistimed(monitor, at_s)
    assert {alarm.cause for alarm in look(monitor, 100)} == {"clock"}


def test_a_source_most_of_which_is_late_is_told_of() -> None:
    """That some of it is judged does not make its clock right."""
    monitor = feeds()
    for at_s in range(0, 100, 5):
        hear(monitor, at_s)
        mistimed(monitor, at_s)
    assert {alarm.cause for alarm in look(monitor, 96)} == {"clock"}
    assert not monitor.all[0].is_healthy


def test_a_wrong_clock_for_a_short_while_is_not_told() -> None:
    """What was stored up and is sent late is over within the limit of a silence."""
    monitor = feeds()
    for at_s in range(0, 200, 5):
        hear(monitor, at_s)
        if at_s < 50:
            mistimed(monitor, at_s)
        assert look(monitor, at_s) == []


@pytest.mark.parametrize("step_s", [600, -3_600])
def test_a_clock_of_ours_that_is_set_silences_nobody(step_s: int) -> None:
    """Ten minutes on or an hour back, spans are as long as they were: of a silence, too."""
    monitor = feeds()
    hear(monitor, 0)
    monitor.judge(T0_MS + 50_000, T0_MS, {3: T0_MS + 50_000})
    monitor.shift(step_s * 1000)

    def alarms_at(at_s: float) -> list[FeedAlarm]:
        now_ms = T0_MS + round((at_s + step_s) * 1000)
        monitor.judge(now_ms, T0_MS + step_s * 1000, {3: now_ms})
        return monitor.pending_alarms()

    assert alarms_at(LIMIT_S) == []
    assert {alarm.cause for alarm in alarms_at(LIMIT_S + 1)} == {"silent"}
    came_ms = T0_MS + (100 + step_s) * 1000
    time = T0 + timedelta(seconds=100)
    monitor.hear(SourceWatermark(run=LIVE_RUN, key="radar", time=time), came_ms, 3, came_ms)
    assert {alarm.message_type for alarm in alarms_at(101)} == {"Alert", "Cancel"}


def test_a_broker_whose_clock_is_set_back_silences_nobody() -> None:
    """A frame that is dated an hour before the last one has come now."""
    monitor = feeds()
    hear(monitor, 0)
    time, now_ms = T0 + timedelta(seconds=50), T0_MS + 50_000
    clock = SourceWatermark(run=LIVE_RUN, key="radar", time=time)
    monitor.hear(clock, now_ms - 3_600_000, 3, now_ms)
    assert look(monitor, 100) == []


def test_a_broker_that_is_ahead_delays_no_alarm() -> None:
    """A source is never heard later than now."""
    monitor = feeds()
    clock = SourceWatermark(run=LIVE_RUN, key="radar", time=T0)
    monitor.hear(clock, T0_MS + 600_000, 3, T0_MS)
    assert look(monitor, LIMIT_S + 1) != []


def test_a_source_that_is_retired_is_waited_for_no_more() -> None:
    """An operator's word ends the alarm once, without a claim that the source is back."""
    monitor = feeds()
    hear(monitor, 0)
    alarms = look(monitor, LIMIT_S + 1)
    word = OperatorClosed(
        run=LIVE_RUN,
        incident_id=alarms[0].incident_id,
        by="anna",
        reason="dismantled",
        time=T0 + timedelta(seconds=100),
    )
    monitor.retire(word.model_copy(update={"incident_id": uuid4()}))
    assert look(monitor, 99) == []
    monitor.retire(word)
    over = look(monitor, 101)
    assert {(alarm.message_type, alarm.heard_again) for alarm in over} == {("Cancel", None)}
    assert (look(monitor, 200), monitor.all) == ([], [])
    hear(monitor, 300)
    assert monitor.all[0].is_healthy
