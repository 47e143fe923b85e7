"""The protocol of a sink for alerts. To add one: a file here, and its name in the relay.

A sink states its delivery guarantee first. It may be handed the same alert again after a crash and
must make one message of it, by alert identifier or by step.
"""

from typing import Protocol

from skyfence.contracts.alert import AlertMessage


class Sink(Protocol):
    """Where alerts go."""

    async def deliver(self, message: AlertMessage) -> int | None:
        """Hand an alert over; return how many took it there and then, None if it was no news.

        Raises ``UnavailableError`` where it cannot be handed over now.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
