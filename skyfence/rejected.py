"""The rejected record: input that could not be used, kept with its reason and where it came from.

Bad input is counted and kept, and stops nothing. The first bytes are enough to find the sender;
the rest is still in the topic it came from, at the offset named here.
"""

import base64

from pydantic import Field

from skyfence.model import Contract, UtcTime

EXCERPT_BYTES = 256


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


def excerpt(value: bytes | None) -> str:
    """Return the first bytes of a message as base64."""
    return base64.b64encode((value or b"")[:EXCERPT_BYTES]).decode("ascii")


def printable(key: bytes | None) -> str | None:
    """Return a message key as text that can be logged, or None without one."""
    return None if key is None else key[:EXCERPT_BYTES].decode("utf-8", "backslashreplace")
