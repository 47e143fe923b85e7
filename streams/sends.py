"""What an agent sends, and the wait until the broker has stored all of it.

    agent ──▶ send ──▶ Faust's producer ──▶ crossings, track.events, alerts, rejected
          ──▶ flush: returns when the broker has acknowledged everything sent so far

A checkpoint may cover an agent's input only after ``flush``. The headers that travel beside a
message, its timeline, are made and read here, too.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime

import structlog

from skyfence.adapters import metrics
from skyfence.contracts.rejected import DEFECT, Reason, Rejected
from skyfence.incidents.watermark import Origin
from skyfence.naming import Topics
from skyfence.times import header_number, to_ms
from streams.driver.app import CheckpointingApp
from streams.driver.message import KafkaMessage, StoredMessage

log = structlog.get_logger()

Headers = Mapping[str, bytes]


class PendingSends:
    """Sends to an environment's topics, and knows which sends are not acknowledged yet."""

    def __init__(self, app: CheckpointingApp, topics: Topics) -> None:
        self._rejected_topic = topics.rejected
        self._topics = {
            name: app.output_topic(name)
            for name in (topics.crossings, topics.track_events, topics.alerts, topics.rejected)
        }
        self._pending: list[Awaitable[StoredMessage]] = []

    async def send(self, topic: str, key: str, value: bytes, headers: Headers) -> None:
        """Hand a message to the producer; raise ``KeyError`` for a topic that is not written."""
        sent = await self._topics[topic].send(key=key.encode(), value=value, headers=headers)
        self._pending.append(sent)

    async def reject(self, message: KafkaMessage, reason: Reason, row: int | None = None) -> None:
        """Keep a message that could not be used, or one row of it, in ``rejected``."""
        metrics.rejected(reason.reason_class)
        record = Rejected.of(message, message.timestamp_ms, reason, row)
        await self.send(self._rejected_topic, message.address, record.to_json(), {})

    async def reject_for_defect(self, event: str, message: KafkaMessage) -> None:
        """Keep a message at which our own code failed, and log the exception as ``event``.

        Call it in the ``except`` clause. One message must not become a crash loop, in which those
        behind it wait for ever.
        """
        log.exception(event, partition=message.partition, offset=message.offset)
        await self.reject(message, DEFECT)

    async def flush(self) -> None:
        """Return when the broker has acknowledged everything sent so far.

        Raise the broker's error if it refused a message; that message stays pending, so that each
        later call raises the same. Cancelling a call cancels no send.
        """
        pending = list(self._pending)
        await asyncio.shield(asyncio.gather(*pending))
        del self._pending[: len(pending)]


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
