"""The outbox: what is still to be sent, in a file that survives the process.

    add ──▶ pending ──claim──▶ submitting ──▶ submitted ──receipt──▶ delivered
               ▲                  │ │ │             └──────────────▶ failed
               └──retry, later────┘ │ └──▶ failed (refused for good, or a dead letter)
       expired ◀── past its time    └──▶ uncertain (killed there, and not worth a second message)

Guarantee: an item for which ``add`` returned is on the disk, and stands there once however often it
is added: its key makes it one message. An item that was ``submitting`` when the process died may or
may not have been sent; ``interrupted`` returns it, and the sender decides. The outbox sends nothing
itself and reads no clock: times are milliseconds since 1970, given by the caller. One process sends
from a file at a time: ``open_exclusive`` keeps out a second one, which would take what the first is
submitting for interrupted. Other processes may read, and ``requeue`` dead letters.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self

import aiosqlite

from consumers.outbox.database import EMPTY, damage, lock_of, locked, opened
from consumers.outbox.items import REACHING, Change, Entry, Item, ItemState, entry_of
from skyfence.errors import UnavailableError, UsageError

# The order of the queue, as the index items_queue has it. Queries that sort by it write +due_ms:
# the plus keeps SQLite from choosing the index on due_ms and sorting all that waits.
_IN_QUEUE: Final = "priority, coalesce(rank, number), number"
# The item is the first of its chain that is still to be sent to its recipient.
_IN_ORDER: Final = (
    " AND NOT EXISTS (SELECT 1 FROM items AS earlier WHERE earlier.recipient = items.recipient"
    " AND earlier.chain = items.chain AND earlier.number < items.number"
    " AND earlier.state IN ('pending', 'submitting'))"
)


class Outbox:
    """The items of one sink, in one SQLite file.

    Every method is one transaction and raises ``UnavailableError`` where SQLite fails.
    """

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database
        self._transaction_lock = asyncio.Lock()  # a connection has one transaction

    @classmethod
    @asynccontextmanager
    async def open_exclusive(cls, path: Path) -> AsyncIterator[Self]:
        """Open the file as its only sender.

        Raises ``UsageError`` if another process is that, or the file is damaged.
        """
        was_in_use = await asyncio.to_thread(lock_of(path).exists)
        with locked(path):
            await asyncio.to_thread(_check, path, was_in_use)
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
    async def open_existing(cls, path: Path) -> AsyncIterator[Self]:
        """Open a file that is there; raise ``UsageError`` where there is none."""
        if not await asyncio.to_thread(path.exists):
            raise UsageError(f"outbox {path} is not there: nothing was ever sent")
        async with cls.open(path) as outbox:
            yield outbox

    async def add(
        self,
        items: Iterable[Item],
        now_ms: int,
        *,
        merged: Collection[str] = (),
        ends: Collection[tuple[str, str]] = (),
    ) -> int:
        """Add the items whose keys are new, all or none; return how many those are.

        In the same transaction the pending items with keys in ``merged``, new or old, become
        ``merged``. Of a pair in ``ends`` the first, a new item among them, is the end of what the
        second says: it stays pending if that one is on its way, or sent, by now.
        """
        rows = [
            {
                "key": item.key,
                "recipient": item.recipient,
                "chain": item.chain,
                "body": item.body,
                "priority": item.priority,
                "expires": item.expires_ms,
                "now": now_ms,
                "instead_of": item.instead_of,
            }
            for item in items
        ]
        async with self._transaction():
            cursor = await self._database.executemany(
                "INSERT INTO items (key, recipient, chain, body, priority, expires_ms, state,"
                " put_ms, due_ms, changed_ms, rank) VALUES (:key, :recipient, :chain, :body,"
                " :priority, :expires, 'pending', :now, :now, :now,"
                " (SELECT coalesce(rank, number) FROM items WHERE key = :instead_of))"
                " ON CONFLICT (key) DO NOTHING",
                rows,
            )
            await self._database.executemany(
                "UPDATE items SET state = 'merged', changed_ms = ?"
                " WHERE key = ? AND state = 'pending'",
                [(now_ms, key) for key in merged],
            )
            await self._database.executemany(
                "UPDATE items SET state = 'pending' WHERE key = ? AND put_ms = ?"
                " AND state = 'merged' AND EXISTS"
                " (SELECT 1 FROM items AS ended WHERE ended.key = ?"
                " AND ended.state IN ('submitting', 'submitted', 'delivered', 'uncertain'))",
                [(end, now_ms, ended) for end, ended in ends],
            )
            return max(0, cursor.rowcount)

    async def expire(self, now_ms: int) -> int:
        """Expire pending items whose ``expires_ms`` is not after ``now_ms``; return how many."""
        async with self._transaction():
            cursor = await self._database.execute(
                "UPDATE items SET state = 'expired', changed_ms = :now"
                " WHERE state = 'pending' AND expires_ms IS NOT NULL AND expires_ms <= :now",
                {"now": now_ms},
            )
            return cursor.rowcount

    async def claim(
        self,
        now_ms: int,
        limit: int,
        recipient: str | None = None,
        *,
        added_since_ms: int = 0,
        in_order: bool = False,
    ) -> list[Entry]:
        """Mark up to ``limit`` due items as ``submitting``; return them, lowest priority first.

        Of all recipients, or of ``recipient`` alone. Left out are items past ``expires_ms``, items
        added before ``added_since_ms`` and, with ``in_order``, items behind an earlier one of
        their chain that their recipient is still to get.
        """
        async with self._transaction():
            rows = await self._database.execute_fetchall(
                "UPDATE items SET state = 'submitting', attempts = attempts + 1,"  # noqa: S608 - ours
                " changed_ms = :now"
                " WHERE number IN (SELECT number FROM items WHERE state = 'pending'"
                "  AND +due_ms <= :now AND (expires_ms IS NULL OR expires_ms > :now)"
                "  AND put_ms >= :since"
                f" {_conditions(recipient, in_order)} ORDER BY {_IN_QUEUE} LIMIT :limit)"
                " RETURNING *",
                {
                    "now": now_ms,
                    "since": added_since_ms,
                    "recipient": recipient,
                    "limit": limit,
                },
            )
        return [entry_of(row) for row in sorted(rows, key=_queue)]

    async def apply_changes(self, changes: Sequence[Change], now_ms: int) -> None:
        """Write what became of items; a receipt that came before its item's answer is applied."""
        async with self._transaction():
            for change in changes:
                await self._database.execute(
                    "UPDATE items SET state = ?, due_ms = coalesce(?, due_ms),"
                    " reference = coalesce(?, reference), reason = ?, changed_ms = ?,"
                    " doubts = doubts + ? WHERE key = ?",
                    (
                        change.state,
                        change.due_ms,
                        change.reference,
                        change.reason,
                        now_ms,
                        change.doubt,
                        change.key,
                    ),
                )
                if change.state is ItemState.SUBMITTED and change.reference is not None:
                    await self._apply_receipt(change.reference)

    async def record_receipt(
        self, reference: str, state: ItemState, now_ms: int, reason: str | None = None
    ) -> bool:
        """Record a receipt; return whether an item has its reference already.

        Without an item the receipt waits for ``apply_changes``. A second receipt changes nothing,
        unless it reports the delivery that the first denied.
        """
        async with self._transaction():
            cursor = await self._database.execute(
                "SELECT 1 FROM items WHERE reference = ?", (reference,)
            )
            known = await cursor.fetchone() is not None
            await self._database.execute(
                "INSERT INTO receipts VALUES (?, ?, ?, ?) ON CONFLICT (reference) DO UPDATE SET"
                " state = excluded.state, reason = excluded.reason, at_ms = excluded.at_ms"
                " WHERE receipts.state <> 'delivered'",
                (reference, state, reason, now_ms),
            )
            if known:
                await self._apply_receipt(reference)
        return known

    async def interrupted(self) -> list[Entry]:
        """Return the items that the last process was submitting when it died, oldest first."""
        return await self._select("state = 'submitting'", ())

    async def entries_for(
        self, recipients: Sequence[str], *, chains: Sequence[str], since_ms: int
    ) -> list[Entry]:
        """Return some recipients' items of some chains, and all that wait or were added since.

        They are in the order of their addition.
        """
        marks, chain_marks = ", ".join("?" * len(recipients)), ", ".join("?" * len(chains))
        return await self._select(
            f"recipient IN ({marks})"
            f" AND (chain IN ({chain_marks}) OR put_ms >= ? OR state = 'pending')",
            (*recipients, *chains, since_ms),
        )

    async def waiting_and_last(self, recipients: Sequence[str], *, chain: str) -> list[Entry]:
        """Return what waits of a chain, and what each recipient may have got of it last.

        They are in the order of their addition; what waits and was tried may have been got.
        """
        marks, states = ", ".join("?" * len(recipients)), ", ".join("?" * len(REACHING))
        return await self._select(
            f"recipient IN ({marks}) AND chain = ? AND (state = 'pending'"  # noqa: S608 - ours
            " OR number IN (SELECT max(number) FROM items"
            f" WHERE recipient IN ({marks}) AND chain = ? AND state IN ({states})"
            " AND (state <> 'pending' OR attempts > 0) GROUP BY recipient))",
            (*recipients, chain, *recipients, chain, *REACHING),
        )

    async def last_bodies(self, recipients: Sequence[str], *, chain: str) -> dict[str, str]:
        """Return, by recipient, the body of a chain's last item that was sent or will be."""
        marks, states = ", ".join("?" * len(recipients)), ", ".join("?" * len(REACHING))
        entries = await self._select(
            "number IN (SELECT max(number) FROM items"  # noqa: S608 - ours
            f" WHERE recipient IN ({marks}) AND chain = ? AND state IN ({states})"
            " GROUP BY recipient)",
            (*recipients, chain, *REACHING),
        )
        return {entry.recipient: entry.body for entry in entries}

    async def waiting_counts(self) -> dict[str, int]:
        """Return how many items are pending or being submitted, by recipient."""
        rows = await self._fetch(
            "SELECT recipient, count(*) FROM items WHERE state IN ('pending', 'submitting')"
            " GROUP BY recipient"
        )
        return {str(row[0]): int(row[1]) for row in rows}

    async def state_counts(self) -> dict[ItemState, int]:
        """Return how many items each state has, 0 included."""
        rows = await self._fetch("SELECT state, count(*) FROM items GROUP BY state")
        return dict.fromkeys(ItemState, 0) | {ItemState(row[0]): int(row[1]) for row in rows}

    async def next_due_ms(
        self, recipient: str | None = None, *, in_order: bool = False
    ) -> int | None:
        """Return when the next item that ``claim`` would return is due, None if there is none."""
        (row,) = await self._fetch(
            "SELECT min(due_ms) FROM items WHERE state = 'pending'"  # noqa: S608 - ours
            f" {_conditions(recipient, in_order)}",
            {"recipient": recipient},
        )
        return None if row[0] is None else int(row[0])

    async def dead_letter(self, before_ms: int, now_ms: int, reason: str) -> list[Entry]:
        """Fail pending items added before ``before_ms``; return them, oldest first.

        Their reason is ``reason`` and, behind it, that of the last attempt.
        """
        async with self._transaction():
            rows = await self._database.execute_fetchall(
                "UPDATE items SET state = 'failed', changed_ms = ?,"
                " reason = ? || coalesce(': ' || reason, '')"
                " WHERE state = 'pending' AND put_ms < ? RETURNING *",
                (now_ms, reason, before_ms),
            )
        return [entry_of(row) for row in sorted(rows, key=lambda row: row["number"])]

    async def dead_letters(self) -> list[Entry]:
        """Return the items that have failed for good, in the order in which they were added."""
        return await self._select("state = 'failed'", ())

    async def requeue(self, keys: Sequence[str], now_ms: int) -> int:
        """Make failed items pending again, as if added at ``now_ms``; return how many."""
        async with self._transaction():
            cursor = await self._database.executemany(
                "UPDATE items SET state = 'pending', put_ms = :now, due_ms = :now,"
                " changed_ms = :now, attempts = 0, reason = NULL"
                " WHERE key = :key AND state = 'failed'",
                [{"key": key, "now": now_ms} for key in keys],
            )
            return max(0, cursor.rowcount)

    async def purge(self, before_ms: int) -> int:
        """Delete items that are over and have not changed since ``before_ms``; return how many."""
        async with self._transaction():
            cursor = await self._database.execute(
                "DELETE FROM items WHERE changed_ms < ? AND state NOT IN ('pending', 'submitting')",
                (before_ms,),
            )
            await self._database.execute("DELETE FROM receipts WHERE at_ms < ?", (before_ms,))
            return cursor.rowcount

    async def _apply_receipt(self, reference: str) -> None:
        """Set the state of a reference's item to that of its receipt, if both are there."""
        await self._database.execute(
            "UPDATE items SET state = receipts.state, reason = receipts.reason,"
            " changed_ms = receipts.at_ms FROM receipts WHERE receipts.reference = :reference"
            " AND items.reference = :reference"
            " AND items.state IN ('submitted', 'failed', 'uncertain')",
            {"reference": reference},
        )

    async def _select(self, condition: str, values: Sequence[Any]) -> list[Entry]:
        rows = await self._fetch(
            f"SELECT * FROM items WHERE {condition} ORDER BY number",  # noqa: S608 - ours
            values,
        )
        return [entry_of(row) for row in rows]

    async def _fetch(
        self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[sqlite3.Row]:
        try:
            return list(await self._database.execute_fetchall(query, values))
        except sqlite3.Error as error:
            raise UnavailableError(f"the outbox cannot be read: {error}") from None

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        """Commit all or nothing; when the block has ended, it is on the disk."""
        async with self._transaction_lock:
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


def _check(path: Path, was_in_use: bool) -> None:
    """Raise ``UsageError`` for a damaged file; an empty one is new unless it was in use."""
    reason = damage(path) if path.exists() else None
    if reason is not None and (was_in_use or reason != EMPTY):
        raise UsageError(
            f"outbox {path} is damaged ({reason}): run `skyfence outbox repair {path}`, "
            "which keeps what can be read and says what is lost"
        )


def _conditions(recipient: str | None, in_order: bool) -> str:
    """Return further SQL conditions for an item to be claimed."""
    of_recipient = "" if recipient is None else " AND recipient = :recipient"
    return of_recipient + (_IN_ORDER if in_order else "")


def _queue(row: sqlite3.Row) -> tuple[int, int, int]:
    """Return where a row stands, as the database sorts it."""
    rank = row["number"] if row["rank"] is None else row["rank"]
    return row["priority"], rank, row["number"]
