"""Track stitching: whether a number that begins can be a track that its source has just dropped.

Trackers give an object a new number when they lose it for a scan, or simply because they are told
to. The old track's motion says where it is by now, give or take a turn and a change of speed; the
sensors' errors come on top.

    old track: place, velocity --predicted--> place now <--distance--> the number's first report

Does not know which of several is the one (``pending_births``), nor what follows (``births``).
"""

from math import hypot, radians, sin
from typing import Final

from skyfence.contracts.crossing import ObjectInfo
from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.policy.parameters import DRONE_MPS, SECOND_MS, DetectionParameters
from skyfence.policy.permit import EMERGENCY_CODES
from skyfence.tracks.motion import Motion
from skyfence.tracks.observation import Observation
from skyfence.tracks.track_state import TrackState

# A candidate's last report lies within this box about the new number's first one, degrees: an
# airliner's way within a minute (17 km) up to 70 degrees of latitude. The coarse filter asks for
# the box before anything is known of motion.
BOX_LAT_DEG: Final = 0.25
BOX_LON_DEG: Final = 0.5
# How far from the straight path an object may get, as shares of the way that it flies meanwhile:
# by a change of speed and the error of a reported one, and by a turn, at most.
_SPEED_SHARE: Final = 0.3
_MOST_TURN_SHARE: Final = 0.6
# Both positions err: four sigma of the two together is one in 3,000.
_SIGMAS: Final = 4.0
# The most that velocities may differ, besides by a turn: reported ones are good to 5 m/s or so.
_VELOCITY_SHARE: Final = 0.5
_VELOCITY_MPS: Final = 15.0
# How many times its last speed a lost object may fly, at most.
_MOST_SPEED_UP: Final = 3.0
# Where neither says how fast it is: twice as fast as a propeller drone.
_UNKNOWN_MPS: Final = 2 * DRONE_MPS


def mismatch_m(
    track: TrackState, report: Observation, parameters: DetectionParameters
) -> int | None:
    """Return how far a new number's first report is from where a track is by then, whole metres.

    None where it cannot be the track: it was seen once only, was reported since, is lost for too
    long, is another by its identity, or cannot have got there. Differing velocities count as the
    distance that they make until then.
    """
    last = track.pending_outlier or track.observation
    span_ms = report.time_ms - last.time_ms
    if track.scan_ms is None or span_ms < 0 or (span_ms == 0 and not last.ended):
        return None
    if report.time_ms > track.observation.time_ms + track.missed_ms(parameters):
        return None
    if _is_another(track.observation.object_info, report.object_info):
        return None
    return _distance_from_path_m(track, report, parameters)


def may_be_back(track: TrackState, report: Observation, parameters: DetectionParameters) -> bool:
    """Tell whether a report of a track's former number can be of the same object, by its place."""
    last = track.observation
    seconds = abs(report.time_ms - last.time_ms) / SECOND_MS
    motion = track.motion(parameters)
    most_m = _errors_m(last, report, parameters) + _margin_m(motion, seconds, parameters)
    if motion is not None:
        most_m += motion.speed_mps * seconds
    return distance_m(last.lon, last.lat, report.lon, report.lat) <= most_m


def is_out_of_reach(
    track: TrackState, report: Observation, parameters: DetectionParameters
) -> bool:
    """Tell whether a lost track cannot have got to a report, however much faster it flies now.

    Its last speed errs, and may have grown.
    """
    last, motion = track.observation, track.motion(parameters)
    seconds = (report.time_ms - last.time_ms) / SECOND_MS
    speed_mps = parameters.unknown_speed_mps if motion is None else motion.speed_mps
    most_m = _MOST_SPEED_UP * speed_mps * seconds + _errors_m(last, report, parameters)
    return distance_m(last.lon, last.lat, report.lon, report.lat) > most_m


def _distance_from_path_m(
    track: TrackState, report: Observation, parameters: DetectionParameters
) -> int | None:
    last, own = track.observation, report.motion
    seconds = (report.time_ms - last.time_ms) / SECOND_MS
    motion = track.motion(parameters) or own
    lon, lat = last.lon, last.lat
    if motion is not None:
        lon, lat, _ = WGS84.fwd(lon, lat, motion.course_deg, motion.speed_mps * seconds)
    off_m = distance_m(lon, lat, report.lon, report.lat)
    if off_m > _errors_m(last, report, parameters) + _margin_m(motion, seconds, parameters):
        return None
    differ_mps = 0.0
    if motion is not None and own is not None:
        differ_mps = motion.differs_by_mps(own)
        if differ_mps > _most_difference_mps(motion, own, seconds, parameters):
            return None
    return round(off_m + differ_mps * seconds)


def _errors_m(last: Observation, report: Observation, parameters: DetectionParameters) -> float:
    sigmas_m = map(parameters.accuracy_or_assumed_m, (last.accuracy_m, report.accuracy_m))
    return _SIGMAS * hypot(*sigmas_m)


def _margin_m(motion: Motion | None, seconds: float, parameters: DetectionParameters) -> float:
    """Return how far from the predicted place an object may be by its own flying, metres."""
    if motion is None:
        return _UNKNOWN_MPS * seconds
    turn_share = min(parameters.turn_rad_per_s * seconds / 2, _MOST_TURN_SHARE)
    return motion.speed_mps * seconds * (_SPEED_SHARE + turn_share)


def _most_difference_mps(
    before: Motion, after: Motion, seconds: float, parameters: DetectionParameters
) -> float:
    """Return the most that two velocities of one object may differ after a time, m/s."""
    fastest_mps = max(before.speed_mps, after.speed_mps)
    turn_rad = min(parameters.turn_rad_per_s * seconds, radians(180.0))
    by_turn_mps = 2 * fastest_mps * sin(turn_rad / 2)
    return _VELOCITY_MPS + _VELOCITY_SHARE * fastest_mps + by_turn_mps


def _is_another(before: ObjectInfo, after: ObjectInfo) -> bool:
    """Tell whether two reports name different objects; what only one names says nothing."""
    pairs = [
        (before.icao_address, after.icao_address),
        (before.callsign, after.callsign),
        (before.mode_3a, after.mode_3a),
    ]
    if after.category != "unknown":
        pairs.append((before.category if before.category != "unknown" else None, after.category))
    if {before.mode_3a, after.mode_3a} & EMERGENCY_CODES:
        del pairs[2]  # the code changes when the emergency begins
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)
