"""A damaged outbox: the start says so, a repair keeps what can be read and says what is lost."""

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from consumers.outbox.items import Change, Item, ItemState
from consumers.outbox.outbox import Outbox
from consumers.outbox.repair import REASON, Repair, repair
from consumers.outbox.salvage import _rows_in_pages
from skyfence.cli.outbox import outbox as command
from skyfence.errors import UsageError

PAGE = 4_096
NOW_MS = 1_000_000
# Around what a page holds of a row, and what goes on over several.
LENGTHS = (3_000, 4_000, 4_010, 4_020, 4_061, 4_100, 8_190, 9_000, 40_000)
COUNT = 300
# By number, from 1: a third waits, a third was submitted, a third was delivered.
STATES = (ItemState.PENDING, ItemState.SUBMITTED, ItemState.DELIVERED)


def state_of(number: int) -> ItemState:
    """Return the state in which an item was left."""
    return STATES[number % 3]


async def filled(path: Path, count: int = COUNT) -> Path:
    """Make an outbox of some hundred items, many pages in all."""
    items = [
        Item(key=f"key-{n}", recipient=f"+4071200{n:04}", chain="c", body="x" * 400)
        for n in range(1, count + 1)
    ]
    changes = [
        Change(key=f"key-{n}", state=state_of(n), reference=f"ref-{n}")
        for n in range(1, count + 1)
        if state_of(n) is not ItemState.PENDING
    ]
    async with Outbox.open_exclusive(path) as outbox:
        await outbox.add(items, 1)
        await outbox.claim(1, count)
        await outbox.apply_changes(changes, 2)
        left = [Change(key=i.key, state=ItemState.PENDING) for i in items[2::3]]
        await outbox.apply_changes(left, 2)
    return path


def put_page(path: Path, page: int, data: bytes) -> None:
    """Put something else in the place of a page, the first of which is 1."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(data)


def overwrite(path: Path, page: int, rng: Random) -> None:
    """Put noise in the place of a page."""
    put_page(path, page, rng.randbytes(PAGE))


def leaf(path: Path) -> None:
    """Destroy a page of rows in the middle of the table."""
    pages = rows_pages(path)
    overwrite(path, pages[len(pages) // 2], Random(1))


def first_page(path: Path) -> None:
    """Destroy the file's beginning, which says what it is."""
    overwrite(path, 1, Random(2))


def tail(path: Path) -> None:
    """Cut off the last third of the file, amid a page."""
    os.truncate(path, path.stat().st_size * 2 // 3 + 100)


def root(path: Path) -> None:
    """Destroy the page by which rows are found."""
    overwrite(path, root_page(path), Random(3))


def all_of_it(path: Path) -> None:
    """Leave nothing of the file but its length."""
    path.write_bytes(Random(4).randbytes(path.stat().st_size))


def nothing(path: Path) -> None:
    """Empty the file."""
    os.truncate(path, 0)


def root_page(path: Path) -> int:
    """Return the page at which the table begins."""
    with closing(sqlite3.connect(path)) as database:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'items'"
        return int(database.execute(query).fetchone()[0])


def rows_pages(path: Path) -> list[int]:
    """Return the pages that hold rows, known by what stands in them."""
    data = path.read_bytes()
    return [
        number
        for number in range(1, len(data) // PAGE + 1)
        if data[(number - 1) * PAGE] == 13 and b"x" * 400 in data[(number - 1) * PAGE :][:PAGE]
    ]


def copy_with_log(path: Path, copy: Path) -> None:
    """Copy an outbox as it stands on the disk while a process uses it."""
    for end in ("", "-wal"):
        Path(f"{copy}{end}").write_bytes(Path(f"{path}{end}").read_bytes())


def names_in(folder: Path) -> list[str]:
    """Return the names of a folder's files."""
    return sorted(file.name for file in folder.iterdir())


DAMAGES = (leaf, first_page, tail, root, all_of_it, nothing)


async def repaired(path: Path) -> Repair:
    """Repair an outbox that is damaged."""
    result = await repair(path, NOW_MS)
    assert result is not None
    return result


@pytest.mark.parametrize("destroy", DAMAGES)
async def test_a_start_names_the_damage_and_the_repair(
    destroy: Callable[[Path], None], tmp_path: Path
) -> None:
    """Nothing is sent from a file that cannot be read, and nothing is put into it."""
    path = await filled(tmp_path / "o.db")
    destroy(path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"o\.db is damaged .*`skyfence outbox repair .*o\.db`"):
        async with Outbox.open_exclusive(path):
            pass
    assert path.read_bytes() == before


@pytest.mark.parametrize("destroy", DAMAGES)
async def test_a_repair_sends_nothing_twice(
    destroy: Callable[[Path], None], tmp_path: Path
) -> None:
    """What waits afterwards waited before; the damaged file is kept as it was."""
    path = await filled(tmp_path / "o.db")
    destroy(path)
    before = path.read_bytes()
    result = await repaired(path)
    assert result.kept_as.read_bytes() == before
    assert [file.stat().st_mode & 0o777 for file in (path, result.kept_as)] == [0o600, 0o600]
    async with Outbox.open_exclusive(path) as outbox:
        waiting = {entry.key for entry in await outbox.claim(NOW_MS, COUNT)}
    assert waiting <= {f"key-{n}" for n in range(1, COUNT + 1) if state_of(n) is STATES[0]}


async def test_rows_beside_the_damage_are_whole(tmp_path: Path) -> None:
    """One page of rows is lost: the indices tell which, and what was handed over stays known."""
    path = await filled(tmp_path / "o.db")
    leaf(path)
    result = await repaired(path)
    numbers = {item.number for item in result.found.lost}
    assert 0 < len(numbers) < 20
    assert result.found.all_known
    assert {item.number for item in result.never_sent} == {n for n in numbers if n % 3 == 0}
    assert all(item.recipient == f"+4071200{item.number:04}" for item in result.found.lost)
    async with Outbox.open_exclusive(path) as outbox:
        entries = {entry.key: entry for entry in await outbox._select("1", ())}
        again = [Item(key=f"key-{n}", recipient="r", chain="c", body="") for n in numbers]
        assert await outbox.add(again, NOW_MS) == len(result.never_sent)
    for number in range(1, COUNT + 1):
        entry = entries.get(f"key-{number}")
        if number not in numbers:
            assert entry is not None
            assert (entry.state, entry.body) == (state_of(number), "x" * 400)
        elif state_of(number) is not ItemState.PENDING:
            assert entry is not None
            assert (entry.state, entry.reason) == (ItemState.MERGED, REASON)


async def test_a_lost_first_page_costs_no_row(tmp_path: Path) -> None:
    """Where the tables begin is known from a new file."""
    path = await filled(tmp_path / "o.db")
    first_page(path)
    result = await repaired(path)
    assert (len(result.found.items), result.found.lost) == (COUNT, [])


async def test_a_lost_root_costs_no_row(tmp_path: Path) -> None:
    """Pages of rows are known by what they hold, also rows that go on elsewhere."""
    path = await filled(tmp_path / "o.db")
    items = [Item(key=f"long-{n}", recipient="r", chain="c", body="y" * n) for n in LENGTHS]
    async with Outbox.open_exclusive(path) as outbox:
        await outbox.add(items, 3)
        before = await outbox._select("1", ())
    root(path)
    result = await repaired(path)
    assert result.found.lost == []
    async with Outbox.open_exclusive(path) as outbox:
        assert await outbox._select("1", ()) == before


async def test_a_row_of_long_ago_is_not_taken(tmp_path: Path) -> None:
    """A page may hold a row that waits, where the indices say that it was sent since."""
    path = await filled(tmp_path / "o.db")
    before = path.read_bytes()
    async with Outbox.open_exclusive(path) as outbox:
        await outbox.apply_changes([Change(key="key-3", state=ItemState.SUBMITTED)], 4)
    old = before[(rows_pages(path)[0] - 1) * PAGE :][:PAGE]
    put_page(path, rows_pages(path)[0], old)
    root(path)
    result = await repaired(path)
    assert [(item.key, item.state) for item in result.found.lost] == [("key-3", "submitted")]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_row(seed: int) -> None:
    """Pages that say they are leaves and hold anything are read without an error."""
    rng = Random(seed)
    pages = b"".join(b"\r\0\0\0\x20" + rng.randbytes(PAGE - 5) for _ in range(50))
    assert list(_rows_in_pages(pages)) == []


async def test_what_follows_gets_new_numbers(tmp_path: Path) -> None:
    """An item that is added after a repair stands behind all that were ever added."""
    path = await filled(tmp_path / "o.db")
    tail(path)
    result = await repaired(path)
    async with Outbox.open_exclusive(path) as outbox:
        await outbox.add([Item(key="new", recipient="r", chain="c", body="")], NOW_MS)
        *_, last = await outbox._select("1", ())
    assert last.key == "new"
    assert result.found.lost


async def test_what_the_log_holds_is_read(tmp_path: Path) -> None:
    """A process that was killed has left its last changes in the write-ahead log."""
    path = await filled(tmp_path / "o.db")
    copy = tmp_path / "killed.db"
    async with Outbox.open_exclusive(path) as outbox:
        await outbox.add([Item(key="last", recipient="r", chain="c", body="")], 3)
        copy_with_log(path, copy)
    leaf(copy)
    result = await repaired(copy)
    assert "last" in [row["key"] for row in result.found.items]
    assert f"{result.kept_as.name}-wal" in names_in(tmp_path)


async def test_a_state_in_doubt_is_not_pending(tmp_path: Path) -> None:
    """A row that says it waits while an index says it was submitted is not sent again."""
    path = await filled(tmp_path / "o.db")
    data = path.read_bytes()
    page = (rows_pages(path)[0] - 1) * PAGE
    rows = data[page : page + PAGE]
    assert b"csubmitted" not in rows  # the body stands between chain and state
    changed = rows.replace(b"submitted", b"pendingXX", 1)
    path.write_bytes(data[:page] + changed + data[page + PAGE :])
    overwrite(path, rows_pages(path)[-1], Random(5))
    result = await repaired(path)
    assert result.found.lost[0].state == ItemState.SUBMITTED


async def test_what_is_whole_is_left_alone(tmp_path: Path) -> None:
    """Nothing is repaired that is not broken, and nothing while a process sends from it."""
    path = await filled(tmp_path / "o.db")
    assert await repair(path, NOW_MS) is None
    async with Outbox.open_exclusive(path):
        with pytest.raises(UsageError, match="is in use by another process"):
            await repair(path, NOW_MS)
    with pytest.raises(UsageError, match="is not there"):
        await repair(tmp_path / "none.db", NOW_MS)
    assert names_in(tmp_path) == ["o.db", "o.db.lock"]


async def test_an_empty_file_of_before_the_first_start_is_new(tmp_path: Path) -> None:
    """Somebody made it so that it has its owner and mode."""
    path = tmp_path / "o.db"
    path.touch()
    async with Outbox.open_exclusive(path) as outbox:
        assert await outbox.add([Item(key="k", recipient="r", chain="c", body="")], 1) == 1


def test_the_command_says_what_is_lost(tmp_path: Path) -> None:
    """Counts by state, the rows that nobody was sent, and where the damaged file is."""
    path = asyncio.run(filled(tmp_path / "o.db"))
    leaf(path)
    said = CliRunner().invoke(command, ["repair", str(path)], catch_exceptions=False).output
    assert f"kept as {path}.damaged-1" in said
    assert "read: 2" in said
    assert "lost: " in said
    assert "never sent: number " in said
    assert "+407" not in said
    again = CliRunner().invoke(command, ["repair", str(path)], catch_exceptions=False).output
    assert again == f"{path}: is whole, nothing was done\n"
