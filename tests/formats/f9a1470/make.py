"""Make the files of this folder, with the code of commit f9a1470: formats 2 of both checkpoints.

    git worktree add ../before f9a1470
    PYTHONPATH=../before:../before/tests/support python tests/formats/f9a1470/make.py

Each agent's input is judged up to a stop, its checkpoint is written there, and what that code said
of the rest is kept beside it, so that newer code can be asked to go on from it.
"""

import base64
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from builders import T0, clock, flight, packed, recorded_world, seen, track_event
from words import ENGLISH

from skyfence.adapters.files import default_file, read_recording
from skyfence.airspace.airspace import Airspace
from skyfence.cli.schema_catalog import CONTRACTS, schema_of
from skyfence.frames.codec import encode_frame
from skyfence.frames.frame import Frame
from skyfence.frames.packing import Packer, play
from skyfence.incidents import snapshot as incident_snapshot
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile, SourceRules
from skyfence.tracks.snapshot import take_snapshot
from skyfence.tracks.tracker import Tracker
from skyfence.tracks.violation_episode import ViolationStatus

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
        *(packed(report) for report in reversed(late)),
        *(packed(report) for report in lost),
        packed(seen(100, 27.0, 56.9, source="lost", track_id="L4")),
        packed(*outlier, seen(20, 29.0, 56.7, source="outlier", track_id="L3")),
    ]


def after() -> list[Frame]:
    """Return what those sources report after the stop."""
    then = [seen(at, 29.0, 56.7, source="outlier", track_id="L3") for at in (24, 28)]
    return [packed(*then), packed(seen(600, 27.0, 56.6, source="late", track_id="L1"))]


def said(tracker: Tracker, frames: Iterable[Frame]) -> Iterator[bytes]:
    """Yield what a tracker says of frames."""
    for frame in frames:
        result = tracker.process(frame)
        for fact in [*result.crossings, *result.events]:
            yield fact.to_json()


def as_line(frame: Frame) -> bytes:
    """Return the message that carries a frame, as a line."""
    key, value, headers = encode_frame(frame)
    stored = {
        "topic": "tracks",
        "key": key.decode(),
        "headers": {name: text.decode() for name, text in headers},
        "value": base64.b64encode(value).decode(),
    }
    return json.dumps(stored, sort_keys=True).encode()


def violates(tracker: Tracker) -> bool:
    """Tell whether a track of a recording is inside, beyond doubt."""
    return any(
        track.violation is not None
        and track.violation.status is ViolationStatus.VIOLATION
        and track.violation.confidence == "confirmed"
        for source in tracker.export_state().values()
        for track in source.tracks.values()
        if source.run != "run"
    )


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
        write(f"track-{name}.checkpoint", take_snapshot(tracker))
        rest = [*after(), *frames[stop:]]
        write(f"track-{name}.after.jsonl", lines(as_line(frame) for frame in rest))
        write(f"track-{name}.said.jsonl", lines(said(tracker, rest)))


def make_incident_checkpoint(airspace: Airspace) -> None:
    """Write an incident agent's checkpoint, what was to come, and what was said of that."""
    tracker = Tracker(airspace, EXERCISE, POLICY)
    events = [
        event
        for name in RECORDINGS
        for frame in recorded(name, "both")
        for event in tracker.process(frame).events
    ]
    names = {zone.id: zone.id for zone in airspace.zones}
    manager = IncidentManager(EXERCISE, names, ENGLISH.operators)
    for number, kind in enumerate(("entered", "exited", "cleared"), 1):
        manager.process(track_event(kind, number, track_id="T9"))
    manager.process(clock(T0))
    stop = stop_of(manager, events)
    write("incident.checkpoint", incident_snapshot.take_snapshot(manager.state))
    write("incident.after.jsonl", lines(event.to_json() for event in events[stop:]))
    rest = [alert for event in events[stop:] for alert in manager.process(event)]
    write("incident.said.jsonl", lines(alert.to_json() for alert in rest))


def stop_of(manager: IncidentManager, events: list[Any]) -> int:
    """Process events until two incidents are open; return how many that took."""
    for number, event in enumerate(events, 1):
        manager.process(event)
        if len(manager.open) == 2:
            return number
    raise AssertionError("never were two incidents open")


if __name__ == "__main__":
    zones = Airspace(recorded_world())
    make_track_checkpoints(zones)
    make_incident_checkpoint(zones)
    write("schemas.json", json.dumps({name: schema_of(name) for name in CONTRACTS}).encode())
