"""A log that lost its tail: what came after it is judged, and people are told."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from proc import Processes
from talk import LONGEST_S, NOON, Subscriber, drained, entry, report, send, stored

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import admin_client
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.times import format_time

pytestmark = pytest.mark.integration
Edges = Callable[[], list[subprocess.Popen[bytes]]]


def quiet(count: int, after_s: float) -> list[bytes]:
    """Return so many messages of a track that flies far outside."""
    times = (format_time(NOON + timedelta(seconds=after_s + n)) for n in range(count))
    return [json.dumps(report("far", 0, 30.0) | {"time": time}).encode() for time in times]


async def lose_tracks(settings: Settings) -> None:
    """Make the topic anew, as after the loss of the only broker's disk."""
    async with admin_client(settings) as admin:
        await admin.delete_topics([settings.topics.tracks])
    await ensure_topics(settings)


async def end_of(settings: Settings) -> int:
    """Return how many messages the fullest partition of ``tracks`` holds."""
    topic = settings.topics.tracks
    consumer = AIOKafkaConsumer(**kafka_options(settings))
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, n) for n in range(settings.track_partitions)]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return max(ends.values())
    finally:
        await consumer.stop()


@pytest.mark.parametrize("fresh", [3, 40])
async def test_a_log_that_lost_its_tail_is_judged_on(
    settings: Settings, processes: Processes, edges: Edges, fresh: int
) -> None:
    """Shorter than what was judged, or grown past it: the drone in the new part is told of."""
    worker, _ = edges()
    await send(settings, *quiet(20, after_s=0))
    await drained(settings)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    await lose_tracks(settings)
    drone = json.dumps(entry("drone", 100)).encode()
    await send(settings, *quiet(1, after_s=90), drone, *quiet(fresh - 2, after_s=110))
    assert await end_of(settings) == fresh
    async with Subscriber(settings) as operator, asyncio.timeout(LONGEST_S):
        again = processes.skyfence(settings, "worker")
        # It stood at offset 20. 4: Faust hung amid its crash, and the watchdog ended it.
        assert await asyncio.to_thread(again.wait, 60) in (3, 4)
        processes.skyfence(settings, "worker")
        await operator.first()
        await drained(settings)
        await operator.settle()
    assert operator.alerts()[0].track_id == "drone"
    [rejected] = await stored(settings, settings.topics.rejected, 1)
    assert rejected["reason_class"] == "lost"
    assert rejected["reason"].startswith("the log of exercise.tracks/")
