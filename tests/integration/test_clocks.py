"""Clocks that are wrong: a source that is ahead loses what is ahead, and nothing after it."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer
from talk import Subscriber, drained, report, stored

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.times import format_time, to_ms

pytestmark = pytest.mark.integration
Edges = Callable[[], list[subprocess.Popen[bytes]]]


async def test_a_heartbeat_from_the_future_blinds_nobody(settings: Settings, edges: Edges) -> None:
    """Its sender's clock is fifty minutes ahead in all it says; the drone after it is told of."""
    edges()
    now = datetime.now(UTC)
    ahead_ms = to_ms(now + timedelta(minutes=50))
    drone = [
        report("T1", 0, lon) | {"time": format_time(now + timedelta(seconds=seconds))}
        for seconds, lon in ((-4, 22.01), (0, 21.99))
    ]
    async with (
        Subscriber(settings) as operator,
        AIOKafkaProducer(**kafka_options(settings)) as producer,
    ):
        topic = settings.topics.tracks
        headers = [("scan-time", str(ahead_ms).encode())]
        await producer.send_and_wait(
            topic, b"[]", key=b"radar", headers=headers, timestamp_ms=ahead_ms
        )
        await producer.send_and_wait(topic, json.dumps(drone).encode(), key=b"radar")
        await drained(settings)
        await operator.settle()
    assert {alert.track_id for alert in operator.alerts()} == {"T1"}
    (rejected,) = await stored(settings, settings.topics.rejected, 1)
    assert "ahead of the message's arrival" in rejected["reason"]
