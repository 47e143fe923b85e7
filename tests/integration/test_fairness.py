"""One source's flood does not keep another's alert waiting: counted in events, not in seconds."""

import asyncio
import json

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from proc import Processes
from talk import LONGEST_S, entry

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings

pytestmark = pytest.mark.integration

FLOOD_FRAMES, FLOOD_TRACKS = 2, 200


def partition_of(source: str, count: int) -> int:
    """Return the partition of ``tracks`` that a source's messages go to."""
    numbers = list(range(count))
    return int(DefaultPartitioner()(source.encode(), numbers, numbers))


def elsewhere(source: str, count: int) -> str:
    """Return a source that has another partition."""
    taken = partition_of(source, count)
    names = (f"other-{number}" for number in range(100))
    return next(name for name in names if partition_of(name, count) != taken)


async def test_a_frame_of_new_tracks_keeps_no_other_partition_waiting(
    settings: Settings, processes: Processes
) -> None:
    """All were there before the worker: the drone is told of when few of the flood are judged."""
    flooding = elsewhere("radar", settings.track_partitions)
    topic = settings.topics.tracks
    async with AIOKafkaProducer(**kafka_options(settings)) as producer:
        for frame in range(FLOOD_FRAMES):
            rows = [
                report | {"source": flooding}
                for number in range(FLOOD_TRACKS)
                for report in entry(f"F{frame}-{number}")
            ]
            value = json.dumps(sorted(rows, key=lambda row: str(row["time"]))).encode()
            await producer.send_and_wait(topic, value, key=flooding.encode())
        await producer.send_and_wait(topic, json.dumps(entry("T1")).encode(), key=b"radar")
    processes.skyfence(settings, "worker")
    assert await events_before(settings, "T1") < FLOOD_FRAMES * FLOOD_TRACKS / 10


async def events_before(settings: Settings, track_id: str) -> int:
    """Return how many events of other tracks stand in ``track.events`` before a track's first."""
    before = 0
    async with (
        asyncio.timeout(LONGEST_S),
        AIOKafkaConsumer(
            settings.topics.track_events, auto_offset_reset="earliest", **kafka_options(settings)
        ) as consumer,
    ):
        async for message in consumer:
            track = json.loads(message.value).get("track_id")
            if track == track_id:
                break
            before += track is not None
    return before
