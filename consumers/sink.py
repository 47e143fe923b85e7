"""What a sink for alerts is: the protocol, its description, and what it is given.

A sink states its delivery guarantee first. It may be handed the same alert again after a crash and
must make one message of it, by alert identifier or by step. To add one: docs/components.md.

    alerts ──▶ ``relay`` (a group for each sink) ──▶ OpenSink.sink.deliver
                                                     OpenSink.background (sends from an outbox)
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

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


class Reconciler(Protocol):
    """Finds out that a sink has lost what it was given, and has it given again.

    Both methods raise ``UnavailableError`` where the sink is away.
    """

    async def reconcile(
        self, consumer: AIOKafkaConsumer, polled: Mapping[TopicPartition, Sequence[Any]]
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """Return what of the polled records may be handed over; the rest is read again."""
        ...

    async def mark(self, consumer: AIOKafkaConsumer) -> bool:
        """Note that all before the consumer's positions was handed over.

        Return False where some of it is lost by now: then it must not be acknowledged.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The newest message of a chain at the end of what a log held when the sink began.

    It stands for all messages of ``incidents`` there, incidents or a place's episodes, its own
    last.
    """

    message: AlertMessage
    incidents: tuple[UUID, ...]


@dataclass(frozen=True, kw_only=True)
class OpenSink:
    """A sink at work, and what the relay needs to know of it.

    ``group`` is the consumer group, by which Kafka knows what the sink has taken. ``background``
    runs beside the relay for as long as it does, and ends it when it ends. ``beat`` is called with
    the wall clock, milliseconds, and whether reports are judged (None: another relay knows), every
    few seconds in which Kafka answers.

    ``deliver_all`` takes several alerts at once, where that is cheaper than one by one: in their
    order, and raising what ``deliver`` raises, after which all are handed over again.
    ``reconciler`` belongs to a sink that may lose what it was given, and can tell.
    ``deliver_standing`` is for a sink that begins with what stands: what the log holds at the start
    is handed over to it instead of to ``deliver``, the newest message of each chain alone, and
    ``background`` begins after that.

    A sink that counts and logs in words of its own what becomes of an alert says so with
    ``tells_itself``.
    """

    sink: Sink
    group: str
    background: Callable[[], Coroutine[Any, Any, None]] | None = None
    beat: Callable[[int, Judging | None], Awaitable[None]] | None = None
    deliver_all: Callable[[Sequence[AlertMessage]], Awaitable[list[int | None]]] | None = None
    reconciler: Reconciler | None = None
    deliver_standing: Callable[[Standing], Awaitable[int | None]] | None = None
    tells_itself: bool = False


@dataclass(frozen=True, kw_only=True)
class SinkComponent(Component[OptionsT, Context, OpenSink]):
    """The description of a sink."""

    kind: ClassVar[Kind] = "sink"
