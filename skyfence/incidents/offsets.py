"""How far one track lies from another: two trails compared at the times of their reports.

    trail a  ──x────x────x──▶ time       each x: where is the other trail at that time?
    trail b  ────x────x────x─▶           (between two reports, or carried on for some seconds)
                    └──▶ differences ──▶ their mean, their scatter, how well it is known

Sensors disagree by a bias (a constant offset to east and north) and by their clocks (a constant
offset along the flight). So the mean is told in both frames, and the frame in which the
differences scatter less is the one that counts. Does not judge (``association``).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, radians, sin, sqrt
from statistics import median
from typing import Final

from skyfence.geometry.geodesy import metres_per_degree
from skyfence.incidents.incident import Position
from skyfence.policy.parameters import DRONE_MPS, DetectionParameters
from skyfence.times import to_ms

# Reports further apart in time say too little about one another: a drone turns in 45 s.
COMPARABLE_S: Final = 30.0
# An object that keeps its course for some seconds ends up this share of its way beside it.
_DRIFT_SHARE: Final = 0.1
_UNKNOWN_ACCURACY_M: Final = DetectionParameters.unknown_accuracy_m


@dataclass(frozen=True)
class Difference:
    """Where one trail is, seen from the other, at a time: metres to east and north.

    ``sigma_m`` is one sigma of it in each direction; ``course_deg`` is that of the flight.
    """

    time_s: float
    east_m: float
    north_m: float
    sigma_m: float
    course_deg: float | None

    @property
    def metres(self) -> int:
        """Return the distance."""
        return round(hypot(self.east_m, self.north_m))


@dataclass(frozen=True)
class Offset:
    """The mean of the differences of two trails, and how far they bear it out.

    Metres to east and north, and along the flight and to the right of it (None where no course is
    known). ``sigma_m`` is one sigma of the mean in each direction, ``scatter`` how many sigma a
    difference is off it (1.4 where only the sensors' errors count). ``reports`` counts those of the
    track that has more of them, over ``span_s``. ``last`` is the latest difference.
    """

    east_m: float
    north_m: float
    ahead_m: float | None
    right_m: float | None
    sigma_m: float
    scatter: float
    reports: int
    span_s: float
    speed_mps: float
    last: Difference


@dataclass(frozen=True)
class Expected:
    """The offset that is expected of two sources' tracks: by a bias, or by their clocks.

    Metres to east and north; seconds along the flight (None where no course is known), and metres
    to the right of it. ``known``: enough pairs were joined to hold others to it.
    """

    east_m: float = 0.0
    north_m: float = 0.0
    ahead_s: float | None = None
    right_m: float = 0.0
    known: bool = False

    @classmethod
    def of(cls, offset: Offset) -> "Expected":
        """Return what one pair's offset leads to expect of others."""
        if offset.ahead_m is None or offset.right_m is None or not offset.speed_mps:
            return cls(offset.east_m, offset.north_m)
        ahead_s = round(offset.ahead_m / offset.speed_mps, 2)
        return cls(offset.east_m, offset.north_m, ahead_s, offset.right_m)

    def turned(self) -> "Expected":
        """Return the offset as it is seen from the other source."""
        ahead_s = None if self.ahead_s is None else -self.ahead_s
        return Expected(-self.east_m, -self.north_m, ahead_s, -self.right_m, self.known)

    def residual_m(self, offset: Offset) -> int:
        """Return how far an offset is from this one, metres, in the frame in which it is less."""
        residual_m = hypot(offset.east_m - self.east_m, offset.north_m - self.north_m)
        if self.ahead_s is not None and offset.ahead_m is not None and offset.right_m is not None:
            ahead_m = offset.ahead_m - self.ahead_s * offset.speed_mps
            residual_m = min(residual_m, hypot(ahead_m, offset.right_m - self.right_m))
        return round(residual_m)

    def last_residual_m(self, offset: Offset) -> int:
        """Return how far the latest difference alone is from this offset, metres."""
        last = offset.last
        return round(hypot(last.east_m - self.east_m, last.north_m - self.north_m))


@dataclass(frozen=True)
class _Point:
    """One report of a trail: seconds, and metres and metres per second to east and north."""

    time_s: float
    east_m: float
    north_m: float
    velocity: tuple[float, float] | None
    course_deg: float | None
    sigma_m: float


def offset_of(trail: Sequence[Position], other: Sequence[Position]) -> Offset | None:
    """Return where ``other`` is, seen from ``trail``; None where no two reports are comparable."""
    if not trail or not other:
        return None
    origin = trail[-1]
    points, others = _points(trail, origin), _points(other, origin)
    theirs = [_difference(point, others, 1.0) for point in points]
    mine = [_difference(point, points, -1.0) for point in others]
    counts = [sum(each is not None for each in differences) for differences in (theirs, mine)]
    differences = [each for each in (*theirs, *mine) if each is not None]
    if not differences:
        return None
    differences.sort(key=lambda difference: difference.time_s)
    east_m, north_m, scatter = _mean([(d.east_m, d.north_m, d.sigma_m) for d in differences])
    ahead_m = right_m = None
    turned = [_along(difference) for difference in differences if difference.course_deg is not None]
    if len(turned) == len(differences):
        ahead_m, right_m, turned_scatter = _mean(turned)
        scatter = min(scatter, turned_scatter)
    speeds = [hypot(*point.velocity) for point in (*points, *others) if point.velocity]
    typical_m = sqrt(sum(d.sigma_m**2 for d in differences) / len(differences))
    return Offset(
        east_m=round(east_m),
        north_m=round(north_m),
        ahead_m=None if ahead_m is None else round(ahead_m),
        right_m=None if right_m is None else round(right_m),
        sigma_m=round(typical_m / sqrt(max(counts))),
        scatter=round(scatter, 2),
        reports=max(counts),
        span_s=differences[-1].time_s - differences[0].time_s,
        speed_mps=round(sum(speeds) / len(speeds)) if speeds else DRONE_MPS,
        last=differences[-1],
    )


def middle_of(pairs: Sequence[Expected]) -> Expected:
    """Return the median of what pairs lead to expect. Precondition: there is one."""
    ahead_s = [pair.ahead_s for pair in pairs if pair.ahead_s is not None]
    return Expected(
        east_m=median(pair.east_m for pair in pairs),
        north_m=median(pair.north_m for pair in pairs),
        ahead_s=median(ahead_s) if len(ahead_s) == len(pairs) else None,
        right_m=median(pair.right_m for pair in pairs),
        known=True,
    )


def _points(trail: Sequence[Position], origin: Position) -> list[_Point]:
    """Return a trail on the plane about ``origin``."""
    lon_m, lat_m = metres_per_degree(origin.seen.lat)
    start_ms = to_ms(origin.seen.time)
    return [
        _Point(
            time_s=(to_ms(position.seen.time) - start_ms) / 1000,
            east_m=_degrees_east(position.seen.lon, origin.seen.lon) * lon_m,
            north_m=(position.seen.lat - origin.seen.lat) * lat_m,
            velocity=_velocity(position),
            course_deg=position.course_deg,
            sigma_m=position.seen.accuracy_m or _UNKNOWN_ACCURACY_M,
        )
        for position in trail
    ]


def _degrees_east(lon: float, origin: float) -> float:
    """Return how far east of another a longitude lies, -180 to 180 degrees."""
    return (lon - origin + 180.0) % 360.0 - 180.0


def _velocity(position: Position) -> tuple[float, float] | None:
    if position.speed_mps is None or position.course_deg is None:
        return None
    course = radians(position.course_deg)
    return position.speed_mps * sin(course), position.speed_mps * cos(course)


def _difference(point: _Point, others: Sequence[_Point], sign: float) -> Difference | None:
    """Return where another trail is, seen from a report; ``sign`` -1 turns that about."""
    place = _place_at(others, point.time_s)
    if place is None:
        return None
    east_m, north_m, drift_m, sigma_m = place
    # A drift counts as a bound, that is three sigma.
    sigma_m = sqrt(point.sigma_m**2 + sigma_m**2 + (drift_m / 3) ** 2)
    course_deg = point.course_deg
    return Difference(
        point.time_s,
        sign * (east_m - point.east_m),
        sign * (north_m - point.north_m),
        sigma_m,
        course_deg,
    )


def _place_at(points: Sequence[_Point], time_s: float) -> tuple[float, float, float, float] | None:
    """Return where a trail is at a time, how far it may have drifted, and one sigma: all metres.

    None before its first report, and where its next ones are too far away in time.
    """
    later = bisect_right(points, time_s, key=lambda point: point.time_s)
    if later == 0:
        return None
    before = points[later - 1]
    gap_s = time_s - before.time_s
    if later < len(points) and points[later].time_s - before.time_s <= COMPARABLE_S:
        after = points[later]
        share = gap_s / (after.time_s - before.time_s)
        way = (after.east_m - before.east_m, after.north_m - before.north_m)
        drift_m = _DRIFT_SHARE * hypot(*way) * min(share, 1 - share)
        place = (before.east_m + share * way[0], before.north_m + share * way[1])
        return (*place, drift_m, before.sigma_m)
    if gap_s > COMPARABLE_S:
        return None
    if before.velocity is None:
        return before.east_m, before.north_m, DRONE_MPS * gap_s, before.sigma_m
    east_m, north_m = (speed_mps * gap_s for speed_mps in before.velocity)
    drift_m = _DRIFT_SHARE * hypot(east_m, north_m)
    return before.east_m + east_m, before.north_m + north_m, drift_m, before.sigma_m


def _along(difference: Difference) -> tuple[float, float, float]:
    """Return a difference along the flight and to its right. Precondition: it has a course."""
    course = radians(difference.course_deg or 0.0)
    ahead_m = difference.east_m * sin(course) + difference.north_m * cos(course)
    right_m = difference.east_m * cos(course) - difference.north_m * sin(course)
    return ahead_m, right_m, difference.sigma_m


def _mean(vectors: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return the weighted mean of vectors with their sigma, and how many sigma they scatter."""
    weights = [1 / sigma_m**2 for *_, sigma_m in vectors]
    total = sum(weights)
    x = sum(w * vector[0] for w, vector in zip(weights, vectors, strict=True)) / total
    y = sum(w * vector[1] for w, vector in zip(weights, vectors, strict=True)) / total
    squares = [((vx - x) ** 2 + (vy - y) ** 2) / sigma_m**2 for vx, vy, sigma_m in vectors]
    return x, y, sqrt(sum(squares) / len(squares))
