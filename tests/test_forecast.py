"""Forecast and outlook: when a border is reached, and when that is worth a warning."""

from typing import Any

import pytest
from builders import T0, beat, packed, seen, world, zone

from skyfence.airspace import Airspace
from skyfence.channels import Environment
from skyfence.forecast import Arrival, Forecast, forecast
from skyfence.geodesy import WGS84, distance_m
from skyfence.motion import Anchors, Motion, reported
from skyfence.policy import Policy, PolicyFile
from skyfence.report import Report
from skyfence.rules import Rules
from skyfence.track_event import TrackEvent, minute_mark
from skyfence.tracking import Tracker
from skyfence.zones import ZoneSet, zone_set

WORLD = Airspace(world())
RULES = Rules()


def ahead(
    lon: float, lat: float, course_deg: float, speed_mps: float = 50.0, **look_ahead_s: float
) -> Forecast:
    seconds = {"nation": 300.0, "region": 1_800.0} | look_ahead_s
    motion = Motion(speed_mps, course_deg, 3.0)
    inside = WORLD.covering(lon, lat)
    return forecast(WORLD, (lon, lat), motion, seconds.__getitem__, inside)


def regions(found: Forecast) -> dict[str, Arrival]:
    return {WORLD.zones[area].id: arrival for area, arrival in (found.regions or {}).items()}


def test_straight_towards_the_border() -> None:
    """The time is the distance over the speed, and nearly all of the fan arrives."""
    found = ahead(26.9, 56.25, 90.0).border
    assert found is not None
    assert found.seconds == round(distance_m(26.9, 56.25, 27.0, 56.25) / 50.0)
    assert found.share > 0.99


@pytest.mark.parametrize("course_deg", [0.0, 180.0, 270.0])
def test_along_or_away_is_no_arrival(course_deg: float) -> None:
    """A course along the border, two kilometres from it, or away from it does not arrive."""
    found = ahead(26.967, 56.25, course_deg).border
    assert found is None or found.share < RULES.threat_share


def test_beyond_the_look_ahead_nothing_is_foreseen() -> None:
    """What needs longer than the look-ahead of that kind of zone is not told."""
    assert ahead(26.7, 56.25, 90.0).border is None
    assert ahead(26.7, 56.25, 90.0, nation=600.0).border is not None


def test_regions_in_the_order_of_arrival() -> None:
    """Both regions on the way are foreseen, each with its own time."""
    found = regions(ahead(26.95, 56.45, 60.0))
    assert found["AA-1"].seconds < found["AA-2"].seconds
    assert found["AA-1"].share > 0.9


def test_a_course_between_two_regions_is_shared() -> None:
    """The fan spreads over what lies beside its middle."""
    found = regions(ahead(26.8, 56.5, 90.0))
    assert 0.3 < found["AA-1"].share < 1.0
    assert 0.3 < found["AA-2"].share < 1.0


def test_farther_ahead_is_less_sure() -> None:
    """A course wanders, so the fan is wider for a longer time."""
    motion = Motion(50.0, 90.0, 3.0)
    assert motion.spread_deg(0) == 3.0
    assert motion.spread_deg(60) < motion.spread_deg(300) < motion.spread_deg(1_800)


def test_over_the_antimeridian() -> None:
    """A ray goes on beyond 180 degrees as a line, and meets what lies before it."""
    space = Airspace(zone_set([[zone("AA", (179.95, 56.0, 180.0, 57.0))]]))
    found = forecast(
        space, (179.9, 56.5), Motion(50.0, 90.0, 3.0), lambda _: 300.0, frozenset()
    ).border
    assert found is not None
    assert found.seconds == round(distance_m(179.9, 56.5, 179.95, 56.5) / 50.0)


def test_a_velocity_is_measured_where_none_is_reported() -> None:
    """From two places 30 s apart the course and speed are those between them, with their doubt."""
    anchors = Anchors()
    for seconds in (0, 10, 20, 30):
        anchors.drop(seconds * 1000, 56.25, 26.9 + seconds * 50 / 61_990)
    found = anchors.motion(30_000, 56.25, 26.9 + 30 * 50 / 61_990, 50.0, RULES)
    assert found is not None
    assert found.speed_mps == pytest.approx(50.0, rel=0.01)
    assert found.course_deg == pytest.approx(90.0, abs=0.1)
    assert 2.0 < found.sigma_deg < 10.0


def test_no_velocity_where_it_would_be_noise() -> None:
    """A slow or badly seen object has no course, and a reported crawl has none either."""
    anchors = Anchors()
    anchors.drop(0, 56.25, 26.9)
    anchors.drop(20_000, 56.25, 26.9)
    assert anchors.motion(30_000, 56.2501, 26.9, 500.0, RULES) is None
    assert reported(2.0, 90.0) is None
    assert reported(None, 90.0) is None


@pytest.mark.parametrize(
    ("minutes", "mark"), [(12, 11), (10, 11), (9, 10), (5, 10), (4, 5), (0, 1)]
)
def test_marks_of_minutes(minutes: int, mark: int) -> None:
    """Minutes left pass 10, 5, 2 and 1."""
    assert minute_mark(minutes) == mark


def told(
    *reports: Report, zones: ZoneSet | None = None, policy: Policy | None = None
) -> list[TrackEvent]:
    space = WORLD if zones is None else Airspace(zones)
    by = Tracker(space, Environment.EXERCISE, policy)
    events = [event for report in reports for event in by.take(packed(report)).events]
    return [one for one in events if isinstance(one, TrackEvent) and one.kind != "sighted"]


def flight(
    *legs: tuple[float, float, float], start: tuple[float, float] = (26.8, 56.25), **more: Any
) -> list[Report]:
    """Return reports every 4 s along legs of (course, speed, seconds), velocity included."""
    (lon, lat), at_s, found = start, 0.0, []
    for course_deg, speed_mps, seconds in legs:
        for _ in range(round(seconds / 4)):
            moving = {"ground_speed_mps": speed_mps, "course_deg": course_deg % 360}
            found.append(seen(at_s, round(lon, 6), round(lat, 6), **(moving | more)))
            lon, lat, _ = WGS84.fwd(lon, lat, course_deg, speed_mps * 4)
            at_s += 4.0
    return found


def test_a_threat_comes_before_the_border() -> None:
    """A straight approach is a threat nearly five minutes before it crosses."""
    events = told(*flight((90.0, 50.0, 400.0), start=(26.72, 56.25)))
    assert [event.kind for event in events if event.kind in ("threatened", "entered")] == [
        "threatened",
        "entered",
    ]
    threat = events[0]
    assert (threat.nations, threat.minutes_left) == (("AA",), 4)
    assert threat.ahead[0].place == "AA-1"
    entered = next(event for event in events if event.kind == "entered")
    assert 280 <= (entered.time - threat.time).total_seconds() <= 300
    assert threat.opened == entered.opened


def test_without_a_reported_velocity_too() -> None:
    """Positions alone give the same threat, as soon as they tell a course."""
    reports = [
        one.model_copy(update={"ground_speed_mps": None, "course_deg": None})
        for one in flight((90.0, 50.0, 400.0), accuracy_m=50.0)
    ]
    assert told(*reports)[0].kind == "threatened"


def test_a_threat_that_turns_away_recedes() -> None:
    """Half a minute on another course ends the threat, and nothing else is told of it."""
    events = told(*flight((90.0, 50.0, 120.0), (180.0, 50.0, 120.0)))
    kinds = [event.kind for event in events if event.kind != "updated"]
    assert kinds == ["threatened", "receded"]
    assert 30 <= (events[-1].time - T0).total_seconds() - 120 <= 60


def test_a_turn_that_sweeps_past_is_no_threat() -> None:
    """A tight full circle points at the border for a moment only."""
    circle = [(6.0 * 4 * step, 50.0, 4.0) for step in range(15)]
    events = told(*flight(*circle, start=(26.765, 56.25)))
    assert [event.kind for event in events] == []


def test_a_threat_that_is_lost_waits_and_expires() -> None:
    """What vanishes on its way is lost, and no longer expected after ten minutes."""
    by = Tracker(WORLD, Environment.EXERCISE)
    frames = [packed(one) for one in flight((90.0, 50.0, 120.0))]
    events = [
        event
        for frame in [*frames, beat(300), beat(1_000)]
        for event in by.take(frame).events
        if isinstance(event, TrackEvent) and event.kind not in ("sighted", "updated")
    ]
    assert [event.kind for event in events] == ["threatened", "lost", "expired"]
    assert (events[2].time - events[1].time).total_seconds() == 600


def test_warnings_can_be_switched_off() -> None:
    """A policy that looks no time ahead tells of the crossing only."""
    policy = Policy(PolicyFile(version="v", look_ahead_s={"default": 0.0}))
    kinds = [event.kind for event in told(*flight((90.0, 50.0, 400.0)), policy=policy)]
    assert kinds[0] == "entered"


def test_civil_flights_and_emergencies() -> None:
    """An identified flight is told to nobody; with an emergency code it is from there on."""
    civil = {"callsign": "ABC1", "icao_address": "ABC123", "category": "aircraft"}
    reports = flight((90.0, 200.0, 120.0), start=(26.85, 56.25), **civil)
    assert told(*reports) == []
    turned = [one.model_copy(update={"mode_3a": "7500"}) for one in reports[20:]]
    events = told(*reports[:20], *turned)
    assert events[0].kind == "entered"
    assert events[0].time < turned[0].time


def test_identified_on_its_way_is_no_threat_any_more() -> None:
    """A threat that identifies itself ends so; a confirmed violation does not."""
    civil = {"callsign": "ABC1", "icao_address": "ABC123", "category": "aircraft"}
    reports = flight((90.0, 50.0, 400.0))
    early = [one.model_copy(update=civil) for one in reports[40:60]]
    assert [event.kind for event in told(*reports[:40], *early)][-1] == "identified"
    late = [one.model_copy(update=civil) for one in reports[90:]]
    kinds = [event.kind for event in told(*reports[:90], *late)]
    assert "entered" in kinds
    assert "identified" not in kinds


def test_it_is_told_when_it_gets_faster() -> None:
    """Half as fast again, and 50 m/s more, is news."""
    events = told(*flight((90.0, 50.0, 340.0), (90.0, 120.0, 40.0)))
    assert any("faster" in event.changes for event in events)
