"""A gateway with an HTTP interface for tests: keeps what it was sent, answers as it is told."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from consumers.sms.gateways.http_client import HttpTransport


@dataclass
class Request:
    """What came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class WebGateway:
    """Listens on a free loopback port inside ``async with``."""

    status: int = 202
    body: str = "0: Accepted for delivery"
    headers: dict[str, str] = field(default_factory=dict)
    reply: Reply | None = None  # instead of those three
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> "WebGateway":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(
            Request(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                await request.text(),
            )
        )
        if self.reply is not None:
            return await self.reply(request)
        return web.Response(status=self.status, text=self.body, headers=self.headers)


async def never(_request: web.Request) -> web.StreamResponse:
    """Answer nothing until the connection is closed."""
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    """Break the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def nobody() -> str:
    """Return a URL on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


class Receipts:
    """What a gateway is given as ``on_receipt``: keeps them, or takes none while ``full``."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.full: Exception | None = None
        self.calls = 0
        self._changed = asyncio.Event()

    async def __call__(self, receipt: Any) -> None:
        self.calls += 1
        self._changed.set()
        if self.full is not None:
            raise self.full
        self.taken.append(receipt)

    async def until(self, condition: Callable[["Receipts"], bool]) -> None:
        """Wait until something holds of what came."""
        async with asyncio.timeout(20):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()


def receipt_url(gateway: HttpTransport) -> str:
    """Return the URL to which a gateway that is open brings its receipts."""
    assert gateway._endpoint is not None
    return gateway._endpoint.url
