"""The rejected record: input that could not be used, kept with its reason and where it came from.

Bad input is counted and kept, and stops nothing. The first bytes are enough to find the sender;
the rest is still in the topic it came from, at the offset named here.
"""

import base64
from typing import Protocol, Self

from pydantic import Field

from skyfence.model import Contract, UtcTime
from skyfence.times import LATEST_MS, from_ms

EXCERPT_BYTES = 256


class Message(Protocol):
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
    def of(cls, message: Message, received_ms: int, reason: str, row: int | None = None) -> Self:
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
