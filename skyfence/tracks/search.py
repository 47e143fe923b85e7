"""Where a lost object can be by now: it flew on, or it is where it was seen last.

At intervals after the loss the places are estimated anew, on courses about the last one, with the
last speed more or less.

    last place  --- slowest v t ---.=======.--- fastest v t'   t: since it was seen last
                                   |sector |                    t': at the next estimate
                                   '======='

A region in the sector of likely courses and speeds is warned. It stays warned as long as it meets
the wider sector of possible ones; then the object has left it behind, and it is let go. Does not
decide when (``violation_episode``) nor whom to tell.
"""

from dataclasses import dataclass
from typing import Final

import shapely

from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks.context import Context
from skyfence.tracks.reach import speed_mps
from skyfence.tracks.track_state import TrackState


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a lost object may have departed from its last velocity.

    Speeds are shares of the last one. The fan of courses is as many sigma of where courses wander
    to either side, and a turn that nobody saw.
    """

    slowest_share: float
    fastest_share: float
    sigmas: float
    turn_deg: float


# Winds of 10 m/s, and a course that only wanders. On scenes of the kind ``lost`` the wider sector
# warned half as many regions more in vain, and no more of those that were flown over.
LIKELY: Final = Spread(slowest_share=0.8, fastest_share=1.2, sigmas=1.0, turn_deg=0.0)
# Into the wind or with it, a drone that dives or climbs, and one that has turned.
POSSIBLE: Final = Spread(slowest_share=0.5, fastest_share=1.3, sigmas=1.5, turn_deg=10.0)
_BEARINGS: Final = 9
# Farther than this nobody can say where to look.
_FURTHEST_M: Final = 150_000.0


def regions_reached(
    context: Context, track: TrackState, time_ms: int, until_ms: int, spread: Spread
) -> dict[str, int]:
    """Return the members' regions that a lost track may be in from a time to another.

    By identifier, with the whole minutes after the first time that the fastest possible flight
    needs, 0 where it may be already. Times are milliseconds since 1970.
    """
    airspace, last = context.airspace, track.observation
    sector = _sector(context, track, time_ms, until_ms, spread)
    if sector is None:
        return {}
    place = shapely.Point(last.lon, last.lat)
    fastest_mps = POSSIBLE.fastest_share * speed_mps(context, track)
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


def _sector(
    context: Context, track: TrackState, time_ms: int, until_ms: int, spread: Spread
) -> shapely.Polygon | None:
    """Return where a lost track may be from a time to another, degrees; a disc without a course.

    None where even the slowest flight has gone too far to be looked for.
    """
    last, motion = track.observation, track.motion(context.parameters)
    mps = speed_mps(context, track)
    seconds = [(at_ms - last.time_ms) / SECOND_MS for at_ms in (time_ms, until_ms)]
    near_m = spread.slowest_share * mps * seconds[0]
    far_m = min(spread.fastest_share * mps * seconds[1], _FURTHEST_M)
    if near_m >= far_m:
        return None
    if motion is None or track.flown_path.circles:
        return shapely.Polygon(
            [_point(last.lon, last.lat, 10.0 * step, far_m) for step in range(36)]
        )
    half_deg = spread.sigmas * motion.spread_deg(seconds[1]) + spread.turn_deg
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
