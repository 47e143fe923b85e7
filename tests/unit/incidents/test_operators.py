"""Operators' words that two incidents are one object, and that a track is another one."""

from typing import Any
from uuid import UUID

import pytest
from builders import T0, clock, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import OperatorJoined, OperatorSeparated, TrackTopicEvent
from skyfence.identity import derive
from skyfence.incidents.incident import Incident
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import restore_snapshot, take_snapshot
from skyfence.naming import Environment
from skyfence.times import from_ms, to_ms


def at(seconds: float) -> Any:
    return from_ms(to_ms(T0) + round(seconds * 1000))


class Desk:
    """A manager, and operators who say things of its incidents."""

    def __init__(self) -> None:
        self.manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
        self.take(*(clock(at(0), source) for source in "ab"))

    def take(self, *events: TrackTopicEvent) -> list[Alert]:
        return [alert for event in events for alert in self.manager.process(event)]

    def seen(self, source: str, number: int, seconds: float, kind: str, lat: float) -> list[Alert]:
        given = {"source": source, "track_id": f"T-{source}", "at": at(seconds), "lat": lat}
        return self.take(track_event(kind, number, opened=at(1), **given), *self.clocks(seconds))

    def clocks(self, seconds: float) -> list[TrackTopicEvent]:
        return [clock(at(seconds), source) for source in "ab"]

    def join(self, first: UUID, other: UUID, run: str = "run") -> list[Alert]:
        given = {"run": run, "incident_id": first, "other_id": other, "by": "anna"}
        return self.take(OperatorJoined.model_validate(given | {"reason": "one echo", "time": T0}))

    def separate(self, incident: UUID, source: str, track_id: str) -> list[Alert]:
        given = {"run": "run", "incident_id": incident, "source": source, "track_id": track_id}
        said = {"by": "anna", "reason": "two lights", "time": T0}
        return self.take(OperatorSeparated.model_validate(given | said))

    @property
    def open(self) -> list[Incident]:
        return self.manager.open

    @property
    def members(self) -> list[list[str]]:
        return [[key.name for key in incident.member_keys] for incident in self.open]


def two_apart() -> Desk:
    """Return a desk with two incidents 55 km apart."""
    desk = Desk()
    desk.seen("a", 1, 10, "entered", 56.0)
    desk.seen("b", 1, 11, "entered", 56.5)
    return desk


def test_operators_join_two_incidents() -> None:
    """The one opened first goes on, says who joined them and why, and stays one from then on."""
    desk = two_apart()
    first, other = (incident.incident_id for incident in desk.open)
    alerts = desk.join(other, first)
    assert {alert.incident_id for alert in alerts if alert.message_type == "Cancel"} == {other}
    told = [alert for alert in alerts if alert.incident_id == first]
    assert all("as anna says" in alert.headline for alert in told)
    assert all("Decided by anna: one echo." in alert.description for alert in told)
    for number, seconds in enumerate((20, 30, 40), 2):
        desk.seen("a", number, seconds, "sighted", 56.0)
        desk.seen("b", number, seconds, "sighted", 56.5)
    assert desk.members == [["a/T-a", "b/T-b"]]


def test_what_was_lost_goes_on_with_the_track_that_it_is_joined_with() -> None:
    """An operator who finds a lost object again has its incident follow what is seen."""
    desk = Desk()
    desk.seen("a", 1, 10, "entered", 56.0)
    desk.seen("a", 2, 100, "lost", 56.0)
    desk.seen("b", 1, 200, "entered", 56.5)
    lost, seen = (incident.incident_id for incident in desk.open)
    desk.join(lost, seen)
    (incident,) = desk.open
    assert (incident.incident_id, incident.lead_key.name) == (lost, "b/T-b")
    assert incident.state == "violation"


def test_operators_separate_a_track() -> None:
    """The track has an incident of its own, whichever leads, and is not joined again."""
    for track in "ab":
        desk = Desk()
        desk.seen("a", 1, 10, "entered", 56.0)
        desk.seen("b", 1, 11, "entered", 56.0)
        assert desk.members == [["a/T-a", "b/T-b"]]
        alerts = desk.separate(desk.open[0].incident_id, track, f"T-{track}")
        assert all("Decided by anna: two lights." in alert.description for alert in alerts)
        desk.manager.state = restore_snapshot(take_snapshot(desk.manager.state))
        desk.seen("a", 2, 20, "sighted", 56.0)
        desk.seen("b", 2, 21, "sighted", 56.0)
        assert sorted(desk.members) == [["a/T-a"], ["b/T-b"]]
        assert len({(a.incident_id, a.channel, a.step) for a in alerts}) == len(alerts)


def test_no_alert_id_is_used_twice() -> None:
    """A track that is separated, joined and separated has another incident each time."""
    desk = Desk()
    alerts = desk.seen("a", 1, 10, "entered", 56.0) + desk.seen("b", 1, 11, "entered", 56.0)
    first = desk.open[0].incident_id
    for _ in range(3):
        alerts += desk.separate(first, "b", "T-b")
        (other,) = (each.incident_id for each in desk.open if each.incident_id != first)
        alerts += desk.join(first, other)
    assert len({alert.alert_id for alert in alerts}) == len(alerts)


@pytest.mark.parametrize("track", ["T-a", "T-x"], ids=["the only one", "unknown"])
def test_a_track_that_cannot_be_separated_is_left(track: str) -> None:
    """The only track of an incident, or one that it does not have, changes nothing."""
    desk = two_apart()
    assert desk.separate(desk.open[0].incident_id, "a", track) == []
    assert len(desk.open) == 2


def test_words_on_what_is_not_open_change_nothing() -> None:
    """Another run's incident, one that is not open, or twice the same: nothing is joined."""
    desk = two_apart()
    first, other = (incident.incident_id for incident in desk.open)
    assert desk.join(first, other, run="another") == []
    assert desk.join(first, derive("none")) == []
    assert desk.join(first, first) == []
    assert len(desk.open) == 2


@pytest.mark.parametrize("opened_first", ["private", "drone"])
def test_a_lost_drone_joined_with_a_private_flight_is_no_private_flight(opened_first: str) -> None:
    """It stays a violation beyond doubt, led by the track that is seen, and is told to all."""
    desk = Desk()
    flight = {"source": "a", "track_id": "T-a", "lat": 56.6, "private_flight": True}
    flight |= {"crossed": False, "confidence": "possible", "regions": ("AA-2",)}
    flight["opened"] = at(10 if opened_first == "private" else 30)
    if opened_first == "private":
        desk.take(track_event("appeared", 1, at=at(10), **flight))
    desk.seen("b", 1, 20, "entered", 56.1)
    if opened_first == "drone":
        desk.take(track_event("appeared", 1, at=at(30), **flight))
    desk.seen("b", 2, 200, "lost", 56.1)
    first, other = (incident.incident_id for incident in desk.open)
    told = desk.join(first, other)
    (joint,) = desk.open
    assert (joint.private, joint.confidence, joint.lead_key.name) == (False, "confirmed", "a/T-a")
    assert {"AA-1", "AA-2", "AA", "NATO"} <= {alert.place for alert in told}
