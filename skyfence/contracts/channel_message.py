"""What travels on a Redis channel: alerts, notes beside them, and the heartbeat.

    alerts:RO-TL   {"epoch", "sequence", "alert", "timeline", "acknowledged"?}   for operators
                   {"epoch", "sequence", "note"}
    public:RO-TL   {"epoch", "sequence", "alert", "timeline"}                    for the public
    heartbeat      {"epoch", "heartbeat", "judging"?, "judged"?}

Epoch and sequence are Redis's own to give (``consumers.channels.functions``): the sequence counts a
channel's messages without a gap, the epoch changes when Redis was started anew, and may have lost
some. The models here read messages, and are what a channel is given before Redis adds both.
"""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from skyfence.contracts.alert import (
    AnyAlert,
    Certainty,
    PublicAlert,
    Severity,
    Timeline,
    Urgency,
    gravest_first,
)
from skyfence.contracts.base import Contract, SourceName, UtcTime
from skyfence.naming import Audience

OperatorName = SourceName
Sequence = Annotated[int, Field(ge=1)]


class Acknowledged(Contract):
    """Who has taken note of an incident, and when. Dropped when the incident worsens."""

    by: OperatorName
    time: UtcTime


class Acknowledgement(Contract):
    """All others on the channel learn who has taken note of an incident."""

    kind: Literal["acknowledged"] = "acknowledged"
    note_id: UUID
    incident_id: UUID
    by: OperatorName
    time: UtcTime


class Decision(Contract):
    """What was decided about a message to a region's public, by whom; without ``by`` by the policy.

    held: it waits for a decision until ``deadline``; released: it was published; withdrawn: it will
    not be.
    """

    kind: Literal["public"] = "public"
    note_id: UUID
    incident_id: UUID
    alert_id: UUID
    region: str
    decision: Literal["held", "released", "withdrawn"]
    by: OperatorName | None = None
    reason: str | None = None
    time: UtcTime
    deadline: UtcTime | None = None
    headline: str


class IncidentDecision(Contract):
    """An operator has decided about an incident; what follows comes from the incident agent.

    closed: it is over; dismissed: there never was an object; joined: it is one object with
    ``other_id``; separated: its ``track`` (source/track) is another object.
    """

    kind: Literal["incident"] = "incident"
    note_id: UUID
    incident_id: UUID
    decision: Literal["closed", "dismissed", "joined", "separated"]
    other_id: UUID | None = None
    track: str | None = None
    by: OperatorName
    reason: str
    time: UtcTime


OperatorNote = Annotated[Acknowledgement | Decision | IncidentDecision, Field(discriminator="kind")]


class _Stamped(Contract):
    epoch: str
    sequence: Sequence


class OperatorsMessage(_Stamped):
    """An alert on an operators' channel, and who has acknowledged its incident, if anybody."""

    acknowledged: Acknowledged | None = None
    alert: AnyAlert
    timeline: Timeline

    @property
    def id(self) -> UUID:
        """Return the identifier by which a message that is read twice is recognized."""
        return self.alert.alert_id


class PublicMessage(_Stamped):
    """What the public of a region is told."""

    alert: PublicAlert
    timeline: Timeline

    @property
    def id(self) -> UUID:
        """Return the identifier by which a message that is read twice is recognized."""
        return self.alert.alert_id


class NoteMessage(_Stamped):
    """Something operators should know beside the alerts."""

    note: OperatorNote

    @property
    def id(self) -> UUID:
        """Return the identifier by which a message that is read twice is recognized."""
        return self.note.note_id


class Beat(Contract):
    """A sign of life, to which Redis adds its epoch.

    ``heartbeat``: the relay reached Kafka then, so that alerts would be published. ``judging`` says
    whether reports that come are judged: False where that has not been heard of for ten seconds,
    or is so much behind. They have been until ``judged``. Both are left out where this relay does
    not know, and another one does.
    """

    heartbeat: UtcTime
    judging: bool | None = None
    judged: UtcTime | None = None


class Heartbeat(Beat):
    """What comes on the channel of heartbeats."""

    epoch: str


ChannelMessage = OperatorsMessage | PublicMessage | NoteMessage
_MESSAGES: Final[dict[Audience, TypeAdapter[ChannelMessage]]] = {
    Audience.OPERATORS: TypeAdapter(OperatorsMessage | NoteMessage),
    Audience.PUBLIC: TypeAdapter(PublicMessage),
}


def parse_channel_message(audience: Audience, value: bytes) -> ChannelMessage:
    """Read one message of a channel; raise pydantic's ``ValidationError``."""
    return _MESSAGES[audience].validate_json(value)


class PublicAlertMessage(Contract):
    """A public message before Redis stamps it."""

    alert: PublicAlert
    timeline: Timeline


def is_over(alert: AnyAlert | PublicAlert) -> bool:
    """Tell whether this message ends its chain."""
    return alert.message_type == "Cancel"


def gravity(alert: AnyAlert | PublicAlert) -> int:
    """Return how grave an alert is, to compare it with others of its chain: more is graver.

    Severity decides, then certainty, then urgency.
    """
    severity = gravest_first(alert.severity, Severity)
    certainty = gravest_first(alert.certainty, Certainty)
    urgency = gravest_first(alert.urgency, Urgency)
    return 444 - (100 * severity + 10 * certainty + urgency)
