"""What operators command, and what became of it: entries of their streams in Redis.

commands:anna   {"command": "acknowledge", …}   written by anna alone
outcomes:anna   {"command_id", "outcome", …}    read by anna alone
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from skyfence.contracts.base import Contract, UtcTime
from skyfence.naming import ZoneName

CommandReason = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Acknowledge(Contract):
    """I have taken note of this incident: on one place's channel, or on all of mine."""

    command: Literal["acknowledge"] = "acknowledge"
    incident_id: UUID
    place: ZoneName | None = None


class Close(Contract):
    """What was lost is found, or nobody waits for it any more."""

    command: Literal["close"] = "close"
    incident_id: UUID
    reason: CommandReason


class Release(Contract):
    """The public of a region may be told this."""

    command: Literal["release"] = "release"
    alert_id: UUID


class Withdraw(Contract):
    """The public of a region is not told this."""

    command: Literal["withdraw"] = "withdraw"
    alert_id: UUID
    reason: CommandReason


OperatorCommand = Acknowledge | Close | Release | Withdraw
_COMMAND: TypeAdapter[OperatorCommand] = TypeAdapter(
    Annotated[OperatorCommand, Field(discriminator="command")]
)


def parse_command(value: bytes) -> OperatorCommand:
    """Read a command; raise pydantic's ``ValidationError``."""
    return _COMMAND.validate_json(value)


class CommandOutcome(Contract):
    """What became of a command; ``command_id`` is its entry in the operator's stream."""

    command_id: str
    outcome: Literal["done", "refused"]
    what: str
    time: UtcTime
