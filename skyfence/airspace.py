"""Where a point or a path is among the zones: exact answers, indexed.

Zones are closed sets, planar in longitude and latitude. Their borders are cut into short pieces in
one STR tree, so that a segment meets only the few it may cross. The protected airspace of the
alliance (the union of the members' zones, the slivers between them closed) is kept as one more
area, behind the last zone, because "moved from one member to another" is no violation.

    zone index   0 .. n-1   the zones of the set
                 n          the protected airspace, if any zone is protected
"""

from collections import defaultdict
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from skyfence.geodesy import Leg, metres_per_degree
from skyfence.zones import Zone, ZoneSet

# Short enough that a box around a piece is hardly larger than it, long enough that the tree
# stays small: 400,000 vertices make 25,000 pieces.
_PIECE_SEGMENTS: Final = 16
# Outlines of neighbours leave slivers up to ~200 m between them (380 m on the Danube between
# Romania and Bulgaria); half of 0.004 degrees closes those. See geodata/README.md.
_SLIVER_DEG: Final = 0.002
# What comes no farther from a border than this touches it: 0.1 mm, far more than rounding moves
# a computed point on a sloping border, far less than any sensor means.
_TOUCH_DEG: Final = 1e-9


class Side(Enum):
    """Where a point is, seen from one zone."""

    OUTSIDE = 0
    BORDER = 1
    INSIDE = 2


class Airspace:
    """The zones of a set, ready to be asked."""

    def __init__(self, zones: ZoneSet) -> None:
        self.zones: tuple[Zone, ...] = zones.zones
        self.version = zones.version
        accuracies = [zone.properties.accuracy_m for zone in self.zones if zone.is_region]
        self.widest_region_m = max(accuracies, default=0.0)
        areas: list[Any] = [zone.area for zone in self.zones]
        outline = protected_outline(self.zones)
        self.protected: int | None = None if outline is None else len(areas)
        if outline is not None:
            areas.append(outline)
        self._areas = np.array(areas, dtype=object)
        shapely.prepare(self._areas)
        self._boxes = STRtree(list(map(shapely.box, *shapely.bounds(self._areas).T)))
        pieces, owners = _border_pieces(areas)
        self._pieces = pieces
        self._owners = owners
        self._borders = STRtree(pieces)
        self._single: dict[int, tuple[npt.NDArray[Any], STRtree]] = {}

    def covering(self, lon: float, lat: float) -> frozenset[int]:
        """Return the areas that hold a point, border included."""
        candidates = self._boxes.query(shapely.Point(lon, lat))
        held = shapely.intersects_xy(self._areas[candidates], lon, lat)
        return frozenset(candidates[held].tolist())

    def side(self, area: int, lon: float, lat: float) -> Side:
        """Return where a point is, seen from one area."""
        if shapely.contains_xy(self._areas[area], lon, lat):
            return Side.INSIDE
        touches = shapely.intersects_xy(self._areas[area], lon, lat)
        return Side.BORDER if touches else Side.OUTSIDE

    def met_by(self, legs: Sequence[Leg]) -> dict[int, dict[int, list[int]]]:
        """Return, for each leg that meets a border, the areas and their pieces that it meets."""
        if not legs:
            return {}
        ends = np.array([((leg.lon0, leg.lat0), (leg.lon1, leg.lat1)) for leg in legs])
        met: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        # GEOS finds nothing near a line of no length.
        still = (ends[:, 0] == ends[:, 1]).all(axis=1)
        lines = np.array(shapely.linestrings(ends), dtype=object)
        lines[still] = shapely.points(ends[still, 0])
        found = self._borders.query(lines, predicate="dwithin", distance=_TOUCH_DEG)
        for leg, piece in found.T.tolist():
            met[leg][int(self._owners[piece])].append(piece)
        return met

    def cuts(self, leg: Leg, pieces: list[int]) -> list[float]:
        """Return where a leg meets border pieces, as fractions 0..1 of the leg, ascending.

        Vertices that it passes within a touch count too: where a leg runs along an edge, rounding
        may hide that the edge ends.
        """
        start = np.array([leg.lon0, leg.lat0])
        along = np.array([leg.lon1, leg.lat1]) - start
        length2 = float(along @ along)
        if length2 == 0.0:
            return []
        line = shapely.LineString([(leg.lon0, leg.lat0), (leg.lon1, leg.lat1)])
        points = shapely.get_coordinates(shapely.intersection(line, self._pieces[pieces])) - start
        vertices = shapely.get_coordinates(self._pieces[pieces]) - start
        off = np.abs(vertices[:, 0] * along[1] - vertices[:, 1] * along[0])
        vertices = vertices[off < _TOUCH_DEG * length2**0.5]
        passed = vertices @ along / length2
        passed = passed[(passed > 0.0) & (passed < 1.0)]
        met = np.clip(points @ along / length2, 0.0, 1.0)
        return sorted(set(met.tolist() + passed.tolist()))

    def is_at_border(self, area: int, lon: float, lat: float) -> bool:
        """Tell whether a point lies on an area's border, as far as computed points can."""
        point = shapely.Point(lon, lat)
        near = self._borders.query(point, predicate="dwithin", distance=_TOUCH_DEG)
        return bool(np.any(self._owners[near] == area))

    def border_distance_m(self, area: int, lon: float, lat: float) -> float:
        """Return the distance from a point to the nearest border of an area, metres.

        The nearest piece in degrees bounds the distance; the pieces within that bound are then
        measured in metres, because a degree of longitude is shorter than one of latitude.
        """
        pieces, tree = self._border_of(area)
        bound_m = _distance_m(pieces[[tree.nearest(shapely.Point(lon, lat))]], lon, lat)
        return _distance_m(pieces[tree.query(_box_around(lon, lat, bound_m))], lon, lat)

    def near(self, lon: float, lat: float, tolerance_m: float) -> list[tuple[float, int]]:
        """Return the zones within a distance of a point: (metres, index), nearest first."""
        hits = self._borders.query(_box_around(lon, lat, tolerance_m))
        inside = self.covering(lon, lat)
        found = [(0.0, area) for area in inside]
        for area in set(self._owners[hits].tolist()) - inside:
            metres = _distance_m(self._pieces[hits[self._owners[hits] == area]], lon, lat)
            if metres <= tolerance_m:
                found.append((metres, int(area)))
        return sorted(one for one in found if one[1] < len(self.zones))

    def _border_of(self, area: int) -> tuple[npt.NDArray[Any], STRtree]:
        if area not in self._single:
            pieces = self._pieces[self._owners == area]
            self._single[area] = (pieces, STRtree(pieces))
        return self._single[area]


def protected_outline(zones: Sequence[Zone]) -> BaseGeometry | None:
    """Return the union of the members' zones, with the slivers between members closed.

    Only gaps that touch two members are closed, and never at the cost of a zone that is no
    member's: the outer border stays exactly the members' own.
    """
    members = np.array([zone.area for zone in zones if zone.is_protected], dtype=object)
    if not members.size:
        return None
    union = shapely.union_all(members)
    if members.size == 1:
        return union
    closed = shapely.buffer(
        shapely.buffer(union, _SLIVER_DEG, quad_segs=1), -_SLIVER_DEG, quad_segs=1
    )
    gaps = shapely.get_parts(shapely.difference(closed, union))
    # The query prepares its input, not what stands in the tree: members are the large ones.
    touched = STRtree(gaps).query(members, predicate="dwithin", distance=_TOUCH_DEG)[1]
    between = gaps[np.bincount(touched, minlength=len(gaps)) >= 2]
    if not len(between):
        return union
    others = [zone.area for zone in zones if not zone.is_protected and not zone.is_region]
    # Corners of a gap are computed and miss a sloping border by a hair, which must not stay open.
    grown = shapely.buffer(_without(between, others), _TOUCH_DEG, quad_segs=1)
    return shapely.union_all([union, *_without(grown, others)])


def _without(gaps: npt.NDArray[Any], others: Sequence[BaseGeometry]) -> npt.NDArray[Any]:
    left = gaps.copy()
    for area in others:
        meets = shapely.intersects(area, left)
        left[meets] = shapely.difference(left[meets], area)
    return left


def _border_pieces(areas: Sequence[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Cut all borders into short lines; return them with the index of their area, both (m,)."""
    pieces: list[Any] = []
    owners: list[int] = []
    for index, area in enumerate(areas):
        for ring in shapely.get_rings(shapely.get_parts(area)):
            points = shapely.get_coordinates(ring)
            for start in range(0, len(points) - 1, _PIECE_SEGMENTS):
                pieces.append(shapely.linestrings(points[start : start + _PIECE_SEGMENTS + 1]))
                owners.append(index)
    return np.array(pieces, dtype=object), np.array(owners, dtype=np.int64)


def _box_around(lon: float, lat: float, metres: float) -> Polygon:
    """Return a box that holds all points within a distance (for distances up to ~1,000 km)."""
    furthest = min(abs(lat) + metres / 110_000.0, 89.9)
    per_lon, _ = metres_per_degree(furthest)
    dx, dy = metres / per_lon + 1e-9, metres / 110_000.0 + 1e-9
    return shapely.box(lon - dx, lat - dy, lon + dx, lat + dy)


def _distance_m(pieces: npt.NDArray[Any], lon: float, lat: float) -> float:
    """Return the distance from a point to the nearest of some lines, metres, on a local plane."""
    scale = np.array(metres_per_degree(lat))
    local = shapely.transform(pieces, lambda points: (points - (lon, lat)) * scale)
    return float(np.min(shapely.distance(local, shapely.Point(0.0, 0.0))))
