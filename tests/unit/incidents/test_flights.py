"""An unknown that flies with an identified flight of another source is that flight."""

from typing import Any

import pytest
from builders import T0, clock, flight, packed, track_event, world
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import FlightsSighted, TrackTopicEvent
from skyfence.engine import Engine
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import restore_snapshot, take_snapshot
from skyfence.incidents.watermark import Origin
from skyfence.naming import Environment
from skyfence.times import from_ms, to_ms

LON_M, LAT_M = 61_990, 111_300  # metres a degree, at 56.25 N
MOTION = {"ground_speed_mps": 220.0, "course_deg": 90.0}


def at(seconds: float) -> Any:
    return from_ms(to_ms(T0) + round(seconds * 1000))


def place(seconds: float, east_m: float = 0.0, north_m: float = 0.0) -> dict[str, float]:
    """Return where the airliner is, or what flies so far east and north of it."""
    return {
        "lat": 56.25 + north_m / LAT_M,
        "lon": 26.5 + (220.0 * seconds + east_m) / LON_M,
    }


def sighted(seconds: float, source: str = "adsb", **known: Any) -> FlightsSighted:
    """Return where the receiver sights the airliner."""
    named = {"callsign": "TEST12", "icao_address": "F00001", "altitude_m": 10_000.0}
    flight = {"track_id": "F00001", "time": at(seconds), "accuracy_m": 10.0}
    given = {
        "run": "run",
        "source": source,
        "time": at(seconds),
        "flights": [flight | place(seconds) | MOTION | named | known],
    }
    return FlightsSighted.model_validate(given)


def echo(number: int, seconds: float, **changes: Any) -> TrackTopicEvent:
    """Return what the primary radar's track agent says of its unknown track."""
    where = place(seconds, changes.pop("east_m", 300.0), changes.pop("north_m", 400.0))
    given = {
        "at": at(seconds),
        "source": "primary",
        "track_id": "P1",
        "object": MOTION | changes.pop("known", {}),
        "confidence": "possible",
    }
    kind = changes.pop("kind", "threatened" if number == 1 else "sighted")
    return track_event(kind, number, **(given | where | changes))


class Sky:
    """A manager that hears a receiver and a primary radar."""

    def __init__(self) -> None:
        self.manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
        self.take(clock(at(0), "adsb"), clock(at(0), "primary"))

    def take(self, *events: TrackTopicEvent) -> list[Alert]:
        return [alert for event in events for alert in self.manager.process(event)]

    def fly(self, *seconds: float, first: int = 1, **changes: Any) -> list[Alert]:
        """Let both see it every four seconds; return the alerts."""
        alerts = []
        for number, second in enumerate(seconds, first):
            alerts += self.take(sighted(second - 1), echo(number, second, **changes))
            alerts += self.take(clock(at(second), "adsb"), clock(at(second), "primary"))
        return alerts


def test_an_airliner_s_echo_is_warned_of_once_and_shortly() -> None:
    """Its incident closes as identified within ten seconds, and its entry is told to nobody."""
    sky = Sky()
    alerts = sky.fly(10, 14, 18)
    closed = [alert for alert in alerts if alert.message_type == "Cancel"]
    assert {alert.identified_as for alert in closed} == {"TEST12"}
    assert sky.manager.open == []
    sky.manager.state = restore_snapshot(take_snapshot(sky.manager.state))
    assert sky.take(echo(4, 22, kind="entered"), echo(5, 26, kind="confirmed")) == []
    assert sky.fly(30, 34, first=6) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"known": {"category": "uav"}},
        {"known": {"mode_3a": "7500"}},
        {"known": {"icao_address": "F00002"}},
        {"known": {"altitude_m": 300.0}},
        {"north_m": 3_000.0},
        {"known": {"ground_speed_mps": 120.0}},
    ],
    ids=["a drone", "an emergency", "another address", "another height", "too far", "slower"],
)
def test_what_is_not_the_flight_stays_an_incident(changes: dict[str, Any]) -> None:
    """What differs from the flight in anything that both sources know is another object."""
    sky = Sky()
    sky.fly(10, 14, 18, 22, 26, **changes)
    assert [incident.state for incident in sky.manager.open] == ["threat"]


@pytest.mark.parametrize("goes_on", [0.0, 9_000.0], ids=["flies with it", "flies elsewhere"])
def test_a_member_of_what_is_identified_is_its_echo(goes_on: float) -> None:
    """Inland too, where flights are not sighted: if it flew with it to the end, and no other."""
    sky = Sky()
    receiver = {"source": "adsb", "track_id": "F00001", "opened": at(8), "north_m": 0.0}
    for number, second in enumerate((10, 14, 18, 22), 1):
        sky.take(echo(number, second, **receiver), echo(number, second, opened=at(8)))
        sky.take(clock(at(second), "adsb"), clock(at(second), "primary"))
    assert [len(incident.member_keys) for incident in sky.manager.open] == [2]
    sky.take(echo(5, 26, kind="identified", identified_as="civil", **receiver))
    for number, second in enumerate((27, 31, 35), 5):
        sky.take(echo(number, second, opened=at(8), north_m=400.0 + goes_on))
        sky.take(clock(at(second), "adsb"), clock(at(second), "primary"))
    assert len(sky.manager.open) == (1 if goes_on else 0)


def test_what_leaves_the_flight_is_alerted_to() -> None:
    """An unknown that was taken for the flight has an incident again when they part."""
    sky = Sky()
    sky.fly(10, 14, 18)
    assert sky.manager.open == []
    alerts = sky.fly(22, 26, 30, 34, first=4, north_m=9_000.0)
    assert [incident.state for incident in sky.manager.open] == ["threat"]
    assert alerts[0].step == 1


class Echo:
    """An airliner's echo that was recognised, near the border; the radar goes on to show it."""

    def __init__(self, *beside: str) -> None:
        """``beside`` are other flights, 30 km north of it and of one another."""
        self.sky, self.beside, self.number, self.now = Sky(), beside, 0, 10.0
        self.go_on(60, "F00001", *beside)
        assert self.sky.manager.open == []

    def go_on(
        self, seconds: float, *flights: str, heartbeats: bool = True, **changes: Any
    ) -> float | None:
        """Let time pass while ``flights`` are sighted; return when the echo is alerted to."""
        until, started = self.now + seconds, self.now
        for self.now in range(int(started), int(until), 10):
            self.number += 1
            for row, name in enumerate(flights):
                where: Any = place(self.now, north_m=30_000.0 * (name in self.beside) * (row + 1))
                self.sky.take(sighted(self.now, track_id=name, icao_address=None, **where))
            alerts = self.sky.take(echo(self.number, self.now, **{"near_border": True} | changes))
            clocks = [clock(at(self.now), "adsb")] * heartbeats
            alerts += self.sky.take(*clocks, clock(at(self.now), "primary"))
            if any(alert.message_type == "Alert" for alert in alerts) and self.number > 4:
                return self.now - started
        self.now += 10
        return None


def test_what_turns_away_from_a_flight_is_alerted_to_soon() -> None:
    """A minute and a half after a turn, some ten kilometres off, it has an incident."""
    echo = Echo()
    for second in range(70, 170, 10):
        north_m = 400.0 + 130.0 * (second - 70)
        if echo.go_on(10, "F00001", north_m=north_m) is not None:
            break
    assert [incident.state for incident in echo.sky.manager.open] == ["threat"]
    assert second <= 160


def test_an_echo_whose_flight_has_gone_is_alerted_to() -> None:
    """A minute after its flight was sighted last, in one new incident that stays open."""
    echo = Echo()
    assert echo.go_on(600) == 60 - 10
    assert echo.go_on(400) is None
    assert [incident.state for incident in echo.sky.manager.open] == ["threat"]


def test_a_source_that_sights_others_watches() -> None:
    """One of two flights that is sighted no more has gone, and its echo is another object."""
    echo = Echo("F00002")
    waited_s = echo.go_on(600, "F00002")
    assert waited_s is not None
    assert waited_s <= 90


def test_flights_that_cease_all_at_once_have_not_gone() -> None:
    """A receiver that lives and receives nothing says nothing of any of its flights."""
    assert Echo("F00002").go_on(900) is None


def test_a_receiver_that_falls_silent_opens_no_incidents() -> None:
    """A clock that stands still ends no flight, also once its source counts as idle."""
    assert Echo().go_on(900, heartbeats=False) is None


def test_inland_an_echo_needs_no_flight() -> None:
    """Where flights are not published, one that is not sighted may well be there."""
    assert Echo().go_on(900, near_border=False) is None


def test_a_flight_with_a_new_number_is_the_same() -> None:
    """An echo goes on with the flight that its source shows there under another number."""
    assert Echo().go_on(300, "F00007") is None


def test_a_flight_that_is_sighted_again_is_recognised_again() -> None:
    """After a gap in the receiver's sight the incident closes as identified."""
    echo = Echo()
    assert echo.go_on(120) is not None
    echo.go_on(60, "F00001")
    assert echo.sky.manager.open == []


def test_an_echo_that_was_taken_for_a_lost_object_leaves_that_lost() -> None:
    """A drone that was lost stays so when what was taken for it is an identified flight."""
    engine = Engine(world(), ENGLISH.operators)
    light: dict[str, Any] = {"lat": 56.27, "speed_mps": 75.0}
    named: dict[str, Any] = {"callsign": "TEST12", "icao_address": "F00001", "category": "aircraft"}
    named |= {"altitude_m": 900.0, "altitude_ref": "pressure"}
    echo_of_it = flight(100, 26.87, 100, reports=140, track_id="E", **light)
    reports = flight(0, 26.90, 90, reports=60, track_id="D")  # lost inside
    reports += flight(0, 26.2, 0, reports=170, lat=56.1, track_id="K")  # the radar goes on
    reports += [report for report in echo_of_it if report.time >= at(340)]
    reports += flight(100, 26.87, 100, reports=140, source="adsb", track_id="F", **(light | named))
    reports.sort(key=lambda report: (report.time, report.source, report.track_id))
    told = [message for report in reports for message in engine.process(packed(report)).messages]
    assert any("is seen again" in message.headline for message in told)
    ((state, lead),) = [(each.state, each.lead_key.name) for each in engine.open_incidents]
    assert (state, lead) == ("lost", "radar/D")


def test_of_two_unknowns_the_nearer_is_the_flight() -> None:
    """A second echo beside the airliner's own is another object."""
    sky = Sky()
    for number, second in enumerate((10, 14, 18, 22), 1):
        sky.take(sighted(second - 1), echo(number, second))
        sky.take(echo(number, second, track_id="P2", north_m=-800.0))
        sky.take(clock(at(second), "adsb"), clock(at(second), "primary"))
    assert [incident.lead_key.track_id for incident in sky.manager.open] == ["P2"]


@pytest.mark.parametrize("behind", ["adsb", "primary"])
@pytest.mark.parametrize("minutes", [3, 10])
def test_an_echo_is_recognised_however_far_apart_partitions_run(behind: str, minutes: int) -> None:
    """A decision waits for the source behind, and then knows where the flight was at its time."""
    sky = Sky()
    seconds = range(10, 10 + 60 * minutes + 120, 20)
    events: dict[str, list[tuple[float, TrackTopicEvent]]] = {
        "adsb": [(second, sighted(second)) for second in seconds],
        "primary": [(second, echo(number, second)) for number, second in enumerate(seconds, 1)],
    }
    judged = [
        (second + (60 * minutes if source == behind else 0), source, second, event)
        for source, told in events.items()
        for second, event in told
    ]
    partitions = {"adsb": 1, "primary": 2}
    for source, number in partitions.items():
        sky.manager.process(clock(at(1), source), Origin(number, to_ms(at(1))))
    silent_at = []
    for _, source, second, event in sorted(judged, key=lambda entry: entry[:3]):
        origin = Origin(partitions[source], to_ms(at(second)))
        for item in (event, clock(at(second), source)):
            sky.manager.process(item, origin)
        silent_at += [second] * (source == behind and sky.manager.open == [])
    # The third report of the source behind is decided on with those of its time.
    expected = [second for second in seconds if second >= 50]
    assert silent_at[-len(expected) :] == expected


def test_flights_are_forgotten() -> None:
    """What was sighted ten minutes before the slowest source's clock is not kept."""
    sky = Sky()
    sky.take(*(sighted(second) for second in range(10, 400, 20)))
    sky.take(sighted(12, source="other"), clock(at(250), "adsb"))
    flights = sky.manager.state.runs["run"].flights
    assert len(flights) == 2
    sky.take(clock(at(700), "primary"), clock(at(800), "adsb"))
    assert list(flights) == ["adsb/F00001"]
    assert flights["adsb/F00001"].sightings[0].time_ms == to_ms(at(110))
    sky.take(clock(at(1_200), "primary"), clock(at(1_200), "adsb"))
    assert flights == {}
