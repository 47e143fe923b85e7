"""Which tracks are one object: judged from positions, velocities and addresses alone.

Two sensors' tracks are one object when they share an ICAO address, or lie within three combined
sigma on compatible velocities. A track that begins where a lost one can have flown to may be it.
Does not keep incidents or decide when to judge (``manager``).
"""

from math import inf, sqrt
from typing import Final

from skyfence.contracts.crossing import PositionFix
from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.incidents.incident import MemberTrack, Position
from skyfence.policy.parameters import DRONE_MPS, DetectionParameters
from skyfence.times import to_ms
from skyfence.tracks.motion import Motion, reported_motion

# Positions further apart in time say too little about one another: a drone turns in 45 s.
_COMPARABLE_S: Final = 30.0
# An object that keeps its course for some seconds ends up this share of its way beside it.
_DRIFT_SHARE: Final = 0.1
_UNKNOWN_ACCURACY_M: Final = DetectionParameters.unknown_accuracy_m
_SIGMAS: Final = 3.0
# How much the velocities of one object may differ between two sensors, which smooth a turn each in
# its own way: this share of the faster one, or so many metres per second if that is more.
_VELOCITY_SHARE: Final = 0.3
_VELOCITY_MPS: Final = 15.0
# A lost object may be found again for so long; after that a new track may be anything.
_STITCH_S: Final = 30 * 60.0
# A lost object may have flown faster than when it was seen, by this factor.
_SPEED_UP: Final = 1.3


def associates(track: MemberTrack, other: MemberTrack) -> bool:
    """Tell whether two tracks of different sources are one object.

    Two ICAO addresses decide alone. Otherwise both must have a position, not more than 30 s apart;
    the earlier one is carried on to the time of the later.
    """
    if track.key.source == other.key.source:
        return False  # a sensor that shows two tracks at once means two objects
    addresses = (track.last.object.icao_address, other.last.object.icao_address)
    if None not in addresses:
        return addresses[0] == addresses[1]
    if track.position is None or other.position is None:
        return False
    positions = sorted((track.position, other.position), key=lambda at: to_ms(at.seen.time))
    return _are_together(*positions)


def may_stitch(lost: MemberTrack, track: MemberTrack) -> bool:
    """Tell whether a track that begins can be the continuation of one that was lost.

    It must begin within 30 minutes of event time after the lost one's last report, of the same run,
    and no farther from it than an object can have flown at 1.3 times its last speed (a drone's
    where that is unknown), plus three combined sigma. Addresses and categories must not differ.
    """
    first, last = track.last.first, lost.position
    if first is None or last is None or track.key.run != lost.key.run:
        return False
    addresses = {lost.last.object.icao_address, track.last.object.icao_address} - {None}
    categories = {lost.last.object.category, track.last.object.category} - {"unknown"}
    if len(addresses) > 1 or len(categories) > 1:
        return False
    seconds = _seconds(last.seen, first)
    reach_m = _SPEED_UP * (last.speed_mps or DRONE_MPS) * seconds
    error_m = _SIGMAS * _combined_sigma_m(last.seen, first)
    return 0 < seconds <= _STITCH_S and _apart_m(last.seen, first) <= reach_m + error_m


def apart_m(lost: MemberTrack, track: MemberTrack) -> float:
    """Return the distance between where a track was lost and where another began, metres.

    Infinite where either is not known.
    """
    first = track.last.first
    return _apart_m(lost.position.seen, first) if lost.position and first else inf


def _are_together(earlier: Position, later: Position) -> bool:
    """Tell whether two tracks were one object where each was seen last.

    Precondition: ``earlier`` was not seen after ``later``.
    """
    seconds = _seconds(earlier.seen, later.seen)
    if seconds > _COMPARABLE_S:
        return False
    motion, later_motion = _motion(earlier), _motion(later)
    lon, lat = earlier.seen.lon, earlier.seen.lat
    if motion is not None:
        flown_m = motion.speed_mps * seconds
        lon, lat, _ = WGS84.fwd(lon, lat, motion.course_deg, flown_m)
        drift_m = _DRIFT_SHARE * flown_m
    else:
        drift_m = DRONE_MPS * seconds
    bound_m = sqrt((_SIGMAS * _combined_sigma_m(earlier.seen, later.seen)) ** 2 + drift_m**2)
    if round(distance_m(lon, lat, later.seen.lon, later.seen.lat)) > bound_m:
        return False
    if motion is None or later_motion is None:
        return True
    fastest_mps = max(motion.speed_mps, later_motion.speed_mps)
    bound_mps = max(_VELOCITY_MPS, _VELOCITY_SHARE * fastest_mps)
    return motion.differs_by_mps(later_motion) <= bound_mps


def _motion(position: Position) -> Motion | None:
    return reported_motion(position.speed_mps, position.course_deg)


def _seconds(earlier: PositionFix, later: PositionFix) -> float:
    return (to_ms(later.time) - to_ms(earlier.time)) / 1000


def _apart_m(fix: PositionFix, other: PositionFix) -> float:
    return distance_m(fix.lon, fix.lat, other.lon, other.lat)


def _combined_sigma_m(fix: PositionFix, other: PositionFix) -> float:
    """Return one sigma of the distance between two fixes, horizontal, metres."""
    sigma_m = fix.accuracy_m or _UNKNOWN_ACCURACY_M
    other_m = other.accuracy_m or _UNKNOWN_ACCURACY_M
    return sqrt(sigma_m * sigma_m + other_m * other_m)
