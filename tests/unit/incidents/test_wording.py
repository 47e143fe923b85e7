"""The words of alerts, line by line."""

import re
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
from builders import track_event
from words import ENGLISH

from skyfence.contracts.track_event import Confidence, TrackEventKind
from skyfence.incidents.wording import (
    Nearness,
    Vocabulary,
    WordingContext,
    description,
    headline,
    instruction,
)
from skyfence.texts.tables import UpdateKind

NAMES = {"AA": "Aland", "BB": "Bland", "AA-1": "Southshire", "AA-2": "Northshire", "XX": "Xenia"}
DRONE = {"object": {"category": "uav"}}
ALL_NEWS = [word for part in get_args(UpdateKind) for word in (get_args(part) or (part,))]
PLACES = {"region": "AA-1", "nation": "AA", "alliance": "NATO"}

TRACK_NEWS = get_args(TrackEventKind)


def saying(
    news: str,
    place: str = "AA",
    kind: Any = "nation",
    nearness: Any = "here",
    minutes: int | None = None,
    **changes: Any,
) -> WordingContext:
    own = news if news in TRACK_NEWS else "updated"
    event = track_event(own, 1, **(DRONE | changes))
    return WordingContext(
        news=news,  # type: ignore[arg-type]
        event=event,
        place=place,
        kind=kind,
        nearness=nearness,
        minutes_left=minutes,
        vocabulary=Vocabulary(ENGLISH.operators, {"NATO": "the alliance", **NAMES}),
    )


def head(news: str, *given: Any, **changes: Any) -> str:
    return headline(saying(news, *given, **changes))


@pytest.mark.parametrize(
    ("news", "line"),
    [
        ("threatened", "A drone is heading for Aland, in about 4 minutes"),
        ("receded", "All clear: a drone no longer heads for Aland"),
        ("entered", "A drone entered Aland from Xenia over Southshire"),
        ("confirmed", "A drone is confirmed in Aland over Southshire"),
        ("updated", "A drone is now in Aland over Southshire"),
        ("exited", "A drone left Aland towards Xenia"),
        ("cleared", "All clear: a drone left Aland and has not come back"),
        ("lost", "A drone in Aland is lost, last seen over Southshire"),
        ("reacquired", "A drone that was lost in Aland is seen again over Southshire"),
        ("expired", "Alert ended: a drone lost in Aland has not been seen for hours"),
        ("joined", "A drone in Aland is seen by more than one sensor"),
        ("continued", "A drone in Aland is still seen over Southshire, by another track"),
    ],
)
def test_headlines(news: str, line: str) -> None:
    """Each news has one line that says what happened and where."""
    minutes = 4 if news == "threatened" else None
    assert head(news, "AA", "nation", "here", minutes) == line


@pytest.mark.parametrize(
    ("news", "line"),
    [
        ("entered", "A drone entered protected airspace"),
        ("updated", "A drone is now in protected airspace"),
        ("exited", "A drone left protected airspace"),
        ("reacquired", "A drone that was lost in protected airspace is seen again"),
    ],
)
def test_headlines_without_places(news: str, line: str) -> None:
    """Where no nation, region or neighbour is known the line is still a whole sentence."""
    assert head(news, nations=(), regions=(), other_side=()) == line


def test_doubt_is_said() -> None:
    """What is only possible may have entered; the probability stands in the description."""
    assert head("entered", confidence="possible").startswith("A drone may have entered Aland")
    told = description(saying("entered", confidence="possible"), None, None)
    assert "Inside with probability 1.00." in told


def test_several_places_are_listed() -> None:
    """Names are joined as in a sentence; a zone without a name keeps its identifier."""
    assert head("updated", regions=("AA-1", "AA-2")).endswith("over Southshire and Northshire")
    assert head("updated", regions=("AA-1", "AA-2", "ZZ")).endswith(
        "over Southshire, Northshire and ZZ"
    )


@pytest.mark.parametrize(
    ("nearness", "minutes", "line"),
    [
        ("ahead", 9, "A drone is heading for Northshire, in about 9 minutes"),
        ("ahead", 1, "A drone is heading for Northshire, in about 1 minute"),
        ("ahead", 0, "A drone is heading for Northshire, in less than a minute"),
        ("left", None, "A drone moved on from Northshire and is now over Southshire"),
        ("averted", None, "A drone no longer heads for Northshire"),
    ],
)
def test_a_region_reads_what_concerns_it(nearness: str, minutes: int | None, line: str) -> None:
    """A region that the object is not in reads its own name, and how soon or where to."""
    assert head("updated", "AA-2", "region", nearness, minutes) == line


def test_a_nation_reads_which_one_it_moved_on_to() -> None:
    """A nation that the object has left reads of the next, not of that one's regions."""
    gone = {"nations": ("BB",), "regions": ("BB-1",)}
    assert head("updated", "AA", "nation", "left", **gone) == (
        "A drone moved on from Aland and is now in Bland"
    )


def test_deeper_and_faster_say_how_much() -> None:
    """An update says why it was sent."""
    assert head("updated", changes=("deeper",), depth_m=25_400).endswith(", 25 km deep")
    quick = {"object": {"category": "uav", "ground_speed_mps": 120.0}, "changes": ("faster",)}
    assert head("updated", **quick).endswith(", faster: 120 m/s")
    ahead = {"ahead": ({"place": "BB-1", "minutes_left": 9},), "changes": ("ahead",)}
    assert head("updated", **ahead).endswith(", heading for BB-1")
    assert head("updated", changes=("ahead",)).endswith(", heading for no other region")
    assert head("updated", changes=("emergency", "place")).endswith(", in an emergency")


@pytest.mark.parametrize(
    ("category", "thing"),
    [("unknown", "An unidentified object"), ("aircraft", "An aircraft"), ("missile", "A missile")],
)
def test_things_have_their_article(category: str, thing: str) -> None:
    """The object's kind opens the sentence, with its article and a capital."""
    assert head("entered", object={"category": category}).startswith(f"{thing} entered Aland")


NOWHERE = {"nations": (), "regions": (), "other_side": ()}


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
@pytest.mark.parametrize("where", [{}, NOWHERE], ids=["placed", "nowhere"])
@pytest.mark.parametrize("news", ALL_NEWS)
def test_every_line_is_a_sentence(news: str, where: dict[str, Any], outside: bool) -> None:
    """For all news, places, nearness and confidence: one line, nothing empty, nothing unknown."""
    for kind, nearness, confidence, minutes in product(
        PLACES, get_args(Nearness), get_args(Confidence), (None, 0, 1, 7)
    ):
        own = saying(news, PLACES[kind], kind, nearness, minutes, confidence=confidence, **where)
        context = replace(own, outside=outside)
        line = headline(context)
        assert line[0].isupper(), line
        assert not re.search(r"None|  | ,|\(\)|[{}\n]|: [A-Z]", line), line
        assert not line.endswith((" ", ",", " over", " from", " in", " for", " towards")), line
        assert len(line) <= 120, line
        assert "\n" not in line + description(context, 100, 50.0) + instruction(
            context, "violation"
        )


@pytest.mark.parametrize(
    ("news", "line"),
    [
        ("updated", "A drone is heading for Aland, in about 4 minutes"),
        ("lost", "A drone heading for Aland is lost"),
        (
            "reacquired",
            "A drone that was lost is seen again, heading for Aland, in about 4 minutes",
        ),
        ("expired", "Alert ended: a drone that was heading for Aland has not come"),
        ("joined", "A drone heading for Aland is seen by more than one sensor"),
        (
            "continued",
            "A drone is still heading for Aland, in about 4 minutes, as another track shows",
        ),
        ("merged", "A drone heading for Aland is followed in another incident, which goes on"),
    ],
)
def test_headlines_of_what_has_not_come_in(news: str, line: str) -> None:
    """What is only on its way is not said to be inside."""
    context = replace(saying(news, minutes=4, confidence="possible"), outside=True)
    assert headline(context) == line


@pytest.mark.parametrize(
    ("news", "line"),
    [
        ("entered", "A drone may have entered Aland from Xenia over Southshire"),
        ("updated", "A drone may now be in Aland over Southshire"),
        ("exited", "A drone that may have entered Aland is outside again"),
        ("cleared", "All clear: a drone that may have entered Aland has not come back"),
        ("lost", "A drone that may have entered Aland is lost, last seen over Southshire"),
        ("expired", "Alert ended: a drone that may have entered Aland was not seen for hours"),
    ],
)
def test_headlines_of_what_is_only_possible(news: str, line: str) -> None:
    """What may have come in is not said to be inside beyond doubt."""
    assert head(news, confidence="possible") == line


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
    assert description(saying("entered", object=known), None, None) == (
        "Crossed the border at 2024-09-07T03:59:00.000Z at 56.2500 N 27.0000 E. "
        "Altitude 344 m amsl, speed 49 m/s, course 322 degrees, callsign TEST1, mode 3a 2145, "
        "icao address F00065. Track T1 of radar, zones 2024-1."
    )


def test_description_of_a_loss() -> None:
    """A loss is described with the last place and its time, and how far to search."""
    lost = saying("lost", lat=-1.5, lon=-0.25, depth_m=54_324)
    assert description(lost, 3_150, 50.0) == (
        "Last seen at 2024-09-07T03:58:00.000Z at 1.5000 S 0.2500 W. "
        "Greatest depth so far 54.3 km. Search within 3.1 km of there, 3.0 km more a minute. "
        "Track T1 of radar, zones 2024-1."
    )


@pytest.mark.parametrize(
    ("state", "kind", "nearness", "confidence", "words"),
    [
        ("violation", "region", "here", "confirmed", "Warn people to take shelter"),
        ("violation", "region", "here", "possible", "Make ready to warn people"),
        ("violation", "region", "ahead", "confirmed", "Make ready to warn people"),
        ("threat", "region", "ahead", "possible", "Make ready to warn people"),
        ("lost", "region", "here", "confirmed", "Warn people to take shelter"),
        ("violation", "region", "left", "confirmed", "Keep watching: it may come back."),
        ("exited", "region", "here", "confirmed", "Keep watching: it may come back."),
        ("violation", "nation", "here", "confirmed", "Follow the incident"),
        ("lost", "alliance", "here", "confirmed", "Follow the incident"),
        ("closed", "region", "here", "confirmed", "Stand down."),
    ],
)
def test_instructions(state: Any, kind: str, nearness: str, confidence: str, words: str) -> None:
    """Regions shelter their people when it is sure; others follow; the end stands down."""
    context = saying("updated", PLACES[kind], kind, nearness, confidence=confidence)
    assert instruction(context, state).startswith(words)
