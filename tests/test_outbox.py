"""The outbox: what is put stands there once, and nothing of it is lost or handed out twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.outbox import Change, Entry, Item, Outbox, State
from skyfence.errors import UsageError

ONE = Item(key="one", recipient="+40700000001", chain="c", body="text", priority=1)
TWO = Item(key="two", recipient="+40700000002", chain="c", body="text", priority=0)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox.open(tmp_path / "out" / "box.db") as opened:
        yield opened


def keys(found: list[Entry]) -> list[str]:
    return [entry.key for entry in found]


async def test_what_is_put_twice_stands_there_once(outbox: Outbox) -> None:
    """The key makes it one message, whatever became of it since."""
    assert await outbox.put([ONE, TWO], 0) == 2
    await outbox.take(1, 10)
    assert await outbox.put([ONE], 2) == 0
    assert await outbox.take(2, 10) == []


async def test_the_urgent_goes_first(outbox: Outbox) -> None:
    """By priority, then in the order in which it was put, and no more than asked for."""
    three = Item(key="three", recipient="+40700000003", chain="c", body="", priority=0)
    await outbox.put([ONE, TWO, three], 0)
    assert keys(await outbox.take(0, 2)) == ["two", "three"]
    assert keys(await outbox.take(0, 2)) == ["one"]


async def test_many_takers_get_each_item_once(outbox: Outbox) -> None:
    """Taking at once hands nothing out twice."""
    items = [Item(key=f"k{n}", recipient="r", chain="c", body="") for n in range(50)]
    await outbox.put(items, 0)
    found = await asyncio.gather(*[outbox.take(0, 7) for _ in range(10)])
    assert sorted(key for taken in found for key in keys(taken)) == sorted(i.key for i in items)


async def test_what_waits_is_due_later(outbox: Outbox) -> None:
    """A retry is not handed out before its time, and counts as another attempt."""
    await outbox.put([ONE], 0)
    await outbox.take(0, 1)
    await outbox.record([Change(key="one", state=State.PENDING, due_ms=100, reason="away")], 0)
    assert await outbox.take(99, 1) == []
    assert await outbox.next_due_ms() == 100
    (entry,) = await outbox.take(100, 1)
    assert (entry.attempts, entry.reason) == (2, "away")


async def test_what_is_past_its_time_is_never_handed_out(outbox: Outbox) -> None:
    """Not even where nobody has marked it as expired yet."""
    late = Item(key="late", recipient="r", chain="c", body="", expires_ms=50)
    await outbox.put([late], 0)
    assert await outbox.take(50, 1) == []
    assert await outbox.expire(50) == 1
    assert (await outbox.counts())[State.EXPIRED] == 1


async def test_what_was_being_submitted_is_in_doubt(tmp_path: Path) -> None:
    """After a crash the rest waits as before, and what may have been sent is told apart."""
    path = tmp_path / "box.db"
    async with Outbox.open(path) as outbox:
        await outbox.put([ONE, TWO], 0)
        await outbox.take(0, 1)
    async with Outbox.open(path) as outbox:
        assert keys(await outbox.in_doubt()) == ["two"]
        assert keys(await outbox.take(0, 5)) == ["one"]


@pytest.mark.parametrize("early", [True, False])
async def test_a_receipt_may_come_before_its_name(outbox: Outbox, early: bool) -> None:
    """The network may report before the gateway has answered; either order ends the same."""
    await outbox.put([ONE], 0)
    await outbox.take(0, 1)
    submitted = Change(key="one", state=State.SUBMITTED, reference="g7")
    if early:
        assert not await outbox.receipt("g7", State.DELIVERED, 1)
    await outbox.record([submitted], 2)
    if not early:
        assert await outbox.receipt("g7", State.DELIVERED, 1)
    (entry,) = await outbox.of_chain(ONE.recipient, "c")
    assert entry.state is State.DELIVERED


async def test_a_second_receipt_takes_no_delivery_back(outbox: Outbox) -> None:
    """Delivered stays delivered; failed may still turn out to be delivered."""
    await outbox.put([ONE], 0)
    await outbox.take(0, 1)
    await outbox.record([Change(key="one", state=State.SUBMITTED, reference="g7")], 0)
    for told, expected in (
        (State.FAILED, State.FAILED),
        (State.DELIVERED, State.DELIVERED),
        (State.FAILED, State.DELIVERED),
    ):
        await outbox.receipt("g7", told, 1)
        (entry,) = await outbox.of_chain(ONE.recipient, "c")
        assert entry.state is expected


async def test_only_what_is_over_is_forgotten(outbox: Outbox) -> None:
    """Old items go, save those that still wait."""
    await outbox.put([ONE, TWO], 0)
    await outbox.take(0, 1)
    await outbox.record([Change(key="two", state=State.FAILED, reason="refused")], 10)
    assert await outbox.forget(10) == 0
    assert await outbox.forget(11) == 1
    assert await outbox.pending() == {ONE.recipient: 1}


async def test_others_cannot_read_it(tmp_path: Path) -> None:
    """The file holds people's numbers: it is its user's alone."""
    path = tmp_path / "box.db"
    async with Outbox.open(path):
        assert path.stat().st_mode & 0o077 == 0


async def test_what_is_no_outbox_is_refused(tmp_path: Path) -> None:
    """A file that is something else is an error that names it, and stays as it was."""
    path = tmp_path / "box.db"
    path.write_text("not a database, but long enough to look like a file of one " * 20)
    with pytest.raises(UsageError, match=r"box\.db"):
        async with Outbox.open(path):
            pass
    assert path.read_text().startswith("not a database")
