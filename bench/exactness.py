"""Compares the grid, the legs and the paths with shapely alone, which tests every area each time.

    python bench/exactness.py [--points 1000000] [--seed N]

Prints the seed, how much was compared and what differed; exits with 1 if anything did. Points are
random, a hair off a border (1e-9 to 1e-3 degrees), on it, on its vertices, and on the corners of
cells; segments are random, clip corners and graze them. The airspaces are the default one and
random ones: jagged areas of several parts with holes, areas along the lines of the grid, at the
antimeridian and at the poles. ``tests/unit/airspace/test_exactness.py`` runs a small part of it.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from skyfence.adapters.files import load_zones
from skyfence.airspace.airspace import Airspace
from skyfence.airspace.grid import BOUNDARY, Grid
from skyfence.airspace.protected import TOUCH_DEG
from skyfence.airspace.transitions import Transition, path_transitions
from skyfence.geometry.geodesy import legs
from skyfence.zones.zone_file import Zone, ZoneProperties, zone_set

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Random = np.random.Generator

CHUNK = 20_000
CELL_DEG = 0.0025
# A stretch shorter, or nearer to the border, than this may be called a touch or a passage.
UNCLEAR_DEG = 10 * TOUCH_DEG
# How far apart the same crossing may be computed, degrees (10 cm): borders met at a flat angle.
APART_DEG = 1e-6
EXAMPLES = 5


@dataclass
class Count:
    """How much of one kind was compared, and what differed."""

    compared: int = 0
    different: int = 0
    unclear: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, compared: int, wrong: list[str], unclear: int = 0) -> None:
        """Count what was compared at once; ``wrong`` describes each difference."""
        self.compared += compared
        self.different += len(wrong)
        self.unclear += unclear
        self.examples += wrong[: max(EXAMPLES - len(self.examples), 0)]


class Case:
    """An airspace, a grid on it, and its areas as shapely has them."""

    def __init__(self, name: str, airspace: Airspace, areas: list[Any]) -> None:
        self.name = name
        self.airspace = airspace
        self.grid = Grid(airspace, CELL_DEG)
        self.areas = np.array(areas, dtype=object)
        shapely.prepare(self.areas)
        self.borders = shapely.boundary(self.areas)
        shapely.prepare(self.borders)
        self.vertices = shapely.get_coordinates(self.areas)
        rings = shapely.get_rings(shapely.get_parts(self.areas))
        points, ring = shapely.get_coordinates(rings, return_index=True)
        joined = ring[1:] == ring[:-1]
        self.edges = np.hstack((points[:-1][joined], points[1:][joined]))
        self.corners = np.hstack((self.edges[:-1], self.edges[1:, 2:]))
        self.corners = self.corners[np.all(self.edges[:-1, 2:] == self.edges[1:, :2], axis=1)]


def zone(name: str, area: Any, *, member: bool) -> Zone:
    """Return a zone that covers an area."""
    given = {"id": name, "name": name, "kind": "country", "country": name, "accuracy_m": 5.0}
    return Zone(ZoneProperties.model_validate(given | {"nato": member}), area, "bench")


def case_of(name: str, zones: list[Zone]) -> Case:
    """Return the case of some zones; the protected union is the oracle's too."""
    airspace = Airspace(zone_set([zones]))
    areas = [member.area for member in zones]
    if airspace.protected is not None:
        areas.append(airspace.outline(airspace.protected))
    return Case(name, airspace, areas)


def default_case() -> Case:
    """Return the default zones."""
    return case_of("default zones", list(load_zones().zones))


def star(random: Random, centre: Floats, size: float) -> Any:
    """Return a jagged area, with holes and parts of its own where its outline crosses itself."""
    turns = np.sort(random.uniform(0, 2 * np.pi, random.integers(5, 80)))
    reach = random.uniform(0.2, 1.0, len(turns)) * size
    shell = centre + reach[:, None] * np.stack((np.cos(turns), np.sin(turns)), axis=1)
    parts = shapely.get_parts(shapely.make_valid(shapely.Polygon(shell)))
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])


def jagged(random: Random, centre: Floats) -> Any:
    """Return an area of several parts, with holes and islands in them."""
    large, small, hole, island = (
        star(random, centre + random.normal(0, 0.5, 2), size) for size in (2.0, 1.0, 0.8, 0.3)
    )
    return shapely.union(shapely.difference(shapely.union(large, small), hole), island)


def aligned(random: Random, centre: Floats) -> Any:
    """Return boxes and a diamond, one cut out, with corners on the corners of cells."""
    x, y = np.round(centre / CELL_DEG) * CELL_DEG
    w, h, d = random.integers(1, 60, 3) * CELL_DEG
    box = shapely.union(shapely.box(x, y, x + w, y + h), shapely.box(x - d, y - d, x, y))
    diamond = shapely.Polygon([(x, y), (x + d, y + d), (x + 2 * d, y), (x + d, y - d)])
    return shapely.union(shapely.difference(box, shapely.box(x, y, x + d / 2, y + d / 2)), diamond)


def random_case(random: Random, number: int) -> Case:
    """Return some areas of both kinds, some of them members, near one place."""
    middle = random.uniform((-150.0, -70.0), (150.0, 70.0))
    zones = []
    for index in range(12):
        make = jagged if index % 2 else aligned
        area = make(random, middle + random.uniform(-2.0, 2.0, 2))
        zones.append(zone(f"Z{index}", area, member=bool(random.random() < 0.5)))
    return case_of(f"random areas {number}", zones)


def edge_case(random: Random) -> Case:
    """Return areas that end at the edges of the map, and one that goes round a pole."""
    places = [(-180, 10), (-180, 60), (178, 8), (177, 60.5), (-180, -90), (30, 85), (-10, -88)]
    zones = []
    for index, (x, y) in enumerate(places):
        area = star(random, np.array([x + 1.0, y + 2.0]), 4.0)
        area = shapely.union(area, shapely.box(x, y, x + 3, y + 5))
        inside = shapely.intersection(area, shapely.box(-180, -90, 180, 90))
        zones.append(zone(f"E{index}", inside, member=index % 2 == 0))
    zones.append(zone("POLE", shapely.box(-180, 84, 180, 90), member=True))
    return case_of("edges of the map", zones)


def points_of(case: Case, random: Random, count: int) -> dict[str, Floats]:
    """Return points of each kind, a fifth of the count each, within the world."""
    each = -(-count // 5)
    edges = case.edges[random.integers(0, len(case.edges), each)]
    on = edges[:, :2] + random.random((each, 1)) * (edges[:, 2:] - edges[:, :2])
    turns = random.uniform(0, 2 * np.pi, each)
    off = 10.0 ** random.uniform(-9, -3, each)
    low, high = case.vertices.min(axis=0) - 0.5, case.vertices.max(axis=0) + 0.5
    vertices = case.vertices[random.integers(0, len(case.vertices), each)]
    corners = np.round(vertices / CELL_DEG + random.integers(-2, 3, (each, 2)))
    made = {
        "random points": random.uniform(low, high, (each, 2)),
        "points a hair off a border": on
        + off[:, None] * np.stack((np.cos(turns), np.sin(turns)), axis=1),
        "points on a border": on,
        "points on vertices": vertices,
        "points on corners of cells": corners * CELL_DEG,
    }
    return {name: _in_world(points) for name, points in made.items()}


def _in_world(points: Floats) -> Floats:
    return np.clip(points, (-180.0, -90.0), (180.0, 90.0))


def check_points(case: Case, points: Floats, count: Count) -> None:
    """Compare the grid's sets with a test of every point against every area."""
    for lons, lats in _chunks(points):
        places = shapely.points(lons, lats)
        expected = np.array([shapely.covers(area, places) for area in case.areas]).T
        ids = sets_of(case.grid, case.airspace, lons, lats)
        wrong = np.flatnonzero(np.any(_table(case, ids) != expected, axis=1))
        count.add(
            len(lons),
            [
                f"{case.name}: {lons[n]!r} {lats[n]!r}: grid {sorted(case.grid.members(ids[n]))}, "
                f"shapely {np.flatnonzero(expected[n]).tolist()}"
                for n in wrong
            ],
        )


def check_unprepared(case: Case, points: Floats, count: Count) -> None:
    """Compare with GEOS's other way to answer, which walks along the whole border."""
    lons, lats = points.T
    plain = np.array(shapely.from_wkb(shapely.to_wkb(case.areas)), dtype=object)
    places = np.array(shapely.points(lons, lats), dtype=object)
    answers = _table(case, sets_of(case.grid, case.airspace, lons, lats))
    wrong = [
        f"{case.name}: {lons[n]!r} {lats[n]!r}: not so by unprepared area {area}"
        for area in range(len(plain))
        for n in np.flatnonzero(shapely.covers(plain[area], places) != answers[:, area]).tolist()
    ]
    count.add(len(lons), wrong)


def sets_of(grid: Grid, airspace: Airspace, lons: Floats, lats: Floats) -> Cells:
    """Return the number of the set of areas that hold each point, borders included, (n,).

    Found as a tracker finds it: the cover of the point's cell, or where that is ``BOUNDARY`` the
    set of areas that the airspace says.
    """
    cells = grid.cells(lons, lats)
    sets = grid.common_cover(cells, cells)
    near = np.flatnonzero(sets == BOUNDARY)
    if near.size:
        held = airspace.covering_many(lons[near], lats[near])
        sets[near] = [grid.set_id(areas) for areas in held]
    return sets


def _table(case: Case, ids: Cells) -> Bools:
    """Return which areas each set has, given the sets' numbers (n,), shape (n, areas)."""
    numbers, row = np.unique(ids, return_inverse=True)
    table = np.zeros((len(numbers), len(case.areas)), dtype=bool)
    for index, number in enumerate(numbers.tolist()):
        table[index, list(case.grid.members(number))] = True
    has: Bools = table[row]
    return has


def _chunks(points: Floats) -> Iterator[Floats]:
    for start in range(0, len(points), CHUNK):
        yield points[start : start + CHUNK].T.copy()


def segments_of(case: Case, random: Random, count: int) -> Floats:
    """Return segments (n, 4): near borders, far from them, and such as clip or graze corners."""
    each = -(-count // 3)
    spots = case.vertices[random.integers(0, len(case.vertices), 2 * each)]
    far = 10.0 ** random.uniform(-4, -1, (2 * each, 1))
    far[each:] = 1.0
    starts = spots + far * random.normal(0, 1, (2 * each, 2))
    steps = 10.0 ** random.uniform(-4, -1.2, (2 * each, 1)) * random.normal(0, 1, (2 * each, 2))
    anywhere = np.hstack((starts, starts + steps))
    made = np.vstack((anywhere, _clips(case, random, count - 2 * each)))
    in_world: Bools = np.all(np.abs(made) <= (180.0, 90.0, 180.0, 90.0), axis=1)
    some: Floats = made[in_world]
    return some


def _clips(case: Case, random: Random, count: int) -> Floats:
    """Return segments that pass a vertex 1e-7 to 1e-3 degrees inside or outside of it."""
    before, at, after = np.split(case.corners[random.integers(0, len(case.corners), count)], 3, 1)
    legs_ = [
        edge / np.linalg.norm(edge, axis=1, keepdims=True) for edge in (before - at, after - at)
    ]
    across = legs_[0] - legs_[1]  # the way that cuts both edges alike
    across += random.normal(0, 0.2, (count, 2)) * np.linalg.norm(across, axis=1, keepdims=True)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    beside = (legs_[0] + legs_[1]) * random.choice((-1.0, 1.0), (count, 1))
    beside = beside * 10.0 ** random.uniform(-7, -3, (count, 1))
    reach = 10.0 ** random.uniform(-3.5, -1.6, (count, 1))
    return np.hstack((at + beside - reach * across, at + beside + reach * across))


def check_common_covers(case: Case, segments: Floats, count: Count) -> None:
    """Check that segments with a common cover lie wholly in its areas and meet no other area."""
    for start in range(0, len(segments), CHUNK):
        some = segments[start : start + CHUNK]
        lon0, lat0, lon1, lat1 = some.T.copy()
        cells = case.grid.cells(lon0, lat0), case.grid.cells(lon1, lat1)
        sets = case.grid.common_cover(*cells)
        known = np.flatnonzero(sets != BOUNDARY)
        lines = shapely.linestrings(some[known].reshape(-1, 2, 2))
        members = _table(case, sets[known])
        wrong = []
        for area, border in zip(range(len(case.areas)), case.borders, strict=True):
            lies = shapely.covers(case.areas[area], shapely.points(lon0[known], lat0[known]))
            met = shapely.dwithin(border, lines, TOUCH_DEG)
            for n in np.flatnonzero(met | (lies != members[:, area])).tolist():
                wrong.append(f"{case.name}: {some[known[n]].tolist()}: not so in area {area}")
        count.add(len(known), wrong)


def check_clear_legs(case: Case, segments: Floats, count: Count) -> None:
    """Compare what clear legs properly cut with the distance of each from every border.

    Legs that are not clear are not counted: ``transitions`` works them out in another way.
    """
    for start in range(0, len(segments), CHUNK):
        some = segments[start : start + CHUNK]
        lines = shapely.linestrings(some.reshape(-1, 2, 2))
        cuts_of_legs = case.airspace.proper_intersections(some)
        clear = np.array([cuts is not None for cuts in cuts_of_legs])
        wrong: list[str] = []
        for area, border in enumerate(case.borders):
            answers = np.array(
                [any(area == cut for _, cut in cuts or ()) for cuts in cuts_of_legs], bool
            )
            met = shapely.dwithin(border, lines, TOUCH_DEG)
            for n in np.flatnonzero(clear & (met != answers)).tolist():
                wrong.append(f"{case.name}: {some[n].tolist()}: area {area}: cut {answers[n]}")
        count.add(int(clear.sum()), wrong)


def check_paths(case: Case, segments: Floats, count: Count) -> None:
    """Compare the transitions on each segment with its overlay on each area."""
    for segment in segments.tolist():
        path = legs(*segment)
        inside = set(case.airspace.covering(*segment[:2]))
        before = frozenset(inside)
        transitions = path_transitions(case.airspace, path, inside)
        line = shapely.LineString([segment[:2], *((leg.lon1, leg.lat1) for leg in path)])
        areas = np.flatnonzero(shapely.intersects(case.areas, line)).tolist()
        for area in {*areas, *before, *(transition.area for transition in transitions)}:
            own = [transition for transition in transitions if transition.area == area]
            verdict = _verdict(case, area, line, area in before, own)
            wrong = [f"{case.name}: {segment} area {area}: {verdict}"] if verdict else []
            if verdict == "unclear":
                count.add(1, [], unclear=1)
            else:
                count.add(1, wrong)


def _verdict(
    case: Case, area: int, line: Any, was_inside: bool, transitions: list[Transition]
) -> str:
    """Return what differs from the overlay of line and area, "unclear", or nothing."""
    stretches = _stretches(case.areas[area], line)
    gaps = [(a[1], b[0]) for a, b in pairwise(stretches)]
    ends = [(0.0, stretches[0][0]), (stretches[-1][1], line.length)] if stretches else []
    for low, high in [*stretches, *gaps, *(stretch for stretch in ends if stretch[1] > stretch[0])]:
        middle = line.interpolate((low + high) / 2)
        if high - low < UNCLEAR_DEG or case.borders[area].distance(middle) < UNCLEAR_DEG:
            return "unclear"
    expected = [
        (at, entered)
        for low, high in stretches
        for at, entered in ((low, True), (high, False))
        if UNCLEAR_DEG < at < line.length - UNCLEAR_DEG
    ]
    if [entered for _, entered in expected] != [transition.entered for transition in transitions]:
        return f"from {was_inside} {transitions}, overlay {expected}"
    for (at, _), transition in zip(expected, transitions, strict=True):
        place = line.interpolate(at)
        if abs(place.x - transition.lon) > APART_DEG or abs(place.y - transition.lat) > APART_DEG:
            return f"{transition}, overlay {place}"
    return ""


def _stretches(area: Any, line: Any) -> list[tuple[float, float]]:
    """Return the stretches of a line in an area, as distances along it, joined where they touch."""
    parts = [p for p in shapely.get_parts(shapely.intersection(line, area)) if p.length > 0.0]
    spans = sorted(
        sorted(float(line.project(shapely.Point(p.coords[end]))) for end in (0, -1)) for p in parts
    )
    joined: list[tuple[float, float]] = []
    for low, high in spans:
        if joined and low <= joined[-1][1] + 1e-13:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def check(case: Case, random: Random, points: int, segments: int, counts: dict[str, Count]) -> None:
    """Compare so many points and segments of one case."""
    for name, some in points_of(case, random, points).items():
        check_points(case, some, counts.setdefault(name, Count()))
        few = some[: max(len(some) // 100, 20)]
        check_unprepared(case, few, counts.setdefault("points, areas unprepared", Count()))
    lines = segments_of(case, random, segments)
    check_common_covers(case, lines, counts.setdefault("segments with a common cover", Count()))
    check_clear_legs(case, lines, counts.setdefault("clear legs", Count()))
    few = random.permutation(lines)[: max(segments // 10, 20)]
    check_paths(case, few, counts.setdefault("paths through areas", Count()))


def run(default: Case, points: int, seed: int) -> dict[str, Count]:
    """Compare about so many points, and a fifth as many segments, over all cases."""
    random = np.random.default_rng(seed)
    counts: dict[str, Count] = {}
    check(default, random, points // 2, points // 10, counts)
    cases = 2 + points // 50_000
    share = points // (2 * cases + 2)
    check(edge_case(random), random, share, share // 5, counts)
    for number in range(cases):
        check(random_case(random, number), random, share, share // 5, counts)
    return counts


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20240907)
    options = parser.parse_args()
    print(f"seed {options.seed}")
    began = time.perf_counter()
    counts = run(default_case(), options.points, options.seed)
    print(f"{'':32}{'compared':>12}{'different':>12}{'unclear':>12}")
    for name, count in counts.items():
        print(f"{name:32}{count.compared:12,}{count.different:12,}{count.unclear:12,}")
    for example in (example for count in counts.values() for example in count.examples):
        print(example)
    print(f"{time.perf_counter() - began:.0f} s")
    return int(any(count.different for count in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
