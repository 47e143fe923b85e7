"""One world: the pipeline's processes on a simulated Kafka and Redis, its sources, its faults.

recording ──▶ tracks ──▶ workers ──▶ alerts ──▶ relay ──▶ redis ──▶ subscriber
                            ▲ faults: kill, stop, cut, lose, set clocks … ▲
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from aiokafka import TopicPartition
from builders import world as zones
from simulation import patches
from simulation.disk import Disk
from simulation.faults import WORKERS, Fault
from simulation.groups import Groups
from simulation.kafka import SimulatedKafka
from simulation.loop import SimulatedLoop
from simulation.network import Network
from simulation.operators import Operators
from simulation.processes import desk, monitor, policy_of, relay
from simulation.recording import END_S, RUN, START, START_S, Recording
from simulation.redis_server import RedisServer
from simulation.roles import Role, Roles
from simulation.schedule import DEEDS
from simulation.webhook_faults import WEBHOOKS
from simulation.webhooks import Endpoint, webhooks

from skyfence.adapters.settings import Settings
from skyfence.client.catch_up import Received
from skyfence.client.feed import AlertFeed
from skyfence.contracts.channel_message import (
    NoteMessage,
    OperatorNote,
    OperatorsMessage,
    PublicMessage,
)
from skyfence.frames.codec import encode_frame
from skyfence.frames.frame import frame_of
from skyfence.naming import ALLIANCE, Audience, Channel, Environment, Topics
from skyfence.times import to_ms
from streams import app as streams_app

REGIONS: Final = tuple(place for place, kind in zones().places.items() if kind == "region")
ENVIRONMENT: Final = Environment.EXERCISE
PARTITIONS: Final = 3
# After the last frame everything must be told within this.
QUIET_S: Final = 40.0
_COPY_EVERY_S: Final = 5.0


@dataclass(frozen=True)
class Heard:
    """A message that the subscriber took, and when."""

    at_s: float
    message: OperatorsMessage
    live: bool


@dataclass(frozen=True)
class HeardPublic:
    """A message to a public that the subscriber took, and when."""

    at_s: float
    message: PublicMessage


class World:
    """Everything that a seed decides is drawn from ``draw``, and nothing else decides."""

    def __init__(self, seed: int, recording: Recording, faults: tuple[Fault, ...]) -> None:
        self._seed = seed
        self.draw = Random(f"world {seed}")
        self.recording = recording
        self.policy = policy_of(seed)
        self.faults = faults
        # asyncio's own class leaves out what no world needs, and is no ABC; mypy thinks it is.
        self.loop = SimulatedLoop(Random(f"steps {seed}"))  # type: ignore[abstract]
        self.topics = Topics(ENVIRONMENT)
        self.kafka = SimulatedKafka(self.loop, self.draw, self.topics, PARTITIONS)
        self.kafka.epoch_s = START_S
        self.groups = Groups(self.kafka)
        self.network = Network(self.loop, self.draw)
        self.redis = RedisServer(self.loop, self.draw, START_S)
        self.network.listen("127.0.0.1", 6379, self.redis)
        self.wall_offset_s = 0.0  # of our machine's clock
        self.settings = Settings(environment=ENVIRONMENT, track_partitions=PARTITIONS)
        self.roles = Roles(self)
        self.operators = Operators(self)
        self.endpoint = Endpoint(Random(f"endpoint {seed}"))
        self.heard: dict[str, list[Heard]] = defaultdict(list)
        self.public: dict[str, list[HeardPublic]] = defaultdict(list)
        self.notes: list[OperatorNote] = []
        self.events = Counter[str]()  # of the log, the subscriber, and the faults that came
        self.losses: list[str] = []  # partitions of which covered messages were lost
        self.last_fault_s = 0.0
        self.slowest_s = 0.0  # from a frame to the subscriber
        self._sent: list[Any] = []

    def wall_s(self) -> float:
        """Return our machine's time, seconds since 1970."""
        return START_S + self.loop.time() + self.wall_offset_s

    def logged(self, event: dict[str, Any]) -> None:
        """Count a line of the log."""
        self.events[f"log {event['event']}"] += 1
        self.loop.note(f"log {event['event']}")
        if "exception" in event:
            self.events[f"exception {event['exception'].splitlines()[-1]}"] += 1

    # its run

    def run(self) -> None:
        """Run to the end; what was heard stands in ``heard`` then."""
        with TemporaryDirectory() as folder:
            self.disk = Disk(Path(folder), Random(f"disk {self._seed}"))
            self._play()

    def _play(self) -> None:
        with pytest.MonkeyPatch.context() as monkey:
            patches.install(monkey, self)
            try:
                self.loop.run_until_complete(self._run())
            finally:
                self.loop.end()

    async def _run(self) -> None:
        for name in WORKERS:
            self.add_worker(name)
        for name, main in (("relay", relay), ("monitor", monitor), ("desk", desk)):
            self.roles.begin(name, partial(main, self))
        if any(fault.name in WEBHOOKS for fault in self.faults):
            self.roles.begin("webhooks", partial(webhooks, self))
        self.roles.begin("subscriber", self._subscribe)
        doing = [asyncio.create_task(self._publish()), asyncio.create_task(self._keep_copies())]
        doing += [asyncio.create_task(self._befall(fault)) for fault in self.faults]
        await asyncio.sleep(END_S + QUIET_S)
        for task in doing:
            if task.done():
                task.result()

    async def _publish(self) -> None:
        for sent in self.recording.sent:
            await asyncio.sleep(max(0.0, sent.at_s - self.loop.time()))
            key, value, headers = encode_frame(sent.frame)
            self._sent.append((key, value, headers))
            self._send(key, value, headers)

    def _send(self, key: bytes, value: bytes, headers: Any, *, sent_ms: int | None = None) -> None:
        said_ms = self.kafka.wall_ms() if sent_ms is None else sent_ms
        self.kafka.send(self.topics.tracks, value, key, headers, partition=None, sent_ms=said_ms)

    async def _keep_copies(self) -> None:
        while True:
            await asyncio.sleep(_COPY_EVERY_S)
            self.redis.keep_copy()

    async def _befall(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s)
        self.loop.note(str(fault))
        self.events[f"fault {fault.name}"] += 1
        await DEEDS[fault.name](self, fault)
        self.last_fault_s = max(self.last_fault_s, self.loop.time())

    # its processes

    def add_worker(self, name: str) -> Role:
        """Start a worker under a name that it keeps."""

        async def work() -> None:
            settings = self.settings.changed(worker_slot=name)
            app: Any = streams_app.build(settings, zones(), self.policy)
            self.roles[name].app = app
            await app.run()

        return self.roles.begin(name, work)

    def add_desk(self) -> Role:
        """Start a second desk, which shares the work of the first."""
        return self.roles.begin("desk-2", partial(desk, self, "desk-2"))

    async def _subscribe(self) -> None:
        """Follow the channels; a subscriber that may not connect yet tries again."""
        places = [*zones().names, ALLIANCE]
        channels = [Channel(ENVIRONMENT, Audience.OPERATORS, place) for place in places]
        channels += [Channel(ENVIRONMENT, Audience.PUBLIC, region) for region in REGIONS]
        async with AlertFeed(self.settings, channels) as feed:
            async for event in feed:
                self._take(event)

    def _take(self, event: Any) -> None:
        self.events[f"subscriber {type(event).__name__}"] += 1
        if isinstance(event, Received) and isinstance(event.message, PublicMessage):
            heard_public = HeardPublic(self.loop.time(), event.message)
            self.public[event.channel.place].append(heard_public)
        elif isinstance(event, Received) and isinstance(event.message, NoteMessage):
            self.notes.append(event.message.note)
        elif isinstance(event, Received) and isinstance(event.message, OperatorsMessage):
            heard = Heard(self.loop.time(), event.message, event.live)
            self.heard[event.channel.place].append(heard)
            self.loop.note(f"heard {event.message.alert.alert_id}")

    # what faults do to it

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def send_again(self, count: int) -> None:
        """Have the sources send their last frames again, as after a lost answer."""
        for sent in self._sent[-count:]:
            self._send(*sent)

    def forge_heartbeat(self, ahead_s: int) -> None:
        """Have a source's clock be ahead for one empty frame."""
        source = self.recording.sent[0].frame.key
        scan_ms = to_ms(START) + round(1000 * (self.loop.time() + ahead_s))
        forged = encode_frame(frame_of([], key=source, run=RUN, scan_time_ms=scan_ms))
        self._send(*forged, sent_ms=scan_ms)

    def busy_partition(self) -> int:
        """Return the partition of ``tracks`` with the most messages."""
        logs = self.kafka.logs
        return max(range(PARTITIONS), key=lambda n: logs[TopicPartition(self.topics.tracks, n)].end)

    def truncate(self, at: TopicPartition, count: int) -> None:
        """Lose the tail of a partition, which its readers may have read."""
        log = self.kafka.logs[at]
        covered = self.covered(at)
        log.truncate(log.end - count)
        self.events["lost what was covered" if log.end < covered else "lost unread"] += 1
        if log.end < covered:
            self.losses.append(f"{at.topic}/{at.partition}")

    def delete_all(self, at: TopicPartition) -> None:
        """Delete what a partition holds, as retention does.

        One message alone is not counted as lost: a worker that reads on takes the missing offset
        for the mark of a transaction, which is none.
        """
        log = self.kafka.logs[at]
        apps = [role.app for role in self.roles.values() if role.app is not None]
        read_to = max([self.covered(at), *(app.position(at) for app in apps)])
        log.delete_before(log.end)
        if log.first > read_to + 1:
            self.losses.append(f"{at.topic}/{at.partition}")

    def covered(self, at: TopicPartition) -> int:
        """Return what the workers' checkpoints cover of a partition."""
        return self.groups[self.topics.worker_group].committed.get(at, (0, ""))[0]
