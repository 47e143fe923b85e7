"""Alert chains: incidents as they are opened, updated and closed, and the messages that follow.

    update ──▶ recipients (``routing``) ──▶ a message for each (``composing``) ──▶ the next step

Whether tracks are one object is not decided here (``manager``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import TrackEvent
from skyfence.identity import derive
from skyfence.incidents.composing import compose
from skyfence.incidents.incident import Incident, MemberTrack, incident_id, knows_less
from skyfence.incidents.routing import IncidentUpdate, marks_after, recipients
from skyfence.incidents.snapshot import CLOSED_KEPT, IncidentState, Run, remember_closed
from skyfence.incidents.wording import Vocabulary
from skyfence.naming import ALLIANCE, Environment
from skyfence.texts.tables import OperatorTexts, UpdateKind
from skyfence.times import to_ms

# From this probability on, as it is published, a track confirms (``confirmed_odds`` of the tracks).
_CONFIRMED_PROBABILITY: Final = 0.998


class AlertChains:
    """The open incidents and their chains. ``names`` gives zones their names in texts.

    ``updates`` are those since it was emptied last, with their incidents: the states of places
    follow from them (``decisions``).
    """

    def __init__(
        self, environment: Environment, names: Mapping[str, str], texts: OperatorTexts
    ) -> None:
        self._environment = environment
        self.vocabulary = Vocabulary(texts, {ALLIANCE: texts.words.alliance, **names})
        self.state = IncidentState()
        self.updates: list[tuple[UUID, IncidentUpdate]] = []

    def incident_of(self, track: MemberTrack) -> Incident | None:
        """Return the open incident that a track is a member of, if there is one."""
        return None if track.incident_id is None else self.state.open.get(track.incident_id)

    def open_incident(self, track: MemberTrack, counts_from_ms: int = 0) -> MemberTrack:
        """Open an incident that a track leads; return the track with the incident's identifier.

        Until ``counts_from_ms``, event time, it may be an object that is counted already.
        The identifier derives from the track's story, and again from the event's time for each
        incident that this story has had: none is used twice.
        """
        own_id, event = incident_id(self._environment, track.key), track.last
        while own_id in self.state.stood_down or own_id in self.state.open:
            own_id = derive("incident again", str(own_id), to_ms(event.time))
        self.state.open[own_id] = Incident(
            incident_id=own_id,
            state="violation",
            confidence=event.confidence,
            lead_key=track.key,
            member_keys=(track.key,),
            opened=event.time,
            updated=event.time,
            counts_from_ms=counts_from_ms,
        )
        return track.model_copy(update={"incident_id": own_id})

    def tell(self, incident: Incident, update: IncidentUpdate, *more: str) -> Iterator[Alert]:
        """Yield an update's messages, to its recipients and ``more`` places, each the next step.

        Stores the incident as it is after the update, or removes it when that closes it.
        """
        if update.event.confidence == "fact":  # joined to what has crossed, it is no mere fact
            event = update.event.model_copy(update={"confidence": incident.confidence})
            update = replace(update, event=event)
        if update.event.private_flight and incident.steps and not incident.private:
            update = _taken_for_more(incident, update)
        event = update.event
        places = dict.fromkeys([*recipients(incident, update), *more])
        alerts = [
            compose(update, incident, place, self._environment, self.vocabulary) for place in places
        ]
        been_in = {*incident.nations, *incident.nations_left, *event.nations}
        incident = incident.model_copy(
            update={
                "state": update.state,
                "confidence": event.confidence,
                "updated": event.time,
                "confirmed": incident.confirmed or _confirmed_at(update),
                "nations": event.nations,
                "nations_left": tuple(sorted(been_in - set(event.nations))),
                "been_in": _with_places(incident.been_in, event, update.state),
                "regions": event.regions,
                "ahead": event.ahead,
                "marks": marks_after(incident, update),
                "steps": incident.steps | {alert.place: alert.step for alert in alerts},
                "private": event.private_flight,
            }
        )
        self.state.open[incident.incident_id] = incident
        noted = replace(update, counts_from_ms=incident.counts_from_ms)
        self.updates.append((incident.incident_id, noted))
        if update.state == "closed":
            del self.state.open[incident.incident_id]
        yield from alerts

    def hand_over(
        self, incident: Incident, track: MemberTrack, ended: TrackEvent
    ) -> Iterator[Alert]:
        """Let another member lead an incident whose lead has ``ended``; tell what differs by it."""
        event = track.last.model_copy(update={"time": max(track.last.time, ended.time)})
        if knows_less(track, incident):  # what was told to be certain stays so
            event = event.model_copy(update={"confidence": incident.confidence})
        news = _news_of_lead(incident, track)
        incident = incident.model_copy(update={"lead_key": track.key})
        yield from self.tell(incident, IncidentUpdate(news, event, track.state))

    def forget_track(self, run: Run, track: MemberTrack) -> None:
        """Forget a track whose story is over, and take an incident that closed with it from others.

        The number of its last event is remembered, so that repeated events are known.
        """
        del run.tracks[track.key]
        closed = self.state.closed
        closed[track.key] = (track.last.number, track.incident_id)
        if len(closed) > CLOSED_KEPT:
            del closed[next(iter(closed))]
        incident = self.incident_of(track)
        if incident is not None:
            left = tuple(key for key in incident.member_keys if key != track.key)
            self.state.open[incident.incident_id] = incident.model_copy(
                update={"member_keys": left}
            )
        elif track.incident_id is not None:
            self._detach_tracks(run, track.incident_id)

    def close_while_seen(
        self, run: Run, incident: Incident, update: IncidentUpdate
    ) -> Iterator[Alert]:
        """Close an incident though its track may come back: what is told anew opens another."""
        yield from self.tell(incident, update)
        self.remember_closed(incident)
        self._detach_tracks(run, incident.incident_id)

    def remember_closed(self, incident: Incident) -> None:
        """Remember that an incident was closed though its tracks may go on."""
        remember_closed(self.state, incident.incident_id, incident.lead_key.run)

    def _detach_tracks(self, run: Run, closed_id: UUID) -> None:
        """Take a closed incident from its tracks: what is still seen opens another."""
        for key, track in run.tracks.items():
            if track.incident_id == closed_id:
                run.tracks[key] = track.model_copy(update={"incident_id": None})


def _news_of_lead(incident: Incident, track: MemberTrack) -> UpdateKind:
    """Return the news that another track leads an incident: what of its state was not told yet."""
    same = track.state == incident.state
    if track.state == "lost":
        return "searched" if same else "lost"
    if track.state == "exited":
        return "sighted" if same else "exited"
    return "updated" if same else "continued"


def _confirmed_at(update: IncidentUpdate) -> datetime | None:
    """Return the event time of an update that confirms a violation; None of any other."""
    sure = update.state == "violation" and update.event.confidence == "confirmed"
    return update.event.time if sure else None


def _taken_for_more(incident: Incident, update: IncidentUpdate) -> IncidentUpdate:
    """Return an update of a track that may be a private flight, in an incident that is none.

    The track alone stays possible for as long as it may be private; in the incident of what was
    lost it is as sure as its evidence.
    """
    event, sure = update.event, incident.confidence == "confirmed"
    if event.evidence is not None:
        weighed = (event.evidence.probability, event.evidence.probability_weighed)
        sure = sure or max(weighed) >= _CONFIRMED_PROBABILITY
    changes = {"private_flight": False, "confidence": "confirmed" if sure else event.confidence}
    is_news = sure and incident.confidence != "confirmed" and update.news in ("sighted", "updated")
    return replace(
        update,
        news="confirmed" if is_news else update.news,
        event=event.model_copy(update=changes),
    )


def _with_places(before: tuple[str, ...], event: TrackEvent, state: str) -> tuple[str, ...]:
    """Return the places that the object has been in: those of a threat are only ahead."""
    here = (*event.nations, *event.regions) if state == "violation" else ()
    return tuple(sorted({*before, *here}))
