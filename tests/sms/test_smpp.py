"""Straight to the SMSC: no alert is lost, and at most the window is doubled by each cut."""

import itertools
from collections.abc import Callable
from pathlib import Path

from duty import SMPP_WINDOW, duty, smpp_options, tally
from smsc import QUEUE_FULL, THROTTLED, Order, Smsc

from consumers.outbox.items import ItemState

Figure = Callable[[str], None]


async def test_cut_while_messages_flow(smsc: Smsc, tmp_path: Path, figure: Figure) -> None:
    """Five connections cut after a message was taken and before it was answered: none lost."""
    people, cuts = 300, 5
    orders = itertools.count(1)
    smsc.order = lambda _: Order(cut=next(orders) in {50 * n for n in range(1, cuts + 1)})
    async with duty(tmp_path / "out.db", "smpp", smpp_options(smsc, tmp_path), people) as desk:
        await desk.alert()
        await smsc.until(lambda: tally(smsc.messages, people).lost == 0)
        await desk.until(ItemState.DELIVERED, people)
    seen = tally(smsc.messages, people)
    figure(
        f"smpp cut {cuts} times while {people} flow: {seen.lost} lost, {seen.doubled} doubled,"
        f" {len(smsc.binds)} binds"
    )
    assert len(smsc.binds) == cuts + 1
    assert seen.lost == 0
    assert seen.doubled <= cuts * SMPP_WINDOW


async def test_throttled(smsc: Smsc, tmp_path: Path, figure: Figure) -> None:
    """Throttled and told that the queue is full, the sender waits, and sends each once."""
    people = 60
    orders = itertools.count()
    answers = {3: THROTTLED, 20: QUEUE_FULL, 40: THROTTLED}
    smsc.order = lambda _: Order(status=answers.get(next(orders), 0))
    async with duty(tmp_path / "out.db", "smpp", smpp_options(smsc, tmp_path), people) as desk:
        await desk.alert()
        await desk.until(ItemState.DELIVERED, people)
    seen = tally(smsc.messages, people)
    figure(
        f"throttled {len(smsc.refused)} times over smpp: {seen.lost} lost, {seen.doubled} doubled"
    )
    assert len(smsc.refused) == len(answers)
    assert (seen.lost, seen.doubled) == (0, 0)
