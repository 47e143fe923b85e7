"""The chain: whom an incident's news is for, and the message to each of them.

Few messages: a place hears of the object when it heads for it, comes, goes on or is lost, when the
minutes left pass a mark, and that it is over. The nation and the alliance also hear where it moves.

    news                    who hears of it                                      message
    threatened, entered,    regions it is in or heads for, the nation, the       Alert, then Update
      appeared, reacquired, alliance, and all who were warned
      joined, continued
    confirmed               the same, save the regions ahead that know of it     Alert, then Update
                            already and those that it has left
    updated                 regions it reaches or heads for, and those it no     Alert, then Update
                            longer does; their nation; the alliance of a move,
                            or where it goes deeper, faster or nears the border
    sighted                 nobody
    exited, lost            all who were warned                                  Update
    receded, identified,    all who were warned                                  Cancel
      cleared, expired,
      stood down, merged
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import (
    Alert,
    Certainty,
    IncidentState,
    MessageType,
    PlaceKind,
    ResponseType,
    Severity,
    Urgency,
    alert_id,
    status_of,
)
from skyfence.contracts.track_event import OperatorClosed, TrackEvent, minute_mark
from skyfence.incidents import wording
from skyfence.incidents.incident import Incident
from skyfence.incidents.wording import Nearness, UpdateKind
from skyfence.naming import ALLIANCE, Environment, operators_channel
from skyfence.policy.parameters import DRONE_MPS

# How long a message holds if nothing follows it. A violation: the longest flight of a drone; a lost
# object: an hour past the six after which its Cancel comes.
_VALID_H: Final[Mapping[IncidentState, float]] = {
    "threat": 0.5,
    "violation": 6,
    "lost": 7,
    "exited": 1,
    "closed": 1,
}
_PAST: Final = ("left", "averted")
_CapWords = tuple[Urgency, Severity, Certainty]


@dataclass(frozen=True)
class IncidentUpdate:
    """Something to tell about an incident: the news, and the track event that it rests on.

    ``closed`` is the operator's word where that is the news.
    """

    news: UpdateKind
    event: TrackEvent
    state: IncidentState
    joined: tuple[UUID, ...] = ()
    closed: OperatorClosed | None = None


def compose(
    told: IncidentUpdate,
    incident: Incident,
    place: str,
    environment: Environment,
    names: Mapping[str, str],
) -> Alert:
    """Return the next message of an incident's chain for a place."""
    event, state = told.event, told.state
    channel = operators_channel(environment, place)
    step = incident.steps.get(place, 0) + 1
    kind = _place_kind(event, incident, place)
    nearness = _nearness(event, incident, place, kind)
    urgency, severity, certainty = _cap_words(told, nearness)
    minutes_left = _minutes_left(event, state, place, kind)
    outside = _is_outside(told, incident)
    saying = wording.WordingContext(
        told.news,
        event,
        place,
        kind,
        nearness,
        minutes_left,
        names,
        environment,
        outside,
        told.closed,
    )
    radius_m, growth_mps = _search(event) if state == "lost" else (None, None)
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
        status=status_of(environment),
        message_type=_message_type(state, step),
        response_type=_response(told, kind, nearness),
        urgency=urgency,
        severity=severity,
        certainty=certainty,
        incident_state=state,
        expires=event.time + timedelta(hours=_VALID_H[state]),
        headline=wording.headline(saying),
        description=wording.description(saying, radius_m, growth_mps),
        instruction=wording.instruction(saying, state),
        minutes_left=minutes_left,
        search_radius_m=radius_m,
        search_growth_mps=growth_mps,
        incidents=told.joined,
        tracks=tuple(dict.fromkeys(key.name for key in incident.strands)),
        **_repeated(event),
    )


def recipients(incident: Incident, told: IncidentUpdate) -> list[str]:
    """Return the places to tell, each once: people first, then those who answer for them."""
    event, warned = told.event, list(incident.steps)
    if told.news == "updated":
        return _of_update(incident, event)
    if told.news == "sighted":
        return []
    if told.state in ("exited", "lost", "closed"):
        return warned
    ahead = [one.place for one in event.ahead]
    if told.news == "confirmed":  # those ahead know already
        ahead = [place for place in ahead if place not in warned]
        warned = [place for place in warned if place in (*event.regions, *event.nations)]
    reached = [*event.regions, *ahead]
    kept = [place for place in warned if place not in (*reached, *event.nations, ALLIANCE)]
    return list(dict.fromkeys([*reached, *kept, *event.nations, ALLIANCE]))


def marks_after(incident: Incident, told: IncidentUpdate) -> dict[str, int]:
    """Return the lowest mark of minutes that each place has been told, this event included.

    What went out counts its minutes anew when it turns back.
    """
    event = told.event
    marks = {} if told.state == "exited" else dict(incident.marks)
    for place, minutes in _minutes(event).items():
        marks[place] = min(minute_mark(minutes), marks.get(place, minute_mark(minutes)))
    return marks


def _of_update(incident: Incident, event: TrackEvent) -> list[str]:
    ahead = {one.place for one in event.ahead}
    before = {one.place for one in incident.ahead}
    joined = (ahead - before) | (set(event.regions) - set(incident.regions))
    dropped = ({*before, *incident.regions}) - ahead - set(event.regions)
    nearer = {
        place
        for place, minutes in _minutes(event).items()
        if minute_mark(minutes) < incident.marks.get(place, 0)
    }
    above: list[str] = []
    left = sorted(set(incident.nations) - set(event.nations))
    if "" in nearer or left or {"place", "deeper", "faster"} & set(event.changes):
        above = [*left, *event.nations, ALLIANCE]
    elif joined or dropped:
        above = list(event.nations)
    dropped = {place for place in dropped if place in incident.steps}
    return list(dict.fromkeys([*sorted((joined | dropped | nearer) - {""}), *above]))


def _minutes(event: TrackEvent) -> dict[str, int]:
    """Return the minutes left to each place ahead; "" stands for the border."""
    minutes = {one.place: one.minutes_left for one in event.ahead}
    if event.minutes_left is not None:
        minutes[""] = event.minutes_left
    return minutes


def _minutes_left(
    event: TrackEvent, state: IncidentState, place: str, kind: PlaceKind
) -> int | None:
    if state in ("closed", "lost"):
        return None
    if kind != "region":
        return event.minutes_left if state == "threat" else None
    return next((one.minutes_left for one in event.ahead if one.place == place), None)


def _nearness(event: TrackEvent, incident: Incident, place: str, kind: PlaceKind) -> Nearness:
    if place in event.regions or place in event.nations or kind == "alliance":
        return "here"
    if any(one.place == place for one in event.ahead):
        return "ahead"
    return "left" if place in incident.been_in else "averted"


def _cap_words(told: IncidentUpdate, nearness: Nearness) -> _CapWords:
    possible = told.event.confidence == "possible"
    if told.state == "closed":
        if told.news == "merged":
            return ("Immediate", "Severe", "Observed")
        over = told.news in ("expired", "receded")
        return ("Past", "Minor", "Unlikely" if over else "Observed")
    if told.state == "exited" or nearness in _PAST:
        return ("Expected", "Moderate", "Observed")
    if told.state == "threat" or nearness == "ahead":
        doubtful = possible and told.state != "threat"
        return ("Expected", "Severe", "Possible" if doubtful else "Likely")
    if told.state == "lost":
        return ("Immediate", "Severe", "Possible" if possible else "Likely")
    return ("Immediate", "Severe", "Possible" if possible else "Observed")


def _response(told: IncidentUpdate, kind: PlaceKind, nearness: Nearness) -> ResponseType:
    if told.state == "closed":
        return "Monitor" if told.news == "merged" else "AllClear"
    if kind != "region" or told.state == "exited" or nearness in _PAST:
        return "Monitor"
    sure = told.event.confidence == "confirmed" and nearness == "here"
    return "Shelter" if sure and told.state in ("violation", "lost") else "Prepare"


def _message_type(state: IncidentState, step: int) -> MessageType:
    if state == "closed":
        return "Cancel"
    return "Alert" if step == 1 else "Update"


def _is_outside(told: IncidentUpdate, incident: Incident) -> bool:
    """Tell whether the object is, or was when it was lost, only on its way."""
    if told.state in ("violation", "exited"):
        return False
    never_in = not set(told.event.nations) & set(incident.been_in)
    return "threat" in (told.state, incident.state) or (not told.event.regions and never_in)


def _place_kind(event: TrackEvent, incident: Incident, place: str) -> PlaceKind:
    if place == ALLIANCE:
        return "alliance"
    nations = (*event.nations, *incident.nations, *incident.nations_left)
    return "nation" if place in nations else "region"


def _search(event: TrackEvent) -> tuple[int, float]:
    """Return how far from its last place an object can be by now, and how that grows."""
    speed_mps = event.object.ground_speed_mps or DRONE_MPS
    seconds = (event.time - event.last_seen).total_seconds()
    error_m = 3 * (event.object.accuracy_m or 0.0)
    return round(error_m + speed_mps * seconds), round(speed_mps, 1)


def _repeated(event: TrackEvent) -> dict[str, object]:
    """Return what an alert repeats of its event as it is."""
    shared = (Alert.model_fields.keys() & TrackEvent.model_fields.keys()) - {"minutes_left"}
    return {name: getattr(event, name) for name in shared}
