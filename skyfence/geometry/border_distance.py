"""How far points are from a border: the border as short chords in three dimensions, indexed.

A border that is straight in longitude and latitude is cut into chords so short that none is more
than 1 cm off it. The chords' ends stand in a k-d tree of positions from the Earth's centre. There
a degree of longitude is not shorter in the north, and neither poles nor the antimeridian are
special cases:

    outline, degrees --cut--> chords, metres from the Earth's centre --k-d tree--> the nearest few
                                                                                      |
    point -------------------------------------------------> distance along the surface, accuracy

Does not know on which side of the border a point is (``airspace``).
"""

from collections.abc import Sequence
from math import inf, sqrt
from typing import Any, Final

import numpy as np

from skyfence.geometry.arrays import Floats, Indices
from skyfence.geometry.geodesy import arc_m, geocentric, geocentric_point

# Longest chord, metres: its middle lies 2 mm under the surface.
_CHORD_M: Final = 300.0
# Up to this tangent of the latitude (80 degrees) such a chord is within 1 cm of the parallel.
# Beyond it chords get shorter, until 0.01 degrees from the pole.
_STEEP: Final = 5.67
_HIGHEST_DEG: Final = 89.99
# The longest degrees on the ellipsoid, metres: of longitude at the equator, of latitude at a pole.
_LON_DEG_M: Final = 111_320.0
_LAT_DEG_M: Final = 111_695.0
# How many of the nearest ends are looked at first; where others could matter, all within reach are.
_NEAREST_ENDS: Final = 8
# Borders of several owners stand in one tree, apart by more than the Earth's diameter.
_OWNER_STEP_M: Final = 1e8
# How much too small a lower bound may be, as a share of the distance: it halves the search. The
# slack leaves room for chords and rounding.
_BOUND_EPS: Final = 0.03
_SLACK_M: Final = 0.1


class BorderDistanceIndex:
    """The border of one owner, or the borders of several, with the accuracy of each segment."""

    def __init__(
        self, segments: Floats, accuracies_m: Floats, owners: Indices | None = None
    ) -> None:
        """Index segments (n, 4) in order along the outlines, with accuracies (n,) in metres.

        ``owners``, shape (n,), ascending, says whose border each segment is; ``distances_m`` then
        measures to one owner's border. Without it all segments are the border of owner 0.
        """
        # Importing it takes 0.25 s, which only processes that measure distances should pay.
        from scipy.spatial import cKDTree  # noqa: PLC0415

        if owners is None:
            owners = np.zeros(len(segments), np.int64)
        segments, accuracies_m, owners = _without_seams_of_owners(segments, accuracies_m, owners)
        starts, ends, chord_of = _chords(segments)
        # The owner is a fourth coordinate: no other owner's chord can be the nearest.
        layers = owners[chord_of] * _OWNER_STEP_M
        # The end of each outline stands as one more chord, of no length. So the chords that meet
        # at end n are always n, which begins there, and n - 1.
        broken = np.any(starts[1:] != ends[:-1], axis=1) | (layers[1:] != layers[:-1])
        last = np.append(np.flatnonzero(broken) + 1, len(starts))[: len(starts)]
        corners = np.column_stack((starts, layers))
        ends_at = np.column_stack((ends[last - 1], layers[last - 1]))
        self._ends = np.insert(corners, last, ends_at, axis=0)
        self._along = np.insert(ends - starts, last, 0.0, axis=0)
        self._accuracies_m = np.insert(
            accuracies_m[chord_of], last, accuracies_m[chord_of[last - 1]]
        )
        lengths2 = _row_dot(self._along, self._along)
        self._per_length2 = np.zeros(len(lengths2))
        np.divide(1.0, lengths2, out=self._per_length2, where=lengths2 > 0.0)
        # The foot of a perpendicular on a chord is at most half its length from one of its ends.
        self._reach2 = float(lengths2.max(initial=0.0)) / 4.0
        self._tree: Any = cKDTree(self._ends, leafsize=32) if len(self._ends) else None

    def distances_m(
        self, places: Sequence[tuple[float, float]], owners: Sequence[int]
    ) -> list[tuple[float, float]]:
        """Return for each place (lon, lat) the distance to its owner's border, and its accuracy.

        Both in metres: the distance along the Earth's surface, within 10 cm, and the accuracy of
        the nearest segment. Without any border at all they are infinite and 0. Precondition: the
        owner has a border; otherwise the distance is half the Earth's circumference.
        """
        if self._tree is None or not places:
            return [(inf, 0.0)] * len(places)
        points = np.array(
            [
                (*geocentric_point(*place), owner * _OWNER_STEP_M)
                for place, owner in zip(places, owners, strict=True)
            ]
        )
        apart_m, ends = self._tree.query(points, k=_NEAREST_ENDS)
        distances2, chords = self._nearest_chords(points, ends)
        reach_m = np.sqrt(apart_m[:, 0] * apart_m[:, 0] + self._reach2)
        for row in np.flatnonzero(apart_m[:, -1] <= reach_m).tolist():
            near = np.array([self._tree.query_ball_point(points[row], reach_m[row])])
            (distances2[row],), (chords[row],) = self._nearest_chords(points[row : row + 1], near)
        accuracies_m = self._accuracies_m[chords].tolist()
        arcs_m = [arc_m(sqrt(metres2)) for metres2 in distances2.tolist()]
        return list(zip(arcs_m, accuracies_m, strict=True))

    def _nearest_chords(self, points: Floats, ends: Indices) -> tuple[Floats, Indices]:
        """Return for each point the nearest chord that meets at its ends: distance squared, index.

        Points have shape (n, 4), ends (n, k): indices into ``_ends``. An index equal to the number
        of ends means "no neighbour within the bound" (scipy's convention).
        """
        ends = np.minimum(ends, len(self._ends) - 1)
        chords = np.concatenate((ends, ends - 1), axis=1)
        along, offset = self._along[chords], points[:, None] - self._ends[chords]
        share = _row_dot(offset[..., :3], along) * self._per_length2[chords]
        share = np.minimum(np.maximum(share, 0.0), 1.0)
        offset[..., :3] -= share[..., None] * along
        distances2 = _row_dot(offset, offset)
        rows = np.arange(len(points))
        best = distances2.argmin(axis=1)
        return distances2[rows, best], chords[rows, best]

    def lower_bounds_m(self, lons: Floats, lats: Floats) -> Floats:
        """Return for each point a lower bound of its distance to owner 0's border, (n,), metres.

        Never below 0; about 97 % of the true distance where that is far more than half a chord
        (150 m); infinite without a border.
        """
        if self._tree is None:
            return np.full(len(lons), inf)
        points = geocentric(lons, lats)
        points = np.column_stack((points, np.zeros(len(points))))
        apart_m, _ = self._tree.query(points, eps=_BOUND_EPS)
        least2 = np.square(apart_m / (1.0 + _BOUND_EPS)) - self._reach2
        least_m: Floats = np.sqrt(np.maximum(least2, 0.0)) - _SLACK_M
        return np.maximum(least_m, 0.0)


def length_bounds_m(segments: Floats) -> Floats:
    """Return upper bounds of the lengths of segments (n, 4) along the surface, (n,), metres."""
    lats = np.abs(segments[:, 1::2])
    crosses_equator = segments[:, 1] * segments[:, 3] < 0.0
    lowest = np.where(crosses_equator, 0.0, lats.min(axis=1))
    # 1.0034: how much longer a parallel of the ellipsoid is than the sphere's, at most.
    east_m = (segments[:, 2] - segments[:, 0]) * _LON_DEG_M * 1.0034 * np.cos(np.radians(lowest))
    return np.hypot(east_m, (segments[:, 3] - segments[:, 1]) * _LAT_DEG_M)


def _chords(segments: Floats) -> tuple[Floats, Floats, Indices]:
    """Cut segments into chords; return their starts and ends (m, 3) and their segments (m,)."""
    highest = np.minimum(np.abs(segments[:, 1::2]).max(axis=1, initial=0.0), _HIGHEST_DEG)
    steep = np.maximum(np.tan(np.radians(highest)) / _STEEP, 1.0)
    counts = np.ceil(length_bounds_m(segments) * np.sqrt(steep) / _CHORD_M).astype(np.int64)
    segment = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
    from_, span = segments[segment, :2], (segments[:, 2:] - segments[:, :2])[segment]
    start = from_ + span * (nth / counts[segment])[:, None]
    end = from_ + span * ((nth + 1) / counts[segment])[:, None]
    last = nth + 1 == counts[segment]
    end[last] = segments[segment[last], 2:]  # the same bits as the next segment's start
    return geocentric(*start.T), geocentric(*end.T), segment


def _row_dot(first: Floats, second: Floats) -> Floats:
    """Return the dot products of vectors in the last axis.

    Summed in a fixed order, so that a vector's product does not depend on how many there are.
    """
    total: Floats = first[..., 0] * second[..., 0]
    for axis in range(1, first.shape[-1]):
        total = total + first[..., axis] * second[..., axis]
    return total


def _without_seams_of_owners(
    segments: Floats, accuracies_m: Floats, owners: Indices
) -> tuple[Floats, Floats, Indices]:
    """Apply ``without_seams`` to the border of each owner by itself."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    parts = zip(np.split(segments, starts)[1:], np.split(accuracies_m, starts)[1:], strict=True)
    borders = [without_seams(*part) for part in parts]
    counts = [len(border) for border, _ in borders]
    return (
        np.vstack([np.empty((0, 4)), *(border for border, _ in borders)]),
        np.concatenate([np.empty(0), *(accuracy_m for _, accuracy_m in borders)]),
        np.repeat(owners[starts], counts),
    )


def without_seams(segments: Floats, accuracies_m: Floats) -> tuple[Floats, Floats]:
    """Return a border's segments (n, 4) and accuracies (n,) without its map's seams.

    Seams are edges along a pole, and edges along longitude 180 that the border follows on both
    sides: an area over the antimeridian is cut there, and the cut is no border of it.
    """
    lon0, lat0, lon1, lat1 = segments.T
    at_pole = (np.abs(lat0) == 90.0) & (lat0 == lat1)
    at_cut = (np.abs(lon0) == 180.0) & (lon0 == lon1) & ~at_pole
    elsewhere = ~(at_pole | at_cut)
    if not at_cut.any():
        return segments[elsewhere], accuracies_m[elsewhere]
    left, left_m = _one_sided(segments[at_cut], accuracies_m[at_cut])
    return np.vstack((segments[elsewhere], left)), np.append(accuracies_m[elsewhere], left_m)


def _one_sided(seams: Floats, accuracies_m: Floats) -> tuple[Floats, Floats]:
    """Return the stretches of longitude 180 that segments follow on one side only."""
    marks = np.unique(seams[:, 1::2])
    middles = (marks[1:] + marks[:-1]) / 2.0
    low, high = np.sort(seams[:, 1::2], axis=1).T
    over = (low[:, None] < middles) & (middles < high[:, None])
    east = seams[:, 0] > 0.0
    one_sided = over[east].any(axis=0) ^ over[~east].any(axis=0)
    owner, stretch = np.nonzero(over & one_sided)
    lons = seams[owner, 0]
    left = np.stack((lons, marks[stretch], lons, marks[stretch + 1]), axis=1)
    return left, accuracies_m[owner]
