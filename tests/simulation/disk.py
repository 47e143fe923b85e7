"""The disk of a sink with an outbox: SQLite's own files, which survive a kill, and may be torn.

    life 1: outbox.db, -wal ──killed──▶ copied as they stand ──▶ life 2: a folder of its own

A process that is killed keeps its files open as long as the world lasts, so that the next one gets
copies, as the system would let go of the dead one's. A commit in which the process dies is in the
write-ahead log up to some byte.
"""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

_OUTBOX: Final = "outbox.db"


class Disk:
    """What is kept in a folder from one life of a process to the next."""

    def __init__(self, folder: Path, draw: Random) -> None:
        self._folder = folder
        self._draw = draw
        self._lives = 0
        self._torn_at: int | None = None  # where the last life's log ends
        self.is_full = False
        self.dies_at_commit: Callable[[], None] | None = None

    def begin(self, files: dict[str, str]) -> Path:
        """Return the folder of a new life, with what the last one wrote, and the files given."""
        before, self._lives = self._folder / str(self._lives), self._lives + 1
        folder = self._folder / str(self._lives)
        folder.mkdir()
        for name in (_OUTBOX, f"{_OUTBOX}-wal"):
            if (before / name).exists():
                shutil.copyfile(before / name, folder / name)
        log = folder / f"{_OUTBOX}-wal"
        if self._torn_at is not None and log.exists():
            with log.open("r+b") as file:
                file.truncate(self._torn_at)
        self._torn_at = None
        for name, text in files.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        return folder

    async def connect(self, path: Path, **options: Any) -> "Database":
        """Open a file; in the place of ``aiosqlite.connect``."""
        return Database(self, path, sqlite3.connect(path, **options))

    def commit(self, connection: sqlite3.Connection, path: Path) -> None:
        """Commit, and perhaps have the process die of it."""
        log = path.with_name(f"{path.name}-wal")
        size = log.stat().st_size if log.exists() else 0
        connection.commit()
        written = log.stat().st_size if log.exists() else 0
        if self.dies_at_commit is not None and written > size:
            self._torn_at = self._draw.randint(size, written)
            die, self.dies_at_commit = self.dies_at_commit, None
            die()


class Database:
    """A connection as aiosqlite's, without its thread."""

    def __init__(self, disk: Disk, path: Path, connection: sqlite3.Connection) -> None:
        self._disk = disk
        self._path = path
        self._connection = connection
        # Whoever is killed here loses nothing that was written: the system has it.
        connection.execute("PRAGMA synchronous = OFF")

    @property
    def row_factory(self) -> Any:
        return self._connection.row_factory

    @row_factory.setter
    def row_factory(self, factory: Any) -> None:
        self._connection.row_factory = factory

    async def execute(self, statement: str, values: Any = ()) -> "Cursor":
        await asyncio.sleep(0)
        if statement.startswith("PRAGMA synchronous"):
            return Cursor(self._connection.cursor())
        if statement.startswith("BEGIN") and self._disk.is_full:
            raise sqlite3.OperationalError("database or disk is full")
        return Cursor(self._connection.execute(statement, values))

    async def executemany(self, statement: str, rows: Sequence[Any]) -> "Cursor":
        await asyncio.sleep(0)
        return Cursor(self._connection.executemany(statement, rows))

    async def execute_fetchall(self, statement: str, values: Any = ()) -> list[Any]:
        await asyncio.sleep(0)
        return self._connection.execute(statement, values).fetchall()

    async def commit(self) -> None:
        self._disk.commit(self._connection, self._path)
        await asyncio.sleep(0)  # from here one that has died does not go on

    async def rollback(self) -> None:
        self._connection.rollback()

    async def close(self) -> None:
        self._connection.close()


class Cursor:
    """A cursor as aiosqlite's."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()
