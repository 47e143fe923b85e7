"""Identified flights near the protected border are published, seldom, and told to nobody."""

from itertools import pairwise
from typing import Any

import pytest
from builders import airspace, beat, flight, packed, tracker, zone

from skyfence.contracts.report import Report
from skyfence.contracts.track_event import FlightSighted, TrackEvent
from skyfence.naming import Environment
from skyfence.tracks.tracker import Tracker

SKY = airspace(zone("AA", (27.0, 56.0, 28.0, 57.0)))
NAMED: dict[str, Any] = {"callsign": "TEST12", "icao_address": "F00001", "category": "aircraft"}


def sightings(reports: list[Report], *, crowd: int = 0, sift: bool = True) -> list[FlightSighted]:
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
    return [event for event in events if isinstance(event, FlightSighted)]


def test_a_flight_near_the_border_is_published_every_half_minute() -> None:
    """Reports every four seconds within 60 km give a sighting with every seventh."""
    seen = sightings(flight(0, 26.5, 90.0, reports=36, speed_mps=220.0, **NAMED))
    gaps = {(b.time - a.time).total_seconds() for a, b in pairwise(seen)}
    assert gaps == {28.0}
    assert {(event.identified_as, event.object.callsign) for event in seen} == {("civil", "TEST12")}


def test_a_flight_far_away_is_published_when_it_comes_near() -> None:
    """From 120 km off none is published, and the first one within 60 km is."""
    reports = flight(0, 25.05, 90.0, reports=100, speed_mps=220.0, **NAMED)
    first, *_ = sightings(reports)
    assert 26.02 < first.fix.lon < 26.13


def test_an_unknown_is_published_by_no_sighting() -> None:
    """Only what the policy identifies is."""
    judge = tracker(SKY)
    for report in flight(0, 26.5, 270.0, reports=5):
        assert not [
            event
            for event in judge.process(packed(report)).events
            if isinstance(event, FlightSighted)
        ]


@pytest.mark.parametrize("crowd", [0, 40])
def test_the_coarse_filter_changes_no_sighting(crowd: int) -> None:
    """In frames that are sifted and in those that are not, the same flights are published."""
    reports = flight(0, 25.05, 90.0, reports=100, speed_mps=220.0, **NAMED)
    assert sightings(reports, crowd=crowd) == sightings(reports, crowd=crowd, sift=False)
    alone = [event.time for event in sightings(reports)]
    crowded = sightings(reports, crowd=crowd)
    assert [event.time for event in crowded if event.track_id == "T1"] == alone
