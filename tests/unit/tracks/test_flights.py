"""Identified flights near the protected border are published, seldom, and told to nobody."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from builders import T0, airspace, beat, flight, packed, seen, tracker, zone

from skyfence.contracts.report import Report
from skyfence.contracts.track_event import FlightSighting, FlightsSighted, TrackEvent, TrackFact
from skyfence.naming import Environment
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.tracker import Tracker

SKY = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)))
NAMED: dict[str, Any] = {"callsign": "TEST12", "icao_address": "F00001", "category": "aircraft"}


def sightings(reports: list[Report], *, crowd: int = 0, sift: bool = True) -> list[FlightSighting]:
    """Return the flights that are published; ``crowd`` others are in each frame, far away."""
    judge = Tracker(SKY, Environment.EXERCISE, sift=sift)
    events = []
    for report in reports:
        far = [
            report.model_copy(update={"track_id": f"F{number}", "lon": 10.0 + number})
            for number in range(crowd)
        ]
        events += judge.process(packed(report, *far)).events
    events += judge.process(beat(10_000, last=True)).events
    assert not [event for event in events if isinstance(event, TrackEvent)]
    return flights_of(events)


def flights_of(events: Sequence[TrackFact]) -> list[FlightSighting]:
    """Return the flights that events publish, in order."""
    return [sighting for message in messages_of(events) for sighting in message.flights]


def messages_of(events: Sequence[TrackFact]) -> list[FlightsSighted]:
    """Return the events that publish flights."""
    return [event for event in events if isinstance(event, FlightsSighted)]


@pytest.mark.parametrize(
    ("scan_s", "gaps_s"), [(4.0, {20.0}), (10.0, {20.0}), (12.0, {12.0, 24.0})]
)
def test_a_flight_near_the_border_is_published_every_half_minute(
    scan_s: float, gaps_s: set[float]
) -> None:
    """Positions within 60 km of the border are published often enough to be compared."""
    reports = flight(0, 26.5, 90.0, reports=20, every_s=scan_s, speed_mps=220.0, **NAMED)
    published = sightings(reports)
    assert {(b.time - a.time).total_seconds() for a, b in pairwise(published)} == gaps_s
    assert {(each.track_id, each.callsign) for each in published} == {("T1", "TEST12")}


def test_a_flight_far_away_is_published_when_it_comes_near() -> None:
    """From 120 km off none is published, and the first one within some 60 km is."""
    reports = flight(0, 25.05, 90.0, reports=100, speed_mps=220.0, **NAMED)
    first, *_ = sightings(reports)
    assert 26.0 <= first.lon < 26.2


@pytest.mark.parametrize(
    ("lon", "is_near"), [(20.1, True), (20.7, True), (20.85, False), (25.0, False)]
)
def test_a_track_is_near_the_border_only_where_flights_are_published(
    lon: float, is_near: bool
) -> None:
    """At 6 and 45 km it says so, at 54 and 300 km not; a flight 3 km farther in is published."""
    wide = airspace(zone("AA", (20.0, 50.0, 30.0, 60.0)))
    unknown = flight(0, lon, 0.0, reports=20, lat=55.0)
    judge = tracker(wide)
    events = [event for report in unknown for event in judge.process(packed(report)).events]
    told = [event.near_border for event in events if isinstance(event, TrackEvent)]
    assert set(told) == {is_near}
    named = flight(0, lon + 0.047, 0.0, reports=20, lat=55.0, **NAMED)
    events = [event for report in named for event in tracker(wide).process(packed(report)).events]
    assert flights_of(events) or not is_near


def test_an_unknown_is_published_by_no_sighting() -> None:
    """Only what the policy identifies is."""
    judge = tracker(SKY)
    for report in flight(0, 26.5, 270.0, reports=5):
        assert flights_of(judge.process(packed(report)).events) == []


def test_a_coasted_position_is_not_published() -> None:
    """What its sensor predicted says nothing of where the flight is; the next measured one does."""
    reports = flight(0, 26.5, 90.0, reports=12, speed_mps=220.0, **NAMED)
    reports[5:8] = [report.model_copy(update={"phase": "coasting"}) for report in reports[5:8]]
    for crowd in (0, 40):
        own = [each for each in sightings(reports, crowd=crowd) if each.track_id == "T1"]
        assert [(each.time - T0).total_seconds() for each in own] == [0.0, 32.0, 40.0]


def test_flights_of_a_frame_travel_in_one_message() -> None:
    """Forty flights that come due together are one event, with each of them; so again when due."""
    judge = tracker(SKY)
    for at_s in (0, 4, 20):
        reports = [
            seen(at_s, track_id=f"T{row}", lon=26.9, lat=55.5 + row / 100, **NAMED)
            for row in range(40)
        ]
        events = judge.process(packed(*reports)).events
        counts = [len(message.flights) for message in messages_of(events)]
        assert counts == ([] if at_s == 4 else [40])


def test_a_message_holds_a_thousand_flights() -> None:
    """More come in several messages, none of them lost: a message of Kafka has a bound."""
    result = FrameResult()
    [sighting] = sightings(flight(0, 26.5, 90.0, reports=1, speed_mps=220.0, **NAMED))
    result.add_flights("run", "radar", [sighting])
    result.add_flights("run", "radar", [sighting] * 2_400)
    assert [len(event.flights) for event in messages_of(result.events)] == [1_000, 1_000, 401]


@pytest.mark.parametrize("crowd", [0, 40])
def test_the_coarse_filter_changes_no_sighting(crowd: int) -> None:
    """In frames that are sifted and in those that are not, the same flights are published."""
    reports = flight(0, 25.05, 90.0, reports=100, speed_mps=220.0, **NAMED)
    assert sightings(reports, crowd=crowd) == sightings(reports, crowd=crowd, sift=False)
    alone = [event.time for event in sightings(reports)]
    crowded = sightings(reports, crowd=crowd)
    assert [event.time for event in crowded if event.track_id == "T1"] == alone
