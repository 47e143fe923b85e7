"""Runs that are over leave nothing behind, whatever they left open."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from builders import T0, clock, recorded_world, track_event
from words import ENGLISH

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import (
    PartitionWatermark,
    SourceWatermark,
    TrackEvent,
    TrackTopicEvent,
)
from skyfence.frames.frame import LIVE_RUN
from skyfence.frames.packing import Packer, play
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.snapshot import take_snapshot
from skyfence.incidents.watermark import Origin
from skyfence.naming import Environment
from skyfence.times import to_ms
from skyfence.tracks.tracker import Tracker

RECORDING = Path(__file__).parents[3] / "recordings" / "latvia-2024-09-07.jsonl"


def stage() -> AlertDecisions:
    return AlertDecisions(Environment.EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA"})


def story(run: str) -> Iterator[TrackTopicEvent]:
    """Yield a replay's events: one object is dismissed by its source, another one is lost."""
    yield clock(T0).model_copy(update={"run": run})
    for track, end in (("T1", "cleared"), ("T2", "lost")):
        for number, kind in enumerate(("entered", "updated", end), 1):
            given = {"run": run, "track_id": track, "lat": 56.1 if end == "lost" else 56.4}
            yield track_event(kind, number, **given)
    yield clock(T0 + timedelta(minutes=10), last=True).model_copy(update={"run": run})


def size_after(runs: int) -> int:
    """Return the size of a checkpoint after so many replays beside a live run."""
    decisions = stage()
    live = {"run": LIVE_RUN, "track_id": "LIVE", "lat": 56.3}
    decisions.process(track_event("entered", 1, **live))
    for number in range(runs):
        for event in story(f"replay-{number:04}"):
            decisions.process(event)
    assert next(incident.lead_key.run for incident in decisions.open) == LIVE_RUN
    return len(take_snapshot(decisions.state))


def test_600_replays_leave_what_one_leaves() -> None:
    """After 600 replays, each with an object still lost, a checkpoint is as large as after one."""
    assert size_after(600) <= 1.1 * size_after(1)


def test_the_last_replay_can_still_be_closed() -> None:
    """What the last run left lost is kept; what those before left is not."""
    decisions = stage()
    for run in ("first", "second"):
        for event in story(run):
            decisions.process(event)
    assert [incident.lead_key.run for incident in decisions.open] == ["second"]


def test_a_run_that_goes_on_keeps_all() -> None:
    """The end of one source of a run drops nothing, neither of it nor of a run before."""
    decisions = stage()
    for event in story("first"):
        decisions.process(event)
    for event in [clock(T0, "other").model_copy(update={"run": "second"}), *story("second")]:
        decisions.process(event)
    assert {incident.lead_key.run for incident in decisions.open} == {"first", "second"}


@pytest.mark.parametrize("runs", [20])
def test_a_recorded_run_leaves_nothing_either(runs: int) -> None:
    """The recorded drone of Latvia, replayed many times, leaves what it leaves once."""
    reports = [Report.model_validate_json(line) for line in RECORDING.read_bytes().splitlines()]
    tracker = Tracker(Airspace(recorded_world()), Environment.EXERCISE)
    packer = Packer("run", frame_reports=500)
    frames = [frame for item in play(iter(reports)) for frame in packer.add(item)]
    events = [event for frame in frames for event in tracker.process(frame).events]
    decisions, sizes = stage(), list[int]()
    for number in range(runs):
        for event in events:
            decisions.process(event.model_copy(update={"run": f"replay-{number:02}"}))
        sizes.append(len(take_snapshot(decisions.state)))
    assert sizes[-1] <= 1.1 * sizes[0]


def ended(decisions: AlertDecisions, run: str, origin: Origin) -> None:
    """Have a replay of one source begin and end, in frames of a partition at a time."""
    end = clock(T0 + timedelta(minutes=10), last=True)
    events: list[SourceWatermark | TrackEvent] = [clock(T0), track_event("entered", 1), end]
    for event in events:
        decisions.process(event.model_copy(update={"run": run}), origin)


def test_a_run_is_not_over_while_a_partition_is_behind() -> None:
    """An older replay ends after a newer one: what waits in its partition may be of the newer."""
    decisions = stage()
    decisions.process(clock(T0).model_copy(update={"run": "older"}), Origin(0, 1_000))
    ended(decisions, "newer", Origin(1, 5_000))
    ended(decisions, "older", Origin(0, 2_000))
    assert {"older", "newer"} <= decisions.state.runs.keys()
    ended(decisions, "newest", Origin(0, 6_000))
    assert decisions.state.runs.keys() == {"newest"}


def test_a_run_is_undecided_while_a_partition_may_hold_more_of_it() -> None:
    """Whoever waits for a replay's last alerts is told so; a run that goes on counts for none."""
    decisions = stage()
    decisions.process(PartitionWatermark(partition=0, time=T0))
    began = Origin(1, to_ms(T0 + timedelta(seconds=30)))
    decisions.process(clock(T0).model_copy(update={"run": "goes on"}), began)
    assert decisions.undecided_runs == 0
    ended(decisions, "run", began)
    assert decisions.undecided_runs == 1
    decisions.process(PartitionWatermark(partition=0, time=T0 + timedelta(minutes=1)))
    assert decisions.undecided_runs == 0


def test_a_partition_that_nobody_judges_keeps_few_runs() -> None:
    """It may be of a topic that is no more; memory is bounded all the same."""
    decisions = stage()
    decisions.process(clock(T0).model_copy(update={"run": "first"}), Origin(0, 1_000))
    for number in range(100):
        ended(decisions, f"replay-{number}", Origin(1, 2_000 + number))
    assert len(decisions.state.runs) < 15
