"""Items of an outbox: what is to be sent to whom, and where each stands (``outbox``)."""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ItemState(StrEnum):
    """Where an item stands."""

    PENDING = "pending"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNCERTAIN = "uncertain"  # may have been sent, and nobody will know
    MERGED = "merged"  # a later one of its chain says it too


OPEN: Final = (ItemState.PENDING, ItemState.SUBMITTING)


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something to be sent.

    ``key`` names it for ever; ``recipient`` is a number or an endpoint; ``chain`` the incident's
    chain for that recipient. The lowest ``priority`` goes first, and nothing past ``expires_ms``.
    Among equals it stands behind those before it, or where ``instead_of`` stood, which it replaces:
    who waits in a long queue is not sent to its end by each update.
    """

    key: str
    recipient: str
    chain: str
    body: str
    priority: int = 0
    expires_ms: int | None = None
    instead_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(Item):
    """An item as it stands in the outbox; ``reference`` is the receiver's own name for it.

    Of its ``attempts``, ``doubts`` may have been taken though nobody knows.
    """

    state: ItemState
    put_ms: int
    attempts: int
    doubts: int
    reference: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of an item: its new state, and when it is due again if that is pending.

    ``doubt``: the last attempt may have been taken.
    """

    key: str
    state: ItemState
    due_ms: int | None = None
    reference: str | None = None
    reason: str | None = None
    doubt: bool = False


def entry_of(row: sqlite3.Row) -> Entry:
    """Return an item as a row of the outbox has it."""
    return Entry(
        key=row["key"],
        recipient=row["recipient"],
        chain=row["chain"],
        body=row["body"],
        priority=row["priority"],
        expires_ms=row["expires_ms"],
        state=ItemState(row["state"]),
        put_ms=row["put_ms"],
        attempts=row["attempts"],
        doubts=row["doubts"],
        reference=row["reference"],
        reason=row["reason"],
    )
