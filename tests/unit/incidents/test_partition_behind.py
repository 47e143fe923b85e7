"""A replay whose decisions wait until its end for a partition tells the same, only later."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from builders import recorded_world
from words import ENGLISH

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import AnyAlert, PlaceAlert
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import PartitionWatermark, TrackTopicEvent
from skyfence.frames.packing import Packer, play
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.watermark import Origin
from skyfence.naming import Environment
from skyfence.times import to_ms
from skyfence.tracks.tracker import Tracker

RECORDING = Path(__file__).parents[3] / "recordings" / "romania-2024-09-08.jsonl"
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)
AHEAD, BEHIND = 1, 2  # partitions of ``tracks``: the replay's own, and another


def events_of(frame_reports: int) -> list[TrackTopicEvent]:
    """Return what the track agent says of the recording in frames of so many reports."""
    lines = RECORDING.read_bytes().splitlines()
    reports = [Report.model_validate_json(line) for line in lines]
    tracker = Tracker(Airspace(recorded_world()), Environment.EXERCISE)
    packer = Packer("run", frame_reports=frame_reports)
    frames = [frame for item in play(iter(reports)) for frame in packer.add(item)]
    frames += packer.flush()
    return [event for frame in frames for event in tracker.process(frame).events]


def told(events: Iterable[TrackTopicEvent], *, behind: bool) -> list[AnyAlert]:
    """Return what is told where another partition is up to date, or minutes behind."""
    decisions = AlertDecisions(Environment.EXERCISE, {}, ENGLISH.operators)
    judged = PUBLISHED - timedelta(minutes=5) if behind else PUBLISHED
    alerts = [*decisions.process(PartitionWatermark(partition=BEHIND, time=judged))]
    for event in events:
        alerts += decisions.process(event, Origin(AHEAD, to_ms(PUBLISHED)))
    assert decisions.undecided_runs == behind
    caught_up = PartitionWatermark(partition=BEHIND, time=PUBLISHED + timedelta(minutes=1))
    return [*alerts, *decisions.process(caught_up)]


def levels(alerts: Iterable[AnyAlert]) -> dict[str, list[tuple[int, str, datetime]]]:
    """Return the levels of each place, in order: the step, the level, since when."""
    by_place: dict[str, list[tuple[int, str, datetime]]] = defaultdict(list)
    for alert in alerts:
        if isinstance(alert, PlaceAlert):
            by_place[alert.place].append((alert.step, alert.level, alert.time))
    return by_place


def test_each_level_is_told_as_of_its_own_time() -> None:
    """Also a fall that the incident's end follows before it may be told."""
    at_once = levels(told(events_of(frame_reports=20), behind=False))
    assert [level for _, level, _ in at_once["RO-TL"]][-2:] == ["prepare", "clear"]
    for frame_reports in (20, 500):
        assert levels(told(events_of(frame_reports), behind=True)) == at_once
