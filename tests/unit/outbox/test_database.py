"""The outbox's file: files of older versions are carried over, those of newer ones refused."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from repository import FORMATS

from consumers.outbox.database import VERSION
from consumers.outbox.items import Item, ItemState
from consumers.outbox.outbox import Outbox
from skyfence.errors import UsageError

# Before the column ``rank``, and with it before files had a version.
OLDER = ("62a20cc", "583fb3f")


def copy_of(release: str, folder: Path) -> Path:
    """Return a copy of the outbox that a release wrote."""
    path = folder / "outbox.sqlite"
    path.write_bytes(gzip.decompress((FORMATS / release / "outbox.sqlite.gz").read_bytes()))
    return path


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """Return what a query gives of a file."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def tables(path: Path) -> list[tuple[object, ...]]:
    """Return the columns of each table, in alphabetical order, and the indexes."""
    columns = (
        "SELECT t.name, c.name, c.type, c.[notnull], c.dflt_value FROM sqlite_master AS t"
        " JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table' ORDER BY 1, 2"
    )
    indexes = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY 1"
    return rows(path, columns) + rows(path, indexes)


@pytest.mark.parametrize("release", OLDER)
async def test_every_item_stands_where_it_stood(release: str, tmp_path: Path) -> None:
    """An older file's items keep their states, attempts, references and reasons."""
    path, query = copy_of(release, tmp_path), "SELECT key, state, attempts, reference FROM items"
    before = rows(path, query)
    assert {state for _, state, *_ in before} == set(ItemState)
    async with Outbox.open_exclusive(path):
        pass
    assert rows(path, query) == before
    assert rows(path, "PRAGMA user_version") == [(VERSION,)]


@pytest.mark.parametrize(
    ("release", "waiting"),
    [("62a20cc", ["pending", "later"]), ("583fb3f", ["pending", "instead", "later"])],
)
async def test_an_older_outbox_goes_on(release: str, waiting: list[str], tmp_path: Path) -> None:
    """What waits in an older file is handed out in order, before what is put later."""
    async with Outbox.open_exclusive(copy_of(release, tmp_path)) as outbox:
        assert [entry.key for entry in await outbox.interrupted()] == ["submitting"]
        assert await outbox.record_receipt("ref-submitted", ItemState.DELIVERED, 2_000)
        await outbox.add([Item(key="new", recipient="r", chain="c", body="")], 2_000)
        assert [entry.key for entry in await outbox.claim(2_000, 10)] == [*waiting, "new"]


@pytest.mark.parametrize("release", OLDER)
async def test_an_older_outbox_becomes_what_a_new_one_is(release: str, tmp_path: Path) -> None:
    """A file that was carried over has the tables and indexes of one that is made now."""
    path = copy_of(release, tmp_path)
    async with Outbox.open(path), Outbox.open(tmp_path / "new"):
        pass
    assert tables(path) == tables(tmp_path / "new")


async def test_an_outbox_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """The error names the file's version and the newest one known, and nothing is changed."""
    path = copy_of("583fb3f", tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    expected = f"has version {VERSION + 1}, and this skyfence knows versions up to {VERSION}"
    with pytest.raises(UsageError, match=expected):
        async with Outbox.open(path):
            pass
    assert rows(path, "PRAGMA user_version") == [(VERSION + 1,)]


async def test_a_migration_is_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that fails amid its statements leaves the file as it was."""
    path = copy_of("62a20cc", tmp_path)
    before = tables(path)
    broken = ("", "ALTER TABLE items ADD COLUMN rank INTEGER; SELECT 1 FROM nowhere")
    monkeypatch.setattr("consumers.outbox.database._MIGRATIONS", broken)
    with pytest.raises(UsageError, match="is not usable: no such table: nowhere"):
        async with Outbox.open(path):
            pass
    assert tables(path) == before
    assert rows(path, "PRAGMA user_version") == [(1,)]
