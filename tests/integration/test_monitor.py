"""The monitor against real servers: silences told once, the status, and every process's metrics."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from set_clock import SetClock
from talk import LONGEST_S, NOON, Subscriber, entry, send, stored
from words import ENGLISH

from consumers.channels.sink import RedisChannels
from consumers.monitor import Monitor
from consumers.relay import Relay
from consumers.sink import OpenSink
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings, environment_of
from skyfence.adapters.status_store import StatusStore, read_status
from skyfence.contracts.alert import PlaceKind
from skyfence.contracts.track_event import SourceWatermark
from skyfence.errors import UnavailableError
from skyfence.monitoring.status import MonitorState, SystemStatus
from skyfence.naming import status_writer_key
from skyfence.policy.policy import Policy
from skyfence.times import from_ms, to_ms

pytestmark = pytest.mark.integration
KINDS: Mapping[str, PlaceKind] = {"NATO": "alliance", "AA": "nation", "BB": "nation"}
NOON_MS = to_ms(NOON)


@asynccontextmanager
async def watching(settings: Settings, clock: SetClock) -> AsyncIterator[None]:
    """Run a monitor that dies at the end without a word: its lease is left to run out."""
    redis = await connect(settings)
    store = StatusStore(redis, settings.environment, uuid4())
    monitor = Monitor(
        settings,
        store,
        Policy(),
        KINDS,
        ENGLISH.feed,
        nations={},
        clock=clock,
        look_every_s=0.01,
    )
    running = asyncio.create_task(monitor.run())
    try:
        yield
        assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await redis.delete(status_writer_key(settings.environment))  # as time would
        await redis.aclose()


@asynccontextmanager
async def relaying(settings: Settings) -> AsyncIterator[None]:
    """Run a relay."""
    sink = await RedisChannels.open(settings)
    running = asyncio.create_task(
        Relay(settings, OpenSink(sink=sink, group=settings.topics.relay_group)).run()
    )
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await sink.close()


async def hear(settings: Settings, published_ms: int, *, last: bool = False) -> None:
    """Put a source's clock on ``track.events``, as a worker would."""
    value = SourceWatermark(
        run="live", key="radar", time=from_ms(published_ms), last=last
    ).to_json()
    headers = [("published", str(published_ms).encode()), ("partition", b"0")]
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(settings.topics.track_events, value, headers=headers)
    await producer.stop()


async def status_with(settings: Settings, wanted: Callable[[SystemStatus], bool]) -> SystemStatus:
    """Return the status once it is as wanted."""
    redis = await connect(settings)
    try:
        async with asyncio.timeout(LONGEST_S):
            while True:
                status = await read_status(redis, settings.environment)
                if status is not None and wanted(status):
                    return status
    finally:
        await redis.aclose()


async def heard(operator: Subscriber, count: int) -> None:
    """Wait until a subscriber has so many messages."""
    async with asyncio.timeout(LONGEST_S):
        while len(operator.messages) < count:
            await operator.settle()


async def test_a_silence_is_told_once_whoever_watches(settings: Settings) -> None:
    """One alarm and one all-clear a place, over two monitors that die and one that comes after."""
    clock = SetClock(NOON_MS)
    async with Subscriber(settings) as operator, relaying(settings):
        await hear(settings, NOON_MS)
        async with watching(settings, clock):
            await status_with(settings, lambda s: [x.state for x in s.sources] == ["heard"])
            clock.time_ms += 100_000
            await heard(operator, 3)
        clock.time_ms += 100_000
        async with watching(settings, clock):
            await status_with(settings, lambda s: to_ms(s.as_of) == clock.time_ms)
            clock.time_ms += 100_000
            silent = await status_with(settings, lambda s: to_ms(s.as_of) == clock.time_ms)
        await hear(settings, clock.time_ms)
        async with watching(settings, clock):
            await heard(operator, 6)
            back = await status_with(settings, lambda s: s.sources[0].state == "heard")
        await operator.settle()
    assert silent.sources[0].state == "silent"
    assert back.last_alert is not None
    assert operator.told() == [
        *[(place, 1, "Alert") for place in ("NATO", "AA", "BB")],
        *[(place, 2, "Cancel") for place in ("NATO", "AA", "BB")],
    ]
    assert {m.alert.event for m in operator.messages} == {"sensor feed silent"}


async def test_a_source_that_ended_raises_nothing(settings: Settings) -> None:
    """After its last frame a source is shown as ended, and no alarm is written."""
    clock = SetClock(NOON_MS)
    await hear(settings, NOON_MS, last=True)
    async with watching(settings, clock):
        await status_with(settings, lambda s: bool(s.sources))
        clock.time_ms += 100_000
        status = await status_with(settings, lambda s: to_ms(s.as_of) == clock.time_ms)
    assert [source.state for source in status.sources] == ["ended"]
    assert status.last_alert is None


async def test_reports_that_nobody_judges_are_no_silence(settings: Settings) -> None:
    """Without a worker, a source that goes on sending is told of as unjudged."""
    clock = SetClock(NOON_MS)
    async with Subscriber(settings) as operator, relaying(settings):
        await hear(settings, NOON_MS)
        await send(settings, *(json.dumps(entry(f"T{n}")).encode() for n in range(3)))
        for partition in range(settings.track_partitions):  # wherever the broker puts a key
            await backlog(settings, partition)
        async with watching(settings, clock):
            await status_with(settings, lambda s: bool(s.sources))
            clock.time_ms += 100_000
            await heard(operator, 3)
            status = await status_with(settings, lambda s: s.sources[0].state != "heard")
    assert status.sources[0].state == "unjudged"
    waiting = {lag.partition for lag in status.lags if lag.messages and "tracks" in lag.topic}
    assert waiting == set(range(settings.track_partitions))


async def backlog(settings: Settings, partition: int) -> None:
    """Put a message on a partition of ``tracks``."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(settings.topics.tracks, b"[]", key=b"radar", partition=partition)
    await producer.stop()


async def test_who_lost_the_lease_cannot_write(settings: Settings) -> None:
    """One writer at a time: the other's writing fails, and changes nothing."""
    environment = settings.environment
    first = StatusStore(await connect(settings), environment, uuid4())
    second = StatusStore(await connect(settings), environment, uuid4())
    await first.lead()
    status = SystemStatus(environment=environment, as_of=NOON)
    await first.write(MonitorState(rejected={"key": 1}), status)
    with pytest.raises(UnavailableError, match="another monitor writes the status now"):
        await second.write(MonitorState(rejected={"key": 2}), status)
    assert (await second.memory()).rejected == {"key": 1}
    await first.close()
    await second.lead()
    await second.write(MonitorState(rejected={"key": 3}), status)
    assert (await second.memory()).rejected == {"key": 3}
    await second.close()


def port_of(processes: Processes, process: subprocess.Popen[bytes]) -> int:
    """Return the port on which a process said that it shows its metrics."""
    log = processes.log_of(processes.started.index(process))
    for line in log.read_text(errors="replace").splitlines():
        if '"metrics.served"' in line:
            return int(json.loads(line)["port"])
    raise AssertionError(log.read_text(errors="replace"))


def metrics_of(port: int) -> dict[str, float]:
    """Return a process's metrics, by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


async def test_every_process_shows_its_metrics(settings: Settings, processes: Any) -> None:
    """Worker, relay and monitor count what passed them, and `skyfence status` says the same."""
    shown = settings.changed(metrics={"port": 0})
    worker, relay, monitor = (
        processes.skyfence(shown, name) for name in ("worker", "relay", "monitor")
    )
    await send(settings, json.dumps(entry("T1")).encode(), b"nonsense")
    await stored(settings, settings.topics.rejected, 1)
    async with asyncio.timeout(LONGEST_S), GroupProgress(settings) as progress:
        await progress.drained()
    status = await status_with(settings, lambda s: bool(s.incidents_open and s.rejected))
    counted = metrics_of(port_of(processes, worker))
    assert (
        counted.items()
        >= {
            "skyfence_frames_total": 1,
            "skyfence_reports_total": 2,
            'skyfence_rejected_total{reason="unreadable"}': 1,
            'skyfence_crossings_total{kind="enter"}': 2,
            # an incident's chain and a place's episode for region, nation and alliance
            'skyfence_alerts_decided_total{message_type="Alert"}': 6,
            "skyfence_publication_to_decision_seconds_count": 6,
        }.items()
    )
    delivered = metrics_of(port_of(processes, relay))
    assert delivered['skyfence_alerts_delivered_total{message_type="Alert",place_kind="nation"}']
    assert delivered["skyfence_decision_to_delivery_seconds_count"] == 6
    watched = metrics_of(port_of(processes, monitor))
    assert watched["skyfence_incidents_open"] == status.incidents_open == 1
    assert watched['skyfence_source_silent{source="radar"}'] == 0
    said = await asyncio.to_thread(status_command, settings, "--json")
    status = SystemStatus.model_validate_json(said.stdout)
    assert status.rejected == {"unreadable": 1}
    assert [source.key for source in status.sources] == ["radar"]


def status_command(settings: Settings, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `skyfence status` of the exercise to its end."""
    return subprocess.run(
        [sys.executable, "-m", "skyfence", "status", "--exercise", *more],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
    )


def test_status_without_a_monitor_is_an_error(settings: Settings) -> None:
    """`skyfence status` that nobody keeps is exit 3 and one line, not an empty table."""
    said = status_command(settings)
    assert said.returncode == 3
    assert said.stderr == "skyfence: no status of exercise yet: is `skyfence monitor` running?\n"
