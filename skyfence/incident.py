"""Incidents: one object against one alliance's protected airspace, and whom to tell what.

Track events in, alerts out. Few messages: each place hears of the object when it comes, when the
story changes its state, and that it is over; the nation and the alliance also where it moves.

    event        who hears of it                                             message
    entered      the regions, the nations, the alliance                      Alert, then Update
    moved        regions it reaches; places it left; nations, alliance       Alert; Update; Update
    exited       all who were warned                                         Update
    lost         all who were warned                                         Update
    reacquired   all who were warned, and regions it reaches                 Update; Alert
    cleared      all who were warned                                         Cancel
    expired      all who were warned                                         Cancel
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from skyfence import wording
from skyfence.alert import (
    Alert,
    Certainty,
    IncidentState,
    MessageType,
    PlaceKind,
    ResponseType,
    Severity,
    Urgency,
    alert_id,
)
from skyfence.channels import ALLIANCE, Environment, operators_channel
from skyfence.identity import derive
from skyfence.model import Contract, RunName, SourceName, TrackName, UtcTime
from skyfence.track_event import TrackEvent

_CapWords = tuple[IncidentState, Urgency, Severity, Certainty]
_WORDS: Final[Mapping[str, _CapWords]] = {
    "entered": ("violation", "Immediate", "Severe", "Observed"),
    "moved": ("violation", "Immediate", "Severe", "Observed"),
    "reacquired": ("violation", "Immediate", "Severe", "Observed"),
    "lost": ("lost", "Immediate", "Severe", "Likely"),
    "exited": ("exited", "Expected", "Moderate", "Observed"),
    "cleared": ("closed", "Past", "Minor", "Observed"),
    "expired": ("closed", "Past", "Minor", "Unlikely"),
}
# How long a message holds if nothing follows it. A violation: the longest flight of a drone; a lost
# object: an hour past the six after which its Cancel comes.
_VALID_H: Final[Mapping[IncidentState, int]] = {"violation": 6, "lost": 7, "exited": 1, "closed": 1}
# Closed incidents are remembered for events that Kafka hands out again, which come soon or never.
_CLOSED_KEPT: Final = 10_000


class Incident(Contract):
    """Where an incident stands: the nations and regions it is in, and whom it has warned.

    ``steps`` holds the last step of each place that was warned.
    """

    incident_id: UUID
    alliance: str = ALLIANCE
    state: IncidentState
    run: RunName
    source: SourceName
    track_id: TrackName
    episode: Annotated[int, Field(ge=1)]
    last_event: Annotated[int, Field(ge=0)] = 0
    opened: UtcTime
    updated: UtcTime
    nations: tuple[str, ...] = ()
    nations_left: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    steps: dict[str, int] = Field(default_factory=dict)


class IncidentBook:
    """The open incidents of one environment. ``names`` gives zones their names in texts."""

    def __init__(self, environment: Environment, names: Mapping[str, str]) -> None:
        self._environment = environment
        self._names = {ALLIANCE: "the alliance", **names}
        self._open: dict[UUID, Incident] = {}
        self._closed: dict[UUID, int] = {}  # last event, so that a repeated one opens nothing

    @property
    def open(self) -> list[Incident]:
        """Return the incidents that are not closed, in order of opening."""
        return list(self._open.values())

    def take(self, event: TrackEvent) -> list[Alert]:
        """Bring the event's incident up to date; return the alerts that follow from it.

        An event that was taken before gives none.
        """
        incident = self._find(event)
        if event.number <= incident.last_event:
            return []
        alerts = [self._alert(incident, event, place) for place in _recipients(incident, event)]
        state = _WORDS[event.kind][0]
        been_in = {*incident.nations, *incident.nations_left, *event.nations}
        incident = incident.model_copy(
            update={
                "state": state,
                "last_event": event.number,
                "updated": event.time,
                "nations": event.nations,
                "nations_left": tuple(sorted(been_in - set(event.nations))),
                "regions": event.regions,
                "steps": incident.steps | {alert.place: alert.step for alert in alerts},
            }
        )
        if state == "closed":
            self._close(incident)
        else:
            self._open[incident.incident_id] = incident
        return alerts

    def _close(self, incident: Incident) -> None:
        self._open.pop(incident.incident_id, None)
        self._closed[incident.incident_id] = incident.last_event
        if len(self._closed) > _CLOSED_KEPT:
            del self._closed[next(iter(self._closed))]

    def _find(self, event: TrackEvent) -> Incident:
        incident_id = derive(
            "incident",
            *(self._environment, event.run, event.source, event.track_id, ALLIANCE, event.episode),
        )
        if incident_id in self._open:
            return self._open[incident_id]
        return Incident(
            incident_id=incident_id,
            state="violation",
            run=event.run,
            source=event.source,
            track_id=event.track_id,
            episode=event.episode,
            last_event=self._closed.get(incident_id, 0),
            opened=event.time,
            updated=event.time,
        )

    def _alert(self, incident: Incident, event: TrackEvent, place: str) -> Alert:
        channel = operators_channel(self._environment, place)
        step = incident.steps.get(place, 0) + 1
        kind = _place_kind(event, incident, place)
        state = _WORDS[event.kind][0]
        # A place that the object has left needs no more than one that it left for abroad.
        here = place in (*event.regions, *event.nations, ALLIANCE)
        left = not here and state != "closed"
        _, urgency, severity, certainty = _WORDS["exited" if left else event.kind]
        names, environment = self._names, self._environment
        return Alert(
            alert_id=alert_id(incident.incident_id, channel, step),
            incident_id=incident.incident_id,
            channel=channel,
            place=place,
            place_kind=kind,
            step=step,
            references=tuple(
                alert_id(incident.incident_id, channel, earlier) for earlier in range(1, step)
            ),
            status="Exercise" if environment is Environment.EXERCISE else "Actual",
            message_type=_message_type(state, step),
            response_type=_response(state, kind, left=left),
            urgency=urgency,
            severity=severity,
            certainty=certainty,
            incident_state=state,
            expires=event.time + timedelta(hours=_VALID_H[state]),
            headline=wording.headline(event, place, names, environment, left=left),
            description=wording.description(event),
            instruction=wording.instruction(event, kind, left=left),
            **_told(event),
        )


def _told(event: TrackEvent) -> dict[str, object]:
    """Return what an alert repeats of its event as it is."""
    shared = Alert.model_fields.keys() & TrackEvent.model_fields.keys()
    return {name: getattr(event, name) for name in shared}


def _recipients(incident: Incident, event: TrackEvent) -> list[str]:
    """Return the places to tell, each once: people first, then those who answer for them."""
    warned = list(incident.steps)
    above = [*event.nations, ALLIANCE]
    if event.kind == "entered":
        return [*event.regions, *above]
    if event.kind == "moved":
        changed = set(event.regions) ^ set(incident.regions)
        left = sorted(set(incident.nations) - set(event.nations))
        return [*sorted(changed), *left, *above]
    if event.kind == "reacquired":
        return [*warned, *(place for place in [*event.regions, *above] if place not in warned)]
    return warned


def _place_kind(event: TrackEvent, incident: Incident, place: str) -> PlaceKind:
    if place == ALLIANCE:
        return "alliance"
    nations = (*event.nations, *incident.nations, *incident.nations_left)
    return "nation" if place in nations else "region"


def _message_type(state: IncidentState, step: int) -> MessageType:
    if state == "closed":
        return "Cancel"
    return "Alert" if step == 1 else "Update"


def _response(state: IncidentState, kind: PlaceKind, *, left: bool) -> ResponseType:
    if state == "closed":
        return "AllClear"
    shelter = kind == "region" and state in ("violation", "lost") and not left
    return "Shelter" if shelter else "Monitor"
