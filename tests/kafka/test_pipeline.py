"""The pipeline on one real broker: what it says, and who serves when a worker goes."""

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from groups import until, until_shared
from proc import Processes
from talk import LONGEST_S, Subscriber, drained, golden, report, send, stored

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.files import default_file
from skyfence.adapters.record_batches import MAX_UNPACKED_BYTES
from skyfence.adapters.settings import Settings
from skyfence.cli.demo import RECORDINGS
from skyfence.contracts.alert import Alert

Started = subprocess.Popen[bytes]
# What the project promises. A worker's silence is noticed within 6 s, and the others hear of it
# with their next heartbeat, within 2 s.
MOVED_WITHIN_S = 10.0
SOURCES = [f"radar-{number}" for number in range(12)]  # some on each partition


@pytest.fixture
def square(settings: Settings, zones_file: Path) -> Settings:
    """Return the settings with the small zones of the tests."""
    return settings.model_copy(update={"zones": zones_file})


def worker(processes: Processes, settings: Settings, slot: int) -> Started:
    """Start the worker of a slot."""
    return processes.skyfence(settings.model_copy(update={"worker_slot": str(slot)}), "worker")


async def replayed(processes: Processes, settings: Settings, name: str) -> None:
    """Replay a recording as a run of its name, and wait until all of it has come out."""
    path = str(default_file("recordings", name))
    options = ["--speed", "max", "--run", Path(name).stem, "--wait"]
    replay = processes.skyfence(settings, "replay", path, *options)
    assert await asyncio.to_thread(replay.wait, 2 * LONGEST_S) == 0, processes.said(replay)


async def enter(settings: Settings, seconds: float) -> None:
    """Let a track of each source enter AA, ten seconds apart."""
    for number, source in enumerate(SOURCES):
        start_s = seconds + 10 * number
        places = [(start_s, 22.01), (start_s + 4, 21.99)]
        track = [report(f"T{seconds:.0f}", s, lon, source=source) for s, lon in places]
        await send(settings, json.dumps(track).encode(), key=source.encode())


async def test_the_recordings_come_out_as_their_golden_files(
    settings: Settings, processes: Processes
) -> None:
    """Both recordings through Kafka and Redis give the golden alerts, each channel in order."""
    for name in ("worker", "relay"):
        processes.skyfence(settings, name)
    for name in RECORDINGS:
        async with Subscriber(settings) as operator:
            await replayed(processes, settings, name)
            await operator.settle()
        alerts = [message.alert for message in operator.messages]
        got, expected = [alert for alert in alerts if isinstance(alert, Alert)], golden(name)
        assert len(got) == len(expected)
        for channel in {alert.channel for alert in expected}:
            own = [alert for alert in got if alert.channel == channel]
            assert own == [alert for alert in expected if alert.channel == channel]


async def test_a_batch_that_unpacks_to_too_much_is_left_out(
    square: Settings, processes: Processes
) -> None:
    """The broker takes it, the worker rejects it and judges what stands behind it."""
    worker(processes, square, 0)
    processes.skyfence(square, "relay")
    too_much = 2 * MAX_UNPACKED_BYTES
    packing = {"compression_type": "gzip", "max_batch_size": too_much, "max_request_size": too_much}
    async with AIOKafkaProducer(**kafka_options(square), **packing) as sender:
        bomb = b" " * (MAX_UNPACKED_BYTES + 1)
        await sender.send_and_wait(square.topics.tracks, bomb, key=b"radar-0")
    async with Subscriber(square) as operator:
        await enter(square, 0)
        await drained(square)
        await operator.settle()
    (rejected,) = await stored(square, square.topics.rejected, 1)
    assert rejected["reason"].startswith("batch of offsets 0 to 0 unpacks to more than")
    assert {alert.track_id for alert in operator.alerts()} == {"T0"}


async def test_a_killed_worker_s_partitions_move(square: Settings, processes: Processes) -> None:
    """Within 10 s of kill -9 the other worker has all partitions, and alerts go on for each."""
    processes.skyfence(square, "relay")
    killed, _ = worker(processes, square, 0), worker(processes, square, 1)
    before = await until_shared(square, 2)
    assert all(before.members.values()), "one of the two had nothing to do"
    os.killpg(killed.pid, signal.SIGKILL)
    killed_s = time.monotonic()
    after = await until_shared(square, 1)
    taken_s = time.monotonic() - killed_s
    assert taken_s < MOVED_WITHIN_S
    assert set(after.members) < set(before.members)
    async with Subscriber(square) as operator:
        await enter(square, 0)
        await drained(square)
        await operator.settle()
    alerts = [message.alert for message in operator.messages]
    alerted = {a.source for a in alerts if isinstance(a, Alert) and a.place == "AA"}
    assert alerted == set(SOURCES)


async def test_who_comes_under_a_slot_has_its_partitions(
    square: Settings, processes: Processes
) -> None:
    """A worker that comes back under its slot disturbs nobody: no rebalance, the same partitions.

    It comes before the old one is dead, so that nothing hangs on how fast it starts.
    """
    worker(processes, square, 0)
    worker(processes, square, 1)
    before = await until_shared(square, 2)
    worker(processes, square, 0)
    after = await until(square, lambda group: set(group.members) != set(before.members))
    assert after.state == "Stable"
    assert sorted(map(sorted, after.members.values())) == sorted(
        map(sorted, before.members.values())
    )
    assert len(after.members.keys() & before.members.keys()) == 1
