"""Distances and path legs on the WGS 84 ellipsoid.

Borders are planar in longitude and latitude. Over 1 km the straight planar line and the true path
part by less than 0.13 m, over 10 km by less than 13 m up to 80 degrees of latitude; longer segments
are split geodesically, and nearer to a pole shorter ones too.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, cos, radians, sin, sqrt, tan
from typing import Final

from pyproj import Geod

WGS84: Final = Geod(ellps="WGS84")
# Semi-major axis (m) and first eccentricity squared of WGS 84 (NIMA TR8350.2).
WGS84_A_M: Final = 6_378_137.0
WGS84_E2: Final = 6.694_379_990_14e-3
# Past this length a planar leg errs by more than 13 m.
MAX_LEG_M: Final = 10_000.0
# The error grows with the tangent of the latitude; this is where 10 km reach 13 m.
_STEEP_DEG: Final = 80.0
# 11 m from the pole a leg of 31 m goes round it; nobody needs it finer.
_HIGHEST_DEG: Final = 89.9999
# A segment that spans less is under 10 km everywhere, and one leg. The grid relies on it.
SHORT_LON_DEG: Final = 0.08
SHORT_LAT_DEG: Final = 0.04

Stop = tuple[float, float, float]  # fraction 0..1 of a segment, longitude, latitude


@dataclass(frozen=True)
class Leg:
    """A planar piece of a segment, between fractions ``start`` and ``end`` of its time.

    One that ``wraps`` ends at the antimeridian; the next begins there, at the other 180 degrees.
    """

    lon0: float
    lat0: float
    lon1: float
    lat1: float
    start: float
    end: float
    wraps: bool = False


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Return metres per degree of longitude and of latitude at a latitude.

    From the radii of curvature; within 9 mm of the geodesic at 10 km.
    """
    phi = radians(lat)
    w2 = 1.0 - WGS84_E2 * sin(phi) ** 2
    prime_vertical_m = WGS84_A_M / sqrt(w2)
    meridian_m = WGS84_A_M * (1.0 - WGS84_E2) / (w2 * sqrt(w2))
    return radians(1.0) * prime_vertical_m * cos(phi), radians(1.0) * meridian_m


def distance_m(lon0: float, lat0: float, lon1: float, lat1: float) -> float:
    """Return the geodesic distance between two points, metres."""
    return float(WGS84.inv(lon0, lat0, lon1, lat1)[2])


def legs(lon0: float, lat0: float, lon1: float, lat1: float) -> list[Leg]:
    """Split the segment between two points into planar legs, in order of flight.

    One leg for nearly every segment; more where it is longer than 10 km, near a pole, or passes
    the antimeridian, where it is cut at 180 degrees.
    """
    if abs(lon1 - lon0) < SHORT_LON_DEG and abs(lat1 - lat0) < SHORT_LAT_DEG:
        return [Leg(lon0, lat0, lon1, lat1, 0.0, 1.0)]
    length_m = distance_m(lon0, lat0, lon1, lat1)
    count = int(length_m // MAX_LEG_M) + 1
    stops = _evenly((0.0, lon0, lat0), (1.0, lon1, lat1), count)
    if max(abs(lat) for _, _, lat in stops) > _STEEP_DEG - 0.1:  # 10 km are under 0.1 degrees
        stops = _finer(stops, length_m / count)
    pieces: list[Leg] = []
    for (start, *place), (end, *beyond) in pairwise(stops):
        pieces += _cut_at_antimeridian(Leg(place[0], place[1], beyond[0], beyond[1], start, end))
    return pieces


def _evenly(start: Stop, end: Stop, count: int) -> list[Stop]:
    """Return the stops that divide the geodesic between two into equal parts, both ends too."""
    inner = WGS84.npts(*start[1:], *end[1:], count - 1) if count > 1 else []
    span = end[0] - start[0]
    between = [(start[0] + span * (n + 1) / count, *place) for n, place in enumerate(inner)]
    return [start, *between, end]


def _finer(stops: list[Stop], apart_m: float) -> list[Stop]:
    """Divide what lies between stops further where a planar leg would err by more than 13 m."""
    finer = stops[:1]
    for start, end in pairwise(stops):
        highest = max(abs(start[2]), abs(end[2])) + apart_m / 200_000.0  # between them, at most
        steep = tan(radians(min(highest, _HIGHEST_DEG))) / tan(radians(_STEEP_DEG))
        count = ceil(apart_m * sqrt(max(steep, 1.0)) / MAX_LEG_M)
        finer += _evenly(start, end, count)[1:]
    return finer


def _cut_at_antimeridian(leg: Leg) -> list[Leg]:
    if abs(leg.lon1 - leg.lon0) <= 180:
        return [leg]
    edge = 180.0 if leg.lon0 > 0 else -180.0
    beyond = leg.lon1 + 2 * edge
    # A leg from 180 to -180 runs along the meridian: all of it is on the other side.
    share = 0.0 if beyond == leg.lon0 else (edge - leg.lon0) / (beyond - leg.lon0)
    lat = leg.lat0 + share * (leg.lat1 - leg.lat0)
    middle = leg.start + share * (leg.end - leg.start)
    return [
        Leg(leg.lon0, leg.lat0, edge, lat, leg.start, middle, wraps=True),
        Leg(-edge, lat, leg.lon1, leg.lat1, middle, leg.end),
    ]
