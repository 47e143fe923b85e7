"""The outbox's file: made for its user alone, opened so that what is written is on the disk.

The file says which version of its tables it holds (``PRAGMA user_version``). An older one is
brought to this version when it is opened, a newer one is refused.

    version 0 ──▶ 1: items and receipts ──▶ 2: places in the queue, and doubts
"""

import asyncio
import fcntl
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Final

import aiosqlite

from skyfence.errors import UsageError

# SQLite waits so long for another process's lock; there should be none.
_LOCK_WAIT_S: Final = 2.0
# Each brings the file of one version to the next; the first begins with an empty file. A file from
# before there were versions has version 0, and holds what one of the first two made, or nothing:
# so these two leave alone what is there.
_MIGRATIONS: Final = (
    """
    CREATE TABLE IF NOT EXISTS items (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      key TEXT NOT NULL UNIQUE,
      recipient TEXT NOT NULL,
      chain TEXT NOT NULL,
      body TEXT NOT NULL,
      priority INTEGER NOT NULL,
      expires_ms INTEGER,
      state TEXT NOT NULL,
      put_ms INTEGER NOT NULL,
      due_ms INTEGER NOT NULL,
      changed_ms INTEGER NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0,
      reference TEXT,
      reason TEXT
    );
    CREATE INDEX IF NOT EXISTS items_due ON items (state, recipient, priority, number);
    CREATE INDEX IF NOT EXISTS items_reference ON items (reference) WHERE reference IS NOT NULL;
    CREATE INDEX IF NOT EXISTS items_chain ON items (recipient, chain, number);
    CREATE TABLE IF NOT EXISTS receipts (
      reference TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL
    );
    """,
    """
    ALTER TABLE items ADD COLUMN doubts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE items ADD COLUMN rank INTEGER;
    CREATE INDEX IF NOT EXISTS items_queue
      ON items (state, priority, coalesce(rank, number), number);
    CREATE INDEX IF NOT EXISTS items_when ON items (state, due_ms);
    """,
)
# An outbox that was in use has a page at least.
EMPTY: Final = "it is empty"
VERSION: Final = len(_MIGRATIONS)
_ADDED_COLUMN: Final = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")


def damage(path: Path) -> str | None:
    """Return what is wrong with a file that is there, None if every page of it can be read.

    Changes nothing, also not what the write-ahead log holds.
    """
    if not path.stat().st_size and not Path(f"{path}-wal").exists():
        return EMPTY
    uri = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_LOCK_WAIT_S)) as database:
            (first,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        is_ours = error.sqlite_errorcode not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY)
        return str(error) if is_ours else None  # else it is told when the file is opened
    return None if first == "ok" else str(first).replace("\n", " ")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """Open or make the file; raise ``UsageError`` where that cannot be."""
    try:
        await asyncio.to_thread(_make, path)
        database = await aiosqlite.connect(path, timeout=_LOCK_WAIT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise UsageError(f"outbox {path} cannot be opened: {error}") from None
    try:
        database.row_factory = sqlite3.Row
        try:
            await database.execute("PRAGMA journal_mode = WAL")
            await database.execute("PRAGMA synchronous = FULL")  # on the disk, then on
            await _migrate(database, path)
        except sqlite3.Error as error:
            raise UsageError(f"outbox {path} is not usable: {error}") from None
        yield database
    finally:
        await database.close()


async def _migrate(database: aiosqlite.Connection, path: Path) -> None:
    """Bring a file to this version, each step whole or not at all.

    Raises ``UsageError`` where a newer skyfence has written the file.
    """
    version = await _version(database)
    if version > VERSION:
        raise UsageError(
            f"outbox {path} has version {version}, and this skyfence knows versions up to "
            f"{VERSION}: run the skyfence that wrote it, or a newer one"
        )
    while version < VERSION:
        await database.execute("BEGIN IMMEDIATE")
        try:
            version = await _version(database)  # another process may have been faster
            if version < VERSION:
                await _apply(database, _MIGRATIONS[version])
                await database.execute(f"PRAGMA user_version = {version + 1}")
            await database.commit()
        except BaseException:
            await database.rollback()
            raise


async def _apply(database: aiosqlite.Connection, migration: str) -> None:
    """Carry out a migration's statements, save for columns that are there already."""
    for statement in migration.split(";"):
        column = _ADDED_COLUMN.search(statement)
        if column is None or not await _has_column(database, *column.groups()):
            await database.execute(statement)


async def _has_column(database: aiosqlite.Connection, table: str, column: str) -> bool:
    rows = await database.execute_fetchall("SELECT name FROM pragma_table_info(?)", (table,))
    return column in [row["name"] for row in rows]


async def _version(database: aiosqlite.Connection) -> int:
    (row,) = await database.execute_fetchall("PRAGMA user_version")
    return int(row[0])


def lock_of(path: Path) -> Path:
    """Return the lock of a file, which stays there once it was in use."""
    return path.with_name(path.name + ".lock")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside a file; the system lets go of it when this process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock_of(path).open("w")
    except OSError as error:
        raise UsageError(f"outbox {path} cannot be opened: {error}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"outbox {path} is in use by another process") from None
        yield


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # numbers and texts of people
