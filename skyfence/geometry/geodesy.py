"""The WGS 84 ellipsoid: distances, positions in space, and the legs of a path.

Borders are planar in longitude and latitude. A straight line on that plane and the geodesic between
the same two points are less than 0.13 m apart over 1 km, and less than 13 m over 10 km up to 80
degrees of latitude. ``legs`` therefore splits longer segments along the geodesic, and shorter ones
too where they lie nearer to a pole.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import asin, ceil, cos, radians, sin, sqrt, tan
from typing import Final

import numpy as np
from pyproj import Geod

from skyfence.geometry.arrays import Floats

WGS84: Final = Geod(ellps="WGS84")
# Semi-major axis (m) and first eccentricity squared of WGS 84 (NIMA TR8350.2).
WGS84_A_M: Final = 6_378_137.0
WGS84_E2: Final = 6.694_379_990_14e-3
# Past this length a planar leg errs by more than 13 m.
MAX_LEG_M: Final = 10_000.0
# The error grows with the tangent of the latitude; this is where 10 km reach 13 m.
_STEEP_DEG: Final = 80.0
# At this latitude, 11 m from the pole, legs are 31 m long: finer than any sensor.
_HIGHEST_DEG: Final = 89.9999
# A segment that spans less than both is under 10 km anywhere on Earth, so it is a single leg.
# The grid relies on it.
SHORT_LON_DEG: Final = 0.08
SHORT_LAT_DEG: Final = 0.04
# Mean radius (IUGG). Turns a chord into an arc, within 1 cm at 100 km.
_MEAN_RADIUS_M: Final = 6_371_008.8

Stop = tuple[float, float, float]  # fraction 0..1 of a segment, longitude, latitude


@dataclass(frozen=True)
class Leg:
    """A planar piece of a segment; degrees, and fractions 0..1 of the segment's time.

    A leg with ``wraps`` ends at the antimeridian; the next leg begins at the same place, written
    with the longitude of the other sign (180 and -180).
    """

    lon0: float
    lat0: float
    lon1: float
    lat1: float
    start: float
    end: float
    wraps: bool = False


def metres_per_degree(lat: float) -> tuple[float, float]:
    """Return metres per degree of longitude and of latitude, at a latitude in degrees.

    Computed from the ellipsoid's radii of curvature; within 9 mm of the geodesic over 10 km.
    """
    phi = radians(lat)
    w2 = 1.0 - WGS84_E2 * sin(phi) ** 2
    prime_vertical_m = WGS84_A_M / sqrt(w2)
    meridian_m = WGS84_A_M * (1.0 - WGS84_E2) / (w2 * sqrt(w2))
    return radians(1.0) * prime_vertical_m * cos(phi), radians(1.0) * meridian_m


def distance_m(lon0: float, lat0: float, lon1: float, lat1: float) -> float:
    """Return the length of the geodesic between two points in degrees, metres."""
    return float(WGS84.inv(lon0, lat0, lon1, lat1)[2])


def geocentric(lons: Floats, lats: Floats) -> Floats:
    """Return positions from the Earth's centre of points on the ellipsoid, (n, 3), metres.

    Longitudes and latitudes are degrees, shape (n,).
    """
    lon, lat = np.radians(lons), np.radians(lats)
    normal = WGS84_A_M / np.sqrt(1.0 - WGS84_E2 * np.sin(lat) ** 2)
    out = normal * np.cos(lat)
    up = normal * (1.0 - WGS84_E2) * np.sin(lat)
    return np.stack((out * np.cos(lon), out * np.sin(lon), up), axis=-1)


def geocentric_point(lon: float, lat: float) -> tuple[float, float, float]:
    """Return what ``geocentric`` does for a single point: ten times as fast as with arrays."""
    x, y = radians(lon), radians(lat)
    normal = WGS84_A_M / sqrt(1.0 - WGS84_E2 * sin(y) ** 2)
    out = normal * cos(y)
    return out * cos(x), out * sin(x), normal * (1.0 - WGS84_E2) * sin(y)


def arc_m(chord_m: float) -> float:
    """Return the way along the Earth's surface whose straight chord is so long, metres."""
    return 2.0 * _MEAN_RADIUS_M * asin(min(chord_m / (2.0 * _MEAN_RADIUS_M), 1.0))


def legs(lon0: float, lat0: float, lon1: float, lat1: float) -> list[Leg]:
    """Split the segment between two points, degrees, into planar legs in order of flight.

    Nearly every segment is a single leg. There are more where it is longer than 10 km, lies near
    a pole, or passes the antimeridian, where it is cut at longitude 180.
    """
    if abs(lon1 - lon0) < SHORT_LON_DEG and abs(lat1 - lat0) < SHORT_LAT_DEG:
        return [Leg(lon0, lat0, lon1, lat1, start=0.0, end=1.0)]
    length_m = distance_m(lon0, lat0, lon1, lat1)
    count = int(length_m // MAX_LEG_M) + 1
    stops = _evenly((0.0, lon0, lat0), (1.0, lon1, lat1), count)
    if max(abs(lat) for _, _, lat in stops) > _STEEP_DEG - 0.1:  # 10 km are under 0.1 degrees
        stops = _finer(stops, length_m / count)
    pieces: list[Leg] = []
    for (start, from_lon, from_lat), (end, to_lon, to_lat) in pairwise(stops):
        leg = Leg(from_lon, from_lat, to_lon, to_lat, start=start, end=end)
        pieces += _cut_at_antimeridian(leg)
    return pieces


def _evenly(start: Stop, end: Stop, count: int) -> list[Stop]:
    """Return the stops that divide the geodesic into ``count`` equal parts, both ends included."""
    inner = WGS84.npts(*start[1:], *end[1:], count - 1) if count > 1 else []
    span = end[0] - start[0]
    between = [(start[0] + span * (n + 1) / count, *place) for n, place in enumerate(inner)]
    return [start, *between, end]


def _finer(stops: list[Stop], apart_m: float) -> list[Stop]:
    """Add stops where a planar leg of ``apart_m`` would be more than 13 m off the geodesic."""
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
        Leg(leg.lon0, leg.lat0, edge, lat, start=leg.start, end=middle, wraps=True),
        Leg(-edge, lat, leg.lon1, leg.lat1, start=middle, end=leg.end),
    ]
