"""Reports through the broker, both agents, the relay and Valkey, as a user's clients see it."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from talk import Subscriber, drained, entry, report, send, stored

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.record_batches import MAX_UNPACKED_BYTES
from skyfence.adapters.settings import Settings
from skyfence.contracts.report import Report
from skyfence.frames import arrow_stream
from skyfence.frames.frame import batch_of

pytestmark = pytest.mark.integration
Edges = Callable[[], list[subprocess.Popen[bytes]]]


def as_arrow(reports: list[dict[str, Any]]) -> bytes:
    """Return reports as the Arrow stream of a frame."""
    return arrow_stream.encode(batch_of([Report.model_validate(row) for row in reports]))


async def test_every_encoding_reaches_the_channels(settings: Settings, edges: Edges) -> None:
    """Arrow frames, JSON lists and single reports each raise region, nation and alliance."""
    edges()
    async with Subscriber(settings) as operator:
        await send(settings, as_arrow(entry("arrow")), content_type=arrow_stream.CONTENT_TYPE)
        await send(settings, json.dumps(entry("list", 10)).encode())
        await send(settings, *(json.dumps(row).encode() for row in entry("single", 20)))
        await drained(settings)
        await operator.settle()
    for track_id in ("arrow", "list", "single"):
        own = [alert for alert in operator.alerts() if alert.track_id == track_id]
        assert [(alert.channel, alert.step) for alert in own] == [
            ("exercise:alerts:AA-S", 1),
            ("exercise:alerts:AA", 1),
            ("exercise:alerts:NATO", 1),
        ]
        assert {alert.other_side for alert in own} == {("XX",)}
        assert {(alert.lat, alert.lon) for alert in own} == {(50.5, 22.0)}


async def test_the_timeline_travels_beside_the_alert(settings: Settings, edges: Edges) -> None:
    """Observed, published, decided and delivered are all known, the last three in order."""
    edges()
    async with Subscriber(settings) as operator:
        await send(settings, json.dumps(entry("T1")).encode())
        await drained(settings)
        await operator.settle()
    alert, line = operator.alerts()[0], operator.messages[0].timeline
    assert line.observed == alert.last_seen
    assert line.published is not None
    assert line.decided is not None
    assert line.delivered is not None
    assert line.published <= line.decided <= line.delivered


async def test_a_batch_that_unpacks_to_too_much_is_left_out(
    settings: Settings, edges: Edges
) -> None:
    """Its offsets stand in rejected, and what comes behind it in its partition is told."""
    edges()
    producer = AIOKafkaProducer(
        **kafka_options(settings),
        compression_type="gzip",
        max_batch_size=2 * MAX_UNPACKED_BYTES,
        max_request_size=2 * MAX_UNPACKED_BYTES,
    )
    async with producer, Subscriber(settings) as operator:
        bomb = b" " * (MAX_UNPACKED_BYTES + 1)
        await producer.send_and_wait(settings.topics.tracks, bomb, key=b"radar")
        await send(settings, json.dumps(entry("T1")).encode())
        await drained(settings)
        await operator.settle()
    (rejected,) = await stored(settings, settings.topics.rejected, 1)
    assert rejected["reason"].startswith("batch of offsets 0 to 0 unpacks to more than")
    assert rejected["topic"] == settings.topics.tracks
    assert {alert.track_id for alert in operator.alerts()} == {"T1"}


async def test_bad_input_is_kept_with_its_reason_and_stops_nothing(
    settings: Settings, edges: Edges
) -> None:
    """Each bad message, and a bad report in a good one, lands in rejected; the good ones alert."""
    edges()
    good = as_arrow(entry("good"))
    mutated = good[:300] + bytes([good[300] ^ 0xFF]) + good[301:-40]
    bad_row = [*entry("list"), report("T9", 1, 22.0, lat=91.0)]
    ahead = report("T9", 0, 22.0) | {"time": "2099-01-01T00:00:00Z"}
    await send(settings, mutated, content_type=arrow_stream.CONTENT_TYPE)
    await send(settings, json.dumps(entry("keyless")).encode(), key=None)
    await send(settings, json.dumps(entry("foreign")).encode(), key=b"sonar")
    await send(settings, b"no json", json.dumps(ahead).encode(), json.dumps(bad_row).encode())
    await send(settings, good, content_type=arrow_stream.CONTENT_TYPE)
    rejected = await stored(settings, settings.topics.rejected, 6)
    reasons = sorted(message["reason"] for message in rejected)
    expected = (
        "the earliest report",
        "lat: input should be less than or equal to 90, got 91.0",
        "message has no key",
        "source: report names 'radar', the key 'sonar'",
        "unreadable arrow stream",
        "unreadable json",
    )
    assert [any(r.startswith(start) for r in reasons) for start in expected] == [True] * 6
    crossings = await stored(settings, settings.topics.crossings, 2 * 2 + 2)
    assert {crossing["track_id"] for crossing in crossings} == {"good", "list"}


async def test_a_killed_worker_loses_no_incident(
    settings: Settings, edges: Edges, processes: Any
) -> None:
    """Kill -9 amid a backlog: the worker that follows tells the rest, and nobody hears twice."""
    frames = [json.dumps(entry(f"T{number}", number)).encode() for number in range(60)]
    async with Subscriber(settings) as operator:
        await send(settings, *frames)
        worker, _ = edges()
        await stored(settings, settings.topics.alerts, 30)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        processes.skyfence(settings, "worker")
        await drained(settings)
        await operator.settle()
    heard = [(alert.track_id, alert.place, alert.step) for alert in operator.alerts()]
    assert len(heard) == len(set(heard))
    states = [(state.place, state.episode, state.step) for state in operator.states()]
    assert len(states) == len(set(states))
    assert set(heard) >= {
        (f"T{number}", place, 1) for number in range(60) for place in ("AA-S", "AA", "NATO")
    }


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_worker_that_follows_goes_on_with_the_story(
    settings: Settings, edges: Edges, processes: Any, end: signal.Signals
) -> None:
    """Killed or told to stop, a worker leaves its checkpoint: the exit is the same incident's."""
    worker, _ = edges()
    async with Subscriber(settings) as operator:
        await send(settings, json.dumps(entry("T1")).encode())
        await drained(settings)
        os.killpg(worker.pid, end)
        worker.wait()
        processes.skyfence(settings, "worker")
        away = [report("T1", 8, 22.05), report("T1", 12, 22.09)]
        await send(settings, json.dumps(away).encode())
        await drained(settings)
        await operator.settle()
    told = [(alert.place, alert.step, alert.incident_state) for alert in operator.alerts()]
    places = ("AA-S", "AA", "NATO")
    assert told[:3] == [(place, 1, "violation") for place in places]
    assert sorted(told[3:]) == sorted((place, 2, "exited") for place in places)
    assert len({alert.incident_id for alert in operator.alerts()}) == 1
    states = [(alert.place, alert.episode, alert.step) for alert in operator.states()]
    assert sorted(states)[:2] == [("AA", 1, 1), ("AA-S", 1, 1)]
    assert len({alert.episode_id for alert in operator.states()}) == len(places)
    assert len(states) == len(set(states))


async def test_a_sender_s_own_headers_hold_up_nothing(settings: Settings, edges: Edges) -> None:
    """What a frame's headers say of the timeline is not believed, and stops no alert."""
    edges()
    async with Subscriber(settings) as operator:
        await send(settings, json.dumps(entry("T1")).encode(), published="yesterday")
        await drained(settings)
        await operator.settle()
    assert len(operator.alerts()) == len(operator.states()) == 3
    assert operator.messages[0].timeline.published is not None


async def test_a_poison_event_is_rejected_by_the_incident_agent(
    settings: Settings, edges: Edges
) -> None:
    """What is no track event on track.events is kept in rejected, and the agent goes on."""
    edges()
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    await producer.start()
    await producer.send_and_wait(settings.topics.track_events, b"{}")
    await producer.stop()
    await send(settings, json.dumps(entry("T1")).encode())
    [rejected] = await stored(settings, settings.topics.rejected, 1)
    assert rejected["topic"] == "exercise.track.events"
    assert len(await stored(settings, settings.topics.alerts, 3)) == 3


async def test_workers_and_relays_listen_nowhere(settings: Settings, edges: Edges) -> None:
    """Neither process opens a port, Faust's web server included."""
    started = edges()
    await send(settings, json.dumps(entry("T1")).encode())
    await drained(settings)
    for process in started:
        assert listening(process.pid) == []


def listening(pid: int) -> list[str]:
    """Return the TCP addresses on which a process listens (Linux)."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        target = link.readlink().name if link.is_symlink() else ""
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    digests = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and cells[9] in inodes:
                digests.append(cells[1])
    return digests
