"""The rejected record: input that could not be used, kept with its reason and where it came from.

Bad input is counted and kept, and stops nothing. The first bytes are enough to find the sender;
the rest is still in the topic it came from, at the offset named here.
"""

import base64
import re
from typing import Final, Literal, Protocol, Self

from pydantic import Field

from skyfence.contracts.base import Contract, UtcTime
from skyfence.times import LATEST_MS, from_ms

EXCERPT_BYTES = 256
# The reason where it was not the sender's fault.
DEFECT: Final = "skyfence failed at this: see its log"
# What reasons are counted by: few and fixed, because a reason itself shows what the sender wrote.
ReasonClass = Literal[
    "key", "header", "time", "size", "simulated", "unreadable", "field", "defect", "other"
]
# In this order; a field's reason begins with the field's name, as ``why_invalid`` writes it. It may
# be any text, because what is unknown is named, too.
_CLASSES: Final[tuple[tuple[ReasonClass, re.Pattern[str]], ...]] = (
    ("defect", re.compile(re.escape(DEFECT))),
    ("key", re.compile(r"message has no key|key is no source name|source: report names")),
    (
        "time",
        re.compile(r"scan time |time: \S+ is ahead|all reports are more than|the message's tim"),
    ),
    ("header", re.compile(r"header |content-type |a message without reports")),
    ("size", re.compile(r"(message|arrow stream|frame|list) of \d+ ")),
    ("simulated", re.compile(r"simulated: a simulated report")),
    ("unreadable", re.compile(r"unreadable |arrow |json |\S+: invalid JSON")),
    ("field", re.compile(r".*?: ", re.DOTALL)),
)


class RejectableMessage(Protocol):
    """What Faust's and aiokafka's messages have in common."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Rejected(Contract):
    """One message, or one report of a message (``row``), that was not used."""

    reason: str
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
        cls, message: RejectableMessage, received_ms: int, reason: str, row: int | None = None
    ) -> Self:
        """Record why a message of Kafka, or one row of it, was not used."""
        value, key = message.value or b"", message.key
        return cls(
            reason=reason,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            row=row,
            key=None if key is None else key[:EXCERPT_BYTES].decode("utf-8", "backslashreplace"),
            received=from_ms(min(max(received_ms, 0), LATEST_MS)),
            size_bytes=len(value),
            excerpt_base64=base64.b64encode(value[:EXCERPT_BYTES]).decode("ascii"),
        )


def reason_class(reason: str) -> ReasonClass:
    """Return the class of a reason, one of a fixed few, whatever the reason says.

    >>> reason_class("lat: input should be less than or equal to 90, got 91.0")
    'field'
    """
    for name, pattern in _CLASSES:
        if pattern.match(reason):
            return name
    return "other"
