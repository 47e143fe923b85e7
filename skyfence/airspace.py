"""Where a point or a path is among the zones: exact answers, indexed.

Zones are closed sets, planar in longitude and latitude. Their borders are cut into short pieces in
one STR tree, so that a segment meets only the few it may cross. The protected airspace of the
alliance (the union of the members' zones, the slivers between them closed) is kept as one more
area, behind the last zone, because "moved from one member to another" is no violation.

    area   0 .. n-1   the zones of the set
           n          the union of the members' zones without limits of height or time, if any

A member's zone with limits is protected by itself, while they hold: an object is in the protected
airspace if it is in any of ``protected_areas``, the union first. All answers here are horizontal;
``within_limits`` tells which areas also hold a time and a height, and ``path`` when that changes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from skyfence.border import Border, Floats
from skyfence.geodesy import Leg, metres_per_degree
from skyfence.limits import Limits, Side, limits_of
from skyfence.protected import TOUCH_DEG, nearest_accuracies, protected_outline
from skyfence.rays import Rays, segments_of
from skyfence.zones import VerticalRef, Zone, ZoneSet

__all__ = ["Airspace", "Side", "protected_outline"]

# Short enough that a box around a piece is hardly larger than it, long enough that the tree
# stays small: 400,000 vertices make 25,000 pieces.
_PIECE_SEGMENTS: Final = 16


class Airspace:
    """The zones of a set, ready to be asked."""

    def __init__(self, zones: ZoneSet) -> None:
        self.zones: tuple[Zone, ...] = zones.zones
        self.version = zones.version
        accuracies = [zone.properties.accuracy_m for zone in self.zones if zone.is_region]
        self.widest_region_m = max(accuracies, default=0.0)
        limits = ((n, limits_of(zone.properties)) for n, zone in enumerate(self.zones))
        self.limits: dict[int, Limits] = {n: one for n, one in limits if one is not None}
        areas: list[Any] = [zone.area for zone in self.zones]
        outline = protected_outline(self.zones)
        self.protected: int | None = None if outline is None else len(areas)
        if outline is not None:
            areas.append(outline)
        self.limited_areas = tuple(n for n in self.limits if self.zones[n].is_protected)
        union = () if self.protected is None else (self.protected,)
        self.protected_areas: tuple[int, ...] = (*union, *self.limited_areas)
        self._protecting = frozenset(self.protected_areas)
        self._joined = np.array(
            [zone.is_protected and n not in self.limits for n, zone in enumerate(self.zones)], bool
        )
        members = [zone for n, zone in enumerate(self.zones) if self._joined[n]]
        self.protected_kinds = tuple(sorted({zone.properties.kind for zone in members}))
        self.member_regions = frozenset(
            index
            for index, zone in enumerate(self.zones)
            if zone.is_region and zone.properties.nato
        )
        self._areas = np.array(areas, dtype=object)
        shapely.prepare(self._areas)
        self._boxes = STRtree(list(map(shapely.box, *shapely.bounds(self._areas).T)))
        pieces, owners = _border_pieces(areas)
        self._pieces = pieces
        self._owners = owners
        self._borders = STRtree(pieces)
        self._single: dict[int, Border] = {}

    def outline(self, area: int) -> BaseGeometry:
        """Return the outline of an area."""
        found: BaseGeometry = self._areas[area]
        return found

    def covering(self, lon: float, lat: float) -> frozenset[int]:
        """Return the areas that hold a point, border included."""
        candidates = self._boxes.query(shapely.Point(lon, lat))
        held = shapely.intersects_xy(self._areas[candidates], lon, lat)
        return frozenset(candidates[held].tolist())

    def covering_many(self, lons: Floats, lats: Floats) -> list[frozenset[int]]:
        """Return for each of many points the areas that hold it, border included."""
        point, area = self._boxes.query(shapely.points(lons, lats))
        held = shapely.intersects_xy(self._areas[area], lons[point], lats[point])
        ends = np.cumsum(np.bincount(point[held], minlength=len(lons))).tolist()
        areas = area[held].tolist()
        return [frozenset(areas[start:end]) for start, end in pairwise([0, *ends])]

    def within_limits(
        self,
        areas: Iterable[int],
        time_ms: int,
        altitude_m: float | None,
        altitude_ref: VerticalRef | None,
    ) -> frozenset[int]:
        """Return those areas whose limits, if they have any, hold a time and a height."""
        limits = self.limits
        return frozenset(
            area
            for area in areas
            if area not in limits or limits[area].holds(time_ms, altitude_m, altitude_ref)
        )

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
        found = self._borders.query(_lines(ends), predicate="dwithin", distance=TOUCH_DEG)
        for leg, piece in found.T.tolist():
            met[leg][int(self._owners[piece])].append(piece)
        return met

    def legs_meet(
        self, lons0: Floats, lats0: Floats, lons1: Floats, lats1: Floats
    ) -> npt.NDArray[np.bool_]:
        """Tell for each of many planar legs whether it comes within a touch of any border.

        Those over the antimeridian, which are no planar legs, always do.
        """
        ends = np.stack((lons0, lats0, lons1, lats1), axis=1).reshape(-1, 2, 2)
        low, high = ends.min(axis=1) - TOUCH_DEG, ends.max(axis=1) + TOUCH_DEG
        # Boxes first: with a predicate, the tree prepares each line for the one test or two.
        leg, piece = self._borders.query(shapely.box(*low.T, *high.T))
        lines = _lines(ends)
        meets = np.abs(lons1 - lons0) > 180.0
        meets[leg[shapely.dwithin(lines[leg], self._pieces[piece], TOUCH_DEG)]] = True
        return meets

    def borders_in(self, west: float, south: float, east: float, north: float) -> Floats:
        """Return the border segments near a box: all that meet it, (lon0, lat0, lon1, lat1)."""
        return segments_of(self._pieces[self._borders.query(shapely.box(west, south, east, north))])

    def cuts(self, leg: Leg, pieces: list[int]) -> list[float]:
        """Return where a leg meets border pieces, as fractions 0..1 of the leg, ascending.

        Vertices that it passes within a touch count too: where a leg runs along an edge, rounding
        may hide that the edge ends.
        """
        start = np.array([leg.lon0, leg.lat0])
        along = np.array([leg.lon1, leg.lat1]) - start
        length2 = float(along @ along)
        if length2 == 0.0 or not pieces:
            return []
        line = shapely.LineString([(leg.lon0, leg.lat0), (leg.lon1, leg.lat1)])
        points = shapely.get_coordinates(shapely.intersection(line, self._pieces[pieces])) - start
        vertices = shapely.get_coordinates(self._pieces[pieces]) - start
        off = np.abs(vertices[:, 0] * along[1] - vertices[:, 1] * along[0])
        vertices = vertices[off < TOUCH_DEG * length2**0.5]
        passed = vertices @ along / length2
        passed = passed[(passed > 0.0) & (passed < 1.0)]
        met = np.clip(points @ along / length2, 0.0, 1.0)
        return sorted(set(met.tolist() + passed.tolist()))

    @cached_property
    def rays(self) -> Rays:
        """Return what tells where rays first meet the borders."""
        return Rays(self._pieces, self._owners, self._borders)

    def is_at_border(self, area: int, lon: float, lat: float) -> bool:
        """Tell whether a point lies on an area's border, as far as computed points can."""
        point = shapely.Point(lon, lat)
        near = self._borders.query(point, predicate="dwithin", distance=TOUCH_DEG)
        return bool(np.any(self._owners[near] == area))

    def border_distance_m(self, area: int, lon: float, lat: float) -> float:
        """Return the distance from a point to the nearest border of an area, metres."""
        if area == self.protected and not self.limited_areas:
            return self._outer.nearest(lon, lat)[0]
        if area not in self._single:
            segments = segments_of(self._pieces[self._owners == area])
            self._single[area] = Border(segments, np.zeros(len(segments)))
        return self._single[area].nearest(lon, lat)[0]

    def is_protected_at(self, areas: Collection[int]) -> bool:
        """Tell whether a place that these areas hold is in the protected airspace."""
        return not self._protecting.isdisjoint(areas)

    def protected_border(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the distance to the protected airspace's border and its accuracy, metres.

        The accuracy is that of the member whose border it is. The border is that of the union,
        and of members' zones with limits where they lie outside of it, whether they hold or not.
        """
        return self._outer.nearest(lon, lat)

    def clear_of_protected_m(self, lons: Floats, lats: Floats) -> Floats:
        """Return for each point how far the protected border is at least, metres."""
        return self._outer.at_least_m(lons, lats)

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

    @cached_property
    def _outer(self) -> Border:
        """The border of all that is ever protected, each part with its member's accuracy."""
        segments, accuracies_m = [np.empty((0, 4))], [np.empty(0)]
        accuracy_m = np.array([zone.properties.accuracy_m for zone in self.zones])
        if self.protected is not None:
            segments.append(segments_of(self._pieces[self._owners == self.protected]))
            members = np.append(self._joined, False)[self._owners]
            accuracies_m.append(
                nearest_accuracies(
                    segments[-1], self._pieces[members], accuracy_m[self._owners[members]]
                )
            )
        for area in self.limited_areas:
            pieces = self._pieces[self._owners == area]
            if self.protected is not None:
                pieces = shapely.get_parts(shapely.difference(pieces, self._areas[self.protected]))
            segments.append(segments_of(pieces))
            accuracies_m.append(np.full(len(segments[-1]), accuracy_m[area]))
        return Border(np.vstack(segments), np.concatenate(accuracies_m))


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


def _lines(ends: Floats) -> npt.NDArray[Any]:
    """Return lines between ends (n, 2, 2); one of no length as a point: GEOS asks for it."""
    lines = np.array(shapely.linestrings(ends), dtype=object)
    still = (ends[:, 0] == ends[:, 1]).all(axis=1)
    lines[still] = shapely.points(ends[still, 0])
    return lines


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
