"""The score: traffic with a known truth, the naive detector, and measures that can fail."""

import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import shapely
from builders import T0_MS, packed, seen
from pyproj import Geod, Proj

from skyfence.cli.main import main
from skyfence.contracts.alert import Alert
from skyfence.score.feed import frames_of
from skyfence.score.figures import figures_of_both, score_of
from skyfence.score.flight import Flight, truth_of
from skyfence.score.measure import Measured, measure_engine, measure_naive, spells
from skyfence.score.naive import Naive, NaiveSighting
from skyfence.score.noise import Noise, errors
from skyfence.score.plan import LONG_HOURS, batches
from skyfence.score.traffic import SIGMAS_M, START_MS, Batch, Track, TrafficKind, tracks_of
from skyfence.score.trial import Bench, Result, Statement, engine_statements, headed_in
from skyfence.score.world import BORDER, World, to_degrees
from skyfence.times import from_ms

SEED = 5
TRACKS = 8
SIGMA_M = 150.0
MINUTE = 60


@pytest.fixture(scope="module")
def world() -> World:
    return World(TRACKS)


def batch(
    kind: TrafficKind = TrafficKind.CROSSER, sigma_m: float = SIGMA_M, noise: Noise = Noise.WHITE
) -> Batch:
    return Batch(kind, sigma_m, noise, 0)


def made(
    world: World, kind: TrafficKind, sigma_m: float = SIGMA_M, seed: int = SEED
) -> list[Track]:
    return tracks_of(world, seed, batch(kind, sigma_m))


def depths(world: World, track: Track) -> np.ndarray:
    """Return the true depth each tenth of a second."""
    seconds = np.arange(track.path.seconds[0], track.path.seconds[-1], 0.1)
    return world.depth_m(track.path.at(seconds))


# The world and the truth


def test_the_distance_to_the_border_is_the_geodesic_one(world: World) -> None:
    """Up to 6 km from the border, depths agree within 5 cm with a projection about each point."""
    rng = np.random.default_rng(SEED)
    at = rng.uniform(0.0, 1.0, 60)
    line = shapely.LineString(BORDER)
    points = shapely.get_coordinates(shapely.line_interpolate_point(line, at, normalized=True))
    points += rng.uniform(-4_000.0, 4_000.0, points.shape)
    ring = to_degrees(shapely.get_coordinates(shapely.segmentize(world.member.exterior, 100.0)))
    for (lon, lat), depth in zip(to_degrees(points), world.depth_m(points), strict=True):
        local = Proj(proj="aeqd", lon_0=lon, lat_0=lat, ellps="WGS84")
        border = shapely.LineString(np.stack(local(*ring.T), axis=1))
        assert abs(depth) == pytest.approx(border.distance(shapely.Point(0.0, 0.0)), abs=0.05)


def test_inside_is_what_the_zones_say(world: World) -> None:
    """Depth is positive exactly where a copy's zone holds the point."""
    rng = np.random.default_rng(SEED)
    points = rng.uniform((-160_000.0, -30_000.0), (160_000.0, 30_000.0), (2_000, 2))
    copy = 3
    zone = next(zone for zone in world.zones.zones if zone.id == f"AA{copy:02d}")
    lons, lats = (to_degrees(points) + np.array([world.middle(copy), 0.0])).T
    assert np.array_equal(shapely.contains_xy(zone.area, lons, lats), world.depth_m(points) > 0.0)


def test_copies_lie_apart(world: World) -> None:
    """No track of one copy comes near another copy's member, so that each is judged alone."""
    reach_m = max(
        float(np.abs(track.path.points[:, 0]).max())
        for kind in TrafficKind
        for track in made(world, kind, 500.0)
    )
    lon_m = Geod(ellps="WGS84").inv(world.middle(0), 57.3, world.middle(1), 57.3)[2]
    assert reach_m - BORDER[0, 0] + 20_000.0 < lon_m


@pytest.mark.parametrize("kind", [TrafficKind.CROSSER, TrafficKind.CLIPPER])
def test_crossings_are_exact(world: World, kind: TrafficKind) -> None:
    """At the second of an entry or exit the path is on the border, and changes sides there."""
    for track in made(world, kind):
        for at, sign in [(entry_s, 1) for entry_s in track.truth.entries_s] + [
            (exit_s, -1) for exit_s in track.truth.exits_s
        ]:
            before, on, after = world.depth_m(track.path.at(np.array([at - 1e-3, at, at + 1e-3])))
            assert abs(on) < 1e-3
            assert before * sign < 0.0 < after * sign


def test_the_nearest_point_of_a_path_may_be_between_its_vertices(world: World) -> None:
    """A leg past the salient's tip is as near as the tip, though both of its ends are far."""
    past = Flight(np.array([[-90e3, -20_400.0], [10e3, -20_400.0]]), np.array([0.0, 1_000.0]))
    assert truth_of(world, past).closest_m == pytest.approx(400.0, abs=1.0)


# Traffic


@pytest.mark.parametrize("kind", TrafficKind)
def test_a_seed_makes_the_same_tracks(world: World, kind: TrafficKind) -> None:
    """The same seed gives the same reports to the last bit, another seed others."""
    first, same = (made(world, kind) for _ in range(2))
    assert all(
        np.array_equal(first_track.sent.points, same_track.sent.points)
        for first_track, same_track in zip(first, same, strict=True)
    )
    second = made(world, kind, seed=SEED + 1)
    assert not np.array_equal(first[0].sent.points, second[0].sent.points)


def test_a_track_does_not_depend_on_how_many_there_are(world: World) -> None:
    """A smaller world has the first of the larger one's tracks."""
    few = made(World(2), TrafficKind.CLIPPER)
    for track, same in zip(few, made(world, TrafficKind.CLIPPER), strict=False):
        assert np.array_equal(track.sent.points, same.sent.points)


@pytest.mark.parametrize("kind", [TrafficKind.ALONG, TrafficKind.ALONG_GAPS])
def test_along_the_border(world: World, kind: TrafficKind) -> None:
    """Flights along the border come as close as 250 m to 5 km, and are seen for an hour."""
    for track in made(world, kind):
        assert track.truth.stays_outside
        assert 240.0 < track.truth.closest_m < 5_010.0
        assert depths(world, track).max() == pytest.approx(-track.truth.closest_m, abs=1.0)
        assert np.ptp(track.path.seconds) == pytest.approx(3_600.0)


@pytest.mark.parametrize("sigma_m", SIGMAS_M)
def test_turn_backs_stay_outside(world: World, sigma_m: float) -> None:
    """They fly at the border and turn three to six sigma before it, by the true path."""
    for track in made(world, TrafficKind.TURN_BACK, sigma_m):
        deepest = depths(world, track).max()
        assert track.truth.stays_outside
        assert -6.1 * sigma_m < deepest <= -3.0 * sigma_m
        turns_s, ends_s = track.path.seconds[[1, -1]]
        assert headed_in(world, track, START_MS + round(1_000 * turns_s))
        assert not headed_in(world, track, START_MS + round(1_000 * ends_s))


@pytest.mark.parametrize("sigma_m", SIGMAS_M)
def test_clippers_reach_their_depth(world: World, sigma_m: float) -> None:
    """They enter and leave once, 0.5 to 20 sigma deep, and some of them not three."""
    deepest = np.array(
        [depths(world, track).max() for track in made(world, TrafficKind.CLIPPER, sigma_m)]
    )
    assert np.all((deepest > 0.45 * sigma_m) & (deepest < 20.1 * sigma_m))
    assert np.ptp(deepest) > 8.0 * sigma_m


@pytest.mark.parametrize(
    "kind", [TrafficKind.CROSSER, TrafficKind.CROSSER_GAPS, TrafficKind.CROSSER_JUMP]
)
def test_crossers_come_from_afar_and_go_deep(world: World, kind: TrafficKind) -> None:
    """They enter once, ten minutes or more after they begin, and end over six sigma inside."""
    for track in made(world, kind):
        (entry,) = track.truth.entries_s
        assert entry - track.path.seconds[0] >= 600.0
        assert world.depth_m(track.path.points[-1:])[0] > 6.0 * SIGMA_M


def test_white_and_correlated_errors() -> None:
    """Both have the sigma in each direction; only correlated ones keep to e^-1 after 75 s."""
    seconds = np.arange(200_000) * 2.5
    for noise, kept in ((Noise.WHITE, 0.0), (Noise.CORRELATED, np.exp(-1.0))):
        noises = errors(noise, np.random.default_rng(SEED), seconds.astype(np.float64), 150.0)
        assert noises.std(axis=0) == pytest.approx([150.0, 150.0], rel=0.05)
        both_ways = (noises[:-30] * noises[30:]).mean(axis=0) / 150.0**2
        assert both_ways == pytest.approx([kept, kept], abs=0.05)


def test_half_report_speed_and_course(world: World) -> None:
    """Half of the tracks report speed and course, near the true ones; the others neither."""
    talking = 0
    for track in made(world, TrafficKind.CROSSER):
        silent = np.isnan(track.sent.speeds)
        assert np.array_equal(silent, np.isnan(track.sent.courses))
        assert silent.all() or not silent.any()
        if not silent.any():
            talking += 1
            east, north = track.path.velocity(track.path.seconds[:1])[0]
            assert track.sent.speeds.mean() == pytest.approx(np.hypot(east, north), rel=0.05)
    assert talking == TRACKS / 2


def test_what_befalls_reports(world: World) -> None:
    """Gaps last 20 s and more, one report jumps 100 km, late and repeated ones come out of turn."""
    gaps = [np.diff(track.sent.times_ms).max() for track in made(world, TrafficKind.ALONG_GAPS)]
    assert sorted(gaps)[TRACKS // 2] > 20_000
    for track in made(world, TrafficKind.CROSSER_JUMP):
        true = track.path.at((track.sent.times_ms - START_MS) / 1_000.0)
        off = np.hypot(*(track.sent.points - true).T)
        assert (off > 50_000.0).sum() == 1
    late = made(world, TrafficKind.LATE)
    waits = np.concatenate([track.sent.arrivals_ms - track.sent.times_ms for track in late])
    assert 0 < np.mean(waits > 20_000) < 0.05 < np.mean(waits > 0) < 0.15
    assert all(len(set(track.sent.times_ms.tolist())) < len(track.sent.times_ms) for track in late)
    assert all(np.all(np.diff(track.sent.arrivals_ms) >= 0) for track in late)


def test_the_long_run_is_long_enough() -> None:
    """Where three in four stay far enough, it has 3,000 hours along the border for each sigma."""
    for sigma_m in SIGMAS_M:
        along = [planned for planned in batches(LONG_HOURS, 39) if planned.sigma_m == sigma_m]
        hours = 39 * sum(
            planned.kind in (TrafficKind.ALONG, TrafficKind.ALONG_GAPS) for planned in along
        )
        assert 0.74 * hours > 2_700.0  # turn-backs and late ones add 350
        assert {planned.kind for planned in along} == set(TrafficKind)


# Frames


def test_frames_hold_every_report_in_order_of_arrival(world: World) -> None:
    """All reports come once, at most 500 in a frame, none later than its frame's scan."""
    tracks = made(world, TrafficKind.LATE)
    frames = list(frames_of(world, tracks, "run"))
    assert sum(map(len, frames)) == sum(len(track.sent.times_ms) for track in tracks)
    assert max(map(len, frames)) == 500
    assert all(frame.times_ms.max() <= frame.scan_time_ms for frame in frames if len(frame))
    scans = [frame.scan_time_ms for frame in frames]
    assert scans == sorted(scans)
    assert [frame.last for frame in frames] == [False] * (len(frames) - 1) + [True]
    assert {name for frame in frames for name in frame.track_ids} == {
        track.name for track in tracks
    }


def test_heartbeats_between_reports(world: World) -> None:
    """A source that sees nothing for a minute says so every ten seconds."""
    track = made(world, TrafficKind.CROSSER)[0]
    two = np.array([0, 1])
    sent = replace(
        track.sent.take(two),
        times_ms=START_MS + 60_000 * two,
        arrivals_ms=START_MS + 60_000 * two,
    )
    frames = list(frames_of(world, [replace(track, sent=sent)], "run"))
    assert [(len(frame), frame.scan_time_ms - START_MS) for frame in frames] == [
        (1, 0),
        *[(0, at) for at in range(10_000, 60_000, 10_000)],
        (1, 60_000),
        (0, 60_000),
    ]


# The naive detector


def naive_sees(*lons: float, times: Sequence[float] | None = None) -> list[NaiveSighting]:
    """Return what the naive detector sees of a track east and west of 27 degrees."""
    detector = Naive(shapely.box(27.0, 56.0, 28.0, 57.0))
    at = times or range(len(lons))
    return [
        sighting
        for when, lon in zip(at, lons, strict=True)
        for sighting in detector.take(packed(seen(when, lon)))
    ]


def naive_says(*lons: float, times: Sequence[float] | None = None) -> list[str]:
    return [sighting.change for sighting in naive_sees(*lons, times=times)]


def test_the_naive_detector_flaps_on_noise() -> None:
    """It says enter and exit whenever noise changes sides, and enter for a first sight inside."""
    assert naive_says(26.9, 27.1, 26.9, 27.1, 27.2) == ["enter", "exit", "enter"]
    assert naive_says(27.1) == ["enter"]


def test_the_naive_detector_goes_by_arrival() -> None:
    """A report of before that comes late makes it say exit, and the next one enter again."""
    assert naive_says(26.9, 27.1, 26.9, 27.2, times=[0, 10, 5, 20]) == ["enter", "exit", "enter"]


def test_a_late_report_tells_the_naive_detector_nothing_before_it_comes() -> None:
    """A sighting by a late report is known when the track's latest report had arrived."""
    (enter, leave) = naive_sees(26.9, 26.8, 27.1, 26.7, times=[0, 20, 10, 30])
    assert [sighting.time_ms - T0_MS for sighting in (enter, leave)] == [10_000, 30_000]
    assert [sighting.known_ms - T0_MS for sighting in (enter, leave)] == [20_000, 30_000]


# What was said


@dataclass(frozen=True)
class FakeAlert:
    """As much of an alert as is looked at."""

    incident_state: str
    last_seen: datetime
    certainty: str = "Observed"
    event: str = "airspace violation"


def test_each_change_is_counted_once(world: World) -> None:
    """Of several channels and updates the first counts, at its last report; situations do not."""

    def alert(state: str, second: int, **changes: Any) -> Alert:
        made = FakeAlert(state, from_ms(START_MS + 1_000 * second), **changes)
        return cast("Alert", made)

    statements = engine_statements(
        world,
        made(world, TrafficKind.CROSSER)[0],
        [
            *(alert("threat", 100, certainty="Likely") for _ in range(3)),
            alert("violation", 200, certainty="Possible"),
            alert("violation", 210),
            alert("violation", 260),
            alert("violation", 270, event="repeated airspace violations"),
            alert("lost", 300),
        ],
    )
    assert [
        (statement.state, (statement.at_ms - START_MS) / 1_000) for statement in statements
    ] == [
        ("threat", 100),
        ("possible", 200),
        ("violation", 210),
        ("lost", 300),
    ]


# Measures: an object that enters at 1,000 s and stays, unless said otherwise


def say(
    *states: tuple[str, float], depth_m: float = 0.0, seen_m: float = 0.0
) -> tuple[Statement, ...]:
    return tuple(
        Statement(state, START_MS + round(1_000 * at), depth_m, seen_m)  # type: ignore[arg-type]
        for state, at in states
    )


def result(
    *states: tuple[str, float],
    naive: tuple[Statement, ...] = (),
    entries: Sequence[float] = (1_000,),
    exits: Sequence[float] = (),
    closest_m: float = 0.0,
    deepest_m: float = 20 * SIGMA_M,
    depth_m: float = 0.0,
) -> Result:
    return Result(
        batch=batch(),
        reports=1_000,
        hours=0.5,
        entries_ms=tuple(START_MS + 1_000.0 * at for at in entries),
        exits_ms=tuple(START_MS + 1_000.0 * at for at in exits),
        closest_m=closest_m,
        deepest_m=deepest_m,
        engine=say(*states, depth_m=depth_m),
        naive=naive,
    )


def measured(*states: tuple[str, float], **changes: Any) -> Measured:
    return measure_engine(result(*states, **changes))


def test_a_crosser_told_well() -> None:
    """Warned 300 s ahead, possible after 5 s, confirmed after 12: no flap, nothing early."""
    crosser = measured(("threat", 700), ("possible", 1_005), ("violation", 1_012), ("lost", 1_500))
    assert crosser.entry is not None
    assert (crosser.entry.lead_s, crosser.entry.delay_s, crosser.entry.confirm_s) == (300, 5, 12)
    assert (crosser.violations, crosser.confirmed) == (1, 1)
    assert (crosser.flaps, crosser.early, crosser.threats) == (0, 0, 0)


def test_a_crosser_never_told_is_missed() -> None:
    """Without a violation, possible or confirmed, it is missed; with possible only unconfirmed."""
    missed, possible = result(("threat", 700)), result(("possible", 1_010))
    inside = figures_of_both([missed, possible])[0].inside
    assert (inside.entries, inside.missed, inside.missed_confirmed) == (2, 1, 2)


def test_what_was_called_off_before_is_no_help() -> None:
    """A violation or threat that was over before the entry is neither told nor lead."""
    crosser = measured(("threat", 300), ("violation", 400), ("exited", 500), ("closed", 600))
    assert crosser.entry is not None
    assert (crosser.entry.delay_s, crosser.entry.lead_s) == (None, None)
    again = measured(("threat", 300), ("closed", 500), ("threat", 880), ("violation", 1_004))
    assert again.entry is not None
    assert again.entry.lead_s == 120
    assert again.threats == 1


def test_a_shallow_entry_may_go_untold() -> None:
    """An object never seen three sigma deep is not missed; it is counted apart."""
    inside = figures_of_both([result(deepest_m=2.9 * SIGMA_M, exits=[1_010])])[0].inside
    assert (inside.entries, inside.missed, inside.shallow, inside.shallow_told) == (0, 0, 1, 0)


@pytest.mark.parametrize("over", ["exited", "closed"])
def test_flaps(over: str) -> None:
    """A violation that comes back is a flap, unless the object did; lost and found is none."""
    back = [("violation", 1_010.0), (over, 1_100.0), ("violation", 1_200.0)]
    assert measured(*back).flaps == 1
    assert measured(*back, entries=[], closest_m=100.0, deepest_m=-100.0).flaps == 1
    assert measured(*back, entries=[1_000, 1_195], exits=[1_090]).flaps == 0
    assert measured(("violation", 1_010), ("lost", 1_100), ("violation", 1_200)).flaps == 0


def test_lost_stands() -> None:
    """A violation that is lost has not ended; exited ends it."""
    first, second = spells(
        say(("violation", 10), ("lost", 20), ("violation", 30), ("exited", 40), ("possible", 50))
    )
    assert (first.end_ms, second.end_ms) == (START_MS + 40_000, None)
    assert (first.confirmed is not None, second.confirmed is not None) == (True, False)


def test_nuisances_far_and_near() -> None:
    """A violation told of an object outside is a nuisance, by whether three sigma lay between."""
    outside: dict[str, Any] = {"entries": [], "deepest_m": -400.0}
    far = result(("possible", 100), ("exited", 200), closest_m=3.0 * SIGMA_M, **outside)
    near = result(("violation", 100), closest_m=2.9 * SIGMA_M, **outside)
    calm = result(closest_m=4.0 * SIGMA_M, **outside)
    figures = figures_of_both([far, near, calm])[0]
    assert (figures.far.violations, figures.far.confirmed, figures.far.hours) == (1, 0, 1.0)
    assert figures.far.violations_rate == 1_000.0
    assert (figures.near.violations, figures.near.confirmed, figures.near.tracks) == (1, 1, 1)


def test_early_violations() -> None:
    """A violation is early while the object, not yet in, was truly three sigma outside."""
    assert measured(("violation", 500), depth_m=-3.0 * SIGMA_M).early == 1
    assert measured(("violation", 990), depth_m=-2.9 * SIGMA_M).early == 0
    assert measured(("violation", 1_020), exits=[1_010], depth_m=-4.0 * SIGMA_M).early == 0


@pytest.mark.parametrize(
    ("confirmed", "seen_sigmas", "deep", "late"),
    [(1_002, 3.1, 1, 0), (1_004, 3.1, 1, 1), (None, 3.1, 1, 1), (1_004, 2.9, 0, 0)],
)
def test_deep_entries(confirmed: int | None, seen_sigmas: float, deep: int, late: int) -> None:
    """Where the naive detector's report is over three sigma deep, the engine is sure by it."""
    states = [("possible", 1_002.0)] + ([("violation", float(confirmed))] if confirmed else [])
    naive = say(("violation", 1_002.0), seen_m=seen_sigmas * SIGMA_M)
    inside = figures_of_both([result(*states, naive=naive)])[0].inside
    assert (inside.deep, inside.deep_late) == (deep, late)


def test_threats_that_no_entry_followed() -> None:
    """A threat counts if the object was outside until it was over; baseless without a reason."""
    turned = measured(("threat", 100), ("closed", 300), entries=[], deepest_m=-500.0)
    assert (turned.threats, turned.baseless) == (1, 1)
    assert measured(("threat", 900), ("closed", 1_300)).threats == 0
    reason = replace(turned.result, engine=(replace(turned.result.engine[0], headed_in=True),))
    assert (measure_engine(reason).threats, measure_engine(reason).baseless) == (1, 0)


def test_both_detectors_are_measured_alike() -> None:
    """The naive detector's enter is a confirmed violation, its exit the end of it."""
    naive = say(("violation", 1_001), ("exited", 1_003), ("violation", 1_006))
    crosser = measure_naive(result(naive=naive))
    assert (crosser.violations, crosser.confirmed, crosser.flaps) == (2, 2, 1)
    assert crosser.entry is not None
    assert crosser.entry.delay_s == 1


def test_aims_can_be_missed() -> None:
    """Each aim is met by a good result and missed by a bad one."""
    outside: dict[str, Any] = {"entries": [], "deepest_m": -900.0, "closest_m": 900.0}
    deep = say(("violation", 1_002), seen_m=5.0 * SIGMA_M)
    good = [
        result(("threat", 700), ("violation", 1_002), naive=deep),
        result(**outside),
    ]
    met = {aim.name: aim.met for aim in score_of(SEED, good).aims}
    assert set(met.values()) == {True}
    bad = [
        result(("threat", 990), ("violation", 1_006), naive=deep),
        result(),
        result(("violation", 10), ("exited", 20), ("violation", 30), **outside),
    ]
    missed = {aim.name: aim.met for aim in score_of(SEED, bad).aims}
    assert missed.keys() == met.keys()
    assert set(missed.values()) == {False}


# All together


def test_a_batch_is_judged_alike_whatever_came_before() -> None:
    """A batch's results depend on its name and the seed, not on what was judged before."""
    world = World(2)
    fresh, used = Bench(world), Bench(world)
    used.judge(SEED, batch(TrafficKind.CLIPPER, 50.0))
    results = fresh.judge(SEED, batch())
    assert used.judge(SEED, batch()) == results
    assert all(result.engine for result in results)
    assert all(result.naive for result in results)


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It writes one JSON document with aims and a cell of each kind, sigma and noise, and a PNG."""
    chart = tmp_path / "score.png"
    kinds = ["--kind", "crosser", "--kind", "turn_back"]
    arguments = ["--json", "--tracks", "1", *kinds, "--chart", str(chart)]
    monkeypatch.setattr(sys, "argv", ["skyfence", "score", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    document = json.load(io.StringIO(capsys.readouterr().out))
    assert (document["seed"], document["tracks"]) == (1, 12)
    assert len(document["cells"]) == 2 * len(SIGMAS_M) * len(Noise)
    assert {"engine", "naive", "met"} <= document["aims"][0].keys()
    assert chart.read_bytes().startswith(b"\x89PNG")


def test_a_long_run_can_be_shortened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--hours`` and ``--scenes`` count with ``--long``, too."""
    asked = ["--long", "--hours", "3", "--scenes", "0", "--tracks", "1", "--kind", "crosser"]
    monkeypatch.setattr(sys, "argv", ["skyfence", "score", *asked, "--jobs", "1", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    document = json.loads(capsys.readouterr().out)
    assert document["tracks"] == len(SIGMAS_M) * len(Noise)
    assert not document["scenes"]["scenes"]
