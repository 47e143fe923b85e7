"""Who leads an incident when its lead's track ends: whoever still sees its object, or lost it."""

from typing import Any

import pytest
from builders import T0, clock, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.track_event import TrackTopicEvent
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment
from skyfence.times import from_ms, to_ms


def at(seconds: float) -> Any:
    return from_ms(to_ms(T0) + round(seconds * 1000))


class Radars:
    """What two radars of one region make known, and what is told of it."""

    def __init__(self) -> None:
        self.decisions = AlertDecisions(
            Environment.EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA", "AA-2": "AA"}
        )
        self.told: list[Alert | PlaceAlert] = []
        self.take(*(clock(at(0), source) for source in "ab"))
        self.numbers: dict[str, int] = {}

    def take(self, *events: TrackTopicEvent) -> None:
        for event in events:
            self.told += self.decisions.process(event)

    def hear(self, source: str, kind: str, seconds: float, **more: Any) -> None:
        """Let a radar say something of its track, and both radars' clocks come as far."""
        number = self.numbers[source] = self.numbers.get(source, 0) + 1
        opened = more.get("opened", at(10))
        first = {"time": opened, "lat": 56.25, "lon": 27.0, "accuracy_m": 50.0}
        given = {"source": source, "track_id": source.upper(), "opened": opened, "first": first}
        given["at"] = at(seconds)
        self.take(track_event(kind, number, **(given | more)))
        self.take(*(clock(at(seconds), name) for name in "ab"))

    def both(self, kinds: tuple[str, str], **more: Any) -> None:
        """Let both see one object from second 10 to 22."""
        for source, kind in zip("ab", kinds, strict=True):
            self.hear(source, kind, 10, **more)
        for seconds in (14, 18, 22):
            for source in "ab":
                self.hear(source, "sighted", seconds, **more)

    @property
    def incidents(self) -> list[tuple[str, str]]:
        return [(incident.state, incident.lead_key.source) for incident in self.decisions.open]

    @property
    def cleared(self) -> list[str]:
        return [m.place for m in self.told if isinstance(m, PlaceAlert) and m.level == "clear"]


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ("threatened", "receded"),
        ("entered", "cleared"),
        ("entered", "expired"),
        ("entered", "identified"),
    ],
)
def test_an_incident_goes_on_while_a_member_sees_its_object(before: str, end: str) -> None:
    """The end of the lead's track is no all-clear; the end of the last member's is."""
    radars = Radars()
    radars.both((before, before))
    (lead,) = [source for _, source in radars.incidents]
    other = "b" if lead == "a" else "a"
    radars.hear(lead, end, 60)
    radars.take(*(clock(at(2_000), name) for name in "ab"))
    state = "threat" if before == "threatened" else "violation"
    assert (radars.incidents, radars.cleared) == ([(state, other)], [])
    radars.hear(other, end, 2_100)
    radars.take(*(clock(at(9_000), name) for name in "ab"))
    assert radars.incidents == []
    assert {"AA", "NATO"} <= set(radars.cleared)


def test_what_was_lost_is_lost_again_when_what_was_taken_for_it_is_identified() -> None:
    """A light aircraft that reads its transponder is no all-clear for the drone that was lost."""
    radars = Radars()
    radars.hear("a", "entered", 10)
    radars.hear("a", "lost", 200)
    private = {"crossed": False, "private_flight": True, "confidence": "possible"}
    candidate = private | {"opened": at(400)}
    radars.hear("b", "appeared", 400, **candidate)
    assert radars.incidents == [("violation", "b")]
    radars.hear("b", "identified", 430, identified_as="civil", **candidate)
    radars.take(*(clock(at(2_000), name) for name in "ab"))
    assert (radars.incidents, radars.cleared) == ([("lost", "a")], [])
    lost = [m for m in radars.told if isinstance(m, Alert) and m.place == "AA-1"][-1]
    assert "is lost" in lost.headline


def test_what_was_lost_beside_a_track_that_went_on_ends_with_it() -> None:
    """A radar that lost an object which the other one saw leave does not hold it for hours."""
    radars = Radars()
    radars.both(("entered", "entered"))
    (lead,) = [source for _, source in radars.incidents]
    radars.hear("b" if lead == "a" else "a", "lost", 90)
    radars.hear(lead, "exited", 200)
    radars.hear(lead, "cleared", 900)
    assert radars.incidents == []
