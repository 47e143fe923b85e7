"""The adapter by template: what it sends, what it makes of each answer, what it refuses to load."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web
from web_gateway import Receipts, WebGateway, cut, never, nobody, receipt_url

from consumers.outbox.items import ItemState
from consumers.sms.gateways.http import HttpGateway, from_options
from consumers.sms.gateways.options import own_reference
from consumers.sms.gateways.protocol import (
    Receipt,
    RefusedError,
    Sms,
    ThrottledError,
    UncertainError,
)
from skyfence.errors import UnavailableError, UsageError

SMS = Sms("alert-1/somebody", "+371200000017", 'Drons! {number} & "pēdiņas"', 300)
SECRET = "s" * 32
FORM = {"form": {"To": "{number}", "Body": "{text}"}}


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    return {"secret_file": str(tmp_path / "secret")}


def made(url: str, options: dict[str, Any]) -> tuple[HttpGateway, Receipts]:
    receipts = Receipts()
    return from_options({"url": url} | options, receipts), receipts


async def submitted(gateway: WebGateway, options: dict[str, Any]) -> str | None:
    adapter, _ = made(f"{gateway.url}/messages", options)
    async with adapter:
        return await adapter.submit(SMS)


async def test_a_form_is_filled(tmp_path: Path) -> None:
    """Values are encoded, and a placeholder within a message's text is only text."""
    (tmp_path / "user").write_text("AC1")
    (tmp_path / "password").write_text("pä:ss")
    auth = {"username_file": tmp_path / "user", "password_file": tmp_path / "password"}
    async with WebGateway(201, json.dumps({"sid": "SM1"})) as gateway:
        options = FORM | {"auth": auth, "answer": {"id": "sid"}}
        assert await submitted(gateway, options) == "SM1"
    (request,) = gateway.requests
    assert request.path == "/messages"
    assert parse_qs(request.body) == {"To": [SMS.number], "Body": [SMS.text]}
    word, _, login = request.headers["Authorization"].partition(" ")
    assert (word, base64.b64decode(login).decode()) == ("Basic", "AC1:pä:ss")


async def test_json_is_filled_however_deep(tmp_path: Path) -> None:
    """Objects, lists, headers; what is no text stays as it is; the key names nobody."""
    (tmp_path / "token").write_text("t0ken\n")
    options: dict[str, Any] = {
        "headers": {"Idempotency-Key": "{key}"},
        "json": {"to": [{"phone": "{digits}"}], "text": "! {text}", "ttl": "{valid_s}", "n": 1},
        "auth": {"bearer_file": str(tmp_path / "token")},
        "answer": {"id": "messages.0.id"},
    }
    async with WebGateway(200, '{"messages": [{"id": 7}]}') as gateway:
        assert await submitted(gateway, options) == "7"
    (request,) = gateway.requests
    filled = {"to": [{"phone": SMS.number[1:]}], "text": f"! {SMS.text}", "ttl": "300", "n": 1}
    assert json.loads(request.body) == filled
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert request.headers["Idempotency-Key"] == own_reference(SMS.key)
    assert request.headers["Content-Type"] == "application/json"


async def test_a_url_is_filled_and_encoded() -> None:
    """A text in a URL cannot add a parameter of its own."""
    async with WebGateway(200) as gateway:
        adapter, _ = made(f"{gateway.url}/send?to={{digits}}&text={{text}}", {"method": "GET"})
        async with adapter:
            await adapter.submit(Sms("k", SMS.number, "a&to=1#?% b"))
    (request,) = gateway.requests
    assert request.query == {"to": SMS.number[1:], "text": "a&to=1#?% b"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RefusedError),
        (422, RefusedError),
        (401, UnavailableError),
        (404, UnavailableError),
        (302, UnavailableError),
        (429, ThrottledError),
        (503, ThrottledError),
        (500, UncertainError),
        (504, UncertainError),
    ],
)
async def test_what_each_status_means(status: int, error: type[Exception]) -> None:
    """Wrong settings are no fault of the message, and a server's error says nothing of it."""
    async with WebGateway(status, headers={"Location": nobody()}) as gateway:
        with pytest.raises(error, match=f"answered {status}"):
            await submitted(gateway, FORM)


@pytest.mark.parametrize(
    ("retry_after", "pause_s"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)]
)
async def test_a_throttled_gateway_says_how_long(retry_after: str, pause_s: float | None) -> None:
    """Retry-After in seconds is the pause; anything else leaves it to the sender."""
    async with WebGateway(429, headers={"Retry-After": retry_after}) as gateway:
        with pytest.raises(ThrottledError) as raised:
            await submitted(gateway, FORM)
    assert raised.value.pause_s == pause_s


TEXTS = {
    "accepted_text": r"^OK - \d+ SMS, ID - (?P<id>\w+)",
    "throttled_text": r"^ERROR = 9\b|queue full",
    "refused_text": r"^ERROR = [78]\b",
}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("OK - 1 SMS, ID - x77", None),
        ("\r\nok - 1 sms, id - x77\r\n", None),
        ("ERROR = 9 (duplicate request, wait)", ThrottledError),
        ("Queue full, try later", ThrottledError),
        ("ERROR = 7 (invalid number)", RefusedError),
        ("OK - 1 SMS, ID - x77\nERROR = 7 (invalid number)", RefusedError),
        ("ERROR = 2 (authorise error)", UnavailableError),
        ("", UnavailableError),
    ],
)
async def test_a_plain_text_says_what_became_of_it(
    body: str, error: type[Exception] | None
) -> None:
    """Of a gateway that answers 200 to everything: accepted, put off, refused, else an outage."""
    async with WebGateway(200, body) as gateway:
        if error is None:
            assert await submitted(gateway, FORM | {"answer": TEXTS}) == "x77"
            return
        with pytest.raises(error) as caught:
            await submitted(gateway, FORM | {"answer": TEXTS})
    assert type(caught.value) is error


async def test_a_plain_text_is_not_repeated() -> None:
    """An answer may hold the number and the message: errors show neither."""
    body = f"ERROR = 7 {SMS.number} {SMS.text}"
    async with WebGateway(200, body) as gateway:
        with pytest.raises(RefusedError, match=r"answered 200, a text that refuses$"):
            await submitted(gateway, FORM | {"answer": TEXTS})


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ('"0"', None),
        ("0", None),
        ('"1"', ThrottledError),
        ("6", RefusedError),
        ("4", UnavailableError),
        ("null", UnavailableError),
    ],
)
async def test_a_state_in_the_answer_counts_too(state: str, error: type[Exception] | None) -> None:
    """Some gateways answer 200 to everything, and say in the document what they mean."""
    answer = {
        "state": "messages.0.status",
        "accepted_states": [0],
        "throttled_states": ["1"],
        "refused_states": ["6"],
    }
    async with WebGateway(200, f'{{"messages": [{{"status": {state}}}]}}') as gateway:
        if error is None:
            await submitted(gateway, FORM | {"answer": answer})
            return
        with pytest.raises(error):
            await submitted(gateway, FORM | {"answer": answer})


async def test_an_answer_in_pieces_is_read_whole() -> None:
    """The identifier is found wherever the answer is cut."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"id": "', b"x" * 30_000, b'"}'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    async with WebGateway(reply=reply) as gateway:
        assert await submitted(gateway, FORM | {"answer": {"id": "id"}}) == "x" * 30_000


@pytest.mark.parametrize("reply", [cut, never])
async def test_no_answer_is_uncertain(reply: Any) -> None:
    """Once it was written, a broken or silent connection says nothing; nor is it asked twice."""
    async with WebGateway(reply=reply) as gateway:
        with pytest.raises(UncertainError):
            await submitted(gateway, FORM | {"timeout_s": 1.0})
        assert len(gateway.requests) == 1


async def test_an_answer_that_repeats_the_number_is_not_shown() -> None:
    """Only the state that was asked for is shown, with numbers left out."""
    body = json.dumps({"error": f"bad {SMS.number}", "text": SMS.text})
    answer = {"state": "error", "accepted_states": ["none"]}
    async with WebGateway(400, body) as gateway:
        with pytest.raises(RefusedError, match=r"error: bad …$") as raised:
            await submitted(gateway, FORM | {"answer": answer})
    assert SMS.number[1:] not in str(raised.value)


async def post(url: str, **sent: Any) -> int:
    async with aiohttp.ClientSession() as session, session.post(url, **sent) as answer:
        return answer.status


async def test_receipts_are_read_from_forms_and_json(secret: dict[str, str]) -> None:
    """Fields and values are mapped; what says "on its way" is no receipt."""
    fields = {"reference": "sid", "state": "status", "delivered": ["delivered", 2]}
    fields |= {"failed": ["undelivered"], "reason": "code"}
    options = FORM | {"receipts": secret | fields, "answer": {"id": "sid"}}
    adapter, receipts = made(nobody(), options)
    async with adapter:
        url = receipt_url(adapter)
        assert await post(url, data={"sid": "a", "status": "delivered"}) == 200
        assert await post(url, json={"sid": 7, "status": 2}) == 200
        assert await post(url, data={"sid": "b", "status": "sent"}) == 200
        assert await post(url, data={"sid": "c", "status": "undelivered", "code": "30003"}) == 200
        assert await post(url, data={"sid": "d"}) == 400
        assert await post(url, json=["sid"]) == 400
    assert receipts.taken == [
        Receipt("a", ItemState.DELIVERED),
        Receipt("7", ItemState.DELIVERED),
        Receipt("c", ItemState.FAILED, "undelivered 30003"),
    ]


async def test_our_own_reference_travels_in_the_callback(secret: dict[str, str]) -> None:
    """A gateway without identifiers brings back the one in the URL it was told."""
    fields = {"state": "status", "delivered": ["ok"], "failed": ["no"]}
    options: dict[str, Any] = {"receipts": secret | fields}
    options["form"] = FORM["form"] | {"Callback": "{receipt_url}"}
    async with WebGateway(200) as gateway:
        adapter, receipts = made(gateway.url, options)
        async with adapter:
            reference = await adapter.submit(SMS)
            (callback,) = parse_qs(gateway.requests[0].body)["Callback"]
            assert await post(callback, data={"status": "ok"}) == 200
    assert reference is not None
    assert receipts.taken == [Receipt(reference, ItemState.DELIVERED)]


RECEIPTS = {"state": "s", "delivered": ["d"], "failed": ["f"]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "http://sms.example/"}, "option url: must be https"),
        ({"url": "https://u:hush@sms.example/"}, "option url: must not hold a user"),
        ({"url": "https://{number}.example/"}, "option url: must not have a placeholder"),
        ({"form": {"To": "{number}"}}, "{text} and {number}"),
        ({"form": {"Body": "{text}"}}, "{text} and {number}"),
        ({"form": {"To": "{numbr}", "Body": "{text}"}}, "{numbr} is not known"),
        ({"headers": {"X-Text": "{text}"}}, "{text} cannot stand in a header"),
        ({"json": {}}, "form or json, not both"),
        ({"method": "DELETE"}, "option method"),
        ({"answer": {"accepted": [99]}}, "option answer.accepted"),
        ({"answer": {"state": "s"}}, "state and accepted_states"),
        ({"answer": {"refused_text": "^ERR"}}, "need accepted_text"),
        ({"answer": {"accepted_text": "OK", "id": "sid"}}, "not both"),
        ({"answer": {"accepted_text": "("}}, "is no regular expression"),
        ({"auth": {}}, "option auth: needs bearer_file"),
        ({"auth": {"username_file": "u"}}, "option auth: needs bearer_file"),
        ({"auth": {"password": "hush"}}, "option auth.password: unknown field"),
        ({"receipts": RECEIPTS}, "option receipts.secret_file: field required"),
        ({"receipts": RECEIPTS | {"secret_file": "x"}}, "receipts need reference"),
        ({"receipts": RECEIPTS | {"secret_file": "x", "reference": "r"}}, "needs answer.id"),
        ({"form": FORM["form"] | {"c": "{receipt_url}"}}, "{receipt_url} needs receipts"),
    ],
)
def test_a_wrong_option_is_named(change: dict[str, Any], words: str) -> None:
    """Found before the first message, and never shown with a password in it."""
    with pytest.raises(UsageError) as raised:
        made("https://sms.example/", FORM | change)
    assert words in str(raised.value)
    assert "hush" not in str(raised.value)
