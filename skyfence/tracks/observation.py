"""An observation: one report of one track, and the points and fixes that are taken from it.

Reads columns of a frame; does not remember a track (``track_state``) nor judge it (``updater``).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, cast

from skyfence.contracts.base import round_degrees
from skyfence.contracts.crossing import ObjectInfo, PositionFix
from skyfence.contracts.report import Phase
from skyfence.frames.frame import Frame
from skyfence.policy.parameters import SECOND_MS
from skyfence.times import from_ms
from skyfence.tracks.motion import Motion, reported_motion
from skyfence.zones.limits import Profile
from skyfence.zones.zone_file import VerticalRef

# What flies farther than this between two reports is not at the same place in both, metres.
STANDS_STILL_M: Final = 20.0
# Not confirmed yet, or predicted by the source's tracker: no evidence of an object.
UNSURE_PHASES: Final = frozenset({"tentative", "coasting"})


# Remote ID says so that a height is not known (ASTM F3411); the lowest land is at -430 m.
_NO_ALTITUDE_M: Final = -1_000.0


@dataclass(frozen=True, slots=True)
class CrossingPoint:
    """When (milliseconds since 1970, UTC) and where (WGS 84 degrees) something happened."""

    time_ms: int
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Fix:
    """When and where a track was, and one sigma of that in metres, if its report names it."""

    time_ms: int
    lat: float
    lon: float
    accuracy_m: float | None = None

    @property
    def position_fix(self) -> PositionFix:
        """Return the fix as it is published, degrees rounded."""
        return PositionFix(
            time=from_ms(self.time_ms),
            lat=round_degrees(self.lat),
            lon=round_degrees(self.lon),
            accuracy_m=self.accuracy_m,
        )


@dataclass(frozen=True)
class Observation:
    """One row of a frame: a track seen at one time and place. It keeps its whole frame alive."""

    frame: Frame
    row: int
    time_ms: int
    lat: float
    lon: float

    @classmethod
    def of(cls, frame: Frame, row: int) -> "Observation":
        """Take one row of a frame; raises ``IndexError`` where it has no such row."""
        time_ms, lat, lon = frame.times_ms[row], frame.lats[row], frame.lons[row]
        return cls(frame, row, int(time_ms), float(lat), float(lon))

    def detached(self) -> "Observation":
        """Return the same report on a frame of its own, so that the large one can be let go."""
        frame = replace(self.frame, batch=self.frame.batch.take([self.row]))
        return Observation(frame, 0, self.time_ms, self.lat, self.lon)

    @cached_property
    def phase(self) -> Phase:
        """Return how sure the source is of the track: see ``Report.phase``."""
        return cast("Phase", self.frame.text("phase", self.row))

    @property
    def ended(self) -> bool:
        """Tell whether this is the track's last report by its source's own word."""
        return self.phase == "ended"

    def counts(self, least_speed_mps: float) -> bool:
        """Tell whether this report helps to establish a track: measured, confirmed and not slow.

        A report without a speed is not slow.
        """
        if self.phase in UNSURE_PHASES:
            return False
        speed_mps = self.frame.number("ground_speed_mps", self.row)
        return speed_mps is None or speed_mps >= least_speed_mps

    @property
    def coasted(self) -> bool:
        """Tell whether the sensor predicted this position and did not measure it."""
        return self.phase == "coasting"

    @cached_property
    def object_info(self) -> ObjectInfo:
        """Return what the report says of the object."""
        known = self.frame.known(self.row)
        if self.altitude_m is None:
            known = {name: value for name, value in known.items() if name[:8] != "altitude"}
        return ObjectInfo.model_validate(known)

    @property
    def accuracy_m(self) -> float | None:
        """Return one sigma of the horizontal position, metres, where the report names it."""
        return self.frame.number("accuracy_m", self.row)

    @property
    def altitude_m(self) -> float | None:
        """Return the altitude, metres above ``altitude_ref``, where the report names it."""
        altitude_m = self.frame.number("altitude_m", self.row)
        return None if altitude_m is None or altitude_m <= _NO_ALTITUDE_M else altitude_m

    @property
    def altitude_ref(self) -> VerticalRef | None:
        """Return what the altitude is measured from, where the report names it."""
        return cast("VerticalRef | None", self.frame.text("altitude_ref", self.row))

    @property
    def motion(self) -> Motion | None:
        """Return the velocity, or None where the report names none or hardly any speed."""
        speed_mps = self.frame.number("ground_speed_mps", self.row)
        return reported_motion(speed_mps, self.frame.number("course_deg", self.row))

    def repeats(self, before: "Observation") -> bool:
        """Tell whether this is an earlier report's place under a new time.

        An object that flies at the speed it reports cannot have stood still meanwhile. Positions
        are rounded to about 10 m by some sources, so twice that is asked for.
        """
        if (self.lat, self.lon) != (before.lat, before.lon):
            return False
        speed_mps = self.frame.number("ground_speed_mps", self.row) or 0.0
        return speed_mps * (self.time_ms - before.time_ms) / SECOND_MS > STANDS_STILL_M

    @property
    def point(self) -> CrossingPoint:
        """Return when and where it was."""
        return CrossingPoint(self.time_ms, self.lat, self.lon)

    @property
    def fix(self) -> Fix:
        """Return when and where it was and how exactly that is known, without the report."""
        return Fix(self.time_ms, self.lat, self.lon, self.accuracy_m)


def profile_of(before: Observation, after: Observation) -> Profile:
    """Return when and how high a track was at both ends of a segment."""
    return Profile(
        start_ms=before.time_ms,
        end_ms=after.time_ms,
        start_m=before.altitude_m,
        end_m=after.altitude_m,
        start_ref=before.altitude_ref,
        end_ref=after.altitude_ref,
    )
