"""One HTTP request to a gateway, and what is known of the message when it goes wrong.

    no connection ──────────────▶ UnavailableError   certainly not taken
    connection broke, no answer ─▶ UncertainError     perhaps taken
    answer ─────────────────────▶ Answer             the adapter reads it

Asks once and never again: whether to repeat is the sender's business. Follows no redirect, because
the password would go along. URLs, headers and bodies hold numbers and passwords, so no error here
repeats any of them.
"""

import ssl
from dataclasses import dataclass
from typing import Any, Final, Self

import aiohttp

from consumers.sms.gateways.protocol import UncertainError
from consumers.sms.gateways.receipt_endpoint import ReceiptEndpoint
from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import UnavailableError

# Answers are a line or a small document; longer ones are cut.
_MOST_BYTES: Final = 64 * 1024
# A connection is used again within a burst and closed by us soon after: a gateway that closes an
# idle one just as we write would leave a message uncertain.
_IDLE_S: Final = 1.0
_CONNECT_S: Final = 5.0


@dataclass(frozen=True)
class Answer:
    """A gateway's answer: HTTP status, header Retry-After as it came, at most 64 KiB of body."""

    status: int
    retry_after: str | None
    body: str


def client(timeout_s: float, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a client for one gateway, which waits ``timeout_s`` for a whole answer.

    It limits no connections: the sender's window does.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S, ssl=tls),
        timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(_CONNECT_S, timeout_s)),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # nobody was asked to compress; a bomb would be unpacked
        headers={"Accept-Encoding": "identity", "User-Agent": "skyfence"},
    )


class HttpTransport:
    """The base of gateways with an HTTP interface: a client, and an endpoint for receipts.

    ``name`` stands for the gateway in errors, ``timeout_s`` bounds one request. Works inside
    ``async with``.
    """

    def __init__(
        self, name: str, endpoint: ReceiptEndpoint | None, tls: ssl.SSLContext, timeout_s: float
    ) -> None:
        self._name = name
        self._endpoint = endpoint
        self._tls = tls
        self._timeout_s = timeout_s
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Listen for receipts; the first message makes the first connection to the gateway.

        Raises ``UsageError`` where the endpoint's port cannot be had.
        """
        if self._endpoint is not None:
            await self._endpoint.__aenter__()
        self._client = client(self._timeout_s, self._tls)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close the connections to the gateway, then stop listening."""
        if self._client is not None:
            await self._client.close()
        if self._endpoint is not None:
            await self._endpoint.__aexit__(*error)

    async def _request_answer(self, method: str, url: str, **request: Any) -> Answer:
        if self._client is None:
            raise UnavailableError(f"{self._name} is not open")
        return await request_answer(self._client, self._name, method, url, **request)


async def request_answer(
    session: aiohttp.ClientSession, gateway: str, method: str, url: str, **request: Any
) -> Answer:
    """Send one request and return its answer; ``gateway`` names the gateway in errors.

    ``request`` goes to ``aiohttp.ClientSession.request``. Raises ``UnavailableError`` where no
    connection was made, ``UncertainError`` where one was made and no answer came.
    """
    try:
        async with session.request(method, url, allow_redirects=False, **request) as response:
            body = await _first(response.content)
            return Answer(response.status, response.headers.get("Retry-After"), body)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise UnavailableError(f"{gateway} cannot be reached: {describe_os_error(error)}") from None
    except TimeoutError:
        raise UncertainError(f"{gateway} did not answer in time") from None
    except aiohttp.InvalidURL:
        raise UnavailableError(f"{gateway}: its URL became invalid with this message") from None
    except (aiohttp.ClientError, OSError) as error:
        raise UncertainError(f"{gateway} broke off: {describe_os_error(error)}") from None


async def _first(content: aiohttp.StreamReader) -> str:
    """Return the first 64 KiB of an answer, in however many pieces it comes."""
    body = b""
    while piece := await content.read(_MOST_BYTES - len(body)):
        body += piece
    return body.decode("utf-8", "replace")
