"""How soon a killed worker judges again, with 100,000 live tracks in one partition.

    python tests/chaos/recovery.py --tracks 100000 --times 5

One node of Apache Kafka, one worker, the default zones. All tracks report over and over; with every
frame a new track appears, and the crossing that says so tells when the frame was judged. Amid this
the worker is killed and started again under its slot:

    killed ─▶ started ─▶ has the partition ─▶ first frame judged ─▶ no frame waits for a second
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import astuple, dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import median

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / folder) for folder in ("chaos", "support", "", "../bench")]

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from brokers import brokers_of
from checkpoint import FRAME, frame, places_of
from groups import until_shared
from proc import Processes
from running import Running

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import producer
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.adapters.topics import ensure_topics
from skyfence.contracts.crossing import Crossing
from skyfence.frames.codec import encode_frame
from skyfence.naming import Environment

_INLAND = np.array([[24.1, 56.95]])  # far from any border: what appears there is in a zone
_CAUGHT_UP_S = 1.0
_START_MS = 1_767_268_800_000  # noon of 1 January 2026
_LONGEST_S, _FILL_S = 120.0, 300.0
_LOOK_AGAIN_S = 0.1
# Between two kills: longer than a large state waits for its next checkpoint.
_GAP_S = (4.0, 14.0)
_DOWN_S = 1.0  # as ``skyfence up`` waits before it starts what has died


@dataclass(frozen=True)
class Recovery:
    """What passed, seconds: each from the process's start or from its having the partition."""

    start_to_partition: float
    loading: float
    partition_to_first_frame: float
    partition_to_caught_up: float


@dataclass
class Feed:
    """Tracks that report all the time, each in turn; with every frame a new one appears.

    Event time is the feed's own: however slow the machine is, no track falls silent.
    """

    sender: AIOKafkaProducer
    topic: str
    places: np.ndarray
    scan_s: float
    time_ms: int = _START_MS
    sent_s: dict[str, float] = field(default_factory=dict)  # when which new track was sent

    async def once(self, pause_s: float = 0.0) -> None:
        """Let every track report once."""
        for first in range(0, len(self.places), FRAME):
            self.time_ms += round(1_000 * self.scan_s * FRAME / len(self.places))
            await self._send(self.places[first : first + FRAME], first)
            number = len(self.places) + len(self.sent_s)
            self.sent_s[f"T{number}"] = time.time()
            await self._send(_INLAND, number)
            await asyncio.sleep(pause_s)

    async def run(self) -> None:
        """Let all tracks report over and over."""
        while True:
            await self.once(self.scan_s * FRAME / len(self.places))

    async def _send(self, where: np.ndarray, first: int) -> None:
        key, value, headers = encode_frame(frame(where, first, self.time_ms))
        await self.sender.send_and_wait(self.topic, value, key=key, headers=headers)


async def recover(
    processes: Processes, worker: Running, feed: Feed, judged: AIOKafkaConsumer
) -> Recovery:
    """Kill the worker, start it again, and return how long what took."""
    worker.send(signal.SIGKILL)
    await asyncio.sleep(_DOWN_S)
    await judged.seek_to_end()
    for partition in judged.assignment():
        await judged.position(partition)
    start_s = time.time()
    worker.start()
    first_s, caught_up_s = await asyncio.wait_for(_judged_again(feed, judged), _LONGEST_S)
    log = processes.log_of(processes.started.index(worker.process))
    said = events(log.read_text(errors="replace"))
    assigned_s, loading_s = said["partitions.assigned"][0], said["checkpoint.loaded"][1]
    return Recovery(assigned_s - start_s, loading_s, first_s - assigned_s, caught_up_s - assigned_s)


async def _judged_again(feed: Feed, judged: AIOKafkaConsumer) -> tuple[float, float]:
    """Return when the first frame was judged, and when the first that had not waited long."""
    first_s = 0.0
    while True:
        record = await judged.getone()
        crossing = Crossing.model_validate_json(record.value)
        if crossing.track_id not in feed.sent_s:
            continue
        judged_s = record.timestamp / 1_000
        first_s = first_s or judged_s
        if judged_s - feed.sent_s[crossing.track_id] < _CAUGHT_UP_S:
            return first_s, judged_s


def events(log: str) -> dict[str, tuple[float, float]]:
    """Return when a worker's track agent first said what, and the seconds it named."""
    first: dict[str, tuple[float, float]] = {}
    for line in log.splitlines():
        _, brace, rest = line.partition("{")  # Faust hides the cursor before
        said = json.loads(brace + rest) if rest.endswith("}") else {}
        if said.get("agent") == "track" and said.get("partitions") != []:
            at_s = datetime.fromisoformat(said["timestamp"]).timestamp()
            first.setdefault(said["event"], (at_s, said.get("seconds", 0.0)))
    return first


@contextlib.asynccontextmanager
async def reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """Read the crossings, all partitions, from now on."""
    topic = settings.topics.crossings
    consumer = AIOKafkaConsumer(**kafka_options(settings))
    await consumer.start()
    try:
        count = settings.topics.partitions(settings.track_partitions)[topic]
        consumer.assign([TopicPartition(topic, number) for number in range(count)])
        yield consumer
    finally:
        await consumer.stop()


async def judged_all(settings: Settings) -> None:
    """Return when the worker has judged all that was sent, and a checkpoint covers it."""
    topics = settings.topics
    async with asyncio.timeout(_FILL_S), GroupProgress(settings) as progress:
        while await progress.left(topics.worker_group, topics.tracks):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN_S)


async def measure(options: argparse.Namespace, folder: Path) -> list[Recovery]:
    """Fill the partition, keep the tracks alive, kill again and again."""
    processes, draw, recoveries = Processes(folder), Random(options.seed), []
    try:
        brokers = await brokers_of(1, processes, folder)
        settings = Settings(
            environment=Environment.EXERCISE,
            track_partitions=1,
            worker_slot="0",
            **brokers.settings,
        )
        await ensure_topics(settings)
        worker = Running("worker", lambda: processes.skyfence(settings, "worker"))
        worker.start()
        await until_shared(settings, 1)
        async with producer(settings) as sender, reader(settings) as judged:
            places = places_of(options.tracks)
            feed = Feed(sender, settings.topics.tracks, places, options.scan)
            await feed.once()
            await judged_all(settings)
            running = asyncio.create_task(feed.run())
            for _ in range(options.times):
                await asyncio.sleep(draw.uniform(*_GAP_S))
                recoveries.append(await recover(processes, worker, feed, judged))
                print(
                    " ".join(f"{seconds:10.2f}" for seconds in astuple(recoveries[-1])), flush=True
                )
            running.cancel()
    finally:
        processes.end()
    return recoveries


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tracks", type=int, default=100_000)
    options.add_argument("--times", type=int, default=5)
    options.add_argument("--scan", type=float, default=20.0, help="s in which every track reports")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="skyfence-recovery-"))
    print(f"{given.tracks:,} tracks, seed {given.seed}, logs in {folder}; seconds:")
    print("   started    loading  first frame  caught up", flush=True)
    recoveries = asyncio.run(measure(given, folder))
    middle = [median(column) for column in zip(*map(astuple, recoveries), strict=True)]
    print(" ".join(f"{seconds:10.2f}" for seconds in middle) + "  median")


if __name__ == "__main__":
    main()
