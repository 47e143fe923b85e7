"""The chain: who hears of each news, and what each message says besides its words."""

from datetime import timedelta
from typing import Any

import pytest
from builders import track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

# What the manager was told before: an object that came into AA-1 by way of AA-2 and heads for BB-1.
HEADING = {"ahead": ({"place": "BB-1", "minutes_left": 12},)}
BEFORE: tuple[dict[str, Any], ...] = (
    {"kind": "entered", "regions": ("AA-2",), "confidence": "possible"},
    {"kind": "updated", "changes": ("place", "ahead"), "confidence": "possible", **HEADING},
)
THREAT: dict[str, Any] = {"confidence": "possible", "regions": (), "minutes_left": 4}


def new_manager() -> IncidentManager:
    return IncidentManager(
        Environment.EXERCISE, {"AA": "Aland", "AA-1": "Southshire"}, ENGLISH.operators
    )


def take(*steps: dict[str, Any], manager: IncidentManager | None = None) -> list[Alert]:
    """Take events in order, numbered; return the last one's alerts."""
    alerts: list[Alert] = []
    manager = manager or new_manager()
    for number, step in enumerate(steps, 1):
        alerts = manager.process(track_event(**({"number": number} | step)))
    return alerts


def places(alerts: list[Alert]) -> str:
    return " ".join(alert.place for alert in alerts)


@pytest.mark.parametrize(
    ("news", "heard_by"),
    [
        ({"kind": "entered"}, "AA-1 BB-1 AA-2 AA NATO"),
        ({"kind": "reacquired"}, "AA-1 BB-1 AA-2 AA NATO"),
        ({"kind": "threatened"}, "AA-1 BB-1 AA-2 AA NATO"),
        ({"kind": "confirmed"}, "AA-1 AA NATO"),
        (
            {"kind": "confirmed", "ahead": ({"place": "AA-3", "minutes_left": 9},)},
            "AA-1 AA-3 AA NATO",
        ),
        ({"kind": "updated", "changes": ("deeper",)}, "AA NATO"),
        ({"kind": "updated", "changes": ("faster",)}, "AA NATO"),
        ({"kind": "updated", "changes": ("emergency",)}, "AA NATO"),
        ({"kind": "updated", "changes": ("category",)}, "AA NATO"),
        ({"kind": "updated", "changes": ("ahead",), "ahead": ()}, "BB-1 AA"),
        ({"kind": "updated", "changes": ("place",), "regions": ("AA-3",)}, "AA-1 AA-3 AA NATO"),
        ({"kind": "sighted"}, ""),
        ({"kind": "exited"}, "AA-2 AA NATO AA-1 BB-1"),
        ({"kind": "lost"}, "AA-2 AA NATO AA-1 BB-1"),
        ({"kind": "cleared"}, "AA-2 AA NATO AA-1 BB-1"),
        ({"kind": "expired"}, "AA-2 AA NATO AA-1 BB-1"),
        ({"kind": "identified"}, "AA-2 AA NATO AA-1 BB-1"),
        ({"kind": "receded"}, "AA-2 AA NATO AA-1 BB-1"),
    ],
    ids=lambda step: (
        " ".join([step["kind"], *step.get("changes", ())]) if isinstance(step, dict) else ""
    ),
)
def test_each_news_has_its_recipients(news: dict[str, Any], heard_by: str) -> None:
    """Who hears of what is as the table in the module says, people first."""
    assert places(take(*BEFORE, HEADING | news)) == heard_by


@pytest.mark.parametrize("kind", ["cleared", "expired", "identified", "receded"])
def test_whoever_was_warned_hears_the_end(kind: str) -> None:
    """Each channel's last message is a Cancel, whatever it was told before; none is forgotten."""
    manager, warned = new_manager(), set[str]()
    for number, step in enumerate(BEFORE, 1):
        warned |= {
            alert.channel for alert in manager.process(track_event(**({"number": number} | step)))
        }
    ends = manager.process(track_event(kind, 3))
    assert {alert.channel for alert in ends} == warned
    assert {(alert.message_type, alert.response_type) for alert in ends} == {("Cancel", "AllClear")}
    assert all(len(alert.references) == alert.step - 1 for alert in ends)
    assert manager.open == []


def test_a_threat_that_turns_to_another_member_tells_both() -> None:
    """The nation that it no longer heads for hears so; the other one gets its first Alert."""
    turns = {"nations": ("BB",), "changes": ("ahead",)}
    alerts = take({"kind": "threatened"} | THREAT, {"kind": "updated"} | THREAT | turns)
    assert [(a.place, a.message_type, a.place_kind) for a in alerts] == [
        ("AA", "Update", "nation"),
        ("BB", "Alert", "nation"),
        ("NATO", "Update", "alliance"),
    ]
    assert alerts[0].headline.endswith("no longer heads for Aland")


def test_minutes_count_anew_after_an_exit() -> None:
    """What left and turns back is announced by its marks as if it came for the first time."""
    ahead = {"ahead": ({"place": "AA-1", "minutes_left": 4},)}
    nearer = {"ahead": ({"place": "AA-1", "minutes_left": 1},), "minutes_left": 1}
    once = [{"kind": "threatened"} | THREAT | ahead, {"kind": "updated"} | THREAT | nearer]
    alerts = take(*once, {"kind": "entered"}, {"kind": "exited"}, *once)
    assert places(alerts) == "AA-1 AA NATO"
    assert [alert.minutes_left for alert in alerts] == [1, 1, 1]


def test_minutes_of_a_lost_object_are_not_told() -> None:
    """Nobody knows when what is not seen will arrive."""
    lost = {alert.place: alert for alert in take(*BEFORE, {"kind": "lost"} | HEADING)}
    assert (lost["BB-1"].minutes_left, lost["BB-1"].response_type) == (None, "Prepare")
    assert "minute" not in lost["BB-1"].headline
    assert "Ahead" not in lost["BB-1"].description


def test_a_lost_threat_was_never_inside() -> None:
    """What was lost on its way, and then did not come, is not said to have been inside."""
    manager = new_manager()
    ahead = {"ahead": ({"place": "AA-1", "minutes_left": 4},)}
    steps = [{"kind": kind} | THREAT | ahead for kind in ("threatened", "lost", "expired")]
    (lost, *_), (expired, *_) = (
        take(*steps[:2], manager=manager),
        take({"number": 3} | steps[2], manager=manager),
    )
    assert lost.headline == "EXERCISE: An unidentified object heading for Aland is lost"
    assert expired.headline.endswith("that was heading for Aland has not come")
    assert "probability" not in lost.description


def test_a_violation_without_regions_was_inside() -> None:
    """Where no regions are known, what was lost inside is not taken for a threat."""
    steps = [{"kind": kind, "regions": ()} for kind in ("entered", "lost", "expired")]
    (expired, *_) = take(*steps)
    assert expired.headline.endswith("lost in Aland has not been seen for hours")
    assert take(*steps[:2])[0].headline.endswith("in Aland is lost")


@pytest.mark.parametrize(
    ("confidence", "place", "words"),
    [
        ("confirmed", "AA-1", ("Immediate", "Severe", "Observed", "Shelter")),
        ("possible", "AA-1", ("Immediate", "Severe", "Possible", "Prepare")),
        ("confirmed", "BB-1", ("Expected", "Severe", "Likely", "Prepare")),
        ("possible", "BB-1", ("Expected", "Severe", "Possible", "Prepare")),
        ("confirmed", "AA-2", ("Expected", "Moderate", "Observed", "Monitor")),
        ("confirmed", "AA", ("Immediate", "Severe", "Observed", "Monitor")),
        ("possible", "NATO", ("Immediate", "Severe", "Possible", "Monitor")),
    ],
)
def test_the_words_of_cap_by_place(confidence: str, place: str, words: tuple[str, ...]) -> None:
    """In it, ahead of it, left by it: each place has the urgency that is its own."""
    told = take(*BEFORE, {"kind": "entered", "confidence": confidence} | HEADING)
    (alert,) = [alert for alert in told if alert.place == place]
    assert (alert.urgency, alert.severity, alert.certainty, alert.response_type) == words


def test_the_search_radius_grows_from_the_last_sight() -> None:
    """A jet a minute after its last report is further than a drone; none is slower than nothing."""
    radii = {}
    for speed in (None, 50.0, 250.0):
        (lost, *_) = take(
            {"kind": "entered"}, {"kind": "lost", "object": {"ground_speed_mps": speed}}
        )
        assert lost.time - lost.last_seen == timedelta(minutes=1)
        radii[speed] = (lost.search_radius_m, lost.search_growth_mps)
    assert radii == {None: (3_000, 50.0), 50.0: (3_000, 50.0), 250.0: (15_000, 250.0)}
