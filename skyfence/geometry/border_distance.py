"""How far it is to a border: one border as short chords in three dimensions, indexed.

A border that is straight in longitude and latitude is cut into chords so short that they part from
it by 1 cm at most. Their ends stand in a k-d tree of positions in space, where no longitude is
short, no pole special and no antimeridian in the way:

    outline, degrees --cut--> chords, metres from the Earth's centre --k-d tree--> the nearest few
                                                                                      |
    point -------------------------------------------------> distance along the surface, accuracy

Does not know on which side of the border a point is (``airspace``).
"""

from collections.abc import Sequence
from math import asin, cos, inf, radians, sin, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from skyfence.geometry.geodesy import WGS84_A_M, WGS84_E2

Floats = npt.NDArray[np.float64]

# Longest chord, metres: it dips 2 mm under the surface.
_CHORD_M: Final = 300.0
# Up to here (tangent of 80 degrees) such a chord is within 1 cm of a parallel; beyond, chords get
# shorter, until 0.01 degrees from the pole.
_STEEP: Final = 5.67
_HIGHEST_DEG: Final = 89.99
# Longest degrees there are, of longitude at the equator and of latitude at a pole, metres.
_LON_DEG_M: Final = 111_320.0
_LAT_DEG_M: Final = 111_695.0
# Mean radius (IUGG): turns a chord into an arc, within 1 cm at 100 km.
_EARTH_M: Final = 6_371_008.8
# So many ends are looked at first; where more may matter, all within reach are.
_ENDS: Final = 8
# Several borders in one tree are kept apart by more than the Earth's diameter.
_APART_M: Final = 1e8
# A lower bound may be this much below, which halves the search, and leaves room for the errors.
_LOOSE: Final = 0.03
_SLACK_M: Final = 0.1


class BorderDistanceIndex:
    """One border, or several as one, with the accuracy of each part."""

    def __init__(
        self, segments: Floats, accuracies_m: Floats, owners: npt.NDArray[np.int64] | None = None
    ) -> None:
        """Take segments (lon0, lat0, lon1, lat1), shape (n, 4), in order along the outlines.

        With ``owners``, which must ascend, each one's border is asked for by itself.
        """
        # A quarter of a second that only those who measure distances need to wait for.
        from scipy.spatial import cKDTree  # noqa: PLC0415

        if owners is None:
            owners = np.zeros(len(segments), np.int64)
        segments, accuracies_m, owners = _of_owners(segments, accuracies_m, owners)
        starts, ends, chord_of = _chords(segments)
        # An owner's number is a fourth coordinate, so far apart that none is nearest to another's.
        layers = owners[chord_of] * _APART_M
        # Where an outline ends, its end stands as one more chord, of no length: so the chords
        # that meet at an end are its own and the one before, whatever the outline.
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
        # A perpendicular from a point meets a chord at most half its length from one end of it.
        self._reach2 = float(lengths2.max(initial=0.0)) / 4.0
        self._tree: Any = cKDTree(self._ends, leafsize=32) if len(self._ends) else None

    def nearest_many(
        self, places: Sequence[tuple[float, float]], owners: Sequence[int]
    ) -> list[tuple[float, float]]:
        """Return how far one owner's border is from each place (lon, lat), and how exact it is.

        Both in metres; without any border the distance is infinite.
        """
        if self._tree is None or not places:
            return [(inf, 0.0)] * len(places)
        points = np.array(
            [
                (*_geocentric(*place), owner * _APART_M)
                for place, owner in zip(places, owners, strict=True)
            ]
        )
        distances_m, ends = self._tree.query(points, k=_ENDS)
        distances2, chords = self._to_chords(points, ends)
        reach_m = np.sqrt(distances_m[:, 0] * distances_m[:, 0] + self._reach2)
        for point in np.flatnonzero(distances_m[:, -1] <= reach_m).tolist():
            near = np.array([self._tree.query_ball_point(points[point], reach_m[point])])
            (distances2[point],), (chords[point],) = self._to_chords(
                points[point : point + 1], near
            )
        accuracies_m = self._accuracies_m[chords].tolist()
        arcs_m = [_arc_m(sqrt(metres2)) for metres2 in distances2.tolist()]
        return list(zip(arcs_m, accuracies_m, strict=True))

    def _to_chords(
        self, points: Floats, ends: npt.NDArray[np.int64]
    ) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return how far each point is from the chords that meet at some ends, and at which.

        Ends are numbered, shape (points, any); those that the tree did not find have one number
        too many.
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

    def at_least_m(self, lons: Floats, lats: Floats) -> Floats:
        """Return for each point a distance that it keeps from the border, at 97 % of the true."""
        if self._tree is None:
            return np.full(len(lons), inf)
        points = geocentric(lons, lats)
        points = np.column_stack((points, np.zeros(len(points))))
        distances_m, _ = self._tree.query(points, eps=_LOOSE)
        least2 = np.square(distances_m / (1.0 + _LOOSE)) - self._reach2
        least_m: Floats = np.sqrt(np.maximum(least2, 0.0)) - _SLACK_M
        return np.maximum(least_m, 0.0)


def geocentric(lons: Floats, lats: Floats) -> Floats:
    """Return positions on the ellipsoid from the Earth's centre, shape (n, 3), metres."""
    lon, lat = np.radians(lons), np.radians(lats)
    normal = WGS84_A_M / np.sqrt(1.0 - WGS84_E2 * np.sin(lat) ** 2)
    out = normal * np.cos(lat)
    up = normal * (1.0 - WGS84_E2) * np.sin(lat)
    return np.stack((out * np.cos(lon), out * np.sin(lon), up), axis=-1)


def _geocentric(lon: float, lat: float) -> tuple[float, float, float]:
    """Return the position of one point; for one, this is ten times as fast."""
    x, y = radians(lon), radians(lat)
    normal = WGS84_A_M / sqrt(1.0 - WGS84_E2 * sin(y) ** 2)
    out = normal * cos(y)
    return out * cos(x), out * sin(x), normal * (1.0 - WGS84_E2) * sin(y)


def _arc_m(chord_m: float) -> float:
    return 2.0 * _EARTH_M * asin(min(chord_m / (2.0 * _EARTH_M), 1.0))


def longest_m(segments: Floats) -> Floats:
    """Return what each segment's way along the surface is at most, metres."""
    lats = np.abs(segments[:, 1::2])
    crosses_equator = segments[:, 1] * segments[:, 3] < 0.0
    lowest = np.where(crosses_equator, 0.0, lats.min(axis=1))
    # 1.0034: a parallel of the ellipsoid against one of a sphere, at most.
    east_m = (segments[:, 2] - segments[:, 0]) * _LON_DEG_M * 1.0034 * np.cos(np.radians(lowest))
    return np.hypot(east_m, (segments[:, 3] - segments[:, 1]) * _LAT_DEG_M)


def _chords(segments: Floats) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Cut segments into chords; return their starts, their ends and whose each is."""
    highest = np.minimum(np.abs(segments[:, 1::2]).max(axis=1, initial=0.0), _HIGHEST_DEG)
    steep = np.maximum(np.tan(np.radians(highest)) / _STEEP, 1.0)
    counts = np.ceil(longest_m(segments) * np.sqrt(steep) / _CHORD_M).astype(np.int64)
    owners = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    from_, span = segments[owners, :2], (segments[:, 2:] - segments[:, :2])[owners]
    start = from_ + span * (nth / counts[owners])[:, None]
    end = from_ + span * ((nth + 1) / counts[owners])[:, None]
    last = nth + 1 == counts[owners]
    end[last] = segments[owners[last], 2:]  # as the next segment begins, to the last bit
    return geocentric(*start.T), geocentric(*end.T), owners


def _row_dot(first: Floats, second: Floats) -> Floats:
    """Return the products of vectors, summed in one order however many there are."""
    total: Floats = first[..., 0] * second[..., 0]
    for axis in range(1, first.shape[-1]):
        total = total + first[..., axis] * second[..., axis]
    return total


def _of_owners(
    segments: Floats, accuracies_m: Floats, owners: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """Leave the seams out of each owner's border."""
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
    """Leave out what only the map needs: edges along a pole, and along 180 degrees from both sides.

    An area over the antimeridian is cut there; the cut is no border of it.
    """
    lon0, lat0, lon1, lat1 = segments.T
    at_pole = (np.abs(lat0) == 90.0) & (lat0 == lat1)
    at_cut = (np.abs(lon0) == 180.0) & (lon0 == lon1) & ~at_pole
    plain = ~(at_pole | at_cut)
    if not at_cut.any():
        return segments[plain], accuracies_m[plain]
    left, left_m = _one_sided(segments[at_cut], accuracies_m[at_cut])
    return np.vstack((segments[plain], left)), np.append(accuracies_m[plain], left_m)


def _one_sided(seams: Floats, accuracies_m: Floats) -> tuple[Floats, Floats]:
    """Return the stretches of the antimeridian that segments follow on one side only."""
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
