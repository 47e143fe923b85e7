"""The state of a place: how it rises and falls, what is told of it, and what sounds."""

from collections.abc import Iterable
from uuid import UUID

import pytest
from words import ENGLISH

from skyfence.contracts.alert import MOST_REFERENCES, PlaceAlert, PlaceLevel
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.places.contribution import Contribution, Standing
from skyfence.places.messages import PlaceWording
from skyfence.places.parameters import PlaceParameters
from skyfence.places.places import Places, RunPlaces

T0_MS = 1_725_700_000_000
MINUTE_MS = 60_000
NAMES = {"AA": "Aland", "AA-1": "Southshire", "NATO": "the alliance"}
PARAMETERS = PlaceParameters()


class Stage:
    """Places of one run, and what they have said."""

    def __init__(self) -> None:
        wording = PlaceWording(ENGLISH.operators, NAMES)
        self.places = Places(Environment.EXERCISE, wording, {"AA-1": "AA"})
        self.run = RunPlaces()

    def take(
        self,
        minute: float,
        incident: str,
        level: PlaceLevel | None = None,
        minutes_left: int | None = None,
        *,
        in_reach: Iterable[str] = (),
        place: str = "AA-1",
        lost: bool = False,
        circling: bool = False,
        direction: int | None = 0,
        over: bool = False,
        merged_into: str | None = None,
        at_once: bool = False,
        counts_from: float = 0.0,
    ) -> list[PlaceAlert]:
        """Take an incident's word for a place (or for none); return what is told.

        It counts from a minute on.
        """
        time_ms = T0_MS + round(minute * MINUTE_MS)
        contribution = Contribution(
            kind="region",
            level=level or "clear",
            minutes_left=minutes_left,
            circling=circling,
            direction=direction,
        )
        self.places.note(
            self.run,
            Standing(
                incident_id=named(incident),
                time_ms=time_ms,
                known_ms=time_ms,
                contributions={} if level is None else {place: contribution},
                in_reach=frozenset(in_reach),
                lost=lost,
                over=over,
                merged_into=named(merged_into) if merged_into else None,
                at_once=at_once,
                counts_from_ms=T0_MS + round(counts_from * MINUTE_MS),
            ),
        )
        return own(self.places.flush("run", self.run, time_ms, time_ms))

    def pass_until(self, minute: float) -> list[PlaceAlert]:
        """Move the run's watermark on; return what is told."""
        watermark_ms = T0_MS + round(minute * MINUTE_MS)
        alerts = list(self.places.settle("run", self.run, watermark_ms))
        return own([*alerts, *self.places.flush("run", self.run, watermark_ms, watermark_ms)])


def own(alerts: Iterable[PlaceAlert]) -> list[PlaceAlert]:
    """Return the region's messages; its nation and the alliance have the same beside them."""
    return [alert for alert in alerts if alert.place == "AA-1"]


def named(incident: str) -> UUID:
    return derive("test", incident)


def levels(alerts: Iterable[PlaceAlert]) -> list[tuple[str, int, str]]:
    return [(alert.level, alert.objects, alert.notify) for alert in alerts]


def minute_of(alert: PlaceAlert) -> float:
    return (alert.time.timestamp() * 1000 - T0_MS) / MINUTE_MS


def test_levels_rise_at_once() -> None:
    """A warning and a shelter are told with the event that asks for them, and both sound."""
    stage = Stage()
    assert levels(stage.take(0, "a", "prepare", 4)) == [("prepare", 1, "sound")]
    assert levels(stage.take(4, "a", "shelter")) == [("shelter", 1, "sound")]


def test_nothing_new_is_told_twice() -> None:
    """An event that leaves the place's state as it was gives no message."""
    stage = Stage()
    stage.take(0, "a", "prepare", 4)
    assert stage.take(0.5, "a", "prepare", 4) == []


def test_all_clear_waits_for_every_object() -> None:
    """While a second object holds the place the first one's end only changes the count."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    stage.take(1, "b", "shelter")
    stage.take(5, "a", over=True)
    assert levels(stage.pass_until(6)) == [("shelter", 1, "quiet")]
    stage.take(7, "b", over=True)
    ended = stage.pass_until(8)
    assert levels(ended) == [("clear", 0, "sound")]
    assert ended[0].message_type == "Cancel"
    assert stage.pass_until(600) == []


def test_falling_waits_for_the_watermark() -> None:
    """An end that the run's watermark has not come up to lets no level fall."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    assert stage.take(5, "a", over=True) == []
    assert stage.pass_until(4.9) == []
    assert minute_of(stage.pass_until(5)[0]) == 5


def test_what_fell_before_the_end_is_told_however_late() -> None:
    """Each fall is told as of its own time, though the watermark comes after all of them."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    stage.take(1, "a", in_reach=["AA-1"])
    stage.take(20, "a")
    stage.take(30, "a")
    assert stage.take(40, "a", over=True) == []
    told = stage.pass_until(100)
    assert levels(told) == [("prepare", 1, "quiet"), ("watch", 1, "quiet"), ("clear", 0, "sound")]
    assert [minute_of(alert) for alert in told] == [11, 21, 40]


def test_what_has_ended_before_it_was_closed_ends_when_it_did() -> None:
    """A place that was let go hears its all-clear of that time, not of the incident's close."""
    stage = Stage()
    stage.take(0, "a", "watch")
    stage.take(1, "a")
    assert stage.take(60, "a", over=True) == []
    assert [minute_of(alert) for alert in stage.pass_until(100)] == [31]


def test_an_operators_word_counts_at_once() -> None:
    """What an operator closes ends with the next watermark, whatever time the word bears."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    stage.take(1, "a", in_reach=["AA-1"])
    stage.take(10_000, "a", over=True, at_once=True)
    told = stage.pass_until(3)
    assert levels(told) == [("clear", 0, "sound")]
    assert minute_of(told[0]) == 3


def test_what_can_be_back_holds_prepare() -> None:
    """Out again but near, it holds shelter for some minutes and prepare for as long as it stays."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    stage.take(1, "a", in_reach=["AA-1"])
    fallen = stage.pass_until(100)
    assert levels(fallen) == [("prepare", 1, "quiet")]
    assert minute_of(fallen[0]) == 1 + PARAMETERS.shelter_hold_ms / MINUTE_MS
    assert levels(stage.take(101, "a", "shelter")) == [("shelter", 1, "sound")]


def test_what_only_can_be_back_is_not_said_to_head_for_the_place() -> None:
    """Nobody is told that an object comes which flies elsewhere; one of two that comes is told."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    stage.take(1, "a", in_reach=["AA-1"])
    [near] = stage.pass_until(100)
    assert near.headline == "EXERCISE: One object near Southshire, not heading for it now"
    [coming] = stage.take(101, "b", "prepare", 3)
    assert coming.headline == "EXERCISE: Two objects heading for Southshire, in about 3 minutes"


def test_a_circle_over_the_border_is_one_shelter() -> None:
    """In and out every three minutes, the place stays at shelter and nobody hears of it."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    told = []
    for minute in range(3, 60, 6):
        told += stage.take(minute, "a", in_reach=["AA-1"])
        told += stage.pass_until(minute + 2.9)
        told += stage.take(minute + 3, "a", "shelter")
    assert told == []


def test_what_has_moved_away_is_watched_and_let_go() -> None:
    """Beyond reach the level falls to watch after a hold, and to clear half an hour later."""
    stage = Stage()
    stage.take(0, "a", "prepare", 9)
    stage.take(10, "a")
    told = stage.pass_until(100)
    assert levels(told) == [("watch", 1, "quiet"), ("clear", 0, "sound")]
    assert [minute_of(alert) for alert in told] == [11, 40]


def test_an_episode_has_an_identifier_and_steps() -> None:
    """Steps of an episode count from one; what comes after the all-clear is another episode."""
    stage = Stage()
    told = stage.take(0, "a", "prepare", 4) + stage.take(1, "a", over=True) + stage.pass_until(2)
    told += stage.take(9, "b", "prepare", 4)
    assert [(alert.episode, alert.step) for alert in told] == [(1, 1), (1, 2), (2, 1)]
    assert told[0].episode_id == told[1].episode_id != told[2].episode_id
    assert told[1].references == (told[0].alert_id,)


def test_a_new_incident_begins_at_the_episodes_level() -> None:
    """Inside a running episode an object that is only ahead does not lower what is told."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    told = stage.take(1, "b", "prepare", 5)
    assert levels(told) == [("shelter", 2, "sound")]
    assert told[0].minutes_left is None


def test_joining_two_incidents_is_one_object() -> None:
    """When two turn out to be one, the count is corrected and nothing is cleared."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    stage.take(0.5, "b", "shelter")
    told = stage.take(1, "b", over=True, merged_into="a") + stage.pass_until(90)
    assert levels(told) == [("shelter", 1, "quiet")]


def test_minutes_are_told_at_ten_five_and_one() -> None:
    """Fewer minutes are news when they fall below a mark, each mark once an episode."""
    stage = Stage()
    heard = [
        minutes
        for step, minutes in enumerate((14, 12, 9, 8, 5, 4, 6, 4, 1, 0, 2, 0))
        for _ in stage.take(step, "a", "prepare", minutes)
    ]
    assert heard == [14, 9, 4, 0]


def test_minutes_sound_only_after_some_silence() -> None:
    """A mark that is passed within five minutes of the last sound is quiet: it said how long."""
    for passed, notify in ((4, "quiet"), (6, "sound")):
        stage = Stage()
        stage.take(0, "a", "prepare", 4 + passed)
        (told,) = stage.take(passed, "a", "prepare", 4)
        assert (told.news, told.notify) == (("minutes",), notify)


def test_what_was_circling_is_lost_quietly() -> None:
    """An object that got nowhere before it was lost asks nobody to act."""
    stage = Stage()
    stage.take(0, "a", "prepare", 4)
    (told,) = stage.take(60, "a", "prepare", lost=True, circling=True)
    assert (told.news, told.notify) == (("lost",), "quiet")


def test_an_object_that_is_lost_again_sounds_once() -> None:
    """An object that comes and goes sounds when it is lost first; a second one sounds again."""
    stage = Stage()
    told = stage.take(0, "a", "shelter")
    for minute in (30, 90):
        told += stage.take(minute, "a", "prepare", lost=True)
        told += stage.take(minute + 30, "a", "shelter")
    assert [alert.notify for alert in told if "lost" in alert.news] == ["sound", *["quiet"] * 3]
    stage.take(150, "b", "shelter", direction=None)
    stage.take(160, "a", "prepare", lost=True)
    (told_of_both,) = stage.take(170, "b", "prepare", lost=True)
    assert (told_of_both.lost, told_of_both.notify) == (2, "sound")


def test_a_lost_object_sounds() -> None:
    """That an object is not seen any more is news which sounds."""
    stage = Stage()
    stage.take(0, "a", "shelter")
    told = stage.take(5, "a", "prepare", lost=True)
    assert [(alert.level, alert.lost, alert.notify) for alert in told] == [("shelter", 1, "sound")]
    assert told[0].headline == "EXERCISE: One object over Southshire, not seen now"


@pytest.mark.parametrize("objects", [1, 5, 50, 200])
def test_no_channel_sounds_more_than_ten_times(objects: int) -> None:
    """Whatever flies, ten minutes hold no more than ten sounding messages; all are counted."""
    stage = Stage()
    told = []
    for number in range(objects):
        minute = 10 * number / objects
        told += stage.take(minute, f"a{number}", "prepare", 9, direction=number % 8)
        told += stage.take(minute + 0.01, f"a{number}", "shelter", direction=number % 8)
        told += stage.take(minute + 0.02, f"a{number}", "prepare", lost=True)
    told += stage.pass_until(11)
    assert sum(alert.notify == "sound" for alert in told) <= 10
    assert told[-1].objects == objects


def test_in_the_long_run_one_sound_in_ten_minutes() -> None:
    """Six hours of objects that come and are lost sound not more than 4 + 36 times."""
    stage = Stage()
    told = stage.take(0, "a", "shelter")
    for minute in range(1, 361):
        told += stage.take(minute, f"b{minute}", "prepare", 9, direction=minute % 8)
        told += stage.take(minute + 0.5, f"b{minute}", "prepare", lost=True)
    assert sum(alert.notify == "sound" for alert in told) <= 4 + 36 + 1


def test_unseen_is_told() -> None:
    """That no source covers a place whose level stands is told, and that one does again."""
    stage = Stage()
    stage.take(0, "a", "prepare", 4)
    stage.places.cover(stage.run, ["AA-1"], T0_MS)
    told = own(stage.places.flush("run", stage.run, T0_MS, T0_MS))
    assert [(alert.unseen, alert.news) for alert in told] == [(True, ("unseen",))]
    assert told[0].headline.endswith("no sensor sees Southshire now")
    stage.places.cover(stage.run, [], T0_MS - 1)  # found out before, and read later
    assert own(stage.places.flush("run", stage.run, T0_MS, T0_MS)) == []


def test_what_may_be_counted_already_adds_its_level_alone() -> None:
    """Another source's view of an object raises the level at once, the number when it is due."""
    stage = Stage()
    told = stage.take(0, "a", "prepare", 4)
    told += stage.take(0.1, "b", "shelter", counts_from=0.35)
    told += stage.pass_until(0.3)
    assert levels(told) == [("prepare", 1, "sound"), ("shelter", 1, "sound")]
    assert levels(stage.pass_until(0.4)) == [("shelter", 2, "sound")]


def test_what_is_joined_with_what_counts_is_counted() -> None:
    """Of two incidents of one object, the one that goes on counts once, whichever came first."""
    stage = Stage()
    stage.take(0, "a", "prepare", 4)
    stage.take(0.1, "b", "prepare", 4, counts_from=0.35)
    told = stage.take(0.2, "a", over=True, merged_into="b")
    told += stage.take(0.2, "b", "prepare", 4)
    told += stage.take(0.3, "c", "prepare", 4)
    assert [alert.objects for alert in told] == [2]


def test_a_direction_is_no_news_from_what_may_be_counted_already() -> None:
    """What flies as an object that is counted comes from no direction of its own."""
    stage = Stage()
    stage.take(0, "a", "prepare", 4, direction=0)
    assert stage.take(0.1, "b", "prepare", 4, direction=1, counts_from=0.35) == []


def test_a_long_chain_names_its_latest_messages() -> None:
    """An episode of weeks stays small: a message names a hundred earlier ones at most."""
    stage = Stage()
    told = [alert for minute in range(120) for alert in stage.take(minute, f"a{minute}", "prepare")]
    last = told[-1]
    assert last.step == len(told) > MOST_REFERENCES
    assert last.references == tuple(alert.alert_id for alert in told[-101:-1])
    assert last.references_after == (*last.references[1:], last.alert_id)


def test_nothing_waits_beyond_the_end_of_a_run() -> None:
    """What was to be told quietly later is told when nothing comes any more."""
    stage = Stage()
    stage.take(0, "a", "prepare", 8)
    stage.take(0.1, "b", "prepare", 8)
    stage.take(0.2, "c", "prepare", 8)
    at_ms = T0_MS + MINUTE_MS // 4
    told = own(stage.places.flush("run", stage.run, at_ms, at_ms, at_end=True))
    assert [alert.objects for alert in told] == [3]
