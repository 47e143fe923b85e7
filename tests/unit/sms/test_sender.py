"""The SMS sender: retries, pace, doubts, and nothing that must not reach a phone."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from builders import T0_MS
from prometheus_client import REGISTRY
from receiving import HandClock, episode, until
from sms_rig import (
    LV_NUMBER,
    NAMES,
    RO_NUMBER,
    TEXTS,
    SmsRig,
    changed,
    forever,
    gateway_file,
    open_rig,
    people,
    receipts,
    states,
)

from consumers.outbox.items import Item, ItemState
from consumers.sms.gateways.protocol import Receipt, RefusedError, ThrottledError, UncertainError
from consumers.sms.rules.recipients import RecipientList
from consumers.sms.rules.texts import Texts
from skyfence.adapters.files import load_catalogue
from skyfence.contracts.alert import AlertMessage
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Environment

HOUR_MS = 3_600_000
START_MS = T0_MS + 60_000
JUST_ONE = people(f"number,language,places\n{RO_NUMBER},ro,AA-1\n")
AWAY = UnavailableError("connection refused")


def sample(name: str, **labels: str) -> float:
    """Return a metric's value."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def severe(number: int = 1, **changes: Any) -> AlertMessage:
    """Return the first alert of the region in a run of that number."""
    first = episode(number, place="AA-1", decided_ms=START_MS)[0]
    return changed(first, **{"severity": "Severe", "run": f"run-{number}"} | changes)


def crowd(count: int) -> RecipientList:
    """Return so many people of one region."""
    lines = [f"+407120000{n:02},ro,AA-1" for n in range(count)]
    return people("\n".join(["number,language,places", *lines]))


def minor(number: int = 1) -> AlertMessage:
    """Return one that two of would be worse than none."""
    return severe(number, severity="Moderate")


async def put(rig: SmsRig, messages: Sequence[AlertMessage]) -> None:
    """Hand messages to the sink."""
    for message in messages:
        await rig.sink.deliver(message)


async def test_what_is_put_is_sent_and_its_receipt_noted(tmp_path: Path) -> None:
    """Pending, submitted under the gateway's name, delivered; the network is told until when."""
    async with open_rig(tmp_path / "o.db", recipients=JUST_ONE) as rig:
        rig.start()
        await rig.sink.deliver(severe())
        await rig.until_state(ItemState.SUBMITTED, 1)
        [sms] = rig.gateway.taken
        assert sms.number == RO_NUMBER
        assert sms.text.startswith("EXERCIȚIU: Southshire: ")
        assert sms.valid_s == 6 * 3600
        [entry] = await rig.entries()
        assert entry.reference is not None
        await receipts(rig).take(Receipt(entry.reference, ItemState.DELIVERED))
        await rig.until_state(ItemState.DELIVERED, 1)


async def test_a_gateway_that_is_away_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    """Nothing is lost and nothing doubled, and the pauses grow to at most a minute."""
    async with open_rig(tmp_path / "o.db", *[AWAY] * 9, recipients=JUST_ONE) as rig:
        rig.start()
        await rig.sink.deliver(severe())
        pauses_ms: list[int] = []
        for tries in range(1, 10):
            await rig.until_tried(tries)
            await rig.until_state(ItemState.PENDING, 1)
            due_ms = await rig.outbox.next_due_ms()
            assert due_ms is not None
            pauses_ms.append(due_ms - rig.clock.now_ms())
            await rig.pass_time(milliseconds=pauses_ms[-1])
        await rig.until_state(ItemState.SUBMITTED, 1)
        assert len(rig.gateway.taken) == 1
    for number, pause_ms in enumerate(pauses_ms):
        longest_ms = min(60_000, 1000 * 2**number)
        assert longest_ms / 2 <= pause_ms <= longest_ms


async def test_one_failure_holds_the_gateway_for_all(tmp_path: Path) -> None:
    """While it is held no other message is tried, and all go when it is back."""
    async with open_rig(tmp_path / "o.db", ThrottledError("slow down", 7.5)) as rig:
        rig.start()
        await rig.sink.deliver(severe())
        await until(lambda: len(rig.gateway.tried) >= 1)
        await rig.until_state(ItemState.SUBMITTING, 0)
        tried = len(rig.gateway.tried)
        await put(rig, [severe(2), severe(3)])
        await rig.pass_time(seconds=7)
        await rig.until_state(ItemState.EXPIRED, 0)
        assert len(rig.gateway.tried) == tried
        await rig.pass_time(seconds=1)
        await rig.until_state(ItemState.SUBMITTED, 6)


@pytest.mark.parametrize(("asked_s", "held_ms"), [(0.0, 100), (2.5, 2_500), (86_400.0, 300_000)])
async def test_what_a_gateway_asks_for_has_limits(
    tmp_path: Path, asked_s: float, held_ms: int
) -> None:
    """No pause would keep both busy, a day of it would be an alert nobody got."""
    async with open_rig(
        tmp_path / "o.db", ThrottledError("later", asked_s), recipients=JUST_ONE
    ) as rig:
        rig.start()
        await rig.sink.deliver(severe())
        await until(lambda: len(rig.gateway.tried) == 1)
        await rig.until_state(ItemState.PENDING, 1)
        assert await rig.outbox.next_due_ms() == START_MS + held_ms


async def test_what_is_refused_is_not_tried_again(tmp_path: Path) -> None:
    """It fails with the gateway's reason and costs nobody else anything."""
    async with open_rig(tmp_path / "o.db", RefusedError("unknown subscriber")) as rig:
        rig.start()
        await rig.sink.deliver(severe())
        await rig.until_state(ItemState.SUBMITTED, 1)
        await rig.until_state(ItemState.FAILED, 1)
        reasons = [entry.reason for entry in await rig.entries()]
        assert sorted(map(str, reasons)) == ["None", "unknown subscriber"]


async def test_the_gravest_goes_first_and_no_more_than_the_window(tmp_path: Path) -> None:
    """By severity, whatever was put first; so many at once and no more."""
    many = crowd(30)
    async with open_rig(tmp_path / "o.db", recipients=many, window=4) as rig:
        await put(rig, [minor(1), severe(2)])
        rig.start()
        await rig.until_state(ItemState.SUBMITTED, 60)
        keys = [sms.key for sms in rig.gateway.taken]
        severities = {
            entry.key: json.loads(entry.body)["severity"] for entry in await rig.entries()
        }
    assert [severities[key] for key in keys] == ["Severe"] * 30 + ["Moderate"] * 30
    assert rig.gateway.most_at_once == 4


async def test_a_full_window_keeps_nobody_busy(tmp_path: Path) -> None:
    """While no answer comes, the sender rests, though more is due."""
    async with open_rig(tmp_path / "o.db", forever, window=1) as rig:
        await rig.sink.deliver(severe())
        rig.start()
        await until(lambda: len(rig.gateway.tried) == 1)
        for _ in range(3):
            await rig.pass_time(milliseconds=10)
        assert len(rig.gateway.tried) == 1


async def test_the_rate_is_kept(tmp_path: Path) -> None:
    """A tenth of a second's worth at once, then so many a second."""
    many = crowd(50)
    async with open_rig(tmp_path / "o.db", recipients=many, rate_per_s=20, window=50) as rig:
        await rig.sink.deliver(severe())
        rig.start()
        await rig.until_taken(2)
        for number in range(1, 11):
            await rig.pass_time(milliseconds=50)
            await rig.until_taken(2 + number)


@pytest.mark.parametrize("grave", [True, False])
async def test_what_was_being_submitted_at_a_kill(tmp_path: Path, grave: bool) -> None:
    """Severe: sent again. Else: marked uncertain. At most the window, counted and logged."""
    path, window = tmp_path / "o.db", 3
    many = crowd(8)
    message = severe() if grave else minor()
    async with open_rig(path, *[forever] * 8, recipients=many, window=window) as killed:
        killed.start()
        await killed.sink.deliver(message)
        await until(lambda: len(killed.gateway.tried) == window)
    outcome = "again" if grave else "uncertain"
    before = sample("skyfence_sms_in_doubt_total", gateway="duty", outcome=outcome)
    with structlog.testing.capture_logs() as logs:
        async with open_rig(path, recipients=many, window=window) as rig:
            assert (await rig.outbox.state_counts())[ItemState.SUBMITTING] == window
            assert await rig.sink.deliver(message) is None  # handed over again: no news
            rig.start()
            await rig.until_state(ItemState.SUBMITTED, 8 if grave else 8 - window)
            await rig.until_state(ItemState.UNCERTAIN, 0 if grave else window)
            doubled = {sms.key for sms in rig.gateway.taken} & {s.key for s in killed.gateway.tried}
    assert len(doubled) == (window if grave else 0)
    assert sample("skyfence_sms_in_doubt_total", gateway="duty", outcome=outcome) == before + window
    assert sum(line["event"] == "sms.in_doubt" for line in logs) == window


async def test_a_doubt_is_not_doubled_for_ever(tmp_path: Path) -> None:
    """A gateway that takes a message and never says so rings a phone three times, not more."""
    lost = [UncertainError("connection broke")] * 9
    async with open_rig(tmp_path / "o.db", *lost, recipients=JUST_ONE) as rig:
        rig.start()
        await rig.sink.deliver(severe())
        for tries in (1, 2, 3):
            await rig.until_tried(tries)
            await rig.until_state(ItemState.SUBMITTING, 0)
            await rig.pass_time(minutes=1)
        await rig.until_state(ItemState.UNCERTAIN, 1)
        [entry] = await rig.entries()
        assert (entry.attempts, entry.doubts) == (3, 3)


async def test_a_defect_of_an_adapter_stops_no_other_message(tmp_path: Path) -> None:
    """What it raises is a doubt, and the next message goes out."""
    async with open_rig(tmp_path / "o.db", KeyError("oops"), window=1) as rig:
        rig.start()
        await put(rig, [minor()])
        await rig.until_state(ItemState.UNCERTAIN, 1)
        await rig.pass_time(minutes=1)
        await rig.until_state(ItemState.SUBMITTED, 1)


async def test_a_retry_does_not_come_after_what_is_newer(tmp_path: Path) -> None:
    """A step that fails while the next one is put is merged, so that none overtakes."""
    first, second, _, _ = episode(place="AA-1", decided_ms=START_MS)
    held = asyncio.Event()

    async def fail_late(_: object) -> None:
        await held.wait()
        raise AWAY

    async with open_rig(tmp_path / "o.db", fail_late, recipients=JUST_ONE) as rig:
        rig.start()
        await rig.sink.deliver(first)
        await until(lambda: len(rig.gateway.tried) == 1)
        await rig.sink.deliver(second)
        await rig.until_state(ItemState.SUBMITTED, 1)
        held.set()
        await rig.until_state(ItemState.PENDING, 1)
        await rig.pass_time(minutes=1)
        await rig.until_state(ItemState.MERGED, 1)
        assert states(await rig.entries())[RO_NUMBER] == [ItemState.MERGED, ItemState.SUBMITTED]


async def test_who_opts_out_while_a_message_waits_does_not_get_it(tmp_path: Path) -> None:
    """The list is looked at just before submission."""
    async with open_rig(tmp_path / "o.db") as rig:
        await rig.sink.deliver(severe())
        rig.opted_out.add(RO_NUMBER)
        rig.start()
        await rig.until_state(ItemState.SUBMITTED, 1)
        await rig.until_state(ItemState.FAILED, 1)
        assert {sms.number for sms in rig.gateway.tried} == {LV_NUMBER}


# What must never reach a phone, and ways to get it there all the same.


def item(**changes: Any) -> Item:
    """Return an item as the sink would put it of an actual alert."""
    message = episode(place="AA-1", environment=Environment.ACTUAL)[0]
    body = {
        "kind": "violation",
        "status": "Actual",
        "severity": "Severe",
        "language": "en",
        "place": "AA-1",
        "place_kind": "region",
        "step": 1,
        "last": False,
        "time": "2024-09-07T03:59:00Z",
        "as_of": "2024-09-07T03:59:00Z",
    }
    given: dict[str, Any] = {
        "key": "k",
        "recipient": RO_NUMBER,
        "chain": str(message.alert.incident_id),
        "expires_ms": START_MS + HOUR_MS,
    }
    known = Item.__dataclass_fields__.keys()
    fields = given | {name: value for name, value in changes.items() if name in known}
    notice = body | {name: value for name, value in changes.items() if name not in known}
    return Item(**{"body": json.dumps(notice)} | fields)


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        (Environment.ACTUAL, "Exercise"),
        (Environment.ACTUAL, "Test"),
        (Environment.EXERCISE, "Actual"),
        (Environment.EXERCISE, "Test"),
    ],
)
async def test_an_outbox_of_the_other_world_is_not_sent(
    tmp_path: Path, environment: Environment, status: str
) -> None:
    """An outbox that a gateway of the other world filled: its messages fail, each with a reason."""
    before = sample("skyfence_sms_foreign_total")
    async with open_rig(tmp_path / "o.db", environment=environment) as rig:
        await rig.outbox.add([item(status=status)], START_MS)
        rig.start()
        await rig.until_state(ItemState.FAILED, 1)
        assert rig.gateway.tried == []
        [entry] = await rig.entries()
        assert entry.reason == f"status {status} is not for a gateway of {environment} alerts"
    assert sample("skyfence_sms_foreign_total") == before + 1


@pytest.mark.parametrize(
    "instead", ["", "ZKOUŠKA: ", "EXERCISE: ", "exercițiu: ", " EXERCIȚIU: ", "EXERCIȚIUL: "]
)
async def test_texts_that_lost_their_exercise_word_are_not_sent(
    tmp_path: Path, instead: str
) -> None:
    """The text itself is looked at: it begins with its own language's word, or it is not sent."""

    class Forgetful(Texts):
        """Texts with something else in front."""

        def render(self, notice: Any, now_ms: int) -> str:
            """Put it there."""
            return instead + super().render(notice, now_ms).partition(": ")[2]

    texts = Forgetful(load_catalogue(), NAMES)
    async with open_rig(tmp_path / "o.db", texts=texts) as rig:
        await rig.sink.deliver(severe())
        rig.start()
        await rig.until_state(ItemState.FAILED, 2)
        assert rig.gateway.tried == []


async def test_an_actual_text_that_cries_exercise_is_not_sent(tmp_path: Path) -> None:
    """People would not take it seriously: whichever language's word it is."""
    names = NAMES | {"AA-1": "MĀCĪBAS, all of it"}
    async with open_rig(
        tmp_path / "o.db", environment=Environment.ACTUAL, texts=Texts(load_catalogue(), names)
    ) as rig:
        await rig.outbox.add([item()], START_MS)
        rig.start()
        await rig.until_state(ItemState.FAILED, 1)
        assert rig.gateway.tried == []


@pytest.mark.parametrize("environment", Environment)
def test_a_sender_of_one_world_cannot_be_made_for_the_other(environment: Environment) -> None:
    """Not by forgetting the check at the start either: it does not come into being."""
    file = gateway_file(exercises=environment is Environment.ACTUAL)
    from consumers.sms.sender import Sender  # noqa: PLC0415 - its constructor is what is tried

    with pytest.raises(UsageError, match="they must agree"):
        Sender(
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            texts=TEXTS,
            file=file,
            environment=environment,
            opt_outs=None,  # type: ignore[arg-type]
            clock=HandClock(),
            rng=None,  # type: ignore[arg-type]
        )


async def test_nothing_past_its_expiry_is_sent(tmp_path: Path) -> None:
    """Put in time and waiting since: it expires, to the millisecond, and is never tried."""
    for early_ms, sent in ((1, True), (0, False)):
        clock = HandClock(START_MS + HOUR_MS - early_ms)
        async with open_rig(
            tmp_path / f"{early_ms}.db", environment=Environment.ACTUAL, clock=clock
        ) as rig:
            await rig.outbox.add([item()], START_MS)
            rig.start()
            await rig.until_state(ItemState.SUBMITTED if sent else ItemState.EXPIRED, 1)
            assert len(rig.gateway.tried) == sent


async def test_what_expires_while_the_gateway_is_away_is_not_sent(tmp_path: Path) -> None:
    """The gateway comes back too late: the message has expired, although it was tried before."""
    async with open_rig(tmp_path / "o.db", AWAY, environment=Environment.ACTUAL) as rig:
        await rig.outbox.add([item()], START_MS)
        rig.start()
        await until(lambda: len(rig.gateway.tried) == 1)
        await rig.until_state(ItemState.PENDING, 1)
        await rig.pass_time(hours=1)
        await rig.until_state(ItemState.EXPIRED, 1)
        assert rig.gateway.taken == []


async def test_what_has_expired_and_is_not_marked_yet_keeps_nobody_busy(tmp_path: Path) -> None:
    """The sender rests until it next marks what has expired, rather than look again at once."""
    async with open_rig(tmp_path / "o.db", AWAY, environment=Environment.ACTUAL) as rig:
        await rig.outbox.add([item(expires_ms=START_MS + 600)], START_MS)
        rig.start()
        await rig.until_state(ItemState.SUBMITTING, 0)
        await rig.pass_time(milliseconds=700)
        await rig.pass_time(milliseconds=300)
        await rig.until_state(ItemState.EXPIRED, 1)


async def test_what_expires_between_taking_and_sending_is_not_sent(tmp_path: Path) -> None:
    """The last look is just before the gateway: the clock may have gone on since it was taken."""
    clock = HandClock()

    async with open_rig(tmp_path / "o.db", environment=Environment.ACTUAL, clock=clock) as rig:
        await rig.outbox.add([item()], START_MS)
        claim = rig.outbox.claim

        async def slowly(*given: Any, **more: Any) -> Any:
            taken = await claim(*given, **more)
            if taken:
                clock.advance(timedelta(hours=1))
            return taken

        rig.outbox.claim = slowly  # type: ignore[method-assign]
        rig.start()
        await rig.until_state(ItemState.EXPIRED, 1)
        assert rig.gateway.tried == []


async def test_what_was_in_doubt_is_not_sent_past_its_expiry(tmp_path: Path) -> None:
    """A process that comes back after hours sends no old alert again, however severe."""
    path = tmp_path / "o.db"
    async with open_rig(path, forever, environment=Environment.ACTUAL) as killed:
        await killed.outbox.add([item()], START_MS)
        killed.start()
        await until(lambda: len(killed.gateway.tried) == 1)
    clock = HandClock(START_MS + 2 * HOUR_MS)
    async with open_rig(path, environment=Environment.ACTUAL, clock=clock) as rig:
        rig.start()
        await rig.until_state(ItemState.UNCERTAIN, 1)
        assert rig.gateway.tried == []


async def test_an_item_without_an_expiry_is_not_sent(tmp_path: Path) -> None:
    """Nor one that cannot be read: what is not known to hold does not ring a phone."""
    async with open_rig(tmp_path / "o.db", environment=Environment.ACTUAL) as rig:
        await rig.outbox.add(
            [item(expires_ms=None), item(key="l", body="{}"), item(key="m", body="")], START_MS
        )
        rig.start()
        await rig.until_state(ItemState.FAILED, 3)
        assert rig.gateway.tried == []


async def test_no_log_and_no_metric_shows_a_number(tmp_path: Path) -> None:
    """Through success, refusal, failure and doubt: only masked, and never a text."""
    script = [RefusedError("no"), AWAY, UncertainError("broke")]
    with structlog.testing.capture_logs() as logs:
        async with open_rig(tmp_path / "o.db", *script, window=1) as rig:
            rig.start()
            await put(rig, [severe(1), severe(2)])
            for _ in range(6):
                await rig.pass_time(minutes=1)
            await rig.until_state(ItemState.SUBMITTED, 3)
            texts = [text for _, text in rig.gateway.numbers_and_texts()]
    logged = json.dumps(logs, default=str, ensure_ascii=False)
    shown = [str(sample) for metric in REGISTRY.collect() for sample in metric.samples]
    for number in (RO_NUMBER, LV_NUMBER):
        assert number[1:] not in logged
        assert not any(number[1:] in line for line in shown)
    assert "+40*******01" in logged
    assert not any(text in logged for text in texts)
