"""Repairs a damaged outbox: what can still be read goes into a new file in its place.

    outbox.db ──copy──▶ outbox.db.damaged-1   stays as it was, with its write-ahead log
        ▲                     │ copy of it
        └──── new file ◀──────┴──▶ ``salvage``

Guarantee: a row that can be read keeps its state. Of a row that is lost, but whose key an index
still holds, the key is kept unless it waited, so that it is not put again, and nothing that was
handed over is sent twice where that can be known. What waited and is lost is never sent, and said.
The damaged file is kept whatever happens; while a process sends from the file, it is refused.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consumers.outbox.database import damage, locked, opened
from consumers.outbox.items import ItemState
from consumers.outbox.leaf_pages import PAGE_BYTES
from consumers.outbox.salvage import COLUMNS, LostItem, Row, Salvage, salvage
from skyfence.errors import UsageError

_BESIDE: Final = ("", "-wal")  # a database, and what it has written last
# In the header of an SQLite file (www.sqlite.org/fileformat.html): the number of its pages.
_PAGES_AT: Final = slice(28, 32)
REASON: Final = "lost in a damaged outbox"
_WAITED: Final = (ItemState.PENDING, None)


@dataclass(frozen=True)
class Repair:
    """What a repair found, and where the damaged file is kept."""

    damage: str
    found: Salvage
    kept_as: Path

    @property
    def never_sent(self) -> list[LostItem]:
        """Return the lost items that waited, or of which nobody knows whether they did."""
        return [item for item in self.found.lost if item.state in _WAITED]


async def repair(path: Path, now_ms: int) -> Repair | None:
    """Put what can be read of an outbox into a new file in its place; None: it is not damaged.

    Raises ``UsageError`` where there is no such file, or a process sends from it.
    """
    if not await asyncio.to_thread(path.exists):
        raise UsageError(f"outbox {path} is not there")
    with locked(path):
        reason = await asyncio.to_thread(damage, path)
        if reason is None:
            return None
        kept_as = await asyncio.to_thread(_keep, path)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".repair-") as folder:
            new = Path(folder) / "new"
            async with opened(new):
                pass  # the tables of this version, empty
            found = await asyncio.to_thread(_read, kept_as, Path(folder), new)
            await asyncio.to_thread(_write, new, found, now_ms)
            await asyncio.to_thread(_replace, path, new)
    return Repair(reason, found, kept_as)


def _keep(path: Path) -> Path:
    """Copy a damaged file, and its write-ahead log, to a name that is free; return the name."""
    number = 1
    while (kept_as := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for end in _BESIDE:
        if (source := Path(f"{path}{end}")).exists():
            copy = Path(f"{kept_as}{end}")
            copy.touch(mode=0o600)  # numbers and texts of people
            shutil.copyfile(source, copy)
            with copy.open("rb") as file:
                os.fsync(file.fileno())
    return kept_as


def _read(kept: Path, folder: Path, new: Path) -> Salvage:
    """Return what can be read of a kept file, if need be with the first page of a new one."""
    copy = folder / "copy"
    for end in _BESIDE:
        if (source := Path(f"{kept}{end}")).exists():
            shutil.copyfile(source, f"{copy}{end}")
    found = _salvage(copy)
    if found is None:
        _lend_first_page(copy, new)
        found = _salvage(copy)
    return found or Salvage(all_known=False)


def _salvage(path: Path) -> Salvage | None:
    """Return what can be read of a file, None where it is no outbox by its first page."""
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        try:
            database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'items_due'").fetchall()
            database.execute("EXPLAIN SELECT doubts, rank FROM items")
        except sqlite3.DatabaseError:
            return None
        return salvage(database, path.read_bytes())


def _lend_first_page(path: Path, new: Path) -> None:
    """Put a new outbox's first page in the place of a file's.

    It says where the tables begin, which is the same in all files that began as this version's.
    """
    page = bytearray(new.read_bytes()[:PAGE_BYTES])
    page[_PAGES_AT] = (path.stat().st_size // PAGE_BYTES).to_bytes(4, "big")
    with path.open("r+b") as file:
        file.write(page)


def _write(new: Path, found: Salvage, now_ms: int) -> None:
    """Write rows into a new outbox."""
    marks = ", ".join("?" * len(COLUMNS.split(",")))
    kept = [_kept(item, now_ms) for item in found.lost if item.state not in _WAITED and item.key]
    with closing(sqlite3.connect(new)) as database:
        database.execute("PRAGMA synchronous = FULL")
        database.executemany(
            f"INSERT OR IGNORE INTO items ({COLUMNS}) VALUES ({marks})",  # noqa: S608 - ours
            [tuple(row.values()) for row in (*found.items, *kept)],
        )
        database.executemany(
            "INSERT OR IGNORE INTO receipts VALUES (?, ?, ?, ?)",
            [tuple(row.values()) for row in found.receipts],
        )
        database.execute("DELETE FROM sqlite_sequence WHERE name = 'items'")
        database.execute("INSERT INTO sqlite_sequence VALUES ('items', ?)", (found.last_number,))
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _kept(item: LostItem, now_ms: int) -> Row:
    """Return a row that keeps a lost one's key: it is sent to nobody, and not put again."""
    return {
        "number": item.number,
        "key": item.key,
        "recipient": item.recipient or "",
        "chain": "",
        "body": "",
        "priority": 0,
        "expires_ms": None,
        "state": ItemState.MERGED,
        "put_ms": now_ms,
        "due_ms": now_ms,
        "changed_ms": now_ms,
        "attempts": 0,
        "reference": None,
        "reason": REASON,
        "doubts": 0,
        "rank": None,
    }


def _replace(path: Path, new: Path) -> None:
    """Put the new file in the place of the damaged one, whose log would not fit it."""
    new.chmod(0o600)  # numbers and texts of people
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    new.replace(path)
