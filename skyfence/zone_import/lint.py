"""Likely mistakes in a zone file: zones compared with one another and with where countries lie.

The strict parse (``zones.zone_file``) finds what is impossible; this finds what is possible and
rarely meant. Outlines of real neighbours overlap and leave slivers, so narrow ones are only
counted. Does not read files and reads no clock: the time to judge validity by arrives as data.
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
from skyfence.zones.finding import Finding
from skyfence.zones.zone_file import LocatedZone, Zone

# Borders in real files differ by up to this much where they mean the same line.
_SAME_LINE_M: Final = 100.0

Box = tuple[float, float, float, float]  # west, south, east, north


@dataclass(frozen=True)
class _Overlap:
    first: LocatedZone
    second: LocatedZone
    parts: list[Polygon]

    @property
    def widest(self) -> tuple[float, Polygon]:
        """Return the width of the widest part, metres, and that part."""
        return max(((width_m(part), part) for part in self.parts), key=lambda sized: sized[0])


def lint_zones(
    located_zones: Sequence[LocatedZone],
    where: str,
    *,
    at: datetime | None,
    extents: Mapping[str, Box],
) -> list[Finding]:
    """Return errors, warnings and remarks about the zones of a file, which ``where`` names.

    ``at`` is the time to judge validity by (None: do not); ``extents`` holds the boxes of
    countries, degrees, by identifier.
    """
    findings = [
        *repeated(located_zones),
        *_narrow(located_zones),
        *swapped(located_zones, extents),
    ]
    findings += [*_overlaps(located_zones, where), *_between_members(located_zones, where)]
    return findings + ([] if at is None else _not_valid(located_zones, at))


def repeated(located_zones: Sequence[LocatedZone]) -> list[Finding]:
    """Return an error for each zone that has an earlier zone's identifier, and so its channel."""
    first: dict[str, str] = {}
    findings: list[Finding] = []
    for located in located_zones:
        if located.zone.id in first:
            findings.append(
                Finding(located.where, f"its id stood before, in {first[located.zone.id]}")
            )
        first.setdefault(located.zone.id, located.where)
    return findings


def _narrow(located_zones: Sequence[LocatedZone]) -> list[Finding]:
    """Warn of zones narrower than their border's accuracy: no track is surely in them."""
    findings: list[Finding] = []
    for located in located_zones:
        width, part = max(
            ((width_m(part), part) for part in polygons(located.zone.area)),
            key=lambda sized: sized[0],
        )
        accuracy_m = located.zone.properties.accuracy_m
        if width < accuracy_m:
            reason = f"its width of {width:.0f} m is less than its accuracy_m of {accuracy_m:g}"
            findings.append(Finding(located.where, reason, inner_place(part), "warning"))
    return findings


def swapped(located_zones: Sequence[LocatedZone], extents: Mapping[str, Box]) -> list[Finding]:
    """Warn of zones that lie in their country only if longitude and latitude are exchanged."""
    boxes = [_box(located.zone) for located in located_zones]
    findings: list[Finding] = []
    for number, (located, box) in enumerate(zip(located_zones, boxes, strict=True)):
        home = extents.get(located.zone.properties.country or "")
        others = boxes[:number] + boxes[number + 1 :]
        home = home or (_around(others) if others else None)
        turned = (box[1], box[0], box[3], box[2])
        if home is not None and not _meet(box, home) and _meet(turned, home):
            reason = "longitude and latitude look exchanged"
            findings.append(
                Finding(located.where, reason, inner_place(located.zone.area), "warning")
            )
    return findings


def _overlaps(located_zones: Sequence[LocatedZone], where: str) -> list[Finding]:
    """Warn of zones of the same kind that overlap by more than two drawings of a border do."""
    findings: list[Finding] = []
    narrow: list[tuple[float, Polygon]] = []
    for overlap in _overlapping(located_zones):
        first, second = overlap.first.zone, overlap.second.zone
        accuracy_m = max(first.properties.accuracy_m, second.properties.accuracy_m)
        width, widest = overlap.widest
        if width <= max(_SAME_LINE_M, 2 * accuracy_m):
            narrow += [(width_m(part), part) for part in overlap.parts]
            continue
        shared = _km2(overlap.parts)
        reason = f"overlaps {second.id} by {shared} km2, {width:.0f} m wide"
        findings.append(Finding(overlap.first.where, reason, inner_place(widest), "warning"))
    if narrow:
        reason = "narrow overlaps of zones of one kind"
        findings.append(_summary(where, reason, narrow))
    return findings


def _overlapping(located_zones: Sequence[LocatedZone]) -> list[_Overlap]:
    overlaps: list[_Overlap] = []
    ordered = sorted(located_zones, key=lambda located: located.zone.properties.kind)
    for _, group in groupby(ordered, key=lambda located: located.zone.properties.kind):
        same = list(group)
        areas = np.array([located.zone.area for located in same], dtype=object)
        pairs = STRtree(areas).query(areas, predicate="intersects")
        for first, second in sorted(pairs[:, pairs[0] < pairs[1]].T.tolist()):
            if not _share_height_and_time(same[first].zone, same[second].zone):
                continue
            parts = polygons(shapely.intersection(areas[first], areas[second]))
            overlaps += [_Overlap(same[first], same[second], parts)] if parts else []
    return overlaps


def _share_height_and_time(first: Zone, second: Zone) -> bool:
    """Tell whether two zones that overlap on the map can hold an object at the same time."""
    first_properties, second_properties = first.properties, second.properties
    if first_properties.vertical_ref == second_properties.vertical_ref and _apart(
        (first_properties.floor_m, first_properties.ceiling_m),
        (second_properties.floor_m, second_properties.ceiling_m),
    ):
        return False
    return not _apart(
        (first_properties.valid_from, first_properties.valid_until),
        (second_properties.valid_from, second_properties.valid_until),
    )


def _apart(first: tuple[Any, Any], second: tuple[Any, Any]) -> bool:
    """Tell whether two spans (start, end) share no more than an end; None is unbounded."""
    return any(
        end is not None and start is not None and end <= start
        for end, start in ((first[1], second[0]), (second[1], first[0]))
    )


def _between_members(located_zones: Sequence[LocatedZone], where: str) -> list[Finding]:
    """Count the slivers between members that are closed, and the gaps that stay open."""
    members = [located.zone for located in located_zones if located.zone.is_protected]
    outline = (
        protected_outline([located.zone for located in located_zones]) if len(members) > 1 else None
    )
    if outline is None:
        return []
    union = shapely.union_all([zone.area for zone in members])
    slivers = [(width_m(part), part) for part in polygons(shapely.difference(outline, union))]
    holes = [Polygon(ring) for part in polygons(outline) for ring in part.interiors]
    others = [located.zone.area for located in located_zones if not located.zone.is_protected]
    free = polygons(shapely.difference(shapely.union_all(holes), shapely.union_all(others)))
    gaps = [(width_m(part), part) for part in free]
    findings = [_summary(where, "slivers between members, closed", slivers)] if slivers else []
    findings += [_summary(where, "gaps enclosed by members, left open", gaps)] if gaps else []
    return findings


def _not_valid(located_zones: Sequence[LocatedZone], at: datetime) -> list[Finding]:
    findings: list[Finding] = []
    for located in located_zones:
        start, end = located.zone.properties.valid_from, located.zone.properties.valid_until
        if end is not None and end <= at:
            findings.append(Finding(located.where, f"expired at {end}", severity="remark"))
        if start is not None and start > at:
            findings.append(Finding(located.where, f"not valid before {start}", severity="remark"))
    return findings


def _summary(where: str, label: str, parts: Sequence[tuple[float, Polygon]]) -> Finding:
    width, widest = max(parts, key=lambda sized: sized[0])
    covered = _km2([part for _, part in parts])
    reason = f"{label}: {len(parts)}, together {covered} km2, the widest {width:.0f} m"
    return Finding(where, reason, inner_place(widest), "remark")


def _km2(parts: Sequence[Polygon]) -> str:
    return f"{sum(map(area_m2, parts)) / 1e6:.3f}"


def _box(zone: Zone) -> Box:
    west, south, east, north = zone.area.bounds
    return west, south, east, north


def _around(boxes: Sequence[Box]) -> Box:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _meet(first: Box, second: Box) -> bool:
    return (
        first[0] <= second[2]
        and second[0] <= first[2]
        and first[1] <= second[3]
        and second[1] <= first[3]
    )
