"""The incident: one object against one alliance's protected airspace, from first threat to close.

An incident is told by one track at a time (its teller); other tracks of the same object are its
strands too, and one takes over when it knows more. Its identifier is fixed at the opening.
"""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from skyfence.contracts.alert import IncidentState
from skyfence.contracts.base import Contract, RunName, SourceName, TrackName, UtcTime
from skyfence.contracts.crossing import PositionFix
from skyfence.contracts.track_event import Ahead, Confidence, TrackEvent
from skyfence.identity import derive
from skyfence.naming import ALLIANCE, Environment
from skyfence.times import to_ms

MemberState = Literal["threat", "violation", "exited", "lost", "closed"]
# What a track's event makes of it; None: as it was.
STATES: dict[str, MemberState | None] = {
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
# How much a strand knows of its incident, by its state and confidence; away: nothing any more.
_KNOWS: Final[Mapping[str, int]] = {"threat": 1, "violation": 2}


class EpisodeKey(Contract):
    """One track's one story: what its events have in common."""

    run: RunName
    source: SourceName
    track_id: TrackName
    opened: UtcTime

    @classmethod
    def of(cls, event: TrackEvent) -> "EpisodeKey":
        """Return the key of an event's strand."""
        return cls(run=event.run, source=event.source, track_id=event.track_id, opened=event.opened)

    @property
    def name(self) -> str:
        """Return the track as people name it."""
        return f"{self.source}/{self.track_id}"

    @property
    def order(self) -> tuple[str, str, int]:
        """Return what strands are sorted by, so that no order of arrival matters."""
        return (self.source, self.track_id, to_ms(self.opened))


class Position(Contract):
    """Where a strand was: degrees, and metres per second and degrees where they are known."""

    seen: PositionFix
    speed_mps: float | None = None
    course_deg: float | None = None


class MemberTrack(Contract):
    """What the incident agent remembers of one track's story."""

    key: EpisodeKey
    state: MemberState = "violation"
    confidence: Confidence = "fact"
    last: TrackEvent
    position: Position | None = None
    incident_id: UUID | None = None


class Incident(Contract):
    """Where an incident stands: the nations and regions it is in, and whom it has warned.

    ``confirmed`` is when it was first told to be inside beyond doubt. ``steps`` holds the last step
    of each place that was warned, ``marks`` the lowest mark of minutes that it was told.
    """

    incident_id: UUID
    alliance: str = ALLIANCE
    state: IncidentState
    confidence: Confidence
    teller: EpisodeKey
    strands: tuple[EpisodeKey, ...]
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


def incident_id(environment: Environment, key: EpisodeKey) -> UUID:
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


def member_after(before: MemberTrack | None, event: TrackEvent) -> MemberTrack:
    """Return a strand as it stands with one more event."""
    state = STATES[event.kind] or (before.state if before else "violation")
    return MemberTrack(
        key=EpisodeKey.of(event),
        state=state,
        confidence=event.confidence,
        last=event,
        position=position_of(event) or (before.position if before else None),
        incident_id=before.incident_id if before else None,
    )


def may_tell(incident: Incident, strand: MemberTrack) -> bool:
    """Tell whether a track sees an incident's object.

    One that only heads for the border does not tell of what was lost inside: if it turned away,
    that would be an all-clear for what nobody has found.
    """
    lost_inside = incident.state == "lost" and bool(incident.been_in)
    return strand.state == "violation" or (strand.state == "threat" and not lost_inside)


def knowledge_rank(strand: MemberTrack) -> int:
    """Return how much a strand knows of its incident: 0 when it does not see the object."""
    sure = strand.state == "violation" and strand.confidence == "confirmed"
    return _KNOWS.get(strand.state, 0) + sure
