"""Where a track was of late: published with the first event of an episode.

What joins sources compares tracks over several reports. With these it need not wait for them.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from skyfence.contracts.base import round_degrees
from skyfence.contracts.track_event import EarlierFix
from skyfence.times import from_ms
from skyfence.tracks.observation import Observation

# Enough to see whether an offset between two sources is constant; more would be of another place.
_MOST: Final = 6


class RecentFix(NamedTuple):
    """One report: when and where, one sigma in metres, and the velocity that it names."""

    time_ms: int
    lat: float
    lon: float
    accuracy_m: float | None
    speed_mps: float | None
    course_deg: float | None


@dataclass(slots=True)
class RecentFixes:
    """The latest fixes of a track, oldest first, some seconds apart."""

    fixes: list[RecentFix] = field(default_factory=list)

    def note(self, observation: Observation, every_ms: int) -> None:
        """Take in a report, unless the last one that was taken is younger than ``every_ms``."""
        time_ms = observation.time_ms
        if self.fixes and time_ms - self.fixes[-1].time_ms < every_ms:
            return
        frame, row = observation.frame, observation.row
        fix = RecentFix(
            time_ms,
            observation.lat,
            observation.lon,
            observation.accuracy_m,
            frame.number("ground_speed_mps", row),
            frame.number("course_deg", row),
        )
        self.fixes = [*self.fixes[1 - _MOST :], fix]

    def take_before(self, time_ms: int) -> tuple[EarlierFix, ...]:
        """Return the fixes before a time as they are published, and forget all."""
        fixes, self.fixes = self.fixes, []
        return tuple(
            EarlierFix(
                time=from_ms(fix.time_ms),
                lat=round_degrees(fix.lat),
                lon=round_degrees(fix.lon),
                accuracy_m=fix.accuracy_m,
                ground_speed_mps=fix.speed_mps,
                course_deg=fix.course_deg,
            )
            for fix in fixes
            if fix.time_ms < time_ms
        )
