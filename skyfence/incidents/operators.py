"""Operators' words on incidents: it is over, two are one object, a track is another object.

    OperatorClosed     ──▶ Cancel to all who were warned; what is dismissed counts no more
    OperatorJoined     ──▶ the incident that was opened first goes on, the other's is cancelled
    OperatorSeparated  ──▶ the track gets an incident of its own

A word that names what is not open changes nothing. Who may say it, and the audit of it, is the
desk's.
"""

from collections.abc import Iterator

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import (
    OperatorClosed,
    OperatorEvent,
    OperatorJoined,
    OperatorSeparated,
)
from skyfence.frames.frame import LIVE_RUN
from skyfence.incidents import silence
from skyfence.incidents.chains import AlertChains
from skyfence.incidents.incident import Incident, knowledge_rank
from skyfence.incidents.joining import Joining
from skyfence.incidents.repeated_violations import ViolationCounter
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.snapshot import Run
from skyfence.texts.tables import UpdateKind
from skyfence.times import to_ms


class OperatorDecisions:
    """Carries out what operators say of the incidents that ``chains`` tells of."""

    def __init__(self, chains: AlertChains, joining: Joining, counter: ViolationCounter) -> None:
        self._chains = chains
        self._joining = joining
        self._counter = counter

    def process(self, event: OperatorEvent) -> Iterator[Alert]:
        """Carry out an operator's word; nothing follows where its incident is not open."""
        run = self._chains.state.runs.get(event.run)
        incident = self._chains.state.open.get(event.incident_id)
        if run is None or incident is None or incident.lead_key not in run.tracks:
            return
        if isinstance(event, OperatorClosed):
            yield from self._close(run, incident, event)
        elif isinstance(event, OperatorJoined):
            yield from self._join(run, incident, event)
        else:
            yield from self._separate(run, incident, event)

    def _close(self, run: Run, incident: Incident, word: OperatorClosed) -> Iterator[Alert]:
        event = run.tracks[incident.lead_key].last
        if word.run == LIVE_RUN:  # a replay has its own time
            event = event.model_copy(update={"time": max(event.time, word.time)})
        news: UpdateKind = "dismissed" if word.dismissed else "stood_down"
        self._silence(run, incident, dismissed=word.dismissed)
        update = IncidentUpdate(news, event, "closed", operator=word)
        yield from self._chains.close_while_seen(run, incident, update)
        if word.dismissed:
            run.situation, alerts = self._counter.withdraw(
                run.situation, incident.incident_id, to_ms(event.time)
            )
            yield from alerts

    def _silence(self, run: Run, incident: Incident, *, dismissed: bool) -> None:
        """Have the tracks of an incident open no other as long as they are shown.

        What was lost and not dismissed is told anew when it is seen again, and so is any that
        becomes a matter of its own (``silence``).
        """
        members = [run.tracks[key] for key in incident.member_keys if key in run.tracks]
        basis = silence.basis_of(members, silence.nations_of(incident))
        for key in incident.member_keys:
            track = run.tracks.get(key)
            if track is not None and (dismissed or track.state != "lost"):
                silenced = "dismissed" if dismissed else "closed"
                changes = {"silenced": silenced, "silence_basis": basis}
                run.tracks[key] = track.model_copy(update=changes)

    def _join(self, run: Run, incident: Incident, word: OperatorJoined) -> Iterator[Alert]:
        other = self._chains.state.open.get(word.other_id)
        if other is None or other == incident or other.lead_key not in run.tracks:
            return
        yield from self._joining.merge(run, incident, other, word)

    def _separate(self, run: Run, incident: Incident, word: OperatorSeparated) -> Iterator[Alert]:
        members = [run.tracks[key] for key in incident.member_keys if key in run.tracks]
        named = [
            track
            for track in members
            if track.key.source == word.source
            and word.track_id in (track.key.track_id, track.last.shown_as)
        ]
        others = [track for track in members if track not in named]
        if not named or not others:
            return
        run.apart += [(track.key, other.key) for track in named[:1] for other in others]
        if named[0].key == incident.lead_key:
            lead = min(others, key=lambda track: (-knowledge_rank(track), track.key.order))
            incident = incident.model_copy(update={"lead_key": lead.key})
        yield from self._joining.separate(run, incident, named[0].key, word)
