"""What the tests of SMS share: a scripted gateway, its file, recipients, and all of it at work."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from receiving import LONGEST_S, HandClock, until

from consumers.outbox.items import Entry, ItemState
from consumers.outbox.outbox import Outbox
from consumers.sms.gateways.protocol import Sms
from consumers.sms.outcome import Receipts
from consumers.sms.rules.gateway_file import GatewayFile
from consumers.sms.rules.recipients import KnownPlaces, RecipientList, read_csv
from consumers.sms.rules.texts import Texts
from consumers.sms.sender import Sender
from consumers.sms.sink import SmsSink
from skyfence.adapters.files import load_catalogue
from skyfence.contracts.alert import AlertMessage, Timeline
from skyfence.naming import Environment

NAMES = {"AA": "Aland", "AA-1": "Southshire", "AA-2": "Northshire"}
RO_NUMBER, LV_NUMBER, EN_NUMBER = "+40712000001", "+37120000002", "+40712000003"
PEOPLE = (
    f"number,language,places\n{RO_NUMBER},ro,AA-1\n{LV_NUMBER},lv,AA-1 AA\n{EN_NUMBER},en,NATO\n"
)
TEXTS = Texts(load_catalogue(), NAMES)


def people(text: str = PEOPLE) -> RecipientList:
    """Return recipients, all in order."""
    recipients = read_csv(text, "people.csv", KnownPlaces(TEXTS.languages, {*NAMES, "NATO"}))
    assert not recipients.wrong
    return recipients


def gateway_file(**changes: Any) -> GatewayFile:
    """Return the file of a gateway for exercises, fast enough for everything at once."""
    given = {
        "name": "duty",
        "exercises": True,
        "adapter": "http",
        "recipients": "people.csv",
        "opt_outs": "none.txt",
        "outbox": "out.db",
        "rate_per_s": 1_000,
        "http": {},
    }
    return GatewayFile.model_validate(given | changes)


class ScriptedGateway:
    """A gateway that does with each submission what the script says, and then takes everything."""

    def __init__(self, *script: Exception | Callable[[Sms], Any]) -> None:
        self.script = list(script)
        self.taken: list[Sms] = []
        self.tried: list[Sms] = []
        self.most_at_once = 0
        self._at_once = 0

    async def __aenter__(self) -> "ScriptedGateway":
        """Connect to nothing."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Let go of nothing."""

    async def submit(self, sms: Sms) -> str | None:
        """Do what comes next in the script."""
        self.tried.append(sms)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(0)
            act = self.script.pop(0) if self.script else None
            if isinstance(act, Exception):
                raise act
            if act is not None:
                await act(sms)
            self.taken.append(sms)
        finally:
            self._at_once -= 1
        return f"ref-{sms.key}"

    def numbers_and_texts(self) -> list[tuple[str, str]]:
        """Return the number and the text of each message that was taken, in order."""
        return [(sms.number, sms.text) for sms in self.taken]


async def forever(_: Sms) -> None:
    """Never answer."""
    await asyncio.Event().wait()


@dataclass
class SmsRig:
    """A sink and a sender over one outbox, with a clock by hand."""

    outbox: Outbox
    sender: Sender
    sink: SmsSink
    gateway: ScriptedGateway
    clock: HandClock
    opted_out: set[str]
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        """Let the sender work."""
        self.running.append(asyncio.create_task(self.sender.run()))

    async def until_tried(self, count: int) -> None:
        """Return when the gateway has been tried so many times."""
        await until(lambda: len(self.gateway.tried) == count)

    async def until_taken(self, count: int) -> None:
        """Return when the gateway has taken so many messages."""
        await until(lambda: len(self.gateway.taken) >= count)
        assert len(self.gateway.taken) == count

    async def until_state(self, state: ItemState, count: int) -> None:
        """Return when so many items stand in a state."""

        async def stand() -> bool:
            for task in self.running:
                if task.done():
                    task.result()
            return (await self.outbox.state_counts())[state] == count

        await until(stand)

    async def pass_time(self, **span: float) -> None:
        """Move the clock on when the sender rests: what it had begun before is done."""

        def rests() -> bool:
            waits = any(not rung.done() for rung in self.clock._waiting)
            return waits and not self.sender._news.is_set()

        await until(rests)
        self.clock.advance(timedelta(**span))

    async def entries(self) -> list[Entry]:
        """Return all that is in the outbox, in the order in which it was put."""
        return await self.outbox._select("1", ())


@asynccontextmanager
async def open_rig(
    path: Path,
    *script: Exception | Callable[[Sms], Any],
    environment: Environment = Environment.EXERCISE,
    recipients: RecipientList | None = None,
    clock: HandClock | None = None,
    texts: Texts = TEXTS,
    **changes: Any,
) -> AsyncIterator[SmsRig]:
    """Open an outbox with a sink and a sender, which has yet to be started; end it as a kill does.

    What was being submitted at the end stays so in the file.
    """
    clock, opted_out = clock or HandClock(), set[str]()
    file = gateway_file(**{"exercises": environment is Environment.EXERCISE} | changes)
    gateway = ScriptedGateway(*script)

    async def all_people() -> RecipientList:
        return recipients or people()

    async def opt_outs() -> frozenset[str]:
        return frozenset(opted_out)

    async with Outbox.open_exclusive(path) as outbox:
        sender = Sender(
            gateway,
            outbox,
            texts=texts,
            file=file,
            environment=environment,
            opt_outs=opt_outs,
            clock=clock,
            rng=Random(1),
        )
        sink = SmsSink(
            outbox,
            file=file,
            environment=environment,
            people=all_people,
            opt_outs=opt_outs,
            wake=sender.wake,
            clock=clock,
        )
        rig = SmsRig(
            outbox=outbox,
            sender=sender,
            sink=sink,
            gateway=gateway,
            clock=clock,
            opted_out=opted_out,
        )
        try:
            yield rig
        finally:
            for task in (*rig.running, *sender._submissions):
                task.cancel()
            async with asyncio.timeout(LONGEST_S):
                await asyncio.gather(*rig.running, *sender._submissions, return_exceptions=True)


def receipts(rig: SmsRig) -> Receipts:
    """Return what takes receipts for a rig."""
    return Receipts(rig.outbox, "duty", rig.clock)


def changed(message: AlertMessage, **changes: Any) -> AlertMessage:
    """Return a message with another alert, whose fields are checked."""
    line = changes.pop("timeline", message.timeline)
    alert = type(message.alert).model_validate(message.alert.model_dump() | changes)
    return AlertMessage(alert=alert, timeline=Timeline.model_validate(line))


def states(entries: Iterable[Entry]) -> Mapping[str, list[ItemState]]:
    """Return what became of each person's messages, in the order in which they were put."""
    states_by_number: dict[str, list[ItemState]] = {}
    for entry in entries:
        states_by_number.setdefault(entry.recipient, []).append(entry.state)
    return states_by_number
