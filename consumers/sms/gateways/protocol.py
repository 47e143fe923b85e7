"""The protocol of an SMS gateway. To add one: a file here, and its name among the adapters.

A gateway states its delivery guarantee first. It submits one message at a time and hears receipts
whenever they come; what is to be sent, how often and to whom is not its business (``sink``).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from consumers.outbox.items import ItemState


@dataclass(frozen=True)
class Sms:
    """One message: ``key`` names it for ever, ``number`` is in E.164 form with its plus.

    After ``valid_s`` seconds the network should drop it, where a gateway can tell it so: a phone
    that was off must not ring with what is over.
    """

    key: str
    number: str
    text: str
    valid_s: int | None = None


@dataclass(frozen=True)
class Receipt:
    """What the network says became of a message; ``reference`` is the gateway's name for it.

    ``state`` is delivered or failed: what says that it is still on its way is no receipt.
    """

    reference: str
    state: ItemState
    reason: str | None = None


OnReceipt = Callable[[Receipt], Awaitable[None]]


class RefusedError(Exception):
    """The gateway will never take this message; ``str`` says why, without number or text."""


class ThrottledError(Exception):
    """The gateway takes nothing for a while; ``pause_s`` is how long, where it says so."""

    def __init__(self, reason: str, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class UncertainError(Exception):
    """The message may have been taken: the connection broke before the answer."""


class Gateway(Protocol):
    """Where SMS go. Made inside ``async with``; several messages may be submitted at once."""

    async def __aenter__(self) -> "Gateway":
        """Connect, or begin to try."""
        ...

    async def __aexit__(self, *error: object) -> None:
        """Let go of connections."""
        ...

    async def submit(self, sms: Sms) -> str | None:
        """Hand a message over; return the gateway's name for it, None if it gives none.

        Raises ``RefusedError`` (never again), ``ThrottledError`` (later), ``UnavailableError``
        where it was certainly not taken, and ``UncertainError`` where nobody knows.
        """
        ...
