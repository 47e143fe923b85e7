"""Transitions along a path, held against a brute-force reading of the same geometry."""

import math
import random
from bisect import bisect_left
from collections.abc import Callable
from itertools import pairwise

import pytest
import shapely
from builders import T0_MS, airspace, zone
from random_areas import on_grid, star
from shapely.geometry.base import BaseGeometry

from skyfence.airspace.airspace import Airspace, Side
from skyfence.airspace.transitions import Transition, leg_transitions, path_transitions
from skyfence.geometry.geodesy import Leg, legs
from skyfence.zones.limits import Profile

Point = tuple[float, float]
# Shorter stretches, and those nearer to the border, are a touch (degrees; 1e-9 is 0.1 mm).
TOUCH_DEG = 1e-9
HERE = 0  # the index of the first zone


def fly(space: Airspace, points: list[Point], inside: set[int]) -> list[list[Transition]]:
    """Return the transitions on each segment of a path, and bring ``inside`` up to its end."""
    segments = []
    for (lon0, lat0), (lon1, lat1) in pairwise(points):
        segments.append(path_transitions(space, legs(lon0, lat0, lon1, lat1), inside))
    return segments


def fly_planar(space: Airspace, points: list[Point], inside: set[int]) -> list[list[Transition]]:
    """Fly straight lines in degrees, as the oracle does."""
    segments = []
    for (lon0, lat0), (lon1, lat1) in pairwise(points):
        leg = Leg(lon0, lat0, lon1, lat1, start=0.0, end=1.0)
        met = space.borders_met([leg])
        segments.append(leg_transitions(space, leg, met[0], inside) if met else [])
    return segments


def side_by_force(area: BaseGeometry, point: Point) -> Side:
    if shapely.contains(area, shapely.Point(point)):
        return Side.INSIDE
    return Side.BORDER if shapely.intersects(area, shapely.Point(point)) else Side.OUTSIDE


def side_of_share(area: BaseGeometry, line: BaseGeometry, share: float) -> Side:
    """Return the side of a point on a line; near the border (as computed) is on it."""
    point = line.interpolate(share, normalized=True)
    if area.boundary.distance(point) < TOUCH_DEG:
        return Side.BORDER
    return Side.INSIDE if area.contains(point) else Side.OUTSIDE


def changes_by_force(
    area: BaseGeometry, start: Point, end: Point, was_inside: bool
) -> list[tuple[float, bool]]:
    """Cut the segment at the border and at each vertex on it, and read the side of each piece."""
    line = shapely.LineString([start, end])
    corners = [shapely.Point(corner) for corner in shapely.get_coordinates(area)]
    crossings = shapely.get_coordinates(line.intersection(area.boundary))
    on_line = [shapely.Point(crossing) for crossing in crossings]
    on_line += [corner for corner in corners if corner.distance(line) < TOUCH_DEG]
    cuts = sorted({0.0, 1.0, *(line.project(point, normalized=True) for point in on_line)})
    sides = [
        (low, side_of_share(area, line, (low + high) / 2))
        for low, high in pairwise(cuts)
        if (high - low) * line.length > TOUCH_DEG
    ]
    sides.append((1.0, side_by_force(area, end)))
    changes, now = [], was_inside
    for at, side in sides:
        if side is not Side.BORDER and (side is Side.INSIDE) != now:
            now = not now
            changes.append((at, now))
    return changes


def check_samples(
    area: BaseGeometry, start: Point, end: Point, transitions: list[Transition], was_inside: bool
) -> None:
    """Check that along the way each sampled point off the border is where the path says."""
    line = shapely.LineString([start, end])
    for number in range(1, 24):
        share = number / 24
        side = side_of_share(area, line, share)
        passed = sum(transition.fraction < share for transition in transitions)
        if side is not Side.BORDER:
            assert (side is Side.INSIDE) == (was_inside ^ bool(passed % 2)), (start, end, share)


def somewhere(source: random.Random, area: BaseGeometry, step: float, before: Point) -> Point:
    """Return a point in the open, on a grid, on a vertex, on an edge, or past one."""
    points = shapely.get_coordinates(area)
    ends = [tuple(points[n]) for n in (source.randrange(len(points)) for _ in range(2))]
    edge = shapely.get_parts(shapely.get_rings(shapely.get_parts(area)))[0]
    choice = source.randrange(6)
    if choice == 0:
        return (source.uniform(-1, 10) * step, source.uniform(-1, 10) * step)
    if choice == 1:
        return (source.randrange(-1, 11) * step, source.randrange(-1, 11) * step)
    if choice == 2:
        return ends[0]
    if choice == 3:
        on = edge.interpolate(source.random(), normalized=True)
        return (on.x, on.y)
    if choice == 4:  # beyond a vertex, so that the path runs through or along it
        return (2 * ends[0][0] - before[0], 2 * ends[0][1] - before[1])
    number = source.randrange(len(edge.coords) - 1)  # the two ends of one edge
    nearest: Point = min(
        edge.coords[number : number + 2], key=lambda point: math.dist(point, before)
    )
    return nearest


AREAS: list[tuple[Callable[[random.Random, float], BaseGeometry], float]] = [
    (on_grid, 1.0),
    (on_grid, 0.015625),
    (on_grid, 0.01),
    (star, 1.0),
]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize(("make", "step"), AREAS)
def test_walks_agree_with_brute_force(
    make: Callable[[random.Random, float], BaseGeometry], step: float, seed: int
) -> None:
    """On random walks the transitions and the final sides are those of the plain geometry."""
    source = random.Random(f"{make.__name__} {step} {seed}")
    area = make(source, step)
    while area.is_empty:  # everything was cut out
        area = make(source, step)
    space = airspace(zone("A", area, nato=False))
    here = (-step, -step)
    inside = {HERE} if side_by_force(area, here) is Side.INSIDE else set()
    for _ in range(40):
        there = somewhere(source, area, step, here)
        was_inside = HERE in inside
        expected = changes_by_force(area, here, there, was_inside) if here != there else []
        (transitions,) = fly_planar(space, [here, there], inside)
        trace = f"{here} to {there}"
        assert [transition.entered for transition in transitions] == [
            entered for _, entered in expected
        ], trace
        for transition, (at, _) in zip(transitions, expected, strict=True):
            assert abs(transition.fraction - at) < 1e-6 or at == 1.0, trace
        check_samples(area, here, there, transitions, was_inside)
        side = side_by_force(area, there)
        assert side is Side.BORDER or (HERE in inside) == (side is Side.INSIDE), trace
        here = there


def entries(segments: list[list[Transition]]) -> list[list[bool]]:
    return [[transition.entered for transition in segment] for segment in segments]


BOX = airspace(zone("A", (0.0, 0.0, 1.0, 1.0), nato=False))


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(-1, 0.5), (0.5, 0.5), (2, 0.5)], [[True], [False]]),
        ([(-1, 0.5), (2, 0.5)], [[True, False]]),
        ([(0.8, -0.3), (1.3, 0.4)], [[]]),
        ([(0.8, -0.1), (1.1, 0.2)], [[True, False]]),  # clips a corner
        ([(-1, 2), (1, 0)], [[True]]),  # over one vertex to the other, through the middle
        ([(-1, 0), (1, 2)], [[]]),  # touches a vertex
        ([(-1, 0), (2, 0)], [[]]),  # along an edge, past both its ends
        ([(-1, 0), (0.5, 0), (0.5, -1)], [[], []]),  # ends on the edge
        ([(-1, 0), (0.5, 0), (0.5, 0.5)], [[], [True]]),
        ([(0.5, -1), (0.5, 0), (0.5, -1)], [[], []]),  # touches an edge
        (
            [(0.5, 0.5), (0.5, 0), (0.5, 0.5)],
            [
                [],
                [],
            ],
        ),  # touches it from inside
    ],
)
def test_simple_paths(points: list[Point], expected: list[list[bool]]) -> None:
    """Passing, clipping, touching and running along a box change sides as a person would say."""
    inside = {HERE} if BOX.side(HERE, *points[0]) is Side.INSIDE else set[int]()
    assert entries(fly_planar(BOX, points, inside)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_a_slope_is_run_along_without_crossing(seed: int) -> None:
    """A path along sloping edges, whose rounded points lie on either side, crosses nothing."""
    source = random.Random(seed)
    corners = [(source.uniform(20, 30), source.uniform(40, 60)) for _ in range(3)]
    space = airspace(zone("A", shapely.Polygon(corners), nato=False))
    way_round = [*corners, corners[0], *reversed(corners)]
    for inside in (set[int](), {HERE}):
        assert entries(fly_planar(space, way_round, inside)) == [[]] * 6


def test_a_crossing_is_where_the_border_is() -> None:
    """The place lies on the border and the fraction is its share of the way."""
    ((enter, leave),) = fly_planar(BOX, [(-1.0, 0.25), (3.0, 0.75)], set())
    assert (enter.fraction, enter.lon, enter.lat) == pytest.approx((0.25, 0.0, 0.375))
    assert (leave.fraction, leave.lon, leave.lat) == pytest.approx((0.5, 1.0, 0.5))
    assert (enter.entered, leave.entered) == (True, False)


def test_an_end_just_inside_enters_at_the_end() -> None:
    """A path that ends a hair inside has entered there, not where it began."""
    ((enter,),) = fly_planar(BOX, [(-1.0, 0.5), (5e-324, 0.5)], set())
    assert enter.fraction == pytest.approx(1.0)
    assert enter.lon == pytest.approx(0.0)


def test_neighbours_are_left_before_they_are_entered() -> None:
    """On a shared border a path leaves the one area first and then enters the other."""
    space = airspace(
        zone("A", (0.0, 0.0, 1.0, 1.0), nato=False), zone("B", (-1.0, 0.0, 0.0, 1.0), nato=False)
    )
    inside = {1}
    ((leave, enter),) = fly_planar(space, [(-0.5, 0.5), (0.5, 0.5)], inside)
    assert [(leave.area, leave.entered), (enter.area, enter.entered)] == [(1, False), (0, True)]
    assert leave.fraction == enter.fraction == 0.5
    assert inside == {0}


def test_moving_between_members_does_not_leave_the_protected() -> None:
    """Over a sliver between two members the protected airspace is neither left nor entered."""
    slope = shapely.Polygon([(27, 56), (28, 56.1), (28.3, 57), (27.1, 57)])
    west = shapely.affinity.translate(slope, -1.2013, 0.07)
    gap = shapely.Polygon([(26.7987, 56.17), (27, 56), (27.1, 57), (27.0987, 57.07)])
    east = shapely.union(slope, shapely.affinity.scale(gap, 0.2, 0.2))
    space = airspace(zone("A", shapely.union(west, gap)), zone("B", east))
    assert space.protected is not None
    inside = {0, space.protected}
    transitions = fly(space, [(26.5, 56.6), (27.5, 56.6)], inside)[0]
    assert space.protected not in {transition.area for transition in transitions}
    assert inside >= {1, space.protected}


def test_a_long_segment_crosses_where_its_geodesic_does() -> None:
    """On a segment of many legs the fraction is the share of the whole way, in order."""
    space = airspace(zone("A", (25.0, 50.0, 26.0, 60.0), nato=False))
    (transitions,) = fly(space, [(24.0, 56.0), (27.0, 56.0)], set())
    assert [transition.entered for transition in transitions] == [True, False]
    assert [transition.fraction for transition in transitions] == pytest.approx(
        [1 / 3, 2 / 3], abs=2e-4
    )
    assert [transition.lon for transition in transitions] == pytest.approx([25.0, 26.0])
    assert all(
        transition.lat > 56.005 for transition in transitions
    )  # the geodesic bows to the pole


EAST_WEST = airspace(
    zone("E", (178.0, 50.0, 180.0, 60.0), nato=False),
    zone("W", (-180.0, 50.0, -178.0, 60.0), nato=False),
    zone(
        "BOTH",
        shapely.union(shapely.box(178, 50, 180, 60), shapely.box(-180, 50, -178, 60)),
        nato=False,
    ),
)


@pytest.mark.parametrize(
    "stops",
    [
        [(179.95, 55.0), (-179.95, 55.0)],
        [(179.95, 55.0), (180.0, 55.0), (-179.95, 55.0)],
        [(179.95, 55.0), (-180.0, 55.0), (-179.95, 55.0)],
        [(179.95, 55.0), (180.0, 55.0), (-180.0, 55.0), (-179.95, 55.0)],
        [(179.0, 55.0), (-179.0, 55.5)],
    ],
)
def test_the_antimeridian_is_no_border_of_an_area_on_both_sides(stops: list[Point]) -> None:
    """An area that ends at 180 degrees is left there; one that goes on beyond is not."""
    inside = {0, 2}
    transitions = [
        transition for segment in fly(EAST_WEST, stops, inside) for transition in segment
    ]
    assert [(transition.area, transition.entered) for transition in transitions] == [
        (0, False),
        (1, True),
    ]
    assert inside == {1, 2}
    back = [(-lon, lat) for lon, lat in stops]
    inside = {1, 2}
    fly(EAST_WEST, back, inside)
    assert inside == {0, 2}


NORTH = airspace(
    zone("ALL", (-180.0, 89.5, 180.0, 90.0), nato=False),
    zone("WEDGE", (-110.0, 80.0, -70.0, 90.0), nato=False),
)


def test_a_flight_over_the_pole_is_followed() -> None:
    """Past the pole and back down, what lies around it is entered and left once each."""
    (transitions,) = fly(NORTH, [(0.0, 89.0), (180.0, 89.0)], set())
    assert [(transition.area, transition.entered) for transition in transitions] == [
        (0, True),
        (0, False),
    ]
    assert [transition.fraction for transition in transitions] == pytest.approx(
        [0.25, 0.75], abs=1e-3
    )


@pytest.mark.parametrize("off_deg", [0.001, 0.01, 0.1])
def test_a_wedge_that_ends_at_the_pole_is_clipped_near_it(off_deg: float) -> None:
    """A flight past the pole on the wedge's side clips it, though by 100 m; on the other, not."""
    lean = math.degrees(math.asin(off_deg))  # off the meridian, so far from the pole as it comes
    for side, expected in ((-1, [True, False]), (1, [])):
        path = [(side * lean, 89.0), (side * (180 - lean), 89.0)]
        transitions = fly(NORTH, path, set())[0]
        assert [
            transition.entered for transition in transitions if transition.area == 1
        ] == expected


# A zone from 1,000 to 3,000 m over the box, and one valid for half a minute from T0 + 15 s.
LAYER = {"floor_m": 1_000.0, "ceiling_m": 3_000.0, "vertical_ref": "amsl"}
SPELL = {"valid_from": "2024-09-07T03:58:15Z", "valid_until": "2024-09-07T03:58:45Z"}
HERE_AND_NOW = airspace(
    zone("LAYER", (0.0, 0.0, 1.0, 1.0), nato=False, **LAYER),
    zone("SPELL", (0.0, 0.0, 1.0, 1.0), nato=False, **SPELL),
)
LAYER_AT, SPELL_AT = 0, 1


def climb(start_m: float | None, end_m: float | None) -> Profile:
    """Return a minute's climb from T0 on."""
    return Profile(T0_MS, T0_MS + 60_000, start_m, end_m, start_ref="amsl", end_ref="amsl")


def changes(
    area: int, points: list[Point], profile: Profile | None, inside: set[int]
) -> list[tuple[bool, float]]:
    (start, end) = points
    transitions = path_transitions(HERE_AND_NOW, legs(*start, *end), inside, profile)
    return [
        (transition.entered, round(transition.fraction, 6))
        for transition in transitions
        if transition.area == area
    ]


STILL = [(0.5, 0.5), (0.5, 0.5)]
THROUGH = [(-0.03, 0.5), (0.03, 0.5)]


@pytest.mark.parametrize(
    ("points", "profile", "expected"),
    [
        (STILL, climb(0, 4_000), [(True, 0.25), (False, 0.75)]),
        (STILL, climb(0, 900), []),
        ([(0.5, 0.5), (0.55, 0.5)], climb(0, 2_000), [(True, 0.5)]),
        ([(0.2, 0.5), (0.6, 0.5)], climb(0, 4_000), [(True, 0.25), (False, 0.75)]),  # many legs
        (THROUGH, climb(2_000, 2_000), [(True, 0.5)]),
        (THROUGH, climb(500, 900), []),  # below
        (THROUGH, climb(500, 2_500), [(True, 0.5)]),  # through the floor before the border
        (THROUGH, climb(0, 1_250), [(True, 0.8)]),  # and after it
        (THROUGH, climb(4_000, 2_800), [(True, 0.833333)]),  # from above
        (THROUGH, climb(2_000, 4_000), []),  # at the ceiling where it meets the border
        (THROUGH, climb(2_000, 3_800), [(True, 0.5), (False, 0.555556)]),
        (THROUGH, climb(None, None), [(True, 0.5)]),  # unknown is inside
        (THROUGH, climb(500, None), [(True, 0.5)]),
        (THROUGH, climb(None, 500), [(True, 0.5), (False, 1.0)]),
        (STILL, climb(500, None), [(True, 0.0)]),
        (STILL, climb(500, 1_000), []),  # touches the floor
        (THROUGH, None, [(True, 0.5)]),  # limits are ignored
    ],
)
def test_a_zone_is_entered_where_outline_and_limits_hold(
    points: list[Point], profile: Profile | None, expected: list[tuple[bool, float]]
) -> None:
    """Floor and ceiling are crossed like the outline, and an unknown height is inside."""
    assert changes(LAYER_AT, points, profile, set()) == expected


def test_a_zone_becomes_valid_around_a_track() -> None:
    """A track inside the outline enters when the zone becomes valid, and leaves when that ends."""
    for points in (STILL, [(0.2, 0.5), (0.7, 0.5)]):
        inside: set[int] = set()
        assert changes(SPELL_AT, points, climb(0, 0), inside) == [(True, 0.25), (False, 0.75)]
        assert inside == set()
    assert changes(SPELL_AT, THROUGH, climb(0, 0), set()) == [(True, 0.5), (False, 0.75)]


def test_level_flight_at_the_floor_changes_nothing() -> None:
    """At the floor itself a track keeps the side it had, until it leaves the floor."""
    for inside in (set[int](), {LAYER_AT}):
        before = set(inside)
        assert changes(LAYER_AT, STILL, climb(1_000, 1_000), inside) == []
        assert inside - {SPELL_AT} == before
    assert changes(LAYER_AT, STILL, climb(1_000, 2_000), set()) == [(True, 0.0)]
    assert changes(LAYER_AT, STILL, climb(1_000, 500), {LAYER_AT}) == [(False, 0.0)]


@pytest.mark.parametrize("seed", range(40))
def test_limited_walks_agree_with_samples(seed: int) -> None:
    """On random climbing walks the path is inside exactly where outline, height and time hold."""
    source = random.Random(seed)
    area = star(source, 1.0)
    given = LAYER | SPELL if seed % 2 else LAYER
    space = airspace(zone("A", area, nato=False, **given))
    here, time_ms, height_m = (source.uniform(0, 8), source.uniform(0, 8)), T0_MS, 500.0
    inside = set(space.within_limits(space.covering(*here), time_ms, height_m, "amsl"))
    for _ in range(12):
        there = (source.uniform(0, 8), source.uniform(0, 8)) if source.random() < 0.7 else here
        profile = Profile(
            time_ms,
            time_ms + 5_000,
            height_m,
            source.uniform(0, 4_000),
            start_ref="amsl",
            end_ref="amsl",
        )
        was_inside = HERE in inside
        leg = Leg(*here, *there, 0.0, 1.0)
        turns = [
            transition.fraction for transition in path_transitions(space, [leg], inside, profile)
        ]
        for share in (n / 40 + 1e-4 for n in range(40)):
            lon, lat = (a + share * (b - a) for a, b in zip(here, there, strict=True))
            now_m = profile.height_at(share)
            held = space.covering(lon, lat)
            now = space.within_limits(held, time_ms + share * 5_000, now_m, "amsl")  # type: ignore[arg-type]
            near = any(abs(share - turn) < 1e-6 for turn in turns)
            assert near or (HERE in now) == (was_inside ^ bool(bisect_left(turns, share) % 2))
        here, time_ms, height_m = there, profile.end_ms, profile.end_m or 0.0
