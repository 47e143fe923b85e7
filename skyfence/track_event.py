"""The track event: what one track did that may matter to people, for the incident agent.

The track agent says what happened to one track and the protected airspace; whether, whom and how
to tell is the incident agent's. Events of one track are numbered, so that a repeated one is known.

    entered -> moved* -> exited -> cleared          (or entered again before it is cleared)
                      -> lost -> reacquired | expired
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from skyfence.crossing import Known
from skyfence.model import Contract, Latitude, Longitude, RunName, SourceName, TrackName, UtcTime

TrackEventKind = Literal[
    "entered",  # crossed into the protected airspace
    "moved",  # is over another member or region
    "exited",  # crossed out of it
    "cleared",  # has stayed out long enough
    "lost",  # was last seen inside
    "reacquired",  # was lost inside and is seen inside again
    "expired",  # lost for so long, its source watching, that nobody waits for it
]


class TrackEvent(Contract):
    """One step in the story of one track. ``episode`` counts how often it opened an incident.

    ``time`` is when the fact stood (event time), ``last_seen`` the last report before it; the place
    is on the border for entered and exited, the last known place otherwise. ``nations`` and
    ``regions`` are those the track is in; ``other_side`` the neighbours across the border.
    """

    event_id: UUID
    kind: TrackEventKind
    run: RunName
    source: SourceName
    track_id: TrackName
    episode: Annotated[int, Field(ge=1)]
    number: Annotated[int, Field(ge=1)]
    time: UtcTime
    last_seen: UtcTime
    lat: Latitude
    lon: Longitude
    nations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    other_side: tuple[str, ...] = ()
    depth_m: Annotated[int, Field(ge=0)] = 0
    zones_version: str
    object: Known = Known()
