"""How late one source's alerts are while another floods: python bench/fairness.py [--flood KIND].

An embedded broker and one worker, as ``skyfence worker`` starts it. One source shows a new drone
over a border every half second; what each is told of is read from ``alerts``. Amid that another
source sends its flood at once:

    border   frames of 500 new tracks each along the border
    empty    20,000 messages without a report
    bad      5 messages of 10,000 rows that cannot be read
    sick     300 tracks at the border that jump back and forth with each report

By default the two have partitions of their own; ``--same-partition`` has them share one. Prints by
kind the median and the longest time from the sending of a drone's frame to its first alert, and the
longest in processor time of the worker, which is the same on a machine that does other things.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import IO, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import KafkaSettings, Settings, environment_of
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local import embedded
from skyfence.errors import SkyfenceError
from skyfence.naming import Environment
from skyfence.times import format_time, from_ms

PARTITIONS = 4
EVERY_S = 0.5
QUIET_DRONES = 4  # before the flood, so that the worker has loaded what it needs
FLOODED_DRONES = 20
LONGEST_S = 180.0
# Over the border from Belarus into Latvia; the flood is farther north, from Russia.
DRONE_LAT, FLOOD_LAT = 55.80, 56.60
EAST_LON, WEST_LON = 27.70, 27.60
FLOOD_LON = 27.95

Rows = list[dict[str, Any]]


def row(source: str, track: str, seconds: float, lat: float, lon: float) -> dict[str, Any]:
    """Return a report observed so many seconds from now."""
    when = format_time(from_ms(round(time.time() * 1000)) + timedelta(seconds=seconds))
    return {"time": when, "source": source, "track_id": track, "lat": lat, "lon": lon}


def drone(source: str, number: int) -> Rows:
    """Return the two reports between which a drone enters Latvia."""
    lat = DRONE_LAT + number * 0.002
    ends = ((-60.0, EAST_LON), (-1.0, WEST_LON))
    return [row(source, f"D{number}", seconds, lat, lon) for seconds, lon in ends]


def border(source: str) -> list[bytes]:
    """Return frames of 500 tracks each that are new, two reports of each."""
    frames = []
    for frame in range(8):
        rows = [
            row(source, f"B{frame}-{n}", -8.0 + frame * 0.5, FLOOD_LAT + n * 0.001, FLOOD_LON)
            for n in range(500)
        ]
        frames.append(json.dumps(rows).encode())
    return frames


def empty(_: str) -> list[bytes]:
    """Return messages without a report."""
    return [b"[]"] * 20_000


def bad(source: str) -> list[bytes]:
    """Return messages of rows that cannot be read."""
    bad_row = row(source, "T", 0.0, FLOOD_LAT, FLOOD_LON) | {"lat": "north"}
    return [json.dumps([bad_row] * 5_000).encode() for _ in range(10)]


def sick(source: str) -> list[bytes]:
    """Return frames of tracks each of which is now here, now 40 km from there."""
    frames = []
    for frame in range(30):
        rows = [
            row(
                source,
                f"S{n}",
                -60.0 + frame * 2,
                FLOOD_LAT + n * 0.001,
                FLOOD_LON + 0.6 * (frame // 2 % 2),
            )
            for n in range(300)
        ]
        frames.append(json.dumps(rows).encode())
    return frames


FLOODS: dict[str, Callable[[str], list[bytes]]] = {
    "border": border,
    "empty": empty,
    "bad": bad,
    "sick": sick,
}


def sources(*, same_partition: bool) -> tuple[str, str]:
    """Return two sources by name, whose partitions are two or the same."""
    partitioner = DefaultPartitioner()
    numbers = list(range(PARTITIONS))

    def place(name: str) -> int:
        return int(partitioner(name.encode(), numbers, numbers))

    others = (f"radar-{number}" for number in range(2, 100))
    other = next(name for name in others if (place(name) == place("radar-1")) is same_partition)
    return "radar-1", other


@dataclass(frozen=True)
class Moment:
    """Seconds by the clock and of the worker's processor time."""

    clock_s: float
    worker_s: float


def now(worker: int) -> Moment:
    """Return the present of a worker, by its process id."""
    fields = Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])  # in user and in system mode
    return Moment(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"))


class Listener:
    """Notes when the first alert of each track stands in ``alerts``."""

    def __init__(self, settings: Settings, worker: int) -> None:
        self._settings = settings
        self._worker = worker
        self._heard = asyncio.Condition()
        self.first: dict[str, Moment] = {}

    async def listen(self) -> None:
        """Read until cancelled."""
        topic = self._settings.topics.alerts
        count = self._settings.topics.partitions(self._settings.track_partitions)[topic]
        async with AIOKafkaConsumer(**kafka_options(self._settings)) as consumer:
            consumer.assign([TopicPartition(topic, number) for number in range(count)])
            await consumer.seek_to_beginning()
            async for message in consumer:
                self.first.setdefault(json.loads(message.value).get("track_id"), now(self._worker))
                async with self._heard:
                    self._heard.notify_all()

    async def until(self, tracks: Iterable[str]) -> None:
        """Return when all of some tracks have been heard of."""
        wanted = set(tracks)
        async with asyncio.timeout(LONGEST_S), self._heard:
            await self._heard.wait_for(lambda: wanted <= self.first.keys())


async def measure(
    settings: Settings, worker: int, flood: str, *, same_partition: bool
) -> list[Moment]:
    """Return by drone how late its first alert was while a flood lasted."""
    watched, flooding = sources(same_partition=same_partition)
    listener = Listener(settings, worker)
    listening = asyncio.create_task(listener.listen())
    sent: dict[str, Moment] = {}
    topic = settings.topics.tracks
    async with AIOKafkaProducer(**kafka_options(settings)) as producer:

        async def show(number: int) -> None:
            value = json.dumps(drone(watched, number)).encode()
            sent[f"D{number}"] = now(worker)
            await producer.send_and_wait(topic, value, key=watched.encode())
            await asyncio.sleep(EVERY_S)

        for number in range(QUIET_DRONES):  # until the worker has loaded what it needs
            await show(number)
        await listener.until(sent)
        for message in FLOODS[flood](flooding):
            await producer.send(topic, message, key=flooding.encode())
        for number in range(QUIET_DRONES, QUIET_DRONES + FLOODED_DRONES):
            await show(number)
        await listener.until(sent)
    listening.cancel()
    late = []
    for track in list(sent)[QUIET_DRONES:]:
        first, at = listener.first[track], sent[track]
        late.append(Moment(first.clock_s - at.clock_s, first.worker_s - at.worker_s))
    return late


async def until_answers(server: embedded.EmbeddedServer) -> None:
    """Return when a server answers."""
    async with asyncio.timeout(LONGEST_S):
        while True:
            try:
                return await server.answers()
            except SkyfenceError:
                await asyncio.sleep(0.1)


def start(command: Sequence[str], changes: dict[str, str], log: IO[bytes]) -> Popen[bytes]:
    """Start one of our own processes."""
    environment = os.environ | changes
    return Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603


def run(flood: str, *, same_partition: bool) -> list[Moment]:
    """Measure with servers of its own."""
    with tempfile.TemporaryDirectory() as folder:
        port = embedded.free_port()
        settings = Settings(
            environment=Environment.EXERCISE,
            kafka=KafkaSettings(bootstrap=f"{embedded.HOST}:{port}"),
            track_partitions=PARTITIONS,
            fetch_pause_ms=embedded.FETCH_PAUSE_MS,
            worker_slot="0",
        )
        server = embedded.kafka(port, Path(folder), None)
        wanted = {k: v for k, v in environment_of(settings).items() if k.startswith("SKYFENCE_")}
        log = (Path(folder) / "worker.log").open("wb")
        processes = [start(server.command.arguments, {}, log)]
        try:
            asyncio.run(until_answers(server))
            asyncio.run(ensure_topics(settings))
            command = [sys.executable, "-m", "skyfence", "worker"]
            processes.append(start(command, wanted, log))
            worker = processes[-1].pid
            return asyncio.run(measure(settings, worker, flood, same_partition=same_partition))
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--flood", choices=FLOODS, nargs="+", default=list(FLOODS))
    options.add_argument("--same-partition", action="store_true")
    chosen = options.parse_args()
    print("flood    median s   longest s   longest, worker's processor s")
    for flood in chosen.flood:
        late = run(flood, same_partition=chosen.same_partition)
        clock_s = [delay.clock_s for delay in late]
        worker_s = max(delay.worker_s for delay in late)
        print(
            f"{flood:8} {statistics.median(clock_s):8.2f} {max(clock_s):11.2f} {worker_s:31.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
