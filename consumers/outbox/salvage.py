"""What can still be read of a damaged outbox.

    copy of the file ──▶ table items, range by range ──▶ whole rows
                    └──▶ its indices, from both ends ──▶ what is known of the other rows

SQLite stops at the first page that it cannot read. So the table is asked for ranges of numbers: one
that fails is halved, the lower half first, until what is unreadable stands alone. An index holds a
row's key, or its state and recipient, on pages of its own, and tells what the other rows were: one
that stands in the file as the indices know it (``leaf_pages``) is not lost. Changes nothing.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from consumers.outbox.items import ItemState
from consumers.outbox.leaf_pages import rows_in_pages

COLUMNS: Final = (
    "number, key, recipient, chain, body, priority, expires_ms, state, put_ms, due_ms, changed_ms,"
    " attempts, reference, reason, doubts, rank"
)
# What a row of before version 2 has for its last two columns.
_ADDED: Final = (0, None)
_TEXTS: Final = ("key", "recipient", "chain", "body", "state")
_NUMBERS: Final = ("number", "priority", "put_ms", "due_ms", "changed_ms", "attempts", "doubts")
_STATES: Final = frozenset(ItemState)

# Some ten seconds. Numbers grow for ever, and where no row can be found each would be asked for.
_MOST_QUERIES: Final = 200_000
# What an index holds without its table; by what it sorts stands first.
_INDICES: Final = {
    "items_queue": ("state",),
    "items_when": ("state",),
    "items_due": ("state", "recipient"),
    "sqlite_autoindex_items_1": ("key",),
}

Row = dict[str, Any]


@dataclass
class LostItem:
    """What the indices say of a row that cannot be read; None: nothing."""

    number: int
    key: str | None = None
    recipient: str | None = None
    state: str | None = None


@dataclass
class Salvage:
    """The rows that are whole, those known to be lost, and how far numbers had gone.

    ``all_known``: every index was read to its end, so no other row is lost.
    """

    items: list[Row] = field(default_factory=list)
    receipts: list[Row] = field(default_factory=list)
    lost: list[LostItem] = field(default_factory=list)
    last_number: int = 0
    all_known: bool = True


def salvage(database: sqlite3.Connection, pages: bytes = b"") -> Salvage:
    """Return what can be read of an outbox; ``pages`` are the bytes of its file.

    A row whose state is another in an index counts as lost: what may have been sent is not pending.
    """
    result = Salvage()
    known = _indexed(database, result)
    result.last_number = max(known, default=_last_number(database))
    for row in _rows_in(database, 1, max(result.last_number, _last_number(database))):
        indexed = known.get(row["number"])
        if indexed is None or indexed.state in (None, row["state"]):
            result.items.append(row)
    whole = {row["number"] for row in result.items}
    for row in _rows_in_pages(pages):
        item = known.get(row["number"])
        if row["number"] not in whole and item and (item.key, item.state) == _identity(row):
            result.items.append(row)
            whole.add(row["number"])
    result.items.sort(key=itemgetter("number"))
    result.last_number = max([result.last_number, *whole])
    result.lost = [item for number, item in sorted(known.items()) if number not in whole]
    receipts = "SELECT reference, state, reason, at_ms FROM receipts ORDER BY rowid"
    result.receipts = list(_from_both_ends(database, receipts, result))
    return result


def _indexed(database: sqlite3.Connection, result: Salvage) -> dict[int, LostItem]:
    """Return what the indices say of each row, by its number."""
    known: dict[int, LostItem] = {}
    for index, names in _INDICES.items():
        query = f"SELECT number, {', '.join(names)} FROM items INDEXED BY {index}"  # noqa: S608 - ours
        query += f" ORDER BY {names[0]}"
        for row in _from_both_ends(database, query, result):
            if isinstance(row["number"], int) and row.get("state", ItemState.PENDING) in _STATES:
                item = known.setdefault(row["number"], LostItem(row["number"]))
                for name in names:
                    setattr(item, name, row[name])
    return known


def _from_both_ends(database: sqlite3.Connection, query: str, result: Salvage) -> Iterator[Row]:
    """Yield what an ordered query gives up to the first unreadable page, and from behind it."""
    whole = yield from _until_unreadable(database, query)
    if not whole:
        result.all_known = False
        yield from _until_unreadable(database, query + " DESC")


def _until_unreadable(database: sqlite3.Connection, query: str, *values: int) -> Any:
    """Yield rows; return whether all could be read."""
    try:
        for row in database.execute(query, values):
            yield dict(row)
    except sqlite3.DatabaseError:
        return False
    return True


def _last_number(database: sqlite3.Connection) -> int:
    """Return the highest number that was ever given, 0 where that cannot be read."""
    rows = _until_unreadable(database, "SELECT seq FROM sqlite_sequence WHERE name = 'items'")
    return max((row["seq"] for row in rows if isinstance(row["seq"], int)), default=0)


def _rows_in(database: sqlite3.Connection, first: int, last: int) -> Iterator[Row]:
    """Yield the whole rows of a range of numbers."""
    query = f"SELECT {COLUMNS} FROM items WHERE number BETWEEN ? AND ? ORDER BY number"  # noqa: S608 - ours
    ranges = [(first, last)]
    for _ in range(_MOST_QUERIES):
        if not ranges:
            return
        low, high = ranges.pop()
        if low > high:
            continue
        rows = _until_unreadable(database, query, low, high)
        try:
            while True:
                row = next(rows)
                low = max(low, row["number"] + 1) if isinstance(row["number"], int) else low
                if _is_whole(row):
                    yield row
        except StopIteration as end:
            if end.value:
                continue
        if low < high:  # behind the last one that was read something is unreadable
            middle = (low + high) // 2
            ranges += [(middle + 1, high), (low, middle)]


def _rows_in_pages(pages: bytes) -> Iterator[Row]:
    """Yield the whole rows that stand in the pages of a file, perhaps of long ago."""
    names = COLUMNS.split(", ")
    for number, values in rows_in_pages(pages):
        given = (*values, *_ADDED) if len(values) == len(names) - len(_ADDED) else values
        if len(given) != len(names):
            continue
        row = dict(zip(names, given, strict=True)) | {"number": number}
        if _is_whole(row):
            yield row


def _identity(row: Row) -> tuple[str, str]:
    """Return what an index knows of a row."""
    return row["key"], row["state"]


def _is_whole(row: Row) -> bool:
    """Tell whether a row holds what its columns are for."""
    texts = all(isinstance(row[name], str) for name in _TEXTS)
    numbers = all(isinstance(row[name], int) for name in _NUMBERS)
    optional = isinstance(row["expires_ms"], int | None) and isinstance(row["rank"], int | None)
    return texts and numbers and optional and row["state"] in _STATES


def by_state(items: Iterable[Row | LostItem]) -> dict[str, int]:
    """Return how many items each state has; ``unknown`` where it is not known."""
    counts: dict[str, int] = {}
    for item in items:
        state = item.state if isinstance(item, LostItem) else item["state"]
        name = str(state or "unknown")
        counts[name] = counts.get(name, 0) + 1
    return counts
