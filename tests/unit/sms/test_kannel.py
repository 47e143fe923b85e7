"""Kannel's adapter: what it sends, what it makes of each answer, and which receipts it believes."""

import logging
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
import trustme
from web_gateway import Receipts, WebGateway, cut, never, nobody, receipt_url

from consumers.outbox.items import ItemState
from consumers.sms.gateways.kannel import KannelGateway, from_options
from consumers.sms.gateways.protocol import (
    Receipt,
    RefusedError,
    Sms,
    ThrottledError,
    UncertainError,
)
from skyfence.adapters.metrics import SMS_RECEIPTS
from skyfence.errors import UnavailableError, UsageError

SMS = Sms("alert-1/somebody", "+40700000001", "Drone spre Tulcea in 4 min. Stati in casa.")
SECRET = "s" * 32


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    for name, value in {"user": "sky", "password": "hush-hush", "secret": SECRET}.items():
        (tmp_path / name).write_text(f"{value}\n")
    return {
        "username_file": str(tmp_path / "user"),
        "password_file": str(tmp_path / "password"),
        "sender": "RO-ALERT",
        "receipts": {"secret_file": str(tmp_path / "secret")},
    }


def made(url: str, options: dict[str, Any], **more: Any) -> tuple[KannelGateway, Receipts]:
    receipts = Receipts()
    url = f"{url}/cgi-bin/sendsms"
    return from_options(options | {"url": url} | more, receipts), receipts


async def submitted(status: int, body: str, options: dict[str, Any]) -> str | None:
    async with WebGateway(status, body) as kannel:
        gateway, _ = made(kannel.url, options)
        async with gateway:
            return await gateway.submit(SMS)


async def get(url: str, **query: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, params=query) as answer:
        return answer.status


async def test_a_message_is_posted_with_nothing_of_it_in_the_url(options: dict[str, Any]) -> None:
    """Number, user, password and text stand in headers and body, and the text is whole."""
    async with WebGateway() as kannel:
        gateway, _ = made(kannel.url, options)
        async with gateway:
            reference = await gateway.submit(SMS)
    (request,) = kannel.requests
    assert (request.method, request.path, request.query) == ("POST", "/cgi-bin/sendsms", {})
    assert request.body == SMS.text
    headers = request.headers
    assert headers["X-Kannel-To"] == SMS.number
    assert (headers["X-Kannel-Username"], headers["X-Kannel-Password"]) == ("sky", "hush-hush")
    assert headers["X-Kannel-From"] == "RO-ALERT"
    assert headers["X-Kannel-DLR-Mask"] == "19"
    assert f"/receipts/{SECRET}?reference={reference}&kind=%d" in headers["X-Kannel-DLR-URL"]
    assert "X-Kannel-Coding" not in headers
    assert "X-Kannel-Validity" not in headers


async def test_diacritics_ask_for_ucs2(options: dict[str, Any]) -> None:
    """What GSM-7 has no letters for is sent as UCS-2, in UTF-8 on the way."""
    text = "Dronă spre județul Tulcea. Stați în casă."
    async with WebGateway() as kannel:
        gateway, _ = made(kannel.url, options)
        async with gateway:
            await gateway.submit(Sms("k", SMS.number, text))
    (request,) = kannel.requests
    assert request.headers["X-Kannel-Coding"] == "2"
    assert request.headers["Content-Type"] == "text/plain; charset=UTF-8"
    assert request.body == text


async def test_validity_is_rounded_up_to_minutes(options: dict[str, Any]) -> None:
    """An alert of 61 seconds may live for two minutes, one of a second for one, none for nought."""
    async with WebGateway() as kannel:
        gateway, _ = made(kannel.url, options)
        async with gateway:
            for valid_s in (61, 1):
                await gateway.submit(Sms(str(valid_s), SMS.number, "t", valid_s))
    assert [r.headers["X-Kannel-Validity"] for r in kannel.requests] == ["2", "1"]


async def test_the_reference_is_the_same_for_the_same_message(options: dict[str, Any]) -> None:
    """A message sent again has one name, from which its key cannot be read; others have others."""
    async with WebGateway() as kannel:
        gateway, _ = made(kannel.url, options)
        async with gateway:
            first, again = [await gateway.submit(SMS) for _ in range(2)]
            other = await gateway.submit(Sms("other", SMS.number, "t"))
    assert first == again != other
    assert first is not None
    assert "somebody" not in first


async def test_without_receipts_none_are_asked_for(options: dict[str, Any]) -> None:
    """No table of receipts: no endpoint, no mask, no reference."""
    del options["receipts"]
    async with WebGateway() as kannel:
        gateway, _ = made(kannel.url, options)
        async with gateway:
            assert await gateway.submit(SMS) is None
    assert not [name for name in kannel.requests[0].headers if "DLR" in name]


@pytest.mark.parametrize("body", ["0: Accepted for delivery", "3: Queued for later delivery"])
async def test_202_is_taken(body: str, options: dict[str, Any]) -> None:
    """Kannel keeps it, whether the operator is there now or not."""
    assert await submitted(202, body, options) is not None


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, "Not routable. Do not try again.", UnavailableError),
        (403, "Number(s) has/have been denied by white- and/or black-lists.", RefusedError),
        (400, "Empty receiver number not allowed, rejected", RefusedError),
        (403, "Authorization failed for sendsms", UnavailableError),
        (400, "Sender missing and no global set, rejected", UnavailableError),
        (503, "Temporal failure, try again later.", ThrottledError),
        (404, "Not found", UnavailableError),
        (302, "", UnavailableError),
        (502, "", UncertainError),
    ],
)
async def test_what_each_answer_means(
    status: int, body: str, error: type[Exception], options: dict[str, Any]
) -> None:
    """Only what is wrong with the message itself is final."""
    with pytest.raises(error, match=str(status)):
        await submitted(status, body, options)


async def test_nobody_there_is_no_double(options: dict[str, Any]) -> None:
    """Where nobody listens, the message was certainly not taken."""
    gateway, _ = made(nobody(), options)
    async with gateway:
        with pytest.raises(UnavailableError, match="cannot be reached: connection refused"):
            await gateway.submit(SMS)


async def test_over_tls_only_with_a_certificate_that_is_trusted(
    options: dict[str, Any], tmp_path: Path
) -> None:
    """A stranger's certificate is no outage that says nothing: the message was not sent."""
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "other.pem")
    async with WebGateway(tls=context) as kannel:
        gateway, _ = made(kannel.url, options, ca_file=str(tmp_path / "ca.pem"))
        async with gateway:
            await gateway.submit(SMS)
        gateway, _ = made(kannel.url, options, ca_file=str(tmp_path / "other.pem"))
        async with gateway:
            with pytest.raises(UnavailableError, match="certificate verify failed"):
                await gateway.submit(SMS)
        assert len(kannel.requests) == 1


@pytest.mark.parametrize("reply", [cut, never])
async def test_no_answer_is_uncertain(reply: Any, options: dict[str, Any]) -> None:
    """Once it was written, a broken or silent connection says nothing; nor is it asked twice."""
    async with WebGateway(reply=reply) as kannel:
        gateway, _ = made(kannel.url, options, timeout_s=1.0)
        async with gateway:
            with pytest.raises(UncertainError):
                await gateway.submit(SMS)
        assert len(kannel.requests) == 1


async def test_errors_and_logs_hold_no_secret(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """No number, password, user or text in what is raised or logged, even if Kannel repeats it."""
    words = f"{SMS.number} {SMS.number[1:]} Authorization failed for sendsms"
    caplog.set_level(logging.DEBUG)
    shown = []
    with structlog.testing.capture_logs() as logs:
        for status in (202, 400, 403, 503, 500):
            async with WebGateway(status, words) as kannel:
                gateway, _ = made(kannel.url, options)
                async with gateway:
                    try:
                        await gateway.submit(SMS)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
                        shown.append(str(error))
    everything = " ".join([*shown, *map(str, logs), *caplog.messages])
    assert len(shown) == 4
    for secret in (SMS.number[1:], "hush-hush", "sky:", SMS.text, SECRET):
        assert secret not in everything


async def test_receipts_come_back_by_our_reference(options: dict[str, Any]) -> None:
    """Delivered, failed and refused are receipts; a step on the way is none."""
    gateway, receipts = made(nobody(), options)
    async with gateway:
        url = receipt_url(gateway)
        for kind, words in [
            ("8", "ACK/"),
            ("1", "id:1 stat:DELIVRD err:000 text:Drone"),
            ("2", "id:1 stat:UNDELIV err:007 text:+40700000001"),
            ("16", "NACK/0x0000000b/Invalid"),
        ]:
            assert await get(url, reference=f"r{kind}", kind=kind, said=words) == 200
    assert receipts.taken == [
        Receipt("r1", ItemState.DELIVERED),
        Receipt("r2", ItemState.FAILED, "stat:UNDELIV err:007"),
        Receipt("r16", ItemState.FAILED, "NACK/0x0000000b/Invalid"),
    ]


async def test_a_wrong_secret_is_not_found_and_counted(options: dict[str, Any]) -> None:
    """Who does not know the URL invents no receipt, and learns nothing from the answer."""
    before = SMS_RECEIPTS.labels("wrong_secret")._value.get()
    gateway, receipts = made(nobody(), options)
    async with gateway:
        url = receipt_url(gateway)
        for wrong in (url[:-1], url[:-1] + "x", url.replace(SECRET, "ș" * 32)):
            assert await get(wrong, reference="r", kind="1") == 404
        assert await get(url.replace(f"/{SECRET}", ""), reference="r", kind="1") == 404
    assert receipts.calls == 0
    assert SMS_RECEIPTS.labels("wrong_secret")._value.get() == before + 3


async def test_what_is_no_receipt_is_a_bad_request(options: dict[str, Any]) -> None:
    """A callback without reference or kind stops nothing."""
    gateway, receipts = made(nobody(), options)
    async with gateway:
        url = receipt_url(gateway)
        assert await get(url, kind="1") == 400
        assert await get(url, reference="r", kind="%d") == 400
        assert await get(url, reference="r", kind="1") == 200
    assert [receipt.reference for receipt in receipts.taken] == ["r"]


async def test_a_receipt_that_cannot_be_noted_is_asked_for_again(options: dict[str, Any]) -> None:
    """503 while the outbox takes nothing, 200 once it does."""
    gateway, receipts = made(nobody(), options)
    async with gateway:
        receipts.full = UnavailableError("the outbox took nothing")
        assert await get(receipt_url(gateway), reference="r", kind="1") == 503
        receipts.full = None
        assert await get(receipt_url(gateway), reference="r", kind="1") == 200
    assert receipts.taken == [Receipt("r", ItemState.DELIVERED)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://kannel.example:13013/cgi-bin/sendsms"}, "option url: must be https"),
        ({"url": "https://sky:hush@kannel.example/"}, "option url: must not hold a user"),
        ({"url": "ftp://127.0.0.1/"}, "option url: must be http"),
        ({"password": "hush-hush"}, "option password: unknown field"),
        ({"username_file": "/nowhere"}, "option username_file: /nowhere: no such file"),
        ({"sender": "much too long a name"}, "option sender"),
        ({"receipts": {}}, r"option receipts\.secret_file: field required"),
        ({"timeout_s": 0}, "option timeout_s"),
    ],
)
def test_a_wrong_option_is_named(
    change: dict[str, Any], words: str, options: dict[str, Any]
) -> None:
    """The option and what is wrong with it, and never a password that was put in it."""
    with pytest.raises(UsageError, match=words) as raised:
        from_options(
            {"url": "http://127.0.0.1:13013/cgi-bin/sendsms"} | options | change, Receipts()
        )
    assert "hush" not in str(raised.value)


def test_a_short_secret_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    """What can be guessed keeps nobody out."""
    (tmp_path / "secret").write_text("guessed\n")
    with pytest.raises(UsageError, match=r"receipts\.secret_file") as raised:
        made("http://127.0.0.1:1", options)
    assert "guessed" not in str(raised.value)


async def test_a_taken_port_is_a_usage_error(options: dict[str, Any]) -> None:
    """The port of the endpoint is named where somebody listens there already."""
    async with WebGateway() as other:
        port = int(other.url.rpartition(":")[2])
        receipts = options["receipts"] | {"port": port}
        gateway, _ = made(other.url, options, receipts=receipts)
        with pytest.raises(UsageError, match=rf"receipts\.port: {port}"):
            await gateway.__aenter__()
