"""The incident: one object against one alliance's protected airspace, from first threat to close.

An incident is told by one track at a time (its teller); other tracks of the same object are its
strands too, and take over when the teller is lost. Its identifier is fixed at the opening.
"""

from typing import Literal
from uuid import UUID

from pydantic import Field

from skyfence.alert import IncidentState
from skyfence.channels import ALLIANCE, Environment
from skyfence.crossing import Seen
from skyfence.identity import derive
from skyfence.model import Contract, RunName, SourceName, TrackName, UtcTime
from skyfence.times import to_ms
from skyfence.track_event import Ahead, Confidence, TrackEvent

StrandState = Literal["threat", "violation", "exited", "lost", "closed"]
# What a track's event makes of it; None: as it was.
STATES: dict[str, StrandState | None] = {
    "threatened": "threat",
    "receded": "closed",
    "identified": "closed",
    "entered": "violation",
    "appeared": "violation",
    "confirmed": "violation",
    "updated": None,
    "sighted": None,
    "exited": "exited",
    "cleared": "closed",
    "lost": "lost",
    "reacquired": "violation",
    "expired": "closed",
}


class StrandKey(Contract):
    """One track's one story: what its events have in common."""

    run: RunName
    source: SourceName
    track_id: TrackName
    opened: UtcTime

    @classmethod
    def of(cls, event: TrackEvent) -> "StrandKey":
        """Return the key of an event's strand."""
        return cls(run=event.run, source=event.source, track_id=event.track_id, opened=event.opened)

    @property
    def name(self) -> str:
        """Return the track as people name it."""
        return f"{self.source}/{self.track_id}"


class Position(Contract):
    """Where a strand was: degrees, and metres per second and degrees where they are known."""

    seen: Seen
    speed_mps: float | None = None
    course_deg: float | None = None


class Strand(Contract):
    """What the incident agent remembers of one track's story."""

    key: StrandKey
    state: StrandState = "violation"
    confidence: Confidence = "fact"
    since: UtcTime  # when its first event could be known
    last: TrackEvent
    positions: tuple[Position, ...] = ()
    incident_id: UUID | None = None


class Incident(Contract):
    """Where an incident stands: the nations and regions it is in, and whom it has warned.

    ``steps`` holds the last step of each place that was warned, ``marks`` the lowest mark of
    minutes that it was told.
    """

    incident_id: UUID
    alliance: str = ALLIANCE
    state: IncidentState
    confidence: Confidence
    teller: StrandKey
    strands: tuple[StrandKey, ...]
    opened: UtcTime
    updated: UtcTime
    confirmed: UtcTime | None = None
    nations: tuple[str, ...] = ()
    nations_left: tuple[str, ...] = ()
    been_in: tuple[str, ...] = ()  # nations and regions, now or before
    regions: tuple[str, ...] = ()
    ahead: tuple[Ahead, ...] = ()
    marks: dict[str, int] = Field(default_factory=dict)
    steps: dict[str, int] = Field(default_factory=dict)


def incident_id(environment: Environment, key: StrandKey) -> UUID:
    """Return the identifier of the incident that a track's story opens."""
    return derive(
        "incident", environment, key.run, key.source, key.track_id, ALLIANCE, to_ms(key.opened)
    )


def position_of(event: TrackEvent) -> Position | None:
    """Return where an event saw its track, if it rests on a report."""
    if event.evidence is None:
        return None
    known = event.object
    return Position(
        seen=event.evidence.after, speed_mps=known.ground_speed_mps, course_deg=known.course_deg
    )
