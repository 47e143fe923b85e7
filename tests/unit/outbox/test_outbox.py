"""The outbox: what is put stands there once, and nothing of it is lost or handed out twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.outbox.items import Change, Entry, Item, ItemState
from consumers.outbox.outbox import Outbox
from skyfence.errors import UsageError

ONE = Item(key="one", recipient="+40700000001", chain="c", body="text", priority=1)
TWO = Item(key="two", recipient="+40700000002", chain="c", body="text", priority=0)


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox.open(tmp_path / "out" / "box.db") as opened:
        yield opened


def keys(entries: list[Entry]) -> list[str]:
    return [entry.key for entry in entries]


async def test_what_is_put_twice_stands_there_once(outbox: Outbox) -> None:
    """The key makes it one message, whatever became of it since."""
    assert await outbox.add([ONE, TWO], 0) == 2
    await outbox.claim(1, 10)
    assert await outbox.add([ONE], 2) == 0
    assert await outbox.claim(2, 10) == []


async def test_the_urgent_goes_first(outbox: Outbox) -> None:
    """By priority, then in the order in which it was put, and no more than asked for."""
    three = Item(key="three", recipient="+40700000003", chain="c", body="", priority=0)
    await outbox.add([ONE, TWO, three], 0)
    assert keys(await outbox.claim(0, 2)) == ["two", "three"]
    assert keys(await outbox.claim(0, 2)) == ["one"]


async def test_many_takers_get_each_item_once(outbox: Outbox) -> None:
    """Taking at once hands nothing out twice."""
    items = [Item(key=f"k{n}", recipient="r", chain="c", body="") for n in range(50)]
    await outbox.add(items, 0)
    claimed = await asyncio.gather(*[outbox.claim(0, 7) for _ in range(10)])
    assert sorted(key for entries in claimed for key in keys(entries)) == sorted(
        i.key for i in items
    )


async def test_what_waits_is_due_later(outbox: Outbox) -> None:
    """A retry is not handed out before its time, and counts as another attempt."""
    await outbox.add([ONE], 0)
    await outbox.claim(0, 1)
    await outbox.apply_changes(
        [Change(key="one", state=ItemState.PENDING, due_ms=100, reason="away")], 0
    )
    assert await outbox.claim(99, 1) == []
    assert await outbox.next_due_ms() == 100
    (entry,) = await outbox.claim(100, 1)
    assert (entry.attempts, entry.reason) == (2, "away")


async def test_what_is_past_its_time_is_never_handed_out(outbox: Outbox) -> None:
    """Not even where nobody has marked it as expired yet."""
    late = Item(key="late", recipient="r", chain="c", body="", expires_ms=50)
    await outbox.add([late], 0)
    assert await outbox.claim(50, 1) == []
    assert await outbox.expire(50) == 1
    assert (await outbox.state_counts())[ItemState.EXPIRED] == 1


async def test_what_was_being_submitted_is_in_doubt(tmp_path: Path) -> None:
    """After a crash the rest waits as before, and what may have been sent is told apart."""
    path = tmp_path / "box.db"
    async with Outbox.open(path) as outbox:
        await outbox.add([ONE, TWO], 0)
        await outbox.claim(0, 1)
    async with Outbox.open(path) as outbox:
        assert keys(await outbox.interrupted()) == ["two"]
        assert keys(await outbox.claim(0, 5)) == ["one"]


@pytest.mark.parametrize("early", [True, False])
async def test_a_receipt_may_come_before_its_name(outbox: Outbox, early: bool) -> None:
    """The network may report before the gateway has answered; either order ends the same."""
    await outbox.add([ONE], 0)
    await outbox.claim(0, 1)
    submitted = Change(key="one", state=ItemState.SUBMITTED, reference="g7")
    if early:
        assert not await outbox.record_receipt("g7", ItemState.DELIVERED, 1)
    await outbox.apply_changes([submitted], 2)
    if not early:
        assert await outbox.record_receipt("g7", ItemState.DELIVERED, 1)
    (entry,) = await outbox.entries_for([ONE.recipient], chains=["c"], since_ms=9)
    assert entry.state is ItemState.DELIVERED


async def test_a_second_receipt_takes_no_delivery_back(outbox: Outbox) -> None:
    """Delivered stays delivered; failed may still turn out to be delivered."""
    await outbox.add([ONE], 0)
    await outbox.claim(0, 1)
    await outbox.apply_changes([Change(key="one", state=ItemState.SUBMITTED, reference="g7")], 0)
    for told, expected in (
        (ItemState.FAILED, ItemState.FAILED),
        (ItemState.DELIVERED, ItemState.DELIVERED),
        (ItemState.FAILED, ItemState.DELIVERED),
    ):
        await outbox.record_receipt("g7", told, 1)
        (entry,) = await outbox.entries_for([ONE.recipient], chains=["c"], since_ms=9)
        assert entry.state is expected


async def test_only_what_is_over_is_forgotten(outbox: Outbox) -> None:
    """Old items go, save those that still wait."""
    await outbox.add([ONE, TWO], 0)
    await outbox.claim(0, 1)
    await outbox.apply_changes([Change(key="two", state=ItemState.FAILED, reason="refused")], 10)
    assert await outbox.purge(10) == 0
    assert await outbox.purge(11) == 1
    assert await outbox.waiting_counts() == {ONE.recipient: 1}


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


async def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    """While one sends from a file nobody else may, though look; afterwards anybody may."""
    path = tmp_path / "box.db"
    async with Outbox.open_exclusive(path), Outbox.open(path) as other:
        assert await other.waiting_counts() == {}
        with pytest.raises(UsageError, match="in use by another process"):
            async with Outbox.open_exclusive(path):
                pass
    async with Outbox.open_exclusive(path):
        pass


async def test_a_chain_is_read_with_what_came_lately(outbox: Outbox) -> None:
    """All of the chain, of others what waits or was added since, and nothing of other people."""
    for at_ms, (key, recipient, chain) in enumerate(
        [
            ("a", "x", "c"),
            ("b", "x", "d"),
            ("w", "x", "d"),
            ("e", "x", "d"),
            ("f", "y", "c"),
            ("g", "z", "c"),
        ]
    ):
        await outbox.add([Item(key=key, recipient=recipient, chain=chain, body="")], at_ms)
        if key != "w":
            await outbox.apply_changes([Change(key=key, state=ItemState.SUBMITTED)], at_ms)
    entries = await outbox.entries_for(["x", "y"], chains=["c"], since_ms=3)
    assert [entry.key for entry in entries] == ["a", "w", "e", "f"]


async def test_what_is_merged_is_replaced_in_one_step(outbox: Outbox) -> None:
    """Only what waits is merged: what is being submitted goes on, and a new one may be born so."""
    await outbox.add([ONE, TWO], 0)
    await outbox.claim(0, 1)
    three = Item(key="three", recipient=ONE.recipient, chain="c", body="")
    four = Item(key="four", recipient=ONE.recipient, chain="c", body="")
    await outbox.add([three, four], 1, merged=["one", "two", "four"])
    entries = await outbox.entries_for([ONE.recipient, TWO.recipient], chains=["c"], since_ms=9)
    assert {entry.key: entry.state for entry in entries} == {
        "one": ItemState.MERGED,
        "two": ItemState.SUBMITTING,
        "three": ItemState.PENDING,
        "four": ItemState.MERGED,
    }


async def test_what_replaces_stands_where_the_other_stood(outbox: Outbox) -> None:
    """An update does not send those who wait to the end of the queue, however often it comes."""

    def items(step: str, instead: str | None) -> list[Item]:
        return [
            Item(
                key=n + step,
                recipient=f"r{n}",
                chain="c",
                body="",
                instead_of=None if instead is None or n == "1" else n + instead,
            )
            for n in "123"
        ]

    await outbox.add(items("a", None), 0)
    assert keys(await outbox.claim(0, 1)) == ["1a"]
    for step, instead in ("ba", "cb"):
        await outbox.add(items(step, instead), 1, merged=["2" + instead, "3" + instead])
    order = [keys(await outbox.claim(1, 1)) for _ in range(4)]
    assert order == [["2c"], ["3c"], ["1b"], ["1c"]]


async def test_doubts_are_counted(outbox: Outbox) -> None:
    """How often an attempt may have been taken is remembered apart from how often it was tried."""
    await outbox.add([ONE], 0)
    for doubt in (True, False, True):
        await outbox.claim(0, 1)
        await outbox.apply_changes([Change(key="one", state=ItemState.PENDING, doubt=doubt)], 0)
    (entry,) = await outbox.claim(0, 1)
    assert (entry.attempts, entry.doubts) == (4, 2)


async def test_in_order_a_later_step_waits_for_the_earlier(outbox: Outbox) -> None:
    """Of each recipient's chain only the first that is open is handed out, whatever its rank."""
    first = Item(key="1", recipient="r", chain="c", body="", priority=5)
    second = Item(key="2", recipient="r", chain="c", body="", priority=0)
    others = [
        Item(key="3", recipient="r", chain="d", body="", priority=9),
        Item(key="4", recipient="s", chain="c", body="", priority=9),
    ]
    await outbox.add([first, second, *others], 0)
    assert keys(await outbox.claim(0, 9, "r", in_order=True)) == ["1", "3"]
    assert await outbox.next_due_ms("r", in_order=True) is None
    await outbox.apply_changes([Change(key="1", state=ItemState.PENDING, due_ms=50)], 0)
    assert await outbox.claim(49, 9, "r", in_order=True) == []
    assert await outbox.next_due_ms("r", in_order=True) == 50
    assert await outbox.next_due_ms("r") == 0
    for over in (ItemState.DELIVERED, ItemState.FAILED, ItemState.EXPIRED):
        await outbox.apply_changes([Change(key="1", state=over)], 60)
        assert await outbox.next_due_ms("r", in_order=True) == 0
    assert keys(await outbox.claim(60, 9, "r", in_order=True)) == ["2"]


async def test_what_waits_too_long_is_a_dead_letter_and_may_be_requeued(outbox: Outbox) -> None:
    """It fails with the last reason, is never handed out before, and comes again as if new."""
    await outbox.add([ONE], 0)
    await outbox.add([TWO], 10)
    await outbox.claim(10, 1, ONE.recipient)
    await outbox.apply_changes([Change(key="one", state=ItemState.PENDING, reason="away")], 10)
    assert keys(await outbox.claim(20, 9, ONE.recipient, added_since_ms=10)) == []
    assert [entry.reason for entry in await outbox.dead_letter(10, 20, "old")] == ["old: away"]
    assert keys(await outbox.dead_letters()) == ["one"]
    assert await outbox.requeue(["one", "two"], 30) == 1
    assert await outbox.dead_letters() == []
    (risen,) = await outbox.claim(30, 9, ONE.recipient, added_since_ms=30)
    assert (risen.added_ms, risen.attempts, risen.reason) == (30, 1, None)
