"""The message: what an incident's news says to a place, in CAP's words and in people's.

    news, incident, place ──▶ nearness, minutes left ──┬──▶ CAP's words ──────┐
                                                       └──▶ wording's lines ──┴──▶ Alert

Which places hear of the news is decided in ``routing``.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from skyfence.contracts.alert import (
    MOST_LISTED,
    Alert,
    Certainty,
    IncidentState,
    MessageType,
    PlaceKind,
    ResponseType,
    Severity,
    Urgency,
)
from skyfence.contracts.alert_chain import CapWords, chain_fields
from skyfence.contracts.track_event import TrackEvent
from skyfence.incidents import wording
from skyfence.incidents.incident import Incident
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.wording import Nearness, Vocabulary, WordingContext
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


def compose(
    update: IncidentUpdate,
    incident: Incident,
    place: str,
    environment: Environment,
    vocabulary: Vocabulary,
) -> Alert:
    """Return the next message of an incident's chain for a place.

    ``incident`` is as it was before the update.
    """
    event, state = update.event, update.state
    step = incident.steps.get(place, 0) + 1
    context = _context(update, incident, place, vocabulary)
    radius_m, growth_mps = _search(event) if state == "lost" else (None, None)
    return Alert(
        **chain_fields(
            environment=environment,
            chain_id=incident.incident_id,
            channel=operators_channel(environment, place),
            step=step,
            cap=_cap_words(update, context.kind, context.nearness, step),
            time=event.time,
            expires=event.time + timedelta(hours=_VALID_H[state]),
            headline=wording.headline(context),
            instruction=wording.instruction(context, state),
        ),
        place=place,
        place_kind=context.kind,
        incident_state=state,
        description=wording.description(context, radius_m, growth_mps),
        minutes_left=context.minutes_left,
        search_radius_m=radius_m,
        search_growth_mps=growth_mps,
        incidents=update.joined[-MOST_LISTED:],
        may_be=incident.may_be[-MOST_LISTED:],
        tracks=tuple(dict.fromkeys(key.name for key in incident.member_keys))[-MOST_LISTED:],
        nations=event.nations,
        regions=event.regions,
        ahead=event.ahead,
        other_side=event.other_side,
        lat=event.lat,
        lon=event.lon,
        last_seen=event.last_seen,
        depth_m=event.depth_m,
        identified_as=event.identified_as,
        evidence=event.evidence,
        zones_version=event.zones_version,
        run=event.run,
        source=event.source,
        track_id=event.track_id,
        object=event.object,
    )


def _context(
    update: IncidentUpdate,
    incident: Incident,
    place: str,
    vocabulary: Vocabulary,
) -> WordingContext:
    """Return what wording has to know of an update and the place that reads of it."""
    kind = _place_kind(update.event, incident, place)
    return WordingContext(
        news=update.news,
        event=update.event,
        place=place,
        kind=kind,
        nearness=_nearness(update.event, incident, place, kind),
        minutes_left=_minutes_left(update.event, update.state, place, kind),
        vocabulary=vocabulary,
        outside=_is_outside(update, incident),
        operator=update.operator,
        may_be=len(incident.may_be),
    )


def _cap_words(update: IncidentUpdate, kind: PlaceKind, nearness: Nearness, step: int) -> CapWords:
    urgency, severity, certainty = _gravity(update, nearness)
    return CapWords(
        message_type=_message_type(update.state, step),
        response_type=_response(update, kind, nearness),
        urgency=urgency,
        severity=severity,
        certainty=certainty,
    )


def _gravity(update: IncidentUpdate, nearness: Nearness) -> tuple[Urgency, Severity, Certainty]:
    possible = update.event.confidence == "possible"
    if update.state == "closed":
        if update.news == "merged":
            return ("Immediate", "Severe", "Observed")
        over = update.news in ("expired", "receded", "dismissed")
        return ("Past", "Minor", "Unlikely" if over else "Observed")
    if update.state == "exited" or nearness in _PAST:
        return ("Expected", "Moderate", "Observed")
    if update.state == "threat" or nearness == "ahead":
        doubtful = possible and update.state != "threat"
        return ("Expected", "Severe", "Possible" if doubtful else "Likely")
    if update.state == "lost":
        return ("Immediate", "Severe", "Possible" if possible else "Likely")
    return ("Immediate", "Severe", "Possible" if possible else "Observed")


def _response(update: IncidentUpdate, kind: PlaceKind, nearness: Nearness) -> ResponseType:
    if update.state == "closed":
        return "Monitor" if update.news == "merged" else "AllClear"
    if kind != "region" or update.state == "exited" or nearness in _PAST:
        return "Monitor"
    sure = update.event.confidence == "confirmed" and nearness == "here"
    return "Shelter" if sure and update.state in ("violation", "lost") else "Prepare"


def _message_type(state: IncidentState, step: int) -> MessageType:
    if state == "closed":
        return "Cancel"
    return "Alert" if step == 1 else "Update"


def _minutes_left(
    event: TrackEvent, state: IncidentState, place: str, kind: PlaceKind
) -> int | None:
    """Return the whole minutes until the object reaches a region, or the border for others."""
    if state in ("closed", "lost"):
        return None
    if kind != "region":
        return event.minutes_left if state == "threat" else None
    return next((ahead.minutes_left for ahead in event.ahead if ahead.place == place), None)


def _nearness(event: TrackEvent, incident: Incident, place: str, kind: PlaceKind) -> Nearness:
    if place in event.regions or place in event.nations or kind == "alliance":
        return "here"
    if any(ahead.place == place for ahead in event.ahead):
        return "ahead"
    return "left" if place in incident.been_in else "averted"


def _is_outside(update: IncidentUpdate, incident: Incident) -> bool:
    """Tell whether the object is, or was when it was lost, only on its way."""
    if update.state in ("violation", "exited"):
        return False
    never_in = not set(update.event.nations) & set(incident.been_in)
    return "threat" in (update.state, incident.state) or (not update.event.regions and never_in)


def _place_kind(event: TrackEvent, incident: Incident, place: str) -> PlaceKind:
    if place == ALLIANCE:
        return "alliance"
    nations = (*event.nations, *incident.nations, *incident.nations_left)
    return "nation" if place in nations else "region"


def _search(event: TrackEvent) -> tuple[int, float]:
    """Return how far a lost object can be from its last place, metres, and the growth, m/s."""
    speed_mps = event.object.ground_speed_mps or DRONE_MPS
    seconds = (event.time - event.last_seen).total_seconds()
    error_m = 3 * (event.object.accuracy_m or 0.0)
    return round(error_m + speed_mps * seconds), round(speed_mps, 1)
