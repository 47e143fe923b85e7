"""The outbox's file: made for its user alone, opened so that what is written is on the disk."""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiosqlite

from skyfence.errors import UsageError

# SQLite waits so long for another process's lock; there should be none.
_LOCK_WAIT_S: Final = 2.0
_SCHEMA: Final = """
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
  doubts INTEGER NOT NULL DEFAULT 0,
  rank INTEGER,
  reference TEXT,
  reason TEXT
);
CREATE INDEX IF NOT EXISTS items_due ON items (state, recipient, priority, number);
CREATE INDEX IF NOT EXISTS items_queue
  ON items (state, priority, coalesce(rank, number), number);
CREATE INDEX IF NOT EXISTS items_when ON items (state, due_ms);
CREATE INDEX IF NOT EXISTS items_reference ON items (reference) WHERE reference IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_chain ON items (recipient, chain, number);
CREATE TABLE IF NOT EXISTS receipts (
  reference TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT, at_ms INTEGER NOT NULL
);
"""


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
            await database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise UsageError(f"outbox {path} is not usable: {error}") from None
        yield database
    finally:
        await database.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock beside a file; the system lets go of it when this process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(path.name + ".lock").open("w")
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
