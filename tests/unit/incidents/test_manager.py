"""Incidents: who is told what, in which words and under which identifiers."""

from datetime import timedelta
from typing import Any

import pytest
from builders import T0, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import OperatorClosed
from skyfence.identity import derive
from skyfence.incidents.incident import Incident
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import restore_snapshot, take_snapshot
from skyfence.naming import Environment

NAMES = {"AA": "Aland", "BB": "Bland", "AA-1": "Southshire", "AA-2": "Northshire", "XX": "Xenia"}
BOTH: dict[str, Any] = {"regions": ("AA-1", "AA-2"), "changes": ("place",)}
MOVED: dict[str, Any] = {"regions": ("AA-2",), "changes": ("place",)}
ABROAD: dict[str, Any] = {"nations": ("BB",), "regions": ("BB-1",), "changes": ("place",)}
Row = tuple[str, str, int]


def new_manager(environment: Environment = Environment.EXERCISE) -> IncidentManager:
    return IncidentManager(environment, NAMES, ENGLISH.operators)


def take(manager: IncidentManager, *kinds: str, start: int = 1, **changes: Any) -> list[Alert]:
    """Take events of these kinds, numbered; return the last one's alerts."""
    alerts: list[Alert] = []
    for number, kind in enumerate(kinds, start):
        alerts = manager.process(track_event(kind, number, **changes))
    return alerts


def rows(alerts: list[Alert]) -> list[Row]:
    return [(alert.place, alert.message_type, alert.step) for alert in alerts]


def test_entered_tells_people_first() -> None:
    """An entry alerts the regions, then the nation, then the alliance, each with step 1."""
    alerts = take(new_manager(), "entered", **BOTH)
    places = ["AA-1", "AA-2", "AA", "NATO"]
    assert rows(alerts) == [(place, "Alert", 1) for place in places]
    assert [alert.channel for alert in alerts] == [f"exercise:alerts:{place}" for place in places]
    assert [a.place_kind for a in alerts] == ["region", "region", "nation", "alliance"]
    assert len({alert.incident_id for alert in alerts}) == 1
    assert not any(alert.references for alert in alerts)


def test_a_region_that_joins_late_gets_an_alert() -> None:
    """A move alerts the region it reaches, and updates the one it left, nation and alliance."""
    manager = new_manager()
    take(manager, "entered")
    alerts = take(manager, "updated", start=2, **MOVED)
    assert rows(alerts) == [
        ("AA-1", "Update", 2),
        ("AA-2", "Alert", 1),
        ("AA", "Update", 2),
        ("NATO", "Update", 2),
    ]
    assert [alert.response_type for alert in alerts] == ["Monitor", "Shelter", "Monitor", "Monitor"]


def test_a_move_does_not_repeat_itself_to_a_region_that_stays() -> None:
    """A region in which the object still is hears nothing of its reaching another."""
    manager = new_manager()
    take(manager, "entered")
    assert [row[0] for row in rows(take(manager, "updated", start=2, **BOTH))] == [
        "AA-2",
        "AA",
        "NATO",
    ]


def test_a_move_to_another_member_tells_that_one() -> None:
    """The next member and its region get their first Alert; those it left hear that it did."""
    manager = new_manager()
    (first, *_) = take(manager, "entered")
    alerts = take(manager, "updated", start=2, **ABROAD)
    assert rows(alerts) == [
        ("AA-1", "Update", 2),
        ("BB-1", "Alert", 1),
        ("AA", "Update", 2),
        ("BB", "Alert", 1),
        ("NATO", "Update", 2),
    ]
    assert "moved on" in alerts[2].headline
    assert {alert.incident_id for alert in alerts} == {first.incident_id}


def test_a_nation_stays_a_nation_when_the_object_has_left_it() -> None:
    """What a nation that it left is told later is for a nation, and asks less of it."""
    manager = new_manager()
    take(manager, "entered")
    take(manager, "updated", start=2, **ABROAD)
    take(manager, "updated", start=3, nations=("CC",), regions=("CC-1",), changes=("place",))
    lost = {alert.place: alert for alert in take(manager, "lost", start=4, nations=("CC",))}
    assert [lost[nation].place_kind for nation in ("AA", "BB", "CC")] == ["nation"] * 3
    assert [lost[nation].urgency for nation in ("AA", "CC")] == ["Expected", "Immediate"]
    assert lost["AA"].instruction.startswith("Keep watching")


@pytest.mark.parametrize("kind", ["exited", "lost"])
def test_a_change_of_state_tells_all_who_were_warned(kind: str) -> None:
    """Exit and loss go to every warned place, those the object has left included."""
    manager = new_manager()
    take(manager, "entered")
    take(manager, "updated", start=2, **MOVED)
    alerts = take(manager, kind, start=3, **MOVED)
    assert sorted(rows(alerts)) == [
        ("AA", "Update", 3),
        ("AA-1", "Update", 3),
        ("AA-2", "Update", 2),
        ("NATO", "Update", 3),
    ]


@pytest.mark.parametrize(
    ("before", "kind"), [("exited", "cleared"), ("lost", "expired")], ids=["cleared", "expired"]
)
def test_the_end_is_told_to_all_who_were_warned(before: str, kind: str) -> None:
    """Every channel that was warned gets a Cancel, and the incident is closed."""
    manager = new_manager()
    take(manager, "entered")
    take(manager, "updated", before, start=2, **MOVED)
    alerts = take(manager, kind, start=4, **MOVED)
    assert {alert.place for alert in alerts} == {"AA-1", "AA-2", "AA", "NATO"}
    assert {(a.message_type, a.response_type) for a in alerts} == {("Cancel", "AllClear")}
    assert {alert.instruction for alert in alerts} == {"Stand down."}
    assert manager.open == []


def test_coming_back_before_the_all_clear_is_the_same_incident() -> None:
    """An entry within the same story updates the channels that know of it."""
    manager = new_manager()
    (first, *_) = take(manager, "entered")
    alerts = take(manager, "exited", "entered", start=2)
    assert rows(alerts) == [(place, "Update", 3) for place in ("AA-1", "AA", "NATO")]
    assert alerts[0].incident_id == first.incident_id
    assert alerts[0].incident_state == "violation"


def test_coming_back_after_the_all_clear_is_another_incident() -> None:
    """The next story has a new incident, whose chains begin with step 1."""
    manager = new_manager()
    closed = take(manager, "entered", "exited", "cleared")
    alerts = take(manager, "entered", opened=T0 + timedelta(hours=1))
    assert rows(alerts) == [(place, "Alert", 1) for place in ("AA-1", "AA", "NATO")]
    assert alerts[0].incident_id != closed[0].incident_id
    assert len(manager.open) == 1


def test_reacquired_tells_who_was_warned_and_who_is_new() -> None:
    """An object seen again elsewhere alerts the new region and updates all others."""
    manager = new_manager()
    take(manager, "entered", "lost")
    assert rows(take(manager, "reacquired", start=3, **MOVED)) == [
        ("AA-2", "Alert", 1),
        ("AA-1", "Update", 3),
        ("AA", "Update", 3),
        ("NATO", "Update", 3),
    ]


def test_references_name_the_whole_chain() -> None:
    """An alert refers to all earlier alerts of its incident on its channel, and to no others."""
    manager, sent = new_manager(), []
    for number, kind in enumerate(["entered", "exited", "entered", "exited", "cleared"], 1):
        for alert in manager.process(track_event(kind, number)):
            sent.append(alert)
            chain = [earlier.alert_id for earlier in sent if earlier.channel == alert.channel]
            assert [*alert.references, alert.alert_id] == chain
    assert len({alert.alert_id for alert in sent}) == len(sent) == 15


@pytest.mark.parametrize("ends", [False, True], ids=["open", "closed"])
def test_a_repeated_event_gives_nothing(ends: bool) -> None:
    """Events handed out again tell nobody anything, after the incident was closed neither."""
    manager = new_manager()
    kinds = ["entered", "exited", *(["cleared"] if ends else [])]
    take(manager, *kinds)
    before = manager.open
    for number, kind in enumerate(kinds, 1):
        assert manager.process(track_event(kind, number)) == []
    assert manager.open == before


def test_an_incident_survives_its_json() -> None:
    """An open incident written and read again is the same, with all that it must remember."""
    manager = new_manager()
    take(manager, "entered")
    take(manager, "updated", start=2, **ABROAD)
    (incident,) = manager.open
    assert incident.steps == {"AA-1": 2, "AA": 2, "NATO": 2, "BB-1": 1, "BB": 1}
    assert (incident.nations, incident.nations_left) == (("BB",), ("AA",))
    assert incident.regions == ("BB-1",)
    assert Incident.model_validate_json(incident.to_json()) == incident


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("entered", ("violation", "Immediate", "Severe", "Observed", "Shelter", 6)),
        ("lost", ("lost", "Immediate", "Severe", "Likely", "Shelter", 7)),
        ("exited", ("exited", "Expected", "Moderate", "Observed", "Monitor", 1)),
        ("cleared", ("closed", "Past", "Minor", "Observed", "AllClear", 1)),
        ("expired", ("closed", "Past", "Minor", "Unlikely", "AllClear", 1)),
    ],
)
def test_the_words_of_cap(kind: str, words: tuple[Any, ...]) -> None:
    """Each state has its urgency, severity, certainty, response and time to live."""
    manager = new_manager()
    first = take(manager, "entered")
    alert = (first if kind == "entered" else take(manager, kind, start=2))[0]
    hours = (alert.expires - alert.time).total_seconds() / 3600
    said = (alert.incident_state, alert.urgency, alert.severity, alert.certainty)
    assert (*said, alert.response_type, hours) == words


def test_a_region_left_behind_is_told_less() -> None:
    """A region that the object has left is asked to watch, not to shelter, while others are."""
    manager = new_manager()
    take(manager, "entered")
    take(manager, "updated", start=2, **MOVED)
    told = {alert.place: alert for alert in take(manager, "lost", start=3, **MOVED)}
    assert (told["AA-1"].response_type, told["AA-1"].urgency) == ("Monitor", "Expected")
    assert (told["AA-2"].response_type, told["AA-2"].urgency) == ("Shelter", "Immediate")


def test_an_exercise_is_no_actual_alert() -> None:
    """Exercise and actual differ in status, channel, headline, incident and alert identifiers."""
    drill, actual = (
        take(new_manager(environment), "entered")[0]
        for environment in (Environment.EXERCISE, Environment.ACTUAL)
    )
    assert (drill.status, actual.status) == ("Exercise", "Actual")
    assert (drill.channel, actual.channel) == ("exercise:alerts:AA-1", "alerts:AA-1")
    assert drill.headline == f"EXERCISE: {actual.headline}"
    assert drill.incident_id != actual.incident_id
    assert drill.alert_id != actual.alert_id


def test_an_incident_is_known_by_its_opening() -> None:
    """A book that lost its memory gives the same story the same identifiers, a later one others."""
    first, again = (take(new_manager(), "entered")[0] for _ in range(2))
    later = take(new_manager(), "entered", opened=T0 + timedelta(milliseconds=1))[0]
    assert (first.incident_id, first.alert_id) == (again.incident_id, again.alert_id)
    assert later.incident_id != first.incident_id


def test_what_an_event_says_an_alert_repeats() -> None:
    """Time, place, depth, object and zones of an alert are its event's."""
    event = track_event("entered", 1, depth_m=12, object={"category": "uav"})
    alert = new_manager().process(event)[0]
    shared = (Alert.model_fields.keys() & type(event).model_fields.keys()) - {"minutes_left"}
    assert {"time", "lat", "lon", "depth_m", "object", "zones_version"} <= shared
    assert all(getattr(alert, name) == getattr(event, name) for name in shared)
    assert alert.time > T0


THREAT: dict[str, Any] = {
    "confidence": "possible",
    "regions": (),
    "ahead": ({"place": "AA-1", "minutes_left": 4}, {"place": "AA-2", "minutes_left": 12}),
    "minutes_left": 4,
}


def test_a_threat_warns_those_ahead_each_with_its_minutes() -> None:
    """Regions ahead, the nation and the alliance are warned before anything is crossed."""
    alerts = take(new_manager(), "threatened", **THREAT)
    assert [(a.place, a.minutes_left) for a in alerts] == [
        ("AA-1", 4),
        ("AA-2", 12),
        ("AA", 4),
        ("NATO", 4),
    ]
    assert {(a.incident_state, a.urgency, a.certainty) for a in alerts} == {
        ("threat", "Expected", "Likely")
    }
    assert [a.response_type for a in alerts] == ["Prepare", "Prepare", "Monitor", "Monitor"]


def test_minutes_are_told_when_they_pass_a_mark() -> None:
    """A region hears at 10, 5, 2 and 1 minutes only; nation and alliance by the border's."""
    manager = new_manager()
    take(manager, "threatened", **THREAT)
    told = []
    for number, minutes in enumerate([3, 2, 1, 0], 2):
        ahead = (
            {"place": "AA-1", "minutes_left": minutes},
            {"place": "AA-2", "minutes_left": minutes + 8},
        )
        changes = {"ahead": ahead, "minutes_left": minutes, "changes": ("ahead",)}
        alerts = take(manager, "updated", start=number, **(THREAT | changes))
        told.append([(alert.place, alert.minutes_left) for alert in alerts])
    assert told == [
        [],
        [],
        [("AA-1", 1), ("AA-2", 9), ("AA", 1), ("NATO", 1)],
        [("AA-1", 0), ("AA", 0), ("NATO", 0)],
    ]


def test_a_threat_that_turns_away_is_cancelled() -> None:
    """Every channel that was warned hears that the object no longer heads for it."""
    manager = new_manager()
    take(manager, "threatened", **THREAT)
    alerts = take(manager, "receded", start=2, **THREAT)
    assert {(a.place, a.message_type) for a in alerts} == {
        (place, "Cancel") for place in ("AA-1", "AA-2", "AA", "NATO")
    }
    assert manager.open == []


def test_a_possible_violation_is_told_apart() -> None:
    """What may have entered is possible to all; confirmed, only those it concerns hear it again."""
    manager = new_manager()
    doubt: dict[str, Any] = {
        "confidence": "possible",
        "ahead": ({"place": "AA-2", "minutes_left": 7},),
    }
    alerts = take(manager, "entered", **doubt)
    assert {alert.certainty for alert in alerts} == {"Possible"}
    assert {a.place: a.response_type for a in alerts}["AA-1"] == "Prepare"
    sure = take(manager, "confirmed", start=2, ahead=doubt["ahead"])
    assert [(a.place, a.certainty) for a in sure] == [
        ("AA-1", "Observed"),
        ("AA", "Observed"),
        ("NATO", "Observed"),
    ]
    assert sure[0].response_type == "Shelter"


def test_an_incident_knows_when_it_was_confirmed() -> None:
    """It is the first time of a violation beyond doubt, whatever follows."""
    manager = new_manager()
    take(manager, "entered", confidence="possible")
    assert manager.open[0].confirmed is None
    take(manager, "confirmed", "exited", "entered", start=2)
    assert manager.open[0].confirmed == T0 + timedelta(minutes=2)


def test_a_region_no_longer_ahead_hears_so() -> None:
    """A region that the object turns away from is told, and not that it was ever there."""
    manager = new_manager()
    take(manager, "entered", ahead=({"place": "AA-2", "minutes_left": 7},))
    (dropped, *_) = take(manager, "updated", start=2, changes=("ahead",))
    assert (dropped.place, dropped.response_type) == ("AA-2", "Monitor")
    assert "no longer heads for Northshire" in dropped.headline


def test_what_is_a_fact_is_told_to_nobody() -> None:
    """An object that appeared deep inside opens no incident."""
    manager = new_manager()
    assert take(manager, "appeared", "updated", "lost", confidence="fact", changes=("place",)) == []
    assert manager.open == []


def test_a_lost_object_has_a_search_radius_that_grows() -> None:
    """The last place, how far the object can be from there by now, and how that grows."""
    manager = new_manager()
    moving: dict[str, Any] = {"object": {"ground_speed_mps": 60.0, "accuracy_m": 50.0}}
    take(manager, "entered", **moving)
    (lost, *_) = take(manager, "lost", start=2, **moving)
    assert (lost.search_radius_m, lost.search_growth_mps) == (3 * 50 + 60 * 60, 60.0)
    assert "Search within 3.8 km" in lost.description


# An operator's word


def word(incident: Any, **changes: Any) -> OperatorClosed:
    """Return an operator's word that an incident is over."""
    given = {
        "run": "run",
        "incident_id": incident,
        "by": "anna",
        "reason": "found near Rezekne",
        "time": T0 + timedelta(hours=3),
    }
    return OperatorClosed.model_validate(given | changes)


def test_an_operator_closes_what_was_lost() -> None:
    """Everybody who was warned gets an all-clear that says who closed it and why."""
    manager = new_manager()
    (first, *_) = take(manager, "entered", "lost")
    alerts = manager.process(word(first.incident_id))
    assert rows(alerts) == [(place, "Cancel", 3) for place in ("AA-1", "AA", "NATO")]
    said = "Alert ended by anna: an unidentified object in Aland"
    assert [alert.headline for alert in alerts] == [f"EXERCISE: {said}"] * 3
    assert all("Closed by anna: found near Rezekne." in alert.description for alert in alerts)
    assert {alert.response_type for alert in alerts} == {"AllClear"}
    assert manager.open == []
    assert manager.process(word(first.incident_id)) == []


@pytest.mark.parametrize("kinds", [("entered",), ("entered", "exited"), ("threatened",)])
def test_an_operator_closes_what_is_seen(kinds: tuple[str, ...]) -> None:
    """What is followed ends by a word in any state, and its track raises no other alert."""
    manager = new_manager()
    (first, *_) = take(manager, *kinds[:1])
    take(manager, *kinds[1:], start=2)
    alerts = manager.process(word(first.incident_id))
    assert {alert.message_type for alert in alerts} == {"Cancel"}
    assert manager.open == []
    assert take(manager, "entered", "sighted", "lost", "reacquired", start=3) == []
    assert take(manager, "entered", opened=T0 + timedelta(hours=1))


@pytest.mark.parametrize("kinds", [("entered",), ("entered", "lost")])
def test_what_was_dismissed_stays_so(kinds: tuple[str, ...]) -> None:
    """A false track that was dismissed raises no other alert, also when it is seen again."""
    manager = new_manager()
    (first, *_) = take(manager, *kinds[:1])
    take(manager, *kinds[1:], start=2)
    alerts = manager.process(word(first.incident_id, reason="false track", dismissed=True))
    assert {(a.message_type, a.certainty) for a in alerts} == {("Cancel", "Unlikely")}
    assert all("withdrawn by anna" in alert.headline for alert in alerts)
    assert take(manager, "reacquired", "updated", start=3) == []


def test_a_word_on_another_run_changes_nothing() -> None:
    """An incident is closed by a word that names its own run alone."""
    manager = new_manager()
    (first, *_) = take(manager, "entered", "lost")
    assert manager.process(word(first.incident_id, run="other")) == []
    assert manager.process(word(derive("another"))) == []
    assert len(manager.open) == 1


@pytest.mark.parametrize("kept", [False, True])
def test_what_is_seen_again_after_it_was_closed_is_another_incident(kept: bool) -> None:
    """Its chains begin anew: steps of the old ones would be taken for repeats. A restart too."""
    manager = new_manager()
    (first, *_) = take(manager, "entered", "lost")
    manager.process(word(first.incident_id))
    if kept:
        manager.state = restore_snapshot(take_snapshot(manager.state))
    (again, *_) = take(manager, "reacquired", start=3)
    assert again.incident_id != first.incident_id
    assert (again.message_type, again.step) == ("Alert", 1)
    assert take(manager, "lost", "expired", start=4)[0].message_type == "Cancel"


def test_what_is_not_seen_again_ends_without_a_word() -> None:
    """The track's own end, hours later, tells nobody anything that they do not know."""
    manager = new_manager()
    (first, *_) = take(manager, "entered", "lost")
    manager.process(word(first.incident_id))
    assert take(manager, "expired", start=3) == []


def test_a_word_stands_at_its_own_time_where_time_is_the_wall_clock_s() -> None:
    """In the live run an all-clear holds from when it was given; a replay has its own time."""
    for run, minutes in (("live", 180), ("run", 2)):
        manager = new_manager()
        (first, *_) = take(manager, "entered", "lost", run=run)
        (told, *_) = manager.process(word(first.incident_id, run=run))
        assert told.time == T0 + timedelta(minutes=minutes)
