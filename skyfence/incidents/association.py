"""Which tracks are one object: judged from positions, velocities and addresses alone.

Tracks of two sources are one object when they fly alike at a constant offset that the sources' bias
and clocks explain: at once where they lie close together, after several reports where they do not.
A track that begins where a lost one can have flown to may be it. Two tracks that one source shows
at the same time are two objects. Does not choose among several (``assignment``), keeps no
incidents, and does not decide when to judge (``manager``).
"""

from collections.abc import Iterable
from math import hypot, inf, sqrt
from typing import Final

from skyfence.contracts.crossing import ObjectInfo, PositionFix
from skyfence.geometry.geodesy import distance_m
from skyfence.incidents.incident import MemberTrack, Position
from skyfence.incidents.offsets import COMPARABLE_S, Expected, Offset
from skyfence.policy.parameters import DRONE_MPS, SECOND_MS, DetectionParameters
from skyfence.policy.permit import NO_ADDRESSES
from skyfence.times import to_ms
from skyfence.tracks.motion import Motion, reported_motion

_UNKNOWN_ACCURACY_M: Final = DetectionParameters.unknown_accuracy_m
_SIGMAS: Final = 3.0
# Nearer than this (and than three sigma) two tracks are one at once: drones that fly together keep
# more distance, and two radars rarely disagree by less.
_CLOSE_M: Final = 300.0
# How far radars are off one another: 600 m are common between stations, which are aligned to less
# than a kilometre (EUROCONTROL's SASS-C calls more a fault).
_MOST_BIAS_M: Final = 1_000.0
# How far two sources' clocks are apart: seconds, where a recorder stamps what it receives.
_MOST_CLOCK_S: Final = 6.0
# Reports over so many seconds, of one of the two tracks, show that an offset is constant: three
# scans of a radar that turns in four seconds.
_REPORTS: Final = 3
SPAN_S: Final = 6.0
# Differences scatter by 1.4 sigma; sensors are often worse than they say.
_MOST_SCATTER: Final = 3.0
# One ICAO address is one aircraft, save where it is shared or forged: farther apart than this, a
# coarse multilateration's error, two tracks with it are two objects.
_ADDRESS_M: Final = 20_000.0
# Tracks of one object have parted when several reports lie so much farther apart than a bias and a
# clock explain.
_PARTED: Final = 2.0
# How much the velocities of one object may differ between two sensors, which smooth a turn each in
# its own way: this share of the faster one, or so many metres per second if that is more.
_VELOCITY_SHARE: Final = 0.3
_VELOCITY_MPS: Final = 15.0
# No drone flies longer: past this the reach of a lost object grows no more.
_ENDURANCE_S: Final = DetectionParameters.expire_after_ms / SECOND_MS
# Nearer than this to a second track of its source, a track is not assigned by one report alone: the
# bias of two sources may be as large as the distance of two objects.
CROWDED_M: Final = 2_500
# Shorter than any degree of latitude, metres (WGS 84).
LEAST_LAT_M: Final = 110_500.0
# Regions are warned of a lost object for as long by default; later, its reach is half a country
# with its private flights.
_OF_LATE_S: Final = 60 * 60.0
# A lost object may have flown faster than when it was seen, by this factor.
_SPEED_UP: Final = 1.3


def aircraft_address(icao_address: str | None) -> str | None:
    """Return an ICAO address, or None where it is none of an aircraft's."""
    return None if icao_address in NO_ADDRESSES else icao_address


def address_of(known: ObjectInfo) -> str | None:
    """Return an object's ICAO address, or None where it has none that is an aircraft's."""
    return aircraft_address(known.icao_address)


def are_shown_at_once(tracks: Iterable[MemberTrack], others: Iterable[MemberTrack]) -> bool:
    """Tell whether any source shows a track of both groups at the same time: two objects."""
    mine = list(tracks)
    return any(_overlap(track, other) for other in others for track in mine)


def _overlap(track: MemberTrack, other: MemberTrack) -> bool:
    if track.key.source != other.key.source or track.key == other.key:
        return False
    return (
        track.seen_from_ms < other.seen_until_ms and other.seen_from_ms < track.seen_until_ms
    ) or track.seen_from_ms == other.seen_from_ms


def shares_address(track: MemberTrack, other: MemberTrack) -> bool | None:
    """Tell whether two tracks have one ICAO address; None where either has none."""
    mine, theirs = address_of(track.last.object), address_of(other.last.object)
    return None if None in (mine, theirs) else mine == theirs


def is_near(track: MemberTrack, other: MemberTrack) -> bool:
    """Tell whether two tracks are worth comparing, roughly: a bias, a clock and the way flown.

    Those that may have one address are worth it farther apart.
    """
    if track.position is None or other.position is None:
        return False
    here, there = track.position, other.position
    reach_m = _reach_m(max(here.speed_mps or DRONE_MPS, there.speed_mps or DRONE_MPS))
    if track.last.object.icao_address and other.last.object.icao_address:
        reach_m = max(reach_m, _ADDRESS_M)
    if abs(here.seen.lat - there.seen.lat) * LEAST_LAT_M > reach_m:
        return False
    return metres_apart(here, there) <= reach_m


def most_reach_m(track: MemberTrack, fastest_mps: float) -> float:
    """Return the distance beyond which no track is near one, metres, if none flies faster."""
    own_mps = track.position.speed_mps if track.position else None
    reach_m = _reach_m(max(own_mps or DRONE_MPS, fastest_mps, DRONE_MPS))
    return max(reach_m, _ADDRESS_M) if track.last.object.icao_address else reach_m


def _reach_m(speed_mps: float) -> float:
    """Return how far apart tracks are worth comparing, the faster of which flies at a speed."""
    return CROWDED_M + speed_mps * (COMPARABLE_S + _MOST_CLOCK_S)


def may_be_one(track: MemberTrack, other: MemberTrack) -> bool:
    """Tell whether two sources' tracks that are seen now may turn out to be one object."""
    if track.position is None or other.position is None or shares_address(track, other) is False:
        return False
    return is_near(track, other) and _fly_alike(track.position, other.position)


def fits(
    track: Position,
    other: Position,
    offset: Offset,
    expected: Expected | None,
    *,
    at_once: bool = True,
) -> int | None:
    """Return how far an offset is from what is expected, metres; None if it is no one object's.

    ``expected`` is None where nothing is known of two sources. Tracks that lie close to it are one
    object ``at_once``, if that may be, others when several reports bear the offset out.
    """
    if not _fly_alike(track, other):
        return None
    several = offset.reports >= _REPORTS and offset.span_s >= SPAN_S
    aim = expected or Expected()
    residual_m = aim.residual_m(offset) if several else aim.last_residual_m(offset)
    if (at_once or several) and residual_m <= min(_SIGMAS * offset.last.sigma_m, _CLOSE_M):
        return residual_m
    if not several or offset.scatter > _MOST_SCATTER or not _is_explained(offset):
        return None
    if aim.known and residual_m > _CLOSE_M + _SIGMAS * offset.sigma_m:
        return None
    return residual_m


def _is_explained(offset: Offset) -> bool:
    """Tell whether a bias and a clock error can make two sources disagree by an offset."""
    error_m = _SIGMAS * offset.sigma_m
    clock_m = _MOST_CLOCK_S * offset.speed_mps
    if offset.ahead_m is None or offset.right_m is None:
        return hypot(offset.east_m, offset.north_m) <= _MOST_BIAS_M + error_m
    right_m = max(0.0, abs(offset.right_m) - error_m)
    ahead_m = max(0.0, abs(offset.ahead_m) - error_m - clock_m)
    return hypot(ahead_m, right_m) <= _MOST_BIAS_M


def have_parted(offset: Offset) -> bool:
    """Tell whether two tracks that were one object's can be so no longer."""
    if offset.reports < _REPORTS:
        return False
    bound_m = _MOST_BIAS_M + _MOST_CLOCK_S * offset.speed_mps + _SIGMAS * offset.last.sigma_m
    return offset.last.metres > _PARTED * bound_m and hypot(offset.east_m, offset.north_m) > bound_m


def _fly_alike(track: Position, other: Position) -> bool:
    """Tell whether two velocities can be one object's, as far as they are known."""
    motion, theirs = _motion(track), _motion(other)
    if motion is None or theirs is None:
        return True
    bound_mps = max(_VELOCITY_MPS, _VELOCITY_SHARE * max(motion.speed_mps, theirs.speed_mps))
    return round(motion.differs_by_mps(theirs), 1) <= bound_mps


def is_one_address_near(track: MemberTrack, other: MemberTrack) -> bool:
    """Tell whether two tracks have one address, and lie near enough for one aircraft."""
    if not shares_address(track, other) or track.position is None or other.position is None:
        return False
    return round(_apart_m(track.position.seen, other.position.seen)) <= _ADDRESS_M


def may_be_lost(lost: MemberTrack, track: MemberTrack) -> bool:
    """Tell whether a track that appears inside may be the object that another one has lost.

    It must have been seen inside first, for what was seen outside is another object; after the lost
    one's last report, of the same run, and no farther from it than an object can have flown at 1.3
    times its last speed (a drone's where that is unknown), plus three combined sigma. Addresses and
    categories must not differ, and it must not fly much faster.
    """
    first, last = track.last.first, lost.position
    if first is None or last is None or track.last.crossed or track.key.run != lost.key.run:
        return False
    categories = {lost.last.object.category, track.last.object.category} - {"unknown"}
    if shares_address(lost, track) is False or len(categories) > 1:
        return False
    fastest_mps = _SPEED_UP * (last.speed_mps or DRONE_MPS)
    speed_mps = track.last.object.ground_speed_mps or 0.0
    seconds = min(_seconds(last.seen, first), _ENDURANCE_S)
    error_m = _SIGMAS * _combined_sigma_m(last.seen, first)
    is_slow = speed_mps <= fastest_mps + _VELOCITY_MPS
    return is_slow and seconds > 0 and _apart_m(last.seen, first) <= fastest_mps * seconds + error_m


def was_lost_of_late(lost: MemberTrack, track: MemberTrack) -> bool:
    """Tell whether a track begins within an hour of where another was seen last."""
    first, last = track.last.first, lost.position
    return first is not None and last is not None and _seconds(last.seen, first) <= _OF_LATE_S


def apart_m(lost: MemberTrack, track: MemberTrack) -> float:
    """Return the distance between where a track was lost and where another began, metres.

    Infinite where either is not known.
    """
    first = track.last.first
    return _apart_m(lost.position.seen, first) if lost.position and first else inf


def metres_apart(position: Position, other: Position) -> int:
    """Return the distance between two positions, whenever they were seen, metres."""
    return round(_apart_m(position.seen, other.seen))


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
