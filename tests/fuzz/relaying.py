"""The relay with damaged alerts: each is handed to the sink or rejected, and acknowledged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Final

from fuzz import samples
from fuzz.decoders import Target, complete, json_mail
from fuzz.samples import EXERCISE, Mail

from consumers import relay
from consumers.sink import OpenSink
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage
from skyfence.contracts.rejected import Reason, Rejected
from skyfence.naming import Topics, is_zone_id


@dataclass
class Record:
    """A message as aiokafka hands it out."""

    offset: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int
    topic: str = Topics(EXERCISE).alerts
    key: bytes | None = None
    partition: int = 0


class _Queue:
    """Stands in for the relay's consumer: one message, and then the end."""

    given: ClassVar[list[Record]] = []
    committed: ClassVar[int] = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assignment(self) -> set[Any]:
        return set()

    async def getmany(self, timeout_ms: int) -> dict[str, list[Record]]:
        if not self.given:
            raise asyncio.CancelledError
        return {"alerts": [self.given.pop()]}

    async def commit(self) -> None:
        type(self).committed += 1


class _Producer:
    """Stands in for the relay's producer."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send_and_wait(self, _: str, value: bytes) -> None:
        self.sent.append(value)


class _Sink:
    """Takes alerts, for whose places there must be channels."""

    def __init__(self) -> None:
        self.taken: list[AlertMessage] = []

    async def deliver(self, message: AlertMessage) -> int:
        assert is_zone_id(message.alert.place)
        self.taken.append(message)
        return 1

    async def close(self) -> None: ...


class Alerts:
    """The relay: each alert is handed to the sink or rejected, and acknowledged."""

    def __init__(self) -> None:
        self._alerts = samples.documents(samples.told().alerts)
        self._sink, self._producer, self._offset = _Sink(), _Producer(), 0
        module: Any = relay  # its names of Kafka's clients are not exported
        module.AIOKafkaConsumer = _Queue
        module.producer = lambda _: self._producer
        self._relay = relay.Relay(Settings(), OpenSink(sink=self._sink, group="fuzz"))

    def begin(self) -> None:
        """Do nothing: the relay remembers nothing."""

    def damaged(self, draw: Random, number: int) -> Mail:
        """Return the n-th message."""
        return json_mail(self._alerts, draw, number)

    def judge(self, mail: Mail) -> Reason | None:
        """Hand a message to the relay; return why it was rejected, or None."""
        self._sink.taken.clear()
        self._producer.sent.clear()
        _Queue.given = [Record(self._offset, mail.value, mail.headers, mail.timestamp_ms)]
        before = _Queue.committed
        try:
            complete(self._relay.run())
        except asyncio.CancelledError:
            assert _Queue.committed == before + 1, "not acknowledged"
        self._offset += 1
        assert len(self._sink.taken) + len(self._producer.sent) == 1
        if self._sink.taken:
            return None
        rejected = Rejected.model_validate_json(self._producer.sent[0])
        assert rejected.offset == self._offset - 1
        return Reason(rejected.reason_class, rejected.reason)


RELAYS: Final[dict[str, Callable[[], Target]]] = {"relay": Alerts}
