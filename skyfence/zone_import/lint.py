"""Zones compared with one another and with what is known: what is likely a mistake in a file.

The strict parse (``zones``) finds what cannot be; here is what can be and rarely is meant.
Outlines of real neighbours overlap and leave slivers, so that what is narrow is only counted.
Does not read files and reads no clock: the time to judge validity by arrives as data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import numpy as np
import shapely
from shapely import STRtree
from shapely.geometry import Polygon

from skyfence.airspace.protected import protected_outline
from skyfence.geometry.polygons import area_m2, inner_place, polygons, width_m
from skyfence.zones.zone_file import Finding, LocatedZone, Zone

# Borders of real files differ by as much where they mean the same line.
_SAME_LINE_M: Final = 100.0

Box = tuple[float, float, float, float]  # west, south, east, north


@dataclass(frozen=True)
class _Overlap:
    one: LocatedZone
    other: LocatedZone
    parts: list[Polygon]

    @property
    def widest(self) -> tuple[float, Polygon]:
        """Return the part that is widest, and its width in metres."""
        return max(((width_m(part), part) for part in self.parts), key=lambda found: found[0])


def lint_zones(
    placed: Sequence[LocatedZone], where: str, *, at: datetime | None, extents: Mapping[str, Box]
) -> list[Finding]:
    """Return warnings and remarks about the zones of one file.

    ``at`` is the time to judge validity by; ``extents`` says where countries lie.
    """
    found = [*repeated(placed), *_narrow(placed), *_swapped(placed, extents)]
    found += [*_overlaps(placed, where), *_between_members(placed, where)]
    return found + ([] if at is None else _not_valid(placed, at))


def repeated(placed: Sequence[LocatedZone]) -> list[Finding]:
    """Return an error for each zone whose identifier stood before: a channel has one meaning."""
    first: dict[str, str] = {}
    found: list[Finding] = []
    for one in placed:
        if one.zone.id in first:
            found.append(Finding(one.where, f"its id stood before, in {first[one.zone.id]}"))
        first.setdefault(one.zone.id, one.where)
    return found


def _narrow(placed: Sequence[LocatedZone]) -> list[Finding]:
    """Warn of zones that a track cannot be said to be in, because their border is too vague."""
    found: list[Finding] = []
    for one in placed:
        width, part = max(
            ((width_m(part), part) for part in polygons(one.zone.area)), key=lambda found: found[0]
        )
        accuracy_m = one.zone.properties.accuracy_m
        if width < accuracy_m:
            reason = f"its width of {width:.0f} m is less than its accuracy_m of {accuracy_m:g}"
            found.append(Finding(one.where, reason, inner_place(part), "warning"))
    return found


def _swapped(placed: Sequence[LocatedZone], extents: Mapping[str, Box]) -> list[Finding]:
    """Warn of zones that lie where they should only with longitude and latitude exchanged."""
    boxes = [_box(one.zone) for one in placed]
    found: list[Finding] = []
    for number, (one, box) in enumerate(zip(placed, boxes, strict=True)):
        home = extents.get(one.zone.properties.country or "")
        others = boxes[:number] + boxes[number + 1 :]
        home = home or (_around(others) if others else None)
        turned = (box[1], box[0], box[3], box[2])
        if home is not None and not _meet(box, home) and _meet(turned, home):
            reason = "longitude and latitude look exchanged"
            found.append(Finding(one.where, reason, inner_place(one.zone.area), "warning"))
    return found


def _overlaps(placed: Sequence[LocatedZone], where: str) -> list[Finding]:
    """Warn of zones of one kind that overlap by more than a border that is drawn twice."""
    found: list[Finding] = []
    narrow: list[tuple[float, Polygon]] = []
    for overlap in _overlapping(placed):
        one, other = overlap.one.zone, overlap.other.zone
        accuracy_m = max(one.properties.accuracy_m, other.properties.accuracy_m)
        width, widest = overlap.widest
        if width <= max(_SAME_LINE_M, 2 * accuracy_m):
            narrow += [(width_m(part), part) for part in overlap.parts]
            continue
        shared = _km2(overlap.parts)
        reason = f"overlaps {other.id} by {shared} km2, {width:.0f} m wide"
        found.append(Finding(overlap.one.where, reason, inner_place(widest), "warning"))
    if narrow:
        reason = "narrow overlaps of zones of one kind"
        found.append(_summary(where, reason, narrow))
    return found


def _overlapping(placed: Sequence[LocatedZone]) -> list[_Overlap]:
    found: list[_Overlap] = []
    ordered = sorted(placed, key=lambda one: one.zone.properties.kind)
    for _, group in groupby(ordered, key=lambda one: one.zone.properties.kind):
        same = list(group)
        areas = np.array([one.zone.area for one in same], dtype=object)
        pairs = STRtree(areas).query(areas, predicate="intersects")
        for one, other in sorted(pairs[:, pairs[0] < pairs[1]].T.tolist()):
            if not _share_height_and_time(same[one].zone, same[other].zone):
                continue
            parts = polygons(shapely.intersection(areas[one], areas[other]))
            found += [_Overlap(same[one], same[other], parts)] if parts else []
    return found


def _share_height_and_time(one: Zone, other: Zone) -> bool:
    """Tell whether two zones, one above the other on a map, can hold one object."""
    mine, yours = one.properties, other.properties
    if mine.vertical_ref == yours.vertical_ref and _apart(
        (mine.floor_m, mine.ceiling_m), (yours.floor_m, yours.ceiling_m)
    ):
        return False
    return not _apart((mine.valid_from, mine.valid_until), (yours.valid_from, yours.valid_until))


def _apart(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    """Tell whether two spans have no more than an end in common; None is no end."""
    return any(
        end is not None and start is not None and end <= start
        for end, start in ((one[1], other[0]), (other[1], one[0]))
    )


def _between_members(placed: Sequence[LocatedZone], where: str) -> list[Finding]:
    """Count what lies between the members' zones: what is closed, and what stays open."""
    members = [one.zone for one in placed if one.zone.is_protected]
    outline = protected_outline([one.zone for one in placed]) if len(members) > 1 else None
    if outline is None:
        return []
    union = shapely.union_all([zone.area for zone in members])
    slivers = [(width_m(part), part) for part in polygons(shapely.difference(outline, union))]
    holes = [Polygon(ring) for part in polygons(outline) for ring in part.interiors]
    others = [one.zone.area for one in placed if not one.zone.is_protected]
    free = polygons(shapely.difference(shapely.union_all(holes), shapely.union_all(others)))
    gaps = [(width_m(part), part) for part in free]
    found = [_summary(where, "slivers between members, closed", slivers)] if slivers else []
    found += [_summary(where, "gaps enclosed by members, left open", gaps)] if gaps else []
    return found


def _not_valid(placed: Sequence[LocatedZone], at: datetime) -> list[Finding]:
    found: list[Finding] = []
    for one in placed:
        start, end = one.zone.properties.valid_from, one.zone.properties.valid_until
        if end is not None and end <= at:
            found.append(Finding(one.where, f"expired at {end}", severity="remark"))
        if start is not None and start > at:
            found.append(Finding(one.where, f"not valid before {start}", severity="remark"))
    return found


def _summary(where: str, what: str, parts: Sequence[tuple[float, Polygon]]) -> Finding:
    width, widest = max(parts, key=lambda found: found[0])
    covered = _km2([part for _, part in parts])
    reason = f"{what}: {len(parts)}, together {covered} km2, the widest {width:.0f} m"
    return Finding(where, reason, inner_place(widest), "remark")


def _km2(parts: Sequence[Polygon]) -> str:
    return f"{sum(map(area_m2, parts)) / 1e6:.3f}"


def _box(zone: Zone) -> Box:
    west, south, east, north = zone.area.bounds
    return west, south, east, north


def _around(boxes: Sequence[Box]) -> Box:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _meet(one: Box, other: Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
