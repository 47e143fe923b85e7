"""The outbox: what is still to be sent, in a file that survives the process.

    put ──▶ pending ──take──▶ submitting ──▶ submitted ──receipt──▶ delivered
               ▲                  │ │ │            └──────────────▶ failed
               └──retry, later────┘ │ └──▶ failed (refused for good)
       expired ◀── past its time    └──▶ uncertain (killed there, and not worth a second one)

Guarantee: what ``put`` returned for is on the disk, and stands there once however often it is put:
its key is what makes it one message. What was ``submitting`` when the process died may or may not
have been sent; ``in_doubt`` hands it out, and whoever sends decides. Does not send anything itself
and reads no clock. One process sends from a file at a time (``alone`` keeps a second one out, which
would take what is being submitted for what was left behind); another may look, and put ``again``.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiosqlite

from consumers.outbox.database import locked, opened
from consumers.outbox.items import Change, Entry, Item, ItemState, entry_of
from skyfence.errors import UnavailableError, UsageError

# How items stand in the queue, as an index has it; where that is asked for, a plus before due_ms
# keeps SQLite from choosing another index and sorting all that waits.
_IN_QUEUE: Final = "priority, coalesce(rank, number), number"
# What is the first of its chain that is still to be sent to its recipient.
_IN_ORDER: Final = (
    " AND NOT EXISTS (SELECT 1 FROM items AS earlier WHERE earlier.recipient = items.recipient"
    " AND earlier.chain = items.chain AND earlier.number < items.number"
    " AND earlier.state IN ('pending', 'submitting'))"
)


class Outbox:
    """The items of one sink, in one SQLite file."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database
        self._one_at_a_time = asyncio.Lock()  # a connection has one transaction

    @classmethod
    @asynccontextmanager
    async def alone(cls, path: Path) -> AsyncIterator[Self]:
        """Open it as the one who sends; raise ``UsageError`` where another process is that."""
        with locked(path):
            async with cls.open(path) as outbox:
                yield outbox

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open or make the file; raise ``UsageError`` where that cannot be."""
        async with opened(path) as database:
            yield cls(database)

    @classmethod
    @asynccontextmanager
    async def existing(cls, path: Path) -> AsyncIterator[Self]:
        """Open it to look; raise ``UsageError`` where there is none."""
        if not await asyncio.to_thread(path.exists):
            raise UsageError(f"outbox {path} is not there: nothing was ever sent")
        async with cls.open(path) as outbox:
            yield outbox

    async def put(self, items: Iterable[Item], now_ms: int, *, merged: Collection[str] = ()) -> int:
        """Add the items that are not there yet, all or none; return how many those were.

        What is pending of the keys in ``merged``, new or old, is marked so in the same step.
        """
        rows = [
            (i.key, i.recipient, i.chain, i.body, i.priority, i.expires_ms, now_ms, i.instead_of)
            for i in items
        ]
        async with self._transaction():
            cursor = await self._database.executemany(
                "INSERT INTO items (key, recipient, chain, body, priority, expires_ms, state,"
                " put_ms, due_ms, changed_ms, rank) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending',"
                " ?7, ?7, ?7, (SELECT coalesce(rank, number) FROM items WHERE key = ?8))"
                " ON CONFLICT (key) DO NOTHING",
                rows,
            )
            await self._database.executemany(
                "UPDATE items SET state = 'merged', changed_ms = ?1"
                " WHERE key = ?2 AND state = 'pending'",
                [(now_ms, key) for key in merged],
            )
            return max(0, cursor.rowcount)

    async def expire(self, now_ms: int) -> int:
        """Mark what is pending past its time as expired; return how many those were."""
        async with self._transaction():
            cursor = await self._database.execute(
                "UPDATE items SET state = 'expired', changed_ms = ?1"
                " WHERE state = 'pending' AND expires_ms IS NOT NULL AND expires_ms <= ?1",
                (now_ms,),
            )
            return cursor.rowcount

    async def take(
        self,
        now_ms: int,
        limit: int,
        recipient: str | None = None,
        *,
        put_since_ms: int = 0,
        in_order: bool = False,
    ) -> list[Entry]:
        """Hand out what is due, the lowest priority first, marked as being submitted.

        What is past its time is never handed out, nor what was put before ``put_since_ms``; with
        ``in_order`` nor what comes after one of its chain that its recipient is still to get.
        """
        async with self._transaction():
            rows = await self._database.execute_fetchall(
                "UPDATE items SET state = 'submitting', attempts = attempts + 1,"  # noqa: S608 - ours
                " changed_ms = :now"
                " WHERE number IN (SELECT number FROM items WHERE state = 'pending'"
                "  AND +due_ms <= :now AND (expires_ms IS NULL OR expires_ms > :now)"
                "  AND put_ms >= :since"
                f" {_which(recipient, in_order)} ORDER BY {_IN_QUEUE} LIMIT :limit)"
                " RETURNING *",
                {
                    "now": now_ms,
                    "since": put_since_ms,
                    "recipient": recipient,
                    "limit": limit,
                },
            )
        return [entry_of(row) for row in sorted(rows, key=_queue)]

    async def record(self, changes: Sequence[Change], now_ms: int) -> None:
        """Note what became of items; a receipt that came first is brought in."""
        async with self._transaction():
            for one in changes:
                await self._database.execute(
                    "UPDATE items SET state = ?2, due_ms = coalesce(?3, due_ms),"
                    " reference = coalesce(?4, reference), reason = ?5, changed_ms = ?6,"
                    " doubts = doubts + ?7 WHERE key = ?1",
                    (
                        one.key,
                        one.state,
                        one.due_ms,
                        one.reference,
                        one.reason,
                        now_ms,
                        one.doubt,
                    ),
                )
                if one.state is ItemState.SUBMITTED and one.reference is not None:
                    await self._bring_in(one.reference)

    async def receipt(
        self, reference: str, state: ItemState, now_ms: int, reason: str | None = None
    ) -> bool:
        """Note a receipt; return whether its item is known. One that is not is kept for later.

        A second receipt changes nothing, unless it is the delivery that the first denied.
        """
        async with self._transaction():
            cursor = await self._database.execute(
                "SELECT 1 FROM items WHERE reference = ?", (reference,)
            )
            known = await cursor.fetchone() is not None
            await self._database.execute(
                "INSERT INTO receipts VALUES (?1, ?2, ?3, ?4) ON CONFLICT (reference) DO UPDATE"
                " SET state = ?2, reason = ?3, at_ms = ?4 WHERE state <> 'delivered'",
                (reference, state, reason, now_ms),
            )
            if known:
                await self._bring_in(reference)
        return known

    async def in_doubt(self) -> list[Entry]:
        """Return what was being submitted when the last process died."""
        return await self._select("state = 'submitting'", ())

    async def of_chain(self, recipient: str, chain: str) -> list[Entry]:
        """Return all of a chain for a recipient, in the order in which it was put."""
        return await self._select("recipient = ? AND chain = ?", (recipient, chain))

    async def of_chain_for(self, chain: str, recipients: Sequence[str]) -> list[Entry]:
        """Return all of a chain for some recipients, in the order in which it was put."""
        marks = ", ".join("?" * len(recipients))
        return await self._select(f"recipient IN ({marks}) AND chain = ?", (*recipients, chain))

    async def pending(self) -> dict[str, int]:
        """Return how many items wait, by recipient."""
        rows = await self._fetch(
            "SELECT recipient, count(*) FROM items WHERE state IN ('pending', 'submitting')"
            " GROUP BY recipient"
        )
        return {str(row[0]): int(row[1]) for row in rows}

    async def counts(self) -> dict[ItemState, int]:
        """Return how many items stand in each state."""
        found = await self._fetch("SELECT state, count(*) FROM items GROUP BY state")
        return dict.fromkeys(ItemState, 0) | {ItemState(row[0]): int(row[1]) for row in found}

    async def next_due_ms(
        self, recipient: str | None = None, *, in_order: bool = False
    ) -> int | None:
        """Return when the next item that ``take`` would hand out is due, if there is one."""
        (row,) = await self._fetch(
            "SELECT min(due_ms) FROM items WHERE state = 'pending'"  # noqa: S608 - ours
            f" {_which(recipient, in_order)}",
            {"recipient": recipient},
        )
        return None if row[0] is None else int(row[0])

    async def bury(self, before_ms: int, now_ms: int, reason: str) -> list[Entry]:
        """Fail what waits since before a time, with the last attempt's reason; return that."""
        async with self._transaction():
            rows = await self._database.execute_fetchall(
                "UPDATE items SET state = 'failed', changed_ms = ?2,"
                " reason = ?3 || coalesce(': ' || reason, '')"
                " WHERE state = 'pending' AND put_ms < ?1 RETURNING *",
                (before_ms, now_ms, reason),
            )
        return [entry_of(row) for row in sorted(rows, key=lambda one: one["number"])]

    async def failed(self) -> list[Entry]:
        """Return what has failed for good, in the order in which it was put."""
        return await self._select("state = 'failed'", ())

    async def again(self, keys: Sequence[str], now_ms: int) -> int:
        """Put what has failed again, as if it came now; return how many items that were."""
        async with self._transaction():
            cursor = await self._database.executemany(
                "UPDATE items SET state = 'pending', put_ms = ?2, due_ms = ?2, changed_ms = ?2,"
                " attempts = 0, reason = NULL WHERE key = ?1 AND state = 'failed'",
                [(key, now_ms) for key in keys],
            )
            return max(0, cursor.rowcount)

    async def forget(self, before_ms: int) -> int:
        """Drop what has not changed since a time and is over; return how many items that were."""
        async with self._transaction():
            cursor = await self._database.execute(
                "DELETE FROM items WHERE changed_ms < ? AND state NOT IN ('pending', 'submitting')",
                (before_ms,),
            )
            await self._database.execute("DELETE FROM receipts WHERE at_ms < ?", (before_ms,))
            return cursor.rowcount

    async def _bring_in(self, reference: str) -> None:
        await self._database.execute(
            "UPDATE items SET state = receipts.state, reason = receipts.reason,"
            " changed_ms = receipts.at_ms FROM receipts WHERE receipts.reference = ?1"
            " AND items.reference = ?1 AND items.state IN ('submitted', 'failed', 'uncertain')",
            (reference,),
        )

    async def _select(self, condition: str, values: Sequence[Any]) -> list[Entry]:
        rows = await self._fetch(
            f"SELECT * FROM items WHERE {condition} ORDER BY number",  # noqa: S608 - ours
            values,
        )
        return [entry_of(row) for row in rows]

    async def _fetch(
        self, question: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[sqlite3.Row]:
        try:
            return list(await self._database.execute_fetchall(question, values))
        except sqlite3.Error as error:
            raise UnavailableError(f"the outbox cannot be read: {error}") from None

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """Do all or nothing, and only return when it is on the disk."""
        async with self._one_at_a_time:
            try:
                await self._database.execute("BEGIN IMMEDIATE")
                yield
                await self._database.commit()
            except sqlite3.Error as error:
                await self._database.rollback()
                raise UnavailableError(f"the outbox took nothing: {error}") from None
            except BaseException:
                await self._database.rollback()
                raise


def _which(recipient: str | None, in_order: bool) -> str:
    """Return what else must hold for an item to be handed out."""
    whose = "" if recipient is None else " AND recipient = :recipient"
    return whose + (_IN_ORDER if in_order else "")


def _queue(row: sqlite3.Row) -> tuple[int, int, int]:
    """Return where a row stands, as the database sorts it."""
    rank = row["number"] if row["rank"] is None else row["rank"]
    return row["priority"], rank, row["number"]
