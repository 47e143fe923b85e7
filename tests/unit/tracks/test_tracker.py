"""Tracking: what a track's reports say of zones, however they come in."""

from datetime import timedelta
from typing import Any

import pytest
from builders import T0, T0_MS, airspace, beat, packed, seen, zone

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import SourceWatermark, TrackEvent
from skyfence.frames.frame import Frame, frame_of
from skyfence.geometry.geodesy import distance_m
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.tracker import Tracker

AA = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)))
NEIGHBOURS = airspace(
    zone("AA", (27.0, 56.0, 28.0, 57.0)), zone("XX", (26.0, 56.0, 27.0, 57.0), nato=False)
)
HOUR_S = 3600
SECOND = timedelta(seconds=1)
OUT, IN = seen(0, 26.99), seen(10, 27.01)  # crosses the western border at 5 s
Row = tuple[str, str, float]


def tracker(space: Airspace = AA, policy: Policy | None = None) -> Tracker:
    return Tracker(space, Environment.EXERCISE, policy)


def judge(*items: Report | Frame, by: Tracker | None = None) -> FrameResult:
    """Judge each item as a frame of its own; return all that happened."""
    by = by or tracker()
    all_told = FrameResult()
    for item in items:
        result = by.process(packed(item) if isinstance(item, Report) else item)
        all_told.pending_crossings += result.pending_crossings
        all_told.add_events(result.events)
        all_told.reports += result.reports
        all_told.late += result.late
    return all_told


def seconds(crossing: Crossing) -> float:
    return (crossing.time - T0).total_seconds()


def rows(result: FrameResult) -> list[Row]:
    return [(crossing.kind, crossing.zone, seconds(crossing)) for crossing in result.crossings]


def told(result: FrameResult) -> list[TrackEvent]:
    """Return what happened, without clocks and what is only for those who join tracks."""
    tracks = [event for event in result.events if isinstance(event, TrackEvent)]
    return [event for event in tracks if event.kind not in ("sighted", "searched")]


def events(result: FrameResult) -> list[tuple[str, float]]:
    return [(event.kind, (event.time - T0).total_seconds()) for event in told(result)]


def test_enter_is_interpolated() -> None:
    """An entry stands where and when the straight path between two reports meets the border."""
    result = judge(seen(0, 26.998, 56.20), seen(10, 27.006, 56.28))
    (enter,) = result.crossings
    assert rows(result) == [("enter", "AA", 2.5)]
    assert (enter.lon, enter.lat) == (27.0, 56.22)
    assert enter.depth_m is None
    assert not enter.cut
    assert events(result) == [("entered", 2.5)]


def test_exit_tells_the_greatest_depth() -> None:
    """An exit carries how deep the track has been, not how deep it was last."""
    result = judge(OUT, seen(10, 27.03), seen(20, 27.01), seen(30, 26.99))
    assert rows(result) == [("enter", "AA", 2.5), ("exit", "AA", 25.0)]
    assert result.crossings[1].depth_m == round(distance_m(27.0, 56.25, 27.03, 56.25))
    assert told(result)[-1].depth_m == result.crossings[1].depth_m


def test_both_sides_of_a_border_are_told() -> None:
    """Across a common border one exit comes before one entry, and each names the other zone."""
    appear, leave, enter = judge(OUT, IN, by=tracker(NEIGHBOURS)).crossings
    assert (appear.kind, appear.zone, appear.other_side) == ("appear", "XX", ())
    assert (leave.kind, leave.zone, leave.other_side) == ("exit", "XX", ("AA",))
    assert (enter.kind, enter.zone, enter.other_side) == ("enter", "AA", ("XX",))
    assert leave.time == enter.time


def test_a_clipped_corner_is_entered_and_left() -> None:
    """A segment that clips a corner between two reports is an entry and an exit, with a depth."""
    result = judge(seen(0, 26.99, 56.01), seen(12, 27.02, 55.995))
    assert rows(result) == [("enter", "AA", 4.0), ("exit", "AA", 8.0)]
    assert result.crossings[1].depth_m == round(distance_m(27.005, 56.0, 27.005, 56.0025))
    assert events(result) == [("entered", 4.0), ("exited", 8.0)]


def test_a_corner_cut_on_an_unknown_path_is_a_fact_only() -> None:
    """Over a long segment the object may have flown around the corner: nobody is told of it."""
    result = judge(seen(0, 26.99, 56.01), seen(60, 27.02, 55.995))
    assert rows(result) == [("enter", "AA", 20.0), ("exit", "AA", 40.0)]
    assert events(result) == []


@pytest.mark.parametrize(
    "places",
    [[(27.0, 56.25)], [(27.0, 56.25), (27.0, 56.27)], [(26.99, 56.0), (27.0, 56.0)]],
    ids=["a side", "along a side", "a corner"],
)
def test_touching_is_nothing(places: list[tuple[float, float]]) -> None:
    """A track that touches a border, or runs along it, and turns back has crossed nothing."""
    track = [OUT, *(seen(10 * n, *place) for n, place in enumerate(places, 1))]
    result = judge(*track, seen(50, 26.99, 56.1))
    assert rows(result) == []
    assert {kind for kind, _ in events(result)} <= {"threatened"}


@pytest.mark.parametrize(("lon", "private"), [(27.07, False), (27.09, True)])
def test_what_is_first_seen_near_the_border_is_no_private_flight(lon: float, private: bool) -> None:
    """An unknown first seen within 5 km of the border may have crossed it unseen."""
    result = judge(seen(0, lon), seen(5, lon), seen(60, 26.99))
    assert rows(result) == [
        ("appear", "AA", 0.0),
        ("exit", "AA", exit_s := seconds(result.crossings[1])),
    ]
    assert 5 < exit_s < 60
    assert [event.kind for event in told(result)] == ["appeared", "exited"]
    assert [event.crossed for event in told(result)] == [False, True]
    assert {event.private_flight for event in told(result)} == {private}


@pytest.mark.parametrize("phase", ["tentative", "coasting"])
def test_a_track_that_is_not_sure_is_told_to_nobody(phase: str) -> None:
    """Tentative and coasting reports make crossings and no events; two measured ones make them."""
    unsure = [seen(10 * n, 26.99 + 0.02 * n, phase=phase) for n in range(6)]
    assert rows(judge(*unsure)) == [("enter", "AA", 5.0)]
    assert events(judge(*unsure)) == []
    assert events(judge(*unsure, seen(60, 27.12))) == []
    established = judge(*unsure, seen(60, 27.12), seen(70, 27.14))
    assert [kind for kind, _ in events(established)] == ["entered"]


def test_a_single_plot_is_told_to_nobody() -> None:
    """Of one report inside there is a crossing, and no event until a second one comes."""
    assert rows(judge(IN)) == [("appear", "AA", 10.0)]
    assert events(judge(IN, beat(HOUR_S))) == []
    assert events(judge(IN, seen(14, 27.012))) == [("appeared", 14.0)]


def test_how_many_reports_make_a_track_is_the_policy_s() -> None:
    """A source's least reports and least speed decide from which report on people are told."""
    flown = [seen(4 * n, 27.01 + 0.001 * n, ground_speed_mps=10.0 + 2 * n) for n in range(6)]
    given = {"least_reports": 3, "least_speed_mps": 12.0}
    rules = Policy(PolicyFile(version="v", sources={"radar": SourceRules(**given)}))
    assert events(judge(*flown, by=tracker(policy=rules)))[0] == ("appeared", 12.0)


def test_silence_makes_a_track_vanish() -> None:
    """After more than a minute of silence a track vanishes, at its last place."""
    by = tracker()
    assert rows(judge(OUT, IN, beat(70), by=by)) == [("enter", "AA", 5.0)]
    result = judge(beat(70.001), by=by)
    (vanish,) = result.crossings
    assert rows(result) == [("vanish", "AA", 10.0)]
    assert (vanish.lon, vanish.lat) == (27.01, 56.25)
    assert vanish.depth_m == round(distance_m(27.0, 56.25, 27.01, 56.25))
    assert events(result) == [("lost", 70.0)]
    assert told(result)[0].last_seen == IN.time


def lost_s(*reports: Report, by: Tracker | None = None) -> list[float]:
    """Return when an event says that a track is lost."""
    judged = events(judge(*reports, beat(2 * HOUR_S), by=by))
    return [time_s for kind, time_s in judged if kind == "lost"]


def every(interval_s: float, count: int) -> list[Report]:
    """Return reports of a track that enters AA between the first two, so many seconds apart."""
    return [seen(interval_s * n, 26.998 + 0.006 * n) for n in range(count)]


@pytest.mark.parametrize(("interval_s", "missed_s"), [(4, 60), (20, 60), (61, 183), (120, 360)])
def test_a_track_is_lost_after_three_scans_of_its_own(interval_s: int, missed_s: int) -> None:
    """How often a track is reported decides after what silence it is lost, at least a minute."""
    assert lost_s(*every(interval_s, 8)) == [7 * interval_s + missed_s]


def test_gaps_and_doubles_do_not_change_the_scan() -> None:
    """A scan that is missed and a report that comes twice leave a track's scan as it was."""
    reports = every(61, 12)
    gap = [report for number, report in enumerate(reports) if number not in (4, 5, 8)]
    double = [*gap[:6], gap[5].model_copy(update={"time": gap[5].time + SECOND}), *gap[6:]]
    assert lost_s(*double) == [11 * 61 + 183]


def test_a_track_that_is_reported_more_often_is_lost_sooner() -> None:
    """Where a source turns faster than before, its tracks are lost after scans of now."""
    slow = every(120, 5)
    fast = [seen(480 + 4 * n, 27.022 + 0.001 * n) for n in range(1, 4)]
    assert lost_s(*slow, *fast) == [492 + 60]


def test_the_scan_interval_may_be_set() -> None:
    """A scan interval in the policy goes before what a track's reports say."""
    rules = SourceRules(scan_interval_s=100.0)
    by = tracker(policy=Policy(PolicyFile(version="v", sources={"radar": rules})))
    assert lost_s(*every(4, 20), by=by) == [76 + 300]


def test_a_track_may_end_inside() -> None:
    """A report with phase ended loses the track after two scans, and silence not once more."""
    result = judge(OUT, seen(10, 27.01, phase="ended"), beat(500))
    assert rows(result) == [("enter", "AA", 5.0), ("vanish", "AA", 10.0)]
    assert events(result) == [("entered", 5.0), ("lost", 35.0)]


@pytest.mark.parametrize("gap_s", [61, 130, 599, 600])
def test_the_path_over_a_short_silence_counts(gap_s: int) -> None:
    """A track lost outside that is next seen inside, within ten minutes, has entered."""
    result = judge(OUT, beat(gap_s), seen(gap_s, 27.01))
    assert rows(result) == [("enter", "AA", gap_s / 2)]
    assert events(result) == [("entered", gap_s / 2)]


@pytest.mark.parametrize("lon", [27.01, 27.5])
def test_no_path_over_a_long_silence(lon: float) -> None:
    """After more than ten minutes nobody knows the path, but what was outside has entered."""
    result = judge(OUT, beat(600.001), seen(600.001, lon))
    assert rows(result) == [("appear", "AA", 600.001)]
    assert events(result) == [("entered", 600.001)]
    assert told(result)[0].confidence == "confirmed"


@pytest.mark.parametrize(
    "first", [seen(0, 26.99, phase="ended"), seen(0, 25.99, lat=86.0), seen(0, 27.4)]
)
def test_what_was_not_seen_outside_has_not_entered(first: Report) -> None:
    """A number given again, an identity that jumped, one inside before: nobody saw it cross."""
    result = judge(first, beat(700), seen(700, 27.5), seen(704, 27.5))
    assert {(event.kind, event.crossed) for event in told(result)} == {("appeared", False)}


def test_half_an_hour_later_an_object_is_another_one() -> None:
    """A track that was not seen for more than 30 minutes is not held to have come from outside."""
    assert events(judge(OUT, beat(1800), seen(1800, 27.5))) == [("entered", 1800.0)]
    later = judge(OUT, beat(1800.001), seen(1800.001, 27.5), seen(1804, 27.5))
    assert events(later) == [("appeared", 1804.0)]


def test_lost_inside_and_back_inside() -> None:
    """A track lost inside that is seen there again appears, and its story goes on."""
    result = judge(OUT, IN, seen(130, 27.02))
    assert rows(result)[1:] == [("vanish", "AA", 10.0), ("appear", "AA", 130.0)]
    assert events(result)[1:] == [("lost", 70.0), ("reacquired", 130.0)]
    assert len({event.opened for event in told(result)}) == 1


def test_lost_inside_and_back_outside() -> None:
    """A track lost inside that is next seen outside has crossed the border between."""
    result = judge(OUT, IN, seen(130, 26.99))
    assert rows(result)[1:] == [("vanish", "AA", 10.0), ("exit", "AA", 70.0)]
    assert events(result)[1:] == [("lost", 70.0), ("exited", 70.0)]


def test_lost_inside_and_found_outside_much_later() -> None:
    """Over a long silence there is no exit to place, and the story still ends as one that left."""
    result = judge(OUT, IN, beat(990), seen(1000, 26.5))
    assert rows(result)[1:] == [("vanish", "AA", 10.0)]
    assert events(result)[1:] == [("lost", 70.0), ("exited", 1000.0)]


def test_a_jump_into_a_zone_is_no_entry() -> None:
    """What moves faster than anything flies did not cross a border: it appears, marked as cut."""
    result = judge(OUT, seen(1, 27.5), seen(2, 27.501), seen(3, 27.501))
    assert rows(result) == [("appear", "AA", 1.0)]
    assert result.crossings[0].cut
    assert [(event.kind, event.crossed) for event in told(result)] == [("appeared", False)]


def test_a_stray_report_leaves_the_track_as_it_was() -> None:
    """One report that nothing can have flown to is recorded, cut, and changes no story."""
    stray = seen(14, 27.9)
    plain = judge(OUT, IN, seen(20, 27.02), seen(30, 26.99))
    result = judge(OUT, IN, stray, seen(20, 27.02), seen(30, 26.99))
    assert [row for row in rows(result) if row[2] != 14.0] == rows(plain)
    assert [
        (crossing.kind, crossing.cut) for crossing in result.crossings if seconds(crossing) == 14.0
    ] == [("appear", True)]
    assert events(result) == events(plain)


def test_a_jump_out_of_a_zone_is_no_exit() -> None:
    """An object whose track jumps away stays lost: it was not seen to leave."""
    result = judge(OUT, IN, seen(11, 26.5), seen(21, 26.49), beat(HOUR_S))
    assert rows(result) == [("enter", "AA", 5.0), ("vanish", "AA", 10.0)]
    assert [crossing.cut for crossing in result.crossings] == [False, True]
    assert events(result) == [("entered", 5.0), ("lost", 10.0)]


def test_a_jump_inside_cuts_the_track() -> None:
    """A jump within a zone vanishes and appears, cut, and the story goes on."""
    result = judge(OUT, IN, seen(11, 27.5), seen(12, 27.501))
    assert rows(result)[1:] == [("vanish", "AA", 10.0), ("appear", "AA", 11.0)]
    assert [crossing.cut for crossing in result.crossings] == [False, True, True]
    assert events(result)[1:] == [("lost", 10.0), ("reacquired", 12.0)]


def test_what_flies_fast_is_no_jump() -> None:
    """A ballistic missile at 7 km/s crosses a border like anything else."""
    track = [seen(0, 26.95, category="missile"), seen(1, 27.05, category="missile")]
    assert [crossing.kind for crossing in judge(*track).crossings] == ["enter"]


def test_repeated_reports_change_nothing() -> None:
    """Reports that come again are counted as late, and what follows is as if they had not."""
    track = [OUT, IN, seen(20, 27.02)]
    by = tracker()
    judge(*track, by=by)
    again = judge(*track, by=by)
    assert (again.crossings, again.events, again.late, again.reports) == ([], [], 3, 3)
    assert rows(judge(seen(30, 26.98), by=by)) == [("exit", "AA", 25.0)]


def test_a_report_from_between_two_is_late() -> None:
    """A report older than the track's last one moves nothing."""
    result = judge(OUT, IN, seen(5, 26.5), seen(20, 27.02))
    assert rows(result) == [("enter", "AA", 5.0)]
    assert result.late == 1


def test_a_report_after_its_track_was_lost_is_late() -> None:
    """What was decided with time stays: a report from before the loss does not undo it."""
    result = judge(OUT, IN, beat(200), seen(60, 27.02))
    assert events(result) == [("entered", 5.0), ("lost", 70.0)]
    assert result.late == 1


def test_an_unknown_track_far_behind_is_late() -> None:
    """A first report a minute or more behind its source's clock makes no track."""
    result = judge(beat(100), seen(40, 27.5), seen(41, 27.5, track_id="T2"))
    assert [(crossing.track_id, crossing.kind) for crossing in result.crossings] == [
        ("T2", "appear")
    ]
    assert result.late == 1


def test_the_last_frame_loses_what_is_inside() -> None:
    """The end of a source loses a track as a minute of silence would, and leaves its story open."""
    by = tracker()
    result = judge(OUT, IN, beat(12, last=True), by=by)
    assert rows(result)[1:] == [("vanish", "AA", 10.0)]
    assert events(result)[1:] == [("lost", 70.0)]
    assert not by.export_state()


def test_the_last_frame_clears_what_has_left() -> None:
    """The end of a source lets the all-clear of what has left come at its own time."""
    result = judge(OUT, IN, seen(20, 26.99), beat(21, last=True))
    assert events(result) == [("entered", 5.0), ("exited", 15.0), ("cleared", 620.0)]


def test_heartbeats_run_timers_out() -> None:
    """Timers run out as of their own deadline, however late the heartbeat that shows it."""
    left = judge(OUT, IN, seen(20, 26.99), beat(1000))
    lost = judge(OUT, IN, beat(10 * HOUR_S))
    assert events(left)[2:] == [("cleared", 620.0)]
    assert events(lost)[1:] == [("lost", 70.0), ("expired", 70.0 + 6 * HOUR_S)]


def test_nothing_is_remembered_for_ever() -> None:
    """A track of which nothing more can follow is forgotten, and its timers with it."""
    by = tracker()
    judge(OUT, IN, seen(20, 26.99), beat(1801), by=by)
    (source,) = by.export_state().values()
    assert "T1" in source.tracks
    judge(beat(1821), by=by)
    assert (source.tracks, source.timers) == ({}, [])


def test_a_run_after_its_end_is_told_again() -> None:
    """Frames of a run that has ended begin it anew: the same facts with the same identifiers."""
    by = tracker()
    whole: list[Report | Frame] = [OUT, IN, beat(12, last=True)]
    first, second = judge(*whole, by=by), judge(*whole, by=by)
    assert first.crossings == second.crossings
    assert first.events == second.events
    assert [kind for kind, _ in events(first)] == ["entered", "lost"]


def test_runs_do_not_meet() -> None:
    """The same track in another run is another track, with identifiers of its own."""
    by = tracker()
    first = judge(packed(OUT, IN, run="one"), by=by)
    second = judge(packed(OUT, IN, run="two"), by=by)
    assert rows(first) == rows(second)
    assert first.crossings[0].crossing_id != second.crossings[0].crossing_id
    assert told(first)[0].event_id != told(second)[0].event_id


def test_a_reused_track_identifier_opens_another_story() -> None:
    """When a radar gives a number again, the second story has its own count and identifiers."""
    later = [seen(2000, 26.99), seen(2010, 27.01)]
    result = judge(OUT, IN, seen(20, 26.99), *later)
    assert [(e.kind, e.opened, e.number) for e in told(result)] == [
        ("entered", IN.time, 1),
        ("exited", IN.time, 2),
        ("cleared", IN.time, 3),
        ("entered", later[1].time, 1),
    ]
    assert len({event.event_id for event in told(result)}) == 4
    assert len({crossing.crossing_id for crossing in result.crossings}) == 3


def test_a_stray_report_with_which_a_track_ends_is_recorded() -> None:
    """Where nothing follows to decide, the report that nothing can have flown to is kept."""
    result = judge(OUT, IN, seen(14, 27.9), beat(HOUR_S))
    assert rows(result)[1:] == [("appear", "AA", 14.0), ("vanish", "AA", 10.0)]
    assert [crossing.cut for crossing in result.crossings] == [False, True, False]
    at_the_end = judge(OUT, IN, seen(14, 27.9), beat(20, last=True))
    assert rows(at_the_end) == rows(result)


def test_the_first_report_may_be_the_stray() -> None:
    """Where two reports go on from the second place, the track is cut at the first."""
    result = judge(seen(0, 27.9), seen(1, 26.98), seen(11, 26.99), seen(21, 27.01))
    assert rows(result) == [
        *(("appear", "AA", 0.0), ("vanish", "AA", 0.0), ("enter", "AA", 16.0)),
    ]
    assert [crossing.cut for crossing in result.crossings] == [False, True, False]


@pytest.mark.parametrize(
    ("category", "seconds", "cut"),
    [("unknown", 8, True), ("unknown", 10, False), ("uav", 22, True), ("uav", 28, False)],
)
def test_what_is_too_fast_depends_on_what_it_is(category: str, seconds: int, cut: bool) -> None:
    """31 km in so many seconds: an unknown object may be a missile, a drone is slower."""
    track = [seen(0, 26.75, category=category), seen(seconds, 27.25, category=category)]
    result = judge(*track, seen(seconds + 1, 27.2501, category=category))
    assert [(crossing.kind, crossing.cut) for crossing in result.crossings] == [
        ("appear", True) if cut else ("enter", False)
    ]


def test_plots_that_scatter_are_no_jump() -> None:
    """Two plots a moment apart may be a kilometre from one another."""
    result = judge(seen(0, 26.99), seen(0.1, 27.003), seen(0.2, 26.99))
    assert [(crossing.kind, crossing.cut) for crossing in result.crossings] == [
        *(("enter", False), ("exit", False)),
    ]


CIVIL: dict[str, Any] = {"callsign": "ABC1", "mode_3a": "1234", "category": "aircraft"}
PERMIT = {
    "name": "survey flight",
    "reason": "flood survey",
    "from": "2024-09-07T00:00:00Z",
    "expires": "2024-09-07T04:00:00Z",  # two minutes after T0
    "icao_addresses": ["4A08F3"],
}


def permitted() -> Policy:
    return Policy(PolicyFile.model_validate({"version": "v", "permit": [PERMIT]}))


def test_suppressed_crossings_are_facts_with_the_rule_s_name() -> None:
    """What the policy keeps back crosses all the same, and the record says which rule it was."""
    civil = judge(seen(0, 26.99, **CIVIL), seen(10, 27.01, **CIVIL), beat(HOUR_S))
    by_permit = judge(
        *(seen(10 * n, 26.99 + n / 50, icao_address="4A08F3") for n in range(2)),
        by=tracker(policy=permitted()),
    )
    assert rows(civil) == [("enter", "AA", 5.0), ("vanish", "AA", 10.0)]
    assert [crossing.suppressed_by for crossing in civil.crossings] == ["civil", "civil"]
    assert [crossing.suppressed_by for crossing in by_permit.crossings] == ["survey flight"]
    assert told(civil) == told(by_permit) == []


def test_unsuppressed_crossings_name_no_rule() -> None:
    """What nothing suppresses has no rule in its record."""
    assert [crossing.suppressed_by for crossing in judge(OUT, IN).crossings] == [None]


@pytest.mark.parametrize("code", ["7500", "7600", "7700"])
def test_an_emergency_code_always_alerts(code: str) -> None:
    """An identified civil flight that sends an emergency code is a violation like any other."""
    distress: dict[str, Any] = CIVIL | {"mode_3a": code, "icao_address": "4A08F3"}
    result = judge(
        seen(0, 26.99, **distress), seen(10, 27.01, **distress), by=tracker(policy=permitted())
    )
    assert [crossing.suppressed_by for crossing in result.crossings] == [None]
    assert [event.kind for event in told(result)] == ["entered"]


def test_a_permit_that_expires_inside() -> None:
    """A flight that is still inside when its permit ends has entered where it did."""
    track = [seen(30 * n, 26.99 + n / 100, icao_address="4A08F3") for n in range(6)]
    result = judge(*track, by=tracker(policy=permitted()))
    assert [(crossing.kind, crossing.suppressed_by) for crossing in result.crossings] == [
        ("enter", "survey flight")
    ]
    (entered,) = [event for event in told(result) if event.kind == "entered"]
    assert (entered.last_seen - T0).total_seconds() == 120
    assert (entered.lon, (entered.time - T0).total_seconds()) == (27.0, 30.0)


def test_sources_do_not_meet() -> None:
    """A track number of one radar is another track at the next."""
    outside, inside = judge(OUT), judge(seen(10, 27.01, source="other"))
    by = tracker()
    result = judge(OUT, seen(10, 27.01, source="other"), by=by)
    assert rows(result) == rows(outside) + rows(inside) == [("appear", "AA", 10.0)]


def test_a_silent_source_freezes_its_tracks() -> None:
    """While a radar says nothing at all, its tracks are not lost, whatever others' clocks say."""
    by = tracker()
    others = [seen(60 * n, 25.0, source="other") for n in range(1, 600)]
    result = judge(OUT, IN, *others, by=by)
    assert events(result) == [("entered", 5.0)]
    assert [row for row in rows(result) if row[1] == "AA"] == [("enter", "AA", 5.0)]
    late = judge(beat(36_000), by=by)
    assert events(late) == [("lost", 70.0), ("expired", 70.0 + 6 * HOUR_S)]


def lenient(seconds: float) -> Tracker:
    """Return a tracker whose radar may be late by so much."""
    sources = {"radar": SourceRules(lateness_ms=round(1000 * seconds))}
    return tracker(policy=Policy(PolicyFile(version="v", sources=sources)))


def test_a_late_report_within_the_bound_is_in_time() -> None:
    """A report that comes after a later one, by less than its source may be late, is used."""
    track: list[Report | Frame] = [OUT, seen(20, 27.03), seen(10, 27.01), beat(30)]
    result = judge(*track, by=lenient(10))
    assert rows(result) == rows(judge(OUT, IN, seen(20, 27.03))) == [("enter", "AA", 5.0)]
    assert (result.late, judge(*track).late) == (0, 1)


def test_a_late_report_beyond_the_bound_is_late() -> None:
    """Once what comes after it is decided, a report moves nothing."""
    result = judge(OUT, seen(20, 26.98), beat(30), IN, beat(60), by=lenient(10))
    assert (result.late, rows(result)) == (1, [])


def test_a_source_that_may_be_late_is_judged_that_much_later() -> None:
    """What is not yet final is not told; a heartbeat or the source's end brings it."""
    by = lenient(10)
    assert rows(judge(OUT, IN, beat(19.999), by=by)) == []
    assert rows(judge(beat(20), by=by)) == [("enter", "AA", 5.0)]
    other = lenient(10)
    judge(OUT, IN, by=other)
    assert events(judge(beat(11, last=True), by=other)) == [("entered", 5.0), ("lost", 70.0)]


def test_a_bound_changes_no_fact() -> None:
    """Reports that come in order mean the same, whatever their source's bound is."""
    track: list[Report | Frame] = [
        OUT,
        IN,
        seen(30, 27.02),
        beat(200),
        seen(210, 26.99),
        beat(HOUR_S),
    ]
    plain, late = judge(*track), judge(*track, beat(HOUR_S + 10), by=lenient(10))
    assert late.crossings == plain.crossings
    assert told(late) == told(plain)


def test_timers_wait_for_the_late() -> None:
    """A track is lost only when no report of it can come in time any more."""
    by = lenient(10)
    assert events(judge(OUT, IN, beat(80), by=by)) == [("entered", 5.0)]
    assert events(judge(seen(70, 27.02), beat(90), by=by)) == []


def clocks(result: FrameResult) -> list[tuple[float, bool]]:
    announced = [event for event in result.events if isinstance(event, SourceWatermark)]
    assert {clock.key for clock in announced} <= {"radar"}
    return [((clock.time - T0).total_seconds(), clock.last) for clock in announced]


def test_a_source_s_clock_strikes_in_whole_steps() -> None:
    """From its first frame on a source says how far it has come, every 5 s, and its end."""
    announced = clocks(judge(*(seen(second, 25.0) for second in (0, 5, 10, 10.001)), beat(47)))
    assert announced == [
        (-5.0, False),
        (0.0, False),
        (5.0, False),
        (10.0, False),
        (45.0, False),
    ]
    assert clocks(judge(seen(0, 25.0), beat(3, last=True)))[-1] == (3.0, True)


def test_the_clock_strikes_between_the_same_events_in_any_frames() -> None:
    """Each event comes after the last whole step before it and before the next one."""
    track = [OUT, IN, *(seen(30 + 10 * n, 26.98 + n / 50, track_id="T2") for n in range(3))]
    for frames in ([packed(report) for report in track], [packed(*track)]):
        struck, lost = T0, 0
        for event in judge(*frames, beat(7 * HOUR_S)).events:
            if isinstance(event, SourceWatermark):
                struck = event.time
            else:
                assert isinstance(event, TrackEvent)
                known = max(event.time, event.last_seen)
                assert 0 < (known - struck).total_seconds() <= 10
                lost += event.kind in ("lost", "expired")
        assert lost == 4  # by timers that ran out long before the heartbeat


def test_a_shard_is_a_source_of_its_own() -> None:
    """Clock and tracks of a shard are its own; facts name the source without the shard."""
    by = tracker()
    frames = [frame_of([report], key=f"radar/{n}", run="run") for n, report in enumerate([OUT, IN])]
    result = judge(*frames, by=by)
    assert [(crossing.kind, crossing.source) for crossing in result.crossings] == [
        ("appear", "radar")
    ]
    keys = {event.key for event in result.events if isinstance(event, SourceWatermark)}
    assert keys == {"radar/0", "radar/1"}
    assert {key for _, key in by.export_state()} == keys


def test_quiet_rows_are_remembered() -> None:
    """A checkpoint holds the last sight of every track, also of those that no row was judged of."""
    by, observations = tracker(), []
    for second in (0, 10, 20):
        many = [seen(second, 20.0 + n / 10 + second / 1e4, track_id=f"T{n}") for n in range(40)]
        result = by.process(packed(*many))
        observations = [(report.track_id, T0_MS + 1000 * second, report.lon) for report in many]
    assert result.judged < 40
    (source,) = by.export_state().values()
    last = [
        (name, track.observation.time_ms, track.observation.lon)
        for name, track in source.tracks.items()
    ]
    assert last == observations
