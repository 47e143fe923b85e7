"""Checkpoints that earlier releases wrote: who goes on from one goes on with what it holds.

Judgement gets better from release to release, so what is said of the rest need not be the same to
the byte. The facts are, and so are episodes, incidents, channels and the steps of chains.
"""

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from builders import recorded_world
from repository import FORMATS
from words import ENGLISH

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import AnyAlert, parse_alert
from skyfence.contracts.track_event import parse_event
from skyfence.frames.codec import RawMessage, decode_message
from skyfence.frames.frame import Frame
from skyfence.incidents import snapshot as incident_snapshot
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.times import LATEST_MS
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot
from skyfence.tracks.tracker import Tracker

RELEASES = ("583fb3f", "f9a1470")
RECORDINGS = ("latvia-2024-09-07", "romania-2024-09-08")
EXERCISE = Environment.EXERCISE
# As the script that made the files had it.
POLICY = Policy(PolicyFile(version="v", sources={"late": SourceRules(lateness_ms=40_000)}))
NAMES = {zone.id: zone.id for zone in recorded_world().zones}


@cache
def world() -> Airspace:
    return Airspace(recorded_world())


def contents(release: str, name: str) -> bytes:
    """Return what a release's file holds."""
    return gzip.decompress((FORMATS / release / f"{name}.gz").read_bytes())


def frames(release: str, name: str) -> list[Frame]:
    """Return the frames of stored messages of ``tracks``."""
    messages = [json.loads(line) for line in contents(release, name).splitlines()]
    return [
        decode_message(
            RawMessage(
                message["key"].encode(),
                base64.b64decode(message["value"]),
                {header: text.encode() for header, text in message["headers"].items()},
                LATEST_MS,
            ),
            EXERCISE,
        ).frame
        for message in messages
    ]


def said(tracker: Tracker, frames_after: list[Frame]) -> list[bytes]:
    """Return what a tracker says of frames."""
    results = [tracker.process(frame) for frame in frames_after]
    return [fact.to_json() for result in results for fact in [*result.crossings, *result.events]]


def crossings(facts: Sequence[dict[str, Any]]) -> set[tuple[str, ...]]:
    """Return what crossed where and when."""
    names = ("kind", "zone", "source", "track_id", "time")
    return {tuple(str(fact[name]) for name in names) for fact in facts if "crossing_id" in fact}


def episodes_gone_on(facts: Sequence[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return the episodes whose first event among the facts is not their first of all."""
    first: dict[tuple[str, str, str], int] = {}
    for fact in facts:
        if "opened" in fact:
            episode = (fact["source"], fact["track_id"], fact["opened"])
            first.setdefault(episode, fact["number"])
    return {episode for episode, number in first.items() if number > 1}


def steps(alerts: Sequence[AnyAlert]) -> list[tuple[str, str, int, str]]:
    """Return the chain, step and kind of each message."""
    return [
        (str(alert.incident_id), alert.channel, alert.step, alert.message_type) for alert in alerts
    ]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_track_agent_goes_on(release: str, name: str) -> None:
    """From an older checkpoint a tracker finds the same crossings, and its episodes go on.

    The checkpoint holds an open violation, reports that wait for late ones, a lost track and an
    outlier on trial.
    """
    tracker = Tracker(world(), EXERCISE, POLICY)
    restore_snapshot(tracker, contents(release, f"track-{name}.checkpoint"))
    told = said(tracker, frames(release, f"track-{name}.after.jsonl"))
    now = [json.loads(line) for line in told]
    before = [
        json.loads(line) for line in contents(release, f"track-{name}.said.jsonl").splitlines()
    ]
    assert crossings(now) == crossings(before)
    assert crossings(before)
    assert episodes_gone_on(now) >= episodes_gone_on(before)
    assert episodes_gone_on(before)


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", RECORDINGS)
def test_a_track_agent_writes_the_newest_format(release: str, name: str) -> None:
    """What was read from an older checkpoint is written in the newest format, and read the same."""
    first, second = (Tracker(world(), EXERCISE, POLICY) for _ in range(2))
    restore_snapshot(first, contents(release, f"track-{name}.checkpoint"))
    taken = take_snapshot(first)
    restore_snapshot(second, taken)
    assert take_snapshot(second) == taken


@pytest.mark.parametrize("release", RELEASES)
def test_an_incident_agent_goes_on(release: str) -> None:
    """From an older checkpoint a manager goes on with the chains that that release went on with.

    The checkpoint holds open incidents, decisions that wait, repeated violations, what is closed
    and what an operator closed.
    """
    manager = IncidentManager(EXERCISE, NAMES, ENGLISH.operators)
    manager.state = incident_snapshot.restore_snapshot(contents(release, "incident.checkpoint"))
    assert len(manager.open) == 2
    assert manager.state.closed
    events = contents(release, "incident.after.jsonl").splitlines()
    alerts = [alert for event in events for alert in manager.process(parse_event(event))]
    before = [parse_alert(line) for line in contents(release, "incident.said.jsonl").splitlines()]
    assert steps(alerts) == steps(before)


@pytest.mark.parametrize("release", RELEASES)
def test_an_incident_agent_writes_the_newest_format(release: str) -> None:
    """What was read from an older checkpoint is written in the newest format, and read the same."""
    state = incident_snapshot.restore_snapshot(contents(release, "incident.checkpoint"))
    assert incident_snapshot.restore_snapshot(incident_snapshot.take_snapshot(state)) == state
