"""Every word that people read stands in the catalogue: none is left in code.

A catalogue whose texts hold no letter at all, only what is filled in, makes alerts without a letter
when all that is filled in has none either.
"""

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from builders import T0, T0_MS, clock, place_alert, track_event
from hypothesis import given
from hypothesis import strategies as st
from repository import ROOT

from consumers.outgoing.apprise import note_of
from consumers.sms.rules.notice import notice_of
from consumers.sms.rules.texts import Texts
from skyfence.contracts.alert import (
    Alert,
    AnyAlert,
    FeedAlarm,
    PlaceAlert,
    PlaceLevel,
    SilenceCause,
)
from skyfence.contracts.track_event import OperatorClosed, TrackEvent
from skyfence.incidents.manager import IncidentManager
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment
from skyfence.operators.public_text import public_alert
from skyfence.texts.catalogue import Catalogue
from skyfence.texts.tables import Language, placeholders

ACTUAL = Environment.ACTUAL
ENGLISH = tomllib.loads((ROOT / "skyfence" / "texts" / "en.toml").read_text())
PLACES = ["NATO", "AA", "AA-1", "AA-2", "BB", "BB-1", "XX"]
NAMES = {place: f"#{number}" for number, place in enumerate(PLACES)}


def wordless(value: Any) -> Any:
    """Return a table of texts, or a text, without its words: what is filled in, in brackets."""
    if isinstance(value, dict):
        return {key: wordless(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [wordless(inner) for inner in value]
    return "<" + "".join(f"{{{name}}}" for name in placeholders(value)) + ">"


def catalogue() -> Catalogue:
    tables = {key: wordless(table) for key, table in ENGLISH.items() if isinstance(table, dict)}
    language = Language.model_validate(
        tables | {"name": "", "exercise": "!", "places": {}}  # the SMS of exercises begin with it
    )
    return Catalogue({"en": language}, {"en": ()})


WORDLESS = catalogue()


def letters(text: str) -> str:
    """Return the letters of a text, save those of a time of day."""
    bare = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z| UTC)", "", text)
    return "".join(re.findall(r"[^\W\d_]", bare))


KINDS = [
    *("threatened", "receded", "identified", "entered", "appeared", "confirmed", "updated"),
    *("sighted", "exited", "cleared", "lost", "reacquired", "expired"),
]


def events() -> st.SearchStrategy[dict[str, Any]]:
    """Return what an event may hold, with nothing in it that has a letter, places aside."""
    places = st.lists(st.sampled_from(["AA-1", "AA-2", "BB-1"]), max_size=2, unique=True)
    info = {
        "altitude_m": st.none() | st.floats(0, 9_000),
        "ground_speed_mps": st.none() | st.floats(10, 300),
        "course_deg": st.none() | st.floats(0, 359),
        "callsign": st.sampled_from([None, "4711"]),
        "mode_3a": st.sampled_from([None, "2145"]),
        "icao_address": st.sampled_from([None, "400065"]),
        "category": st.sampled_from(sorted(ENGLISH["operators"]["objects"])),
    }
    return st.fixed_dictionaries(
        {
            "kind": st.sampled_from(KINDS),
            "confidence": st.sampled_from(["possible", "confirmed"]),
            "nations": st.sampled_from([(), ("AA",), ("AA", "BB")]),
            "regions": places.map(tuple),
            "other_side": st.sampled_from([(), ("XX",)]),
            "ahead": places.map(
                lambda names: tuple({"place": name, "minutes_left": len(name)} for name in names)
            ),
            "minutes_left": st.sampled_from([None, 0, 1, 7]),
            "changes": st.sampled_from(
                [("place",), ("ahead",), ("deeper",), ("faster",), ("emergency",), ("category",)]
            ),
            "depth_m": st.sampled_from([0, 25_400]),
            "identified_as": st.sampled_from([None, "7"]),
            "object": st.fixed_dictionaries(info),
        }
    )


def alerts_of(steps: list[dict[str, Any]]) -> Iterator[Alert]:
    """Yield the alerts of two tracks that do the same, and of an operator who ends the first's."""
    manager = IncidentManager(ACTUAL, NAMES, WORDLESS.english.operators)
    own = {"source": "1", "zones_version": "3"}
    for number, step in enumerate(steps, 1):
        for track in ("11", "12"):
            event: TrackEvent = track_event(**(own | step), number=number, track_id=track)
            yield from manager.process(event)
    for incident in manager.open:
        word = {"run": event.run, "incident_id": incident.incident_id, "by": "8", "reason": "9"}
        yield from manager.process(OperatorClosed.model_validate(word | {"time": T0}))


def silences() -> Iterator[FeedAlarm]:
    causes: list[SilenceCause] = ["silent", "unjudged", "clock"]
    for cause in causes:
        for heard_again in (None, T0):
            silence = Silence(
                since=T0,
                noticed=T0,
                cause=cause,
                silent_after_s=60.0,
                places=("NATO",),
                over=T0,
                heard_again=heard_again,
            )
            yield from untold(
                silence, "5", "6", ACTUAL, {"NATO": "alliance"}, texts=WORDLESS.english.feed
            )


def all_said(alert: AnyAlert) -> Iterator[str]:
    """Yield all that anybody reads of an alert, on any channel."""
    yield from (alert.headline, alert.description, alert.instruction)
    note = note_of(alert, ACTUAL, WORDLESS.english.apprise)
    yield from (note.title, note.body)
    if not isinstance(alert, Alert):
        notice = notice_of(alert, T0_MS, None)
        yield Texts(WORDLESS, NAMES).render(notice, T0_MS)
    if isinstance(alert, PlaceAlert):
        public = public_alert(alert, NAMES, WORDLESS.english.public)
        if public is not None:
            yield from (public.headline, public.instruction)


@given(st.lists(events(), min_size=1, max_size=4))
def test_no_word_of_an_incident_s_alerts_is_in_code(steps: list[dict[str, Any]]) -> None:
    """Whatever happens, operators read the catalogue's words only."""
    for alert in alerts_of(steps):
        for text in all_said(alert):
            assert letters(text) == "", text


@pytest.mark.parametrize("level", ["clear", "watch", "prepare", "shelter"])
@pytest.mark.parametrize("objects", [1, 2, 50])
@pytest.mark.parametrize("minutes", [None, 0, 1, 7])
def test_no_word_of_a_place_s_state_is_in_code(
    level: PlaceLevel, objects: int, minutes: int | None
) -> None:
    """Whatever the state of a place, the public and phones read the catalogue's words only."""
    state: dict[str, Any] = {"objects": objects, "minutes_left": minutes, "unseen": True, "lost": 1}
    state |= {"headline": "", "description": "", "instruction": ""}  # the operators' own words
    for place in ("NATO", "AA", "AA-1"):
        for text in all_said(place_alert(level, place=place, **state)):
            assert letters(text) == "", text


def test_no_word_of_repeated_violations_is_in_code() -> None:
    """The alliance's alert of several violations, too."""
    manager = IncidentManager(ACTUAL, NAMES, WORDLESS.english.operators)
    heard = []
    for number, track in enumerate(("11", "12", "13")):
        at = T0 + timedelta(minutes=3 * number)
        own = {"source": "1", "zones_version": "3", "lat": 40.0 + number, "track_id": track}
        heard += manager.process(track_event("entered", 1, **own, at=at, opened=at))
        heard += manager.process(clock(at + timedelta(minutes=2), "1"))
    heard += manager.process(clock(T0 + timedelta(days=2), "1"))
    repeated = [alert for alert in heard if alert.event != "airspace violation"]
    assert [alert.message_type for alert in repeated] == ["Alert", "Update", "Cancel"]
    for alert in repeated:
        for text in all_said(alert):
            assert letters(text) == "", text


def test_no_word_of_a_feed_alarm_is_in_code() -> None:
    """Silent, not judged, clock wrong, back and given up: all are the catalogue's."""
    alarms = list(silences())
    assert len(alarms) == 12
    for alarm in alarms:
        for text in all_said(alarm):
            assert letters(text) == "", text


@pytest.mark.parametrize("text", ["Stand down.", "Zażółć", "at 2026-01-01T00:00:00.000Z Track"])
def test_a_word_would_be_seen(text: str) -> None:
    """The measure of these tests finds letters."""
    assert letters(text)
