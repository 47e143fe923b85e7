"""The words of alerts, line by line."""

from typing import Any

import pytest
from builders import track_event

from skyfence.channels import Environment
from skyfence.wording import description, headline, instruction

NAMES = {"AA": "Aland", "BB": "Bland", "AA-1": "Southshire", "AA-2": "Northshire", "XX": "Xenia"}
DRONE = {"object": {"category": "uav"}}


def head(kind: str, place: str = "AA", *, left: bool = False, **changes: Any) -> str:
    event = track_event(kind, 1, **DRONE, **changes)
    return headline(event, place, NAMES, Environment.ACTUAL, left=left)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("entered", "A drone entered Aland from Xenia over Southshire"),
        ("moved", "A drone is now in Aland over Southshire"),
        ("exited", "A drone left Aland towards Xenia"),
        ("cleared", "All clear: a drone left Aland and has not come back"),
        ("lost", "A drone in Aland is lost, last seen over Southshire"),
        ("reacquired", "A drone that was lost in Aland is seen again over Southshire"),
        ("expired", "Alert ended: a drone lost in Aland has not been seen for hours"),
    ],
)
def test_headlines(kind: str, line: str) -> None:
    """Each event has one line that says what happened and where."""
    assert head(kind) == line


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("entered", "A drone entered protected airspace"),
        ("moved", "A drone is now in protected airspace"),
        ("exited", "A drone left protected airspace"),
        ("lost", "A drone in protected airspace is lost"),
        ("reacquired", "A drone that was lost in protected airspace is seen again"),
    ],
)
def test_headlines_without_places(kind: str, line: str) -> None:
    """Where no nation, region or neighbour is known the line is still a whole sentence."""
    assert head(kind, nations=(), regions=(), other_side=()) == line


def test_several_places_are_listed() -> None:
    """Names are joined as in a sentence; a zone without a name keeps its identifier."""
    assert head("moved", regions=("AA-1", "AA-2")).endswith("over Southshire and Northshire")
    assert head("moved", regions=("AA-1", "AA-2", "ZZ")).endswith(
        "over Southshire, Northshire and ZZ"
    )


def test_a_region_left_behind_reads_where_the_object_went() -> None:
    """A region that the object has left reads its own name and where the object is."""
    gone = {"nations": ("BB",), "regions": ()}
    assert head("moved", "AA-1", left=True, **gone) == (
        "A drone moved on from Southshire, is now in Bland"
    )


@pytest.mark.parametrize(
    ("category", "thing"),
    [("unknown", "An unidentified object"), ("aircraft", "An aircraft"), ("missile", "A missile")],
)
def test_things_have_their_article(category: str, thing: str) -> None:
    """The object's kind opens the sentence, with its article and a capital."""
    event = track_event("entered", 1, object={"category": category})
    line = headline(event, "AA", NAMES, Environment.EXERCISE, left=False)
    assert line.startswith(f"EXERCISE: {thing} entered Aland")


def test_description_of_a_crossing() -> None:
    """A crossing is described with time, place, all that is known of the object, and its source."""
    known = {
        "altitude_m": 344.4,
        "altitude_ref": "amsl",
        "ground_speed_mps": 49.4,
        "course_deg": 322.0,
        "callsign": "TEST1",
        "mode_3a": "2145",
        "icao_address": "F00065",
    }
    assert description(track_event("entered", 1, object=known)) == (
        "Crossed the border at 2024-09-07T03:59:00.000Z at 56.2500 N 27.0000 E. "
        "Altitude 344 m amsl, speed 49 m/s, course 322 degrees, callsign TEST1, mode 3a 2145, "
        "icao address F00065. Track T1 of radar, zones 2024-1."
    )


def test_description_of_a_loss() -> None:
    """A loss is described with the last place and its time, south and west in words."""
    event = track_event("lost", 1, lat=-1.5, lon=-0.25, depth_m=54_324)
    assert description(event) == (
        "Last seen at 2024-09-07T03:58:55.000Z at 1.5000 S 0.2500 W. "
        "Greatest depth so far 54.3 km. Track T1 of radar, zones 2024-1."
    )


@pytest.mark.parametrize(
    ("kind", "place_kind", "left", "words"),
    [
        ("entered", "region", False, "Warn people to take shelter"),
        ("lost", "region", False, "Warn people to take shelter"),
        ("moved", "region", True, "Keep watching: it may come back."),
        ("exited", "region", False, "Keep watching: it may come back."),
        ("entered", "nation", False, "Follow the incident"),
        ("lost", "alliance", False, "Follow the incident"),
        ("cleared", "region", False, "Stand down."),
        ("expired", "nation", False, "Stand down."),
    ],
)
def test_instructions(kind: str, place_kind: Any, left: bool, words: str) -> None:
    """Regions shelter their people, others follow; who was left watches; the end stands down."""
    assert instruction(track_event(kind, 1), place_kind, left=left).startswith(words)
