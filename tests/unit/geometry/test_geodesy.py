"""Distances against the geodesic library, and how a segment is cut into planar legs."""

import math
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyfence.geometry.geodesy import MAX_LEG_M, WGS84, Leg, distance_m, legs, metres_per_degree

Point = tuple[float, float]


def joined(first: Leg, second: Leg) -> bool:
    """Tell whether a leg ends where the next begins, on either side of the antimeridian."""
    same_lon = first.lon1 == second.lon0
    if first.wraps:
        same_lon = abs(first.lon1) == 180 and second.lon0 == -first.lon1
    return same_lon and (first.lat1, first.end) == (second.lat0, second.start)


def check(start: Point, end: Point) -> list[Leg]:
    """Check what all legs between two points must hold, and return them."""
    pieces = legs(*start, *end)
    assert (pieces[0].lon0, pieces[0].lat0, pieces[0].start) == (*start, 0.0)
    assert (pieces[-1].lon1, pieces[-1].lat1, pieces[-1].end) == (*end, 1.0)
    assert all(joined(first, second) for first, second in pairwise(pieces))
    for leg in pieces:
        assert abs(leg.lon1 - leg.lon0) <= 180
        assert leg.start <= leg.end
        assert distance_m(leg.lon0, leg.lat0, leg.lon1, leg.lat1) <= MAX_LEG_M + 1e-6
    return pieces


@pytest.mark.parametrize("lat", [-80.0, -45.0, 0.0, 28.5, 45.0, 56.5, 70.0])
def test_a_degree_is_as_long_as_the_geodesic(lat: float) -> None:
    """Ten kilometres by metres per degree are within 9 mm of the geodesic, in both directions."""
    per_lon, per_lat = metres_per_degree(lat)
    east = distance_m(20.0, lat, 20.0 + 10_000 / per_lon, lat)
    north = distance_m(20.0, lat - 5_000 / per_lat, 20.0, lat + 5_000 / per_lat)
    # Along a parallel the geodesic is the shorter way: by d^3 tan^2(lat) / 24 R^2.
    bow = 10_000**3 * math.tan(math.radians(lat)) ** 2 / (24 * 6_378_137**2)
    assert east == pytest.approx(10_000 - bow, abs=0.009)
    assert north == pytest.approx(10_000, abs=0.009)


@pytest.mark.parametrize(("dlon", "dlat"), [(0.079, 0.039), (0.079, -0.039), (-0.079, 0.0)])
def test_what_is_not_measured_is_short(dlon: float, dlat: float) -> None:
    """A segment that is taken as one leg unmeasured is under 10 km, on the equator too."""
    assert len(check((0.0, 0.0), (dlon, dlat))) == 1
    check((0.0, 0.0), (dlon * 1.13, dlat * 1.02))  # 11 km: measured, and cut


@given(
    st.floats(-180, 180),
    st.floats(-85, 85),
    st.floats(-0.2, 0.2),
    st.floats(-0.2, 0.2),
)
def test_legs_are_short_and_joined(lon: float, lat: float, dlon: float, dlat: float) -> None:
    """Wherever a segment lies, its legs are at most 10 km long and join, from end to end."""
    other = min(max(lon + dlon, -180.0), 180.0)
    check((lon, lat), (other, lat + dlat))


def test_a_long_segment_follows_the_geodesic() -> None:
    """The ends of a long segment's legs lie on the geodesic, at their share of its length."""
    start, end = (24.0, 56.9), (28.6, 44.2)
    total = distance_m(*start, *end)
    azimuth = WGS84.inv(*start, *end)[0]
    pieces = check(start, end)
    assert len(pieces) == int(total // MAX_LEG_M) + 1
    for leg in pieces:
        lon, lat, _ = WGS84.fwd(*start, azimuth, total * leg.end)
        assert distance_m(lon, lat, leg.lon1, leg.lat1) < 0.001


def test_a_planar_leg_errs_by_no_more_than_it_says() -> None:
    """Over 10 km the planar middle is within 13 m of the geodesic's, up to 80 degrees."""
    source = random.Random(20240907)
    for _ in range(300):
        lon, lat, azimuth = source.uniform(-10, 30), source.uniform(-80, 80), source.uniform(0, 360)
        east, north, _ = WGS84.fwd(lon, lat, azimuth, MAX_LEG_M)
        middle = WGS84.fwd(lon, lat, azimuth, MAX_LEG_M / 2)[:2]
        assert distance_m(*middle, (lon + east) / 2, (lat + north) / 2) < 13


def test_near_a_pole_a_leg_errs_by_no_more() -> None:
    """Past 80 degrees legs get shorter, so that they err by 13 m at most, to 100 m from a pole."""
    source = random.Random(20240907)
    for _ in range(60):
        lon, azimuth = source.uniform(-180, 180), source.uniform(0, 360)
        lat = 90 - 10 ** source.uniform(-3, 1)
        east, north, _ = WGS84.fwd(lon, lat, azimuth, source.uniform(500, 30_000))
        for leg in check((lon, lat), (east, north)):
            away, _, metres = WGS84.inv(leg.lon0, leg.lat0, leg.lon1, leg.lat1)
            middle = WGS84.fwd(leg.lon0, leg.lat0, away, metres / 2)[:2]
            planar = ((leg.lon0 + leg.lon1) / 2, (leg.lat0 + leg.lat1) / 2)
            assert distance_m(*middle, *planar) < 13 or max(leg.lat0, leg.lat1) > 89.999


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ((179.99, 10.0), (-179.99, 10.01)),
        ((-179.99, 10.0), (179.99, 10.01)),
        ((179.9, 66.0), (-178.9, 66.5)),
        ((180.0, 10.0), (-179.99, 10.0)),
        ((-180.0, 10.0), (179.99, 10.0)),
        ((179.99, 10.0), (-180.0, 10.0)),
        ((180.0, 10.0), (-180.0, 10.01)),
        ((180.0, 10.0), (-180.0, 10.0)),
    ],
)
def test_the_antimeridian_cuts_once(start: Point, end: Point) -> None:
    """A segment over the antimeridian is cut there once, also when it begins or ends on it."""
    pieces = check(start, end)
    assert sum(leg.wraps for leg in pieces) == 1
    cut = next(leg for leg in pieces if leg.wraps)
    low, high = sorted((start[1], end[1]))
    assert low - 0.001 <= cut.lat1 <= high + 0.001


def test_a_segment_along_the_antimeridian_is_not_cut() -> None:
    """Staying on one side of the antimeridian, or on it, is no passage."""
    for lon in (180.0, -180.0, 179.99):
        assert not any(leg.wraps for leg in check((lon, 10.0), (lon, 10.5)))


def test_no_way_at_all_is_one_leg() -> None:
    """Two reports of one place are one leg of no length."""
    assert check((27.0, 56.0), (27.0, 56.0)) == [Leg(27.0, 56.0, 27.0, 56.0, start=0.0, end=1.0)]
