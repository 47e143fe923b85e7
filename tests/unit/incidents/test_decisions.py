"""Decisions on alerts: places are told with the incidents that concern them, and before them."""

from datetime import timedelta
from typing import Any

import pytest
from builders import T0, clock, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.track_event import Coverage
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment

NAMES = {"AA": "Aland", "AA-1": "Southshire", "BB": "Borland", "BB-1": "Westmark"}
NATIONS = {"AA-1": "AA", "BB-1": "BB"}


def decisions() -> AlertDecisions:
    return AlertDecisions(Environment.EXERCISE, NAMES, ENGLISH.operators, nations=NATIONS)


def states(messages: list[Alert | PlaceAlert]) -> list[tuple[str, str, str]]:
    return [
        (message.place, message.place_kind, message.level)
        for message in messages
        if isinstance(message, PlaceAlert)
    ]


def threat(**more: Any) -> Any:
    ahead = ({"place": "AA-1", "minutes_left": 4}, {"place": "BB-1", "minutes_left": 9})
    given = {"confidence": "possible", "regions": (), "minutes_left": 4, "ahead": ahead}
    return track_event("threatened", 1, **(given | more))


def test_a_nation_hears_with_its_first_region() -> None:
    """A region ahead, its nation and the alliance are told in the same instant, people first."""
    messages = decisions().process(threat())
    assert states(messages) == [
        ("AA-1", "region", "prepare"),
        ("BB-1", "region", "prepare"),
        ("AA", "nation", "prepare"),
        ("BB", "nation", "prepare"),
        ("NATO", "alliance", "prepare"),
    ]
    assert isinstance(messages[5], Alert)
    nation = messages[2]
    assert isinstance(nation, PlaceAlert)
    assert nation.regions == ("AA-1",)


def test_incidents_are_quiet_and_places_sound() -> None:
    """The incidents' chains are evidence: only the places' messages ask somebody to act."""
    messages = decisions().process(threat())
    assert {message.notify for message in messages if isinstance(message, Alert)} == {"quiet"}
    assert {message.notify for message in messages if isinstance(message, PlaceAlert)} == {"sound"}


def test_only_what_is_sure_says_shelter() -> None:
    """A possible or coasted violation asks people to be ready, a confirmed one to take shelter."""
    for changes, level in (
        ({"confidence": "possible"}, "prepare"),
        ({"coasted": True}, "prepare"),
        ({}, "shelter"),
    ):
        messages = decisions().process(track_event("entered", 1, **changes))
        assert states(messages)[0] == ("AA-1", "region", level)


def test_a_private_flight_concerns_no_place() -> None:
    """What may well be a private flight is no danger to any place."""
    event = track_event("appeared", 1, crossed=False, private_flight=True)
    assert states(decisions().process(event)) == []


@pytest.mark.parametrize("lost", ["entered", "threatened"])
def test_what_goes_on_with_a_lost_object_is_as_sure_as_its_evidence(lost: str) -> None:
    """A supposed private flight that is the lost object has people take shelter, and counts."""
    stage = decisions()
    stage.process(clock(T0))
    confidence = "confirmed" if lost == "entered" else "possible"
    stage.process(track_event(lost, 1, confidence=confidence))
    stage.process(track_event("lost", 2, confidence=confidence))
    stage.process(clock(T0 + timedelta(minutes=2)))
    begins = T0 + timedelta(minutes=8)
    unknown = {"track_id": "T2", "opened": begins, "confidence": "possible", "crossed": False}
    first = {"time": begins, "lat": 56.25, "lon": 27.1, "accuracy_m": 50.0}
    unknown |= {"private_flight": True, "first": first}
    stage.process(track_event("appeared", 1, at=begins, **unknown))
    stage.process(clock(begins))
    stage.process(track_event("sighted", 2, at=begins + timedelta(minutes=7), **unknown))
    told = stage.process(clock(begins + timedelta(minutes=20)))
    levels = [level for place, _, level in states(told) if place == "AA-1"]
    assert "prepare" not in levels
    assert stage.state.runs["run"].places.states["AA-1"].level == "shelter"
    (violation,) = stage.state.runs["run"].situation.violations
    assert violation.incident_id == stage.open[0].incident_id


def test_circling_holds_all_places_within_reach() -> None:
    """What circles asks the places that it can be in within five minutes to be ready."""
    near = ({"place": "BB-1", "minutes_left": 4}, {"place": "BB-2", "minutes_left": 5})
    messages = decisions().process(track_event("entered", 1, circling=True, within_reach=near))
    assert ("BB-1", "region", "prepare") in states(messages)
    assert "BB-2" not in {place for place, _, _ in states(messages)}


def test_the_all_clear_comes_with_the_watermark() -> None:
    """After the close the places are cleared when the sources have come so far, once each."""
    stage = decisions()
    stage.process(clock(T0))
    stage.process(track_event("entered", 1))
    assert states(stage.process(track_event("cleared", 2))) == []
    told = states(stage.process(clock(T0 + timedelta(minutes=3))))
    assert told == [
        ("AA-1", "region", "clear"),
        ("AA", "nation", "clear"),
        ("NATO", "alliance", "clear"),
    ]


def test_a_run_that_has_ended_clears_nothing_by_itself() -> None:
    """What was lost when the recording ended stands: nobody has watched since."""
    stage = decisions()
    stage.process(clock(T0))
    stage.process(track_event("entered", 1))
    stage.process(track_event("lost", 2))
    told = stage.process(clock(T0 + timedelta(minutes=2), last=True))
    assert [state for state in states(told) if state[2] == "clear"] == []


def test_a_place_that_nobody_sees_is_told_so() -> None:
    """Coverage changes what a place with a level says; a run that is over hears nothing."""
    stage = decisions()
    stage.process(clock(T0))
    stage.process(track_event("entered", 1))
    told = stage.process(Coverage(run="run", time=T0, unseen=("AA-1", "AA")))
    assert {m.place: m.unseen for m in told if isinstance(m, PlaceAlert)} == {
        "AA-1": True,
        "AA": True,
    }
    assert stage.process(Coverage(run="other", time=T0, unseen=("AA-1",))) == []
    assert "other" not in stage.state.runs


def test_a_nation_without_regions_is_a_nation() -> None:
    """One that is first named because something circles within reach holds the alliance, too."""
    stage = decisions()
    near = ({"place": "DE", "minutes_left": 3},)
    stage.process(track_event("entered", 1, circling=True, within_reach=near))
    assert stage.state.runs["run"].places.states["DE"].kind == "nation"


def test_what_is_lost_is_so_for_all_places_alike() -> None:
    """A place that the object had left hears of its loss with those that it was lost in.

    So no nation says "heading for" while the region beneath it says "not seen now".
    """
    stage = decisions()
    reach = tuple({"place": place, "minutes_left": 0} for place in ("AA-1", "AA-2"))
    stage.process(clock(T0))
    stage.process(track_event("entered", 1, within_reach=reach))
    on = {"regions": ("AA-2",), "within_reach": reach}
    stage.process(track_event("updated", 2, changes=("place",), **on))
    told = stage.process(track_event("lost", 4, **on))
    lost = {each.place: each.lost for each in told if isinstance(each, PlaceAlert)}
    assert lost == dict.fromkeys(lost, 1)
    assert {"AA-2", "AA", "NATO"} <= set(lost)
