"""The alert: what people are told, in the words of the Common Alerting Protocol 1.2 (OASIS).

A chain of alerts belongs to one incident and one channel; its first message there is an Alert with
step 1, also for a region that joins late, and its last a Cancel. Everything in an alert is decided
from event time, so that deciding it again gives the same bytes; the wall clock's part, the
``Timeline``, travels beside it.

A place has a chain for each of its episodes (``PlaceAlert``), and that chain is what people follow;
incidents' chains are the evidence behind it, for operators. A feed alarm is no incident's: it says
that a source has fallen silent, and follows the wall clock.
"""

from functools import lru_cache
from typing import Annotated, Final, Literal, get_args
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
from skyfence.contracts.crossing import Evidence, ObjectInfo
from skyfence.contracts.track_event import Ahead
from skyfence.identity import derive
from skyfence.naming import Environment, ZoneName

EXERCISE_MARK: Final = "EXERCISE: "

AlertStatus = Literal["Actual", "Exercise", "Test"]
MessageType = Literal["Alert", "Update", "Cancel"]
ResponseType = Literal["Shelter", "Prepare", "Monitor", "AllClear"]
EventName = Literal["airspace violation", "repeated airspace violations"]
FeedEventName = Literal["sensor feed silent"]
PlaceEventName = Literal["airspace warning"]
# The words of these three stand from the gravest down; ``gravest_first`` relies on it.
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
PlaceKind = Literal["region", "nation", "alliance", "zone"]
# From the calmest up; see ``PlaceAlert``.
PlaceLevel = Literal["clear", "watch", "prepare", "shelter"]
# A table, because a raid compares levels a million times.
_LEVEL_RANKS: Final = {level: rank for rank, level in enumerate(get_args(PlaceLevel))}
# sound: a person has to act, and devices ring; quiet: the state has changed, and is shown.
Notify = Literal["sound", "quiet"]
# Why a place's message is sent. level: it rose or fell; objects: another number of them; direction:
# a danger from where none came before; minutes: those left passed a mark; lost: an object is not
# seen any more; unseen: no healthy source covers the place, or one does again.
PlaceNews = Literal["level", "objects", "direction", "minutes", "lost", "unseen"]
IncidentState = Literal["threat", "violation", "exited", "lost", "closed"]
# silent: all that came to its partition was judged, and nothing was of this source; unjudged: what
# came may not have been judged; clock: most of what came did not fit the time at which it came.
SilenceCause = Literal["silent", "unjudged", "clock"]
# A message names no more than so many earlier ones of its chain: a chain that lasts for weeks must
# not grow past the megabyte that Kafka takes.
MOST_REFERENCES: Final = 100
# Nor does a list in a message name more: of a raid's thousand objects, and of the thousand numbers
# that one object was shown under.
MOST_LISTED: Final = 200
# One a second for thirty years, and exact as a number of Lua's, in which channels compare steps.
Step = Annotated[int, Field(ge=1, le=1_000_000_000)]


class _Message(Contract):
    """What any message of a chain says, whoever it is for.

    ``references`` are the chain's latest earlier messages, ``MOST_REFERENCES`` at most; ``time`` is
    when the fact stood and ``expires`` how long this message holds, both event time.
    ``incident_id`` is what the chain is about: an incident, a place's episode, a silence. A message
    from before ``notify`` was known sounds.
    """

    alert_id: UUID
    incident_id: UUID
    channel: str
    step: Step
    references: tuple[UUID, ...] = ()
    status: AlertStatus
    message_type: MessageType
    category: Literal["Security"] = "Security"
    event: str
    response_type: ResponseType
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    time: UtcTime
    expires: UtcTime
    language: Literal["en"] = "en"
    notify: Notify = "sound"
    headline: str
    instruction: str

    @property
    def references_after(self) -> tuple[UUID, ...]:
        """Return the references of the message that follows in the chain."""
        return (*self.references, self.alert_id)[-MOST_REFERENCES:]


class Alert(_Message):
    """One message to one operators' channel. ``place`` is what the channel stands for.

    ``lat`` and ``lon`` are the border for an entry or exit, the last known place otherwise; where
    the object was lost, it is within ``search_radius_m`` of there, which grows by
    ``search_growth_mps``. ``minutes_left`` counts whole minutes until it reaches this place, or the
    border for a nation; ``ahead`` holds all regions that it heads for. ``tracks`` names those that
    are this one object, ``incidents`` those that are repeated violations or that this one was
    joined with, ``may_be`` those of lost objects of which it may be one; of more than
    ``MOST_LISTED``, the latest. Units as in ``Report``.
    """

    event: EventName = "airspace violation"
    place: ZoneName
    place_kind: PlaceKind
    incident_state: IncidentState
    description: str
    nations: tuple[str, ...]
    regions: tuple[str, ...]
    ahead: tuple[Ahead, ...] = ()
    minutes_left: Annotated[int | None, Field(ge=0)] = None
    other_side: tuple[str, ...]
    lat: Latitude
    lon: Longitude
    last_seen: UtcTime
    depth_m: Annotated[int, Field(ge=0)]
    search_radius_m: Annotated[int | None, Field(ge=0)] = None
    search_growth_mps: Annotated[float | None, Field(ge=0)] = None
    identified_as: str | None = None
    incidents: tuple[UUID, ...] = ()
    may_be: tuple[UUID, ...] = ()
    tracks: tuple[str, ...] = ()
    evidence: Evidence | None = None
    zones_version: str
    run: RunName
    source: SourceName
    track_id: TrackName
    object: ObjectInfo = ObjectInfo()


class PlaceAlert(_Message):
    """The whole state of a place in one run, and what people are told: a step of its episode.

    An episode lasts from leaving ``clear`` to returning there; ``incident_id`` identifies it, and
    ``episode`` counts those of the place in the run. ``level``:

        shelter  an object is here for sure
        prepare  one heads here, may be here, or was lost within reach
        watch    one has moved away, or was lost elsewhere within reach
        clear    nothing that concerns the place is open, nor can be back within the look-ahead

    ``unseen`` says that no healthy source covers the place, whatever the level. ``objects`` counts
    those that concern the place now, ``lost`` those of them that are not seen; ``incidents`` are
    theirs, of more than ``MOST_LISTED`` the gravest. ``minutes_left`` are the fewest of any object
    on its way here. ``nations`` and ``regions`` are the places beneath this one that are at
    ``prepare`` or ``shelter``. ``time`` is since when the state holds, ``known`` the event time
    that made it known. ``news`` says why it was sent. It has no field for a position.
    """

    event: PlaceEventName = "airspace warning"
    place: ZoneName
    place_kind: PlaceKind
    run: RunName
    episode: Annotated[int, Field(ge=1)]
    level: PlaceLevel
    unseen: bool = False
    known: UtcTime
    objects: Annotated[int, Field(ge=0)]
    lost: Annotated[int, Field(ge=0)] = 0
    minutes_left: Annotated[int | None, Field(ge=0)] = None
    nations: tuple[ZoneName, ...] = ()
    regions: tuple[ZoneName, ...] = ()
    incidents: tuple[UUID, ...] = ()
    news: tuple[PlaceNews, ...] = ()
    description: str

    @property
    def episode_id(self) -> UUID:
        """Return the episode's identifier, which is the chain's."""
        return self.incident_id


class PublicAlert(_Message):
    """What the public of a region may be told: a model that has no field for a position.

    ``incident_id`` is the place's episode; ``level``, ``unseen``, ``objects`` and ``minutes_left``
    are as in ``PlaceAlert``. A message from before episodes has no level.
    """

    event: EventName | PlaceEventName = "airspace warning"
    region: str
    level: PlaceLevel | None = None
    unseen: bool = False
    objects: Annotated[int | None, Field(ge=0)] = None
    minutes_left: Annotated[int | None, Field(ge=0)] = None


class FeedAlarm(_Message):
    """What operators are told when a source falls silent, and when it is back or given up.

    ``incident_id`` is the silence's, one Alert and one Cancel a place. ``last_heard`` is when its
    last sign of life reached Kafka, ``heard_again`` when the next one did; with ``cause`` unjudged
    its reports may have arrived since, and no worker has judged them. Times are the wall clock's.
    """

    event: FeedEventName = "sensor feed silent"
    place: ZoneName
    place_kind: PlaceKind
    description: str
    cause: SilenceCause
    key: str
    run: RunName
    last_heard: UtcTime
    heard_again: UtcTime | None = None
    silent_after_s: Annotated[float, Field(gt=0)]


class Timeline(Contract):
    """When an alert passed each stage, wall clock; what is not known yet is left out.

    ``observed``: the sensor's last report before it; ``published``: the frame reached Kafka;
    ``decided``: the incident agent wrote the alert; ``delivered``: the relay handed it to Redis.
    """

    observed: UtcTime | None = None
    published: UtcTime | None = None
    decided: UtcTime | None = None
    delivered: UtcTime | None = None


AnyAlert = Annotated[Alert | PlaceAlert | FeedAlarm, Field(discriminator="event")]
_ANY_ALERT: TypeAdapter[Alert | PlaceAlert | FeedAlarm] = TypeAdapter(AnyAlert)


class AlertMessage(Contract):
    """What a subscriber of a channel receives; ``event`` tells what kind of alert it is."""

    alert: AnyAlert
    timeline: Timeline


def parse_alert(value: bytes) -> Alert | PlaceAlert | FeedAlarm:
    """Read one message of ``alerts``; raise pydantic's ``ValidationError``."""
    return _ANY_ALERT.validate_json(value)


def level_rank(level: PlaceLevel) -> int:
    """Return a place's level as a number: 0 is ``clear``, 3 ``shelter``."""
    return _LEVEL_RANKS[level]


def gravest_first(word: str, words: object) -> int:
    """Return the place of one of CAP's words among its kind's: 0 is the gravest, the last unknown.

    ``words`` is the kind, ``Urgency``, ``Severity`` or ``Certainty``. Raises ``ValueError`` if the
    word is none of them.
    """
    return get_args(words).index(word)


def is_abandoned(alert: "Alert | PlaceAlert | FeedAlarm | PublicAlert") -> bool:
    """Tell whether a message ends its chain because the system lost track, which is no all-clear.

    CAP's certainty is Unknown in no other Cancel.
    """
    return alert.message_type == "Cancel" and alert.certainty == "Unknown"


def status_of(environment: Environment) -> AlertStatus:
    """Return CAP's status of an environment's alerts."""
    return "Exercise" if environment is Environment.EXERCISE else "Actual"


def marked(line: str, environment: Environment) -> str:
    """Return a line that people read; an exercise's says so before all else."""
    return EXERCISE_MARK + line if environment is Environment.EXERCISE else line


# Each message refers to up to a hundred before it, which mostly the one before it referred to, too.
@lru_cache(maxsize=16_384)
def alert_id(incident_id: UUID, channel: str, step: int) -> UUID:
    """Return the identifier of one step of a chain."""
    return derive("alert", str(incident_id), channel, step)
