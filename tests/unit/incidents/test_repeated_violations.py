"""The situation: distinct confirmed violations within 24 hours, told to the alliance."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import T0, clock, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import OperatorClosed, SourceWatermark
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

DAY_S = 86_400.0
KIND = "repeated airspace violations"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Alliance:
    """The alliance's channel: takes what happened, keeps what it hears of situations."""

    def __init__(self, environment: Environment = Environment.EXERCISE) -> None:
        self.manager = IncidentManager(
            environment, {"AA": "Aland", "BB": "Bland"}, ENGLISH.operators
        )
        self.heard: list[Alert] = []

    def take(self, event: Any) -> None:
        self.heard += [alert for alert in self.manager.process(event) if alert.event == KIND]

    def violation(self, seconds: float, track: str, kind: str = "entered", **changes: Any) -> None:
        """Let a track violate the airspace; each is a degree from the others."""
        number = changes.pop("number", 1)
        place = {"lat": 40.0 + len(track), "opened": at(seconds)}
        given = {"track_id": track, "source": "radar", "at": at(seconds)} | place | changes
        self.take(track_event(kind, number, **given))

    def until(self, seconds: float, *, last: bool = False) -> None:
        self.take(clock(at(seconds), last=last))

    @property
    def rows(self) -> list[tuple[str, int, int]]:
        return [(alert.message_type, alert.step, len(alert.incidents)) for alert in self.heard]


def two(seconds: float) -> Alliance:
    """Return an alliance with two violations, the second so long after the first."""
    alliance = Alliance()
    alliance.until(0)
    for time_s, track in ((0.0, "T"), (seconds, "TT")):
        alliance.violation(time_s, track)
        alliance.until(time_s + 60)
    return alliance


def test_the_second_violation_raises_it() -> None:
    """The alliance hears of two, with both incidents and nations, and of one not at all."""
    alliance = Alliance()
    alliance.until(0)
    alliance.violation(0, "T")
    alliance.until(3_000)
    assert alliance.rows == []
    alliance.violation(3_600, "TT", nations=("BB",), regions=("BB-1",))
    alliance.until(3_659)
    assert alliance.rows == []  # a minute for other sensors' tracks of the same object
    alliance.until(3_660)
    (alert,) = alliance.heard
    assert (alert.channel, alert.place_kind) == ("exercise:alerts:NATO", "alliance")
    assert alert.headline == "EXERCISE: 2 airspace violations within 24 hours (Aland and Bland)"
    assert set(alert.incidents) == {incident.incident_id for incident in alliance.manager.open}
    assert alert.time == at(3_600)


@pytest.mark.parametrize(
    ("seconds", "count"), [(1.0, 1), (DAY_S - 0.001, 1), (DAY_S + 0.001, 0), (DAY_S * 2, 0)]
)
def test_a_day_is_24_hours_to_the_millisecond(seconds: float, count: int) -> None:
    """Violations within 24 hours raise it, those a millisecond further apart do not."""
    assert len(two(seconds).heard) == count


def test_a_third_updates_it_and_a_day_without_another_ends_it() -> None:
    """Alert, Update, Cancel: one chain, whose messages refer to one another."""
    alliance = two(3_600)
    alliance.violation(7_200, "TTT")
    alliance.until(7_260)
    alliance.until(7_200 + DAY_S + 59)
    assert alliance.rows == [("Alert", 1, 2), ("Update", 2, 3)]
    alliance.until(7_200 + DAY_S + 60)
    assert alliance.rows[2:] == [("Cancel", 3, 3)]
    ids = [alert.alert_id for alert in alliance.heard]
    assert [alert.references for alert in alliance.heard] == [(), tuple(ids[:1]), tuple(ids[:2])]
    assert len({alert.incident_id for alert in alliance.heard}) == 1
    assert alliance.heard[2].headline.startswith("EXERCISE: All clear: no further")
    assert alliance.heard[2].response_type == "AllClear"


def test_a_count_is_of_24_hours() -> None:
    """A third violation, more than a day after the first, is the second within 24 hours."""
    alliance = two(20 * 3_600)
    alliance.violation(40 * 3_600, "TTT")
    alliance.until(41 * 3_600)
    assert "2 airspace violations within 24 hours" in alliance.heard[-1].headline
    assert alliance.rows == [("Alert", 1, 2), ("Update", 2, 3)]


def test_it_is_not_over_while_a_violation_is_weighed() -> None:
    """One confirmed in the last minute of the day goes on with it: there is no false all-clear."""
    alliance = two(3_600)
    alliance.violation(3_600 + DAY_S - 30, "TTT")
    alliance.until(3_600 + DAY_S + 300)
    assert [row[0] for row in alliance.rows] == ["Alert", "Update"]


def test_it_does_not_end_when_nobody_watches() -> None:
    """The end of the last source is no day without a violation; one that watches on ends it."""
    alliance = two(3_600)
    alliance.until(4_000, last=True)
    assert [row[0] for row in alliance.rows] == ["Alert"]
    alliance.until(3_600 + DAY_S + 60)
    assert [row[0] for row in alliance.rows] == ["Alert", "Cancel"]
    assert alliance.heard[-1].time == at(3_600 + DAY_S)


def test_the_end_of_the_last_source_waits_for_nothing() -> None:
    """A violation in a finite run's last minute is weighed when its sources have ended."""
    alliance = two(DAY_S * 2)
    alliance.violation(DAY_S * 2 + 70, "TTT")
    assert alliance.rows == []
    alliance.until(DAY_S * 2 + 71, last=True)
    assert alliance.rows == [("Alert", 1, 2)]


def test_the_next_one_is_another() -> None:
    """After its Cancel two more violations raise a new one, with a chain of its own."""
    alliance = two(3_600)
    alliance.until(DAY_S * 3)
    for seconds, track in ((DAY_S * 4, "TTTT"), (DAY_S * 4 + 60, "TTTTT")):
        alliance.violation(seconds, track)
    alliance.until(DAY_S * 4 + 200)
    assert alliance.rows == [("Alert", 1, 2), ("Cancel", 2, 2), ("Alert", 1, 2)]
    assert len({alert.incident_id for alert in alliance.heard}) == 2


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("entered", {"confidence": "possible"}),
        ("appeared", {"confidence": "possible"}),
        ("appeared", {"confidence": "fact"}),
        ("threatened", {"confidence": "possible", "regions": ()}),
        ("entered", {"run": "another"}),
    ],
    ids=["possible", "appeared", "fact", "threat", "another run"],
)
def test_only_confirmed_violations_of_one_run_count(kind: str, changes: dict[str, Any]) -> None:
    """What is only possible, only a threat, or of another run, makes no second violation."""
    alliance = two(DAY_S * 2)
    alliance.violation(DAY_S * 2 + 60, "TTT", kind, **changes)
    alliance.until(DAY_S * 2 + 300)
    alliance.take(SourceWatermark(run="another", key="radar", time=at(DAY_S * 2 + 300)))
    assert alliance.rows == []


def test_what_is_confirmed_later_counts_then() -> None:
    """A possible violation counts from the event that confirms it."""
    alliance = two(DAY_S * 2)
    opened = {"opened": at(DAY_S * 2 + 60)}
    alliance.violation(DAY_S * 2 + 60, "TTT", confidence="possible")
    alliance.violation(DAY_S * 2 + 90, "TTT", "confirmed", number=2, **opened)
    alliance.until(DAY_S * 2 + 150)
    assert [(row[0], row[2]) for row in alliance.rows] == [("Alert", 2)]
    assert alliance.heard[0].time == at(DAY_S * 2 + 90)


def test_coming_back_is_no_second_violation() -> None:
    """The same incident confirmed twice is one violation."""
    alliance = Alliance()
    alliance.until(0)
    for number, kind in enumerate(["entered", "exited", "entered", "exited"], 1):
        alliance.violation(60 * number, "T", kind, number=number, opened=at(0))
    alliance.until(1_000)
    assert alliance.rows == []


@pytest.mark.parametrize("ends", [False, True], ids=["still seen", "closed meanwhile"])
def test_one_object_seen_twice_is_one_violation(ends: bool) -> None:
    """A track that was joined to another counts with it, also when its own story has ended."""
    alliance = Alliance()
    alliance.until(0)
    alliance.take(clock(at(0), "other"))
    same: dict[str, Any] = {"lat": 56.25, "lon": 27.1}
    alliance.violation(10, "T", **same)
    alliance.violation(11, "TT", source="other", **same)
    alliance.until(12)
    alliance.take(clock(at(12), "other"))
    assert len(alliance.manager.open) == 1
    if ends:
        alliance.violation(50, "TT", "identified", source="other", number=2, opened=at(11), **same)
    alliance.until(200)
    alliance.take(clock(at(200), "other"))
    assert alliance.rows == []


def test_it_is_an_exercise_s_or_actual() -> None:
    """Its channel, status and identifiers are its environment's."""
    told = {}
    for environment in Environment:
        alliance = Alliance(environment)
        alliance.until(0)
        alliance.violation(0, "T")
        alliance.violation(1, "TT")
        alliance.until(100)
        (told[environment],) = alliance.heard
    drill, actual = told[Environment.EXERCISE], told[Environment.ACTUAL]
    assert (drill.channel, drill.status) == ("exercise:alerts:NATO", "Exercise")
    assert (actual.channel, actual.status) == ("alerts:NATO", "Actual")
    assert drill.headline == f"EXERCISE: {actual.headline}"
    assert drill.incident_id != actual.incident_id


def test_an_object_that_comes_back_is_counted_once() -> None:
    """A track that leaves, is cleared and enters again some minutes later is one object."""
    alliance = Alliance()
    alliance.until(0)
    alliance.violation(10, "T")
    alliance.violation(300, "T", "exited", number=2, opened=at(10))
    alliance.violation(420, "T", "cleared", number=3, opened=at(10))
    alliance.violation(1_000, "T", opened=at(900), first=None)
    alliance.until(2_000)
    assert alliance.rows == []


def test_a_track_number_used_again_much_later_is_another_object() -> None:
    """A radar that gives a number to another object after hours has shown two."""
    alliance = Alliance()
    alliance.until(0)
    first = {"lat": 41.0, "lon": 27.0, "accuracy_m": 50.0}
    alliance.violation(10, "T", first=first | {"time": at(0)})
    alliance.violation(60, "T", "cleared", number=2, opened=at(10))
    alliance.violation(7_200, "T", first=first | {"time": at(7_100)})
    alliance.until(7_300)
    assert [row[0] for row in alliance.rows] == ["Alert"]


def test_two_that_turn_out_to_be_one_are_counted_again() -> None:
    """When two counted incidents are joined, fewer than two are left and the situation ends."""
    alliance = Alliance()
    for source in ("radar", "other"):
        alliance.take(clock(at(0), source))
    for track, source, lat in (("T", "radar", 41.0), ("X", "other", 42.0)):
        alliance.violation(10, track, source=source, lat=lat)
    for source in ("radar", "other"):
        alliance.take(clock(at(80), source))
    assert [row[0] for row in alliance.rows] == ["Alert"]
    same: dict[str, Any] = {"lat": 41.5, "lon": 27.0, "opened": at(10), "number": 2}
    alliance.violation(200, "T", "sighted", **same)
    alliance.violation(201, "X", "sighted", source="other", **same)
    for source in ("radar", "other"):
        alliance.take(clock(at(220), source))
    last = alliance.heard[-1]
    assert (last.message_type, len(last.incidents)) == ("Cancel", 1)
    assert "fewer than two objects" in last.headline


def test_what_is_dismissed_counts_no_more() -> None:
    """An operator's word that there was no object takes its violation back; a closing does not."""
    alliance = Alliance()
    alliance.until(0)
    for track in ("T", "TT", "TTT"):
        alliance.violation(10, track)
    alliance.until(100)
    for number, incident in enumerate(alliance.manager.open):
        given = {"run": "run", "incident_id": incident.incident_id, "by": "anna", "reason": "so"}
        dismissed = {"dismissed": number > 0, "time": T0}
        alliance.take(OperatorClosed.model_validate(given | dismissed))
    assert alliance.rows[2:] == [("Update", 3, 2), ("Cancel", 4, 1)]


def test_the_news_of_a_swarm_is_bounded() -> None:
    """Of 200 objects the last message counts all, and lists the latest ten."""
    alliance = Alliance()
    alliance.until(0)
    for number in range(200):
        given: dict[str, Any] = {"lat": 40.0, "lon": 20.0 + number / 100}
        alliance.violation(10 + number, f"S{number}", **given)
    alliance.until(400)
    last = alliance.heard[-1]
    assert "200 airspace violations" in last.headline
    assert "190 before them" in last.description
    assert {alert.notify for alert in alliance.heard} == {"quiet"}
    assert len(last.to_json()) < 40_000
