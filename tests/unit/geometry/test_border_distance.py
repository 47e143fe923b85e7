"""Distances to a border against the geodesic, where maps have edges and members their accuracy."""

import random
from math import inf

import numpy as np
import pytest
import shapely
from builders import airspace, zone
from random_areas import star

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.border_distance import without_seams
from skyfence.geometry.geodesy import WGS84, distance_m

Point = tuple[float, float]


def by_force_m(space: Airspace, area: int, lon: float, lat: float) -> float:
    """Return the geodesic distance to the nearest of many points on each edge, and between."""
    border = shapely.get_coordinates(shapely.segmentize(space.outline(area).boundary, 0.02))
    away = WGS84.inv(np.full(len(border), lon), np.full(len(border), lat), *border.T)[2]
    best = float(away.min())
    for number in np.argsort(away)[:6].tolist():
        for step in (-1, 1):
            ends = border[[number, (number + step) % len(border)]]
            if abs(ends[0] - ends[1]).max() < 0.03:
                best = min(best, nearest_on(ends, lon, lat))
    return best


def nearest_on(ends: np.ndarray, lon: float, lat: float) -> float:
    """Return the least distance to an edge, by thirds."""
    low, high = 0.0, 1.0
    for _ in range(60):
        shares = (2 * low + high) / 3, (low + 2 * high) / 3
        near, far = (distance_m(lon, lat, *(ends[0] + s * (ends[1] - ends[0]))) for s in shares)
        low, high = (low, shares[1]) if near < far else (shares[0], high)
    return min(near, far)


@pytest.mark.parametrize("lat", [0.0, 56.0, -75.0])
@pytest.mark.parametrize("seed", range(4))
def test_the_border_is_as_near_as_the_geodesic_says(seed: int, lat: float) -> None:
    """From on the border to 100 km away the distance is right to 0.1 m, up to 75 degrees."""
    source = random.Random(f"{seed} {lat}")
    middle = np.array([source.uniform(-170, 160), lat])
    area = shapely.transform(star(source, 1.0), lambda points: points / 4 + middle)
    space = airspace(zone("A", area))
    corners = shapely.get_coordinates(area)
    for _ in range(20):
        far = 10 ** source.uniform(-6, -0.2)
        lon, lat = corners[source.randrange(len(corners))] + [source.gauss(0, far) for _ in "xy"]
        expected = by_force_m(space, 1, lon, lat)
        assert space.protected_border(lon, lat)[0] == pytest.approx(expected, abs=0.1)
        assert space.border_distances_m([0], [(lon, lat)])[0] == pytest.approx(expected, abs=0.1)


def test_a_long_edge_is_no_chord() -> None:
    """An edge of 60 degrees along a parallel is met where it runs, not under the sea."""
    space = airspace(zone("A", (-30.0, 40.0, 30.0, 60.0)))
    assert space.border_distances_m([0], [(1.0, 59.0)])[0] == pytest.approx(
        distance_m(1.0, 59.0, 1.0, 60.0), abs=0.1
    )
    assert space.border_distances_m([0], [(1.0, 60.0)])[0] < 0.1


BOTH_SIDES = airspace(
    zone("E", (178.0, 50.0, 180.0, 60.0)),
    zone("W", (-180.0, 50.0, -178.0, 59.0), accuracy_m=70.0),
)


def test_the_cut_at_the_antimeridian_is_no_border() -> None:
    """Where the protected airspace goes on beyond 180 degrees, the border is that of both parts."""
    for lon in (180.0, -180.0, -179.9):
        expected = distance_m(lon, 58.0, lon, 59.0)
        assert BOTH_SIDES.protected_border(lon, 58.0)[0] == pytest.approx(expected, abs=0.1)
    assert BOTH_SIDES.protected_border(-179.9, 58.0)[1] == 70.0
    assert BOTH_SIDES.protected_border(179.99, 59.5)[0] == pytest.approx(
        distance_m(179.99, 59.5, 180.0, 59.5), abs=0.1
    )


def test_a_border_is_near_over_the_antimeridian() -> None:
    """From the other side of the map the distance is the short way."""
    space = airspace(zone("E", (178.0, 50.0, 179.9, 60.0)))
    assert space.protected_border(-179.9, 55.0)[0] == pytest.approx(
        distance_m(-179.9, 55.0, 179.9, 55.0), abs=1.0
    )


def test_a_pole_is_no_border_of_what_lies_around_it() -> None:
    """The edges along the pole and the antimeridian only close the map."""
    space = airspace(zone("N", (-180.0, 80.0, 180.0, 90.0)))
    assert space.protected_border(12.0, 90.0)[0] == pytest.approx(
        distance_m(12.0, 90.0, 12.0, 80.0), abs=30
    )
    assert space.protected_border(180.0, 80.5)[0] == pytest.approx(
        distance_m(180.0, 80.5, 180.0, 80.0), abs=0.1
    )
    wedge = airspace(zone("N", (10.0, 80.0, 50.0, 90.0)))
    assert wedge.protected_border(30.0, 90.0)[0] < 0.1  # its tip is


def test_seams_stay_where_they_are_borders() -> None:
    """A stretch of the antimeridian with the area on one side only is kept."""
    segments = np.array(
        [(180.0, 0.0, 180.0, 10.0), (-180.0, 8.0, -180.0, 4.0), (0.0, 90.0, 9.0, 90.0)]
    )
    left, accuracies = without_seams(segments, np.array([1.0, 2.0, 3.0]))
    assert sorted(left.tolist()) == [[180.0, 0.0, 180.0, 4.0], [180.0, 8.0, 180.0, 10.0]]
    assert accuracies.tolist() == [1.0, 1.0]


def test_the_border_has_its_members_accuracy() -> None:
    """Each part of the protected border is as exact as the member's border that it is."""
    space = airspace(
        zone("A", (26.0, 56.0, 27.0, 57.0), accuracy_m=5.0),
        zone("B", (27.0, 56.0, 28.0, 57.0), accuracy_m=190.0),
        zone("X", (25.0, 56.0, 26.0, 57.0), accuracy_m=9_000.0, nato=False),
    )
    assert [space.protected_border(lon, 56.01)[1] for lon in (26.5, 27.5)] == [5.0, 190.0]
    assert space.protected_border(25.9, 56.5)[1] == 5.0
    assert space.protected_border(28.1, 56.5)[1] == 190.0


def test_where_borders_run_together_the_least_exact_counts() -> None:
    """An edge that two members share is as uncertain as the worse of their files."""
    space = airspace(
        zone("A", (26.0, 56.0, 27.0, 57.0), accuracy_m=5.0),
        zone("B", (26.0, 56.0, 26.5, 57.0), accuracy_m=190.0),
    )
    assert space.protected_border(25.9, 56.5)[1] == 190.0
    assert space.protected_border(27.1, 56.5)[1] == 5.0


def test_no_border_is_infinitely_far() -> None:
    """Without anything protected there is no distance to measure."""
    space = airspace(zone("X", (25.0, 56.0, 26.0, 57.0), nato=False))
    assert space.protected_border(25.5, 56.5) == (inf, 0.0)


LIMITED = airspace(
    zone("A", (26.0, 56.0, 27.0, 57.0)),
    zone("LOW", (26.9, 56.4, 27.2, 56.6), ceiling_m=900.0, vertical_ref="amsl", accuracy_m=50.0),
)


def test_limited_members_are_protected_by_themselves() -> None:
    """The union leaves a zone with limits out; it is one more protected area."""
    union = LIMITED.protected
    assert union == 2
    assert LIMITED.protected_areas == (2, 1)
    assert LIMITED.covering(27.1, 56.5) == {1}
    assert LIMITED.is_protected_at({1})
    assert not LIMITED.is_protected_at(set())
    only = airspace(zone("LOW", (26.9, 56.4, 27.2, 56.6), valid_from="2024-09-07T00:00:00Z"))
    assert (only.protected, only.protected_areas) == (None, (0,))


def test_the_protected_border_goes_round_limited_members_too() -> None:
    """Outside of the union their border counts, inside of it it does not."""
    east = distance_m(27.15, 56.5, 27.2, 56.5)
    assert LIMITED.protected_border(27.15, 56.5) == pytest.approx((east, 50.0), abs=0.1)
    inside = distance_m(26.89, 56.5, 27.0, 56.5)
    assert LIMITED.protected_border(26.89, 56.5) == pytest.approx((inside, 0.0), abs=0.1)


def test_limits_choose_among_areas() -> None:
    """Areas without limits always stay; those with, while they hold."""
    assert LIMITED.within_limits({1, 2}, 0, 1_000.0, "amsl") == {2}
    assert LIMITED.within_limits({1, 2}, 0, 900.0, "amsl") == {1, 2}
    assert LIMITED.within_limits({1, 2}, 0, None, None) == {1, 2}
