"""The public's text: what it says, and what it must not."""

from typing import Any, get_args

import pytest
from builders import place_alert
from hypothesis import given
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.contracts.alert import PlaceAlert, PlaceLevel, PublicAlert
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.operators.public_text import public_alert

NAMES = {"AA": "Aland", "AA-1": "Southshire", "AA-2": "Northshire", "XX": "Xenia"}
LEVELS: tuple[PlaceLevel, ...] = get_args(PlaceLevel)


def told(alert: PlaceAlert) -> PublicAlert:
    """Return what a region's public is told."""
    text = public_alert(alert, NAMES, ENGLISH.public)
    assert text is not None
    return text


def test_a_region_s_public_is_told_what_to_do() -> None:
    """The same episode and step, on the public's channel, in plain words."""
    alert = place_alert("shelter")
    text = told(alert)
    assert (text.channel, text.region) == ("public:AA-1", "AA-1")
    assert (text.incident_id, text.step) == (alert.episode_id, alert.step)
    assert text.headline == "Danger from the air in Southshire. Take shelter now."
    assert text.alert_id != alert.alert_id


@pytest.mark.parametrize("level", LEVELS)
def test_all_but_channel_and_words_are_the_place_s_own(level: PlaceLevel) -> None:
    """CAP's words, times, step, level, objects and minutes are those of the place's alert."""
    changes: dict[str, Any] = {"objects": 3, "minutes_left": 7, "unseen": True, "notify": "quiet"}
    alert = place_alert(level, 2, **changes)
    text = told(alert)
    own = {"alert_id", "channel", "references", "region", "headline", "instruction"}
    shared = PublicAlert.model_fields.keys() - own
    assert {name: getattr(text, name) for name in shared} == {
        name: getattr(alert, name) for name in shared
    }


@pytest.mark.parametrize("place", ["AA", "NATO"])
def test_only_regions_have_a_public(place: str) -> None:
    """What the nation and the alliance hear is not for the public."""
    assert public_alert(place_alert(place=place), NAMES, ENGLISH.public) is None


@pytest.mark.parametrize(
    ("minutes", "words"), [(7, "in about 7 minutes"), (1, "in about 1 minute. "), (0, "within a")]
)
def test_those_ahead_hear_how_soon(minutes: int, words: str) -> None:
    """A region that an object heads for is told the minutes left."""
    text = told(place_alert("prepare", minutes_left=minutes))
    assert words in text.headline
    assert text.headline.startswith("Possible danger from the air in Southshire ")
    assert text.headline.endswith(". Be ready to take shelter.")


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        (0, "Southshire. Take"),
        (1, "Southshire. Take"),
        (2, "Southshire: two objects. Take"),
        (7, "Southshire: seven objects. Take"),
        (12, "Southshire: twelve objects. Take"),
        (13, "Southshire: 13 objects. Take"),
        (200, "Southshire: 200 objects. Take"),
    ],
)
def test_the_number_of_objects_is_said_in_words(objects: int, words: str) -> None:
    """From two on people read how many there are, up to twelve as a word."""
    assert words in told(place_alert("shelter", objects=objects)).headline


def test_minutes_and_number_stand_together() -> None:
    """The whole state of the place is in one sentence."""
    assert told(place_alert("prepare", objects=7, minutes_left=4)).headline == (
        "Possible danger from the air in Southshire in about 4 minutes: seven objects."
        " Be ready to take shelter."
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_place_that_no_sensor_covers_is_told_so(level: PlaceLevel) -> None:
    """Whatever the level, people read that their region is not watched."""
    seen, unseen = told(place_alert(level)), told(place_alert(level, unseen=True))
    assert "Southshire is not watched now" in unseen.instruction
    assert "watched" not in seen.headline + seen.instruction


def test_an_exercise_says_so_first() -> None:
    """The public of an exercise reads it before anything else."""
    text = told(place_alert(environment=Environment.EXERCISE))
    assert text.headline.startswith("EXERCISE: ")
    assert text.channel == "exercise:public:AA-1"


def test_losing_track_is_no_all_clear() -> None:
    """An episode that ends because the system lost track says so, and not that it is over."""
    text = told(place_alert("clear", 2, certainty="Unknown"))
    assert text.headline == (
        "This warning for Southshire ends without an all-clear: the system lost track."
    )
    assert text.instruction.startswith("This is no all-clear.")


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_has_its_words(level: PlaceLevel) -> None:
    """Whatever people are to do, they read a whole sentence with their region's name, and what."""
    text = told(place_alert(level))
    assert "Southshire" in text.headline
    assert text.headline[0].isupper()
    assert text.headline.endswith(".")
    assert text.instruction.endswith(".")
    assert ("all clear" in text.headline.lower()) is (level == "clear")


def test_the_public_s_chain_is_its_own() -> None:
    """Its messages refer to one another, step by step as the place's do."""
    levels: list[PlaceLevel] = ["prepare", "shelter", "clear"]
    heard = [place_alert(level, step) for step, level in enumerate(levels, 1)]
    chain = [told(alert) for alert in heard]
    ids = [text.alert_id for text in chain]
    assert [text.references for text in chain] == [(), tuple(ids[:1]), tuple(ids[:2])]
    assert [text.message_type for text in chain] == ["Alert", "Update", "Cancel"]
    assert not set(ids) & {alert.alert_id for alert in heard}


def secrets() -> st.SearchStrategy[dict[str, Any]]:
    """Return what operators read of a place and that is nobody else's business."""
    places = st.lists(st.sampled_from(["AA-1", "AA-2"]), max_size=2, unique=True)
    return st.fixed_dictionaries(
        {
            "description": st.from_regex(r"track T[0-9]{5} of radar-[0-9]{3}", fullmatch=True),
            "headline": st.from_regex(r"callsign [A-Z]{3}[0-9]{4}", fullmatch=True),
            "instruction": st.from_regex(r"at [0-9]{2}\.[0-9]{6} N", fullmatch=True),
            "regions": places.map(tuple),
            "incidents": st.lists(st.integers(0, 99).map(lambda n: derive("incident", n))).map(
                tuple
            ),
        }
    )


@given(secrets(), secrets(), st.sampled_from(LEVELS))
def test_nothing_that_operators_alone_read_reaches_the_public(
    first: dict[str, Any], second: dict[str, Any], level: PlaceLevel
) -> None:
    """What the public reads does not change with what operators are told beside the state."""
    texts = [told(place_alert(level, **hidden)) for hidden in (first, second)]
    assert texts[0] == texts[1]
    for hidden in (first, second):
        said = f"{texts[0].headline} {texts[0].instruction}"
        for secret in (hidden["description"], hidden["headline"], hidden["instruction"]):
            assert secret not in said
        assert "Northshire" not in said
