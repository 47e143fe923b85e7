"""Kannel: SMS over its HTTP interface ``sendsms``, receipts over its callback ``dlr-url``.

    submit ──POST /cgi-bin/sendsms──▶ smsbox ──▶ bearerbox (its store) ──▶ operator
                                        │
    on_receipt ◀──── /receipts/SECRET ◀─┘

Guarantee: what ``submit`` returned for stands in Kannel's store, if it has one (``store-type``),
and survives Kannel's kill; after that Kannel sends at least once. A broken connection or no answer
in time is uncertain, because the store may hold it. A receipt comes at most once: Kannel forgets
those it waits for when it is killed, unless ``dlr-storage`` says otherwise, and does not repeat one
that nobody took, unless ``http-request-retry`` says so.

Kannel's answer has no identifier, so ``submit`` returns our own, and the callback brings it back.
Number, user and password travel in headers, never in a URL that something in between may log.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import smsutil
import structlog
from aiohttp import web
from pydantic import Field, field_validator

from consumers.outbox.items import ItemState
from consumers.sms.gateways.http_client import Answer, HttpTransport
from consumers.sms.gateways.options import (
    Options,
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
from consumers.sms.gateways.receipt_endpoint import ReceiptEndpoint, ReceiptOptions
from skyfence.adapters.credentials import read_secret, tls_context
from skyfence.adapters.hosts import is_loopback
from skyfence.errors import InputError, UnavailableError

log = structlog.get_logger()

_ACCEPTED: Final = 202
_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_SERVER_ERROR: Final = 500
_BUSY: Final = 503
# Kannel's delivery reports, as bits of dlr-mask: the phone has it, the operator gave up, the
# operator refused it. Steps on the way (4, 8) are not asked for.
_DELIVERED, _FAILED, _REJECTED = 1, 2, 16
_DLR_MASK: Final = _DELIVERED | _FAILED | _REJECTED
# Words of 403 and 400 where Kannel will never take this message. All others (a wrong password, no
# sender) are faults of the settings, which may be mended before the alert expires. So is
# "Not routable. Do not try again.": Kannel says it of every message while the operator refuses
# Kannel's own login.
_OF_THE_MESSAGE: Final = ("denied by white", "receiver number", "charset or body")
_UCS2: Final = "2"


class KannelOptions(Options):
    """Kannel's table. Without ``receipts`` none are asked for."""

    url: str
    username_file: Path
    password_file: Path
    sender: Annotated[str, Field(pattern=r"^(\+?[0-9]{3,15}|[A-Za-z0-9 ._-]{1,11})$")] | None = None
    smsc: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] | None = None
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 15.0
    receipts: ReceiptOptions | None = None

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError("must be http://HOST:PORT/cgi-bin/sendsms")
        if parts.username or parts.password:
            raise ValueError("must not hold a user or password: username_file, password_file")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError("must be https, unless Kannel is on this machine")
        return url


def from_options(options: Mapping[str, Any], on_receipt: OnReceipt) -> "KannelGateway":
    """Return the gateway; raise ``UsageError`` naming the option that is wrong."""
    return KannelGateway(parse(KannelOptions, options, "kannel"), on_receipt)


class KannelGateway(HttpTransport):
    """One Kannel. Listens for receipts, if they are asked for, inside ``async with``."""

    def __init__(self, options: KannelOptions, on_receipt: OnReceipt) -> None:
        self._options = options
        self._fixed = {
            "X-Kannel-Username": read_secret(options.username_file, "option username_file"),
            "X-Kannel-Password": read_secret(options.password_file, "option password_file"),
            "Content-Type": "text/plain; charset=UTF-8",
        }
        if options.sender is not None:
            self._fixed["X-Kannel-From"] = options.sender
        if options.smsc is not None:
            self._fixed["X-Kannel-SMSC"] = options.smsc
        super().__init__(
            f"kannel at {urlsplit(options.url).netloc}",
            ReceiptEndpoint(options.receipts, _receipt, on_receipt) if options.receipts else None,
            tls_context(options.ca_file, "option ca_file"),
            options.timeout_s,
        )

    async def submit(self, sms: Sms) -> str | None:
        """Hand a message to Kannel; return our own reference, None if no receipts are asked for.

        Raises as ``Gateway.submit`` says.
        """
        reference = own_reference(sms.key) if self._endpoint else None
        answer = await self._request_answer(
            "POST",
            self._options.url,
            headers=self._fixed | self._headers(sms, reference),
            data=sms.text.encode(),
        )
        self._check_answer(answer)
        return reference

    def _headers(self, sms: Sms, reference: str | None) -> dict[str, str]:
        headers = {"X-Kannel-To": sms.number}
        if not smsutil.is_valid_gsm(sms.text):
            headers["X-Kannel-Coding"] = _UCS2
        if sms.valid_s is not None:
            headers["X-Kannel-Validity"] = str(max(1, math.ceil(sms.valid_s / 60)))  # minutes
        if self._endpoint is not None:
            # Kannel writes the kind of report and the operator's words into the URL.
            url = f"{self._endpoint.url}?reference={reference}&kind=%d&said=%A"
            headers |= {"X-Kannel-DLR-Mask": str(_DLR_MASK), "X-Kannel-DLR-URL": url}
        return headers

    def _check_answer(self, answer: Answer) -> None:
        """Raise the error that an answer other than 202 stands for."""
        reason = f"{self._name} answered {answer.status}: {without_numbers(answer.body)}"
        if answer.status == _ACCEPTED:
            return
        if answer.status in {_BAD_REQUEST, _FORBIDDEN}:
            if any(words in answer.body.lower() for words in _OF_THE_MESSAGE):
                raise RefusedError(reason)
            log.error("sms.kannel.misconfigured", reason=reason)
        if answer.status == _BUSY:  # its queue is full, or it is about to end
            raise ThrottledError(reason)
        if answer.status >= _SERVER_ERROR:  # some parts may have been handed on
            raise UncertainError(reason)
        raise UnavailableError(reason)


def _receipt(request: web.Request, _body: str) -> Receipt | None:
    """Return the receipt in a callback of Kannel's, None for a report from on the way.

    Raises ``InputError`` where reference or kind is missing.
    """
    reference, kind = request.query.get("reference", ""), request.query.get("kind", "")
    if not reference or not kind.isdecimal():
        raise InputError(f"not a callback of kannel: reference {reference!r}, kind {kind!r}")
    if int(kind) == _DELIVERED:
        return Receipt(reference, ItemState.DELIVERED)
    if int(kind) not in {_FAILED, _REJECTED}:
        return None
    reason = _state_and_error(request.query.get("said", ""))
    return Receipt(reference, ItemState.FAILED, reason or None)


def _state_and_error(answer: str) -> str:
    """Return the operator's state and error, without the text that a receipt repeats."""
    words = [word for word in answer.split() if word.startswith(("stat:", "err:", "NACK/"))]
    return without_numbers(" ".join(words))
