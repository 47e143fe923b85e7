"""A track of which nothing more is told is told of again when it becomes a matter of its own."""

from typing import Any

import pytest
from builders import T0, clock, track_event
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import FlightsSighted, OperatorClosed, TrackTopicEvent
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import restore_snapshot, take_snapshot
from skyfence.naming import Environment
from skyfence.times import from_ms, to_ms

MOTION = {"ground_speed_mps": 100.0, "course_deg": 90.0}
EMERGENCY: dict[str, Any] = {
    "emergency": True,
    "object": MOTION | {"mode_3a": "7500"},
    "changes": ("emergency",),
}
ANOTHER_NATION: dict[str, Any] = {"nations": ("BB",), "regions": ("BB-1",), "changes": ("place",)}


def of_category(category: str) -> dict[str, Any]:
    return {"object": MOTION | {"category": category}, "changes": ("category",)}


def at(seconds: float) -> Any:
    return from_ms(to_ms(T0) + round(seconds * 1000))


def place(seconds: float) -> dict[str, float]:
    """Return where the object is, which flies east at 100 m/s."""
    return {"lat": 56.25, "lon": round(27.08 + seconds * 100 / 62_000, 6)}


class Silenced:
    """A manager with one radar's track, of which nothing more is told."""

    def __init__(self) -> None:
        self.manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
        self.number = 0
        self.take(*self.clocks(0))

    def take(self, *events: TrackTopicEvent) -> list[Alert]:
        return [alert for event in events for alert in self.manager.process(event)]

    def clocks(self, seconds: float) -> list[TrackTopicEvent]:
        return [clock(at(seconds), source) for source in ("radar", "adsb")]

    def seen(self, seconds: float, kind: str = "updated", **changes: Any) -> list[Alert]:
        """Return what follows from the track's next event."""
        self.number += 1
        given = {"opened": at(10), "object": MOTION} | place(seconds) | changes
        event = track_event(kind, self.number, at=at(seconds), **given)
        return self.take(event, *self.clocks(seconds))

    def close(self, *, dismissed: bool, reason: str = "own aircraft") -> None:
        """Let an operator close the only incident."""
        (incident,) = self.manager.open
        word = {"run": "run", "incident_id": incident.incident_id, "by": "anna", "time": T0}
        word |= {"reason": reason, "dismissed": dismissed}
        self.take(OperatorClosed.model_validate(word))
        assert self.manager.open == []

    def sight(self, seconds: float) -> None:
        """Let the receiver sight the flight, where the radar's track is."""
        flight = {"track_id": "F1", "time": at(seconds), "accuracy_m": 20.0, "callsign": "TEST12"}
        given = {"run": "run", "source": "adsb", "time": at(seconds)}
        given["flights"] = [flight | MOTION | place(seconds)]
        self.take(FlightsSighted.model_validate(given))


def an_echo() -> Silenced:
    """Return a track that was taken for an identified flight."""
    silenced = Silenced()
    for seconds in range(10, 42, 4):
        silenced.sight(seconds)
        silenced.seen(seconds, "entered" if seconds == 10 else "sighted")
    assert silenced.manager.open == []
    return silenced


def closed(*, dismissed: bool = False, **changes: Any) -> Silenced:
    """Return a track whose incident an operator closed."""
    silenced = Silenced()
    silenced.seen(10, "entered", **changes)
    silenced.close(dismissed=dismissed)
    return silenced


NEWS: list[dict[str, Any]] = [EMERGENCY, of_category("uav"), of_category("missile")]
NAMES = ["emergency", "uav", "missile"]


@pytest.mark.parametrize("news", NEWS, ids=NAMES)
def test_an_echo_that_is_an_alarm_itself_is_told_of(news: dict[str, Any]) -> None:
    """At once, as a new incident, in which the track stays though its flight flies beside it."""
    echo = an_echo()
    echo.manager.state = restore_snapshot(take_snapshot(echo.manager.state))
    alerts = echo.seen(42, **news)
    assert {(alert.step, alert.message_type) for alert in alerts} == {(1, "Alert")}
    assert {"AA-1", "AA", "NATO"} <= {alert.place for alert in alerts}
    told = next(alert for alert in alerts if alert.place == "AA-1")
    assert told.headline.startswith("EXERCISE: New alert: ")
    assert ("in an emergency" in told.headline) == ("emergency" in news)
    for seconds in (46, 50, 54):
        echo.sight(seconds)
        echo.seen(seconds, "sighted", **{**news, "changes": ()})
    assert [incident.state for incident in echo.manager.open] == ["violation"]


def test_an_alarm_that_comes_before_the_flight_is_recognised_counts() -> None:
    """A decision on how the track stood before closes nothing once it is in an emergency."""
    silenced = Silenced()
    silenced.seen(10, "entered")
    for seconds in range(10, 22, 4):
        silenced.sight(seconds)
    late = [silenced.number + 1, silenced.number + 2]
    flying = {"opened": at(10), "object": MOTION}
    silenced.take(track_event("sighted", late[0], at=at(18), **flying | place(18)))
    silenced.take(track_event("updated", late[1], at=at(22), **flying | place(22) | EMERGENCY))
    alerts = silenced.take(*silenced.clocks(30))
    assert not any(alert.message_type == "Cancel" for alert in alerts)
    assert len(silenced.manager.open) == 1


def test_one_report_with_an_emergency_code_tells_nothing() -> None:
    """A code that its track does not take for an emergency yet leaves an echo silent."""
    echo = an_echo()
    assert echo.seen(42, object=MOTION | {"mode_3a": "7500"}) == []


def test_an_echo_is_one_again_when_the_emergency_is_over() -> None:
    """The incident that the emergency opened closes as the identified flight's."""
    echo = an_echo()
    echo.seen(42, **EMERGENCY)
    alerts = []
    for seconds in (46, 50, 54):
        echo.sight(seconds)
        alerts += echo.seen(seconds, "sighted")
    assert {alert.identified_as for alert in alerts if alert.message_type == "Cancel"} == {"TEST12"}


def test_an_echo_flies_on_into_another_nation() -> None:
    """A flight crosses many borders, and its echo with it: nobody is told."""
    echo = an_echo()
    echo.sight(41)
    assert echo.seen(42, **ANOTHER_NATION) == []


@pytest.mark.parametrize("dismissed", [True, False], ids=["dismissed", "closed"])
@pytest.mark.parametrize("news", [*NEWS, ANOTHER_NATION], ids=[*NAMES, "another nation"])
def test_what_an_operator_did_not_know_is_told(news: dict[str, Any], dismissed: bool) -> None:
    """What is learnt after an operator closed an incident opens another, whatever the reason."""
    silenced = closed(dismissed=dismissed)
    silenced.manager.state = restore_snapshot(take_snapshot(silenced.manager.state))
    assert silenced.seen(20, changes=("deeper",)) == []
    alerts = silenced.seen(30, **news)
    assert {(alert.step, alert.message_type) for alert in alerts} == {(1, "Alert")}
    assert len(silenced.manager.open) == 1


@pytest.mark.parametrize("news", [*NEWS, ANOTHER_NATION], ids=[*NAMES, "another nation"])
def test_what_an_operator_knew_is_not_told_again(news: dict[str, Any]) -> None:
    """A drone of our own, or an emergency that is taken care of, stays closed."""
    silenced = closed(**{**news, "changes": ()})
    assert silenced.seen(20, **news) == []


def test_what_headed_for_a_nation_when_it_was_closed_may_enter_it() -> None:
    """An own aircraft that comes home is no news."""
    silenced = Silenced()
    silenced.seen(10, "threatened", confidence="possible", regions=())
    silenced.close(dismissed=True)
    assert silenced.seen(20, "entered") == []
    assert silenced.seen(30, "confirmed") == []


def test_what_is_told_of_again_counts_again() -> None:
    """A dismissed object counts no more; in an emergency later it is one of two violations."""
    silenced = closed(dismissed=True)
    silenced.seen(20, **EMERGENCY)
    other = {"source": "adsb", "track_id": "T2", "opened": at(30), "lat": 56.6}
    silenced.take(track_event("entered", 1, at=at(30), **other))
    alerts = silenced.take(*silenced.clocks(120))
    assert [alert.event for alert in alerts] == ["repeated airspace violations"]


def test_a_checkpoint_of_before_reopens_nothing() -> None:
    """A track that an older agent silenced stays so with what its last event said."""
    silenced = closed(**of_category("uav"))
    (run,) = silenced.manager.state.runs.values()
    run.tracks = {
        key: track.model_copy(update={"silence_basis": None}) for key, track in run.tracks.items()
    }
    assert silenced.seen(20, **of_category("uav")) == []
    assert silenced.seen(30, **of_category("missile"))[0].step == 1
