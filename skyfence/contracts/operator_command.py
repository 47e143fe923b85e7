"""What operators command, and what became of it: entries of their streams in Redis.

commands:anna   {"command": "acknowledge", …}   written by anna alone
outcomes:anna   {"command_id", "outcome", …}    read by anna alone
audit           {"by", "command", "outcome", …} every command of every operator, kept for good
"""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator

from skyfence.contracts.base import Contract, SourceName, TrackName, UtcTime
from skyfence.contracts.track_event import OperatorEvent
from skyfence.naming import ZoneName

CommandReason = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
# Why incidents are mostly closed or dismissed. Any other text is a reason too; these are offered,
# so that reasons can be counted afterwards.
STANDARD_REASONS: Final = ("false track", "own aircraft", "found", "landed", "exercise object")


class Acknowledge(Contract):
    """I have taken note of this incident: on one place's channel, or on all of mine."""

    command: Literal["acknowledge"] = "acknowledge"
    incident_id: UUID
    place: ZoneName | None = None


class Close(Contract):
    """This incident is over, whatever state it is in: found, landed, or not waited for any more."""

    command: Literal["close"] = "close"
    incident_id: UUID
    reason: CommandReason


class Dismiss(Contract):
    """There never was an object to alert to: a false track, an own aircraft. It does not count."""

    command: Literal["dismiss"] = "dismiss"
    incident_id: UUID
    reason: CommandReason


class Join(Contract):
    """These two incidents are one object."""

    command: Literal["join"] = "join"
    incident_id: UUID
    other_id: UUID
    reason: CommandReason

    @model_validator(mode="after")
    def _is_of_two(self) -> "Join":
        if self.incident_id == self.other_id:
            raise ValueError(f"an incident cannot be joined with itself: {self.other_id}")
        return self


class Separate(Contract):
    """This track of an incident is another object. It is named as the incident's alerts name it."""

    command: Literal["separate"] = "separate"
    incident_id: UUID
    source: SourceName
    track_id: TrackName
    reason: CommandReason

    @property
    def track(self) -> str:
        """Return the track's name as alerts give it: source/track."""
        return f"{self.source}/{self.track_id}"


class Release(Contract):
    """The public of a region may be told this."""

    command: Literal["release"] = "release"
    alert_id: UUID


class Withdraw(Contract):
    """The public of a region is not told this."""

    command: Literal["withdraw"] = "withdraw"
    alert_id: UUID
    reason: CommandReason


IncidentCommand = Close | Dismiss | Join | Separate
OperatorCommand = Annotated[
    Acknowledge | IncidentCommand | Release | Withdraw, Field(discriminator="command")
]
_COMMAND: TypeAdapter[OperatorCommand] = TypeAdapter(OperatorCommand)


def parse_command(value: bytes) -> OperatorCommand:
    """Read a command; raise pydantic's ``ValidationError``."""
    return _COMMAND.validate_json(value)


class CommandOutcome(Contract):
    """What became of a command; ``command_id`` is its entry in the operator's stream."""

    command_id: str
    outcome: Literal["done", "refused"]
    what: str
    time: UtcTime


class AuditRecord(CommandOutcome):
    """One command in the audit: who gave it and when, what it was, and what became of it.

    ``given`` is when it reached Redis, ``time`` when the desk decided on it. ``command`` is left
    out where what was given is no command. ``event`` is what was handed to the incident agent, and
    ``places`` are those on whose operators' channels it was told. A desk that dies meanwhile may
    leave a record twice, with the same ``by`` and ``command_id``.
    """

    by: SourceName
    given: UtcTime
    command: OperatorCommand | None = None
    event: Annotated[OperatorEvent, Field(discriminator="kind")] | None = None
    places: tuple[ZoneName, ...] = ()
