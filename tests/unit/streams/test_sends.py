"""What an agent sends: a message that Kafka does not take ends no worker."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from fuzz.agents import TOPICS

from skyfence.contracts.short_alert import MAX_MESSAGE_BYTES
from streams.driver.app import CheckpointingApp
from streams.driver.message import KafkaMessage
from streams.sends import PendingSends

CAUSE = KafkaMessage(
    topic=TOPICS.track_events,
    partition=0,
    offset=7,
    timestamp_ms=1_000,
    is_broker_time=True,
    key=b"radar/T1",
    value=b"{}",
    headers={},
)
Sent = tuple[str, bytes]


@dataclass
class Kafka:
    """Topics that keep what was sent to them, and a broker that refuses what is too large."""

    limit: int = 1_000_000
    error: Exception | None = None
    sent: list[Sent] = field(default_factory=list)

    def output_topic(self, name: str) -> "Topic":
        return Topic(name, self)


@dataclass
class Topic:
    """One of its topics."""

    name: str
    kafka: Kafka

    async def send(self, *, value: bytes, **_: Any) -> "asyncio.Future[None]":
        stored = asyncio.get_running_loop().create_future()
        if self.kafka.error is not None:
            stored.set_exception(self.kafka.error)
        elif len(value) > self.kafka.limit:
            stored.set_exception(MessageSizeTooLargeError())
        else:
            self.kafka.sent.append((self.name, value))
            stored.set_result(None)
        return stored


def sends_to(kafka: Kafka) -> PendingSends:
    return PendingSends(cast("CheckpointingApp", kafka), TOPICS)


async def send(sends: PendingSends, value: bytes, short: bytes | None = b"short") -> None:
    """Send an alert that may have a short form, and wait until it is stored."""
    form = None if short is None else lambda: short
    await sends.send(TOPICS.alerts, "key", value, {}, cause=CAUSE, short=form)
    await sends.flush()


@pytest.mark.parametrize(("limit", "size"), [(10_000_000, MAX_MESSAGE_BYTES + 1), (5_000, 6_000)])
async def test_a_message_that_is_too_large_is_cut_short(limit: int, size: int) -> None:
    """The short form is sent, and rejected names what it follows from and its size.

    Its own limit holds, and the broker's, which may be lower.
    """
    kafka = Kafka(limit)
    await send(sends_to(kafka), b"x" * size)
    (_, rejected), short = kafka.sent
    assert short == (TOPICS.alerts, b"short")
    record = json.loads(rejected)
    assert record["reason"] == (
        f"its message of {size} bytes to {TOPICS.alerts} is too large for kafka: cut short"
    )
    assert (record["topic"], record["offset"], record["reason_class"]) == (
        TOPICS.track_events,
        7,
        "size",
    )


async def test_a_message_without_a_short_form_is_left_out() -> None:
    """Only the rejected record is sent, and the worker goes on."""
    kafka = Kafka(limit=5_000)
    sends = sends_to(kafka)
    await send(sends, b"x" * 6_000, short=None)
    await send(sends, b"next")
    assert [topic for topic, _ in kafka.sent] == [TOPICS.rejected, TOPICS.alerts]


async def test_a_short_form_that_is_too_large_is_not_tried_for_ever() -> None:
    """A broker that takes nothing gets each message and its short form once."""
    kafka = Kafka(limit=0)
    await send(sends_to(kafka), b"long", short=b"short")
    assert kafka.sent == []


async def test_other_errors_are_the_worker_s_to_end_at() -> None:
    """What a broker refuses for another reason stays pending: each flush raises it."""
    sends = sends_to(Kafka(error=KafkaError("away")))
    for _ in range(2):
        with pytest.raises(KafkaError, match="away"):
            await send(sends, b"alert")
