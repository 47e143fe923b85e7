"""Through Kannel: no alert is lost, and few are doubled, whatever of it is killed, away or slow."""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from duty import LANGUAGES, Duty, duty, tally
from kannel import Kannel
from receiving import until
from smsc import THROTTLED, Order, Smsc

from consumers.outbox.items import ItemState
from skyfence.cli.local.embedded import free_port

Start = Callable[..., Awaitable[Kannel]]
Figure = Callable[[str], None]
# Messages that the sender and Kannel have under way at once, by default.
SENDERS_WINDOW, KANNELS_WINDOW = 10, 10
# An honest minute where it is asked for: SKYFENCE_TEST_SMS=long.
AWAY_S = 60.0 if os.environ.get("SKYFENCE_TEST_SMS") == "long" else 6.0


async def test_an_alert_reaches_phones_and_the_receipts_come_back(
    kannel: Start, smsc: Smsc, tmp_path: Path
) -> None:
    """Each in their language, whole in either alphabet; nothing listens beyond loopback."""
    running = await kannel()
    assert running.listens() == {"0100007F"}
    async with duty(tmp_path / "out.db", "kannel", running.options(), 3) as desk:
        await desk.alert()
        await desk.until(ItemState.DELIVERED, 3)
        entries = await desk.outbox._select("1", ())
    assert len({entry.reference for entry in entries}) == 3
    words = {message.text.partition(":")[0] for message in smsc.messages}
    assert len(words) == len(LANGUAGES)
    assert any("Ț" in word for word in words)
    assert {message.pdu.data_coding for message in smsc.messages} == {0, 8}
    assert tally(smsc.messages, 3).doubled == 0


async def test_a_refusal_by_the_operator_comes_back_as_failed(
    kannel: Start, smsc: Smsc, tmp_path: Path
) -> None:
    """A number that does not exist fails, with the operator's words, and stops nobody else."""
    smsc.order = lambda pdu: Order(status=0x0B if pdu.destination_addr.endswith("1") else 0)
    running = await kannel()
    async with duty(tmp_path / "out.db", "kannel", running.options(), 3) as desk:
        await desk.alert()
        await desk.until(ItemState.DELIVERED, 2)
        await desk.until(ItemState.FAILED, 1)
        (failed,) = await desk.outbox._select("state = 'failed'", ())
    assert "0x0000000b" in (failed.reason or "")


async def test_undelivered_comes_back_as_failed(kannel: Start, smsc: Smsc, tmp_path: Path) -> None:
    """The phone was off until the message was over: the receipt says so."""
    smsc.order = lambda _: Order(stat="UNDELIV")
    running = await kannel()
    async with duty(tmp_path / "out.db", "kannel", running.options(), 1) as desk:
        await desk.alert()
        await desk.until(ItemState.FAILED, 1)
        (failed,) = await desk.outbox._select("1", ())
    assert failed.reason == "stat:UNDELIV err:007"


async def test_killed_with_messages_queued(
    kannel: Start, smsc: Smsc, tmp_path: Path, figure: Figure
) -> None:
    """What waits in Kannel's store while the operator is away survives kill -9, each once."""
    people = 200
    running = await kannel()
    await smsc.stop()
    async with duty(tmp_path / "out.db", "kannel", running.options(), people) as desk:
        await desk.alert()
        await desk.until(ItemState.SUBMITTED, people)
        assert smsc.messages == []
        running.kill()
        await smsc.start()
        await running.start()
        await desk.until(ItemState.DELIVERED, people)
    seen = tally(smsc.messages, people)
    figure(f"kannel killed with {people} queued: {seen.lost} lost, {seen.doubled} doubled")
    assert (seen.lost, seen.doubled) == (0, 0)


async def test_killed_while_messages_flow(
    kannel: Start, smsc: Smsc, tmp_path: Path, figure: Figure
) -> None:
    """Killed three times in the middle: none lost, doubled at most the two windows each time."""
    people, kills = 400, 3
    running = await kannel()
    async with duty(tmp_path / "out.db", "kannel", running.options(), people) as desk:
        await desk.alert()
        for number in range(1, kills + 1):
            await smsc.until_messages(60 * number)
            running.kill()
            await running.start()
        await desk.until(ItemState.PENDING, 0)
        await smsc.until(lambda: tally(smsc.messages, people).lost == 0)
        await settled(desk)
        counts = await desk.outbox.state_counts()
    seen = tally(smsc.messages, people)
    unheard = counts[ItemState.SUBMITTED]
    figure(
        f"kannel killed {kills} times while {people} flow: {seen.lost} lost,"
        f" {seen.doubled} doubled, {unheard} without a receipt"
    )
    assert seen.lost == 0
    assert seen.doubled <= kills * (SENDERS_WINDOW + KANNELS_WINDOW)
    assert counts[ItemState.FAILED] == counts[ItemState.EXPIRED] == counts[ItemState.UNCERTAIN] == 0


async def settled(desk: Duty) -> None:
    """Wait until no further receipt has come for a while."""
    before = -1
    while before != (now := (await desk.outbox.state_counts())[ItemState.DELIVERED]):
        before = now
        await asyncio.sleep(3)


async def test_away_for_a_while(kannel: Start, smsc: Smsc, tmp_path: Path, figure: Figure) -> None:
    """While Kannel is down alerts wait, asked for at growing pauses; then all go, each once."""
    people = 50
    running = await kannel()
    running.kill()
    with structlog.testing.capture_logs() as logs:
        async with duty(tmp_path / "out.db", "kannel", running.options(), people) as desk:
            await desk.alert()
            await asyncio.sleep(AWAY_S)
            await running.start()
            await desk.until(ItemState.DELIVERED, people, 120)
    pauses = [entry["pause_s"] for entry in logs if entry["event"] == "sms.held"]
    seen = tally(smsc.messages, people)
    figure(
        f"kannel away for {AWAY_S:g} s: {seen.lost} lost, {seen.doubled} doubled,"
        f" asked after {', '.join(f'{pause:.1f}' for pause in pauses)} s"
    )
    assert (seen.lost, seen.doubled) == (0, 0)
    assert len(pauses) >= 3
    assert max(pauses) > 2 * pauses[0]


async def test_the_operator_throttles(
    kannel: Start, smsc: Smsc, tmp_path: Path, figure: Figure
) -> None:
    """Told to wait, Kannel waits, and sends each once."""
    people = 30
    orders = itertools.count()
    smsc.order = lambda _: Order(status=THROTTLED if next(orders) % 10 < 3 else 0)
    running = await kannel()
    async with duty(tmp_path / "out.db", "kannel", running.options(), people) as desk:
        await desk.alert()
        await desk.until(ItemState.DELIVERED, people)
    seen = tally(smsc.messages, people)
    figure(
        f"throttled by the operator {len(smsc.refused)} times over kannel:"
        f" {seen.lost} lost, {seen.doubled} doubled"
    )
    assert len(smsc.refused) >= 3
    assert (seen.lost, seen.doubled) == (0, 0)


async def test_kannels_own_queue_is_full(
    kannel: Start, smsc: Smsc, tmp_path: Path, figure: Figure
) -> None:
    """While the operator is away Kannel takes some and refuses the rest for now: each goes once."""
    people = 60
    running = await kannel(queue=20)
    await smsc.stop()
    with structlog.testing.capture_logs() as logs:
        async with duty(tmp_path / "out.db", "kannel", running.options(), people) as desk:
            await desk.alert()
            await desk.until(ItemState.SUBMITTED, 15)
            await until(lambda: refusals(logs) > 0)
            await smsc.start()
            await desk.until(ItemState.DELIVERED, people)
    seen = tally(smsc.messages, people)
    figure(f"refused {refusals(logs)} times by kannel: {seen.lost} lost, {seen.doubled} doubled")
    assert (seen.lost, seen.doubled) == (0, 0)


def refusals(logs: list[Any]) -> int:
    """Return how often Kannel took nothing for now."""
    return sum("answered 503" in str(entry.get("reason")) for entry in logs)


async def test_receipts_late_and_twice(kannel: Start, smsc: Smsc, tmp_path: Path) -> None:
    """Receipts that come twice, and after a restart of ours, are noted once and for all."""
    people = 20
    smsc.order = lambda _: Order(receipts=2, receipt_after_s=2.0)
    running = await kannel()
    options = running.options()
    options["receipts"] |= {"port": free_port()}  # what was submitted carries the URL
    async with duty(tmp_path / "out.db", "kannel", options, people) as desk:
        await desk.alert()
        await desk.until(ItemState.SUBMITTED, people)
    await smsc.until(lambda: len(smsc.acknowledged) == 2 * people)  # Kannel has them, nobody else
    async with duty(tmp_path / "out.db", "kannel", options, people) as desk:
        assert (await desk.outbox.state_counts())[ItemState.DELIVERED] == 0
        await desk.until(ItemState.DELIVERED, people)
    assert tally(smsc.messages, people).doubled == 0
