"""Which short legs cross borders properly, many at once: nearly all that meet a border do.

Two segments intersect properly if each has its ends on different sides of the other, all four well
off the other's line, so that no rounding can change the answer. A leg is clear if it is as far off
every segment nearby, or intersects it properly, and cuts no area's border twice. Of a clear leg
only one thing need be known, where it cuts which border:

    leg -> segments nearby -> beside all of them                      ()
                           -> cuts some properly, beside the others   ((share of leg, area), ...)
                           -> anything else                           None: see ``transitions``

Two segments that do not meet have one of their two lines between them, so each pair is decided by
four distances from a line. Does not know sides: each cut of a clear leg changes them.
"""

from typing import Final

import numpy as np

from skyfence.geometry.arrays import Floats, Indices, Mask
from skyfence.geometry.border_index import BorderSegmentIndex

# Where a leg cuts which area's border: a fraction 0..1 of the leg, and the area's index.
Cuts = tuple[tuple[float, int], ...]
# Far more than a touch (1e-9) and than rounding (1e-13), far less than legs are long.
_CLEAR_DEG: Final = 1e-8


def proper_intersections(borders: BorderSegmentIndex, legs: Floats) -> list[Cuts | None]:
    """Return what each leg (n, 4) cuts, in no order, or None where the leg is not clear.

    Legs are degrees (lon0, lat0, lon1, lat1). A leg over the antimeridian is never clear.
    """
    cuts_of_legs: list[Cuts | None] = [()] * len(legs)
    low = np.minimum(legs[:, :2], legs[:, 2:]) - _CLEAR_DEG
    high = np.maximum(legs[:, :2], legs[:, 2:]) + _CLEAR_DEG
    leg, segment = borders.segments_near(low, high)
    leg, segment = _in_boxes(borders.segments, low, high, leg, segment)
    proper, unclear, share = _classify(legs[leg], borders.segments[segment])
    for at in np.flatnonzero(proper).tolist():
        number, area = int(leg[at]), int(borders.segment_owners[segment[at]])
        cuts = cuts_of_legs[number]
        if cuts is not None:
            twice = any(area == other for _, other in cuts)
            cuts_of_legs[number] = None if twice else (*cuts, (float(share[at]), area))
    for number in leg[unclear].tolist():
        cuts_of_legs[number] = None
    for number in np.flatnonzero(np.abs(legs[:, 2] - legs[:, 0]) > 180.0).tolist():
        cuts_of_legs[number] = None  # over the antimeridian
    return cuts_of_legs


def _in_boxes(
    segments: Floats, low: Floats, high: Floats, leg: Indices, segment: Indices
) -> tuple[Indices, Indices]:
    """Keep the pairs whose boxes meet: the other segments lie beside their legs."""
    x0, y0, x1, y1 = segments[segment].T
    (west, south), (east, north) = low[leg].T, high[leg].T
    meets = (np.minimum(x0, x1) <= east) & (np.maximum(x0, x1) >= west)
    meets &= (np.minimum(y0, y1) <= north) & (np.maximum(y0, y1) >= south)
    return leg[meets], segment[meets]


def _classify(legs: Floats, segments: Floats) -> tuple[Mask, Mask, Floats]:
    """Compare legs with segments, pair by pair, both (n, 4).

    Return which pairs intersect properly, which are neither that nor clear of one another, and at
    what share of the leg they intersect, each (n,).
    """
    # Two areas may share a border and list it in opposite directions: with the ends in one order
    # both are cut at the same bit.
    turned = segments[:, 0] > segments[:, 2]
    turned |= (segments[:, 0] == segments[:, 2]) & (segments[:, 1] > segments[:, 3])
    segments = np.where(turned[:, None], segments[:, [2, 3, 0, 1]], segments)
    of_segment = _left_offsets(segments, legs[:, :2]), _left_offsets(segments, legs[:, 2:])
    of_leg = _left_offsets(legs, segments[:, :2]), _left_offsets(legs, segments[:, 2:])
    low = [np.minimum(*pair) for pair in (of_segment, of_leg)]
    high = [np.maximum(*pair) for pair in (of_segment, of_leg)]
    beside = (low[0] > _CLEAR_DEG) | (high[0] < -_CLEAR_DEG)
    beside |= (low[1] > _CLEAR_DEG) | (high[1] < -_CLEAR_DEG)
    proper = (low[0] < -_CLEAR_DEG) & (high[0] > _CLEAR_DEG)
    proper &= (low[1] < -_CLEAR_DEG) & (high[1] > _CLEAR_DEG)
    before, after = of_segment
    share = before / np.where(proper, before - after, 1.0)
    return proper, ~(beside | proper), share


def _left_offsets(lines: Floats, points: Floats) -> Floats:
    """Return signed distances of points from lines, to the left positive, (n,), degrees.

    0 where a line has no length.
    """
    x, y = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    length = np.sqrt(x * x + y * y)
    off: Floats = x * (points[:, 1] - lines[:, 1]) - y * (points[:, 0] - lines[:, 0])
    return off / np.where(length > 0.0, length, 1.0)
