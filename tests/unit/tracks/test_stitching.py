"""Stitching: a source's numbers that change, and the one object behind them."""

from collections.abc import Iterable, Sequence
from random import Random

import pytest
from builders import T0, airspace, beat, flight, on_from, packed, seen, tell, tracker, zone

from skyfence.contracts.report import Report
from skyfence.contracts.track_event import SourceWatermark, TrackEvent
from skyfence.frames.frame import Frame
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot
from skyfence.tracks.tracker import Tracker

EAST, WEST, NORTH = 90.0, 270.0, 0.0
WORLD = airspace(
    zone("AA", (27.0, 55.5, 28.0, 57.0)),
    zone("XX", (26.0, 55.5, 27.0, 57.0), nato=False),
    zone("AA-1", (27.0, 55.5, 28.0, 57.0), kind="region", country="AA"),
)
HOUR_S = 3600
# Enters after a minute or so, and is 12 km inside at the end.
INTRUDER = flight(0, 26.95, EAST, reports=75, track_id="X0")


def renumbered(
    reports: Sequence[Report], every: int, *, ended: bool = False, name: str = "X"
) -> list[Report]:
    """Return a flight's reports under a new number after every so many of them."""
    numbered = []
    for index, report in enumerate(reports):
        last = index % every == every - 1 and index < len(reports) - 1
        phase = "ended" if ended and last else report.phase
        changes = {"track_id": f"{name}{index // every}", "phase": phase}
        numbered.append(report.model_copy(update=changes))
    return numbered


def plain(events: Iterable[TrackEvent]) -> list[bytes]:
    """Return events without the number under which their track is shown."""
    return [event.model_copy(update={"shown_as": None}).to_json() for event in events]


def names(events: Iterable[TrackEvent]) -> set[str]:
    return {event.track_id for event in events}


def in_order(*flights: Sequence[Report]) -> list[Report]:
    return sorted((r for reports in flights for r in reports), key=lambda r: (r.time, r.track_id))


@pytest.mark.parametrize("every", [2, 5, 15])
def test_a_number_that_changes_is_told_as_one(every: int) -> None:
    """The events are those of one number, and name the one under which the track is shown."""
    events = tell(tracker(WORLD), *renumbered(INTRUDER, every), beat(HOUR_S))
    assert plain(events) == plain(tell(tracker(WORLD), *INTRUDER, beat(HOUR_S)))
    assert [event.shown_as for event in events][-1] == f"X{74 // every}"


@pytest.mark.parametrize("every", [2, 5, 15])
def test_a_number_that_ended_goes_on_under_another(every: int) -> None:
    """An end by the source's word is no loss where a new number begins in the next scan."""
    events = tell(tracker(WORLD), *renumbered(INTRUDER, every, ended=True), beat(HOUR_S))
    assert plain(events) == plain(tell(tracker(WORLD), *INTRUDER, beat(HOUR_S)))


@pytest.mark.parametrize("new_first", [True, False])
def test_an_end_and_a_beginning_may_be_of_one_instant(new_first: bool) -> None:
    """Where the new number is reported with the old one's end, whichever comes first."""
    reports, ends = list[Report](), {15, 30, 45, 60}
    for index, report in enumerate(INTRUDER):
        number = sum(end <= index for end in ends)
        new = report.model_copy(update={"track_id": f"X{number}"})
        old = report.model_copy(update={"track_id": f"X{number - 1}", "phase": "ended"})
        reports += ([new, old] if new_first else [old, new]) if index in ends else [new]
    events = tell(tracker(WORLD), *reports, beat(HOUR_S))
    assert names(events) == {"X0"}
    assert [event.kind for event in events].count("lost") == 1


def test_a_scan_that_is_missed_at_the_change_is_no_loss() -> None:
    """The new number may begin a scan late, also after an end by the source's word."""
    for ended in (True, False):
        reports = renumbered(INTRUDER, 15, ended=ended)
        missed = [report for index, report in enumerate(reports) if index % 15 or not index]
        events = tell(tracker(WORLD), *missed, beat(HOUR_S))
        assert names(events) == {"X0"}
        assert [event.kind for event in events].count("lost") == 1


def test_what_was_told_as_lost_is_found_under_a_new_number() -> None:
    """Some scans after its end the track goes on, and its story says that it is seen again."""
    ended = [*INTRUDER[:39], INTRUDER[39].model_copy(update={"phase": "ended"})]
    later = [report.model_copy(update={"track_id": "Y"}) for report in INTRUDER[46:]]
    events = tell(tracker(WORLD), *ended, *later)
    kinds = [event.kind for event in events if event.kind in ("lost", "reacquired")]
    assert (kinds, names(events)) == (["lost", "reacquired"], {"X0"})


def test_an_end_that_nothing_follows_is_a_loss_soon() -> None:
    """Where no number begins the track is lost when it has missed two scans."""
    ended = [*INTRUDER[:39], INTRUDER[39].model_copy(update={"phase": "ended"})]
    (lost,) = [event for event in tell(tracker(WORLD), *ended, beat(600)) if event.kind == "lost"]
    assert (lost.time - ended[-1].time).total_seconds() == 10.0


def test_paths_that_cross_keep_their_tracks() -> None:
    """Two that change numbers where they meet go on by their motion, not by who is nearest."""
    east = flight(0, 27.1, EAST, reports=60, track_id="E0")
    north = flight(0, 27.1 + 0.0968, NORTH, reports=60, lat=56.25 - 0.054, track_id="N0")
    cut = 30
    new = [report.model_copy(update={"track_id": "Q"}) for report in north[cut:]]
    other = [report.model_copy(update={"track_id": "P"}) for report in east[cut:]]
    by = tracker(WORLD)
    tell(by, *in_order(east[:cut], north[:cut], new, other))
    (source,) = by.export_state().values()
    assert {track.track_id: number for number, track in source.tracks.items()} == {
        "E0": "P",
        "N0": "Q",
    }


def swarm(count: int, spacing_deg: float = 0.004) -> list[list[Report]]:
    """Return drones abreast, 450 m apart."""
    return [
        flight(0, 26.97, EAST, reports=75, lat=56.2 + spacing_deg * n, track_id=f"D{n}")
        for n in range(count)
    ]


@pytest.mark.parametrize("ended", [True, False])
def test_a_swarm_that_changes_all_its_numbers_stays_as_many(ended: bool) -> None:
    """Twelve drones abreast whose numbers change in one scan are twelve tracks."""
    flights = [renumbered(f, 15, ended=ended, name=f"D{n}-") for n, f in enumerate(swarm(12))]
    events = tell(tracker(WORLD), *in_order(*flights))
    assert names(events) == {f"D{n}-0" for n in range(12)}


def test_a_number_that_changes_in_a_crowd_is_told_as_one() -> None:
    """Of more tracks than are compared, the one that it goes on from is among the nearest."""
    by, scans = tracker(WORLD), 12
    flown = renumbered(INTRUDER[:scans], 4)
    for scan, report in enumerate(flown):
        crowd = [
            seen(5 * scan, 26.8 + n % 15 / 100, 56.2 + n // 15 / 100, track_id=f"C{n}")
            for n in range(150)
        ]
        tell(by, packed(*crowd, report))
    tell(by, beat(5 * scans + 20))
    (source,) = by.export_state().values()
    shown = [number for number in source.tracks if number.startswith("X")]
    assert (shown, source.tracks["X2"].track_id) == (["X2"], "X0")


def test_two_that_are_shown_at_once_are_two() -> None:
    """A number that begins beside a track which is reported still is another object."""
    beside = [r.model_copy(update={"track_id": "Y", "lat": r.lat + 0.003}) for r in INTRUDER[40:]]
    events = tell(tracker(WORLD), *in_order(INTRUDER, beside))
    assert names(events) == {"X0", "Y"}


def test_a_number_that_comes_back_takes_its_track_back() -> None:
    """What missed two scans beside a number that began is shown again: two tracks, and no loss."""
    gap = [r for index, r in enumerate(INTRUDER) if index not in (40, 41, 42)]
    beside = [r.model_copy(update={"track_id": "Y", "lat": r.lat + 0.002}) for r in INTRUDER[40:]]
    by = tracker(WORLD)
    events = tell(by, *in_order(gap, beside))
    (source,) = by.export_state().values()
    assert {track.track_id: number for number, track in source.tracks.items()} == {
        "X0": "X0",
        "Y": "Y",
    }
    assert "lost" not in {event.kind for event in events}


@pytest.mark.parametrize(
    "changes",
    [
        {"lat": 56.29},  # 4 km aside
        {"course_deg": WEST},
        {"category": "aircraft"},
        {"icao_address": "4A08F3"},
    ],
)
def test_what_cannot_be_the_track_is_another(changes: dict[str, object]) -> None:
    """A number that begins elsewhere, flies otherwise or is identified otherwise begins a track."""
    known = [r.model_copy(update={"category": "uav", "icao_address": "4A08F2"}) for r in INTRUDER]
    if "lat" in changes or "course_deg" in changes:
        known = INTRUDER
    other = [r.model_copy(update={"track_id": "Y"} | changes) for r in known[40:]]
    by = tracker(WORLD)
    tell(by, *known[:40], *other)
    (source,) = by.export_state().values()
    assert {track.track_id for track in source.tracks.values()} == {"X0", "Y"}


def test_a_single_plot_goes_on_as_nothing() -> None:
    """Plots that follow one another, each with a number of its own, are told to nobody."""
    plots = [r.model_copy(update={"track_id": f"P{n}"}) for n, r in enumerate(INTRUDER)]
    assert tell(tracker(WORLD), *plots, beat(HOUR_S)) == []


def test_a_slow_radar_s_numbers_change_too() -> None:
    """How long is waited for follows from the track's own scan."""
    slow = flight(0, 26.8, EAST, reports=12, every_s=75.0, track_id="X0")
    events = tell(tracker(WORLD), *renumbered(slow, 4), beat(HOUR_S))
    assert plain(events) == plain(tell(tracker(WORLD), *slow, beat(HOUR_S)))


def test_numbers_are_forgotten_with_their_track() -> None:
    """When nothing is waited for any more, nothing is left of a track's numbers."""
    outside = flight(0, 26.2, WEST, reports=40)
    by = tracker(WORLD)
    tell(by, *renumbered(outside, 10), beat(2 * HOUR_S), *[seen(2 * HOUR_S + 4, 27.5)])
    (source,) = by.export_state().values()
    assert (list(source.tracks), source.renamed, len(source.births)) == (["T1"], {}, 0)


def test_a_number_given_again_names_another_track() -> None:
    """While a track flies on under another number, its first one may be given to another object."""
    flown = renumbered(INTRUDER, 60)
    again = [
        seen(290 + 4 * n, 27.8 + n / 300, 56.6, track_id="X0", ground_speed_mps=50.0)
        for n in range(4)
    ]
    events = tell(tracker(WORLD), *in_order(flown, again))
    assert names(events) == {"X0", "X0~2"}
    assert {event.shown_as for event in events if event.track_id == "X0~2"} == {"X0"}


def jittered(seed: int) -> list[Report]:
    """While a track flies on under another number, its first one may be given to another."""
    draw, reports = Random(seed), list[Report]()
    flights = [*swarm(6, 0.006)]
    flights += [
        flight(0, 26.3 + n / 100, 300.0 + n, reports=75, lat=56.9, track_id=f"B{n}")
        for n in range(10)
    ]
    for index, drone in enumerate(flights):
        every = draw.randint(9, 30)
        ended = draw.random() < 0.5
        numbered = renumbered(drone, every, ended=ended, name=f"F{index}-")
        reports += [report for report in numbered if draw.random() < 0.9]
    return in_order(reports)


def said(frames: Iterable[Frame], by: Tracker, restart: bool = False) -> list[bytes]:
    """Return what a tracker says of tracks in frames; with ``restart`` begun anew before each."""
    told = []
    for frame in frames:
        if restart:
            state, by = take_snapshot(by), tracker(WORLD)
            restore_snapshot(by, state)
            assert take_snapshot(by) == state
        result = by.process(frame)
        facts = [*result.crossings, *result.events]
        told += [fact.to_json() for fact in facts if not isinstance(fact, SourceWatermark)]
    return sorted(told)


@pytest.mark.parametrize("seed", [1, 2])
def test_framing_and_filter_change_nothing(seed: int) -> None:
    """One report a frame, 500 a frame, and every row judged in full: the same is said."""
    reports = jittered(seed)
    whole = [packed(*reports[n : n + 500]) for n in range(0, len(reports), 500)]
    end = beat(HOUR_S, last=True)
    expected = said([*whole, end], tracker(WORLD))
    assert said([*map(packed, reports), end], tracker(WORLD)) == expected
    assert said([*whole, end], tracker(WORLD, sift=False)) == expected
    small = [packed(*reports[n : n + 40]) for n in range(0, len(reports), 40)]
    assert said([*small, end], tracker(WORLD)) == expected
    assert len(expected) > 100


def test_a_restart_while_numbers_are_held_back_changes_nothing() -> None:
    """From a checkpoint before any frame the same is said."""
    reports = jittered(4)
    frames = [packed(*reports[n : n + 60]) for n in range(0, len(reports), 60)]
    frames.append(beat(HOUR_S, last=True))
    assert said(frames, tracker(WORLD), restart=True) == said(frames, tracker(WORLD))


def test_the_clock_of_a_source_waits_for_what_is_held_back() -> None:
    """A source is not said to be further than before the first report that is held back."""
    out = flight(0, 26.9, EAST, reports=10, every_s=60.0, speed_mps=10.0)
    held = on_from(out, EAST, 1, every_s=62.0, speed_mps=10.0, track_id="Y")
    by = tracker(WORLD)
    results = [by.process(packed(report)) for report in [*out, *held]]
    results.append(by.process(beat(60.0 * 9 + 80)))
    clocks = [event for r in results for event in r.events if event.kind == "clock"]
    assert max((clock.time - T0).total_seconds() for clock in clocks) < 60.0 * 9 + 62
