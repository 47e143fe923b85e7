"""The public's text: what it says, and what it must not."""

from typing import Any

import pytest
from builders import track_event
from hypothesis import given
from hypothesis import strategies as st

from skyfence.alert import Alert
from skyfence.book import IncidentBook
from skyfence.channels import Environment
from skyfence.public import public_alert

NAMES = {"AA": "Aland", "AA-1": "Southshire", "AA-2": "Northshire", "XX": "Xenia"}


def alerts(environment: Environment = Environment.ACTUAL, **changes: Any) -> list[Alert]:
    return IncidentBook(environment, NAMES).take(track_event("entered", 1, **changes))


def test_a_region_s_public_is_told_what_to_do() -> None:
    """The same incident and step, on the public's channel, in plain words."""
    alert = alerts()[0]
    told = public_alert(alert, Environment.ACTUAL, NAMES)
    assert told is not None
    assert (told.channel, told.region) == ("public:AA-1", "AA-1")
    assert (told.incident_id, told.step) == (alert.incident_id, alert.step)
    assert told.headline == "Danger from the air in Southshire. Take shelter now."
    assert told.alert_id != alert.alert_id


def test_only_regions_have_a_public() -> None:
    """What the nation and the alliance hear is not for the public."""
    told = [public_alert(alert, Environment.ACTUAL, NAMES) for alert in alerts()]
    assert [one is not None for one in told] == [True, False, False]


@pytest.mark.parametrize(
    ("minutes", "words"), [(7, "in about 7 minutes"), (1, "in about 1 minute."), (0, "within a")]
)
def test_those_ahead_hear_how_soon(minutes: int, words: str) -> None:
    """A region that the object heads for is told the minutes left."""
    ahead = ({"place": "AA-2", "minutes_left": minutes},)
    (alert,) = [one for one in alerts(ahead=ahead) if one.place == "AA-2"]
    told = public_alert(alert, Environment.ACTUAL, NAMES)
    assert told is not None
    assert words in told.headline


def test_an_exercise_says_so_first() -> None:
    """The public of an exercise reads it before anything else."""
    told = public_alert(alerts(Environment.EXERCISE)[0], Environment.EXERCISE, NAMES)
    assert told is not None
    assert told.headline.startswith("EXERCISE: ")
    assert told.channel == "exercise:public:AA-1"


@given(
    st.floats(50.0, 60.0).map(lambda one: round(one, 6)),
    st.floats(20.0, 30.0).map(lambda one: round(one, 6)),
    st.sampled_from(["entered", "exited", "cleared", "lost"]),
)
def test_no_position_and_no_identity_reach_the_public(lat: float, lon: float, kind: str) -> None:
    """Neither coordinates nor track, sensor, callsign, code or address stand in what is told."""
    known = {"callsign": "QZX99", "icao_address": "ABCDE9", "mode_3a": "4321"}
    book = IncidentBook(Environment.ACTUAL, NAMES)
    changes = {"lat": lat, "lon": lon, "object": known, "source": "sonar", "track_id": "K-77"}
    heard = book.take(track_event("entered", 1, **changes))
    heard += book.take(track_event(kind, 2, **changes))
    for alert in heard:
        told = public_alert(alert, Environment.ACTUAL, NAMES)
        if told is None:
            continue
        text = told.model_dump_json(exclude={"alert_id", "incident_id", "references"})
        secrets = [f"{lat:.2f}", f"{lon:.2f}", "sonar", "K-77", *known.values()]
        assert not any(secret in text for secret in secrets), text
