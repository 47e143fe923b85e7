"""What a track heads for: threats, minutes and regions ahead, each with its memory."""

import random
from itertools import pairwise
from math import degrees

import pytest
from builders import airspace, beat, flight, kinds, on_from, seen, tell, tracker, world, zone

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import TrackEvent, minute_mark
from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.policy.policy import Policy, PolicyFile

WORLD = Airspace(world())
NATION = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)))
EAST, WEST, NORTH = 90.0, 270.0, 0.0


def looking(**seconds: float) -> Policy:
    """Return a policy that looks ahead so far, by kinds of zones; ``default`` is for others."""
    return Policy(PolicyFile(version="v", look_ahead_s={"default": 300.0} | seconds))


def of_kind(events: list[TrackEvent], kind: str) -> list[TrackEvent]:
    return [event for event in events if event.kind == kind]


def test_a_threat_comes_before_the_border() -> None:
    """What flies at the border is told five minutes before it, where, when and whose it will be."""
    approach = flight(0, 26.7, EAST, reports=120)  # 18.6 km at 50 m/s: 372 s
    first, *rest = tell(tracker(WORLD), *approach)
    assert (first.kind, first.confidence, first.number) == ("threatened", "possible", 1)
    entered = of_kind(rest, "entered")[0]
    assert 285 <= (entered.time - first.last_seen).total_seconds() <= 300
    assert (first.nations, first.regions, first.minutes_left) == (("AA",), (), 4)
    assert [(entry.place, entry.minutes_left) for entry in first.ahead] == [("AA-1", 4)]
    assert first.depth_m == 0
    assert entered.opened == first.opened == first.time == first.last_seen


def test_the_first_event_says_where_it_was_of_late() -> None:
    """An episode's first event has up to six earlier fixes, some seconds apart; no other has any.

    A radar that turns every second is not asked for more of them than one that takes four.
    """
    for seconds in (1.0, 4.0):
        reports = round(480 / seconds)
        approach = flight(0, 26.7, EAST, reports=reports, every_s=seconds)
        first, *rest = tell(tracker(WORLD), *approach)
        times = [fix.time for fix in first.earlier_fixes]
        apart_s = [(after - before).total_seconds() for before, after in pairwise(times)]
        assert set(apart_s) == {4.0}
        assert len(times) >= 5
        assert times[-1] < first.last_seen
        assert {fix.ground_speed_mps for fix in first.earlier_fixes} == {50.0}
        assert rest
        assert all(event.earlier_fixes == () for event in rest)


def test_minutes_are_those_that_are_left() -> None:
    """At each message, the minutes told are whole ones of the time until it enters."""
    events = tell(tracker(WORLD, policy=looking(nation=1_200)), *flight(0, 26.1, EAST, reports=320))
    (entered,) = of_kind(events, "entered")
    threats = events[: events.index(entered)]
    assert len(threats) > 3
    for event in threats:
        left_s = (entered.time - event.last_seen).total_seconds()
        assert event.minutes_left is not None
        assert -4 <= left_s - 60 * event.minutes_left <= 64


def test_minutes_pass_the_marks() -> None:
    """Updates come when less than 10, 5, 2 and 1 minutes are left, and no more often."""
    events = tell(
        tracker(NATION, policy=looking(nation=1_200)), *flight(0, 26.1, EAST, reports=320)
    )
    told = [(event.kind, event.minutes_left) for event in events]
    assert told[0] == ("threatened", 18)
    assert told[1:6] == [
        *(("updated", minutes) for minutes in (9, 4, 1, 0)),
        ("entered", None),
    ]
    assert {event.changes for event in events[1:5]} == {("ahead",)}


@pytest.mark.parametrize(
    ("minutes", "mark"),
    [(0, 1), (1, 2), (2, 5), (4, 5), (5, 10), (9, 10), (10, 11), (30, 11)],
)
def test_marks(minutes: int, mark: int) -> None:
    """Whole minutes are below the lowest mark that they have not reached."""
    assert minute_mark(minutes) == mark


def test_minutes_that_grow_are_not_told_again() -> None:
    """An object that slows and hastens passes each mark once."""
    out = flight(0, 26.8, EAST, reports=30, speed_mps=50)
    slow = on_from(out, EAST, 10, speed_mps=20.0)
    fast = on_from(slow, EAST, 10, speed_mps=60.0)
    slower = on_from(fast, EAST, 10, speed_mps=20.0)
    events = tell(tracker(NATION), *out, *slow, *fast, *slower, *on_from(slower, EAST, 15))
    minutes = [event.minutes_left for event in events if event.kind in ("threatened", "updated")]
    marks = [minute_mark(left) for left in minutes if left is not None]
    assert all(later < earlier for earlier, later in pairwise(marks))


@pytest.mark.parametrize(("seconds", "told"), [(0.0, False), (60.0, True), (900.0, True)])
def test_the_look_ahead_is_the_policy_s(seconds: float, told: bool) -> None:
    """A threat is told as early as the policy says for the kind of zone, or never."""
    approach = flight(0, 26.5, EAST, reports=170)
    events = tell(tracker(NATION, policy=looking(nation=seconds)), *approach)
    (entered,) = of_kind(events, "entered")
    threats = of_kind(events, "threatened")
    assert bool(threats) == told
    for threat in threats:
        early_s = (entered.time - threat.last_seen).total_seconds()
        assert min(seconds, 615) - 16 <= early_s <= seconds


def test_a_turn_that_sweeps_past_is_no_threat() -> None:
    """A hard turn 13 km off points at the border for some seconds, once around: nobody is told."""
    lon, lat = 27.0 - 13_000 / distance_m(26.0, 56.25, 27.0, 56.25), 56.25
    reports = []
    for number in range(60):
        course = (9.0 * number) % 360.0
        place = {"lon": round(lon, 6), "lat": round(lat, 6)}
        reports.append(seen(number, ground_speed_mps=50.0, course_deg=course, **place))
        lon, lat, _ = WGS84.fwd(lon, lat, course + 4.5, 50.0)
    assert tell(tracker(WORLD), *reports) == []
    straight = [report.model_copy(update={"course_deg": EAST}) for report in reports]
    assert of_kind(tell(tracker(WORLD), *straight), "threatened")


def test_what_holds_its_course_is_a_threat_after_eight_seconds() -> None:
    """Two minutes before the border a course must hold for eight seconds to be told."""
    events = tell(tracker(WORLD), *flight(0, 26.9, EAST, reports=4))
    assert kinds(events) == [("threatened", 8.0)]


@pytest.mark.parametrize("scan_s", [45.0, 75.0, 90.0])
def test_a_slow_radar_s_threat_is_told_with_its_second_report(scan_s: float) -> None:
    """What has kept its course since the report before is waited for no scan longer."""
    approach = flight(0, 26.734, EAST, reports=5, every_s=scan_s)  # 16.5 km: 330 s
    assert kinds(tell(tracker(WORLD), *approach))[0] == ("threatened", scan_s)


def test_a_slow_radar_s_threat_that_has_just_turned_waits_for_a_report() -> None:
    """A turn towards the border may sweep past: the next scan tells."""
    along = flight(0, 26.85, NORTH, reports=4, every_s=30.0)
    towards = on_from(along, EAST, 3, every_s=30.0)
    events = tell(tracker(WORLD), *along, *towards)
    assert kinds(events)[0] == ("threatened", (towards[1].time - along[0].time).total_seconds())


def test_near_the_border_nothing_is_waited_for() -> None:
    """Less than a minute before the border the second report is enough."""
    assert kinds(tell(tracker(WORLD), *flight(0, 26.96, EAST, reports=2))) == [("threatened", 4.0)]


def test_a_threat_that_turns_away_recedes() -> None:
    """Once it has turned away and is ten minutes of flight from the border, it is over."""
    out = flight(0, 26.9, EAST, reports=10)
    events = tell(tracker(WORLD), *out, *on_from(out, WEST, 200))
    assert kinds(events) == [("threatened", 8.0), ("updated", 156.0), ("receded", 552.0)]
    receded = events[-1]
    assert (receded.ahead, receded.minutes_left, receded.nations) == ((), None, ("AA",))
    assert len({event.opened for event in events}) == 1


def test_a_short_turn_away_is_no_end() -> None:
    """Turned away for less than two minutes, the threat stands; it goes on as it was."""
    out = flight(0, 26.88, EAST, reports=10)
    away = on_from(out, WEST, 26)
    events = tell(tracker(WORLD), *out, *away, *on_from(away, EAST, 5))
    assert of_kind(events, "receded") == []
    assert len(of_kind(events, "threatened")) == 1


def test_after_it_has_receded_it_may_come_again() -> None:
    """The next approach of the same track is another story."""
    out = flight(0, 26.9, EAST, reports=10)
    away = on_from(out, WEST, 140)
    events = tell(tracker(WORLD), *out, *away, *on_from(away, EAST, 120))
    assert [event.kind for event in events if event.kind != "updated"] == [
        *("threatened", "receded", "threatened"),
    ]
    assert events[0].opened < events[-1].opened


@pytest.mark.parametrize("away_m", [4_000, 10_000])
def test_an_hour_of_circles_outside_is_one_threat(away_m: int) -> None:
    """Circles of seven minutes within five minutes of the border: one threat, hardly an update."""
    events = tell(tracker(WORLD), *circles(-away_m, 3_000.0, 900), beat(3_700))
    assert [event.kind for event in events if event.kind != "updated"] == ["threatened", "lost"]
    assert len(events) < 8
    assert events[-1].circling
    assert "AA-1" in {entry.place for entry in events[-1].within_reach}


def test_circles_over_two_regions_are_told_once() -> None:
    """What circles over the line between two regions is in both, and comes and goes in neither."""
    events = tell(tracker(WORLD), *circles(20_000, 3_000.0, 900, lat=56.5))
    rounds = [event for event in events if event.last_seen >= seen(600, 0).time]
    assert {event.regions for event in events if event.circling} == {("AA-1", "AA-2")}
    assert len(rounds) < 5


def circles(east_m: float, radius_m: float, reports: int, lat: float = 56.25) -> list[Report]:
    """Return the reports, 4 s apart at 50 m/s, of circles about a place east of the border."""
    middle_lon, middle_lat, _ = WGS84.fwd(27.0, lat, 90.0, east_m)
    track = []
    for number in range(reports):
        bearing = (270.0 + degrees(200.0 * number / radius_m)) % 360.0
        lon, at_lat, _ = WGS84.fwd(middle_lon, middle_lat, bearing, radius_m)
        place = {"lon": round(lon, 6), "lat": round(at_lat, 6)}
        course = {"ground_speed_mps": 50.0, "course_deg": (bearing + 90.0) % 360.0}
        track.append(seen(4 * number, category="uav", **place, **course))
    return track


def test_what_waits_in_circles_is_told_once() -> None:
    """Ten minutes of circles at standard rate near the border: one threat, and it stands."""
    lon, lat = 27.0 - 6_000 / distance_m(26.0, 56.25, 27.0, 56.25), 56.25
    reports = flight(0, 26.85, EAST, reports=10)
    for number in range(150):
        course = (90.0 + 12.0 * number) % 360.0
        place = {"lon": round(lon, 6), "lat": round(lat, 6)}
        reports.append(seen(40 + 4 * number, ground_speed_mps=50.0, course_deg=course, **place))
        lon, lat, _ = WGS84.fwd(lon, lat, course + 6.0, 200.0)
    events = tell(tracker(WORLD), *reports)
    assert len(of_kind(events, "threatened")) == 1
    assert of_kind(events, "receded") == []
    assert len(of_kind(events, "updated")) < 8


@pytest.mark.parametrize("seed", range(5))
def test_a_course_that_trembles_does_not_flicker(seed: int) -> None:
    """On a slanting approach with a course that errs by 5 degrees, a threat is raised once."""
    draw = random.Random(seed)
    reports = [
        report.model_copy(update={"course_deg": (60.0 + draw.gauss(0, 5)) % 360})
        for report in flight(0, 26.75, 60.0, reports=60, lat=56.1)
    ]
    events = tell(tracker(WORLD), *reports)
    assert len(of_kind(events, "threatened")) == 1
    assert of_kind(events, "receded") == []
    assert len(events) < 8


@pytest.mark.parametrize("seed", range(5))
def test_along_the_border_a_threat_does_not_flicker(seed: int) -> None:
    """Two kilometres off and parallel, with a trembling course, it comes and goes once at most."""
    draw = random.Random(seed)
    reports = [
        report.model_copy(update={"course_deg": draw.gauss(0, 5) % 360})
        for report in flight(0, 26.968, NORTH, reports=200, lat=56.1)
    ]
    events = tell(tracker(NATION), *reports)
    assert len(of_kind(events, "threatened")) <= 2


def test_a_track_without_velocity_is_judged_by_its_positions() -> None:
    """Plots that name no speed and course are a threat some seconds later."""
    plots = flight(0, 26.85, EAST, reports=60, told=False)
    known = flight(0, 26.85, EAST, reports=60)
    (told_s, by_plots_s) = (
        kinds(of_kind(tell(tracker(WORLD), *reports), "threatened"))[0][1]
        for reports in (known, plots)
    )
    assert told_s < by_plots_s <= told_s + 20


def test_what_hardly_moves_is_no_threat() -> None:
    """A balloon that stands before the border heads for nothing."""
    still = [seen(4 * n, 26.999, ground_speed_mps=1.0, course_deg=90.0) for n in range(30)]
    assert tell(tracker(WORLD), *still) == []


def turning() -> list[Report]:
    """Return a flight in AA-1 towards BB, that turns north in it, towards AA-2."""
    out = flight(0, 27.5, EAST, reports=80, category="uav")
    return [*out, *on_from(out, NORTH, 110, category="uav")]


def test_regions_ahead_join_and_leave() -> None:
    """A region joins when most of the fan reaches it, and is dropped when hardly any does."""
    events = tell(tracker(WORLD), *turning())
    turned_s = 80 * 4
    before = [e for e in events if (e.last_seen - seen(0, 0).time).total_seconds() < turned_s]
    after = events[len(before) :]
    assert {entry.place for entry in before[-1].ahead} == {"BB-1"}
    assert before[-1].regions == ("AA-1",)
    assert {entry.place for entry in after[-1].ahead} == {"AA-2"}
    assert [event.changes for event in after if "ahead" in event.changes]
    minutes = after[-1].ahead[0].minutes_left
    left_m = distance_m(after[-1].lon, after[-1].lat, after[-1].lon, 56.5)
    assert minutes == int(left_m / 50 / 60)


def ahead_of(behind_deg: float) -> TrackEvent:
    """Return the first event with a region ahead that lies so far behind a wide member's border."""
    line, box = round(27.0 + behind_deg, 2), {"country": "AA", "kind": "region"}
    member = zone("AA", (27.0, 54.5, 31.0, 58.0))
    near = zone("AA-1", (27.0, 54.5, line, 58.0), **box)
    far = zone("AA-2", (line, 54.5, 31.0, 58.0), **box)
    reports = flight(0, 26.95, EAST, reports=240, every_s=8.0)
    events = tell(tracker(airspace(member, near, far)), *reports)
    return next(event for event in events if "AA-2" in {entry.place for entry in event.ahead})


def test_a_region_far_off_waits_for_a_long_straight_flight() -> None:
    """A region forty kilometres inside hears ten minutes ahead, after five on one course.

    One that is a hundred kilometres ahead of a missile hears nothing.
    """
    first = ahead_of(0.65)
    assert 8 <= first.ahead[-1].minutes_left < 12
    assert (first.last_seen - seen(0, 0).time).total_seconds() >= 300
    missile = tell(tracker(WORLD), *flight(0, 26.2, EAST, reports=20, speed_mps=250.0))
    assert {entry.place for event in missile for entry in event.ahead} == {"AA-1"}


def test_a_region_deep_inside_is_warned_when_it_is_close() -> None:
    """A region ninety kilometres inside hears less than two minutes ahead."""
    assert ahead_of(1.45).ahead[-1].minutes_left < 2


def test_where_it_is_is_not_ahead() -> None:
    """A region that the object is in is no region ahead of it."""
    for event in tell(tracker(WORLD), *turning()):
        assert not {entry.place for entry in event.ahead} & set(event.regions)


@pytest.mark.parametrize("over", [WORLD, NATION], ids=["regions", "no regions"])
def test_updates_are_few(over: Airspace) -> None:
    """Ten minutes of straight flight from before the border are a handful of messages."""
    events = tell(tracker(over), *flight(0, 26.8, EAST, reports=150))
    assert len(events) <= 6


@pytest.mark.parametrize("seconds", [0.0, 120.0])
def test_a_region_that_is_not_foreseen_is_told_once(seconds: float) -> None:
    """Where regions are looked for less far than the border, the nearest to it is warned, once."""
    policy = looking(region=seconds)
    events = tell(tracker(WORLD, policy=policy), *flight(0, 26.8, EAST, reports=60))
    assert [entry.place for entry in events[0].ahead] == ["AA-1"]
    assert kinds(events) == [("threatened", 8.0), ("updated", 132.0), ("updated", 192.0)]


def test_of_two_nations_the_one_ahead_is_named() -> None:
    """Where two members meet at the border, a threat is to the one that its course leads to."""
    north = zone("AA", (27.0, 56.5, 28.0, 57.0))
    south = zone("BB", (27.0, 56.0, 28.0, 56.5))
    for lat, nation in ((56.7, "AA"), (56.3, "BB")):
        (threat,) = tell(
            tracker(airspace(north, south)), *flight(0, 26.9, EAST, reports=3, lat=lat)
        )
        assert threat.nations == (nation,)


@pytest.mark.parametrize("accuracy_m", [10.0, 80.0, 150.0])
@pytest.mark.parametrize("every_s", [4.0, 10.0])
def test_without_speed_and_course_it_is_told_two_reports_later_at_most(
    accuracy_m: float, every_s: float
) -> None:
    """What flies at the border from four minutes away is known by its positions soon enough."""
    told_s = []
    for told in (True, False):
        reports = flight(0, 26.8, EAST, reports=30, told=told, every_s=every_s)
        rough = [report.model_copy(update={"accuracy_m": accuracy_m}) for report in reports]
        told_s.append(kinds(of_kind(tell(tracker(WORLD), *rough), "threatened"))[0][1])
    assert told_s[1] - told_s[0] <= 2 * every_s
