"""Where a lost object can be by now: it flew on, or it is where it was seen last.

At intervals after the loss the places are estimated anew. Likely courses are a fan about the last
one, wider than the forecast's, because nobody sees it turn; speeds are half to 1.3 of the last one.

    last place  --- 0.5 v t ---.=======.--- 1.3 v t'      t: since it was seen last
                               |sector |                   t': at the next estimate
                               '======='

Regions in the sector may have the object until the next estimate; those behind it are let go. Does
not decide when (``violation_episode``) nor whom to tell.
"""

from typing import Final

import shapely

from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks.context import Context
from skyfence.tracks.reach import speed_mps
from skyfence.tracks.track_state import TrackState

# Into the wind or with it, and a drone that dives or climbs.
_SLOWEST_SHARE: Final = 0.5
_FASTEST_SHARE: Final = 1.3
# The fan: so many sigma of where courses wander, and a turn that nobody saw.
_SIGMAS: Final = 1.5
_TURN_DEG: Final = 10.0
_BEARINGS: Final = 9
# Farther than this nobody can say where to look.
_FURTHEST_M: Final = 150_000.0


def regions_reached(
    context: Context, track: TrackState, time_ms: int, until_ms: int
) -> dict[str, int]:
    """Return the members' regions that a lost track may be in from a time to another.

    By identifier, with the whole minutes after the first time that the fastest flight needs, 0
    where it may be already. Times are milliseconds since 1970.
    """
    airspace, last = context.airspace, track.observation
    sector = _sector(context, track, time_ms, until_ms)
    place = shapely.Point(last.lon, last.lat)
    fastest_mps = _FASTEST_SHARE * speed_mps(context, track)
    flown_s = (time_ms - last.time_ms) / SECOND_MS
    minutes: dict[str, int] = {}
    for area in airspace.areas_meeting(sector):
        if area not in airspace.member_regions:
            continue
        part = shapely.intersection(airspace.outline(area), sector)
        _, nearest = shapely.get_coordinates(shapely.shortest_line(place, part))
        left_s = round(distance_m(last.lon, last.lat, *nearest) / fastest_mps - flown_s)
        minutes[airspace.zones[area].id] = max(0, left_s) // 60
    return minutes


def _sector(context: Context, track: TrackState, time_ms: int, until_ms: int) -> shapely.Polygon:
    """Return where a lost track may be from a time to another, degrees; a disc without a course."""
    last, motion = track.observation, track.motion(context.parameters)
    mps = speed_mps(context, track)
    seconds = [(at_ms - last.time_ms) / SECOND_MS for at_ms in (time_ms, until_ms)]
    near_m = min(_SLOWEST_SHARE * mps * seconds[0], _FURTHEST_M)
    far_m = min(_FASTEST_SHARE * mps * seconds[1], _FURTHEST_M + near_m)
    if motion is None or track.flown_path.circles:
        return shapely.Polygon(
            [_point(last.lon, last.lat, 10.0 * step, far_m) for step in range(36)]
        )
    half_deg = _SIGMAS * motion.spread_deg(seconds[1]) + _TURN_DEG
    bearings = [
        motion.course_deg + half_deg * (2.0 * step / (_BEARINGS - 1) - 1.0)
        for step in range(_BEARINGS)
    ]
    outer = [_point(last.lon, last.lat, bearing, far_m) for bearing in bearings]
    inner = [_point(last.lon, last.lat, bearing, near_m) for bearing in reversed(bearings)]
    return shapely.Polygon([*outer, *inner])


def _point(lon: float, lat: float, bearing_deg: float, metres: float) -> tuple[float, float]:
    """Return a place (lon, lat) by bearing and distance; a line leads there, not a jump."""
    to_lon, to_lat, _ = WGS84.fwd(lon, lat, bearing_deg, metres)
    return to_lon + 360.0 * round((lon - to_lon) / 360.0), to_lat
