"""The sink and the sender over one outbox, with a real gateway behind them and the wall clock.

alert ──▶ SmsSink ──▶ Outbox ──▶ Sender ──▶ adapter ──▶ Kannel or SMSC
                         ▲─────────── receipts ─────────────┘
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from kannel import PASSWORD
from receiving import episode
from sms_rig import TEXTS, gateway_file
from smsc import Message, Smsc

from consumers.outbox.items import ItemState
from consumers.outbox.outbox import Outbox
from consumers.sms.gateways.registry import gateway
from consumers.sms.outcome import Receipts
from consumers.sms.rules.recipients import Recipient, RecipientList
from consumers.sms.sender import Sender
from consumers.sms.sink import SmsSink
from skyfence.adapters.clock import WallClock
from skyfence.naming import Environment

LANGUAGES = ("ro", "lv", "en")
PLACE = "AA"
SMPP_WINDOW = 10
LONGEST_S = 60.0  # only ever reached when something is broken


def smpp_options(smsc: Smsc, folder: Path) -> dict[str, Any]:
    """Return the adapter's options for an SMSC that writes ids in two forms."""
    (folder / "password").write_text(PASSWORD)
    smsc.receipt_id = lambda name: str(int(name, 16))
    return {
        "host": "127.0.0.1",
        "port": smsc.port,
        "system_id": "sky",
        "password_file": str(folder / "password"),
        "sender": "RO-ALERT",
        "window": SMPP_WINDOW,
        "response_id": "hexadecimal",
        "receipt_id": "decimal",
    }


@dataclass
class Duty:
    """What is at work for one gateway."""

    sink: SmsSink
    outbox: Outbox
    sending: asyncio.Task[None]
    name: int = 0

    async def alert(self) -> None:
        """Put the first message of a new episode of the place, severe, for all people."""
        self.name += 1
        number = time.monotonic_ns() // 1000 + self.name
        opening = episode(number, place=PLACE, decided_ms=round(time.time() * 1000))[0]
        assert opening.alert.severity in {"Severe", "Extreme"}
        await self.sink.deliver(opening)

    async def until(self, state: ItemState, count: int, longest_s: float = LONGEST_S) -> None:
        """Wait until so many messages stand in a state."""
        async with asyncio.timeout(longest_s):
            while (await self.outbox.state_counts())[state] < count:
                if self.sending.done():
                    self.sending.result()
                await asyncio.sleep(0.02)


@asynccontextmanager
async def duty(
    path: Path, adapter: str, options: Mapping[str, Any], people: int, **changes: Any
) -> AsyncIterator[Duty]:
    """Open an outbox with a sink and a running sender, for so many people; ended as by a stop."""
    clock = WallClock()
    file = gateway_file(**{"adapter": adapter, adapter: dict(options), "http": None} | changes)
    all_people = RecipientList(tuple(_people(people)))

    async def recipients() -> RecipientList:
        return all_people

    async def opt_outs() -> frozenset[str]:
        return frozenset()

    async with Outbox.open_exclusive(path) as outbox:
        receipts = Receipts(outbox, file.name, clock)
        async with gateway(file.adapter, file.options, receipts.take) as opened:
            sender = Sender(
                opened,
                outbox,
                texts=TEXTS,
                file=file,
                environment=Environment.EXERCISE,
                opt_outs=opt_outs,
                clock=clock,
                rng=Random(1),
            )
            sink = SmsSink(
                outbox,
                file=file,
                environment=Environment.EXERCISE,
                people=recipients,
                opt_outs=opt_outs,
                wake=sender.wake,
                clock=clock,
            )
            sending = asyncio.create_task(sender.run())
            try:
                yield Duty(sink, outbox, sending)
            finally:
                sending.cancel()
                await asyncio.wait([sending])


@dataclass(frozen=True)
class Tally:
    """What reached the SMSC, against what should have: one message a person and alert."""

    lost: int
    doubled: int


def tally(messages: Iterable[Message], people: int, alerts: int = 1) -> Tally:
    """Compare what the SMSC took with what each person should have got."""
    got = Counter(message.number for message in messages)
    expected = {recipient.number.removeprefix("+"): alerts for recipient in _people(people)}
    assert set(got) <= set(expected)
    return Tally(
        lost=sum(max(0, count - got[number]) for number, count in expected.items()),
        doubled=sum(max(0, got[number] - count) for number, count in expected.items()),
    )


def _people(count: int) -> list[Recipient]:
    return [
        Recipient(f"+407000{n:05}", LANGUAGES[n % len(LANGUAGES)], (PLACE,)) for n in range(count)
    ]
