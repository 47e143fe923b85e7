"""Areas out of a collection: what a placemark of polygons and a pin means as a zone.

KML may put anything into a MultiGeometry, nested too. Its areas are the zone; what is none is left
out and named. A collection without an area stays as it is, which is an error later (``repair``).
"""

from collections.abc import Iterator

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from skyfence.zones.finding import Finding


def only_areas(geometry: BaseGeometry) -> tuple[BaseGeometry, tuple[Finding, ...]]:
    """Return the areas of a collection as one, and a remark for each part that is none.

    Any other geometry is returned as it is. Areas that overlap stay apart, for ``repair`` to say.
    """
    if geometry.geom_type != "GeometryCollection":
        return geometry, ()
    parts = list(_parts(geometry))
    areas = [part for part in parts if isinstance(part, Polygon)]
    if not areas:
        return geometry, ()
    others = [part for part in parts if not isinstance(part, Polygon)]
    return (areas[0] if len(areas) == 1 else MultiPolygon(areas)), tuple(map(_left_out, others))


def _left_out(part: BaseGeometry) -> Finding:
    place = part.representative_point()
    reason = f"a {part.geom_type} beside its areas is left out"
    return Finding("", reason, (place.x, place.y), "remark")


def _parts(geometry: BaseGeometry) -> Iterator[BaseGeometry]:
    """Yield the simple parts of a geometry, however deep they are nested; empty ones are none."""
    for part in shapely.get_parts(geometry):
        if part.geom_type.startswith("Multi") or part.geom_type == "GeometryCollection":
            yield from _parts(part)
        elif not part.is_empty:
            yield part
