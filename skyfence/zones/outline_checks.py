"""Checks of an outline: of its rings as a file has them, and of the area that they make.

    GeoJSON geometry --ring_findings--> rings of positions --(shapely)--> area --outline_findings-->

Does not change an outline (``zone_import.repair``).
"""

import math
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.geometry.polygons import self_crossings
from skyfence.zones.finding import Finding

# Further crossings of an outline are only counted: a wrong file would fill the screen.
_PLACES_NAMED: Final = 20


def ring_findings(geometry: Any, where: str, *, anywhere: bool = False) -> Iterator[Finding]:
    """Yield what is wrong with the rings of a GeoJSON geometry, before it is made an area.

    ``anywhere`` allows positions outside of the world and edges across the antimeridian, for
    coordinates of another reference system and outlines that will be cut.
    """
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        yield Finding(where, f"geometry must be a Polygon or MultiPolygon, got {kind!r}")
        return
    coordinates = geometry.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not all(isinstance(part, list) for part in parts):
        yield Finding(where, f"coordinates are no {kind}'s: {str(coordinates)[:80]}")
        return
    for number, ring in enumerate(ring for part in parts for ring in part):
        if _is_good(ring, anywhere=anywhere):
            continue
        reason = _malformed(ring) or ("" if anywhere else _misplaced(ring))
        if reason:
            yield Finding(where, f"ring {number} {reason}")


def ring_array(ring: Any) -> npt.NDArray[np.float64] | None:
    """Return the positions of a ring, shape (n, 2 or 3), degrees and metres.

    None where it is no list of as many numbers each: then it is to be looked at one by one, which
    takes most of the time in which the default zones are read.
    """
    if not isinstance(ring, list) or set(map(type, ring)) != {list}:
        return None
    if set(map(len, ring)) not in ({2}, {3}):
        return None
    if not set(map(type, chain.from_iterable(ring))) <= {int, float}:
        return None
    try:
        return np.array(ring, np.float64)
    except OverflowError:  # an integer that is too large for a float
        return None


def _is_good(ring: Any, *, anywhere: bool) -> bool:
    """Tell whether nothing is wrong with a ring; where this is not sure it says no."""
    array = ring_array(ring)
    if array is None or len(array) < 4 or not np.isfinite(array).all():
        return False
    if (array[0] != array[-1]).any():
        return False
    lons, lats = array[:, 0], array[:, 1]
    return anywhere or bool(
        np.abs(lons).max() <= 180
        and np.abs(lats).max() <= 90
        and np.abs(np.diff(lons)).max() <= 180
    )


def outline_findings(area: BaseGeometry, where: str) -> list[Finding]:
    """Return why an area in degrees is not valid: the first reason, then each other crossing."""
    if area.is_empty:
        return [Finding(where, "the geometry is empty")]
    if area.is_valid:
        return []
    reason, _, rest = shapely.is_valid_reason(area).partition("[")
    lon, lat = map(float, rest.rstrip("]").split()[:2])
    findings = [Finding(where, f"not a valid area: {reason}", (lon, lat))]
    more = [place for place in self_crossings(area) if math.dist(place, (lon, lat)) > 1e-6]
    findings += [Finding(where, "crosses itself", place) for place in more[:_PLACES_NAMED]]
    if len(more) > _PLACES_NAMED:
        findings.append(
            Finding(where, f"crosses itself in {len(more) - _PLACES_NAMED} more places")
        )
    return findings


def _malformed(ring: Any) -> str:
    """Return why this is no closed ring of positions, or an empty text."""
    if not isinstance(ring, list) or len(ring) < 4:
        return "has fewer than 4 positions"
    bad = [position for position in ring if not _is_position(position)]
    if bad:
        return f"has a bad position: {str(bad[0])[:80]}{_and_more(bad)}"
    if ring[0] != ring[-1]:
        return f"is not closed: {ring[0]} to {ring[-1]}"
    return ""


def _misplaced(ring: list[Any]) -> str:
    """Return why a ring leaves the map or crosses its edge, or an empty text."""
    away = [
        position[:2]
        for position in ring
        if not (-180 <= position[0] <= 180 and -90 <= position[1] <= 90)
    ]
    if away:
        return f"leaves longitude -180..180, latitude -90..90: {away[0]}{_and_more(away)}"
    if any(abs(start[0] - end[0]) > 180 for start, end in pairwise(ring)):
        return "crosses the antimeridian; cut it at longitude 180"
    return ""


def _and_more(same: list[Any]) -> str:
    return f" (and {len(same) - 1} more)" if len(same) > 1 else ""


def _is_position(position: Any) -> bool:
    return isinstance(position, list) and len(position) >= 2 and all(map(_is_finite, position))


def _is_finite(value: object) -> bool:
    # compared, because math.isfinite raises at integers that are too large for a float
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf
