"""SMPP: what an SMSC is sent, what its answers and receipts mean, and that the session comes back.

The SMSC is tests/support/smsc.py, over TCP.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import smpp34
import smsutil
import structlog
import trustme
from smsc import BAD_DESTINATION, QUEUE_FULL, THROTTLED, Order, Smsc, receipt, text_of
from web_gateway import Receipts

from consumers.outbox.items import ItemState
from consumers.sms.gateways.options import parse
from consumers.sms.gateways.protocol import (
    Receipt,
    RefusedError,
    Sms,
    ThrottledError,
    UncertainError,
)
from consumers.sms.gateways.smpp import SmppGateway, from_options
from consumers.sms.gateways.smpp_messages import SmppOptions, read_receipt
from skyfence.errors import UnavailableError, UsageError

NUMBER = "+40700000001"
SMS = Sms("alert-1/somebody", NUMBER, "Drone spre Tulcea in 4 min. Stati in casa.")
PASSWORD = "hush-hush"


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    async with Smsc(password=PASSWORD) as running:
        yield running


class Longest(Random):
    """Draws the longest pause that there may be."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Pauses:
    """Keeps the pauses that were pauses_s for, and makes none."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []
        self._more = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self._more.set()
        await asyncio.sleep(0)

    async def until(self, count: int) -> None:
        """Wait until so many were pauses_s for."""
        async with asyncio.timeout(20):
            while len(self.pauses_s) < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def bound(
    smsc: Smsc, folder: Path, **more: Any
) -> AsyncIterator[tuple[SmppGateway, Receipts]]:
    receipts = Receipts()
    gateway = SmppGateway(
        parse(SmppOptions, options(smsc, folder, **more), "smpp"),
        receipts,
        pause=Pauses(),
        rng=Longest(),
    )
    async with gateway:
        yield gateway, receipts


def options(smsc: Smsc, folder: Path, **more: Any) -> dict[str, Any]:
    (folder / "password").write_text(f"{PASSWORD}\n")
    return {
        "host": "127.0.0.1",
        "port": smsc.port,
        "system_id": "sky",
        "password_file": str(folder / "password"),
        "sender": "RO-ALERT",
    } | more


async def test_a_message_is_taken_and_its_receipt_comes_back(smsc: Smsc, tmp_path: Path) -> None:
    """The reference that submit returns is the receipt's; the receipt is acknowledged."""
    async with bound(smsc, tmp_path) as (gateway, receipts):
        reference = await gateway.submit(SMS)
        await receipts.until(lambda heard: bool(heard.taken))
        await smsc.until(lambda: bool(smsc.acknowledged))
    assert reference is not None
    assert receipts.taken == [Receipt(reference, ItemState.DELIVERED)]
    assert smsc.acknowledged == [0]
    (message,) = smsc.messages
    assert (message.number, message.text) == (NUMBER[1:], SMS.text)
    pdu = message.pdu
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.registered_delivery) == (1, 1, 1)
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == ("RO-ALERT", 5, 0)
    assert (pdu.data_coding, pdu.validity_period) == (0, "")


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("Drone: 5 min @ [Tulcea] {€}", 0),
        ("Dronă spre județul Tulcea. Stați în casă.", 8),
        ("Š" * 70, 8),
        ("Š" * 71, 8),
        ("a" * 160, 0),
        ("a" * 161, 0),
        ("€" * 81, 0),
        ("a" * 1_000, 0),
    ],
)
async def test_every_text_arrives_whole(text: str, coding: int, smsc: Smsc, tmp_path: Path) -> None:
    """GSM-7 where it has the letters, else UCS-2; long ones for the SMSC to split."""
    async with bound(smsc, tmp_path) as (gateway, _):
        await gateway.submit(Sms("k", NUMBER, text))
    (message,) = smsc.messages
    assert message.text == text
    assert message.pdu.data_coding == coding
    parts = smsutil.split(text).parts
    assert bool(message.pdu.short_message) is (len(parts) == 1)


@pytest.mark.parametrize(
    ("sender", "kind"), [("+40700000002", (1, 1)), ("1188", (0, 1)), ("Apel 112", (5, 0))]
)
async def test_the_senders_kind_is_as_it_looks(
    sender: str, kind: tuple[int, int], smsc: Smsc, tmp_path: Path
) -> None:
    """International, short code or name; the options may say otherwise."""
    async with bound(smsc, tmp_path, sender=sender) as (gateway, _):
        await gateway.submit(SMS)
    async with bound(smsc, tmp_path, sender=sender, sender_ton=3, sender_npi=8) as (gateway, _):
        await gateway.submit(SMS)
    seen = [(m.pdu.source_addr_ton, m.pdu.source_addr_npi) for m in smsc.messages]
    assert seen == [kind, (3, 8)]
    assert smsc.messages[0].pdu.source_addr == sender.removeprefix("+")


async def test_validity_is_relative(smsc: Smsc, tmp_path: Path) -> None:
    """Days, hours, minutes and seconds from now, as SMPP writes them."""
    async with bound(smsc, tmp_path) as (gateway, _):
        await gateway.submit(Sms("k", NUMBER, "t", 90_061))
    assert smsc.messages[0].pdu.validity_period == "000001010101000R"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (THROTTLED, ThrottledError),
        (QUEUE_FULL, ThrottledError),
        (BAD_DESTINATION, RefusedError),
        (0x01, RefusedError),
        (0x0A, UnavailableError),  # our sender: of the settings, not of the message
        (0x08, UnavailableError),
        (0x1234, UnavailableError),
    ],
)
async def test_what_each_status_means(
    status: int, error: type[Exception], smsc: Smsc, tmp_path: Path
) -> None:
    """Only what is wrong with the message itself is final; the number is in no error."""
    smsc.order = lambda _: Order(status=status)
    async with bound(smsc, tmp_path) as (gateway, _):
        with pytest.raises(error, match=f"0x{status:08x}") as raised:
            await gateway.submit(SMS)
    assert NUMBER[1:] not in str(raised.value)


async def test_no_more_than_the_window_is_on_its_way(smsc: Smsc, tmp_path: Path) -> None:
    """Of twenty at once, four are unanswered at the SMSC; cut there, those four are uncertain."""
    smsc.order = lambda _: Order(answered=False, receipts=0)
    async with bound(smsc, tmp_path, window=4) as (gateway, _):
        tasks = [asyncio.create_task(gateway.submit(SMS)) for _ in range(20)]
        await smsc.until(lambda: len(smsc.messages) == 4)
        await asyncio.wait(tasks, timeout=0.05)
        assert len(smsc.messages) == 4
        smsc.order = lambda _: Order()
        smsc.cut()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [type(result) for result in results]
    assert kinds.count(UncertainError) == 4
    assert set(kinds) <= {UncertainError, UnavailableError, str}


async def test_no_answer_in_time_is_uncertain(smsc: Smsc, tmp_path: Path) -> None:
    """It may have been taken, and here it was."""
    smsc.order = lambda _: Order(answered=False, receipts=0)
    async with bound(smsc, tmp_path, answer_s=1.0) as (gateway, _):
        with pytest.raises(UncertainError, match=r"no answer within 1 s"):
            await gateway.submit(SMS)
    assert len(smsc.messages) == 1


async def test_an_smsc_that_takes_leave_is_answered(smsc: Smsc, tmp_path: Path) -> None:
    """Its unbind is answered, and the session made anew."""
    async with bound(smsc, tmp_path) as (gateway, _):
        smsc.unbind()
        await smsc.until(lambda: smsc.left == 1)
        await smsc.until(lambda: len(smsc.binds) == 2)
        await taken(gateway)


async def test_it_comes_back_after_a_cut(smsc: Smsc, tmp_path: Path) -> None:
    """A cut connection is bound again, and the next message goes through."""
    async with bound(smsc, tmp_path) as (gateway, _):
        await gateway.submit(SMS)
        smsc.cut()
        await smsc.until(lambda: len(smsc.binds) == 2)
        await taken(gateway)
    assert len(smsc.messages) == 2


async def taken(gateway: SmppGateway) -> str | None:
    """Submit until the session is there again."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await gateway.submit(SMS)
            except UnavailableError:
                await asyncio.sleep(0.01)


async def test_an_smsc_that_is_away_is_unavailable_and_tried_again(
    smsc: Smsc, tmp_path: Path
) -> None:
    """Nobody there at the start stops nothing; it is bound as soon as there is somebody."""
    await smsc.stop()
    async with bound(smsc, tmp_path) as (gateway, _):
        with pytest.raises(UnavailableError, match="cannot be reached: connection refused"):
            await gateway.submit(SMS)
        pauses = gateway._pause
        assert isinstance(pauses, Pauses)
        await pauses.until(4)
        await smsc.start()
        await taken(gateway)
    assert pauses.pauses_s[:4] == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("status", [0x0E, 0x0F])
async def test_a_wrong_password_is_an_error_at_the_start(
    status: int, smsc: Smsc, tmp_path: Path
) -> None:
    """Whoever starts it is told which option, at once, and not the password."""
    smsc.bind_status = status
    with pytest.raises(UsageError, match="password_file") as raised:
        async with bound(smsc, tmp_path):
            pass
    assert PASSWORD not in str(raised.value)
    assert len(smsc.binds) == 1


async def test_a_password_that_becomes_wrong_ends_nothing(smsc: Smsc, tmp_path: Path) -> None:
    """What goes wrong at the SMSC later is an outage: messages wait, and the bind is retried."""
    async with bound(smsc, tmp_path) as (gateway, _):
        smsc.bind_status = 0x0E
        smsc.cut()
        await smsc.until(lambda: len(smsc.binds) >= 3)
        with pytest.raises(UnavailableError, match="does not let"):
            await gateway.submit(SMS)
        smsc.bind_status = 0
        await taken(gateway)


async def test_a_bind_refused_otherwise_is_tried_again(smsc: Smsc, tmp_path: Path) -> None:
    """Already bound, or a failure of the SMSC's own: neither is ours to mend."""
    smsc.bind_status = 0x0D
    async with bound(smsc, tmp_path) as (gateway, _):
        await smsc.until(lambda: len(smsc.binds) >= 3)
        smsc.bind_status = 0
        await taken(gateway)


async def test_a_silent_smsc_is_found_out(smsc: Smsc, tmp_path: Path) -> None:
    """Without an answer to enquire_link the session is given up and made anew."""
    async with bound(smsc, tmp_path, enquire_s=0.05, answer_s=1.0):
        await smsc.until(lambda: smsc.enquiries >= 2)
        assert len(smsc.binds) == 1
        smsc.answers_enquiries = False
        await smsc.until(lambda: len(smsc.binds) >= 2)


async def test_a_receipt_that_cannot_be_noted_is_refused_for_now(
    smsc: Smsc, tmp_path: Path
) -> None:
    """The SMSC keeps it and brings it again; only then is it acknowledged."""
    async with bound(smsc, tmp_path) as (gateway, receipts):
        receipts.full = UnavailableError("the outbox took nothing")
        reference = await gateway.submit(SMS)
        await smsc.until(lambda: smsc.acknowledged == [0x64])
        receipts.full = None
        smsc.say(receipt(smsc.messages[0].pdu, smsc.messages[0].id))
        await smsc.until(lambda: smsc.acknowledged == [0x64, 0])
    assert reference is not None
    assert receipts.taken == [Receipt(reference, ItemState.DELIVERED)]


@pytest.mark.parametrize(
    ("forms", "receipt_id"),
    [
        ({}, str.lower),
        ({"response_id": "hexadecimal", "receipt_id": "decimal"}, lambda i: str(int(i, 16))),
        ({"response_id": "hexadecimal", "receipt_id": "hexadecimal"}, lambda i: f"000{i}"),
        ({"response_id": "hexadecimal", "receipt_id": "decimal"}, lambda i: f"{int(i, 16):010}"),
    ],
)
async def test_an_id_in_two_forms_is_one(
    forms: dict[str, Any], receipt_id: Any, smsc: Smsc, tmp_path: Path
) -> None:
    """Hexadecimal in the answer and decimal in the receipt, with and without leading noughts."""
    smsc.receipt_id = receipt_id
    async with bound(smsc, tmp_path, **forms) as (gateway, receipts):
        reference = await gateway.submit(SMS)
        await receipts.until(lambda heard: bool(heard.taken))
    assert reference is not None
    assert receipts.taken == [Receipt(reference, ItemState.DELIVERED)]


class To:
    """The ends of a message, for receipts made by hand."""

    destination_addr, source_addr = NUMBER[1:], "1188"


def reading(pdu: Any) -> Receipt | None:
    return read_receipt(smpp34.decode(pdu.encode()), "text")


@pytest.mark.parametrize("stat", ["EXPIRED", "DELETED", "UNDELIV", "UNKNOWN", "REJECTD"])
def test_every_end_but_delivery_is_a_failure(stat: str) -> None:
    """With the operator's words as reason."""
    assert reading(receipt(To, "7F", stat)) == Receipt("7f", ItemState.FAILED, f"{stat} err:007")


@pytest.mark.parametrize("stat", ["ENROUTE", "ACCEPTD", "SOMETHG"])
def test_what_is_on_its_way_is_no_receipt(stat: str) -> None:
    """Nothing is over yet."""
    assert reading(receipt(To, "7F", stat)) is None


def test_fields_go_before_words() -> None:
    """receipted_message_id and message_state are exact; the text is everybody's own."""
    tlvs = [
        smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, b"real\0"),
        smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, b"\x05"),
    ]
    read = reading(receipt(To, "7F", tlvs=tlvs))
    assert read == Receipt("real", ItemState.FAILED, "UNDELIV err:000")


def test_an_answer_that_looks_like_a_receipt_is_none() -> None:
    """A phone's reply is no receipt, whatever it says."""
    words = b"id:7F stat:DELIVRD err:000 text:"
    assert reading(smpp34.DeliverSm("407", "1188", words)) is None


@pytest.mark.parametrize(
    "repeated",
    [
        b"text:id:8 stat:DELIVRD",
        b"Text:stat:DELIVRD id:9",
        b"TEXT: id:8 stat:DELIVRD",
        b"text :id:8 stat:DELIVRD",
        b"Msg:id:8 stat:DELIVRD err:000",
    ],
)
def test_the_words_of_the_message_do_not_count(repeated: bytes) -> None:
    """What a receipt repeats of its message says nothing, however the operator marks it."""
    words = b"id:7F stat:UNDELIV err:001 " + repeated
    read = reading(smpp34.DeliverSm("407", "1188", words, esm_class=4))
    assert read == Receipt("7f", ItemState.FAILED, "UNDELIV err:001")


def test_words_alone_make_no_receipt() -> None:
    """A field that only the repeated message holds is missing."""
    for words in (b"id:7F Text:stat:DELIVRD", b"Text:id:7F stat:DELIVRD"):
        assert reading(smpp34.DeliverSm("407", "1188", words, esm_class=4)) is None


async def test_what_is_no_pdu_ends_the_session_and_no_more(smsc: Smsc, tmp_path: Path) -> None:
    """Noise is followed by a new bind, and a command that is unknown by a generic_nack."""
    async with bound(smsc, tmp_path) as (gateway, _):
        for noise in (b"\xff" * 16, b"\0\0\0\x03" + b"\0" * 12):
            before = len(smsc.binds)
            for writer in smsc._writers:
                writer.write(noise)
            await smsc.until_bound(before + 1)
        await taken(gateway)


async def test_a_damaged_receipt_stops_nothing(smsc: Smsc, tmp_path: Path) -> None:
    """It is answered with an error, and the next one is taken."""
    async with bound(smsc, tmp_path) as (gateway, receipts):
        for writer in smsc._writers:
            writer.write(b"\0\0\0\x14\0\0\0\x05\0\0\0\0\0\0\0\x63abcd")
        await smsc.until(lambda: bool(smsc.acknowledged))
        await gateway.submit(SMS)
        await receipts.until(lambda heard: bool(heard.taken))
    assert smsc.acknowledged[0] != 0


async def test_over_tls_only_with_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    """The SMSC's certificate is checked against the authority of the options."""
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "other.pem")
    async with Smsc(password=PASSWORD, tls=context) as smsc:
        ca = str(tmp_path / "ca.pem")
        async with bound(smsc, tmp_path, tls=True, ca_file=ca) as (gateway, _):
            await gateway.submit(SMS)
        other = str(tmp_path / "other.pem")
        async with bound(smsc, tmp_path, tls=True, ca_file=other) as (gateway, _):
            with pytest.raises(UnavailableError, match="certificate verify failed"):
                await gateway.submit(SMS)
        assert len(smsc.messages) == 1


async def test_logs_hold_no_secret(smsc: Smsc, tmp_path: Path) -> None:
    """No number, password or text in what is logged from bind to receipt."""
    with structlog.testing.capture_logs() as logs:
        async with bound(smsc, tmp_path) as (gateway, receipts):
            await gateway.submit(SMS)
            await receipts.until(lambda heard: bool(heard.taken))
            smsc.say(receipt(To, "9", "ENROUTE"))
            smsc.say(smpp34.DeliverSm(NUMBER[1:], "1188", b"who is this"))
            smsc.cut()
            await smsc.until(lambda: len(smsc.binds) == 2)
    shown = str(logs)
    assert {entry["event"] for entry in logs} >= {"sms.smpp.bound", "sms.smpp.down"}
    for secret in (NUMBER[1:], PASSWORD, SMS.text, "who is this"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": 0}, "option port"),
        ({"password": "hush"}, "option password: unknown field"),
        ({"password_file": "/nowhere"}, "option password_file: /nowhere: no such file"),
        ({"system_id": "sixteen-letters-"}, "option system_id"),
        ({"sender": "twelve-chars"}, "option sender"),
        ({"window": 0}, "option window"),
        ({"ca_file": "ca.pem"}, "ca_file is for tls = true"),
        ({"tls": True, "ca_file": "/nowhere"}, "option ca_file: /nowhere: no such file"),
        ({"receipt_id": "octal"}, "option receipt_id"),
    ],
)
def test_a_wrong_option_is_named(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    """The option and what is wrong with it."""
    with pytest.raises(UsageError, match=words):
        from_options(options(Smsc(port=2775), tmp_path) | change, Receipts())


def test_the_simulator_reads_what_it_says_it_reads() -> None:
    """The text of a message is found in either place (or all tests above mean little)."""
    payload = smpp34.Tlv(smpp34.TLV_MESSAGE_PAYLOAD, "ș".encode("utf-16-be"))
    assert text_of(smpp34.SubmitSm("1", "2", tlvs=[payload], data_coding=8)) == "ș"
    assert text_of(smpp34.SubmitSm("1", "2", b"\x00")) == "@"
