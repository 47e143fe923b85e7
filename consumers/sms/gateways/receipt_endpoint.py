"""The endpoint to which gateways bring delivery receipts over HTTP.

    gateway ──GET or POST /receipts/SECRET?…──▶ adapter reads it ──▶ on_receipt ──▶ 200

Guarantee: 200 is answered only when ``on_receipt`` has returned, so a gateway that repeats until
then loses none; 503 asks it to. A receipt that comes twice is handed on twice, and the outbox makes
one of it. What is not understood is counted and answered with 400, a wrong secret with 404.

Listens on loopback unless told otherwise. The secret is part of the URL, so it stands in the
gateway's configuration and log: it keeps strangers from inventing receipts, no more. It and the
port should stay the same over restarts, since what was submitted before carries the old URL.
"""

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from pydantic import Field, field_validator

from consumers.sms.gateways.options import Options
from consumers.sms.gateways.protocol import OnReceipt, Receipt
from skyfence.adapters.credentials import read_secret
from skyfence.adapters.metrics import SMS_RECEIPTS
from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import InputError, UnavailableError, UsageError

log = structlog.get_logger()

_MOST_BYTES: Final = 64 * 1024
# At the end, receipts that are being taken are still answered; noting one takes milliseconds.
_FINISH_WITHIN_S: Final = 5.0
# 22 characters of the alphabet below are 128 bits.
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{22,128}")

# Turns a request and its body into a receipt, None for one that says "still on its way"; raises
# InputError where the request is none of the gateway's callbacks.
Reader = Callable[[web.Request, str], Receipt | None]


class ReceiptOptions(Options):
    """Where to listen for receipts: ``url`` is set where the gateway needs another than host, port.

    Port 0 takes any free port.
    """

    secret_file: Path
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    url: str | None = None

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://host")
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
            raise ValueError("must be http://HOST or https://HOST, with a path perhaps")
        return url


class ReceiptEndpoint:
    """Listens inside ``async with``; ``url`` is then the callback's, with the secret in it."""

    def __init__(self, options: ReceiptOptions, reader: Reader, on_receipt: OnReceipt) -> None:
        self._options = options
        self._secret = _secret(options)
        self._read = reader
        self._on_receipt = on_receipt
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> "ReceiptEndpoint":
        """Listen; raise ``UsageError`` where the port cannot be had."""
        host, port = self._options.host, self._options.port
        app = web.Application(client_max_size=_MOST_BYTES)
        app.router.add_route("*", "/receipts/{secret}", self._take)
        # The access log would hold the secret, and numbers.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_FINISH_WITHIN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            reason = describe_os_error(error)
            raise UsageError(f"option receipts.port: {port} on {host}: {reason}") from None
        listening = self._runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        base = (self._options.url or f"http://{shown}:{listening}").rstrip("/")
        self.url = f"{base}/receipts/{self._secret}"
        log.info("sms.receipts.listening", host=host, port=listening)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Answer the receipts that are being taken, for 5 s at most, and stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        given = request.match_info["secret"].encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._secret.encode()):
            SMS_RECEIPTS.labels("wrong_secret").inc()
            log.warning("sms.receipts.wrong_secret", remote=request.remote)
            return web.Response(status=404)
        try:
            receipt = self._read(request, await request.text())
        except (InputError, UnicodeDecodeError) as error:
            SMS_RECEIPTS.labels("unreadable").inc()
            log.warning("sms.receipts.unreadable", reason=str(error))
            return web.Response(status=400)
        if receipt is None:
            SMS_RECEIPTS.labels("under_way").inc()
            return web.Response()
        return await self._hand_on(receipt)

    async def _hand_on(self, receipt: Receipt) -> web.Response:
        try:
            await self._on_receipt(receipt)
        except UnavailableError as error:
            log.warning("sms.receipts.not_taken", reason=str(error))
            return web.Response(status=503)
        SMS_RECEIPTS.labels(receipt.state.value).inc()
        return web.Response()


def _secret(options: ReceiptOptions) -> str:
    secret = read_secret(options.secret_file, "option receipts.secret_file")
    if not _SECRET.fullmatch(secret):
        raise UsageError(
            f"option receipts.secret_file: {options.secret_file}: must hold 22 to 128 letters,"
            " digits, - or _, as from: openssl rand -hex 32"
        )
    return secret
