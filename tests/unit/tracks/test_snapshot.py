"""What a checkpoint holds: who goes on from it says what would have been said without a stop."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from builders import (
    airspace,
    beat,
    clock,
    flight,
    on_from,
    packed,
    recorded_world,
    seen,
    track_event,
    zone,
)
from words import ENGLISH

from skyfence import __version__
from skyfence.adapters.files import default_file, read_recording
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.track_event import TrackFact
from skyfence.errors import InputError
from skyfence.frames import arrow_stream
from skyfence.frames.frame import Frame
from skyfence.frames.packing import Packer, play
from skyfence.incidents import snapshot
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.tracks.snapshot import FORM, restore_snapshot, take_snapshot
from skyfence.tracks.tracker import Tracker

EXERCISE = Environment.EXERCISE
NAMES = ("latvia-2024-09-07", "romania-2024-09-08")
WORLD = airspace(
    zone("AA", (27.0, 56.0, 28.0, 56.5)),
    zone("XX", (26.0, 56.0, 27.0, 56.5), nato=False),
    zone("AA-1", (27.0, 56.0, 28.0, 56.5), kind="region", country="AA"),
)


def frames_of(name: str) -> Iterator[Frame]:
    """Yield a recording's frames, a second of its reports in each."""
    packer = Packer(name)
    lines = read_recording(str(default_file("recordings", f"{name}.jsonl")))
    items = play(line.report for line in lines if line.report is not None)
    return (frame for item in items for frame in packer.add(item))


@pytest.fixture(scope="module")
def recorded() -> Airspace:
    return Airspace(recorded_world())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(2))
def test_a_restart_anywhere_changes_nothing(name: str, seed: int, recorded: Airspace) -> None:
    """Tracker and book begun anew from their bytes at random frames say the same, byte for byte."""
    draw = Random(seed)
    names = {zone.id: zone.id for zone in recorded.zones}

    def judge(restarts: float) -> list[bytes]:
        tracker, manager = (
            Tracker(recorded, EXERCISE),
            IncidentManager(EXERCISE, names, ENGLISH.operators),
        )
        said: list[bytes] = []
        for frame in frames_of(name):
            facts = tracker.process(frame)
            said += [crossing.to_json() for crossing in facts.crossings]
            for event in facts.events:
                said += [alert.to_json() for alert in manager.process(event)]
            if draw.random() < restarts:
                state, pages = take_snapshot(tracker), snapshot.take_snapshot(manager.state)
                tracker, manager = (
                    Tracker(recorded, EXERCISE),
                    IncidentManager(EXERCISE, names, ENGLISH.operators),
                )
                restore_snapshot(tracker, state)
                manager.state = snapshot.restore_snapshot(pages)
                assert take_snapshot(tracker) == state
                assert snapshot.take_snapshot(manager.state) == pages
        return said

    undisturbed = judge(0.0)
    assert len(undisturbed) > 50
    assert judge(0.05) == undisturbed


def test_reports_that_wait_for_late_ones_are_kept() -> None:
    """A source that may be late has reports in hand: they are judged after a restart as before."""
    policy = Policy(PolicyFile(version="v", sources={"radar": SourceRules(lateness_ms=40_000)}))
    frames = [packed(sighting) for sighting in reversed(flight(0, 26.99, 90.0, reports=9))]

    def judge(stop_after: int) -> list[TrackFact]:
        tracker = Tracker(WORLD, EXERCISE, policy)
        events: list[TrackFact] = []
        for number, frame in enumerate([*frames, beat(600)]):
            events += tracker.process(frame).events
            if number == stop_after:
                state = take_snapshot(tracker)
                tracker = Tracker(WORLD, EXERCISE, policy)
                restore_snapshot(tracker, state)
        return events

    assert [event.kind for event in judge(-1)].count("entered") == 1
    assert judge(5) == judge(-1)


def test_a_stray_report_waits_for_the_next_across_a_restart() -> None:
    """What nothing can have flown to is held back; the report after the restart decides."""
    out = flight(0, 26.9, 90.0, reports=5)
    stray = seen(20, 29.0)
    tracker = Tracker(WORLD, EXERCISE)
    tracker.process(packed(*out, stray))
    again = Tracker(WORLD, EXERCISE)
    restore_snapshot(again, take_snapshot(tracker))
    then = packed(seen(24, 29.001), seen(28, 29.002))
    assert again.process(then).crossings == tracker.process(then).crossings


def test_other_zones_do_not_end_a_story() -> None:
    """With a new edition of the zones a track is where it was, and its all-clear still comes."""
    out = flight(0, 26.95, 90.0, reports=30)
    tracker = Tracker(WORLD, EXERCISE)
    tracker.process(packed(*out))
    moved = airspace(
        zone("NEW", (10.0, 50.0, 11.0, 51.0)),
        zone("XX", (26.0, 56.0, 27.0, 56.5), nato=False),
        zone("AA", (27.0, 56.0, 28.0, 56.5)),
        zone("AA-1", (27.0, 56.0, 28.0, 56.5), kind="region", country="AA"),
    )
    again = Tracker(moved, EXERCISE)
    restore_snapshot(again, take_snapshot(tracker))
    facts = again.process(packed(*on_from(out, 270.0, 60)))
    kinds = [event.kind for event in [*facts.events, *again.process(beat(1_000)).events]]
    assert [kind for kind in kinds if kind in ("exited", "cleared")] == ["exited", "cleared"]
    assert {crossing.zone for crossing in facts.crossings} == {"AA", "AA-1", "XX"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        msgspec.msgpack.encode({}),
        msgspec.msgpack.encode([1, "v", [], [["run"]]]),
        msgspec.msgpack.encode({"kind": "agent"}).replace(b"agent", b"\x80gent"),  # not UTF-8
    ],
)
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    """Bytes of another form are named as such, and the tracker still remembers nothing."""
    tracker = Tracker(WORLD, EXERCISE)
    with pytest.raises(InputError, match="not a snapshot of format"):
        restore_snapshot(tracker, data)
    assert tracker.export_state() == {}


def opened(tracker: Tracker) -> dict[str, Any]:
    """Return a tracker's snapshot as plain data, its state too."""
    snapshot: dict[str, Any] = msgspec.msgpack.decode(take_snapshot(tracker))
    return snapshot


def refused(snapshot: dict[str, Any]) -> str:
    """Return why a snapshot is refused."""
    with pytest.raises(InputError) as caught:
        restore_snapshot(Tracker(WORLD, EXERCISE), msgspec.msgpack.encode(snapshot))
    return str(caught.value)


def test_a_snapshot_of_a_newer_format_is_refused() -> None:
    """The error names the format, which skyfence wrote it, and what this one reads."""
    snapshot = opened(Tracker(WORLD, EXERCISE))
    newer = snapshot | {"format": FORM.format + 1, "skyfence": "9.8.7"}
    assert refused(newer) == (
        f"a snapshot of format {FORM.format + 1}, written by skyfence 9.8.7: "
        f"this skyfence {__version__} reads formats 1 to {FORM.format}"
    )


def test_a_snapshot_of_another_agent_is_refused() -> None:
    """A tracker cannot go on from what an incident agent remembered."""
    snapshot = opened(Tracker(WORLD, EXERCISE))
    expected = "a snapshot of 'incident agent', not of 'track agent'"
    assert refused(snapshot | {"kind": "incident agent"}) == expected


def test_a_snapshot_of_zones_that_it_does_not_name_is_refused() -> None:
    """Tracks among areas that the snapshot does not list cannot be put among others."""
    tracker = Tracker(WORLD, EXERCISE)
    tracker.process(packed(*flight(0, 27.1, 90.0, reports=5)))
    snapshot = opened(tracker)
    snapshot["state"] |= {"zones_version": "another version", "areas": []}
    assert refused(snapshot) == "a snapshot that does not hold together: list index out of range"


def test_a_snapshot_of_a_place_off_the_earth_is_refused() -> None:
    """A report that a sensor could not have sent is no place for a track to go on from."""
    tracker = Tracker(WORLD, EXERCISE)
    tracker.process(packed(*flight(0, 27.1, 90.0, reports=5)))
    snapshot = opened(tracker)
    [source] = snapshot["state"]["sources"]
    reports = arrow_stream.decode(source["reports"])
    index = reports.schema.get_field_index("lat")
    off = pa.array([91.0] * len(reports))
    changed = reports.set_column(index, reports.schema.field(index), off)
    source["reports"] = arrow_stream.encode(changed)
    assert refused(snapshot).startswith("a snapshot that does not hold together: a point leaves")


def test_what_is_over_and_was_never_told_is_kept() -> None:
    """The story of a track that nobody heard of leaves a ledger that can be read again."""
    manager = IncidentManager(EXERCISE, {}, ENGLISH.operators)
    assert manager.process(track_event("appeared", 1, confidence="fact")) == []
    assert manager.process(track_event("expired", 2, confidence="fact")) == []
    [(number, incident_id)] = manager.state.closed.values()
    assert (number, incident_id) == (2, None)
    assert snapshot.restore_snapshot(snapshot.take_snapshot(manager.state)) == manager.state


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format":2,"open":[],"runs":[],"closed":[]}'])
def test_what_is_no_snapshot_of_an_incident_agent_is_refused(data: bytes) -> None:
    """The same of the incident manager's."""
    with pytest.raises(InputError, match="not a snapshot of format"):
        snapshot.restore_snapshot(data)


def test_runs_that_have_ended_are_not_kept_for_ever() -> None:
    """A worker that sees thousands of replays remembers the last of them."""
    manager = IncidentManager(EXERCISE, {}, ENGLISH.operators)
    for number in range(300):
        given = clock(track_event("entered", 1).time, last=True)
        manager.process(given.model_copy(update={"run": f"run-{number}"}))
    assert len(manager.state.runs) == 1
    assert "run-299" in manager.state.runs
