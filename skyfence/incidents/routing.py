"""Routing: whom an incident's news is for. What each of them reads is ``composing``'s.

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
                            or where it goes deeper, faster or nears the border,
                            is in an emergency, a drone or a missile
    sighted, searched       nobody
    any, private flight     its nation alone, once; all others when it is taken  Alert, then Update
                            for more than that
    exited, lost            all who were warned                                  Update
    receded, identified,    all who were warned                                  Cancel
      cleared, expired,
      stood down, dismissed,
      merged

Of what may well be a private flight its nation alone hears, and all who were warned of its end.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import IncidentState
from skyfence.contracts.track_event import OperatorClosed, OperatorEvent, TrackEvent, minute_mark
from skyfence.incidents.incident import Incident
from skyfence.naming import ALLIANCE
from skyfence.texts.tables import UpdateKind

# Of these changes the nation and the alliance hear.
_NEWS_ABOVE: Final = frozenset({"place", "deeper", "faster", "emergency", "category"})


@dataclass(frozen=True)
class IncidentUpdate:
    """Something to tell about an incident: the news, and the track event that it rests on.

    ``operator`` is the operator's word where that is the news. Until ``counts_from_ms``, event
    time, the incident may be an object that is counted already.
    """

    news: UpdateKind
    event: TrackEvent
    state: IncidentState
    joined: tuple[UUID, ...] = ()
    operator: OperatorEvent | None = None
    counts_from_ms: int = 0

    @property
    def closed(self) -> OperatorClosed | None:
        """Return the word of an operator that the incident is over, if that is the news."""
        return self.operator if isinstance(self.operator, OperatorClosed) else None


def recipients(incident: Incident, update: IncidentUpdate) -> list[str]:
    """Return the places to tell, each once: people first, then those who answer for them."""
    event, closes = update.event, update.state == "closed"
    if incident.private and not closes and not event.private_flight:
        return _all(incident, event)  # nobody but its nation has heard of it
    if update.news in ("sighted", "searched"):
        return []
    if update.state in ("exited", "lost") or closes:
        return list(incident.steps)
    return _of_course(incident, update)


def _of_course(incident: Incident, update: IncidentUpdate) -> list[str]:
    """Return the places to tell of an object that is seen, inside or on its way."""
    event, warned = update.event, list(incident.steps)
    if event.private_flight:
        return [nation for nation in event.nations if _is_private_news(incident, update, nation)]
    if update.news == "updated":
        return _of_update(incident, event)
    if update.news != "confirmed":
        return _all(incident, event)
    # Those ahead know already.
    ahead = [region.place for region in event.ahead if region.place not in warned]
    kept = [place for place in warned if place in (*event.regions, *event.nations)]
    return _together(event, ahead, kept)


def _all(incident: Incident, event: TrackEvent) -> list[str]:
    """Return all whom it concerns: where the object is and heads for, and who was warned."""
    return _together(event, [region.place for region in event.ahead], list(incident.steps))


def _together(event: TrackEvent, ahead: list[str], warned: list[str]) -> list[str]:
    reached = [*event.regions, *ahead]
    kept = [place for place in warned if place not in (*reached, *event.nations, ALLIANCE)]
    return list(dict.fromkeys([*reached, *kept, *event.nations, ALLIANCE]))


def _is_private_news(incident: Incident, update: IncidentUpdate, nation: str) -> bool:
    """Tell whether a nation hears of what may be a private flight: once, and when it is new."""
    return nation not in incident.steps or update.news not in ("updated", "confirmed")


def marks_after(incident: Incident, update: IncidentUpdate) -> dict[str, int]:
    """Return the lowest mark of minutes that each place has been told, this event included.

    What went out counts its minutes anew when it turns back.
    """
    event = update.event
    marks = {} if update.state == "exited" else dict(incident.marks)
    for place, minutes in _minutes(event).items():
        marks[place] = min(minute_mark(minutes), marks.get(place, minute_mark(minutes)))
    return marks


def _of_update(incident: Incident, event: TrackEvent) -> list[str]:
    ahead = {region.place for region in event.ahead}
    before = {region.place for region in incident.ahead}
    joined = (ahead - before) | (set(event.regions) - set(incident.regions))
    dropped = ({*before, *incident.regions}) - ahead - set(event.regions)
    nearer = {
        place
        for place, minutes in _minutes(event).items()
        if minute_mark(minutes) < incident.marks.get(place, 0)
    }
    above: list[str] = []
    left = sorted(set(incident.nations) - set(event.nations))
    if "" in nearer or left or _NEWS_ABOVE & set(event.changes):
        above = [*left, *event.nations, ALLIANCE]
    elif joined or dropped:
        above = list(event.nations)
    dropped = {place for place in dropped if place in incident.steps}
    return list(dict.fromkeys([*sorted((joined | dropped | nearer) - {""}), *above]))


def _minutes(event: TrackEvent) -> dict[str, int]:
    """Return the minutes left to each place ahead; "" stands for the border."""
    minutes = {region.place: region.minutes_left for region in event.ahead}
    if event.minutes_left is not None:
        minutes[""] = event.minutes_left
    return minutes
