"""How a track moves: its velocity as reported, or from where it was some seconds ago.

Reports without speed and course are common (plots, simple feeds). Two positions a few seconds
apart say little about a course when each errs by 100 m, so the older of two reference fixes is
taken, which is 20 to 60 s old, or as old as a slow radar has it; before there is one, the first
fix, with the error that this means.
"""

from dataclasses import dataclass
from math import atan, cos, degrees, exp, radians, sin, sqrt
from typing import Final

from skyfence.geometry.geodesy import WGS84
from skyfence.policy.parameters import DetectionParameters

# Below walking pace a course means nothing.
SLOWEST_MPS: Final = 5.0
_ANCHOR_MS: Final = 20_000
_YOUNGEST_MS: Final = 3_000
# The slowest radars turn once in 75 s, and may miss a turn.
_OLDEST_MS: Final = 180_000
# A tracker's course is rarely better than this.
_COURSE_SIGMA_DEG: Final = 3.0
# Worse than this, a course says nothing about where the object will be.
_WORST_SIGMA_DEG: Final = 30.0
# How the course of what flies wanders: 10 degrees (1 sigma) in five minutes.
_WANDER_DEG_PER_SQRT_S: Final = 0.55
# A drone that waits takes four to eight minutes for a round: what is older fades within five.
_PATH_STEP_MS: Final = 30_000
_PATH_FADES_MS: Final = 300_000
_PATH_LEAST_MS: Final = 240_000
_PATH_GAP_MS: Final = 300_000
# A circle of seven minutes gets it a fifth of its way, a right-angled turn never less than 0.7.
_CIRCLES: Final = 0.4
_CIRCLES_STILL: Final = 0.6


@dataclass(frozen=True, slots=True)
class Motion:
    """Ground speed, course over ground (degrees from true north), one sigma of the course now."""

    speed_mps: float
    course_deg: float
    sigma_deg: float

    def spread_deg(self, seconds: float) -> float:
        """Return one sigma of the bearing from here to the place after some seconds.

        The course walks at random, and the bearing of where that leads with a third of its
        variance.
        """
        return sqrt(self.sigma_deg**2 + _WANDER_DEG_PER_SQRT_S**2 * seconds / 3)

    def differs_by_mps(self, other: "Motion") -> float:
        """Return the length of the difference of two velocities, metres a second."""
        mine, theirs = radians(self.course_deg), radians(other.course_deg)
        east = self.speed_mps * sin(mine) - other.speed_mps * sin(theirs)
        north = self.speed_mps * cos(mine) - other.speed_mps * cos(theirs)
        return sqrt(east * east + north * north)


@dataclass(frozen=True, slots=True)
class ReferenceFix:
    """A place where a track was, kept to tell its velocity by."""

    time_ms: int
    lat: float
    lon: float


@dataclass(slots=True)
class ReferenceFixes:
    """The last two reference fixes of a track, at least 20 s apart."""

    older: ReferenceFix | None = None
    newer: ReferenceFix | None = None

    def note(self, time_ms: int, lat: float, lon: float) -> None:
        """Take a track's fix, if the newer one is 20 s old; begin anew if it is over 180 s old."""
        here = ReferenceFix(time_ms, lat, lon)
        if self.newer is None or time_ms - self.newer.time_ms > _OLDEST_MS:
            self.older, self.newer = None, here
        elif time_ms - self.newer.time_ms >= _ANCHOR_MS:
            self.older, self.newer = self.newer, here

    def motion(
        self,
        time_ms: int,
        lat: float,
        lon: float,
        accuracy_m: float | None,
        parameters: DetectionParameters,
    ) -> Motion | None:
        """Return the velocity from the older fix to a new one, or None where that says too little.

        Too little: no fix that is 3 to 180 s old, hardly any speed, or a course that may err by
        more than 30 degrees (1 sigma). ``accuracy_m`` is the new fix's.
        """
        reference = self.older or self.newer
        if reference is None or not _YOUNGEST_MS <= time_ms - reference.time_ms <= _OLDEST_MS:
            return None
        course, _, metres = WGS84.inv(reference.lon, reference.lat, lon, lat)
        speed_mps = metres / (time_ms - reference.time_ms) * 1000
        error_m = sqrt(2.0) * parameters.accuracy_or_assumed_m(accuracy_m)
        sigma_deg = max(_COURSE_SIGMA_DEG, degrees(atan(error_m / max(metres, 1.0))))
        # The chord's course is that of the middle of the way.
        wandered = _WANDER_DEG_PER_SQRT_S**2 * (time_ms - reference.time_ms) / 2_000
        sigma_deg = sqrt(sigma_deg * sigma_deg + wandered)
        if speed_mps < SLOWEST_MPS or sigma_deg > _WORST_SIGMA_DEG:
            return None
        return Motion(speed_mps, course % 360.0, sigma_deg)


@dataclass(slots=True)
class FlownPath:
    """How far a track has flown lately, and how far that has got it; what is older fades.

    Fixes are taken half a minute apart, so that errors of position do not count as way flown.
    """

    time_ms: int | None = None  # of the last fix taken
    lat: float = 0.0
    lon: float = 0.0
    since_ms: int = 0  # the first fix
    length_m: float = 0.0
    east_m: float = 0.0
    north_m: float = 0.0
    circles: bool = False

    def note(self, time_ms: int, lat: float, lon: float) -> None:
        """Take a track's fix, if the last one taken is half a minute old; begin anew after a gap.

        Precondition: the time is later than any before.
        """
        if self.time_ms is None or time_ms - self.time_ms > _PATH_GAP_MS:
            self.since_ms, self.circles = time_ms, False
            self.length_m = self.east_m = self.north_m = 0.0
        elif time_ms - self.time_ms < _PATH_STEP_MS:
            return
        else:
            self._add(time_ms - self.time_ms, lat, lon)
        self.time_ms, self.lat, self.lon = time_ms, lat, lon
        if time_ms - self.since_ms >= _PATH_LEAST_MS:
            got_m = sqrt(self.east_m * self.east_m + self.north_m * self.north_m)
            most = _CIRCLES_STILL if self.circles else _CIRCLES
            self.circles = round(got_m) < round(most * self.length_m)

    def _add(self, passed_ms: int, lat: float, lon: float) -> None:
        keep = exp(-passed_ms / _PATH_FADES_MS)
        course, _, metres = WGS84.inv(self.lon, self.lat, lon, lat)
        self.length_m = round(keep * self.length_m + metres, 1)
        self.east_m = round(keep * self.east_m + metres * sin(radians(course)), 1)
        self.north_m = round(keep * self.north_m + metres * cos(radians(course)), 1)


def reported_motion(speed_mps: float | None, course_deg: float | None) -> Motion | None:
    """Return the velocity that a report names, or None where it lacks a part or hardly moves."""
    if speed_mps is None or course_deg is None or speed_mps < SLOWEST_MPS:
        return None
    return Motion(speed_mps, course_deg, _COURSE_SIGMA_DEG)
