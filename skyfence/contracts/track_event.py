r"""The track event: what one track did that may matter to people, for the incident agent.

The track agent says what happened to one track and the protected airspace; whether, whom and how
to tell is the incident agent's. Events of one track are numbered, so that a repeated one is known.

    threatened -> entered -> confirmed -> updated* -> exited -> cleared
         |                        \-> lost -> reacquired | expired
         \-> receded | identified      (exited may be threatened or entered again)

A source's clock travels on the same topic: what joins tracks is decided up to the lowest of them.
So do what operators say of incidents, how far each partition has been judged, and which places no
healthy source covers. What decides nothing there is in ``contracts.judging``.
"""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from skyfence.contracts.base import (
    Contract,
    Latitude,
    Longitude,
    RunName,
    SourceName,
    TrackName,
    UtcTime,
)
from skyfence.contracts.crossing import Evidence, ObjectInfo, PositionFix
from skyfence.contracts.report import AccuracyM, AltitudeM, CourseDeg, GroundSpeedMps
from skyfence.naming import ZoneName

TrackEventKind = Literal[
    "threatened",  # will cross into the protected airspace if it goes on
    "receded",  # threatened, and no longer heads for it
    "identified",  # threatened or possibly inside, and now known by the policy
    "entered",  # crossed into it
    "appeared",  # was first seen inside
    "confirmed",  # is inside beyond doubt
    # Another member or region in it or ahead, fewer minutes left, deeper, faster; an emergency, or
    # a drone or a missile by its own source's word.
    "updated",
    "sighted",  # is still there; where, for those who join tracks
    "exited",  # crossed out of it
    "cleared",  # has stayed out long enough
    "lost",  # is not seen any more
    "searched",  # is still lost: the places that it can be in by now, or can reach
    "reacquired",  # was lost and is seen again, inside
    "expired",  # lost for so long, its source watching, that nobody waits for it
]
# What is new in an event of the kind ``updated``. An emergency, and a category that is a drone's or
# a missile's, are told once an episode.
Change = Literal["place", "ahead", "deeper", "faster", "emergency", "category"]
# Minutes left are told again when they fall below one of these.
MINUTE_MARKS: Final = (1, 2, 5, 10)
# A fact is known and nobody is told: what appeared deep inside without having crossed.
Confidence = Literal["fact", "possible", "confirmed"]


class Ahead(Contract):
    """A place that the object will reach if it goes on, and the time it needs for that.

    ``minutes_left`` counts whole minutes, so 0 is less than one.
    """

    place: ZoneName
    minutes_left: Annotated[int, Field(ge=0)]


class EarlierFix(PositionFix):
    """Where a track was some time before its first event, and the velocity that it reported."""

    ground_speed_mps: GroundSpeedMps | None = None
    course_deg: CourseDeg | None = None


class TrackEvent(Contract):
    """One step in the story of one track, which ``opened`` with the report of that time.

    ``time`` is when the fact stood (event time), ``last_seen`` the report that made it known; the
    place is on the border for entered and exited, the last known place otherwise. ``nations`` and
    ``regions`` are those the track is in (for a threat: whose border it will reach), ``ahead`` the
    regions it will reach; ``minutes_left`` those to the border. ``other_side`` are the neighbours
    across the border. ``first`` is where the track was first seen, ``earlier_fixes`` (with an
    episode's first event only) where it was of late. ``changes`` says what is new.

    ``crossed`` is False where the track was first seen inside, so that nobody knows where it came
    from. ``private_flight``: it may well be a private flight without a transponder. ``circling``:
    it flies about without getting anywhere. ``within_reach`` are the regions and nations that it
    can be in within the look-ahead whatever its course, with the minutes a straight flight takes.
    ``coasted`` says that the last position was predicted by the sensor, not measured. ``emergency``
    says that it sends an emergency code, in two reports in a row. ``near_border``: identified
    flights are published where it is (``FlightsSighted``). ``shown_as`` is the number that the
    source shows the track under now, where that has changed.
    """

    event_id: UUID
    kind: TrackEventKind
    confidence: Confidence = "confirmed"
    run: RunName
    source: SourceName
    track_id: TrackName
    opened: UtcTime
    number: Annotated[int, Field(ge=1)]
    time: UtcTime
    last_seen: UtcTime
    lat: Latitude
    lon: Longitude
    nations: tuple[ZoneName, ...] = ()
    regions: tuple[ZoneName, ...] = ()
    ahead: tuple[Ahead, ...] = ()
    minutes_left: Annotated[int | None, Field(ge=0)] = None
    other_side: tuple[str, ...] = ()
    depth_m: Annotated[int, Field(ge=0)] = 0
    changes: tuple[Change, ...] = ()
    identified_as: str | None = None
    crossed: bool = True
    private_flight: bool = False
    circling: bool = False
    coasted: bool = False
    emergency: bool = False
    near_border: bool = False
    within_reach: tuple[Ahead, ...] = ()
    shown_as: TrackName | None = None
    evidence: Evidence | None = None
    first: PositionFix | None = None
    earlier_fixes: tuple[EarlierFix, ...] = ()
    zones_version: str
    object: ObjectInfo = ObjectInfo()


def minute_mark(minutes_left: int) -> int:
    """Return the lowest mark that whole minutes are below; one more than the highest for none."""
    return min((mark for mark in MINUTE_MARKS if minutes_left < mark), default=MINUTE_MARKS[-1] + 1)


class SourceWatermark(Contract):
    """How far a source's event time has come; ``key`` is the source or source/shard."""

    kind: Literal["clock"] = "clock"
    run: RunName
    key: str
    time: UtcTime
    last: bool = False


class SourceMistimed(Contract):
    """Most frames of a source do not fit the time at which they come: its clock is wrong.

    ``time`` is when the last of them reached Kafka, ``off_ms`` how far its scan was ahead of that,
    negative where it was behind. What comes so is not judged, unless it is behind alone.
    """

    kind: Literal["mistimed"] = "mistimed"
    run: RunName
    key: str
    time: UtcTime
    off_ms: int


class ZoneVisit(Contract):
    """One step of a track's visit to a zone of a kind of one's own (restricted, a plant).

        ahead -> inside -> confirmed -> left -> over
                    any of them -> lost -> over, or any of them again

    Such a zone hears of what comes, whoever it is a threat to otherwise. ``opened`` and the names
    identify the visit, whose steps are numbered. ``time`` is of the report, or of the timer, that
    made the step; ``minutes_left`` whole minutes until the zone is reached.
    """

    kind: Literal["zone"] = "zone"
    run: RunName
    source: SourceName
    track_id: TrackName
    zone: ZoneName
    opened: UtcTime
    number: Annotated[int, Field(ge=1)]
    step: Literal["ahead", "inside", "confirmed", "left", "lost", "over"]
    time: UtcTime
    last_seen: UtcTime
    minutes_left: Annotated[int | None, Field(ge=0)] = None
    object: ObjectInfo = ObjectInfo()


class FlightSighting(Contract):
    """Where an identified flight was at a time, and what tells it from others; as in ``Report``."""

    track_id: TrackName
    time: UtcTime
    lat: Latitude
    lon: Longitude
    accuracy_m: AccuracyM | None = None
    altitude_m: AltitudeM | None = None
    ground_speed_mps: GroundSpeedMps | None = None
    course_deg: CourseDeg | None = None
    callsign: str | None = None
    icao_address: str | None = None


class FlightsSighted(Contract):
    """Where identified flights are that fly near the protected border: told to nobody.

    Another source may show the same aircraft without its identity (primary radar). Many come in one
    message, because a message costs far more than a flight in it. ``time`` is the latest of theirs.
    """

    kind: Literal["flights"] = "flights"
    run: RunName
    source: SourceName
    time: UtcTime
    flights: Annotated[tuple[FlightSighting, ...], Field(min_length=1)]


class OperatorClosed(Contract):
    """An operator ends an incident in whatever state: the object is found, or not waited for.

    ``dismissed``: there never was an object to alert to (a false track, an own aircraft), so that
    it does not count as a violation. ``time`` is the wall clock's, and so is what follows from it:
    no sensor made this event.
    """

    kind: Literal["closed"] = "closed"
    run: RunName
    incident_id: UUID
    by: SourceName
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    dismissed: bool = False
    time: UtcTime


class OperatorJoined(Contract):
    """An operator says that two incidents are one object: the one opened first goes on."""

    kind: Literal["joined"] = "joined"
    run: RunName
    incident_id: UUID
    other_id: UUID
    by: SourceName
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    time: UtcTime


class OperatorSeparated(Contract):
    """An operator says that a track of an incident is another object: it gets an incident."""

    kind: Literal["separated"] = "separated"
    run: RunName
    incident_id: UUID
    source: SourceName
    track_id: TrackName
    by: SourceName
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    time: UtcTime


class PartitionWatermark(Contract):
    """All that reached a partition of ``tracks`` before a time has been judged.

    The wall clock's, said now and then of partitions that have nothing left, so that a source that
    sends nothing can be told from one whose reports wait.
    """

    kind: Literal["partition"] = "partition"
    partition: Annotated[int, Field(ge=0)]
    time: UtcTime


class Coverage(Contract):
    """Which places no healthy source covers in a run: all of them, so that the newest says all.

    The monitor's, whose clock ``time`` is: an older one that comes later is passed over. Until one
    comes, nothing is unseen. One may come for a run that is over, and then means nothing.
    """

    kind: Literal["coverage"] = "coverage"
    run: RunName
    time: UtcTime
    unseen: tuple[ZoneName, ...] = ()


TrackFact = TrackEvent | ZoneVisit | FlightsSighted | SourceWatermark
OperatorEvent = OperatorClosed | OperatorJoined | OperatorSeparated
TrackTopicEvent = TrackFact | SourceMistimed | OperatorEvent | PartitionWatermark | Coverage
_EVENT: TypeAdapter[TrackTopicEvent] = TypeAdapter(
    Annotated[TrackTopicEvent, Field(discriminator="kind")]
)


def parse_event(value: bytes) -> TrackTopicEvent:
    """Read one message of ``track.events``; raise pydantic's ``ValidationError``."""
    return _EVENT.validate_json(value)
