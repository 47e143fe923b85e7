"""Which short legs cross borders plainly, many at once: nearly all that meet a border do.

A leg is plain if it keeps clear of every segment near it or cuts it clean through, far enough from
all ends that no rounding can tell otherwise, and cuts no area's border twice. Then all that is to
know is where it cuts whose border:

    leg -> segments near -> beside it, all of them       ()
                         -> some cut, the others beside  ((share of the leg, area), ...)
                         -> anything else                None: look closer (``path``)

Two segments that do not meet have one of their two lines between them; so each pair is decided by
four distances from a line. Knows no sides: who crosses plainly changes them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from skyfence.geometry.border_distance import Floats
from skyfence.geometry.border_index import BorderSegmentIndex, Indices

Mask = npt.NDArray[np.bool_]
# Where a leg meets whose border: a fraction 0..1 of the leg, and the area.
Cuts = tuple[tuple[float, int], ...]
# Far more than a touch (1e-9) and than rounding (1e-13), far less than legs are long.
_CLEAR_DEG: Final = 1e-8


def proper_intersections(pieces: BorderSegmentIndex, ends: Floats) -> list[Cuts | None]:
    """Return what each leg (lon0, lat0, lon1, lat1) cuts, or None where it is not plain."""
    cuts_of_legs: list[Cuts | None] = [()] * len(ends)
    low = np.minimum(ends[:, :2], ends[:, 2:]) - _CLEAR_DEG
    high = np.maximum(ends[:, :2], ends[:, 2:]) + _CLEAR_DEG
    leg, segment = pieces.segments_near(low, high)
    leg, segment = _in_boxes(pieces, low, high, leg, segment)
    cut, unclear, share = _cut(ends[leg], pieces.segments[segment])
    for at in np.flatnonzero(cut).tolist():
        number, area = int(leg[at]), int(pieces.segment_owners[segment[at]])
        cuts = cuts_of_legs[number]
        if cuts is not None:
            twice = any(area == other for _, other in cuts)
            cuts_of_legs[number] = None if twice else (*cuts, (float(share[at]), area))
    for number in leg[unclear].tolist():
        cuts_of_legs[number] = None
    for number in np.flatnonzero(np.abs(ends[:, 2] - ends[:, 0]) > 180.0).tolist():
        cuts_of_legs[number] = None  # over the antimeridian
    return cuts_of_legs


def _in_boxes(
    pieces: BorderSegmentIndex, low: Floats, high: Floats, leg: Indices, segment: Indices
) -> tuple[Indices, Indices]:
    """Keep the segments whose boxes meet their legs' boxes: the others are beside."""
    x0, y0, x1, y1 = pieces.segments[segment].T
    (west, south), (east, north) = low[leg].T, high[leg].T
    meets = (np.minimum(x0, x1) <= east) & (np.maximum(x0, x1) >= west)
    meets &= (np.minimum(y0, y1) <= north) & (np.maximum(y0, y1) >= south)
    return leg[meets], segment[meets]


def _cut(legs: Floats, segments: Floats) -> tuple[Mask, Mask, Floats]:
    """Tell which legs cut their segments plainly, which do not keep clear, and where they cut."""
    # One border may be two areas', told in either order: both must be cut at the same bit.
    turned = segments[:, 0] > segments[:, 2]
    turned |= (segments[:, 0] == segments[:, 2]) & (segments[:, 1] > segments[:, 3])
    segments = np.where(turned[:, None], segments[:, [2, 3, 0, 1]], segments)
    of_segment = _off(segments, legs[:, :2]), _off(segments, legs[:, 2:])
    of_leg = _off(legs, segments[:, :2]), _off(legs, segments[:, 2:])
    low = [np.minimum(*pair) for pair in (of_segment, of_leg)]
    high = [np.maximum(*pair) for pair in (of_segment, of_leg)]
    beside = (low[0] > _CLEAR_DEG) | (high[0] < -_CLEAR_DEG)
    beside |= (low[1] > _CLEAR_DEG) | (high[1] < -_CLEAR_DEG)
    cut = (low[0] < -_CLEAR_DEG) & (high[0] > _CLEAR_DEG)
    cut &= (low[1] < -_CLEAR_DEG) & (high[1] > _CLEAR_DEG)
    before, after = of_segment
    share = before / np.where(cut, before - after, 1.0)
    return cut, ~(beside | cut), share


def _off(lines: Floats, points: Floats) -> Floats:
    """Return how far points are off lines, to the left; 0 where a line has no length."""
    x, y = lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]
    length = np.sqrt(x * x + y * y)
    off: Floats = x * (points[:, 1] - lines[:, 1]) - y * (points[:, 0] - lines[:, 0])
    return off / np.where(length > 0.0, length, 1.0)
