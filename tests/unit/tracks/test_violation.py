"""A track's story with the protected airspace, from the entry to the end."""

import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import shapely
from builders import (
    airspace,
    beat,
    flight,
    kinds,
    on_from,
    packed,
    seen,
    tell,
    tracker,
    world,
    zone,
)

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import TrackEvent
from skyfence.frames.frame import Frame
from skyfence.geometry.geodesy import metres_per_degree
from skyfence.policy.civil import Inside
from skyfence.policy.holding import Lost
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy, PolicyFile

WORLD = Airspace(world())
HOUR_S = 3600
OUT, IN = seen(0, 26.99), seen(10, 27.01)  # crosses from XX into AA-1 at 5 s
EAST, WEST = 90.0, 270.0
CIVIL: dict[str, Any] = {
    "callsign": "ABC1",
    "mode_3a": "1234",
    "icao_address": "4A08F3",
    "category": "aircraft",
    "altitude_m": 900.0,
}
PER_DEGREE_M, _ = metres_per_degree(56.25)


def deep(at_s: float, metres: float, **changes: Any) -> Report:
    """Return a report so many metres inside AA-1, or outside of it if negative; 150 m are sigma."""
    return seen(at_s, round(27.0 + metres / PER_DEGREE_M, 6), **({"accuracy_m": 150.0} | changes))


def of_kinds(events: list[TrackEvent], *wanted: str) -> list[TrackEvent]:
    return [event for event in events if event.kind in wanted]


def steps(events: list[TrackEvent]) -> list[TrackEvent]:
    """Return the events without updates and estimates of places."""
    return [event for event in events if event.kind not in ("updated", "searched")]


def test_entered_says_where_and_from_where() -> None:
    """The first event names nation and region, and the neighbour from which the track came."""
    (entered,) = tell(tracker(WORLD), OUT, IN)
    assert (entered.kind, entered.opened, entered.number) == ("entered", IN.time, 1)
    assert entered.confidence == "confirmed"
    assert (entered.nations, entered.regions) == (("AA",), ("AA-1",))
    assert entered.other_side == ("XX",)
    assert (entered.lon, entered.lat) == (27.0, 56.25)
    assert entered.last_seen == IN.time


def test_moving_to_another_region() -> None:
    """A track that flies on into the next region has moved, as of the report that shows it."""
    track = [seen(0, 26.99, 56.48), seen(10, 27.01, 56.49), seen(20, 27.01, 56.52)]
    events = tell(tracker(WORLD), *track, seen(30, 27.02, 56.53))
    (moved,) = [event for event in events if "place" in event.changes]
    assert (moved.kind, moved.regions, moved.nations) == ("updated", ("AA-2",), ("AA",))
    assert (moved.lon, moved.lat) == (27.01, 56.52)


def test_moving_to_another_member_is_no_exit() -> None:
    """From one member to the next a track has moved; it has left nothing that is protected."""
    track = [OUT, IN, *(seen(10 + 10 * n, 27.01 + n / 10) for n in range(1, 12))]
    events = tell(tracker(WORLD), *track)
    assert {event.kind for event in events[1:]} == {"updated"}
    (moved,) = [event for event in events if "place" in event.changes]
    assert (moved.nations, moved.regions) == (("BB",), ("BB-1",))


def test_a_jitter_along_a_line_between_regions_does_not_flap() -> None:
    """A region is entered within its accuracy of the line, and left only at twice that."""
    region = {"kind": "region", "country": "AA", "accuracy_m": 500.0}
    over = airspace(
        zone("AA", (27.0, 56.0, 28.0, 57.0)),
        zone("AA-1", (27.0, 56.0, 28.0, 56.5), **region),
        zone("AA-2", (27.0, 56.5, 28.0, 57.0), **region),
    )
    lats = [56.49, 56.497, 56.503, 56.4975, 56.508, 56.502, 56.52]  # 0.0045 degrees are 500 m
    track = [seen(10 * n, 27.01 + n / 1000, lat) for n, lat in enumerate(lats)]
    events = tell(tracker(over), seen(-10, 26.99, 56.48), *track)
    assert [event.regions for event in events] == [("AA-1",), ("AA-1", "AA-2"), ("AA-2",)]


def test_exited_says_where_to() -> None:
    """Leaving the airspace is told at the border, with the nation and region it left."""
    _, exited = tell(tracker(WORLD), OUT, IN, seen(20, 26.97))
    assert kinds([exited]) == [("exited", 12.5)]
    assert (exited.nations, exited.regions, exited.other_side) == (("AA",), ("AA-1",), ("XX",))
    assert (exited.lon, exited.depth_m) == (27.0, 620)
    assert (exited.ahead, exited.minutes_left) == ((), None)


def test_entering_again_before_the_all_clear() -> None:
    """What comes back within ten minutes goes on with its story; the all-clear counts anew."""
    again = [seen(20, 26.99), seen(70, 26.98), seen(120, 26.99), seen(130, 27.01)]
    events = tell(tracker(WORLD), OUT, IN, *again, seen(140, 26.99), beat(HOUR_S))
    assert [step for step in kinds(events)[1:] if step[0] != "threatened"] == [
        ("exited", 15.0),
        ("entered", 125.0),
        ("exited", 135.0),
        ("cleared", 740.0),
    ]
    numbers = [event.number for event in events]  # sightings have some between
    assert numbers == sorted(set(numbers))
    assert {event.opened for event in events} == {IN.time}


def test_entering_again_after_the_all_clear() -> None:
    """What comes back after the all-clear begins another story."""
    events = tell(
        tracker(WORLD), OUT, IN, seen(20, 26.99), beat(621), seen(650, 26.99), seen(660, 27.01)
    )
    assert kinds(events)[2:] == [("cleared", 620.0), ("entered", 655.0)]
    assert [event.number for event in events[2:]] == [3, 1]
    assert events[2].opened < events[3].opened


def test_lost_reacquired_and_expired() -> None:
    """A lost track keeps its story; seen again it goes on; unseen for six hours it expires."""
    told = tell(tracker(WORLD), OUT, IN, seen(300, 27.02), beat(HOUR_S), beat(7 * HOUR_S))
    events = steps(told)
    assert kinds(events)[1:] == [
        ("lost", 70.0),
        ("reacquired", 300.0),
        ("lost", 360.0),
        ("expired", 360.0 + 6 * HOUR_S),
    ]
    assert {(event.nations, event.regions) for event in events[:-1]} == {(("AA",), ("AA-1",))}


def test_seen_again_in_another_region() -> None:
    """A track that is seen again elsewhere names the region it is in now."""
    events = steps(tell(tracker(WORLD), OUT, IN, seen(300, 27.02, 56.6)))
    assert [event.regions for event in events] == [("AA-1",), ("AA-1",), ("AA-2",)]


def test_what_is_seen_again_is_told_as_it_is_now() -> None:
    """A lost object that is seen again says how deep it is and what lies ahead of it now."""
    back = flight(190, 27.8, EAST, reports=2)
    _, lost, again = steps(tell(tracker(WORLD), OUT, IN, *back))[:3]
    assert (lost.kind, again.kind) == ("lost", "reacquired")
    assert lost.ahead == ()
    assert [(entry.place, entry.minutes_left) for entry in again.ahead] == [("BB-1", 4)]
    assert again.depth_m > 10_000 > lost.depth_m


def test_exited_stays_exited_when_the_track_is_lost() -> None:
    """A track that has left and falls silent outside is cleared, not lost."""
    assert kinds(tell(tracker(WORLD), OUT, IN, seen(20, 26.99), beat(HOUR_S)))[1:] == [
        ("exited", 15.0),
        ("cleared", 620.0),
    ]


@pytest.mark.parametrize(("phase", "seconds"), [("confirmed", 100), ("ended", 1_200)])
def test_a_number_that_is_given_to_another_object(phase: str, seconds: int) -> None:
    """What comes from 41 km off, or after an end by its source's word, is told beside the lost."""
    lost = flight(0, 26.9, EAST, reports=100)
    lost[-1] = lost[-1].model_copy(update={"phase": phase})
    events = tell(tracker(WORLD), *lost, *flight(396 + seconds, 26.6, EAST, reports=150))
    stories = {event.opened: event.track_id for event in events}
    assert list(stories.values()) == ["T1", "T1~2"]
    second = [event for event in events if event.track_id == "T1~2"]
    assert [event.kind for event in steps(second)][:2] == ["threatened", "entered"]
    assert {event.shown_as for event in second} == {"T1"}


def test_a_story_closed_by_expiry_can_begin_again() -> None:
    """After the expiry the same track that enters again is another story."""
    later = 8 * HOUR_S
    track: list[Report | Frame] = [
        OUT,
        IN,
        beat(7 * HOUR_S),
        seen(later, 26.99),
        seen(later + 10, 27.01),
    ]
    events = steps(tell(tracker(WORLD), *track))
    assert [event.kind for event in events][2:] == ["expired", "entered"]
    assert events[2].opened < events[3].opened


def test_what_leaves_and_comes_back_between_two_reports_has_not_left() -> None:
    """A path that cuts through a bay of the outer border between two reports tells no exit."""
    bay = shapely.difference(shapely.box(27, 56, 28, 57), shapely.box(27.03, 56.2, 27.04, 57))
    track = [OUT, IN, seen(20, 27.06), seen(30, 27.07)]
    kinds_told = {event.kind for event in tell(tracker(airspace(zone("AA", bay))), *track)}
    assert kinds_told <= {"entered", "updated"}


def test_what_leaves_twice_between_two_reports_has_left_once() -> None:
    """A path out, in again and out between two reports is one exit, at the last border."""
    strip = shapely.difference(shapely.box(27, 56, 27.06, 57), shapely.box(27.03, 56.2, 27.04, 57))
    _, exited = tell(tracker(airspace(zone("AA", strip))), OUT, IN, seen(22, 27.07))
    assert kinds([exited]) == [("exited", 20.0)]
    assert exited.lon == 27.06


def test_a_clip_between_two_reports_is_told_whole() -> None:
    """An object that was inside only between two reports entered the nearest nation, and left."""
    entered, exited = tell(tracker(WORLD), seen(0, 26.99, 56.01), seen(12, 27.02, 55.995))
    assert (entered.kind, exited.kind) == ("entered", "exited")
    assert (entered.nations, entered.regions) == (("AA",), ("AA-1",))
    assert exited.depth_m == 278


def test_depth_is_that_of_the_whole_story() -> None:
    """The depth that events carry never shrinks within a story, and begins anew with the next."""
    track = [OUT, seen(10, 27.05), seen(20, 26.99), seen(30, 27.01), seen(40, 26.99)]
    depths = [
        event.depth_m for event in tell(tracker(WORLD), *track, seen(700, 26.99), seen(710, 27.01))
    ]
    assert depths == [3099, 3099, 3099, 3099, 3099, 620]


def test_what_flies_away_is_cleared_when_it_cannot_be_back() -> None:
    """Two minutes outside are not enough: it has to be ten minutes of flight away."""
    out = flight(0, 26.99, EAST, reports=5)
    events = tell(tracker(WORLD), *out, *on_from(out, WEST, 200))
    exited, cleared = of_kinds(events, "exited", "cleared")
    assert 600 <= (cleared.time - exited.time).total_seconds() <= 650


def test_what_stays_outside_for_long_is_cleared() -> None:
    """Along the border it could be back at any time; after twenty minutes it does not come."""
    out = flight(0, 26.99, EAST, reports=5)
    left = on_from(out, WEST, 60)
    along = on_from(left, 0.0, 200), on_from(on_from(left, 0.0, 200), 180.0, 200)
    events = tell(tracker(WORLD), *out, *left, *along[0], *along[1])
    exited, cleared = of_kinds(events, "exited", "cleared")
    assert 1200 <= (cleared.time - exited.time).total_seconds() <= 1220


def test_a_region_is_sought_near_an_entry_where_none_lies() -> None:
    """Where the regions' file has a gap at the border, the nearest within 20 km is told."""
    nation = zone("AA", (27.0, 56.0, 28.0, 57.0))
    for west, told in ((27.2, ("AA-1",)), (27.5, ())):
        region = zone("AA-1", (west, 56.0, 28.0, 57.0), kind="region", country="AA")
        (entered,) = tell(tracker(airspace(nation, region)), OUT, IN)
        assert entered.regions == told


@pytest.mark.parametrize(
    "parameters",
    [DetectionParameters(clear_after_ms=900_000), DetectionParameters(expire_after_ms=60_000)],
)
def test_parameters_are_obeyed(parameters: DetectionParameters) -> None:
    """The times of all-clear and expiry are those of the parameters given."""
    track = (OUT, IN, *([seen(20, 26.99)] if parameters.clear_after_ms == 900_000 else []))
    events = tell(tracker(WORLD, parameters=parameters), *track, beat(HOUR_S))
    expected = ("cleared", 915.0) if parameters.clear_after_ms == 900_000 else ("expired", 130.0)
    assert kinds(events)[-1] == expected


def test_possible_then_confirmed() -> None:
    """A shallow entry by a coarse radar is possible at first, and confirmed when it goes on."""
    events = tell(tracker(WORLD), *(deep(4 * n, 60 * n - 400) for n in range(30)))
    entered, confirmed = of_kinds(events, "entered", "confirmed")
    assert (entered.confidence, confirmed.confidence) == ("possible", "confirmed")
    assert entered.evidence is not None
    assert 0.9 <= entered.evidence.probability < 0.99
    assert confirmed.evidence is not None
    assert confirmed.evidence.probability >= 0.998
    assert confirmed.time == confirmed.last_seen > entered.last_seen
    assert entered.lon == 27.0
    assert confirmed.lon > 27.0


@pytest.mark.parametrize(("metres", "confidence"), [(450, "confirmed"), (420, "possible")])
def test_a_deep_entry_is_confirmed_with_its_first_report(metres: int, confidence: str) -> None:
    """Three sigma deep, the first report inside is enough, whatever was seen before."""
    (entered,) = tell(tracker(WORLD), *(deep(4 * n, -3_000) for n in range(30)), deep(120, metres))
    assert (entered.kind, entered.confidence) == ("entered", confidence)
    assert entered.last_seen == deep(120, 0).time


def test_a_border_that_is_less_exact_counts_as_well() -> None:
    """What is deep by the report alone is only possible where the border's file is coarse."""
    coarse = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0), accuracy_m=400.0))
    (entered,) = tell(tracker(coarse), deep(0, -2_000), deep(10, 600))
    assert (entered.kind, entered.confidence) == ("entered", "possible")


def test_too_shallow_an_entry_is_a_crossing_only() -> None:
    """Within the error of the report nobody is told that it entered; the path's facts stand."""
    by = tracker(WORLD)
    assert tell(by, deep(0, -500), deep(10, 150), deep(20, -500)) == []
    result = tracker(WORLD).process(packed(deep(0, -500), deep(10, 150), deep(20, -500)))
    assert [crossing.kind for crossing in result.crossings if crossing.zone == "AA"] == [
        "enter",
        "exit",
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("metres", [-300, 0, 300])
def test_jitter_along_the_border_does_not_flap(metres: int, seed: int) -> None:
    """Twelve minutes along the border with errors of 150 m are one violation at most, and stay."""
    draw = random.Random(seed)
    track = [
        seen(4 * n, deep(0, metres + draw.gauss(0, 150)).lon, 56.1 + n * 0.0018, accuracy_m=150.0)
        for n in range(180)
    ]
    result = tracker(WORLD).process(packed(*track))
    naive = [
        crossing
        for crossing in result.crossings
        if crossing.zone == "AA" and crossing.kind != "appear"
    ]
    assert len(naive) >= 4  # what the bare geometry says
    counts = Counter(event.kind for event in result.events)
    assert counts["entered"] + counts["appeared"] <= 1
    assert counts["confirmed"] <= 1
    assert counts["exited"] == counts["receded"] == 0


def test_a_stray_report_outside_does_not_end_a_violation() -> None:
    """One report three sigma outside, among others inside, is no exit: exit slow."""
    inside = [deep(-10, -900), *(deep(4 * n, 500) for n in range(15))]
    events = tell(tracker(WORLD), *inside, deep(60, -450), *(deep(64 + n, 500) for n in range(9)))
    assert [event.kind for event in steps(events)] == ["entered"]


def test_an_exit_that_is_slowly_believed_stands_at_the_border() -> None:
    """However long it takes to be sure, the exit is told as of where and when it crossed."""
    inside = [deep(-10, -900), *(deep(4 * n, 500) for n in range(15))]
    outside = [deep(60 + 4 * n, -500) for n in range(100)]
    events = steps(tell(tracker(WORLD), *inside, *outside, beat(HOUR_S)))
    assert [event.kind for event in events] == ["entered", "exited", "cleared"]
    exited = events[1]
    assert kinds([exited])[0][1] == 58.0
    assert exited.lon == 27.0
    assert 60 <= (exited.last_seen - exited.time).total_seconds() <= 300


def test_a_deep_clip_is_told_and_a_shallow_one_is_not() -> None:
    """A corner cut between two reports is told if it was cut deeper than reports and path err."""
    shallow = (seen(0, 26.99, 56.002), seen(10, 27.01, 55.999))
    assert tell(tracker(WORLD), *shallow) == []
    result = tracker(WORLD).process(packed(*shallow))
    assert [crossing.kind for crossing in result.crossings if crossing.zone == "AA"] == [
        "enter",
        "exit",
    ]
    coarse = [seen(0, 26.99, 56.01, accuracy_m=200.0), seen(12, 27.02, 55.995, accuracy_m=200.0)]
    assert of_kinds(tell(tracker(WORLD), *coarse), "entered", "exited") == []


def test_a_threat_is_the_beginning_of_the_story_of_its_entry() -> None:
    """From the first warning to the all-clear an approach is one story, numbered through."""
    out = flight(0, 26.95, EAST, reports=20)
    back = on_from(out, WEST, 30)
    by = tracker(WORLD)
    events = tell(by, *out, *back, beat(HOUR_S))
    assert [event.kind for event in steps(events)] == [
        *("threatened", "entered", "exited", "cleared"),
    ]
    assert len({event.opened for event in events}) == 1
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))
    assert len({event.event_id for event in events}) == len(events)


def test_a_threat_that_is_lost_expires() -> None:
    """A threat that is not seen any more is waited for half an hour, and not for six."""
    events = tell(tracker(WORLD), *flight(0, 26.9, EAST, reports=10), beat(HOUR_S))
    told = [(kind, at_s) for kind, at_s in kinds(events) if kind != "searched"]
    assert told == [("threatened", 8.0), ("lost", 96.0), ("expired", 1896.0)]
    assert {event.confidence for event in events} == {"possible"}


def test_a_fast_threat_that_is_lost_is_over_sooner() -> None:
    """What would be as deep inside as the policy says in minutes is not waited for half an hour."""
    fast = flight(0, 26.7, EAST, reports=10, speed_mps=230.0)  # 10.3 km before the border at last
    for depth_m, minutes in ((90_000.0, 7.3), (30_000.0, 2.9)):
        policy = Policy(PolicyFile(version="v", lost=Lost(threat_depth_m=depth_m)))
        told = kinds(tell(tracker(WORLD, policy=policy), *fast, beat(HOUR_S)))
        lost_s, expired_s = dict(told)["lost"], dict(told)["expired"]
        assert (expired_s - lost_s) / 60 == pytest.approx(minutes, abs=0.1)


def test_a_threat_ends_with_its_source() -> None:
    """At the end of a source a threat expires as it would; what had entered stays lost."""
    events = tell(tracker(WORLD), *flight(0, 26.9, EAST, reports=10), beat(37, last=True))
    assert kinds(events)[1:] == [("lost", 96.0), ("expired", 1896.0)]
    assert kinds(tell(tracker(WORLD), OUT, IN, beat(11, last=True)))[1:] == [("lost", 70.0)]


def test_a_lost_threat_that_is_seen_again_is_one_again() -> None:
    """It goes on with its story, and with the minutes that are left now."""
    events = tell(
        tracker(WORLD),
        *flight(0, 26.85, EAST, reports=10),
        *flight(130, 26.93, EAST, reports=1),
    )
    assert kinds(events) == [("threatened", 8.0), ("lost", 96.0), ("threatened", 130.0)]
    assert [event.minutes_left for event in events] == [2, 2, 1]
    assert [[entry.minutes_left for entry in e.ahead if entry.place == "AA-1"] for e in events] == [
        *([2], [2], [1]),
    ]
    assert len({event.opened for event in events}) == 1


def test_a_lost_threat_that_has_entered_meanwhile() -> None:
    """What is next seen inside, along a path that is known, has entered at the border."""
    events = tell(tracker(WORLD), *flight(0, 26.95, EAST, reports=5), seen(116, 27.05))
    assert [event.kind for event in events] == ["threatened", "lost", "entered"]
    entered = events[-1]
    assert (entered.confidence, entered.lon, entered.regions) == ("confirmed", 27.0, ("AA-1",))
    assert 16 < kinds([entered])[0][1] < 116
    assert entered.depth_m == round(0.05 * PER_DEGREE_M)
    assert "AA-1" not in {entry.place for entry in entered.ahead}


def test_a_threat_that_jumps_deep_inside_has_not_crossed() -> None:
    """Where its identity turns up where it cannot have flown to, nobody saw it cross."""
    out = flight(0, 26.85, EAST, reports=10)
    events = tell(tracker(WORLD), *out, *flight(40, 27.8, EAST, reports=5))
    assert [event.kind for event in events][:4] == [
        *("threatened", "lost", "appeared", "confirmed"),
    ]
    appeared = events[2]
    assert (appeared.confidence, appeared.crossed) == ("possible", False)
    assert appeared.regions == ("AA-1",)
    assert appeared.lon > 27.8
    assert {entry.place for entry in appeared.ahead} == {"BB-1"}


def test_a_lost_object_is_not_found_where_its_identity_jumps_to() -> None:
    """Seen far outside a moment after it was lost inside, it stays lost, and is not cleared."""
    jump = [seen(4 * n, 25.0 + n / 1000) for n in range(5, 40)]
    events = steps(tell(tracker(WORLD), OUT, IN, *jump, beat(HOUR_S)))
    assert kinds(events) == [("entered", 5.0), ("lost", 10.0)]


def test_what_is_lost_by_silence_is_not_found_where_it_cannot_have_flown_to() -> None:
    """Seen hundreds of kilometres off a moment after its silence, it is another, and stays lost."""
    away = [seen(72 + 4 * n, 20.0 + n / 1000) for n in range(40)]
    by = tracker(WORLD)
    events = steps(tell(by, OUT, IN, beat(71), *away))
    assert kinds(events) == [("entered", 5.0), ("lost", 70.0)]
    by = tracker(airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)), zone("BB", (19.5, 56.0, 21, 57))))
    result = by.process(packed(OUT, IN, *away))
    assert [(crossing.kind, crossing.zone, crossing.cut) for crossing in result.crossings] == [
        ("enter", "AA", False),
        ("vanish", "AA", False),
        ("appear", "BB", False),
    ]


def test_coming_back_after_an_exit_is_a_threat_again() -> None:
    """What turns back before the all-clear is a threat, then a violation, of the same story."""
    out = flight(0, 26.99, EAST, reports=5)
    left = on_from(out, WEST, 20)
    back = on_from(left, EAST, 20)
    told = tell(tracker(WORLD), *out, *left, *back)
    events = steps(told)
    assert [(event.kind, event.confidence) for event in events] == [
        ("threatened", "possible"),
        ("entered", "confirmed"),
        ("exited", "confirmed"),
        ("threatened", "possible"),
        ("entered", "confirmed"),
    ]
    assert len({event.opened for event in events}) == 1
    assert events[3].regions == ()
    again = [event.minutes_left for event in told[told.index(events[3]) :]]
    assert again[:3] == [1, 0, None]  # the minutes are told anew


def test_a_threat_after_an_exit_may_recede() -> None:
    """If it turns away once more, the threat is over and the story with it."""
    out = flight(0, 26.99, EAST, reports=5)
    left = on_from(out, WEST, 20)
    back = on_from(left, EAST, 5)
    events = tell(tracker(WORLD), *out, *left, *back, *on_from(back, WEST, 180), beat(HOUR_S))
    assert [event.kind for event in steps(events)] == [
        *("threatened", "entered", "exited", "threatened", "receded"),
    ]


def test_deeper_is_told_at_marks() -> None:
    """On the way in, updates say that 10, 25 and 50 km of depth are passed."""
    over = airspace(zone("AA", (27.0, 54.0, 32.0, 58.0)))
    events = tell(tracker(over), *flight(0, 26.99, EAST, speed_mps=250, reports=90))
    deeper = [event.depth_m for event in events if "deeper" in event.changes]
    assert [round(depth, -3) for depth in deeper] == [10_000, 25_000, 50_000]
    assert all(0 <= depth - round(depth, -3) <= 1_000 for depth in deeper)


@pytest.mark.parametrize(("speed", "told"), [(90.0, []), (99.0, []), (101.0, ["faster"])])
def test_faster_is_told(speed: float, told: list[str]) -> None:
    """Half as fast again as told, and by 50 m/s, is an update; less is none."""
    out = flight(0, 26.99, EAST, reports=10, lat=56.75)
    events = tell(tracker(WORLD), *out, *on_from(out, EAST, 5, speed_mps=speed))
    changes = [change for event in events for change in event.changes if change == "faster"]
    assert changes == told


def test_what_is_first_seen_inside_is_confirmed_by_its_evidence() -> None:
    """Seen twice it is possible, then confirmed; that nobody saw it cross is said all along."""
    events = tell(tracker(WORLD), *flight(0, 27.5, EAST, reports=20, category="uav"))
    assert kinds(events)[:2] == [("appeared", 4.0), ("confirmed", 8.0)]
    assert [event.confidence for event in events[:2]] == ["possible", "confirmed"]
    assert {(event.crossed, event.private_flight) for event in events} == {(False, False)}


def test_a_single_plot_inside_is_told_to_nobody() -> None:
    """What was seen once, deep inside, is no violation."""
    assert tell(tracker(WORLD), seen(0, 27.5), beat(HOUR_S)) == []


def private(*reports: Report, policy: Policy | None = None) -> set[bool]:
    """Return whether what was first seen inside may be a private flight, of all its events."""
    events = tell(tracker(WORLD, policy=policy or Policy()), *reports)
    assert events[0].kind == "appeared"
    return {event.private_flight for event in events}


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        ({}, True),
        ({"category": "aircraft"}, True),
        ({"altitude_m": 300.0, "category": "helicopter"}, True),
        ({"category": "balloon"}, False),
        ({"category": "uav"}, False),
        ({"category": "missile"}, False),
        ({"mode_3a": "7700"}, False),
        ({"altitude_m": 300.0}, False),
        ({"altitude_m": 300.0, "mode_3a": "7000"}, True),
        ({"altitude_m": 900.0}, True),
    ],
)
def test_who_may_be_a_private_flight(changes: dict[str, Any], may_be: bool) -> None:
    """An unknown first seen inside may be, but not in an emergency, nor as low and slow as drones.

    It stays possible then, however long it is seen.
    """
    reports = flight(0, 27.5, EAST, reports=12, **changes)
    assert private(*reports) == {may_be}
    told = Policy(PolicyFile(version="v", inside=Inside(private_flights="all")))
    assert private(*reports, policy=told) == {False}
    confirmed = of_kinds(tell(tracker(WORLD), *reports), "confirmed")
    assert bool(confirmed) is not may_be


def test_a_private_flight_that_turns_out_a_drone_is_confirmed() -> None:
    """Once its category is known it is a violation as any other; no report takes that back."""
    seen_so_far = flight(0, 27.5, EAST, reports=10)
    named = on_from(seen_so_far, EAST, 5, category="uav")
    events = tell(tracker(WORLD), *seen_so_far, *named, *on_from(named, EAST, 5))
    assert kinds(of_kinds(events, "appeared", "confirmed")) == [
        *(("appeared", 4.0), ("confirmed", 40.0)),
    ]
    assert [event.private_flight for event in events if event.last_seen >= named[0].time].count(
        True
    ) == 0


def test_a_private_flight_that_lands_is_one_still() -> None:
    """What was seen high is not taken for a drone because it comes down."""
    high = flight(0, 27.5, EAST, reports=10, altitude_m=900.0)
    assert private(*high, *on_from(high, EAST, 10, altitude_m=200.0)) == {True}


def test_a_lost_private_flight_is_searched_like_any_other() -> None:
    """It may have been taken for a lost object meanwhile: the track agent cannot know."""
    events = tell(tracker(WORLD), *flight(0, 27.5, EAST, reports=3), beat(HOUR_S / 4))
    assert kinds(events)[1:] == [
        *(("lost", 68.0), ("searched", 128.0), ("searched", 188.0)),
        *(("searched", 368.0), ("searched", 668.0)),
    ]


def test_coasted_reports_confirm_nothing() -> None:
    """What the tracker predicts over the border stays a threat, however deep, and is lost as one.

    A report that ends a coasted track was not measured either.
    """
    out = flight(0, 26.95, EAST, reports=10)
    coasting = on_from(out, EAST, 60, phase="coasting")
    ended = on_from(coasting, EAST, 1, phase="ended")
    events = tell(tracker(WORLD), *out, *coasting, *ended, beat(320))
    assert {event.kind for event in events} <= {"threatened", "updated", "lost"}
    assert {event.confidence for event in events} == {"possible"}
    assert events[-1].coasted


def test_coasted_reports_end_nothing() -> None:
    """A violation that its tracker predicts back over the border has not left."""
    seen_inside = [*flight(0, 26.99, EAST, reports=20)]
    coasting = on_from(seen_inside, WEST, 60, phase="coasting")
    events = tell(tracker(WORLD), *seen_inside, *coasting)
    assert [event.kind for event in steps(events)] == ["threatened", "entered"]
    assert max(event.depth_m for event in events) < 4_000


def test_what_appeared_and_left_has_crossed_when_it_comes_back() -> None:
    """After it has left, the same track is one that crosses the border like any other."""
    inside = [seen(0, 27.2), seen(10, 27.2)]
    left = [seen(50 + 10 * n, 26.98) for n in range(2)]
    events = tell(tracker(WORLD), *inside, *left, seen(70, 27.01))
    assert [(event.kind, event.crossed, event.private_flight) for event in events] == [
        ("appeared", False, True),
        ("exited", True, True),
        ("entered", True, False),
    ]
    assert events[-1].confidence == "confirmed"


def test_identified_civil_flights_have_no_story() -> None:
    """A civil flight with callsign and address crosses the border and nobody is told."""
    assert tell(tracker(WORLD), *flight(0, 26.9, EAST, reports=60, **CIVIL)) == []


def test_a_callsign_that_comes_in_some_reports_is_an_identity() -> None:
    """A civil flight whose callsign is missing in every second report, or for minutes, is known."""
    names = [CIVIL if n % 2 or n > 40 else CIVIL | {"callsign": None} for n in range(120)]
    reports = flight(0, 26.7, EAST, reports=120, speed_mps=200.0)
    assert tell(tracker(WORLD), *_named(reports, names)) == []
    once = [CIVIL] + [{"category": "aircraft"}] * 75
    assert tell(tracker(WORLD), *_named(reports, once)) == []


def _named(reports: list[Report], names: list[dict[str, Any]]) -> list[Report]:
    pairs = zip(reports, names, strict=False)
    return [
        Report.model_validate(report.model_dump(exclude_none=True) | name) for report, name in pairs
    ]


def test_an_identity_that_stays_away_is_over() -> None:
    """Five minutes after its last callsign a flight is unknown again."""
    reports = flight(0, 26.99, EAST, reports=100)
    names = [CIVIL] + [{"category": "aircraft"}] * 99
    events = tell(tracker(WORLD), *_named(reports, names))
    assert events[0].kind == "entered"
    assert events[0].last_seen == seen(304, 0).time


def test_what_flies_like_a_drone_is_none_of_those_it_calls_itself() -> None:
    """50 m/s at 300 m with callsign and address is a violation like any drone's."""
    drone = CIVIL | {"altitude_m": 300.0}
    events = tell(tracker(WORLD), *flight(0, 26.9, EAST, reports=60, **drone))
    assert [event.kind for event in steps(events)][:2] == ["threatened", "entered"]


@pytest.mark.parametrize("wrong", [{"ground_speed_mps": 71.0}, {"altitude_m": 640.0}])
def test_a_report_that_errs_makes_no_airliner_of_a_drone(wrong: dict[str, Any]) -> None:
    """A drone that names itself and seems to fly too fast or too high now and then is told."""
    drone = CIVIL | {"altitude_m": 300.0}
    names = [drone | (wrong if n % 5 == 4 else {}) for n in range(60)]
    reports = _named(flight(0, 26.9, EAST, reports=60), names)
    events = tell(tracker(WORLD), *reports)
    assert [event.kind for event in steps(events)][:2] == ["threatened", "entered"]


def test_a_light_aircraft_that_has_climbed_is_known() -> None:
    """What names itself is a civil flight after three more reports of a plausible height."""
    names = [CIVIL | {"altitude_m": 300.0 if n < 5 else 800.0} for n in range(30)]
    events = tell(tracker(WORLD), *_named(flight(0, 26.95, EAST, reports=30), names))
    assert kinds(events) == [("threatened", 4.0), ("identified", 28.0)]


@pytest.mark.parametrize("category", ["aircraft", "unknown"])
def test_a_light_aircraft_takes_off_and_lands_unnoticed(category: str) -> None:
    """What was first seen inside, or flew high on the way, is known however low it is then."""
    low = CIVIL | {"altitude_m": 100.0, "category": category}
    assert tell(tracker(WORLD), *flight(0, 27.5, EAST, reports=30, **low)) == []
    high = flight(0, 26.95, EAST, reports=60, **CIVIL | {"category": category})
    assert tell(tracker(WORLD), *high, *on_from(high, EAST, 30, **low)) == []


def test_one_report_makes_no_emergency_and_ends_none() -> None:
    """An airliner with a single 7700 is told to nobody; with two in a row it is an emergency."""
    wrong = CIVIL | {"mode_3a": "7700"}
    reports = flight(0, 27.3, EAST, reports=30)
    single = [wrong if n % 5 == 0 else CIVIL for n in range(30)]
    assert tell(tracker(WORLD), *_named(reports, single)) == []
    twice = [wrong if n in (10, 11, 13, 14, 15) else CIVIL for n in range(16)]
    events = tell(tracker(WORLD), *_named(reports, twice))
    assert kinds(events) == [("appeared", 44.0), ("confirmed", 48.0)]


def test_an_emergency_goes_on_in_reports_without_a_code() -> None:
    """A flight in distress whose code comes in every second report has one story."""
    reports = flight(0, 27.3, EAST, reports=60)
    names = [CIVIL | {"mode_3a": "7700" if n % 2 else None} for n in range(60)]
    events = tell(tracker(WORLD), *_named(reports, names))
    assert kinds(events)[:2] == [("appeared", 12.0), ("confirmed", 16.0)]
    assert {event.kind for event in events[2:]} <= {"updated", "sighted", "lost"}


@pytest.mark.parametrize("lon", [26.9, 26.98], ids=["a threat", "a violation"])
def test_an_emergency_is_told_with_its_second_report(lon: float) -> None:
    """One report with the code says nothing; the second in a row is told at once, and that once."""
    reports = flight(0, lon, EAST, reports=24)
    codes = ["7700" if n in (10, 14, 15, 20, 21) else "1234" for n in range(24)]
    codes[17:19] = ["1234", "1234"]
    events = tell(tracker(WORLD), *_named(reports, [{"mode_3a": code} for code in codes]))
    (told,) = [event for event in events if "emergency" in event.changes]
    assert (told.kind, told.last_seen, told.emergency) == ("updated", reports[15].time, True)
    assert not any(event.emergency for event in events if event.last_seen < told.last_seen)


@pytest.mark.parametrize("category", ["uav", "missile"])
def test_a_drone_s_category_is_told_at_once(category: str) -> None:
    """An unknown that is a drone by a later report is told with that report, and that once."""
    reports = flight(0, 26.98, EAST, reports=20)
    kind = [{"category": category if n in (10, 12) else "unknown"} for n in range(20)]
    events = tell(tracker(WORLD), *_named(reports, kind))
    (told,) = [event for event in events if "category" in event.changes]
    assert (told.kind, told.last_seen) == ("updated", reports[10].time)
    again = flight(0, 26.98, EAST, reports=20, category=category)
    assert not any("category" in event.changes for event in tell(tracker(WORLD), *again))


@pytest.mark.parametrize("changes", [{"mode_3a": "7700"}, {"category": "uav"}])
def test_losing_its_identity_inside_begins_a_story(changes: dict[str, Any]) -> None:
    """A civil flight that is in distress, or none after all, has entered where it did."""
    out = flight(0, 26.9, EAST, reports=40, **CIVIL)
    events = tell(tracker(WORLD), *out, *on_from(out, EAST, 3, **(CIVIL | changes)))
    (entered,) = events
    assert (entered.kind, entered.confidence, entered.lon) == ("entered", "confirmed", 27.0)
    assert entered.last_seen == seen(164 if "mode_3a" in changes else 160, 0).time
    assert entered.opened == entered.last_seen
    assert entered.time < entered.last_seen


def test_what_took_off_inside_and_loses_its_identity_is_a_private_flight() -> None:
    """A flight that never crossed the border and is known no more may be one."""
    out = flight(0, 27.3, EAST, reports=10, **CIVIL | {"altitude_m": 200.0})
    after = on_from(out, EAST, 90, altitude_m=200.0)
    events = tell(tracker(WORLD), *out, *after)
    assert events[0].kind == "appeared"
    assert {event.private_flight for event in events} == {True}


def test_a_threat_that_is_identified_is_over() -> None:
    """Once the policy knows it, a threat ends with the rule's name; nothing follows."""
    out = flight(0, 26.9, EAST, reports=10)
    events = tell(tracker(WORLD), *out, *on_from(out, EAST, 60, **CIVIL))
    assert kinds(events) == [("threatened", 8.0), ("identified", 40.0)]
    assert events[-1].identified_as == "civil"


def test_what_was_foreseen_before_it_was_identified_is_forgotten() -> None:
    """An object that is known no more must hold its course anew before it is a threat."""
    first = flight(0, 26.85, EAST, reports=1)
    known = on_from(first, EAST, 9, **CIVIL)
    events = tell(tracker(WORLD), *first, *known, *on_from(known, EAST, 10, category="uav"))
    assert kinds(events)[0] == ("threatened", 48.0)


def test_a_possible_violation_that_is_identified_is_over() -> None:
    """What may have entered, and is then known, needs no all-clear."""
    appeared = flight(0, 27.3, EAST, reports=3)
    events = tell(tracker(WORLD), *appeared, *on_from(appeared, EAST, 5, **CIVIL), beat(HOUR_S))
    assert [(event.kind, event.confidence) for event in events] == [
        ("appeared", "possible"),
        ("identified", "possible"),
    ]


def test_a_confirmed_violation_stands_though_it_is_identified() -> None:
    """An object that entered unknown is followed to its exit, whatever it says later."""
    out = flight(0, 26.99, EAST, reports=10)
    known = on_from(out, EAST, 10, **CIVIL)
    back = on_from(known, WEST, 40, **CIVIL)
    events = tell(tracker(WORLD), *out, *known, *back, beat(HOUR_S))
    assert [event.kind for event in steps(events)] == [
        *("threatened", "entered", "exited", "cleared"),
    ]


def test_what_is_identified_after_its_exit_is_no_new_threat() -> None:
    """Known by the policy when it turns back, it is cleared and warned of no more."""
    out = flight(0, 26.99, EAST, reports=5)
    left = on_from(out, WEST, 20, **CIVIL)
    events = tell(tracker(WORLD), *out, *left, *on_from(left, EAST, 8, **CIVIL), beat(HOUR_S))
    assert [event.kind for event in steps(events)] == [
        *("threatened", "entered", "exited", "cleared"),
    ]


def test_events_carry_the_evidence() -> None:
    """An entry names the two reports about it, the point between them, and how sure it is."""
    (entered,) = tell(tracker(WORLD), OUT, IN)
    evidence = entered.evidence
    assert evidence is not None
    assert evidence.before is not None
    assert (evidence.before.time, evidence.after.time) == (OUT.time, IN.time)
    assert (evidence.time, evidence.lon, evidence.lat) == (entered.time, 27.0, 56.25)
    assert evidence.after.accuracy_m == 10.0
    assert evidence.probability == 1.0
    assert entered.first is not None
    assert entered.first.time == OUT.time


LOW_NATION = airspace(
    zone("AA", (27.0, 56.0, 28.0, 57.0), ceiling_m=3_000.0, vertical_ref="amsl"),
    zone("XX", (26.0, 56.0, 27.0, 57.0), nato=False),
)


def at_height(reports: list[Report], height_of: Callable[[int], float]) -> list[Report]:
    """Return reports with heights above mean sea level, by their number."""
    return [
        report.model_copy(update={"altitude_m": height_of(number), "altitude_ref": "amsl"})
        for number, report in enumerate(reports)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_along_a_ceiling_nothing_flaps(seed: int) -> None:
    """Half an hour along a ceiling, heights off by 60 m: one violation at the most, and no exit."""
    rng = random.Random(seed)
    reports = flight(0, 26.95, EAST, reports=300)
    events = tell(
        tracker(LOW_NATION), *at_height(reports, lambda _: round(3_000 + rng.gauss(0, 60), 1))
    )
    assert [event.kind for event in steps(events)][:2] == ["threatened", "entered"]
    assert of_kinds(events, "exited", "cleared", "receded") == []


def test_what_climbs_through_the_ceiling_has_left_when_it_leaves_the_ground() -> None:
    """Above the ceiling it is over the nation still; the exit is told where it crosses the border.

    Well above all along, it never enters.
    """
    inbound = flight(0, 26.98, EAST, reports=60)
    outbound = on_from(inbound, WEST, 100)
    climbs = at_height([*inbound, *outbound], lambda number: 1_000.0 if number < 50 else 4_500.0)
    events = steps(tell(tracker(LOW_NATION), *climbs))
    assert [event.kind for event in events] == ["threatened", "entered", "exited"]
    assert abs(events[-1].lon - 27.0) < 0.02
    high = at_height([*inbound, *outbound], lambda _: 4_500.0)
    assert of_kinds(tell(tracker(LOW_NATION), *high), "entered") == []


@pytest.mark.parametrize("height", [None, -1_000.0])
def test_a_height_that_is_not_known_counts_as_inside(height: float | None) -> None:
    """Remote ID says -1000 m where it knows no height: the drone is taken to be within limits."""
    given: dict[str, Any] = {"altitude_m": height, "altitude_ref": "wgs84"} if height else {}
    events = tell(tracker(LOW_NATION), *flight(0, 26.95, EAST, reports=60, **given))
    (entered,) = of_kinds(events, "entered")
    assert entered.object.altitude_m is None


def searched(*items: Report | Frame, policy: Policy | None = None) -> list[TrackEvent]:
    """Return how the places of what was lost are estimated."""
    return of_kinds(tell(tracker(WORLD, policy=policy or Policy()), *items), "searched")


def test_what_is_lost_warns_what_it_can_reach_by_then() -> None:
    """At 50 m/s and 12 km from BB it may be there within minutes, and later has AA-1 behind it.

    Where it was seen last it may have come down, for as long as its regions are warned.
    """
    lost = flight(0, 27.7, EAST, reports=30, category="uav")
    estimates = searched(*lost, beat(2 * HOUR_S))
    minutes = [(at_s - 29 * 4) / 60 - 1 for _, at_s in kinds(estimates)]
    assert minutes == [1, 2, 5, 10, 20, 30, 40, 50, 60]
    ahead = [{entry.place: entry.minutes_left for entry in event.ahead} for event in estimates]
    assert ahead[0]["BB-1"] <= 3
    assert ahead[0]["BB-1"] > ahead[2]["BB-1"]
    assert ahead[3]["BB-1"] == 0
    assert {event.regions for event in estimates[:-1]} == {("AA-1",)}
    assert (estimates[-1].regions, estimates[-1].ahead, estimates[-1].nations) == ((), (), ("AA",))


def test_regions_left_behind_are_let_go() -> None:
    """What flew at BB-1 and cannot be in it any more by now does not hold it."""
    fast = flight(0, 27.2, EAST, reports=30, speed_mps=200.0, category="missile")
    ahead = [{entry.place for entry in event.ahead} for event in searched(*fast, beat(HOUR_S))]
    assert "BB-1" in ahead[1]
    assert "BB-1" not in ahead[4]


def test_a_region_beside_the_likely_courses_of_what_is_lost_is_not_warned() -> None:
    """AA-2 lies 9 km beside the way: only a turn that nobody saw leads there within minutes."""
    lost = flight(0, 27.1, EAST, lat=56.42, reports=30, category="uav")
    soon = searched(*lost, beat(500))
    assert [entry.place for event in soon for entry in event.ahead] == []
    assert len(soon) == 3


def test_for_how_long_regions_are_warned_is_the_policy_s() -> None:
    """After the policy's time no region is warned, and the nation is until it expires."""
    policy = Policy(PolicyFile(version="v", lost=Lost(regions_for_s=200.0)))
    lost = flight(0, 27.5, EAST, reports=5, category="uav")
    estimates = searched(*lost, beat(7 * HOUR_S), policy=policy)
    assert [at_s - 16 - 60 for _, at_s in kinds(estimates)] == [60, 120, 200]
    (expired,) = of_kinds(tell(tracker(WORLD, policy=policy), *lost, beat(7 * HOUR_S)), "expired")
    assert kinds([expired]) == [("expired", 76.0 + 6 * HOUR_S)]


def test_a_lost_threat_is_searched_from_outside() -> None:
    """It warns what it can reach on likely courses until it is over, and lets nothing go before."""
    lost = flight(0, 26.9, EAST, reports=10)
    estimates = searched(*lost, beat(HOUR_S))
    assert [round((at_s - 36) / 60) - 1 for _, at_s in kinds(estimates)] == [1, 2, 5, 10, 20]
    ahead = [{entry.place for entry in event.ahead} for event in estimates]
    assert ahead[0] == {"AA-1"}
    assert ahead[-1] >= {"AA-1", "BB-1"}  # 70 km on
    assert all(before <= after for before, after in pairwise(ahead))
    assert {event.regions for event in estimates} == {()}


def test_a_lost_threat_that_is_seen_again_is_searched_no_more() -> None:
    """What is seen on its way again is a threat again, and its search is over."""
    lost = flight(0, 26.9, EAST, reports=10)
    again = flight(300, 26.95, EAST, reports=40)
    told = [kind for kind, _ in kinds(tell(tracker(WORLD), *lost, *again))]
    assert told[:5] == ["threatened", "lost", "searched", "searched", "threatened"]
    assert "searched" not in told[5:]
