"""Where a point or a path is among the zones: exact answers, indexed.

Zones are closed sets, planar in longitude and latitude. Their borders are cut into short pieces in
one STR tree, so that a segment is compared only with the few pieces near it. The protected airspace
of the alliance (the union of the members' zones, with the slivers between them closed) is one more
area after the last zone, because moving from one member to another is no violation.

    area   0 .. n-1   the zones of the set
           n          the union of the members' zones without limits of height or time, if any

A member's zone with limits is protected by itself while they hold: an object is in the protected
airspace if it is in any of ``protected_areas``, the union first. All answers here are horizontal;
``within_limits`` tells which areas also hold a time and a height, and ``transitions`` finds when
that changes along a path.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from skyfence.airspace.protected import TOUCH_DEG, nearest_accuracies, protected_outline
from skyfence.geometry.arrays import Floats
from skyfence.geometry.border_distance import BorderDistanceIndex
from skyfence.geometry.border_index import BorderSegmentIndex, segments_of
from skyfence.geometry.geodesy import Leg, metres_per_degree
from skyfence.geometry.local_plane import box_half_sides_deg, distances_from_origin_m
from skyfence.geometry.proper_intersections import Cuts, proper_intersections
from skyfence.geometry.ray_casting import RayCaster
from skyfence.zones.limits import Limits, Side, limits_of
from skyfence.zones.zone_file import VerticalRef, Zone, ZoneSet

__all__ = ["Airspace", "Side", "protected_outline"]


class Airspace:
    """The zones of a set and their borders, indexed. Areas are named by their index."""

    def __init__(self, zones: ZoneSet) -> None:
        self.zones: tuple[Zone, ...] = zones.zones
        self.version = zones.version
        accuracies = [zone.properties.accuracy_m for zone in self.zones if zone.is_region]
        self.widest_region_m = max(accuracies, default=0.0)
        self.limits = _limits_by_area(self.zones)
        areas: list[Any] = [zone.area for zone in self.zones]
        outline = protected_outline(self.zones)
        self.protected: int | None = None if outline is None else len(areas)
        if outline is not None:
            areas.append(outline)
        self.limited_areas = tuple(n for n in self.limits if self.zones[n].is_protected)
        union = () if self.protected is None else (self.protected,)
        self.protected_areas: tuple[int, ...] = (*union, *self.limited_areas)
        # The area whose border is the protected border, if that is the border of a single area.
        self.outer_area = None if self.limited_areas else self.protected
        self._protecting = frozenset(self.protected_areas)
        self._joined = np.array(
            [zone.is_protected and n not in self.limits for n, zone in enumerate(self.zones)], bool
        )
        members = [zone for n, zone in enumerate(self.zones) if self._joined[n]]
        self.protected_kinds = tuple(sorted({zone.properties.kind for zone in members}))
        regions = [n for n, zone in enumerate(self.zones) if zone.is_region]
        self.member_regions = frozenset(n for n in regions if self.zones[n].properties.nato)
        self._areas = np.array(areas, dtype=object)
        shapely.prepare(self._areas)
        self._boxes = STRtree(list(map(shapely.box, *shapely.bounds(self._areas).T)))
        self._borders = BorderSegmentIndex(areas)

    def outline(self, area: int) -> BaseGeometry:
        """Return the outline of an area, a Polygon or MultiPolygon in degrees."""
        outline: BaseGeometry = self._areas[area]
        return outline

    def covering(self, lon: float, lat: float) -> frozenset[int]:
        """Return the areas that hold a point (degrees), their borders included."""
        candidates = self._boxes.query(shapely.Point(lon, lat))
        holds = shapely.intersects_xy(self._areas[candidates], lon, lat)
        return frozenset(candidates[holds].tolist())

    def areas_meeting(self, outline: BaseGeometry) -> list[int]:
        """Return the areas that an outline (degrees) meets, ascending."""
        candidates = self._boxes.query(outline)
        met = shapely.intersects(self._areas[candidates], outline)
        return sorted(candidates[met].tolist())

    def covering_many(self, lons: Floats, lats: Floats) -> list[frozenset[int]]:
        """Return for each point what ``covering`` does; longitudes and latitudes are (n,)."""
        point, area = self._boxes.query(shapely.points(lons, lats))
        holds = shapely.intersects_xy(self._areas[area], lons[point], lats[point])
        ends = np.cumsum(np.bincount(point[holds], minlength=len(lons))).tolist()
        areas = area[holds].tolist()
        return [frozenset(areas[start:end]) for start, end in pairwise([0, *ends])]

    def within_limits(
        self,
        areas: Iterable[int],
        time_ms: int,
        altitude_m: float | None,
        altitude_ref: VerticalRef | None,
    ) -> frozenset[int]:
        """Return those of the areas whose limits, if they have any, hold a time and a height.

        The time is milliseconds since 1970. A height or reference that is not known (None) counts
        as within the limits.
        """
        limits = self.limits
        return frozenset(
            area
            for area in areas
            if area not in limits or limits[area].holds(time_ms, altitude_m, altitude_ref)
        )

    def protected_ground(self, lon: float, lat: float, time_ms: int) -> frozenset[int]:
        """Return the protected areas with limits that hold a place (degrees) at a time, any height.

        The time is milliseconds since 1970.
        """
        if not self.limited_areas:
            return frozenset()
        covering = self.covering(lon, lat).intersection(self.limited_areas)
        return self.within_limits(covering, time_ms, None, None)

    def height_depth_m(
        self, areas: Iterable[int], altitude_m: float | None, altitude_ref: VerticalRef | None
    ) -> float:
        """Return how far within the limits of height of any of some areas a height is, metres.

        Negative beyond all of them; infinite where an area has none, or the height is not known.
        """
        depths_m = [
            self.limits[area].height_depth_m(altitude_m, altitude_ref)
            if area in self.limits
            else inf
            for area in areas
        ]
        return max(depths_m, default=inf)

    def side(self, area: int, lon: float, lat: float) -> Side:
        """Return on which side of an area's border a point (degrees) is, or that it is on it."""
        if shapely.contains_xy(self._areas[area], lon, lat):
            return Side.INSIDE
        touches = shapely.intersects_xy(self._areas[area], lon, lat)
        return Side.BORDER if touches else Side.OUTSIDE

    def are_inside(self, areas: Sequence[int], places: Sequence[tuple[float, float]]) -> list[bool]:
        """Tell for each pair of area and place (lon, lat) whether the place is inside.

        On the border is not inside.
        """
        inside = shapely.contains_xy(self._areas[list(areas)], *np.array(places).reshape(-1, 2).T)
        return list(inside.tolist())

    def borders_met(self, legs: Sequence[Leg]) -> dict[int, dict[int, list[int]]]:
        """Return the border pieces within a touch of each leg: by leg, by area, as indices.

        Legs are numbered as given; those that meet no border have no entry.
        """
        if not legs:
            return {}
        ends = np.array([((leg.lon0, leg.lat0), (leg.lon1, leg.lat1)) for leg in legs])
        met: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        pairs = self._borders.tree.query(_lines(ends), predicate="dwithin", distance=TOUCH_DEG)
        for leg, piece in pairs.T.tolist():
            met[leg][int(self._borders.owners[piece])].append(piece)
        return met

    def proper_intersections(self, legs: Floats) -> list[Cuts | None]:
        """Return what each leg (n, 4) cuts: ``()`` for nothing, None where it is not clear."""
        return proper_intersections(self._borders, legs)

    def border_segments_in(self, west: float, south: float, east: float, north: float) -> Floats:
        """Return the border segments near a box in degrees, shape (n, 4).

        All segments that meet the box are among them, and some that only pass near it.
        """
        near = self._borders.tree.query(shapely.box(west, south, east, north))
        return segments_of(self._borders.lines[near])

    def cuts(self, leg: Leg, pieces: list[int]) -> list[float]:
        """Return where a leg meets border pieces (indices), as fractions 0..1 of it, ascending.

        Vertices that the leg passes within a touch count too: where it runs along an edge, rounding
        may hide that the edge ends.
        """
        start = np.array([leg.lon0, leg.lat0])
        along = np.array([leg.lon1, leg.lat1]) - start
        length2 = float(along @ along)
        if length2 == 0.0 or not pieces:
            return []
        line = shapely.LineString([(leg.lon0, leg.lat0), (leg.lon1, leg.lat1)])
        lines = self._borders.lines[pieces]
        points = shapely.get_coordinates(shapely.intersection(line, lines)) - start
        vertices = shapely.get_coordinates(lines) - start
        off = np.abs(vertices[:, 0] * along[1] - vertices[:, 1] * along[0])
        vertices = vertices[off < TOUCH_DEG * length2**0.5]
        passed = vertices @ along / length2
        passed = passed[(passed > 0.0) & (passed < 1.0)]
        met = np.clip(points @ along / length2, 0.0, 1.0)
        return sorted(set(met.tolist() + passed.tolist()))

    @cached_property
    def ray_caster(self) -> RayCaster:
        """Return the caster that tells where rays first hit the borders."""
        return RayCaster(self._borders)

    def is_at_border(self, area: int, lon: float, lat: float) -> bool:
        """Tell whether a point (degrees) lies on an area's border, or within a touch of it."""
        point = shapely.Point(lon, lat)
        near = self._borders.tree.query(point, predicate="dwithin", distance=TOUCH_DEG)
        return bool(np.any(self._borders.owners[near] == area))

    def border_distances_m(
        self, areas: Sequence[int], places: Sequence[tuple[float, float]]
    ) -> list[float]:
        """Return for each pair of area and place (lon, lat) the distance to the area's border.

        Metres. Precondition: no area is ``outer_area``, which is not indexed here; its border is
        the one that ``protected_borders`` measures to.
        """
        return [metres for metres, _ in self._area_borders.distances_m(places, areas)]

    def is_protected_at(self, areas: Collection[int]) -> bool:
        """Tell whether a place is in the protected airspace, given all the areas that hold it."""
        return not self._protecting.isdisjoint(areas)

    def prepare(self) -> None:
        """Index the borders for distances now; for those of Europe this takes over a second.

        Otherwise the first track that is judged waits for it, and so does its alert.
        """
        _ = self._area_borders, self._protected_border

    def border_index(self, areas: Sequence[int]) -> BorderDistanceIndex:
        """Return an index of the borders of some areas together, for distances to the nearest."""
        segments = [segments_of(self._borders.lines_of(area)) for area in areas]
        joined = np.vstack([np.empty((0, 4)), *segments])
        return BorderDistanceIndex(joined, np.zeros(len(joined)))

    def protected_border(self, lon: float, lat: float) -> tuple[float, float]:
        """Return the distance to the protected airspace's border and its accuracy, both metres.

        The border is that of the union, and of members' zones with limits where they lie outside
        the union, whether the limits hold or not. The accuracy is that of the member whose border
        is nearest. Without any border they are infinite and 0.
        """
        return self.protected_borders([(lon, lat)])[0]

    def protected_borders(self, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        """Return for each place (lon, lat) what ``protected_border`` does."""
        return self._protected_border.distances_m(places, [0] * len(places))

    def protected_border_bounds_m(self, lons: Floats, lats: Floats) -> Floats:
        """Return for each point a lower bound of its distance to the protected border, metres."""
        return self._protected_border.lower_bounds_m(lons, lats)

    def near(self, lon: float, lat: float, tolerance_m: float) -> list[tuple[float, int]]:
        """Return the zones within a distance of a point: (metres, index), nearest first.

        A zone that holds the point is at 0 m. Measured on a plane: for up to some 100 km.
        """
        return self.near_many([(lon, lat)], [tolerance_m])[0]

    def near_many(
        self, places: Sequence[tuple[float, float]], tolerances_m: Sequence[float]
    ) -> list[list[tuple[float, int]]]:
        """Return for each place (lon, lat) and distance what ``near`` does."""
        if not places:
            return []
        points, within_m = np.array(places), np.array(tolerances_m)
        reach = [
            box_half_sides_deg(lat, metres)
            for (_, lat), metres in zip(places, within_m, strict=True)
        ]
        place, segment = self._borders.segments_near(points - reach, points + reach)
        scale = np.array([metres_per_degree(lat) for _, lat in places])
        local = self._borders.segments[segment] - np.tile(points, 2)[place]
        metres = distances_from_origin_m(local * np.tile(scale, 2)[place])
        hits = np.flatnonzero(metres <= within_m[place])
        owners = self._borders.segment_owners[segment[hits]]
        apart_m = np.full((len(places), len(self._areas)), inf)
        np.minimum.at(apart_m, (place[hits], owners), metres[hits])
        nearest_m: list[dict[int, float]] = [{} for _ in places]
        for index, area in np.argwhere(np.isfinite(apart_m)).tolist():
            nearest_m[index][area] = float(apart_m[index, area])
        zones = len(self.zones)
        return [
            sorted((metres, area) for area, metres in by_area.items() if area < zones)
            for by_area in (
                by_border | dict.fromkeys(areas, 0.0)
                for by_border, areas in zip(nearest_m, self.covering_many(*points.T), strict=True)
            )
        ]

    @cached_property
    def _area_borders(self) -> BorderDistanceIndex:
        """The border of each area by itself, except ``outer_area``: it is ``_protected_border``."""
        owners = self._borders.segment_owners
        if self.outer_area is None:
            indexed = np.ones(len(owners), dtype=bool)
        else:
            indexed = owners != self.outer_area
        owners = owners[indexed]
        return BorderDistanceIndex(self._borders.segments[indexed], np.zeros(len(owners)), owners)

    @cached_property
    def _protected_border(self) -> BorderDistanceIndex:
        """The border of all that is ever protected, each segment with its member's accuracy."""
        segments, accuracies_m = [np.empty((0, 4))], [np.empty(0)]
        accuracy_m = np.array([zone.properties.accuracy_m for zone in self.zones])
        if self.protected is not None:
            segments.append(segments_of(self._borders.lines_of(self.protected)))
            owners = self._borders.owners
            members = np.append(self._joined, False)[owners]
            accuracies_m.append(
                nearest_accuracies(
                    segments[-1], self._borders.lines[members], accuracy_m[owners[members]]
                )
            )
        for area in self.limited_areas:
            pieces = self._borders.lines_of(area)
            if self.protected is not None:
                pieces = shapely.get_parts(shapely.difference(pieces, self._areas[self.protected]))
            segments.append(segments_of(pieces))
            accuracies_m.append(np.full(len(segments[-1]), accuracy_m[area]))
        return BorderDistanceIndex(np.vstack(segments), np.concatenate(accuracies_m))


def _limits_by_area(zones: Sequence[Zone]) -> dict[int, Limits]:
    """Return the limits of those zones that have any, by the zone's index."""
    limits = ((index, limits_of(zone)) for index, zone in enumerate(zones))
    return {index: own for index, own in limits if own is not None}


def _lines(ends: Floats) -> npt.NDArray[Any]:
    """Return lines between ends (n, 2, 2); where both ends are equal a point, as GEOS requires."""
    lines = np.array(shapely.linestrings(ends), dtype=object)
    still = (ends[:, 0] == ends[:, 1]).all(axis=1)
    lines[still] = shapely.points(ends[still, 0])
    return lines
