"""Whom a source's silence concerns: the places where its incidents and episodes stand."""

from typing import Any
from uuid import UUID

from builders import T0
from talk import golden

from skyfence.contracts.alert import Alert, FeedAlarm, PlaceAlert
from skyfence.identity import derive
from skyfence.monitoring.concerned import Concerned

PATTERN = golden("romania-2024-09-08.jsonl")[0]
FIRST, SECOND = derive("incident", 1), derive("incident", 2)


def chain(place: str, incident: UUID = FIRST, **changes: Any) -> Alert:
    """Return an alert of an incident's chain for a place, of the run r and the source radar."""
    own = {"place": place, "incident_id": incident, "run": "r", "source": "radar", "tracks": ()}
    return PATTERN.model_copy(update=own | changes)


def episode(place: str, *incidents: UUID, **changes: Any) -> PlaceAlert:
    """Return a message of a place's episode."""
    shared = (set(FeedAlarm.model_fields) & set(PlaceAlert.model_fields)) - {"event", "key"}
    common = {name: value for name, value in PATTERN.model_dump().items() if name in shared}
    own = {
        "place": place,
        "run": "r",
        "incident_id": derive("episode", place),
        "episode": 1,
        "level": "prepare",
        "known": T0,
        "objects": len(incidents),
        "incidents": incidents,
    }
    return PlaceAlert.model_validate(common | own | changes)


def places(*alerts: Alert | PlaceAlert, run: str = "r", source: str = "radar") -> set[str]:
    """Return whom a source's silence concerns after these messages."""
    concerned = Concerned({}, {})
    for alert in alerts:
        concerned.take(alert)
    again = Concerned(concerned.incidents, concerned.episodes)
    assert again.places_of(run, source) == concerned.places_of(run, source)
    return set(again.places_of(run, source))


def test_all_places_with_a_chain_are_concerned() -> None:
    """Every place that was told of an open incident of the source is, and of no other source's."""
    alerts = chain("AA-1"), chain("AA"), chain("BB-1", SECOND, source="coast")
    assert places(*alerts) == {"AA-1", "AA"}
    assert places(*alerts, source="coast") == {"BB-1"}


def test_every_source_of_an_object_counts() -> None:
    """An incident is of each source that has a track in it, whichever leads."""
    alert = chain("AA-1", tracks=("radar/7", "coast/a/8"))
    assert places(alert, source="coast") == places(alert) == {"AA-1"}


def test_an_episode_that_an_incident_holds_is_concerned() -> None:
    """A place without the incident's chain is concerned by its episode, whichever came first."""
    alerts: list[Alert | PlaceAlert] = [chain("NATO"), episode("AA-1", FIRST, SECOND)]
    assert places(*alerts) == places(*reversed(alerts)) == {"NATO", "AA-1"}


def test_what_is_closed_concerns_nobody() -> None:
    """With an incident's end on any channel nobody is concerned any more, an episode's included."""
    over = chain("NATO", incident_state="closed")
    assert places(chain("AA-1"), episode("AA-1", FIRST), over) == set()


def test_an_episode_that_ended_is_over() -> None:
    """A place that is clear again is not concerned by what goes on elsewhere."""
    ended = episode("AA-1", level="clear", message_type="Cancel")
    assert places(chain("NATO"), episode("AA-1", FIRST), ended) == {"NATO"}


def test_another_run_is_another_story() -> None:
    """A replay's incidents do not concern the silence of a live source of the same name."""
    assert places(chain("AA-1"), run="live") == set()
