"""Any gateway with an HTTP interface, described by a template in its options.

    submit ──request made of the template──▶ gateway ──▶ answer: taken, busy, refused
    on_receipt ◀──── /receipts/SECRET ◀──── callback, its fields mapped

Guarantee: ``submit`` returns once the gateway has answered with a status, and a state where one is
described, that says it took the message. No answer, or an error of the gateway that does not say
whether it did (500, 502, 504), is uncertain. ``{key}`` is the same whenever a message is sent
again: a gateway that knows idempotency keys makes no double of it. Receipts are handed on as
``receipts`` says.

What stands in a template is text; placeholders in it are replaced once, and what a message says is
never taken for a placeholder. https only, unless the gateway is on this machine.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, quote, urlencode

from aiohttp import web

from consumers.outbox.items import ItemState
from consumers.sms.gateways.http_client import Answer, HttpTransport
from consumers.sms.gateways.http_options import (
    PLACEHOLDER,
    AnswerOptions,
    Auth,
    FieldOptions,
    HttpOptions,
    host_of,
)
from consumers.sms.gateways.options import (
    own_reference,
    parse,
    without_numbers,
)
from consumers.sms.gateways.protocol import (
    OnReceipt,
    Receipt,
    RefusedError,
    Sms,
    ThrottledError,
    UncertainError,
)
from consumers.sms.gateways.receipt_endpoint import ReceiptEndpoint
from skyfence.adapters.credentials import read_secret, tls_context
from skyfence.errors import InputError, UnavailableError

_SERVER_ERROR: Final = 500
# {valid_s} of a message without a time limit: a day, after which no alert is news.
_LONGEST_VALID_S: Final = 24 * 3600
# RFC 9110: seconds; the other form, a date, would need this machine's clock to be right.
_SECONDS: Final = re.compile(r"\d{1,6}")
# What a plain text means. The text itself is not repeated: it may hold the message and the number.
TextClass = Literal["accepted", "throttled", "refused"]
_IN_WORDS: Final[Mapping[TextClass | None, str]] = {
    "accepted": "a text that accepts",
    "throttled": "a text that puts off",
    "refused": "a text that refuses",
    None: "a text that is not described",
}


def from_options(options: Mapping[str, Any], on_receipt: OnReceipt) -> "HttpGateway":
    """Return the gateway; raise ``UsageError`` naming the option that is wrong."""
    return HttpGateway(parse(HttpOptions, options, "http"), on_receipt)


class HttpGateway(HttpTransport):
    """One gateway. Listens for receipts, if they are described, inside ``async with``."""

    def __init__(self, options: HttpOptions, on_receipt: OnReceipt) -> None:
        self._options = options
        self._login = _authorization(options.auth)
        fields = options.receipts
        super().__init__(
            f"sms gateway at {host_of(options.url)}",
            ReceiptEndpoint(fields, _reader(fields), on_receipt) if fields is not None else None,
            tls_context(options.ca_file, "option ca_file"),
            options.timeout_s,
        )

    async def submit(self, sms: Sms) -> str | None:
        """Hand a message over; return the reference that its receipts will carry, if known.

        The reference is our own where the callback's URL carries it, else the identifier in the
        gateway's answer. Raises as ``Gateway.submit`` says.
        """
        own = own_reference(sms.key)
        url, request = self._request(self._values(sms, own))
        answer = await self._request_answer(self._options.method, url, **request)
        identifier = read_answer(answer, self._options.answer, self._name)
        fields = self._options.receipts
        return own if fields is not None and fields.reference is None else identifier

    def _values(self, sms: Sms, own: str) -> dict[str, str]:
        callback = f"{self._endpoint.url}?reference={own}" if self._endpoint else ""
        return {
            "number": sms.number,
            "digits": sms.number.removeprefix("+"),
            "text": sms.text,
            "key": own,
            "valid_s": str(_LONGEST_VALID_S if sms.valid_s is None else max(1, sms.valid_s)),
            "receipt_url": callback,
        }

    def _request(self, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        options = self._options
        in_url = {name: quote(value, safe="") for name, value in values.items()}
        headers = self._login | filled(options.headers, values)
        request: dict[str, Any] = {"headers": headers}
        if options.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            request["data"] = urlencode(filled(options.form, values)).encode()
        if options.body_json is not None:
            headers["Content-Type"] = "application/json"
            request["data"] = json.dumps(filled(options.body_json, values)).encode()
        return filled(options.url, in_url), request


def read_answer(answer: Answer, meaning: AnswerOptions, gateway: str) -> str | None:
    """Return the message's identifier in an answer that accepts it, None if there is none.

    ``meaning`` says which statuses, states and texts accept, refuse or throttle; ``gateway`` names
    the gateway in errors. Raises ``ThrottledError`` (with the seconds of Retry-After) or
    ``RefusedError`` as ``meaning`` says, ``UncertainError`` for another status from 500 on, and
    ``UnavailableError`` for all others.
    """
    document = _document(answer.body)
    state = _at(document, meaning.state) if meaning.state else None
    text = _class_of_text(answer.body, meaning)
    reason = f"{gateway} answered {answer.status}"
    if meaning.state:
        reason += f", {meaning.state}: {without_numbers(str(state))}"
    if meaning.accepted_text:
        reason += f", {_IN_WORDS[text]}"
    throttled = str(state) in meaning.throttled_states or text == "throttled"
    if answer.status in meaning.throttled or throttled:
        raise ThrottledError(reason, _pause_s(answer.retry_after))
    refused = str(state) in meaning.refused_states or text == "refused"
    if answer.status in meaning.refused or refused:
        raise RefusedError(reason)
    if answer.status in meaning.accepted:
        unknown_state = meaning.state and str(state) not in meaning.accepted_states
        if unknown_state or (meaning.accepted_text and text is None):
            raise UnavailableError(reason)
        return _identifier(answer.body, document, meaning)
    if answer.status >= _SERVER_ERROR:
        raise UncertainError(reason)
    raise UnavailableError(reason)


def _class_of_text(body: str, meaning: AnswerOptions) -> TextClass | None:
    """Return what a plain text means; an error that is described goes before an acceptance."""
    patterns: tuple[tuple[TextClass, re.Pattern[str] | None], ...] = (
        ("throttled", meaning.throttled_text),
        ("refused", meaning.refused_text),
        ("accepted", meaning.accepted_text),
    )
    for name, pattern in patterns:
        if pattern is not None and pattern.search(body):
            return name
    return None


def _identifier(body: str, document: Any, meaning: AnswerOptions) -> str | None:
    """Return the message's identifier in an answer, where the options say that it holds one."""
    if not meaning.names_message:
        return None
    if meaning.accepted_text is not None:
        accepted = meaning.accepted_text.search(body)
        return None if accepted is None else accepted["id"]
    identifier = _at(document, meaning.id) if meaning.id else None
    return None if identifier is None else str(identifier)


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """Return a template (text, table or list) with the placeholders in all its texts replaced.

    A value that holds a placeholder itself stays as it is. Raises ``KeyError`` for a placeholder
    that ``values`` lacks.
    """
    if isinstance(template, str):
        return PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], template)
    if isinstance(template, Mapping):
        return {name: filled(value, values) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, values) for value in template]
    return template


def _reader(fields: FieldOptions) -> Callable[[web.Request, str], Receipt | None]:
    def read(request: web.Request, body: str) -> Receipt | None:
        query = dict(request.query)
        if request.content_type == "application/json":
            document = _document(body)
        else:
            document = dict(parse_qsl(body, keep_blank_values=True)) | query
        reference = query.get("reference")
        if fields.reference is not None:
            reference = _at(document, fields.reference)
        state_value = _at(document, fields.state)
        if reference is None or state_value is None:
            raise InputError(f"no {fields.reference or 'reference'} or no {fields.state} in it")
        state = str(state_value)
        if state in fields.delivered:
            return Receipt(str(reference), ItemState.DELIVERED)
        if state not in fields.failed:
            return None
        reason = _at(document, fields.reason) if fields.reason else None
        return Receipt(str(reference), ItemState.FAILED, without_numbers(f"{state} {reason or ''}"))

    return read


def _document(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _at(document: Any, path: str) -> Any:
    """Return the value at a path like ``messages.0.id`` of a document, None if there is none."""
    for step in path.split("."):
        if isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, Mapping):
            document = document.get(step)
        else:
            return None
    return document


def _pause_s(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and _SECONDS.fullmatch(retry_after) else None


def _authorization(auth: Auth | None) -> dict[str, str]:
    if auth is None:
        return {}
    credentials = ""
    if auth.username_file is not None and auth.password_file is not None:
        user = read_secret(auth.username_file, "option auth.username_file")
        password = read_secret(auth.password_file, "option auth.password_file")
        credentials = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    elif auth.bearer_file is not None:
        credentials = "Bearer " + read_secret(auth.bearer_file, "option auth.bearer_file")
    return {"Authorization": credentials}
