"""How many messages a second, and how long from an alert to its submission. Prints, judges little.

Only that all arrive is asserted: the figures are this machine's.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from duty import duty, smpp_options, tally
from kannel import Kannel
from smsc import Smsc

from consumers.outbox.items import ItemState
from consumers.sms.gateways.protocol import Receipt, Sms
from consumers.sms.gateways.registry import gateway
from consumers.sms.rules.gateway_file import Adapter

Start = Callable[..., Awaitable[Kannel]]
Figure = Callable[[str], None]
MESSAGES, AT_ONCE, ALERTS = 2_000, 10, 100


@pytest.fixture(params=["kannel", "smpp"])
async def way(
    request: pytest.FixtureRequest, kannel: Start, smsc: Smsc, tmp_path: Path
) -> tuple[Adapter, dict[str, Any]]:
    """Return an adapter and its options."""
    if request.param == "kannel":
        return "kannel", (await kannel()).options()
    return "smpp", smpp_options(smsc, tmp_path)


async def test_messages_a_second(
    way: tuple[Adapter, dict[str, Any]], smsc: Smsc, figure: Figure
) -> None:
    """The adapter alone, without an outbox: submitted, at the SMSC, receipts back."""
    came = asyncio.Event()
    receipts: set[str] = set()

    async def take(receipt: Receipt) -> None:
        receipts.add(receipt.reference)
        if len(receipts) == MESSAGES:
            came.set()

    name, options = way
    free = asyncio.Semaphore(AT_ONCE)

    async def submit(number: int) -> None:
        async with free:
            await adapter.submit(Sms(f"k{number}", "+40700000000", f"Text {number}"))

    async with gateway(name, options, take) as adapter:
        began = time.perf_counter()
        await asyncio.gather(*[submit(number) for number in range(MESSAGES)])
        submitted = time.perf_counter() - began
        await smsc.until(lambda: len(smsc.messages) == MESSAGES, 60)
        arrived = time.perf_counter() - began
        async with asyncio.timeout(60):
            await came.wait()
        heard = time.perf_counter() - began
    figure(
        f"{name}: {MESSAGES / submitted:.0f} SMS/s submitted, {MESSAGES / arrived:.0f} at the SMSC,"
        f" {MESSAGES / heard:.0f} with receipt ({AT_ONCE} at once)"
    )


async def test_from_alert_to_submission(
    way: tuple[str, dict[str, Any]], smsc: Smsc, tmp_path: Path, figure: Figure
) -> None:
    """From the sink being handed an alert to its message at the SMSC, outbox on disk included."""
    name, options = way
    seconds = []
    async with duty(tmp_path / "out.db", name, options, 1) as desk:
        await desk.alert()  # Kannel's first message after its bind takes longer
        await desk.until(ItemState.DELIVERED, 1)
        for number in range(1, ALERTS):
            began = asyncio.get_running_loop().time()
            await desk.alert()
            await smsc.until_messages(number + 1)
            seconds.append(smsc.messages[-1].at - began)
        await desk.until(ItemState.DELIVERED, ALERTS)
    assert tally(smsc.messages, 1, ALERTS).doubled == 0
    p99 = statistics.quantiles(seconds, n=100)[98]
    figure(
        f"{name}: {statistics.median(seconds) * 1000:.0f} ms from alert to submission (p50),"
        f" {p99 * 1000:.0f} ms (p99), {ALERTS} alerts one after the other"
    )


async def test_a_thousand_people(
    way: tuple[str, dict[str, Any]], smsc: Smsc, tmp_path: Path, figure: Figure
) -> None:
    """One alert for a thousand people through the whole: sink, outbox, sender, gateway."""
    people = 1_000
    name, options = way
    async with duty(tmp_path / "out.db", name, options, people) as desk:
        began = asyncio.get_running_loop().time()
        await desk.alert()
        await smsc.until(lambda: len(smsc.messages) >= people, 100)
        last_s = smsc.messages[-1].at - began
        await desk.until(ItemState.DELIVERED, people)
    assert tally(smsc.messages, people) == tally([], 0)
    figure(
        f"{name}: the last of {people} people after {last_s:.1f} s ({people / last_s:.0f} SMS/s)"
    )
