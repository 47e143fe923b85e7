"""One POST: what answers mean, where nothing is sent, and whom we trust."""

import ssl
from pathlib import Path
from socket import AF_INET, AddressFamily

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from receiving import listening

from consumers.outgoing.dispatcher import TAKEN, DeliveryOutcome
from consumers.webhooks.http_post import (
    CarefulResolver,
    ForbiddenAddressError,
    forbidden,
    judge,
    open_session,
    post,
)

DATE = "Tue, 24 Nov 2026 09:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "retry_after", "expected"),
    [
        (200, None, TAKEN),
        (204, "60", TAKEN),
        (302, None, DeliveryOutcome("later", "answered 302, and redirects are not followed")),
        (400, None, DeliveryOutcome("later", "answered 400")),
        (404, None, DeliveryOutcome("later", "answered 404")),
        (410, None, DeliveryOutcome("gone", "answered 410 Gone")),
        (429, None, DeliveryOutcome("away", "answered 429")),
        (429, "7", DeliveryOutcome("away", "answered 429", 7.0)),
        (503, "Tue, 24 Nov 2026 09:02:00 GMT", DeliveryOutcome("away", "answered 503", 120.0)),
        (503, "Tue, 24 Nov 2026 08:00:00 GMT", DeliveryOutcome("away", "answered 503", 0.0)),
        (503, "soon", DeliveryOutcome("away", "answered 503")),
        (413, "5", DeliveryOutcome("away", "answered 413", 5.0)),
    ],
)
def test_answers_mean_what_the_docs_say(
    status: int, retry_after: str | None, expected: DeliveryOutcome
) -> None:
    """Each status is one outcome, and Retry-After is seconds or a time by the endpoint's clock."""
    assert judge(status, retry_after, DATE) == expected


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fd20:ce::254",
        "168.63.129.16",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_some_addresses_are_never_sent_to(address: str) -> None:
    """Link-local, metadata, unspecified and multicast addresses are refused, in any spelling."""
    assert forbidden(address) is not None


@pytest.mark.parametrize("address", ["10.0.0.7", "192.168.1.1", "203.0.113.9", "fd12::1", "a.b"])
def test_private_networks_are_served(address: str) -> None:
    """Command posts stand in private networks; a name is judged when it is resolved."""
    assert forbidden(address) is None


class Names(AbstractResolver):
    """A DNS that somebody else controls."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        """Return what it was told."""
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "::1"])
async def test_a_name_does_not_lead_where_an_address_may_not(address: str) -> None:
    """One bad address among a name's is enough, and the loopback is for localhost alone."""
    resolver = CarefulResolver(Names("203.0.113.9", address))
    with pytest.raises(ForbiddenAddressError, match=r"its name leads to"):
        await resolver.resolve("rebound.example")
    assert await CarefulResolver(Names("127.0.0.1")).resolve("localhost")


async def test_a_refused_name_is_an_outcome() -> None:
    """The reason says where the name led, and what was asked for is put off."""
    async with open_session() as session:
        connector = session.connector
        connector._resolver = CarefulResolver(Names("169.254.169.254"))  # type: ignore[union-attr]
        outcome = await post(session, "https://rebound.example/x", b"", {}, tls=True, timeout_s=5)
    assert outcome.kind == "away"
    assert outcome.reason == "its name leads to 169.254.169.254, which is link-local"


async def test_a_redirect_is_not_followed() -> None:
    """The alert stays with whom the file names."""
    async with listening() as there, listening() as elsewhere, open_session() as session:
        there.says("hook", 307, Location=elsewhere.url + "/stolen")
        outcome = await post(session, there.url + "/hook", b"{}", {}, tls=True, timeout_s=5)
    assert outcome.kind == "later"
    assert not elsewhere.got


async def test_who_does_not_answer_is_away() -> None:
    """An answer that does not come in time, and a port where nobody listens, are outcomes."""
    async with listening() as there, open_session() as session:
        there.hangs("hook")
        slow = await post(session, there.url + "/hook", b"{}", {}, tls=True, timeout_s=0.05)
        port_url = there.url
    async with open_session() as session:
        dead = await post(session, port_url + "/token-7", b"{}", {}, tls=True, timeout_s=5)
    assert slow == DeliveryOutcome("away", "no answer in time (0.05 s)")
    assert dead.kind == "away"
    assert dead.reason is not None
    assert "cannot be reached" in dead.reason
    assert "token-7" not in dead.reason


async def test_certificates_are_checked(tmp_path: Path) -> None:
    """An endpoint of an unknown authority is not told; with its authority it is."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(ours)
    told: list[bytes] = []

    async def hook(request: web.Request) -> web.Response:
        told.append(await request.read())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", hook)
    server = TestServer(app, scheme="https", host="localhost")
    await server.start_server(ssl=ours)
    async with server, open_session() as session:
        url = f"https://localhost:{server.port}/hook"
        known = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        unknown = await post(session, url, b"one", {}, tls=True, timeout_s=5)
        trusted = await post(session, url, b"two", {}, tls=known, timeout_s=5)
    assert unknown.kind == "away"
    assert unknown.reason == "its certificate is not to be trusted, or it speaks no TLS"
    assert trusted == TAKEN
    assert told == [b"two"]
