"""The order in which sources' messages arrive: no join, and no count, depends on it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import cycle
from typing import Any

from builders import T0, clock, track_event
from hypothesis import given, settings
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import SourceWatermark, TrackTopicEvent
from skyfence.incidents.incident import Incident
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

METRES_PER_DEGREE = 61_990  # of longitude, at 56.25 N
FLYING = {"ground_speed_mps": 50.0, "course_deg": 90.0, "accuracy_m": 50.0}
CLOCK_S = 10
END_S = 460
# Partitions lag by seconds; a minute is many clocks, and no longer than a track needs to be lost.
LAG_S = 60


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Track:
    """One sensor's track of an object that flies east at 50 m/s."""

    def __init__(self, source: str, track_id: str, opened_s: float, lat: float = 56.25) -> None:
        self.source, self.track_id, self.opened_s, self.lat = source, track_id, opened_s, lat
        self.events: list[TrackTopicEvent] = []

    def says(self, seconds: float, kind: str, **changes: Any) -> "Track":
        """Add what is known of the track at a time."""
        given = {
            "source": self.source,
            "track_id": self.track_id,
            "opened": at(self.opened_s),
            "at": at(seconds),
            "lat": self.lat,
            "lon": 27.1 + seconds * 50 / METRES_PER_DEGREE,
            "object": FLYING,
        }
        self.events.append(track_event(kind, len(self.events) + 1, **(given | changes)))
        return self

    def sighted(self, *seconds: float, **changes: Any) -> "Track":
        """Add what joins tracks and is told to nobody."""
        for second in seconds:
            self.says(second, "sighted", **changes)
        return self


@cache
def stories() -> dict[str, list[TrackTopicEvent]]:
    """Return what each source says, in order.

    ``a`` and ``b`` see one object; ``a`` loses it first, ``b`` later, and ``a`` sees it again as a
    new track. ``c`` sees another object, which leaves and is cleared.
    """
    a1 = Track("a", "A1", 12).says(12, "entered").sighted(42, 72)
    a1.says(140, "lost", lon=27.1 + 80 * 50 / METRES_PER_DEGREE)
    a2 = Track("a", "A2", 310).says(310, "appeared", confidence="fact", crossed=False)
    a2.sighted(341, 372, 403, confidence="fact", crossed=False)
    b = Track("b", "B1", 15).says(15, "threatened", confidence="possible", regions=())
    b.says(18, "entered", regions=("AA-2",)).sighted(48, 78, 108, 138, 168, 198)
    b.says(261, "lost", lon=27.1 + 201 * 50 / METRES_PER_DEGREE)
    c = Track("c", "C1", 25, lat=56.6).says(25, "entered", nations=("BB",), regions=("BB-1",))
    c.sighted(55, 85).says(101, "exited").says(221, "cleared")
    near = Track("b", "B2", 11, lat=56.8).says(11, "entered").sighted(41, lat=56.851)
    near.sighted(71, 101, 131, lat=56.851)
    manager = Track("a", "A3", 13, lat=56.9).says(13, "entered").sighted(43, lat=56.851)
    manager.sighted(73, 103, 133, lat=56.851)
    return {
        "a": told(a1.events + a2.events + manager.events, "a"),
        "b": told(b.events + near.events, "b"),
        "c": told(c.events, "c"),
    }


def told(events: list[TrackTopicEvent], source: str) -> list[TrackTopicEvent]:
    """Put the source's clocks between its events, and its end behind them."""
    ticks: list[TrackTopicEvent] = [clock(at(tick), source) for tick in range(0, END_S, CLOCK_S)]
    mixed = sorted(
        [*ticks, *events], key=lambda event: (event.time, isinstance(event, SourceWatermark))
    )
    return [*mixed, clock(at(END_S), source, last=True)]


def arrivals(choices: Iterator[int]) -> Iterator[TrackTopicEvent]:
    """Yield the sources' messages mixed: each source's in its order, none far behind another's."""
    left = {source: list(events) for source, events in stories().items()}
    yield from (left[source].pop(0) for source in sorted(left))  # all sources are known
    while left := {source: events for source, events in left.items() if events}:
        horizon = min(events[0].time for events in left.values()) + timedelta(seconds=LAG_S)
        ready = [source for source in sorted(left) if left[source][0].time <= horizon]
        yield left[ready[next(choices) % len(ready)]].pop(0)


def outcome(choices: list[int]) -> tuple[IncidentManager, list[Alert]]:
    """Return the book, and what was told, when messages arrive in an order."""
    manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
    return manager, [
        alert for event in arrivals(cycle(choices)) for alert in manager.process(event)
    ]


def still_open(manager: IncidentManager) -> list[Incident]:
    return sorted(manager.open, key=lambda incident: incident.incident_id)


STRAIGHT = [0]


def joins(alerts: list[Alert]) -> list[tuple[str, ...]]:
    """Return who was joined with whom, in the order of telling."""
    told = [alert for alert in alerts if alert.incidents or "seen again" in alert.headline]
    return [
        (alert.message_type, alert.place, *alert.tracks, *map(str, alert.incidents))
        for alert in told
    ]


def test_the_story_told_in_order() -> None:
    """One object is one incident through two sensors, a loss and a new track; the other its own."""
    manager, alerts = outcome(STRAIGHT)
    pair, incident = sorted(manager.open, key=lambda incident: len(incident.member_keys))
    assert {key.name for key in pair.member_keys} == {"a/A3", "b/B2"}
    assert {key.name for key in incident.member_keys} == {"a/A1", "a/A2", "b/B1"}
    assert (incident.lead_key.name, incident.state) == ("a/A2", "violation")
    assert set(incident.steps) == {"AA-1", "AA-2", "AA", "NATO"}
    of_c = [(alert.place, alert.message_type) for alert in alerts if alert.tracks == ("c/C1",)]
    assert of_c.count(("BB-1", "Cancel")) == 1
    situations = [alert for alert in alerts if alert.event == "repeated airspace violations"]
    assert [(alert.message_type, len(alert.incidents)) for alert in situations] == [
        ("Alert", 2),
        ("Update", 3),
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 5), min_size=12, max_size=90))
def test_what_is_joined_does_not_depend_on_the_order_of_arrival(choices: list[int]) -> None:
    """However the partitions interleave: the same joins, situations, open incidents and chains."""
    manager, alerts = outcome(choices)
    expected_by, expected = outcome(STRAIGHT)
    assert joins(alerts) == joins(expected)
    assert still_open(manager) == still_open(expected_by)
    alone = [[alert for alert in told if alert.tracks == ("c/C1",)] for told in (alerts, expected)]
    assert alone[0] == alone[1]  # joined with none: to the last byte
