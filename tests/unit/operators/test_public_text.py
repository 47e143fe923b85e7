"""The public's text: what it says, and what it must not."""

from itertools import product
from typing import Any, get_args

import pytest
from builders import track_event
from hypothesis import given
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.contracts.alert import Alert, PublicAlert
from skyfence.contracts.track_event import TrackEventKind
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from skyfence.operators.public_text import public_alert

NAMES = {"AA": "Aland", "AA-1": "Southshire", "AA-2": "Northshire", "XX": "Xenia"}


def alerts(environment: Environment = Environment.ACTUAL, **changes: Any) -> list[Alert]:
    return IncidentManager(environment, NAMES, ENGLISH.operators).process(
        track_event("entered", 1, **changes)
    )


def test_a_region_s_public_is_told_what_to_do() -> None:
    """The same incident and step, on the public's channel, in plain words."""
    alert = alerts()[0]
    told = public_alert(alert, NAMES, ENGLISH.public)
    assert told is not None
    assert (told.channel, told.region) == ("public:AA-1", "AA-1")
    assert (told.incident_id, told.step) == (alert.incident_id, alert.step)
    assert told.headline == "Danger from the air in Southshire. Take shelter now."
    assert told.alert_id != alert.alert_id


def test_all_but_channel_and_words_are_the_operators_own() -> None:
    """CAP's words, times, step and minutes are those of the alert that the text follows from."""
    alert = alerts(ahead=({"place": "AA-2", "minutes_left": 7},))[1]
    told = public_alert(alert, NAMES, ENGLISH.public)
    assert told is not None
    own = {"alert_id", "channel", "references", "region", "headline", "instruction"}
    shared = PublicAlert.model_fields.keys() - own
    assert {name: getattr(told, name) for name in shared} == {
        name: getattr(alert, name) for name in shared
    }


def test_only_regions_have_a_public() -> None:
    """What the nation and the alliance hear is not for the public."""
    told = [public_alert(alert, NAMES, ENGLISH.public) for alert in alerts()]
    assert [text is not None for text in told] == [True, False, False]


@pytest.mark.parametrize(
    ("minutes", "words"), [(7, "in about 7 minutes"), (1, "in about 1 minute. "), (0, "within a")]
)
def test_those_ahead_hear_how_soon(minutes: int, words: str) -> None:
    """A region that the object heads for is told the minutes left."""
    ahead = ({"place": "AA-2", "minutes_left": minutes},)
    (alert,) = [alert for alert in alerts(ahead=ahead) if alert.place == "AA-2"]
    told = public_alert(alert, NAMES, ENGLISH.public)
    assert told is not None
    assert words in told.headline
    assert told.headline.startswith("Possible danger from the air in Northshire ")
    assert told.headline.endswith(". Be ready to take shelter.")


def test_an_exercise_says_so_first() -> None:
    """The public of an exercise reads it before anything else."""
    told = public_alert(alerts(Environment.EXERCISE)[0], NAMES, ENGLISH.public)
    assert told is not None
    assert told.headline.startswith("EXERCISE: ")
    assert told.channel == "exercise:public:AA-1"


def test_a_double_that_is_closed_is_no_all_clear() -> None:
    """Who was warned of an incident that was joined to another is not told that it is over."""
    closing = {"incident_state": "closed", "message_type": "Cancel", "response_type": "Monitor"}
    told = public_alert(alerts()[0].model_copy(update=closing), NAMES, ENGLISH.public)
    assert told is not None
    assert told.headline == "This warning for Southshire is replaced by another, which holds."
    assert told.instruction.startswith("This is no all-clear.")


@pytest.mark.parametrize(
    ("response", "state"),
    [
        *product(["Shelter", "Prepare", "Monitor"], ["threat", "violation", "lost", "exited"]),
        ("AllClear", "closed"),
        ("Monitor", "closed"),
    ],
)
def test_every_response_has_its_words(response: str, state: str) -> None:
    """Whatever people are to do, they read a whole sentence with their region's name, and what."""
    changes = {"response_type": response, "incident_state": state}
    told = public_alert(alerts()[0].model_copy(update=changes), NAMES, ENGLISH.public)
    assert told is not None
    assert "Southshire" in told.headline
    assert told.headline[0].isupper()
    assert told.headline.endswith(".")
    assert told.instruction.endswith(".")
    assert "all clear" not in told.headline.lower() or response == "AllClear"


def test_the_public_s_chain_is_its_own() -> None:
    """Its messages refer to one another, step by step as the operators' do."""
    manager = IncidentManager(Environment.ACTUAL, NAMES, ENGLISH.operators)
    kinds = ["entered", "exited", "cleared"]
    heard = [
        alert for n, kind in enumerate(kinds, 1) for alert in manager.process(track_event(kind, n))
    ]
    told = [public_alert(alert, NAMES, ENGLISH.public) for alert in heard if alert.place == "AA-1"]
    chain = [text for text in told if text is not None]
    ids = [text.alert_id for text in chain]
    assert [text.references for text in chain] == [(), tuple(ids[:1]), tuple(ids[:2])]
    assert [text.message_type for text in chain] == ["Alert", "Update", "Cancel"]
    assert not set(ids) & {alert.alert_id for alert in heard}


def known() -> st.SearchStrategy[dict[str, Any]]:
    """Return what sensors may know of an object that is nobody else's business."""
    return st.fixed_dictionaries(
        {
            "altitude_m": st.floats(0, 20_000),
            "ground_speed_mps": st.floats(10, 1_000),
            "course_deg": st.floats(0, 359),
            "callsign": st.from_regex(r"[A-Z]{3}[0-9]{4}", fullmatch=True),
            "icao_address": st.from_regex(r"[0-9A-F]{6}", fullmatch=True),
            "mode_3a": st.from_regex(r"[0-7]{4}", fullmatch=True),
            "category": st.sampled_from(["uav", "missile", "unknown"]),
        }
    )


def secrets() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "lat": st.floats(50.0, 60.0).map(lambda degrees: round(degrees, 6)),
            "lon": st.floats(20.0, 30.0).map(lambda degrees: round(degrees, 6)),
            "depth_m": st.integers(0, 500_000),
            "source": st.from_regex(r"radar-[0-9]{3}", fullmatch=True),
            "track_id": st.from_regex(r"T[0-9]{5}", fullmatch=True),
            "object": known(),
        }
    )


KINDS = sorted(set(get_args(TrackEventKind)) - {"sighted"})


@given(
    secrets(),
    secrets(),
    st.sampled_from(KINDS),
    st.sampled_from(["possible", "confirmed"]),
)
def test_no_position_and_no_identity_reach_the_public(
    first: dict[str, Any], second: dict[str, Any], kind: str, confidence: str
) -> None:
    """What the public reads does not change with where the object is, how it flies or who it is."""
    ahead = ({"place": "AA-2", "minutes_left": 7},)
    read = []
    for hidden in (first, second):
        manager = IncidentManager(Environment.ACTUAL, NAMES, ENGLISH.operators)
        told = [*manager.process(track_event("entered", 1, ahead=ahead, **hidden))]
        told += manager.process(track_event(kind, 2, confidence=confidence, ahead=ahead, **hidden))
        texts = [
            text
            for alert in told
            if (text := public_alert(alert, NAMES, ENGLISH.public)) is not None
        ]
        # Identifiers are derived from names and times, and say neither.
        unnamed = {"alert_id", "incident_id", "references"}
        read.append([text.model_dump(exclude=unnamed) for text in texts])
        assert texts
        for text in texts:
            reveals_nothing(text, hidden)
    assert read[0] == read[1]


def reveals_nothing(text: PublicAlert, hidden: dict[str, Any]) -> None:
    words = f"{text.headline} {text.instruction} {text.channel}"
    names = [hidden["object"][name] for name in ("callsign", "icao_address", "mode_3a")]
    degrees = [f"{hidden[name]:.{n}f}" for name in ("lat", "lon") for n in range(1, 7)]
    others = [name for region, name in NAMES.items() if region != text.region]
    for secret in (hidden["source"], hidden["track_id"], *names, *degrees, *others):
        assert secret not in words
