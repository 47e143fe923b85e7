"""What joins tracks: one object and two sensors, a lost one seen again, two violations a day."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import T0, clock, track_event
from hypothesis import given
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import PartitionWatermark, TrackEvent, TrackTopicEvent
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import restore_snapshot, take_snapshot
from skyfence.incidents.watermark import Origin
from skyfence.naming import Environment
from skyfence.times import from_ms

FLYING = {"ground_speed_mps": 50.0, "course_deg": 90.0, "accuracy_m": 50.0}
HERE = {"lat": 56.25, "lon": 27.1}
Row = tuple[str, str, str, int]


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def event(kind: str, number: int, seconds: float, source: str, **changes: Any) -> TrackEvent:
    """Return an event of a source's track T-SOURCE; it flies east at 50 m/s from HERE."""
    given = {
        "at": at(seconds),
        "source": source,
        "track_id": f"T-{source}",
        "lat": 56.25,
        "lon": 27.1 + seconds * 50 / 61_990,  # metres a degree of longitude at 56.25 N
        "object": FLYING,
        "crossed": kind != "appeared",
    }
    return track_event(kind, number, **(given | changes))


def take(manager: IncidentManager, *events: TrackTopicEvent) -> list[Alert]:
    return [alert for event in events for alert in manager.process(event)]


def clocks(seconds: float, *keys: str) -> list[TrackTopicEvent]:
    return [clock(at(seconds), key) for key in keys]


def rows(alerts: list[Alert]) -> list[Row]:
    return [(a.track_id, a.place, a.message_type, a.step) for a in alerts]


def new_manager() -> IncidentManager:
    return IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)


def two(**changes: Any) -> list[TrackTopicEvent]:
    """Return what two sensors say of one object that enters, seen a second apart."""
    return [
        *clocks(0, "a", "b"),
        event("entered", 1, 10, "a"),
        event("entered", 1, 11, **({"source": "b"} | changes)),
    ]


def test_two_sensors_of_one_object_become_one_incident() -> None:
    """Both open at once; when both clocks have come up to it, the later one is cancelled as one."""
    manager = new_manager()
    alerts = take(manager, *two())
    assert len({alert.incident_id for alert in alerts}) == 2
    assert take(manager, *clocks(10.9, "a", "b")) == []
    joined = take(manager, *clocks(12, "a", "b"))
    assert [row for row in rows(joined) if row[2] == "Cancel"] == [
        ("T-b", place, "Cancel", 2) for place in ("AA-1", "AA", "NATO")
    ]
    assert [row for row in rows(joined) if row[2] == "Update"] == [
        ("T-a", place, "Update", 2) for place in ("AA-1", "AA", "NATO")
    ]
    (incident,) = manager.open
    assert [key.name for key in incident.member_keys] == ["a/T-a", "b/T-b"]
    cancel, update = joined[0], joined[-1]
    assert cancel.incidents == (update.incident_id,)
    assert update.incidents == (cancel.incident_id,)
    assert update.tracks == ("a/T-a", "b/T-b")
    # A cancelled double is no all-clear: the object is still there.
    assert cancel.response_type == "Monitor"
    assert cancel.instruction == "Follow the incident that goes on: it is the same object."


def test_a_region_warned_by_the_second_only_is_taken_over() -> None:
    """Nobody who was warned of the cancelled incident is left without word of the other."""
    manager = new_manager()
    alerts = take(manager, *two(regions=("AA-2",)), *clocks(12, "a", "b"))
    last = {
        alert.place: alert for alert in alerts if alert.incident_id == manager.open[0].incident_id
    }
    assert (last["AA-2"].message_type, last["AA-2"].step) == ("Alert", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "a", "track_id": "T-2"},
        {"lat": 56.26},
        {"object": FLYING | {"course_deg": 270.0}},
        {"object": FLYING | {"ground_speed_mps": 90.0}},
        {"run": "another"},
    ],
    ids=["the same sensor", "a kilometre apart", "another course", "another speed", "another run"],
)
def test_two_objects_stay_two(changes: dict[str, Any]) -> None:
    """What one sensor sees twice, or lies apart, or flies otherwise, is not one object."""
    manager = new_manager()
    take(manager, *two(**changes), *clocks(12, "a", "b"))
    assert len(manager.open) == 2


@pytest.mark.parametrize(("other", "count"), [("ABC123", 1), ("ABC124", 2)])
def test_an_address_decides(other: str, count: int) -> None:
    """Two tracks with one ICAO address are one object wherever they seem to be; with two, never."""
    manager = new_manager()
    first = event("entered", 1, 10, "a", object=FLYING | {"icao_address": "ABC123"})
    far = {"lat": 56.4 if count == 1 else 56.25}
    second = event("entered", 1, 11, "b", object=FLYING | {"icao_address": other}, **far)
    take(manager, *clocks(0, "a", "b"), first, second, *clocks(12, "a", "b"))
    assert len(manager.open) == count


def test_a_silent_source_is_not_waited_for() -> None:
    """A source more than five minutes behind the others holds nothing up."""
    manager = new_manager()
    take(manager, *clocks(0, "silent"), *two())
    assert take(manager, *clocks(299, "a", "b")) == []
    assert take(manager, *clocks(302, "a", "b"))


def test_a_partition_with_nothing_left_frees_what_waits() -> None:
    """A silent source holds the join up until its partition is known to hold nothing of it."""
    manager = new_manager()
    for each, partition in (("silent", 1), ("a", 2), ("b", 2)):
        [clock] = clocks(0, each)
        manager.process(clock, Origin(partition, 1_000))
    take(manager, *two())
    for clock in clocks(400, "a", "b"):
        assert manager.process(clock, Origin(2, 401_000)) == []
    manager.state = restore_snapshot(
        take_snapshot(manager.state)
    )  # what is waited for survives a restart
    assert manager.process(PartitionWatermark(partition=1, time=from_ms(400_999))) == []
    assert manager.process(PartitionWatermark(partition=1, time=from_ms(401_000)))


def lost_and_found(
    seconds: float, lon: float, **changes: Any
) -> tuple[IncidentManager, list[Alert]]:
    """Lose a track at 100 s; let another enter the story so much later, at a longitude."""
    manager = new_manager()
    given = {"confidence": "possible" if "private_flight" in changes else "fact"}
    first = event("appeared", 1, 100 + seconds, "b", lon=lon, **(given | changes))
    entered, lost = event("entered", 1, 40, "a"), event("lost", 2, 100, "a")
    take(manager, *clocks(0, "a", "b"), entered, lost, *clocks(100, "a", "b"))
    return manager, take(manager, first, *clocks(101 + seconds, "a", "b"))


def test_a_lost_object_is_seen_again_by_another_track() -> None:
    """A track that begins where the lost one can be goes on with its story."""
    manager, alerts = lost_and_found(300, 27.35)
    assert rows(alerts) == [("T-b", place, "Update", 3) for place in ("AA-1", "AA", "NATO")]
    assert {alert.incident_state for alert in alerts} == {"violation"}
    (incident,) = manager.open
    assert incident.lead_key.name == "b/T-b"
    assert (incident.confidence, alerts[0].response_type) == ("confirmed", "Shelter")
    moved = event("updated", 2, 420, "b", changes=("deeper",), confidence="fact")
    assert [row[1:] for row in rows(take(manager, moved))] == [
        ("AA", "Update", 4),
        ("NATO", "Update", 4),
    ]


@pytest.mark.parametrize(
    ("seconds", "lon", "changes"),
    [
        (300, 28.0, {}),
        (300, 27.35, {"crossed": True}),
        (300, 27.35, {"object": FLYING | {"category": "balloon"}}),
        (300, 27.35, {"object": FLYING | {"ground_speed_mps": 120.0}}),
    ],
    ids=["too far", "seen outside before", "another kind", "too fast"],
)
def test_what_cannot_be_the_lost_one_is_not(
    seconds: float, lon: float, changes: dict[str, Any]
) -> None:
    """Too far for its speed, seen outside, of another kind, or too fast: it stays lost."""
    object_ = {"object": FLYING | {"category": "uav"}}
    manager = new_manager()
    entered, lost = event("entered", 1, 40, "a", **object_), event("lost", 2, 100, "a", **object_)
    first = event("appeared", 1, 100 + seconds, "b", **({"lon": lon} | changes), confidence="fact")
    take(manager, *clocks(0, "a", "b"), entered, lost, *clocks(100, "a", "b"))
    assert take(manager, first, *clocks(101 + seconds, "a", "b")) == []
    assert manager.open[0].state == "lost"


def test_another_track_goes_on_when_the_teller_is_lost() -> None:
    """The incident of two tracks is lost only for as long as it takes to ask the other."""
    manager = new_manager()
    take(manager, *two(), *clocks(12, "a", "b"))
    lost = take(manager, event("lost", 2, 80, "a"))
    assert {alert.incident_state for alert in lost} == {"lost"}
    on = take(manager, *clocks(81, "a", "b"))
    assert {(alert.incident_state, alert.track_id) for alert in on} == {("violation", "T-b")}
    assert "still seen" in on[0].headline


def test_what_is_still_seen_when_the_lead_s_story_ends_goes_on() -> None:
    """A second track that goes on inside after the first one's end leads the same incident."""
    manager = new_manager()
    take(manager, *two(), *clocks(12, "a", "b"))
    (before,) = manager.open
    alerts = take(manager, event("exited", 2, 50, "a"), event("cleared", 3, 170, "a"))
    (incident,) = manager.open
    assert (incident.incident_id, incident.lead_key.source) == (before.incident_id, "b")
    assert "Cancel" not in {alert.message_type for alert in alerts}


def test_a_track_that_opened_nothing_is_joined_in_silence() -> None:
    """What is a mere fact is told to nobody, also when it turns out to be an object known."""
    manager = new_manager()
    fact = event("appeared", 1, 11, "b", confidence="fact")
    first = take(manager, *clocks(0, "a", "b"), event("entered", 1, 10, "a"), fact)
    assert {alert.track_id for alert in first} == {"T-a"}
    assert take(manager, *clocks(12, "a", "b")) == []
    assert [key.name for key in manager.open[0].member_keys] == ["a/T-a", "b/T-b"]


THREAT = {"confidence": "possible", "regions": (), "minutes_left": 1}


def heading() -> tuple[IncidentManager, list[Alert]]:
    """Return the book, and what was told of one threat that two sensors see."""
    manager = new_manager()
    seen = [event("threatened", 1, 10 + n, source, **THREAT) for n, source in enumerate("ab")]
    return manager, take(manager, *clocks(0, "a", "b"), *seen, *clocks(12, "a", "b"))


def test_a_threat_goes_on_when_its_teller_is_lost() -> None:
    """Another sensor that still sees the object come takes over, and its entry is told."""
    manager, _ = heading()
    take(manager, event("lost", 2, 80, "a", **THREAT))
    on = take(manager, *clocks(81, "a", "b"))
    assert {(alert.track_id, alert.incident_state) for alert in on} == {("T-b", "threat")}
    assert "still heading for AA" in on[0].headline
    entered = take(manager, event("entered", 2, 82, "b"))
    assert {alert.incident_state for alert in entered} == {"violation"}
    assert len({alert.incident_id for alert in on + entered}) == 1


def test_who_sees_it_inside_tells_it() -> None:
    """The sensor that sees the object enter is heard, though another one told of it until then."""
    manager, _ = heading()
    assert take(manager, event("entered", 2, 30, "b", confidence="possible")) == []
    entered = take(manager, *clocks(31, "a", "b"))
    assert {(a.incident_state, a.certainty) for a in entered} == {("violation", "Possible")}
    assert take(manager, event("confirmed", 3, 40, "b"))[0].response_type == "Shelter"
    assert take(manager, event("entered", 2, 41, "a")) == []
    assert take(manager, *clocks(42, "a", "b")) == []


def test_who_is_sure_is_believed() -> None:
    """A good sensor's confirmation counts for the incident that a poor one opened."""
    manager = new_manager()
    take(manager, *two()[:2], event("entered", 1, 10, "a", confidence="possible"))
    take(manager, event("entered", 1, 11, "b"))
    told = take(manager, *clocks(12, "a", "b"))
    last = {alert.place: alert for alert in told if alert.message_type != "Cancel"}
    assert (last["AA-1"].response_type, last["AA-1"].certainty) == ("Shelter", "Observed")
    assert last["AA-1"].headline.endswith("is confirmed in AA over AA-1")
    assert manager.open[0].lead_key.name == "b/T-b"


def test_a_track_that_comes_back_is_heard_when_all_were_lost() -> None:
    """Whichever of an object's tracks sees it again goes on with its incident."""
    manager = new_manager()
    take(manager, *two(), *clocks(12, "a", "b"))
    take(manager, event("lost", 2, 80, "a"), event("lost", 2, 81, "b"), *clocks(82, "a", "b"))
    assert manager.open[0].state == "lost"
    back = take(manager, event("reacquired", 3, 100, "b"), *clocks(101, "a", "b"))
    assert {(a.message_type, a.incident_state, a.track_id) for a in back} == {
        ("Update", "violation", "T-b")
    }
    assert len(manager.open) == 1


@pytest.mark.parametrize("joined", [True, False], ids=["a strand of it", "a new track"])
def test_what_was_lost_inside_is_not_found_outside(joined: bool) -> None:
    """A track that only heads for the border does not take over what it could then call off."""
    manager = new_manager()
    opening = 11 if joined else 130
    threat = event("threatened", 1, opening, "b", **THREAT)
    take(manager, *clocks(0, "a", "b"), event("entered", 1, 10, "a"), *([threat] if joined else []))
    take(manager, *clocks(12, "a", "b"), event("lost", 2, 90, "a"), *clocks(91, "a", "b"))
    take(manager, *([] if joined else [threat]), *clocks(131, "a", "b"))
    take(manager, event("receded", 2, 140, "b", **THREAT), *clocks(141, "a", "b"))
    assert [(incident.lead_key.name, incident.state) for incident in manager.open] == [
        ("a/T-a", "lost")
    ]


def test_repeated_events_of_joined_tracks_give_nothing() -> None:
    """Handed out again, the events and clocks of tracks that were joined tell nobody anything."""
    manager = new_manager()
    events = [*two(), *clocks(12, "a", "b"), event("lost", 2, 80, "a"), *clocks(81, "a", "b")]
    assert take(manager, *events)
    before = manager.open
    assert take(manager, *events) == []
    assert manager.open == before


def test_a_member_that_only_the_second_warned_stays_a_nation() -> None:
    """Taken over with its region, a nation is told as one, and not to take shelter."""
    manager = new_manager()
    alerts = take(manager, *two(nations=("BB",), regions=("BB-1",)), *clocks(12, "a", "b"))
    last = {
        alert.place: alert for alert in alerts if alert.incident_id == manager.open[0].incident_id
    }
    assert {place: last[place].place_kind for place in ("AA", "BB", "BB-1")} == {
        "AA": "nation",
        "BB": "nation",
        "BB-1": "region",
    }
    assert last["BB-1"].headline.endswith("moved on from BB-1 and is now over AA-1")


@pytest.mark.parametrize(("metres", "count"), [(200, 1), (230, 2)])
def test_one_object_lies_within_three_combined_sigma(metres: int, count: int) -> None:
    """Two sensors good to 50 m place one object up to 212 m apart."""
    manager = new_manager()
    apart = {"lat": 56.25 + metres / 111_300, "at": at(10)}
    take(manager, *two(**apart), *clocks(12, "a", "b"))
    assert len(manager.open) == count


@pytest.mark.parametrize(("seconds", "count"), [(25, 1), (40, 2)])
def test_positions_of_different_times_say_too_little(seconds: int, count: int) -> None:
    """Tracks are compared where both were seen within half a minute of one another."""
    manager = new_manager()
    late = event("entered", 1, 10 + seconds, "b")
    take(manager, *clocks(0, "a", "b"), event("entered", 1, 10, "a"), late)
    take(manager, *clocks(11 + seconds, "a", "b"))
    assert len(manager.open) == count


def test_tracks_are_compared_where_they_were_seen_last() -> None:
    """A track whose first reports were far off becomes one with the other's when they agree."""
    manager = new_manager()
    first = event("entered", 1, 20, "a", lat=56.2554)  # 600 m beside
    take(manager, *clocks(0, "a", "b"), first, event("entered", 1, 21, "b"), *clocks(22, "a", "b"))
    assert len(manager.open) == 2
    again = [event("sighted", 2, 49, "a"), event("sighted", 2, 51, "b")]
    take(manager, *again, *clocks(52, "a", "b"))
    assert len(manager.open) == 1


def test_a_place_that_an_event_does_not_name_is_the_last_known() -> None:
    """What rests on no report leaves a track where it was, so that it can still be found."""
    manager = new_manager()
    lost = event("lost", 2, 100, "a", evidence=None)
    reseen = event("appeared", 1, 160, "a", track_id="T-new", confidence="fact")
    take(manager, *clocks(0, "a"), event("entered", 1, 40, "a"), lost, *clocks(100, "a"))
    assert take(manager, reseen, *clocks(161, "a"))


def test_a_source_that_has_ended_is_not_waited_for() -> None:
    """Joins go on at the lowest clock of the sources that are left."""
    manager = new_manager()
    take(manager, *clocks(0, "ended"), *two())
    assert take(manager, *clocks(12, "a", "b")) == []
    assert take(manager, clock(at(12), "ended", last=True))


def test_a_lost_object_s_own_incident_is_closed_when_it_is_found_to_be_one() -> None:
    """A track that opened an incident of its own before is cancelled there, and goes on here."""
    manager = new_manager()
    take(manager, *clocks(0, "a"), event("entered", 1, 40, "a"), event("lost", 2, 100, "a"))
    reseen = event("entered", 1, 130, "a", track_id="T-new", regions=("AA-2",), crossed=False)
    own = take(manager, reseen)
    assert {alert.step for alert in own} == {1}
    told = take(manager, *clocks(131, "a"))
    cancels = {alert.place for alert in told if alert.message_type == "Cancel"}
    assert cancels == {alert.place for alert in own}
    (incident,) = manager.open
    assert (incident.lead_key.name, incident.state) == ("a/T-new", "violation")
    assert incident.steps["AA-2"] == 1


@pytest.mark.parametrize(
    ("seconds", "km", "is_found"),
    [(60, 7, True), (60, 9, False), (300, 23, True), (300, 25, False), (9_000, 580, True)],
)
def test_the_reach_of_a_lost_object_grows(seconds: int, km: int, is_found: bool) -> None:
    """The longer it was not seen, the farther away it may begin again."""
    lon = 27.1 + (100 * 50 + km * 1_000) / 61_990
    manager, alerts = lost_and_found(seconds, lon)
    assert (manager.open[0].state == "violation") is bool(alerts) is is_found


@pytest.mark.parametrize(("other", "is_found"), [("ABC123", True), (None, True), ("F00000", False)])
def test_another_address_is_another_object(other: str | None, is_found: bool) -> None:
    """A track that names another ICAO address than the lost one's is not it."""
    manager = new_manager()
    known, seen = ({"object": FLYING | {"icao_address": address}} for address in ("ABC123", other))
    entered, lost = event("entered", 1, 40, "a", **known), event("lost", 2, 100, "a", **known)
    first = event("appeared", 1, 160, "a", track_id="T-new", confidence="fact", **seen)
    take(manager, *clocks(0, "a"), entered, lost, *clocks(100, "a"))
    assert bool(take(manager, first, *clocks(161, "a"))) is is_found


def lost_two(**changes: Any) -> tuple[IncidentManager, list[Alert]]:
    """Lose two objects some kilometres apart; let another appear where it can be either."""
    manager = new_manager()
    take(manager, *clocks(0, "a", "b"))
    for number, lat in enumerate((56.25, 56.29)):
        known = {"track_id": f"T-{number}", "lat": lat}
        take(manager, event("entered", 1, 40, "a", **known), event("lost", 2, 100, "a", **known))
    take(manager, *clocks(100, "a", "b"))
    given = {"lon": 27.3, "lat": 56.27, "confidence": "possible"} | changes
    alerts = take(manager, event("appeared", 1, 400, "b", **given))
    return manager, alerts + take(manager, *clocks(401, "a", "b"))


def test_what_may_be_one_of_several_is_told_so() -> None:
    """Where two lost objects are within reach, both stay lost, and the new one says so."""
    manager, alerts = lost_two()
    states = [(incident.lead_key.name, incident.state) for incident in manager.open]
    assert states == [("a/T-0", "lost"), ("a/T-1", "lost"), ("b/T-b", "violation")]
    assert not any(alert.message_type == "Cancel" for alert in alerts)
    last = alerts[-1]
    assert set(last.may_be) == {incident.incident_id for incident in manager.open[:2]}
    assert "may be one that was lost" in last.headline
    assert "a lost object (2 can have come here)" in last.description
    again = take(manager, event("sighted", 2, 420, "b", lon=27.31, lat=56.27, crossed=False))
    assert again + take(manager, *clocks(421, "a", "b")) == []


def test_what_may_be_a_private_flight_is_told_its_nation() -> None:
    """Its nation hears of it once; regions and the alliance when it is taken for more than that."""
    manager = new_manager()
    flight = {"private_flight": True, "crossed": False}
    first = take(manager, *clocks(0, "a"), event("appeared", 1, 10, "a", **flight))
    assert [alert.place for alert in first] == ["AA"]
    assert take(manager, event("updated", 2, 30, "a", changes=("deeper",), **flight)) == []
    full = take(manager, event("updated", 3, 50, "a", changes=("faster",), crossed=False))
    assert [alert.place for alert in full] == ["AA-1", "AA", "NATO"]


def test_what_may_be_a_private_flight_near_something_lost_is_told_to_all() -> None:
    """One that may be a lost object's is an alert like any other."""
    _, alerts = lost_two(private_flight=True)
    places = [alert.place for alert in alerts if alert.track_id == "T-b"]
    assert places == ["AA", "AA-1", "AA", "NATO"]


@pytest.mark.parametrize(("minutes", "is_joined"), [(20, True), (55, True), (70, False)])
def test_long_after_a_private_flight_is_not_taken_for_the_lost_one(
    minutes: int, is_joined: bool
) -> None:
    """Within an hour it goes on with the lost one's incident; later it only may be it."""
    flight = {"private_flight": True, "lon": 27.4}
    manager, alerts = lost_and_found(60.0 * minutes, **flight)
    assert [incident.state for incident in manager.open] == (
        ["violation"] if is_joined else ["lost", "violation"]
    )
    assert bool(alerts[-1].may_be) is not is_joined


def test_what_goes_on_with_a_violation_is_no_less_certain() -> None:
    """Its track alone holds a private flight possible; the lost object that it is was confirmed.

    So people below it take shelter, and it counts as before when it is lost again.
    """
    manager, alerts = lost_and_found(600.0, lon=27.35, private_flight=True, crossed=False)
    assert {alert.response_type for alert in alerts if alert.place == "AA-1"} == {"Shelter"}
    given = {"private_flight": True, "crossed": False, "confidence": "possible"}
    on = event("updated", 2, 720, "b", changes=("place",), **given)
    take(manager, on, event("lost", 3, 900, "b", **given))
    take(manager, event("searched", 4, 900 + 3_600, "b", last_seen=at(900), **given))
    (incident,) = manager.open
    assert (incident.state, incident.confidence) == ("lost", "confirmed")


def test_a_lost_private_flight_is_not_waited_for_long() -> None:
    """Half an hour after it was seen last its nation is told that it is over, once."""
    manager = new_manager()
    given = {"private_flight": True, "crossed": False, "confidence": "possible"}
    take(manager, *clocks(0, "a"), event("appeared", 1, 10, "a", **given))
    take(manager, event("lost", 2, 70, "a", last_seen=at(10), **given))
    assert take(manager, event("searched", 3, 1_270, "a", last_seen=at(10), **given)) == []
    ended = take(manager, event("searched", 4, 1_870, "a", last_seen=at(10), **given))
    assert rows(ended) == [("T-a", "AA", "Cancel", 3)]
    assert take(manager, event("searched", 5, 3_670, "a", last_seen=at(10), **given)) == []
    assert manager.open == []


def test_private_flights_are_no_violations() -> None:
    """Two confirmed tracks that may be private flights are no repeated violation."""
    manager = new_manager()
    take(manager, *clocks(0, "a"))
    for number in range(2):
        given = {"track_id": f"T-{number}", "lat": 56.1 + number / 10, "private_flight": True}
        take(manager, event("appeared", 1, 10, "a", **given))
        take(manager, event("confirmed", 2, 20, "a", **given))
    assert take(manager, *clocks(200, "a")) == []


def violation(source: str, hours: float, lat: float) -> TrackEvent:
    return event("entered", 1, 3_600 * hours, source, lat=lat)


def situations(alerts: list[Alert]) -> list[tuple[str, int, int]]:
    repeated = [alert for alert in alerts if alert.event == "repeated airspace violations"]
    assert {alert.channel for alert in repeated} <= {"exercise:alerts:NATO"}
    return [(alert.message_type, alert.step, len(alert.incidents)) for alert in repeated]


def test_two_violations_in_a_day_are_a_situation() -> None:
    """The second raises it, a third updates it, and a day without another ends it."""
    manager = new_manager()
    hours = {"a": 0.0, "b": 20.0, "c": 30.0}
    alerts = take(manager, *clocks(0, "x"))
    for number, (source, hour) in enumerate(hours.items()):
        alerts += take(manager, violation(source, hour, 56.1 + number / 10))
        alerts += take(manager, *clocks(3_600 * hour + 61, "x"))
    assert situations(alerts) == [("Alert", 1, 2), ("Update", 2, 3)]
    # A violation is weighed a minute after it was confirmed, so a day is over no sooner.
    assert situations(take(manager, *clocks(3_600 * 54 + 59, "x"))) == []
    assert situations(take(manager, *clocks(3_600 * 54 + 60, "x"))) == [("Cancel", 3, 3)]


@pytest.mark.parametrize(("seconds", "count"), [(86_399, 1), (86_400, 0)])
def test_a_day_is_24_hours(seconds: float, count: int) -> None:
    """A violation 24 hours after the other is not within 24 hours."""
    manager = new_manager()
    first, second = violation("a", 0, 56.1), violation("b", seconds / 3_600, 56.3)
    alerts = take(manager, *clocks(0, "x"), first, *clocks(61, "x"), second)
    assert len(situations(alerts + take(manager, *clocks(seconds + 61, "x")))) == count


def test_one_object_is_one_violation() -> None:
    """Two sensors' tracks that were joined do not make a situation."""
    manager = new_manager()
    assert situations(take(manager, *two(), *clocks(12, "a", "b"), *clocks(200, "a", "b"))) == []


def stories() -> dict[str, list[TrackTopicEvent]]:
    """Return what each of three sensors says, in its own order: a joined pair, and a second one."""
    return {
        "a": [*clocks(0, "a"), event("entered", 1, 10, "a"), *clocks(30, "a"), *clocks(95, "a")],
        "b": [*clocks(0, "b"), event("entered", 1, 11, "b"), *clocks(30, "b"), *clocks(95, "b")],
        "c": [
            *clocks(0, "c"),
            event("entered", 1, 20, "c", lat=56.4),
            *clocks(30, "c"),
            *clocks(95, "c"),
        ],
    }


@given(st.lists(st.sampled_from("abc"), min_size=12, max_size=12))
def test_joins_do_not_depend_on_the_order_of_arrival(order: list[str]) -> None:
    """However three partitions' messages interleave, the same tracks are joined, and told so."""
    left = stories()
    begin = [left[source].pop(0) for source in "abc"]  # every source is known
    mixed = [left[source].pop(0) for source in order if left[source]]
    rest = [event for source in "abc" for event in left[source]]
    manager = new_manager()
    alerts = take(manager, *begin, *mixed, *rest)
    told = {(a.alert_id, a.message_type, a.track_id, a.headline) for a in alerts}
    expected_manager = new_manager()
    straight = stories()
    expected = take(
        expected_manager, *[event for row in zip(*straight.values(), strict=True) for event in row]
    )
    assert told == {(a.alert_id, a.message_type, a.track_id, a.headline) for a in expected}
    assert {incident.incident_id for incident in manager.open} == {
        incident.incident_id for incident in expected_manager.open
    }
