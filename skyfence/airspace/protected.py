"""The alliance's protected airspace: one outline of the members' zones, and its accuracy.

Neighbours' outlines leave narrow gaps between them. Those between two members are closed, because a
path from one to the other is no violation. Only zones without limits of height or time are joined:
each of the others is protected by itself while its limits hold (``airspace``).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from skyfence.geometry.arrays import Floats
from skyfence.geometry.border_index import BorderSegmentIndex
from skyfence.zones.limits import limits_of
from skyfence.zones.zone_file import Zone

# Outlines of neighbours leave slivers up to ~200 m between them (380 m on the Danube between
# Romania and Bulgaria); half of 0.004 degrees closes those. See geodata/README.md.
_SLIVER_DEG: Final = 0.002
# How far around members' common borders slivers are looked for: five times as far as closing them
# reaches, so that none is cut off at the edge.
_AROUND_DEG: Final = 0.01
_SQUARE_DEG: Final = 0.05
# A point within this of a border touches it: 0.1 mm is far more than rounding moves a computed
# point off a sloping border, and far less than any sensor's accuracy.
TOUCH_DEG: Final = 1e-9


def protected_outline(zones: Sequence[Zone]) -> BaseGeometry | None:
    """Return the union of the members' zones with the slivers between members closed, or None.

    Members' zones with limits of height or time are left out; None where no zone is left. Only gaps
    that touch two members are closed, and ground of another nation's zone stays out: towards
    non-members the border is exactly the members' own.
    """
    members = np.array([zone.area for zone in zones if _is_joined(zone)], dtype=object)
    if not members.size:
        return None
    others = [zone.area for zone in zones if not zone.is_protected and not zone.is_region]
    gaps = _without(_gaps_between(members), others)
    # A gap's corners are computed and may miss a sloping border by a hair: close that, too.
    grown = _without(shapely.buffer(gaps, TOUCH_DEG, quad_segs=1), others)
    # The thousands of gaps are joined first: at once with the members takes six times as long.
    return shapely.union(shapely.union_all(members), shapely.union_all(grown))


def _gaps_between(members: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the slivers that touch two or more of the members' outlines, as polygons.

    Found near members' common borders alone: elsewhere outlines have indentations by the ten
    thousand, which take most of the time and touch a single member.
    """
    shapely.prepare(members)
    parts = shapely.intersection(members, _about_common_borders(members))
    union = shapely.union_all(parts)
    closed = shapely.buffer(
        shapely.buffer(union, _SLIVER_DEG, quad_segs=1), -_SLIVER_DEG, quad_segs=1
    )
    gaps: npt.NDArray[Any] = shapely.get_parts(shapely.difference(closed, union))
    # STRtree prepares what it is asked about, not its content: the members are the large ones.
    touched = STRtree(gaps).query(members, predicate="dwithin", distance=TOUCH_DEG)[1]
    return gaps[np.bincount(touched, minlength=len(gaps)) >= 2]


def _about_common_borders(members: npt.NDArray[Any]) -> BaseGeometry:
    """Return the ground about all places where two members' outlines leave a sliver at most."""
    borders = BorderSegmentIndex(list(members))
    member, piece = borders.tree.query(members, predicate="dwithin", distance=2 * _SLIVER_DEG)
    common = np.unique(piece[borders.owners[piece] != member])
    low, high = np.hsplit(shapely.bounds(borders.lines[common]), 2)
    # In whole squares, of which many are the same: joining them is quicker.
    west, south = (np.floor((low - _AROUND_DEG) / _SQUARE_DEG) * _SQUARE_DEG).T
    east, north = (np.ceil((high + _AROUND_DEG) / _SQUARE_DEG) * _SQUARE_DEG).T
    boxes = np.unique(np.column_stack((west, south, east, north)), axis=0)
    return shapely.union_all(shapely.box(*boxes.T))


def _without(gaps: npt.NDArray[Any], others: Sequence[BaseGeometry]) -> npt.NDArray[Any]:
    left = gaps.copy()
    for area in others:
        shapely.prepare(area)
        meets = shapely.intersects(area, left)
        left[meets] = shapely.difference(left[meets], area)
    return left


def nearest_accuracies(segments: Floats, pieces: npt.NDArray[Any], accuracies_m: Floats) -> Floats:
    """Return for each segment (n, 4) of an outline the accuracy of its border, (n,), metres.

    It is the accuracy of the border piece nearest to the segment's middle; ``pieces`` are lines,
    ``accuracies_m`` theirs, both (m,). Where several members' borders run together, the least
    accurate counts.
    """
    middles = (segments[:, :2] + segments[:, 2:]) / 2.0
    points = np.array(shapely.points(middles), dtype=object)
    tree = STRtree(pieces)
    low, high = middles - TOUCH_DEG, middles + TOUCH_DEG
    segment, piece = tree.query(shapely.box(*low.T, *high.T))
    touches = shapely.dwithin(points[segment], pieces[piece], TOUCH_DEG)
    nearest_m = np.full(len(segments), -1.0)
    np.maximum.at(nearest_m, segment[touches], accuracies_m[piece[touches]])
    alone = np.flatnonzero(nearest_m < 0.0)  # edges over a closed sliver
    nearest_m[alone] = accuracies_m[tree.nearest(points[alone])]
    return nearest_m


def _is_joined(zone: Zone) -> bool:
    return zone.is_protected and limits_of(zone) is None
