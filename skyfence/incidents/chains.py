"""The teller: incidents as they are opened, told, and let go; every message of their chains.

Whether tracks are one object is not decided here (``book``); once it is, this says it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import TrackEvent
from skyfence.identity import derive
from skyfence.incidents.composing import compose
from skyfence.incidents.incident import Incident, MemberTrack, incident_id
from skyfence.incidents.routing import IncidentUpdate, marks_after, recipients
from skyfence.incidents.snapshot import IncidentState, Run
from skyfence.incidents.wording import Vocabulary
from skyfence.naming import ALLIANCE, Environment
from skyfence.texts.tables import OperatorTexts
from skyfence.times import to_ms

# Closed stories are remembered for events that Kafka hands out again, which come soon or never.
_CLOSED_KEPT: Final = 10_000

K = TypeVar("K")
V = TypeVar("V")


class AlertChains:
    """Keeps the ledger's incidents, and words their news. ``names`` gives zones their names."""

    def __init__(
        self, environment: Environment, names: Mapping[str, str], texts: OperatorTexts
    ) -> None:
        self._environment = environment
        self.vocabulary = Vocabulary(texts, {ALLIANCE: texts.words.alliance, **names})
        self.ledger = IncidentState()

    def incident_of(self, strand: MemberTrack) -> Incident | None:
        """Return the open incident that a track tells of, or is part of."""
        return None if strand.incident_id is None else self.ledger.open.get(strand.incident_id)

    def open_for(self, strand: MemberTrack) -> MemberTrack:
        """Open the incident that a track tells of; return the track with its identifier."""
        own_id, event = incident_id(self._environment, strand.key), strand.last
        if own_id in self.ledger.stood_down:  # whose chains have ended
            own_id = derive("incident again", str(own_id), to_ms(event.time))
        self.ledger.open[own_id] = Incident(
            incident_id=own_id,
            state="violation",
            confidence=event.confidence,
            teller=strand.key,
            strands=(strand.key,),
            opened=event.time,
            updated=event.time,
        )
        return strand.model_copy(update={"incident_id": own_id})

    def tell(self, incident: Incident, told: IncidentUpdate, *also: str) -> Iterator[Alert]:
        """Tell news to those it is for, and bring the incident up to date."""
        if told.event.confidence == "fact":  # joined to what has crossed, it is no mere fact
            known = told.event.model_copy(update={"confidence": incident.confidence})
            told = replace(told, event=known)
        event = told.event
        places = dict.fromkeys([*recipients(incident, told), *also])
        alerts = [
            compose(told, incident, place, self._environment, self.vocabulary) for place in places
        ]
        been_in = {*incident.nations, *incident.nations_left, *event.nations}
        incident = incident.model_copy(
            update={
                "state": told.state,
                "confidence": event.confidence,
                "updated": event.time,
                "confirmed": incident.confirmed or _confirmed(told),
                "nations": event.nations,
                "nations_left": tuple(sorted(been_in - set(event.nations))),
                "been_in": _with_places(incident.been_in, event, told.state),
                "regions": event.regions,
                "ahead": event.ahead,
                "marks": marks_after(incident, told),
                "steps": incident.steps | {alert.place: alert.step for alert in alerts},
            }
        )
        self.ledger.open[incident.incident_id] = incident
        if told.state == "closed":
            del self.ledger.open[incident.incident_id]
        yield from alerts

    def drop(self, run: Run, strand: MemberTrack) -> None:
        """Forget a story that is over, and its incident with it if this track told it."""
        del run.strands[strand.key]
        closed = (strand.last.number, strand.incident_id)
        _remember(self.ledger.closed, strand.key, closed)
        incident = self.incident_of(strand)
        if incident is not None:
            left = tuple(key for key in incident.strands if key != strand.key)
            self.ledger.open[incident.incident_id] = incident.model_copy(update={"strands": left})
        elif strand.incident_id is not None:
            self.let_go(run, strand.incident_id)

    def let_go(self, run: Run, closed_id: UUID) -> None:
        """Take an incident that is over from its tracks: what one still sees opens another."""
        for key, strand in run.strands.items():
            if strand.incident_id == closed_id:
                run.strands[key] = strand.model_copy(update={"incident_id": None})

    def stand_down(self, run: Run, incident: Incident, told: IncidentUpdate) -> Iterator[Alert]:
        """Close an incident though its track may come back: what is seen again opens another."""
        yield from self.tell(incident, told)
        _remember(self.ledger.stood_down, incident.incident_id, None)
        self.let_go(run, incident.incident_id)


def _remember(known: dict[K, V], key: K, value: V) -> None:
    """Keep something for so long as Kafka might hand out events about it again."""
    known[key] = value
    if len(known) > _CLOSED_KEPT:
        del known[next(iter(known))]


def _confirmed(told: IncidentUpdate) -> datetime | None:
    sure = told.state == "violation" and told.event.confidence == "confirmed"
    return told.event.time if sure else None


def _with_places(before: tuple[str, ...], event: TrackEvent, state: str) -> tuple[str, ...]:
    """Return the places that the object has been in: those of a threat are only ahead."""
    here = (*event.nations, *event.regions) if state == "violation" else ()
    return tuple(sorted({*before, *here}))
