"""What an agent sends, and the wait until the broker has stored all of it.

    agent ──▶ send ──▶ Faust's producer ──▶ crossings, track.events, alerts, rejected
          ──▶ flush: returns when the broker has acknowledged everything sent so far

A checkpoint may cover an agent's input only after ``flush``. A message that is too large for Kafka
ends no worker, which would decide on the same message again after each start: a shorter one goes
out in its place, if there is one, and a rejected record says so. The headers that travel beside a
message, its timeline, are made and read here, too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from skyfence.adapters import metrics
from skyfence.contracts.rejected import DEFECT, Reason, Rejected
from skyfence.contracts.short_alert import MAX_MESSAGE_BYTES
from skyfence.incidents.watermark import Origin
from skyfence.naming import Topics
from skyfence.times import header_number, to_ms
from streams.driver.app import CheckpointingApp
from streams.driver.message import KafkaMessage, StoredMessage
from streams.log_break import LogBreak

log = structlog.get_logger()

Headers = Mapping[str, bytes]


class PendingSends:
    """Sends to an environment's topics, and knows which sends are not acknowledged yet."""

    def __init__(self, app: CheckpointingApp, topics: Topics) -> None:
        self._rejected_topic = topics.rejected
        self._topics = {
            name: app.output_topic(name)
            for name in (
                topics.crossings,
                topics.track_events,
                topics.alerts,
                topics.rejected,
                topics.judged,
            )
        }
        self._pending: list[_Sent] = []

    async def send(
        self,
        topic: str,
        key: str,
        value: bytes,
        headers: Headers,
        *,
        cause: KafkaMessage | None = None,
        short: Callable[[], bytes] | None = None,
    ) -> None:
        """Hand a message to the producer; raise ``KeyError`` for a topic that is not written.

        ``cause`` is the message that it follows from; ``short`` returns what to send in its place
        where Kafka does not take it.
        """
        message = _Message(topic, key, value, headers, cause, short)
        if len(value) > MAX_MESSAGE_BYTES:
            await self._send_short(message)
        else:
            await self._hand_over(message)

    async def _hand_over(self, message: "_Message") -> None:
        key, value, headers = message.key.encode(), message.value, message.headers
        stored = await self._topics[message.topic].send(key=key, value=value, headers=headers)
        self._pending.append(_Sent(message, stored))

    async def _send_short(self, message: "_Message") -> None:
        """Send a message's short form, if it has one, and keep that it was too large."""
        size = len(message.value)
        log.error("message.too_large", topic=message.topic, key=message.key, size_bytes=size)
        if message.cause is not None:
            left = "left out" if message.short is None else "cut short"
            text = f"its message of {size} bytes to {message.topic} is too large for kafka: {left}"
            await self.reject(message.cause, Reason("size", text))
        if message.short is not None:
            value = message.short()
            await self._hand_over(replace(message, value=value, cause=None, short=None))

    async def reject(
        self, message: KafkaMessage, reason: Reason, row: int | None = None, count: int = 1
    ) -> None:
        """Keep a message that could not be used, or one row of it, in ``rejected``.

        ``count`` is the number of rows that the record stands for.
        """
        metrics.rejected(reason.reason_class, count)
        record = Rejected.of(message, message.timestamp_ms, reason, row)
        await self.send(self._rejected_topic, message.address, record.to_json(), {})

    async def reject_break(self, log_break: LogBreak) -> None:
        """Keep in ``rejected`` that messages are gone which nobody has judged."""
        topic, partition = log_break.partition
        placeholder = KafkaMessage(
            topic=topic,
            partition=partition,
            offset=log_break.next_offset,
            timestamp_ms=log_break.last_ms or 0,
            is_broker_time=True,
            key=None,
            value=None,
            headers={},
        )
        await self.reject(placeholder, Reason("lost", log_break.text))

    async def reject_for_defect(self, event: str, message: KafkaMessage) -> None:
        """Keep a message at which our own code failed, and log the exception as ``event``.

        Call it in the ``except`` clause. One message must not become a crash loop, in which those
        behind it wait for ever.
        """
        log.exception(event, partition=message.partition, offset=message.offset)
        await self.reject(message, DEFECT)

    async def flush(self) -> None:
        """Return when the broker has acknowledged everything sent so far.

        Raise the broker's error if it refused a message for anything but its size; that message
        stays pending, so that each later call raises the same. Cancelling a call cancels no send.
        """
        while self._pending:
            pending, too_large = list(self._pending), []
            try:
                await asyncio.shield(asyncio.gather(*(sent.stored for sent in pending)))
            except MessageSizeTooLargeError:
                too_large = [sent.message for sent in pending if await _is_too_large(sent)]
            del self._pending[: len(pending)]
            for message in too_large:
                await self._send_short(message)


@dataclass(frozen=True)
class _Message:
    """A message to a topic, what it follows from, and what is sent where it is too large."""

    topic: str
    key: str
    value: bytes
    headers: Headers
    cause: KafkaMessage | None
    short: Callable[[], bytes] | None


@dataclass(frozen=True)
class _Sent:
    """A message that was handed to the producer; ``stored`` is the broker's acknowledgement."""

    message: _Message
    stored: Awaitable[StoredMessage]


async def _is_too_large(sent: _Sent) -> bool:
    """Wait for the broker's answer; tell whether the message was too large for it."""
    try:
        await asyncio.shield(sent.stored)
    except MessageSizeTooLargeError:
        return True
    return False


def observed_headers(frame: KafkaMessage, observed: datetime) -> dict[str, bytes]:
    """Return a track event's headers: when it was observed, when its frame reached Kafka.

    The frame's own headers are its sender's claim, and are not passed on.
    """
    return {
        "observed": str(to_ms(observed)).encode(),
        "published": str(frame.timestamp_ms).encode(),
        "partition": str(frame.partition).encode(),  # of tracks: the monitor watches its lag
    }


def origin_of(event: KafkaMessage) -> Origin | None:
    """Return the partition and time of a track event's frame, from its ``observed_headers``.

    None where they are missing or no numbers.
    """
    partition = header_number(event.headers.get("partition"))
    published_ms = header_number(event.headers.get("published"))
    return None if partition is None or published_ms is None else Origin(partition, published_ms)


def decided_headers(event: KafkaMessage, decided_ms: int) -> dict[str, bytes]:
    """Return an alert's headers: the timeline of its event, and when it was decided."""
    headers = event.headers
    earlier = {name: headers[name] for name in ("observed", "published") if name in headers}
    return earlier | {"decided": str(decided_ms).encode()}
