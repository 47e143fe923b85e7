"""The indexed answers of an airspace, held against plain geometry, and the protected outline."""

import random

import numpy as np
import pytest
import shapely
from builders import airspace, zone
from shapely.geometry.base import BaseGeometry

from skyfence.airspace.airspace import Side
from skyfence.airspace.protected import protected_outline
from skyfence.geometry.geodesy import Leg, distance_m
from skyfence.zones.zone_file import Zone


def blob(source: random.Random) -> BaseGeometry:
    """Return a round area with a hole and an island, somewhere in eastern Europe."""
    x, y, r = source.uniform(22, 28), source.uniform(44, 60), source.uniform(0.3, 1.5)
    shell = shapely.Point(x, y).buffer(r, quad_segs=source.randrange(2, 30))
    hole = shapely.Point(x + r / 4, y).buffer(r / 3, quad_segs=3)
    island = shapely.box(x + r / 5, y - r / 10, x + r / 3, y + r / 10)
    return shapely.union(shapely.difference(shell, hole), island)


@pytest.mark.parametrize("seed", range(20))
def test_where_a_point_is(seed: int) -> None:
    """Covering and side are those of plain shapely for points in, out, on edges and vertices."""
    source = random.Random(seed)
    areas = [blob(source) for _ in range(6)]
    space = airspace(*(zone(f"Z{n}", area, nato=False) for n, area in enumerate(areas)))
    places = [(source.uniform(21, 29), source.uniform(43, 61)) for _ in range(40)]
    places += [tuple(source.choice(shapely.get_coordinates(area))) for area in areas]
    places += [(area.centroid.x, area.centroid.y) for area in areas]
    for lon, lat in places:
        point = shapely.Point(lon, lat)
        held = {n for n, area in enumerate(areas) if area.intersects(point)}
        assert space.covering(lon, lat) == held
        for n, area in enumerate(areas):
            expected = Side.INSIDE if area.contains(point) else Side.OUTSIDE
            if area.boundary.intersects(point):
                expected = Side.BORDER
            assert space.side(n, lon, lat) is expected


@pytest.mark.parametrize("seed", range(10))
def test_many_points_and_legs_are_judged_like_one(seed: int) -> None:
    """Asked for many at once, the answers are those for each: sets, and whether a border is met."""
    source = random.Random(seed)
    areas = [blob(source) for _ in range(4)]
    space = airspace(*(zone(f"Z{n}", area, nato=bool(n % 2)) for n, area in enumerate(areas)))
    corners = shapely.get_coordinates(areas)
    places = np.array([source.choice(corners) + source.gauss(0, 0.1) for _ in range(60)])
    places[::6] = [source.choice(corners) for _ in range(10)]
    sets = space.covering_many(*places.T)
    assert sets == [space.covering(*place) for place in places.tolist()]
    ends = places + np.array([[source.gauss(0, 0.05), source.gauss(0, 0.05)] for _ in places])
    ends[::4] = places[::4]  # no way at all
    met = space.borders_met(
        [
            Leg(lon0, lat0, lon1, lat1, start=0.0, end=1.0)
            for lon0, lat0, lon1, lat1 in np.hstack((places, ends)).tolist()
        ]
    )
    cuts = space.proper_intersections(np.hstack((places, ends)))
    proper = {
        number: {area for _, area in leg_cuts} for number, leg_cuts in enumerate(cuts) if leg_cuts
    }
    assert {number: set(met[number]) for number in proper} == proper
    clear = {number for number, leg_cuts in enumerate(cuts) if leg_cuts == ()}
    assert clear == set(range(60)) - met.keys()
    assert len(proper) > 3
    assert not any(cuts[::12])  # on a vertex, and no way from it


def test_none_and_over_the_antimeridian() -> None:
    """No points have no sets; what is no planar leg may meet anything."""
    space, none = airspace(zone("A", WEST)), np.empty(0)
    assert space.covering_many(none, none) == []
    assert space.proper_intersections(np.empty((0, 4))) == []
    over, here = [179.0, 0.0, -179.0, 0.0], [0.0, 0.0, 0.0, 0.0]
    assert space.proper_intersections(np.array([over, here])) == [None, ()]


def test_a_metre_east_is_nearer_than_it_looks_in_degrees() -> None:
    """At 60 degrees north the border 0.1 degrees to the east is nearer than 0.06 to the north."""
    space = airspace(zone("A", (20.0, 58.0, 25.1, 60.06), nato=False))
    assert space.border_distances_m([0], [(25.0, 60.0)])[0] == pytest.approx(
        distance_m(25.0, 60.0, 25.1, 60.0), rel=1e-4
    )


def test_near_zones_come_nearest_first() -> None:
    """Within the tolerance: those that hold the point at 0 m, then the others by distance."""
    space = airspace(
        zone("FAR", (27.3, 56.0, 27.4, 57.0)),
        zone("NEXT", (27.1, 56.0, 27.2, 57.0)),
        zone("HERE", (26.0, 56.0, 27.05, 57.0)),
    )
    zones = space.near(27.0, 56.5, 10_000)
    assert [space.zones[index].id for _, index in zones] == ["HERE", "NEXT"]
    metres = distance_m(27.0, 56.5, 27.1, 56.5)
    assert zones[0][0] == 0.0
    assert zones[1][0] == pytest.approx(metres, rel=1e-4)
    assert len(space.near(27.0, 56.5, zones[1][0])) == 2
    assert len(space.near(27.0, 56.5, zones[1][0] - 0.001)) == 1


def test_an_airspace_may_be_empty() -> None:
    """Without zones, nothing is anywhere."""
    space = airspace()
    assert (space.protected, space.covering(27, 56), space.near(27, 56, 1_000)) == (
        None,
        frozenset(),
        [],
    )


# A sliver 0.002 degrees wide lies between WEST and EAST, between 27.000 and 27.002.
WEST = shapely.box(26.0, 56.0, 27.0, 57.0)
EAST = shapely.box(27.002, 56.0, 28.0, 57.0)
IN_SLIVER = shapely.Point(27.001, 56.5)


def outline(*zones: Zone) -> BaseGeometry:
    made = protected_outline(zones)
    assert made is not None
    assert made.is_valid
    return made


def test_limited_members_are_left_out() -> None:
    """A member's zone with limits of height or time is no part of the outline."""
    low = zone("B", EAST, ceiling_m=900.0, vertical_ref="agl")
    soon = zone("C", EAST, valid_from="2024-09-07T00:00:00Z")
    assert outline(zone("A", WEST), low, soon).equals(WEST)
    assert protected_outline([low, soon]) is None


def test_no_member_no_protected_airspace() -> None:
    """Zones of other nations and a member's regions protect nothing by themselves."""
    assert protected_outline([]) is None
    others = [zone("A", WEST, nato=False), zone("B-1", EAST, kind="region")]
    assert protected_outline(others) is None


def test_one_member_stays_as_it_is() -> None:
    """One member's outline is that of its zone, its narrow inlets and holes included."""
    holed = shapely.difference(WEST, shapely.box(26.5, 56.5, 26.501, 56.501))
    assert outline(zone("A", holed)).equals(holed)


def test_a_sliver_between_two_members_is_closed() -> None:
    """The gap between two members' outlines is protected as they are, along its whole length."""
    made = outline(zone("A", WEST), zone("B", EAST))
    assert made.contains(IN_SLIVER)
    assert made.contains(shapely.LineString([(26.5, 56.5), (27.5, 56.5)]))
    assert made.covers(shapely.union(WEST, EAST))
    grown = shapely.difference(made, shapely.union(WEST, EAST))
    assert shapely.box(27.0, 56.0, 27.002, 57.0).buffer(1e-9).covers(grown)


@pytest.mark.parametrize("turn", range(0, 90, 7))
def test_a_sloping_sliver_is_closed(turn: int) -> None:
    """A gap of any slope is closed completely."""
    short = shapely.box(26.0, 56.2, 27.0, 56.8)
    west, east, place = (
        shapely.affinity.rotate(shape, turn, origin=(27, 56.5))
        for shape in (short, EAST, IN_SLIVER)
    )
    made = outline(zone("A", west), zone("B", east))
    assert made.contains(place)
    assert made.area == pytest.approx(west.area + east.area + 0.002 * 0.6, abs=2e-5)
    assert len(shapely.get_parts(made)) == 1


def test_a_wide_gap_stays_open() -> None:
    """A gap wider than the error of outlines stays unprotected."""
    apart = shapely.box(27.0045, 56.0, 28.0, 57.0)
    made = outline(zone("A", WEST), zone("B", apart))
    assert made.equals(shapely.union(WEST, apart))


@pytest.mark.parametrize("also", [[], [zone("B", (28.0, 56.0, 29.0, 57.0))]])
def test_a_hole_in_one_member_stays_open(also: list[Zone]) -> None:
    """A hole however small that only one member touches is part of its border."""
    hole = shapely.box(26.5, 56.5, 26.501, 56.501)
    made = outline(zone("A", shapely.difference(WEST, hole)), *also)
    assert not made.intersects(hole.centroid)


def test_a_sliver_to_another_nation_stays_open() -> None:
    """A gap between a member and a nation that is none is not closed, and the border not moved."""
    far = shapely.box(10.0, 56.0, 11.0, 57.0)
    made = outline(zone("A", WEST), zone("B", EAST, nato=False), zone("C", far))
    assert made.equals(shapely.union(WEST, far))


def test_another_nations_area_is_never_taken() -> None:
    """A narrow strip of another nation between two members stays that nation's."""
    strip = shapely.box(27.0005, 56.0, 27.0015, 57.0)
    made = outline(zone("A", WEST), zone("B", EAST), zone("X", strip, nato=False))
    assert shapely.intersection(made, strip).area == pytest.approx(0.0, abs=1e-15)
    assert made.contains(shapely.Point(27.00025, 56.5))
    assert not made.intersects(strip.centroid)


def test_a_region_does_not_keep_a_sliver_open() -> None:
    """A region drawn a little beyond its own country is no other nation."""
    region = zone("B-1", (26.9995, 56.4, 27.5, 56.6), kind="region")
    assert outline(zone("A", WEST), zone("B", EAST), region).contains(IN_SLIVER)


def test_a_prepared_airspace_makes_no_borders_later() -> None:
    """After ``prepare`` measuring a distance indexes no further border."""
    space = airspace(zone("A", WEST))
    space.prepare()
    made = set(vars(space))
    space.border_distances_m([0], [(26.5, 56.5)])
    space.protected_border(26.5, 56.5)
    assert set(vars(space)) == made
