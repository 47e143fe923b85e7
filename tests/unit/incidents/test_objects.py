"""One object or two: sources that disagree by a bias or a clock, and drones side by side."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import cycle

import pytest
from builders import clock, track_event
from hypothesis import given, settings
from hypothesis import strategies as st
from radars import LAT_M, Drone, Radar, at
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import TrackTopicEvent
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment

_NO_BIASES: Mapping[str, tuple[float, float]] = {}


def judged(
    *sources: list[TrackTopicEvent],
    choices: Sequence[int] = (0,),
    biases: Mapping[str, tuple[float, float]] = _NO_BIASES,
) -> tuple[IncidentManager, list[Alert]]:
    """Return a manager that has heard what sources say, mixed by time or by choices."""
    manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators, biases=biases)
    left, alerts, chosen = [list(events) for events in sources], list[Alert](), cycle(choices)
    for events in left:
        alerts += manager.process(events.pop(0))  # all sources are known
    while left := [events for events in left if events]:
        horizon = min(events[0].time for events in left) + timedelta(seconds=20)
        ready = sorted(
            (events for events in left if events[0].time <= horizon),
            key=lambda events: events[0].time,
        )
        alerts += manager.process(ready[next(chosen) % len(ready)].pop(0))
    return manager, alerts


def members(manager: IncidentManager) -> set[tuple[str, ...]]:
    """Return the tracks of each open incident."""
    return {tuple(sorted(key.name for key in each.member_keys)) for each in manager.open}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "other",
    [
        Radar("b"),
        Radar("b", starts_s=12, east_m=600),
        Radar("b", starts_s=12, east_m=-480, north_m=640),
        Radar("b", starts_s=12, behind_s=5),
    ],
    ids=["alike", "600 m off", "800 m off", "clock behind"],
)
def test_two_radars_of_one_object_are_one_incident(other: Radar, seed: int) -> None:
    """Whatever a bias or a clock error makes of it, a missile in two radars is one incident."""
    missile = Drone(speed_mps=230)
    first = Radar("a").events({"1": missile}, seed)
    manager, alerts = judged(first, other.events({"1": missile}, seed + 100))
    assert members(manager) == {("a/1", "b/1")}
    merged = [alert.time for alert in alerts if alert.message_type == "Cancel"]
    assert max(merged) <= at(16 + 15)


@pytest.mark.parametrize("behind_s", [-6.0, -3.0, 5.0, 6.0])
@pytest.mark.parametrize("speed_mps", [60.0, 120.0, 230.0, 300.0])
@pytest.mark.parametrize("scan_s", [4.0, 10.0, 12.0])
def test_what_was_seen_before_its_first_event_counts(
    scan_s: float, speed_mps: float, behind_s: float
) -> None:
    """With where it was of late in both first events, whatever clock joins them within 15 s."""
    missile = {"1": Drone(speed_mps=speed_mps)}
    first = Radar("a", scan_s=scan_s, earlier=4).events(missile, 1)
    second = Radar("b", starts_s=12, behind_s=behind_s, scan_s=scan_s, earlier=4)
    manager, alerts = judged(first, second.events(missile, 2))
    assert members(manager) == {("a/1", "b/1")}
    merged = [alert for alert in alerts if alert.message_type == "Cancel"]
    opened = min(alert.time for alert in alerts if alert.incident_id == merged[0].incident_id)
    assert max(alert.time for alert in merged) <= opened + timedelta(seconds=15)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("behind_s", [0.0, 5.0])
def test_what_flies_one_behind_the_other_stays_two(behind_s: float, seed: int) -> None:
    """Two missiles five seconds apart are two, also where a clock puts one in the other's place."""
    column = {
        "1": Drone(speed_mps=230),
        "2": Drone(east_m=-5 * 230, speed_mps=230, from_s=19),
    }
    first = Radar("a", earlier=4).events(column, seed)
    second = Radar("b", behind_s=behind_s, earlier=4).events(column, seed + 100)
    manager, _ = judged(first, second)
    assert members(manager) == {("a/1", "b/1"), ("a/2", "b/2")}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bias_m", [0.0, -600.0, 600.0])
def test_a_pair_in_two_radars_stays_two(bias_m: float, seed: int) -> None:
    """Two drones 600 m apart in two radars are two, each with its own track of either."""
    pair = {"p": Drone(), "q": Drone(north_m=-600)}
    first = Radar("a", accuracy_m=150).events(pair, seed)
    second = Radar("b", starts_s=12, east_m=bias_m, accuracy_m=150)
    manager, _ = judged(first, second.events(pair, seed + 100))
    assert members(manager) == {("a/p", "b/p"), ("a/q", "b/q")}


def test_a_column_in_two_radars_that_disagree_is_counted_right() -> None:
    """Six drones in a column 900 m apart, 700 m off in the other radar, are six objects."""
    column = {str(number): Drone(east_m=-900.0 * number) for number in range(6)}
    first = Radar("a").events(column, 1)
    manager, _ = judged(first, Radar("b", starts_s=12, east_m=700).events(column, 2))
    assert members(manager) == {(f"a/{number}", f"b/{number}") for number in range(6)}


@pytest.mark.parametrize(("biases", "count"), [({}, 2), ({"b": (3_000.0, -900.0)}, 1)])
def test_a_bias_that_the_policy_names_is_taken_off(
    biases: dict[str, tuple[float, float]], count: int
) -> None:
    """A radar that is 3 km off sees its own object until the policy says so."""
    first = Radar("a").events({"1": Drone()}, 1)
    second = Radar("b", starts_s=12, east_m=3_000, north_m=-900).events({"1": Drone()}, 2)
    manager, _ = judged(first, second, biases=biases)
    assert len(manager.open) == count


def test_what_one_source_shows_at_once_is_two_through_a_third_track() -> None:
    """Another radar's track joins one of two that a radar shows side by side, never both."""
    pair = {"p": Drone(), "q": Drone(north_m=-250)}
    first = Radar("a").events(pair, 1)
    manager, _ = judged(first, Radar("b", starts_s=30).events({"x": Drone(north_m=-120)}, 2))
    assert len(manager.open) == 2


def test_what_flies_apart_becomes_two() -> None:
    """Of two drones taken for one, the second has an incident again once they are far apart."""
    straight = Radar("a").events({"1": Drone(speed_mps=230)}, 1)
    turning = Radar("b").events({"2": Drone(course_deg=105.0, speed_mps=230)}, 2)
    manager, alerts = judged(straight, turning)
    assert members(manager) == {("a/1",), ("b/2",)}
    assert "is not the same object" in alerts[-1].headline
    assert len({alert.alert_id for alert in alerts}) == len(alerts)


@pytest.mark.parametrize(
    ("address", "km", "count"),
    [("ABC123", 15, 1), ("ABC123", 1_200, 2), ("000000", 15, 2), ("FFFFFF", 15, 2)],
)
def test_an_address_joins_what_is_near(address: str, km: float, count: int) -> None:
    """One ICAO address joins tracks some kilometres apart, none that no aircraft has, none afar."""
    manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
    for number, source in enumerate("ab"):
        manager.process(clock(at(0), source))
        known = {"ground_speed_mps": 50.0, "course_deg": 90.0, "icao_address": address}
        lat = 40.0 + number * km * 1000 / LAT_M
        manager.process(
            track_event("entered", 1, at=at(10), source=source, lat=lat, lon=27.1, object=known)
        )
    for source in "ab":
        manager.process(clock(at(20), source))
    assert len(manager.open) == count


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 5), min_size=10, max_size=60), st.integers(0, 3))
def test_objects_do_not_depend_on_the_order_of_arrival(choices: list[int], seed: int) -> None:
    """However two biased radars' messages interleave, the same tracks become the same objects."""
    pair = {"p": Drone(), "q": Drone(north_m=-700)}
    first = Radar("a").events(pair, seed)
    second = Radar("b", starts_s=12, east_m=500).events(pair, seed + 100)
    mixed, _ = judged(first, second, choices=choices)
    straight, _ = judged(first, second)
    ids = [{incident.incident_id for incident in each.open} for each in (mixed, straight)]
    assert ids[0] == ids[1]
    assert members(mixed) == members(straight)
