"""The rejected record: input that could not be used, kept with its reason and where it came from.

Bad input is counted and kept, and stops nothing. The first bytes are enough to find the sender;
the rest is still in the topic it came from, at the offset named here.
"""

import base64
from dataclasses import dataclass
from typing import Final, Literal, Protocol, Self

from pydantic import Field, ValidationError

from skyfence.contracts.base import Contract, UtcTime, describe_validation_error
from skyfence.errors import InputError
from skyfence.times import LATEST_MS, from_ms

EXCERPT_BYTES = 256
# What reasons are counted by: few and fixed, because a reason itself shows what the sender wrote.
ReasonClass = Literal[
    "key",
    "header",
    "time",
    "size",
    "simulated",
    "unreadable",
    "field",
    "limit",
    "signature",
    "lost",
    "defect",
    "other",
]


@dataclass(frozen=True)
class Reason:
    """Why input was not used: the class it is counted by, and a line that shows the value."""

    reason_class: ReasonClass
    text: str

    @classmethod
    def of_invalid(cls, error: ValidationError) -> Self:
        """Return why a contract's model refused input: it is no JSON, or one of its fields."""
        is_no_json = error.errors(include_url=False)[0]["type"] == "json_invalid"
        return cls("unreadable" if is_no_json else "field", describe_validation_error(error))


# The reason where it was not the sender's fault.
DEFECT: Final = Reason("defect", "skyfence failed at this: see its log")


class BadInputError(InputError):
    """A message that cannot be used, with the class that it is counted by."""

    def __init__(self, reason_class: ReasonClass, text: str) -> None:
        super().__init__(text)
        self.reason = Reason(reason_class, text)


class RejectableMessage(Protocol):
    """What a message that was read from Kafka tells of itself, whatever read it."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


class Rejected(Contract):
    """One message, or one report of a message (``row``), that was not used.

    ``reason_class`` is what ``reason`` is counted by. Records that were written before there was
    such a field count as other.
    """

    reason: str
    reason_class: ReasonClass = "other"
    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    row: int | None = Field(default=None, ge=0)
    key: str | None = None
    received: UtcTime
    size_bytes: int = Field(ge=0)
    excerpt_base64: str

    @classmethod
    def of(
        cls, message: RejectableMessage, received_ms: int, reason: Reason, row: int | None = None
    ) -> Self:
        """Record why a message of Kafka, or one row of it, was not used.

        ``received_ms`` is the broker's timestamp, milliseconds since 1970; what lies outside the
        years 1970 to 2100 is recorded as the nearer of the two.
        """
        value, key = message.value or b"", message.key
        return cls(
            reason=reason.text,
            reason_class=reason.reason_class,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            row=row,
            key=None if key is None else key[:EXCERPT_BYTES].decode("utf-8", "backslashreplace"),
            received=from_ms(min(max(received_ms, 0), LATEST_MS)),
            size_bytes=len(value),
            excerpt_base64=base64.b64encode(value[:EXCERPT_BYTES]).decode("ascii"),
        )
