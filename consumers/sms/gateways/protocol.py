"""The protocol of an SMS gateway. To add one: a file here, and its name among the adapters.

A gateway states its delivery guarantee first. It submits one message at a time and hears receipts
whenever they come. It does not choose recipients, texts or times (``sink``, ``sender``).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from consumers.outbox.items import ItemState


@dataclass(frozen=True)
class Sms:
    """One message: ``key`` identifies it for ever, ``number`` is in E.164 form with its plus.

    After ``valid_s`` seconds (None: the network's own limit) the network should drop it, where the
    gateway's protocol can ask that: a phone that was off must not ring with a past danger.
    """

    key: str
    number: str
    text: str
    valid_s: int | None = None


@dataclass(frozen=True)
class Receipt:
    """The network's report of a message; ``reference`` is what ``Gateway.submit`` returned for it.

    ``state`` is delivered or failed: a report that it is still on its way is no receipt.
    """

    reference: str
    state: ItemState
    reason: str | None = None


OnReceipt = Callable[[Receipt], Awaitable[None]]


class RefusedError(Exception):
    """The gateway will never take this message; ``str`` says why, without number or text."""


class ThrottledError(Exception):
    """The gateway takes nothing for a while; ``pause_s`` is the pause that it asks for, if any."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class UncertainError(Exception):
    """The message may have been taken: the connection broke before the answer."""


class Gateway(Protocol):
    """Takes SMS inside ``async with``; several messages may be submitted at once."""

    async def __aenter__(self) -> "Gateway":
        """Connect, or begin to try; raise ``UsageError`` for options that cannot work."""
        ...

    async def __aexit__(self, *error: object) -> None:
        """Close all connections."""
        ...

    async def submit(self, sms: Sms) -> str | None:
        """Hand a message over; return the reference that its receipts will carry, None if none.

        Raises ``RefusedError`` where the gateway will never take it, ``ThrottledError`` where it
        may later, ``UnavailableError`` where it certainly did not take it, and ``UncertainError``
        where it may have.
        """
        ...
