"""What a sink for alerts is: the protocol, its description, and what it is given.

A sink states its delivery guarantee first. It may be handed the same alert again after a crash and
must make one message of it, by alert identifier or by step. To add one: docs/components.md.

    alerts ──▶ ``relay`` (a group for each sink) ──▶ OpenSink.sink.deliver
                                                     OpenSink.background (sends from an outbox)
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol

from skyfence.components.component import Component, Context, Kind, OptionsT
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


@dataclass(frozen=True, kw_only=True)
class Judging:
    """Whether what reaches Kafka is judged ``now``; it has been until then, None: not known."""

    now: bool
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class OpenSink:
    """A sink at work, and what the relay needs to know of it.

    ``group`` is the consumer group, by which Kafka knows what the sink has taken. ``background``
    runs beside the relay for as long as it does, and ends it when it ends. ``beat`` is called with
    the wall clock, milliseconds, and whether reports are judged (None: another relay knows), every
    few seconds in which Kafka answers. A sink that counts and
    logs in words of its own what becomes of an alert says so with ``tells_itself``.
    """

    sink: Sink
    group: str
    background: Callable[[], Coroutine[Any, Any, None]] | None = None
    beat: Callable[[int, Judging | None], Awaitable[None]] | None = None
    tells_itself: bool = False


@dataclass(frozen=True, kw_only=True)
class SinkComponent(Component[OptionsT, Context, OpenSink]):
    """The description of a sink."""

    kind: ClassVar[Kind] = "sink"
