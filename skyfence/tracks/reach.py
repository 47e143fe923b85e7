"""Where a track can be soon, whatever its course: by straight distance and its speed alone.

The forecast says what lies ahead (``forecast``); this, what an object that circles, has left or
turned away can still come back to. Does not decide what follows (``violation``).
"""

from typing import Final

from skyfence.contracts.track_event import Ahead
from skyfence.policy.parameters import DRONE_MPS
from skyfence.tracks.context import Context
from skyfence.tracks.track_state import TrackState

# Distances are measured on a plane, which errs past this; and a missile is gone, or over it.
_FURTHEST_M: Final = 100_000.0


def speed_mps(context: Context, track: TrackState) -> float:
    """Return a track's speed, or a drone's where it is not known, metres a second."""
    motion = track.motion(context.parameters)
    return DRONE_MPS if motion is None else motion.speed_mps


def can_be_back(context: Context, track: TrackState, within_s: float) -> bool:
    """Tell whether a track can be at the protected border within some seconds."""
    return round(track.border_m) <= round(speed_mps(context, track) * within_s)


def within_reach(context: Context, track: TrackState) -> tuple[Ahead, ...]:
    """Return the members' regions and nations that a track can be in within the hold look-ahead.

    With the whole minutes that a straight flight takes, soonest first; where it is now is at 0.
    """
    airspace, observation = context.airspace, track.observation
    mps = speed_mps(context, track)
    reach_m = min(mps * context.policy.hold.threat_s, _FURTHEST_M)
    minutes: dict[str, int] = {}
    for metres, area in airspace.near(observation.lon, observation.lat, reach_m):
        zone = airspace.zones[area]
        if area in airspace.member_regions:
            minutes.setdefault(zone.id, round(metres / mps) // 60)
        elif zone.is_protected:
            minutes.setdefault(zone.nation, round(metres / mps) // 60)
    soonest = sorted(minutes.items(), key=lambda entry: (entry[1], entry[0]))
    return tuple(Ahead(place=place, minutes_left=left) for place, left in soonest)
