"""One POST to an endpoint, and what its answer means.

    2xx ────────────────────────▶ taken
    410 Gone ───────────────────▶ gone, until the file changes
    429, 5xx, no answer ────────▶ away: nothing else is sent there for a while
    3xx, other 4xx ─────────────▶ later: it is about this message, or about its URL

As Standard Webhooks asks, whatever is no success is tried again; ``Retry-After`` is honoured. No
redirect is followed: the file names where alerts go. A name that resolves to an address of the
link (cloud metadata among them) or of this machine is not connected to. No answer's body is read,
and no error repeats a URL, whose path or query may be somebody's token.
"""

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from socket import AF_INET, AddressFamily
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from consumers.outgoing.dispatcher import TAKEN, DeliveryOutcome
from skyfence import __version__
from skyfence.adapters.os_errors import describe_os_error

# Where clouds tell a machine's secrets to whoever asks; the usual 169.254.169.254 is link-local.
# These are Amazon's, Google's, Alibaba's, Oracle's and Azure's others.
_METADATA: Final = frozenset(
    map(
        ip_address,
        ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"),
    )
)
# What NAT64 translates (RFC 6052): the last four bytes are an IPv4 address.
_NAT64: Final = ip_network("64:ff9b::/96")
_CONNECT_S: Final = 5.0
_AWAY: Final = 500  # from here on, and for 429, it is not about this one message
_TOO_MANY: Final = 429
_GONE: Final = 410


def open_session() -> aiohttp.ClientSession:
    """Return the client for all endpoints; the windows of the endpoints are its only limit."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, resolver=CarefulResolver(), use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": f"skyfence/{__version__}"},
        trust_env=False,
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    tls: ssl.SSLContext | bool,
    timeout_s: float,
) -> DeliveryOutcome:
    """Post once within ``timeout_s`` seconds; return the outcome, also where it fails."""
    limit = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(_CONNECT_S, timeout_s))
    try:
        async with session.post(
            url, data=body, headers=headers, ssl=tls, timeout=limit, allow_redirects=False
        ) as answer:
            return judge(
                answer.status, answer.headers.get("Retry-After"), answer.headers.get("Date")
            )
    except TimeoutError:
        return DeliveryOutcome("away", f"no answer in time ({timeout_s:g} s)")
    except (aiohttp.ClientError, OSError) as error:
        return DeliveryOutcome("away", _describe_failure(error))


def judge(status: int, retry_after: str | None = None, date: str | None = None) -> DeliveryOutcome:
    """Return the outcome that an HTTP status and its headers mean."""
    if 200 <= status < 300:
        return TAKEN
    if status == _GONE:
        return DeliveryOutcome("gone", "answered 410 Gone")
    reason = f"answered {status}"
    if 300 <= status < 400:
        reason += ", and redirects are not followed"
    pause_s = None if retry_after is None else _seconds(retry_after, date)
    about_all = status == _TOO_MANY or status >= _AWAY
    return DeliveryOutcome("away" if about_all or pause_s is not None else "later", reason, pause_s)


def _seconds(retry_after: str, date: str | None) -> float | None:
    """Return how long to wait; a time of day is taken by the endpoint's own clock."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        then = parsedate_to_datetime(retry_after)
        now = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return max(0.0, (_aware(then) - _aware(now)).total_seconds())


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _describe_failure(error: Exception) -> str:
    """Return what failed, in words that hold no URL: its path or query may be a token."""
    if isinstance(error, ForbiddenAddressError):
        return str(error)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "its certificate is not to be trusted, or it speaks no TLS"
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, ForbiddenAddressError):
        return str(inner)
    return f"cannot be reached: {describe_os_error(inner)}"


class ForbiddenAddressError(OSError):
    """A name leads to where nothing is sent."""


def forbidden(host: str) -> str | None:
    """Return what an address is, if nothing may be sent there; None for others, and for names."""
    try:
        address = _plain(ip_address(host))
    except ValueError:
        return None
    if address in _METADATA:
        return f"{address}, which tells a cloud's secrets"
    if address.is_link_local:
        return f"{address}, which is link-local"
    if address.is_multicast or address.is_unspecified or address == ip_address("255.255.255.255"):
        return f"{address}, which is no single machine's"
    return None


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


class CarefulResolver(AbstractResolver):
    """Resolves names, and refuses addresses to which a name in the public DNS must not lead.

    Addresses of private networks are served: command posts stand there. The loopback is for
    ``localhost`` alone.
    """

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AF_INET
    ) -> list[ResolveResult]:
        """Return a name's addresses; raise ``ForbiddenAddressError`` if one is not to be used."""
        addresses = await self._inner.resolve(host, port, family)
        for address in addresses:
            reason = forbidden(address["host"])
            is_own = _plain(ip_address(address["host"])).is_loopback
            if reason is None and host != "localhost" and is_own:
                reason = f"{address['host']}, which is this machine"
            if reason is not None:
                raise ForbiddenAddressError(f"its name leads to {reason}")
        return addresses

    async def close(self) -> None:
        """Let go of the inner resolver."""
        await self._inner.close()
