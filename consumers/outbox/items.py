"""Items of an outbox: what is to be sent to which recipient, and the state of each.

Does no I/O: ``outbox`` stores them.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ItemState(StrEnum):
    """The state of an item; ``outbox`` draws how one follows from another."""

    PENDING = "pending"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNCERTAIN = "uncertain"  # may have been sent, and nobody will know
    MERGED = "merged"  # a later one of its chain says it too


# States of items that wait, are on their way, or may have reached their recipient.
REACHING: Final = (
    ItemState.PENDING,
    ItemState.SUBMITTING,
    ItemState.SUBMITTED,
    ItemState.DELIVERED,
    ItemState.UNCERTAIN,
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A message to one recipient.

    ``key`` identifies it for ever; ``recipient`` is a phone number or a receiver's name; ``chain``
    names the alert chain that it belongs to. The lowest ``priority`` is sent first, and nothing at
    or after ``expires_ms`` (milliseconds since 1970; None: it holds for ever). Among equal
    priorities an item stands behind those added before it, or in the place of the item with the key
    ``instead_of``, which it replaces: so an update does not send a recipient to the queue's end.
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
    """An item as the outbox has it; ``reference`` is the gateway's own name for it.

    Of its ``attempts``, ``doubts`` ended without an answer and may have succeeded.
    """

    state: ItemState
    added_ms: int
    attempts: int
    doubts: int
    reference: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of the item ``key``: its new state and, if that is pending, when it is due again.

    ``doubt`` says that the last attempt ended without an answer and may have succeeded.
    """

    key: str
    state: ItemState
    due_ms: int | None = None
    reference: str | None = None
    reason: str | None = None
    doubt: bool = False


def entry_of(row: sqlite3.Row) -> Entry:
    """Return the entry that a row of the table ``items`` holds."""
    return Entry(
        key=row["key"],
        recipient=row["recipient"],
        chain=row["chain"],
        body=row["body"],
        priority=row["priority"],
        expires_ms=row["expires_ms"],
        state=ItemState(row["state"]),
        added_ms=row["put_ms"],
        attempts=row["attempts"],
        doubts=row["doubts"],
        reference=row["reference"],
        reason=row["reason"],
    )
