"""Places above others: no message of an instant contradicts another of the same instant."""

from typing import Any

from builders import T0, clock, track_event
from hypothesis import given, settings
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.contracts.alert import PlaceAlert, level_rank
from skyfence.contracts.track_event import TrackTopicEvent
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment
from skyfence.times import from_ms, to_ms

NATIONS = {"AA-1": "AA", "AA-2": "AA", "BB-1": "BB"}
REGIONS = st.lists(st.sampled_from(sorted(NATIONS)), max_size=2, unique=True).map(tuple)
KINDS = ("entered", "confirmed", "updated", "sighted", "exited", "lost", "searched")
STEP_MS = 150_000


def test_an_object_that_turns_is_no_new_danger_to_its_nation() -> None:
    """Another region is ahead on another course: the nation hears nothing that it has not heard."""
    stage = AlertDecisions(Environment.EXERCISE, {}, ENGLISH.operators, nations=NATIONS)
    north, east = ({"object": {"course_deg": course_deg}} for course_deg in (0.0, 90.0))
    stage.process(track_event("entered", 1, **north))
    ahead = ({"place": "AA-2", "minutes_left": 9},)
    told = stage.process(track_event("updated", 2, ahead=ahead, changes=("ahead",), **east))
    assert [message.place for message in told if isinstance(message, PlaceAlert)] == ["AA-2"]


@st.composite
def stories(draw: st.DrawFn) -> list[TrackTopicEvent]:
    """Draw the events of three tracks of a source, with its clock between them."""
    events: list[TrackTopicEvent] = [clock(T0)]
    numbers = {"T1": 0, "T2": 0, "T3": 0}
    for step in range(1, draw(st.integers(2, 25))):
        at = from_ms(to_ms(T0) + step * STEP_MS)
        track = draw(st.sampled_from(sorted(numbers)))
        numbers[track] += 1
        kind = "entered" if numbers[track] == 1 else draw(st.sampled_from(KINDS))
        regions = draw(REGIONS) if kind != "exited" else ()
        ahead = () if kind == "exited" else draw(REGIONS)
        changes: dict[str, Any] = {
            "at": at,
            "track_id": track,
            "regions": regions,
            "nations": tuple(sorted({NATIONS[region] for region in regions})),
            "ahead": tuple({"place": place, "minutes_left": 3} for place in ahead),
            "within_reach": tuple({"place": p, "minutes_left": 2} for p in draw(REGIONS)),
            "confidence": draw(st.sampled_from(("possible", "confirmed"))),
        }
        events += [track_event(kind, numbers[track], **changes), clock(at)]
    return [*events, clock(from_ms(to_ms(T0) + 60 * STEP_MS))]


@settings(max_examples=100)
@given(stories())
def test_who_answers_for_a_place_is_never_calmer_than_it(story: list[TrackTopicEvent]) -> None:
    """After every event a nation's level is at least its regions', the alliance's at least all."""
    stage = AlertDecisions(Environment.EXERCISE, {}, ENGLISH.operators, nations=NATIONS)
    levels: dict[str, int] = {}
    for event in story:
        for message in stage.process(event):
            if isinstance(message, PlaceAlert):
                levels[message.place] = level_rank(message.level)
        for place, level in levels.items():
            above = NATIONS.get(place, "NATO" if place != "NATO" else None)
            assert above is None or levels.get(above, 0) >= level, (place, above)
