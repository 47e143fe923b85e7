"""The outbox: what an agent sends, and the wait until the broker has stored all of it.

``Topic.send`` of Faust returns an awaitable; awaiting that one is the broker's acknowledgement. A
checkpoint covers an agent's input only after ``stored``.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any

import faust
import structlog

from skyfence.adapters import metrics
from skyfence.contracts.rejected import DEFECT, Reason, Rejected
from skyfence.incidents.watermark import Origin
from skyfence.naming import Topics
from skyfence.times import header_number, to_ms

log = structlog.get_logger()

Headers = Mapping[str, bytes]


class PendingSends:
    """Sends to an environment's topics through one Faust app."""

    def __init__(self, app: faust.App, topics: Topics) -> None:
        self._names = topics
        self._topics = {
            name: raw_topic(app, name)
            for name in (topics.crossings, topics.track_events, topics.alerts, topics.rejected)
        }
        self._pending: list[Awaitable[Any]] = []

    async def send(self, topic: str, key: str, value: bytes, headers: Headers) -> None:
        """Hand a message to the producer."""
        sent = await self._topics[topic].send(key=key.encode(), value=value, headers=dict(headers))
        self._pending.append(sent)

    async def reject(self, message: Any, reason: Reason, row: int | None = None) -> None:
        """Keep input that could not be used, with its reason and where it came from."""
        metrics.rejected(reason.reason_class)
        record = Rejected.of(message, timestamp_ms(message), reason, row)
        where = f"{message.topic}/{message.partition}/{message.offset}"
        await self.send(self._names.rejected, where, record.to_json(), {})

    async def failed(self, event: str, message: Any) -> None:
        """Keep a message that a defect of ours could not deal with; call where it was caught.

        One message must not become a crash loop: those after it wait to be judged.
        """
        log.exception(event, partition=message.partition, offset=message.offset)
        await self.reject(message, DEFECT)

    async def stored(self) -> None:
        """Return when the broker has acknowledged everything sent so far.

        What it refused stays pending: whoever asks again hears the same. Who asks may be cancelled,
        what was sent is not.
        """
        pending = list(self._pending)
        await asyncio.shield(asyncio.gather(*pending))
        del self._pending[: len(pending)]


def raw_topic(app: faust.App, name: str) -> Any:
    """Return a topic of bytes: Faust knows nothing of these contracts."""
    return app.topic(name, key_serializer="raw", value_serializer="raw")


def timestamp_ms(message: Any) -> int:
    """Return the broker's timestamp of a Faust message, milliseconds."""
    return round(float(message.timestamp) * 1000)


def observed_headers(frame: Any, observed: datetime) -> dict[str, bytes]:
    """Return where a track event comes from: when it was observed, when its frame reached Kafka.

    What a frame's own headers say of it is its sender's word, and not taken over.
    """
    return {
        "observed": str(to_ms(observed)).encode(),
        "published": str(timestamp_ms(frame)).encode(),
        "partition": str(frame.partition).encode(),  # of tracks, for those who watch its lag
    }


def origin_of(event: Any) -> Origin | None:
    """Return where a track event comes from, as ``observed_headers`` says."""
    known = headers_of(event)
    partition = header_number(known.get("partition"))
    published_ms = header_number(known.get("published"))
    return None if partition is None or published_ms is None else Origin(partition, published_ms)


def decided_headers(event: Any, decided_ms: int) -> dict[str, bytes]:
    """Return the timeline of an alert: its event's, and when it was decided."""
    known = headers_of(event)
    earlier = {name: known[name] for name in ("observed", "published") if name in known}
    return earlier | {"decided": str(decided_ms).encode()}


def headers_of(message: Any) -> dict[str, bytes]:
    """Return a Faust message's headers, which may be a list of pairs or a mapping."""
    return dict(message.headers or {})
