"""Identified flights near the protected border: their positions are published, and told to nobody.

Another source may show the same aircraft without its identity, as a primary radar does. The
incident agent, which sees all sources, then knows whose echo it is.

    report of an identified track ──▶ due, and near the border? ──▶ FlightSighted
"""

from skyfence.contracts.track_event import FlightSighted
from skyfence.policy.parameters import SECOND_MS
from skyfence.times import from_ms
from skyfence.tracks.context import Context
from skyfence.tracks.track_state import TrackState


def is_due(track: TrackState) -> bool:
    """Tell whether an identified track is to be looked at, with the report that it has."""
    identified = track.suppressed_by is not None and track.violation is None
    return identified and track.observation.time_ms >= track.flight_due_ms


def sight(context: Context, track: TrackState, border_m: float) -> FlightSighted | None:
    """Return an identified track's position if it is near the protected border.

    ``border_m`` is its distance to that, metres. Notes when the track is due next. Precondition: it
    is due.
    """
    parameters, observation = context.parameters, track.observation
    away_m = border_m - parameters.flight_sighted_within_m
    away_ms = round(max(0.0, away_m) / parameters.unknown_speed_mps * SECOND_MS)
    track.flight_due_ms = observation.time_ms + max(parameters.flight_sighted_every_ms, away_ms)
    if away_m > 0 or observation.coasted:
        return None
    return FlightSighted(
        run=track.run,
        source=track.source,
        track_id=track.track_id,
        time=from_ms(observation.time_ms),
        fix=observation.fix.position_fix,
        object=observation.object_info,
        identified_as=track.suppressed_by or "",
    )
