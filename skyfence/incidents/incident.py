"""The incident: one object against one alliance's protected airspace, from first threat to close.

An incident's messages follow one track at a time, its lead. Other tracks of the same object are its
members too, and one of them becomes the lead when it knows more. The identifier is fixed at the
opening. Plain data and rules on it; ``manager`` decides when they change.
"""

from collections.abc import Mapping
from typing import Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from skyfence.contracts.alert import IncidentState
from skyfence.contracts.base import Contract, RunName, SourceName, TrackName, UtcTime, round_degrees
from skyfence.contracts.crossing import PositionFix
from skyfence.contracts.track_event import Ahead, Confidence, TrackEvent
from skyfence.geometry.geodesy import metres_per_degree
from skyfence.identity import derive
from skyfence.naming import ALLIANCE, Environment
from skyfence.policy.civil import NEVER_CIVIL
from skyfence.times import to_ms

# How far east and north of the truth a source's reports lie, metres.
Bias = tuple[float, float]
MemberState = Literal["threat", "violation", "exited", "lost", "closed"]
# What a track's event makes of it; None: as it was.
STATE_AFTER: dict[str, MemberState | None] = {
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
    "searched": "lost",
    "reacquired": "violation",
    "expired": "closed",
}
# What is kept of where a track was: enough to compare it with another one over several reports.
_TRAIL_REPORTS: Final = 12
_TRAIL_MS: Final = 120_000
# How much a track knows of its object, by its state; in any other state it does not see it.
_KNOWLEDGE: Final[Mapping[str, int]] = {"threat": 1, "violation": 2}


class EpisodeKey(Contract):
    """One episode of one track: what its events from ``opened`` to the last have in common."""

    run: RunName
    source: SourceName
    track_id: TrackName
    opened: UtcTime

    @classmethod
    def of(cls, event: TrackEvent) -> "EpisodeKey":
        """Return the key of the episode that an event belongs to."""
        return cls(run=event.run, source=event.source, track_id=event.track_id, opened=event.opened)

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the same episode; pydantic's own comparison takes five times as long.

        A raid compares keys a million times.
        """
        if self is other:
            return True
        return isinstance(other, EpisodeKey) and self.compared == other.compared

    def __hash__(self) -> int:
        """Return a hash of what is compared."""
        return hash((self.source, self.track_id, self.opened))

    @property
    def compared(self) -> tuple[str, str, UtcTime, str]:
        """Return what tells episodes apart, what differs most often first."""
        return (self.track_id, self.source, self.opened, self.run)

    @property
    def name(self) -> str:
        """Return the track as people name it."""
        return f"{self.source}/{self.track_id}"

    @property
    def order(self) -> tuple[str, str, int]:
        """Return what tracks are sorted by, so that no order of arrival matters."""
        return (self.source, self.track_id, to_ms(self.opened))


class Position(Contract):
    """Where a track was last seen, with its speed over ground and true course where known."""

    seen: PositionFix
    speed_mps: float | None = None
    course_deg: float | None = None


class SilenceBasis(Contract):
    """What was known of an object when an operator closed its incident.

    ``nations`` are those that it was in or headed for (regions may stand among them),
    ``categories`` those of a drone or a missile that a source gave it.
    """

    nations: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    emergency: bool = False


class MemberTrack(Contract):
    """One track, as it stands with its ``last`` event; ``position`` is that of its last report.

    ``trail`` holds its latest positions, oldest first. ``incident_id`` is the incident that it is a
    member of; None for a mere fact, and for one that is ``silenced``: an operator closed or
    dismissed it, or it is the echo of an identified ``flight`` (source/track), with which it flew
    at ``flight_ms``, event time. ``silence_basis`` is what an operator knew who closed it;
    ``never_civil``: an event has said that it is a drone or a missile.
    """

    key: EpisodeKey
    state: MemberState = "violation"
    confidence: Confidence = "fact"
    last: TrackEvent
    position: Position | None = None
    trail: tuple[Position, ...] = ()
    incident_id: UUID | None = None
    silenced: Literal["closed", "dismissed", "flight"] | None = None
    flight: str | None = None
    flight_ms: int = 0
    silence_basis: SilenceBasis | None = None
    never_civil: bool = False

    @property
    def seen_from_ms(self) -> int:
        """Return the time of its first report, in ms since 1970, as far as that is known."""
        return to_ms(self.last.first.time if self.last.first else self.key.opened)

    @property
    def seen_until_ms(self) -> int:
        """Return the time of its last report, in ms since 1970."""
        return to_ms(self.position.seen.time if self.position else self.last.last_seen)


class Incident(Contract):
    """Where an incident stands: the nations and regions it is in, and whom it has warned.

    ``confirmed`` is when it was first told to be inside beyond doubt. ``steps`` holds the last step
    of each place that was warned, ``marks`` the lowest mark of minutes that it was told. With
    ``private`` it may well be a private flight, of which its nation alone was told. ``may_be``
    names incidents of lost objects that it may be one of. ``held`` together by an operator, its
    tracks are not parted. Until ``counts_from_ms``, event time, it may be the object of another
    source's incident that is not joined yet.
    """

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    incident_id: UUID
    alliance: str = ALLIANCE
    state: IncidentState
    confidence: Confidence
    # The track that the messages follow, and all tracks of the object with it. In JSON both keep
    # the names that checkpoints and the schema have.
    lead_key: EpisodeKey = Field(alias="teller")
    member_keys: tuple[EpisodeKey, ...] = Field(alias="strands")
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
    private: bool = False
    may_be: tuple[UUID, ...] = ()
    held: bool = False
    counts_from_ms: int = 0


def incident_id(environment: Environment, key: EpisodeKey) -> UUID:
    """Return the identifier of the incident that a track's episode opens."""
    return derive(
        "incident", environment, key.run, key.source, key.track_id, ALLIANCE, to_ms(key.opened)
    )


def position_of(event: TrackEvent, bias: Bias | None = None) -> Position | None:
    """Return where an event saw its track, if it rests on a report, without its source's bias."""
    if event.evidence is None:
        return None
    known, seen = event.object, _without_bias(event.evidence.after, bias)
    return Position(seen=seen, speed_mps=known.ground_speed_mps, course_deg=known.course_deg)


def earlier_positions(event: TrackEvent, bias: Bias | None = None) -> tuple[Position, ...]:
    """Return where a track was before an event, oldest first, without its source's bias."""
    return tuple(
        Position(
            seen=_without_bias(fix, bias), speed_mps=fix.ground_speed_mps, course_deg=fix.course_deg
        )
        for fix in event.earlier_fixes
    )


def _without_bias(fix: PositionFix, bias: Bias | None) -> PositionFix:
    """Return where a source with a bias should have seen what it saw."""
    lat, lon = fix.lat, fix.lon
    if bias is not None:
        lon_m, lat_m = metres_per_degree(lat)
        lat, lon = lat - bias[1] / lat_m, lon - bias[0] / lon_m
        lon = (lon + 180.0) % 360.0 - 180.0
    return PositionFix(
        time=fix.time, lat=round_degrees(lat), lon=round_degrees(lon), accuracy_m=fix.accuracy_m
    )


def member_after(
    before: MemberTrack | None, event: TrackEvent, bias: Bias | None = None
) -> MemberTrack:
    """Return a track as it stands with one more event; ``before`` is None at its first.

    ``bias`` is that of its source, where the policy names one.
    """
    state = STATE_AFTER[event.kind] or (before.state if before else "violation")
    position = position_of(event, bias)
    trail = before.trail if before else earlier_positions(event, bias)
    return MemberTrack(
        key=EpisodeKey.of(event),
        state=state,
        confidence=event.confidence,
        last=event,
        position=position or (before.position if before else None),
        trail=trail_after(trail, position),
        incident_id=before.incident_id if before else None,
        silenced=before.silenced if before else None,
        flight=before.flight if before else None,
        flight_ms=before.flight_ms if before else 0,
        silence_basis=before.silence_basis if before else None,
        never_civil=(before is not None and before.never_civil)
        or event.object.category in NEVER_CIVIL,
    )


def trail_after(trail: tuple[Position, ...], position: Position | None) -> tuple[Position, ...]:
    """Return a trail with one more position, and without what is too old or one too many."""
    if position is None or (trail and to_ms(position.seen.time) <= to_ms(trail[-1].seen.time)):
        return trail
    oldest_ms = to_ms(position.seen.time) - _TRAIL_MS
    kept = [before for before in trail if to_ms(before.seen.time) >= oldest_ms]
    return (*kept, position)[-_TRAIL_REPORTS:]


def may_lead(incident: Incident, track: MemberTrack) -> bool:
    """Tell whether a track sees an incident's object, so that messages can follow it.

    A track that only heads for the border does not lead an incident whose object was lost inside:
    if it turned away, that would be an all-clear for an object that nobody has found.
    """
    lost_inside = incident.state == "lost" and bool(incident.been_in)
    return track.state == "violation" or (track.state == "threat" and not lost_inside)


def is_seen(track: MemberTrack) -> bool:
    """Tell whether a track is one that its source shows."""
    return track.state not in ("lost", "closed")


def knowledge_rank(track: MemberTrack) -> int:
    """Return how much a track knows of its object, from 0, when it does not see it, to 3.

    1 is a threat, 2 a violation, 3 a confirmed violation.
    """
    sure = track.state == "violation" and track.confidence == "confirmed"
    return _KNOWLEDGE.get(track.state, 0) + sure


def knows_less(track: MemberTrack, incident: Incident) -> bool:
    """Tell whether a track only holds possible what an incident has told to be certain."""
    inside = track.state == incident.state == "violation"
    return inside and incident.confidence == "confirmed" != track.confidence
