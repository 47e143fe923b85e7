"""Distances and path legs on the WGS 84 ellipsoid.

Borders are planar in longitude and latitude. Over 1 km the straight planar line and the true path
part by less than 0.13 m, over 10 km by less than 13 m; longer segments are split geodesically.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import cos, radians, sin, sqrt
from typing import Final

from pyproj import Geod

WGS84: Final = Geod(ellps="WGS84")
# Semi-major axis (m) and first eccentricity squared of WGS 84 (NIMA TR8350.2).
_A_M: Final = 6_378_137.0
_E2: Final = 6.694_379_990_14e-3
# Past this length a planar leg errs by more than 13 m.
MAX_LEG_M: Final = 10_000.0


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
    w2 = 1.0 - _E2 * sin(phi) ** 2
    prime_vertical_m = _A_M / sqrt(w2)
    meridian_m = _A_M * (1.0 - _E2) / (w2 * sqrt(w2))
    return radians(1.0) * prime_vertical_m * cos(phi), radians(1.0) * meridian_m


def distance_m(lon0: float, lat0: float, lon1: float, lat1: float) -> float:
    """Return the geodesic distance between two points, metres."""
    return float(WGS84.inv(lon0, lat0, lon1, lat1)[2])


def legs(lon0: float, lat0: float, lon1: float, lat1: float) -> list[Leg]:
    """Split the segment between two points into planar legs, in order of flight.

    One leg for nearly every segment; more where it is longer than 10 km or passes the
    antimeridian, where it is cut at 180 degrees.
    """
    if abs(lon1 - lon0) < 0.08 and abs(lat1 - lat0) < 0.04:  # under 10 km everywhere
        return [Leg(lon0, lat0, lon1, lat1, 0.0, 1.0)]
    count = int(distance_m(lon0, lat0, lon1, lat1) // MAX_LEG_M) + 1
    inner = WGS84.npts(lon0, lat0, lon1, lat1, count - 1) if count > 1 else []
    points = [(lon0, lat0), *inner, (lon1, lat1)]
    found: list[Leg] = []
    for number, (start, end) in enumerate(pairwise(points)):
        leg = Leg(start[0], start[1], end[0], end[1], number / count, (number + 1) / count)
        found += _cut_at_antimeridian(leg)
    return found


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
