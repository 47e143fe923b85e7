"""The outline of one area: where it crosses itself, how large it is, cut at the antimeridian.

Longitude and latitude in degrees, edges straight between their points. An outline that passes
longitude 180 is unrolled first (its longitudes run on past 180), checked and mended in that form,
and then cut:

    179 → -179      unrolled: 179 → 181      cut: 179 → 180 | -180 → -179

An outline round a pole is closed along latitude 90, which is a line on the map. Does not read files
and does not decide whether an outline may be changed (``zone_import.repair``).
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from skyfence.geometry.geodesy import WGS84

# 1 cm, finer than any border is known: two files that mean the same corner write the same digits.
DECIMALS: Final = 7
# Half of the longest edge a zone may have: at 180 degrees it would be unclear which way it goes.
_LONGEST_EDGE_DEG: Final = 90.0
_POLYGON: Final = shapely.GeometryType.POLYGON.value
_LINE: Final = shapely.GeometryType.LINESTRING.value

LonLat = tuple[float, float]  # longitude, latitude


class OutlineError(ValueError):
    """An outline whose inside cannot be told; the message says why."""


def rounded(area: BaseGeometry) -> BaseGeometry:
    """Return an area with its coordinates rounded to 1e-7 degrees (1 cm), without heights."""
    return shapely.transform(shapely.force_2d(area), lambda points: np.round(points, DECIMALS))


def polygons(area: BaseGeometry | Iterable[BaseGeometry]) -> list[Polygon]:
    """Return the polygons in one or more geometries, without points, lines and empty ones."""
    given = [area] if isinstance(area, BaseGeometry) else list(area)
    parts = shapely.get_parts(shapely.get_parts(given))
    return [part for part in parts[shapely.get_type_id(parts) == _POLYGON] if not part.is_empty]


def area_m2(area: BaseGeometry) -> float:
    """Return the size of an area on the ellipsoid, square metres."""
    return sum(_measures(polygon)[0] for polygon in polygons(area))


def width_m(polygon: Polygon) -> float:
    """Return the mean width of a narrow polygon, metres: twice its area by its perimeter."""
    covered, around = _measures(polygon)
    return 2 * covered / around if around else 0.0


def inner_place(area: BaseGeometry) -> LonLat:
    """Return a place inside an area, to find it on a map."""
    point = shapely.point_on_surface(area)
    return (float(point.x), float(point.y))


def self_crossings(area: BaseGeometry) -> list[LonLat]:
    """Return where borders of an area cross or overlap one another or themselves, in order."""
    segments, ring, number, count = _segments(area)
    if not len(segments):
        return []
    first, second = shapely.STRtree(segments).query(segments, predicate="intersects")
    first, second = first[first < second], second[first < second]
    apart = (number[second] - number[first]) % count[first]
    beside = (ring[first] == ring[second]) & ((apart == 1) | (apart == count[first] - 1))
    shared = shapely.intersection(segments[first], segments[second])
    lines = shapely.get_type_id(shared) == _LINE
    ends = shapely.get_coordinates(segments).reshape(-1, 2, 2)
    points = shapely.get_coordinates(shapely.centroid(shared))
    # Rings may touch in a corner: only a point that is no end of either segment is a crossing.
    corner = np.zeros(len(first), dtype=bool)
    for segment in (first, second):
        corner |= np.isclose(points[:, None, :], ends[segment], rtol=0, atol=1e-12).all(2).any(1)
    crossings = np.round(points[lines | ~(beside | corner)], DECIMALS)
    return [(float(lon), float(lat)) for lon, lat in np.unique(crossings, axis=0)]


def unrolled(area: BaseGeometry) -> BaseGeometry:
    """Return an area whose longitudes run on past 180 where its border passes the antimeridian.

    Raises ``OutlineError`` where its inside cannot be told.
    """
    parts = polygons(area)
    if not any(_passes_antimeridian(ring) for part in parts for ring in shapely.get_rings(part)):
        return area
    made = [_unrolled_polygon(part) for part in parts]
    return made[0] if len(made) == 1 else MultiPolygon(made)


def cut(area: BaseGeometry) -> BaseGeometry:
    """Return an unrolled area cut at longitude 180, its parts within -180..180."""
    if area.is_empty:  # a repair leaves nothing of an outline without area
        return area
    west, _, east, _ = area.bounds
    if west >= -180 and east <= 180 and not _has_long_edge(area):
        return area
    parts: list[Polygon] = []
    for turn in range(int((west + 180) // 360), int(-((180 - east) // 360)) + 1):
        sheet = shapely.box(-180 + 360 * turn, -90, 180 + 360 * turn, 90)
        inside = polygons(shapely.intersection(area, sheet))
        parts += [translate(part, -360 * turn) for part in inside]
    return densified(shapely.union_all(parts), _LONGEST_EDGE_DEG)


def densified(area: BaseGeometry, longest: float) -> BaseGeometry:
    """Return an area with corners added, so that no edge is longer than ``longest``.

    In the unit of the area's coordinates. Anything but polygons is returned as it is. shapely's
    segmentize is not used because it mends an invalid area without saying so.
    """
    if area.geom_type not in ("Polygon", "MultiPolygon"):
        return area
    made = [
        Polygon(_divided(part.exterior, longest), [_divided(r, longest) for r in part.interiors])
        for part in polygons(area)
    ]
    return made[0] if len(made) == 1 else MultiPolygon(made)


def mended(area: BaseGeometry) -> BaseGeometry:
    """Return a valid area for one whose outline crosses itself.

    Ground that the outline goes round more than once is inside: a repair must not make a zone lose
    ground.
    """
    valid = shapely.make_valid(area, method="structure", keep_collapsed=False)
    parts = polygons(valid)
    return parts[0] if len(parts) == 1 else MultiPolygon(parts)


def on_map(place: LonLat) -> LonLat:
    """Return a place of an unrolled area with its longitude brought into -180..180."""
    lon, lat = place
    return (lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180, lat)


def _measures(polygon: Polygon) -> tuple[float, float]:
    """Return a polygon's area, square metres, and its perimeter, metres, on the ellipsoid."""
    turned = shapely.orient_polygons(polygon)
    covered, around = WGS84.geometry_area_perimeter(turned)
    return abs(float(covered)), float(around)


def _segments(area: BaseGeometry) -> tuple[npt.NDArray[Any], ...]:
    """Return all border segments as lines, and for each three numbers, all (n,).

    The index of its ring, its own index in the ring, and how many segments the ring has.
    """
    lines: list[Any] = []
    owners: list[tuple[int, int, int]] = []
    for index, ring in enumerate(shapely.get_rings(polygons(area))):
        points = shapely.get_coordinates(ring)
        moves = (points[1:] != points[:-1]).any(axis=1)
        ends = np.stack([points[:-1][moves], points[1:][moves]], axis=1)
        lines += [shapely.linestrings(ends)] if len(ends) else []
        owners += [(index, number, len(ends)) for number in range(len(ends))]
    if not lines:
        return tuple(np.array([]) for _ in range(4))
    return (np.concatenate(lines), *np.array(owners).T)


def _divided(ring: Any, longest: float) -> npt.NDArray[np.float64]:
    points = shapely.get_coordinates(ring)
    moves = np.diff(points, axis=0)
    counts = np.maximum(1, np.ceil(np.hypot(*moves.T) / longest)).astype(np.int64)
    edge = np.repeat(np.arange(len(moves)), counts)
    share = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[edge]
    return np.concatenate([points[edge] + share[:, None] * moves[edge], points[-1:]])


def _passes_antimeridian(ring: Any) -> bool:
    lons = shapely.get_coordinates(ring)[:, 0]
    return bool((np.abs(np.diff(lons)) > 180).any() or (np.abs(lons) > 180).any())


def _has_long_edge(area: BaseGeometry) -> bool:
    rings = shapely.get_rings(polygons(area))
    return any((np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])) > 180).any() for ring in rings)


def _unrolled_polygon(polygon: Polygon) -> Polygon:
    shell = _unrolled_ring(polygon.exterior)
    west = shell[:, 0].min()
    holes = []
    for ring in polygon.interiors:
        hole = _unrolled_ring(ring)
        hole[:, 0] += 360 * np.ceil((west - hole[:, 0].min()) / 360 - 1e-9)
        holes.append(hole)
    made = Polygon(shell, holes)
    if made.area == 0 < polygon.area:
        raise OutlineError("an edge goes all the way round the world; give it a corner on its way")
    return made


def _unrolled_ring(ring: Any) -> npt.NDArray[np.float64]:
    points = shapely.get_coordinates(ring)
    run_on = np.unwrap(points[:, 0], period=360.0)
    # moved by whole turns, so that a closed ring stays closed to the last bit
    points[:, 0] += 360 * np.round((run_on - points[:, 0]) / 360)
    turns = round((points[-1, 0] - points[0, 0]) / 360)
    if turns == 0:
        return points
    lats = points[:, 1]
    if abs(turns) > 1 or lats.min() <= 0 <= lats.max():
        raise OutlineError("goes round the world and not round one pole; cut it at longitude 180")
    if np.abs(lats).max() == 90:
        raise OutlineError("goes round a pole and has a corner there; leave one of both out")
    pole = 90.0 if lats.min() > 0 else -90.0
    closing = [(points[-1, 0], pole), (points[0, 0], pole), tuple(points[0])]
    return np.concatenate([points, np.array(closing)])
