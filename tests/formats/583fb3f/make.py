"""Make the files of this folder, with the code of commit 583fb3f: formats 1 of both checkpoints.

    git clone . ../before && git -C ../before checkout 583fb3f
    PYTHONPATH=../before:../before/tests python tests/formats/583fb3f/make.py

Each agent's input is judged up to a stop, its checkpoint is written there, and what that code said
of the rest is kept beside it, so that newer code can be asked to go on from it.
"""

import asyncio
import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from builders import (
    T0,
    beat,
    clock,
    flight,
    packed,
    recorded_world,
    report,
    seen,
    track_event,
)
from consumers.items import Change, Item, State
from skyfence.alert import Alert, AlertMessage, FeedAlarm, Timeline
from skyfence.book import IncidentBook
from skyfence.channels import Environment
from skyfence.cloud_event import cloud_event
from skyfence.commands import Acknowledge, Close, Outcome, Release, Withdraw
from skyfence.feed_alarm import Silence, untold
from skyfence.feeds import Feed
from skyfence.files import default_file, read_recording
from skyfence.frame import Frame
from skyfence.incident import StrandKey, incident_id
from skyfence.playback import Packer, play
from skyfence.public import public_alert
from skyfence.questions import Origin
from skyfence.rejected import Rejected
from skyfence.release import Held
from skyfence.state import Status
from skyfence.track_event import OperatorClosed, PartitionClock
from skyfence.tracking import Tracker

from consumers.outbox import Outbox
from skyfence import decode, ledger, message, schemas, snapshot, status
from skyfence.airspace import Airspace
from skyfence.policy import Policy, PolicyFile, SourceRules
from skyfence.times import to_ms

HERE = Path(__file__).parent
EXERCISE = Environment.EXERCISE
RECORDINGS = ("latvia-2024-09-07", "romania-2024-09-08")
POLICY = Policy(PolicyFile(version="v", sources={"late": SourceRules(lateness_ms=40_000)}))


def write(name: str, value: bytes) -> None:
    """Write a file, packed so that it is the same each time."""
    (HERE / f"{name}.gz").write_bytes(gzip.compress(value, mtime=0))


def lines(values: Iterable[bytes]) -> bytes:
    """Return JSON documents as lines."""
    return b"".join(value + b"\n" for value in values)


def recorded(name: str, run: str) -> Iterator[Frame]:
    """Yield a recording's frames."""
    packer = Packer(run)
    read = read_recording(str(default_file("recordings", f"{name}.jsonl")))
    items = play(line.report for line in read if line.report is not None)
    return (frame for item in items for frame in packer.add(item))


def beside() -> list[Frame]:
    """Return frames of a source that may be late, of an outlier, and of a track that is lost."""
    late = flight(0, 27.0, 90.0, reports=9, source="late", track_id="L1", lat=56.6)
    lost = flight(0, 27.6, 90.0, reports=9, source="lost", track_id="L2", lat=56.6)
    outlier = flight(0, 27.4, 90.0, reports=5, source="outlier", track_id="L3", lat=56.7)
    return [
        *(packed(one) for one in reversed(late)),
        *(packed(one) for one in lost),
        packed(report(time=T0 + timedelta(seconds=100), source="lost", track_id="L4", lat=56.9)),
        packed(*outlier, seen(20, 29.0, 56.7, source="outlier", track_id="L3")),
    ]


def after() -> list[Frame]:
    """Return what those sources report after the stop."""
    then = [seen(at, 29.0, 56.7, source="outlier", track_id="L3") for at in (24, 28)]
    end = [seen(600, 27.0, 56.6, source="late", track_id="L1")]
    return [packed(*then), *(packed(one) for one in end)]


def said(tracker: Tracker, frames: Iterable[Frame]) -> Iterator[bytes]:
    """Yield what a tracker says of frames."""
    for frame in frames:
        facts = tracker.take(frame)
        for fact in [*facts.crossings, *facts.events]:
            yield fact.to_json()


def as_line(frame: Frame) -> bytes:
    """Return the message that carries a frame, as a line."""
    return stored("tracks", *decode.encode_frame(frame))


def stored(
    topic: str, key: bytes, value: bytes, headers: Iterable[tuple[str, bytes]] = ()
) -> bytes:
    """Return a message of Kafka as a line."""
    given = {
        "topic": topic,
        "key": key.decode(),
        "headers": {name: text.decode() for name, text in headers},
        "value": base64.b64encode(value).decode(),
    }
    return json.dumps(given, sort_keys=True).encode()


def make_track_checkpoints(airspace: Airspace) -> None:
    """Write a track agent's checkpoint amid each recording, and what was said of the rest."""
    for name in RECORDINGS:
        frames = list(recorded(name, name))
        tracker = Tracker(airspace, EXERCISE, POLICY)
        list(said(tracker, beside()))
        stop = next(
            number
            for number, frame in enumerate(frames, 1)
            if list(said(tracker, [frame])) and number > len(frames) // 2 and violates(tracker)
        )
        write(f"track-{name}.checkpoint", snapshot.take_snapshot(tracker))
        rest = [*after(), *frames[stop:]]
        write(f"track-{name}.after.jsonl", lines(as_line(frame) for frame in rest))
        write(f"track-{name}.said.jsonl", lines(said(tracker, rest)))


def violates(tracker: Tracker) -> bool:
    """Tell whether a track of a recording is inside, beyond doubt."""
    return any(
        track.story is not None
        and track.story.status is Status.VIOLATION
        and track.story.confidence == "confirmed"
        for source in tracker.sources.values()
        for track in source.tracks.values()
        if source.run != "run"
    )


def make_incident_checkpoint(airspace: Airspace) -> list[Any]:
    """Write an incident agent's checkpoint, what was to come, and what was said of that."""
    tracker = Tracker(airspace, EXERCISE, POLICY)
    events = [
        event
        for name in RECORDINGS
        for frame in recorded(name, "both")
        for event in tracker.take(frame).events
    ]
    book = IncidentBook(EXERCISE, {zone.id: zone.id for zone in airspace.zones})
    for event in other_run():
        book.take(event, Origin(3, to_ms(T0)))
    stop = stop_of(book, events)
    state = ledger.pack(book.ledger)
    write("incident.checkpoint", state)
    write("incident.after.jsonl", lines(event.to_json() for event in events[stop:]))
    rest = [alert for event in events[stop:] for alert in book.take(event)]
    write("incident.said.jsonl", lines(alert.to_json() for alert in rest))
    return events


def other_run() -> Iterator[Any]:
    """Yield events of another run: a story that is over, and one that an operator closes."""
    for number, kind in enumerate(("entered", "exited", "cleared"), 1):
        yield track_event(kind, number, track_id="T9")
    event = track_event("entered", 1, track_id="T8")
    yield event
    yield track_event("lost", 2, track_id="T8")
    yield clock(T0)
    own_id = incident_id(EXERCISE, StrandKey.of(event))
    yield OperatorClosed(run="run", incident_id=own_id, by="anna", reason="it fell", time=T0)
    yield PartitionClock(partition=5, time=T0)


def stop_of(book: IncidentBook, events: list[Any]) -> int:
    """Take events in until much stands open; return how many those were."""
    for number, event in enumerate(events, 1):
        book.take(event)
        run = book.ledger.runs["both"]
        busy = run.questions.waiting and run.situation.violations and book.open
        if busy and number > len(events) * 0.8 and any(one.confirmed for one in book.open):
            return number
    raise SystemExit("nothing to stop at")


def make_topics(airspace: Airspace, events: list[Any]) -> list[Alert]:
    """Write one message of each kind of each topic, as it stands in Kafka; return the alerts."""
    book = IncidentBook(EXERCISE, {})
    alerts = [alert for event in events for alert in book.take(event)]
    tracker = Tracker(airspace, EXERCISE)
    frames = recorded(RECORDINGS[0], "run")
    crossings = {fact.kind: fact for frame in frames for fact in tracker.take(frame).crossings}
    words = [
        OperatorClosed(
            run="run", incident_id=alerts[0].incident_id, by="anna", reason="it fell", time=T0
        ),
        PartitionClock(partition=3, time=T0),
    ]
    told = [*{event.kind: event for event in events}.values(), *words]
    chosen = list(
        {(a.event, a.incident_state, a.message_type, a.place_kind): a for a in alerts}.values()
    )
    everything = {
        "crossings": crossings.values(),
        "track.events": told,
        "alerts": [*chosen, *feed_alarms()],
        "rejected": [rejected("lat: input should be ...", 1), rejected("json: invalid", None)],
    }
    rows = [
        stored(topic, b"", fact.to_json()) for topic in everything for fact in everything[topic]
    ]
    write("topics.jsonl", lines([*tracks(), *rows]))
    return chosen


def tracks() -> list[bytes]:
    """Return messages of ``tracks``: Arrow with rows, without and the last, a report, a list."""
    single = seen(0, 26.9, callsign="ABC", mode_3a="7700", icao_address="4CA123", altitude_m=100.0)
    several = b"[" + b",".join(one.to_json() for one in flight(0, 26.9, 90.0, reports=3)) + b"]"
    headers = [("content-type", b"application/json"), ("run", b"run")]
    frames = (packed(*flight(0, 26.9, 90.0, reports=5)), beat(10), beat(20, last=True))
    return [
        *(as_line(frame) for frame in frames),
        stored("tracks", b"radar", single.to_json(), headers),
        stored("tracks", b"radar", several, headers),
    ]


def feed_alarms() -> list[FeedAlarm]:
    """Return the alarm of a silent source, and that it is back."""
    silence = Silence(
        since=T0,
        noticed=T0 + timedelta(minutes=1),
        cause="silent",
        silent_after_s=60.0,
        places=("NATO",),
        over=T0 + timedelta(minutes=5),
        heard_again=T0 + timedelta(minutes=4),
    )
    return list(untold(silence, "radar", "live", EXERCISE, {"NATO": "alliance"}))


def rejected(reason: str, row: int | None) -> Rejected:
    """Return a record of input that could not be used."""
    message = SimpleNamespace(topic="tracks", partition=1, offset=7, key=b"radar", value=b"[1]")
    return Rejected.of(message, to_ms(T0), reason, row)


def make_redis(alerts: list[Alert]) -> None:
    """Write what stands in Redis: messages of channels, commands, what is held, the status."""
    by, stamp, now = {"by": "anna", "time": T0}, {"epoch": "e" * 40, "sequence": 7}, T0
    incident, timeline = alerts[0].incident_id, Timeline(observed=T0, decided=T0)
    regional = next(alert for alert in alerts if alert.place_kind == "region")
    told = public_alert(regional, {})
    seen_by = message.Acknowledgement(note_id=incident, incident_id=incident, **by)
    decision = message.Decision(
        note_id=incident,
        incident_id=incident,
        alert_id=told.alert_id,
        region=told.region,
        decision="held",
        time=now,
        deadline=now,
        headline=told.headline,
    )
    held = Held(state="held", message={"alert": told, "timeline": timeline}, deadline=now)
    kept = {
        "operators": [
            message.OperatorsMessage(**stamp, alert=one, timeline=timeline, acknowledged=ack)
            for one, ack in [(alerts[0], None), (alerts[1], by), (feed_alarms()[0], None)]
        ],
        "public": [message.PublicMessage(**stamp, alert=told, timeline=timeline)],
        "note": [message.NoteMessage(**stamp, note=note) for note in (seen_by, decision)],
        "heartbeat": [message.Heartbeat(epoch="e" * 40, heartbeat=T0)],
        "command": [
            Acknowledge(incident_id=incident, place="NATO"),
            Close(incident_id=incident, reason="it fell"),
            Release(alert_id=told.alert_id),
            Withdraw(alert_id=told.alert_id, reason="it fell"),
        ],
        "outcome": [Outcome(command_id="1-0", outcome="done", what="acknowledged", time=T0)],
        "held": [held],
        "memory": [memory()],
        "webhook": [cloud_event(AlertMessage(alert=one, timeline=timeline), "s") for one in alerts],
    }
    rows = [
        json.dumps({"kind": kind, "value": each.to_json().decode()}).encode()
        for kind, values in kept.items()
        for each in values
    ]
    fields = {name: value.decode() for name, value in status.to_hash(state()).items()}
    write("redis.jsonl", lines([*rows, json.dumps({"kind": "status", "value": fields}).encode()]))


def state() -> Any:
    """Return the status of a system with sources, lags, rejected input and a last alert."""
    return status.Status(
        environment=EXERCISE,
        as_of=T0,
        sources=[source("radar", "silent"), source("other", "ended")],
        lags=[status.PartitionLag(group="g", topic="tracks", partition=1, messages=5, done_to=T0)],
        rejected={"key": 2, "time": 1},
        incidents_open=1,
        last_alert=last_alert(),
    )


def source(key: str, how: str) -> Any:
    """Return the status of a source."""
    return status.SourceStatus(
        key=key,
        run="live",
        state=how,
        heard=T0,
        age_s=5.0,
        clock=T0,
        partition=1,
        silent_after_s=60,
    )


def last_alert() -> Any:
    """Return the last alert as the status has it."""
    return status.LastAlert(
        decided=T0, place="RO", event="airspace violation", message_type="Alert", status="Exercise"
    )


def memory() -> Any:
    """Return what one monitor leaves to the next."""
    return status.Memory(
        offsets={"alerts": {0: 5}},
        feeds=[Feed(key="radar", run="live", heard=T0, clock=T0, partition=1)],
        rejected={"key": 2},
        incidents={"5615effb-3ccd-51b4-b16f-d006c422e094": T0},
        last_alert=last_alert(),
    )


def make_schemas() -> None:
    """Write the JSON Schemas of all contracts, by their names."""
    found = {name: schemas.schema_of(contract) for name, contract in schemas.CONTRACTS.items()}
    write("schemas.json", json.dumps(found, sort_keys=True).encode())


async def make_outbox() -> None:
    """Write an outbox with items in every state, one that replaces another, and receipts."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "outbox.sqlite"
        async with Outbox.open(path) as outbox:
            await fill(outbox)
        for line in [path.with_name(path.name + "-wal"), path]:
            assert line == path or not line.exists() or line.stat().st_size == 0
        write("outbox.sqlite", path.read_bytes())


async def fill(outbox: Outbox) -> None:
    """Put items, and bring each to a state of its own."""
    states = [State.SUBMITTED, State.DELIVERED, State.FAILED, State.UNCERTAIN]
    names = [*states, State.SUBMITTING]
    await outbox.put([item(str(name)) for name in names], 1_000)
    await outbox.take(1_000, 10)
    changes = [
        Change(key=str(name), state=name, reference=f"ref-{name}", reason="as told", doubt=True)
        for name in states
    ]
    await outbox.record(changes, 1_100)
    await outbox.put([item("expired", expires_ms=1_150), item("merged"), item("pending")], 1_120)
    await outbox.put([item("later")], 1_130)
    await outbox.put([item("instead", instead_of="pending")], 1_140, merged=["merged"])
    await outbox.expire(1_200)
    await outbox.receipt("ref-unknown", State.DELIVERED, 1_250)


def item(key: str, **changes: Any) -> Item:
    """Return an item."""
    return Item(key=key, recipient="+40700000001", chain=f"c-{key}", body="text", **changes)


if __name__ == "__main__":
    world = Airspace(recorded_world())
    make_track_checkpoints(world)
    make_redis(make_topics(world, make_incident_checkpoint(world)))
    make_schemas()
    asyncio.run(make_outbox())
