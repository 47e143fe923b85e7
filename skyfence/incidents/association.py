"""Which tracks are one object: judged from positions, velocities and addresses alone.

Two sensors' tracks are one object when they share an ICAO address, or lie within three combined
sigma on compatible velocities. A track that begins where a lost one can have flown to may be it.
Does not keep incidents or decide when to judge (``book``).
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
_TOGETHER_S: Final = 30.0
# A course flown for some seconds leads this share of the way beside where it aimed.
_DRIFT_SHARE: Final = 0.1
_UNKNOWN_ACCURACY_M: Final = DetectionParameters.unknown_accuracy_m
_SIGMAS: Final = 3.0
# Velocities of one object from two sensors, which smooth a turn each in its own way.
_VELOCITY_SHARE: Final = 0.3
_VELOCITY_MPS: Final = 15.0
# A lost object is known again for so long; after that it may be anything.
_LOST_S: Final = 30 * 60.0
# It may have flown faster than when it was seen, or as fast as a propeller drone if nobody knows.
_FASTER: Final = 1.3


def associates(one: MemberTrack, other: MemberTrack) -> bool:
    """Tell whether two tracks of different sources are one object."""
    if one.key.source == other.key.source:
        return False  # a sensor that shows two tracks at once means two objects
    addresses = (one.last.object.icao_address, other.last.object.icao_address)
    if None not in addresses:
        return addresses[0] == addresses[1]
    if one.position is None or other.position is None:
        return False
    return _are_together(one.position, other.position)


def may_stitch(lost: MemberTrack, found: MemberTrack) -> bool:
    """Tell whether a track that begins can be one that was lost, seen from where it was."""
    first, last = found.last.first, lost.position
    if first is None or last is None or found.key.run != lost.key.run:
        return False
    addresses = {lost.last.object.icao_address, found.last.object.icao_address} - {None}
    kinds = {lost.last.object.category, found.last.object.category} - {"unknown"}
    if len(addresses) > 1 or len(kinds) > 1:
        return False
    seconds = _seconds(last.seen, first)
    reach_m = _FASTER * (last.speed_mps or DRONE_MPS) * seconds
    error_m = _SIGMAS * _combined_m(last.seen, first)
    return 0 < seconds <= _LOST_S and _apart_m(last.seen, first) <= reach_m + error_m


def apart_m(lost: MemberTrack, found: MemberTrack) -> float:
    """Return the distance between where a track was lost and where another began, metres."""
    first = found.last.first
    return _apart_m(lost.position.seen, first) if lost.position and first else inf


def _are_together(one: Position, other: Position) -> bool:
    """Tell whether two tracks were one where each was seen last."""
    if _seconds(one.seen, other.seen) < 0:
        one, other = other, one
    seconds = _seconds(one.seen, other.seen)
    if seconds > _TOGETHER_S:
        return False
    own, theirs = _motion(one), _motion(other)
    lon, lat, drift_m = one.seen.lon, one.seen.lat, 0.0
    if own is not None:
        metres = own.speed_mps * seconds
        lon, lat, _ = WGS84.fwd(lon, lat, own.course_deg, metres)
        drift_m = _DRIFT_SHARE * metres
    else:
        drift_m = DRONE_MPS * seconds
    bound_m = sqrt((_SIGMAS * _combined_m(one.seen, other.seen)) ** 2 + drift_m**2)
    if round(distance_m(lon, lat, other.seen.lon, other.seen.lat)) > bound_m:
        return False
    if own is None or theirs is None:
        return True
    fastest_mps = max(own.speed_mps, theirs.speed_mps)
    return own.differs_by_mps(theirs) <= max(_VELOCITY_MPS, _VELOCITY_SHARE * fastest_mps)


def _motion(position: Position) -> Motion | None:
    return reported_motion(position.speed_mps, position.course_deg)


def _seconds(earlier: PositionFix, later: PositionFix) -> float:
    return (to_ms(later.time) - to_ms(earlier.time)) / 1000


def _apart_m(one: PositionFix, other: PositionFix) -> float:
    return distance_m(one.lon, one.lat, other.lon, other.lat)


def _combined_m(one: PositionFix, other: PositionFix) -> float:
    first = one.accuracy_m or _UNKNOWN_ACCURACY_M
    second = other.accuracy_m or _UNKNOWN_ACCURACY_M
    return sqrt(first * first + second * second)
