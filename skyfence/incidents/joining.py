"""Joining: tracks that are one object become members of one incident, and leave it when they part.

    same object  ──▶ the incident that was opened first goes on, the other's is cancelled
    lost one     ──▶ its incident goes on with the track that begins
    parted       ──▶ the track gets an incident of its own
    who leads    ──▶ the member that knows most of the object

Which tracks are one object is decided in ``association`` and ``assignment``, when to ask in
``manager``.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import OperatorJoined, OperatorSeparated
from skyfence.incidents import association
from skyfence.incidents.assignment import Assignment, pairs_after
from skyfence.incidents.chains import AlertChains
from skyfence.incidents.incident import (
    EpisodeKey,
    Incident,
    MemberTrack,
    is_seen,
    knowledge_rank,
    knows_less,
    may_lead,
)
from skyfence.incidents.repeated_violations import ViolationCounter
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.snapshot import Run
from skyfence.incidents.track_index import TrackIndex
from skyfence.incidents.watermark import VIOLATION_COUNT
from skyfence.texts.tables import UpdateKind
from skyfence.times import to_ms

# So many lost objects are named that a track may be; more tell nobody anything.
_MOST_NAMED: Final = 10


class Joining:
    """Joins and parts the tracks of the incidents that ``chains`` tells of."""

    def __init__(self, chains: AlertChains, counter: ViolationCounter) -> None:
        self._chains = chains
        self._counter = counter
        self._assignment = Assignment()

    def decide(self, run: Run, track: MemberTrack, index: TrackIndex) -> Iterator[Alert]:
        """Join a track with another one of the same object, or with a lost one that it may be.

        ``track`` is as it stood with the event that raised the decision, and so are the others;
        ``index`` holds those of the run that are decided.
        """
        if not is_seen(track) or run.tracks[track.key].silenced:
            return
        yield from self._part(run, track)
        decided = run.decisions.decided
        near = index.others_near(track, decided)
        seen = [other for other in near if is_seen(other) and _takes_part(run, other)]
        partner = self._assignment.partner_of(
            track, seen, run.pairs, lambda mine, other: self._may_join(run, mine, other)
        )
        if partner is not None:
            offset = self._assignment.offset(track, partner)
            if offset is not None:
                run.pairs = pairs_after(run.pairs, track, partner, offset)
            yield from self._unite(run, track.key, partner.key)
        elif knowledge_rank(track):
            yield from self._find_lost(run, track, index.lost(decided))

    def _may_join(self, run: Run, track: MemberTrack, other: MemberTrack) -> bool:
        """Tell whether two tracks' incidents may become one; at least one of them must have one."""
        incidents = [self._chains.incident_of(run.tracks[each.key]) for each in (track, other)]
        if track.key == other.key or incidents[0] == incidents[1]:
            return False
        mine, theirs = (
            self._members(run, incident, each)
            for incident, each in zip(incidents, (track, other), strict=True)
        )
        if run.apart:
            keys = [{member.key for member in members} for members in (mine, theirs)]
            if any(_are_in(pair, keys) or _are_in(pair, keys[::-1]) for pair in run.apart):
                return False
        return not association.are_shown_at_once(mine, theirs)

    def _members(
        self, run: Run, incident: Incident | None, track: MemberTrack
    ) -> list[MemberTrack]:
        """Return the decided tracks of an incident; the track alone where there is none."""
        decided = run.decisions.decided
        keys = () if incident is None else incident.member_keys
        return [track, *(decided[key] for key in keys if key in decided and key != track.key)]

    def _find_lost(
        self, run: Run, track: MemberTrack, lost_tracks: Iterable[MemberTrack]
    ) -> Iterator[Alert]:
        """Let a track that appears go on with the incident of the lost one that it may be.

        Where it may be one of several, or may as well be a private flight long after, that is told,
        and an operator decides.
        """
        own = self._chains.incident_of(run.tracks[track.key])
        if own is not None and own.may_be:
            return
        lost = [
            (round(association.apart_m(other, track)), other.key.order, other.key)
            for other in lost_tracks
            if association.may_be_lost(other, track)
            and _takes_part(run, other)
            and self._may_join(run, track, other)
            and self._may_go_on(run.tracks[other.key], track)
        ]
        incidents = dict.fromkeys(run.tracks[key].incident_id for *_, key in sorted(lost))
        doubtful = track.last.private_flight and not any(
            association.was_lost_of_late(run.decisions.decided[key], track) for *_, key in lost
        )
        if len(incidents) == 1 and not doubtful:
            yield from self._reacquire(run, min(lost)[2], track.key)
        elif incidents and own is not None:
            may_be = tuple(incident for incident in incidents if incident)[:_MOST_NAMED]
            event = run.tracks[own.lead_key].last.model_copy(update={"private_flight": False})
            own = own.model_copy(update={"may_be": may_be})
            yield from self._chains.tell(own, IncidentUpdate("may_be_lost", event, own.state))

    def _may_go_on(self, lost: MemberTrack, track: MemberTrack) -> bool:
        """Tell whether a lost track leads an incident that another track can go on with."""
        incident = self._chains.incident_of(lost)
        return incident is not None and incident.lead_key == lost.key and may_lead(incident, track)

    def _unite(self, run: Run, key: EpisodeKey, other_key: EpisodeKey) -> Iterator[Alert]:
        """Make one incident of two tracks': the one that was opened first goes on."""
        incident = self._chains.incident_of(run.tracks[key])
        other = self._chains.incident_of(run.tracks[other_key])
        if incident is not None and other is not None:
            yield from self.merge(run, incident, other)
        elif incident is not None:
            yield from self._add_members(run, incident, other_key, None)
        elif other is not None:
            yield from self._add_members(run, other, key, None)

    def merge(
        self, run: Run, incident: Incident, other: Incident, word: OperatorJoined | None = None
    ) -> Iterator[Alert]:
        """Make one incident of two: the one that was opened first goes on.

        ``word`` is the operator's who said so. What was lost goes on with a track that is seen.
        """
        incident, other = sorted((incident, other), key=_opening)
        tracks = [run.tracks[each.lead_key] for each in (incident, other)]
        yield from self._add_members(run, incident, other.lead_key, other)
        incident = self._chains.state.open[incident.incident_id]
        news: UpdateKind = "joined"
        if word is not None:
            news, incident = "operator_joined", incident.model_copy(update={"held": True})
            if not is_seen(tracks[0]) and is_seen(tracks[1]):
                incident = incident.model_copy(update={"lead_key": other.lead_key})
        lead = run.tracks[incident.lead_key]
        update = IncidentUpdate(news, lead.last, lead.state, (other.incident_id,), operator=word)
        yield from self._chains.tell(incident, update, *other.steps)

    def _reacquire(self, run: Run, lost_key: EpisodeKey, key: EpisodeKey) -> Iterator[Alert]:
        """Let a track that begins go on with the incident of one that was lost, and lead it."""
        incident = self._chains.incident_of(run.tracks[lost_key])
        other = self._chains.incident_of(run.tracks[key])
        assert incident is not None  # noqa: S101 - the lost track leads one
        yield from self._add_members(run, incident, key, other)
        incident = self._chains.state.open[incident.incident_id].model_copy(
            update={"lead_key": key}
        )
        joined = () if other is None else (other.incident_id,)
        warned = () if other is None else tuple(other.steps)
        track = run.tracks[key]
        update = IncidentUpdate("reacquired", track.last, track.state, joined)
        yield from self._chains.tell(incident, update, *warned)
        self.count_confirmed(run, track, incident)

    def count_confirmed(self, run: Run, track: MemberTrack, before: Incident) -> None:
        """Have an incident counted that a track confirms which alone may be a private flight.

        ``before`` is the incident as it was. What may be one of several lost objects is not counted
        again.
        """
        now = self._chains.incident_of(run.tracks[track.key])
        if now is None or now.may_be or not track.last.private_flight:
            return
        if now.confidence == "confirmed" != before.confidence:
            run.decisions.add(track, VIOLATION_COUNT)

    def _add_members(
        self, run: Run, incident: Incident, key: EpisodeKey, other: Incident | None
    ) -> Iterator[Alert]:
        """Make a track a member of an incident, with all of ``other``, its own, which is closed."""
        keys = (key,) if other is None else other.member_keys
        nations_left, been_in = set(incident.nations_left), set(incident.been_in)
        counts_from_ms = incident.counts_from_ms
        if other is not None:
            counts_from_ms = min(counts_from_ms, other.counts_from_ms)
            event = run.tracks[other.lead_key].last
            closing = IncidentUpdate("merged", event, "closed", (incident.incident_id,))
            yield from self._chains.tell(other, closing)
            self._chains.remember_closed(other)
            run.situation, counted = self._counter.merge(
                run.situation, other.incident_id, incident.incident_id, to_ms(event.time)
            )
            yield from counted
            nations_left |= {*other.nations, *other.nations_left} - set(incident.nations)
            been_in |= set(other.been_in)
            incident = _as_sure_as_both(incident, other)
        for member_key in keys:
            if member_key in run.tracks:
                moved = {"incident_id": incident.incident_id}
                run.tracks[member_key] = run.tracks[member_key].model_copy(update=moved)
        self._chains.state.open[incident.incident_id] = incident.model_copy(
            update={
                "member_keys": tuple(dict.fromkeys([*incident.member_keys, *keys])),
                "nations_left": tuple(sorted(nations_left)),
                "been_in": tuple(sorted(been_in)),
                "counts_from_ms": counts_from_ms,
            }
        )

    def _part(self, run: Run, track: MemberTrack) -> Iterator[Alert]:
        """Give a track an incident of its own if it no longer flies with the one that leads it."""
        incident = self._chains.incident_of(run.tracks[track.key])
        if incident is None or incident.held or incident.lead_key == track.key:
            return
        lead = run.decisions.decided.get(incident.lead_key)
        if lead is None or lead.key.source == track.key.source or not is_seen(lead):
            return
        offset = self._assignment.offset(lead, track)
        if offset is not None and association.have_parted(offset):
            yield from self.separate(run, incident, track.key)

    def separate(
        self, run: Run, incident: Incident, key: EpisodeKey, word: OperatorSeparated | None = None
    ) -> Iterator[Alert]:
        """Take a member that does not lead out of an incident, and open one for it.

        ``word`` is the operator's who said so.
        """
        left = tuple(member for member in incident.member_keys if member != key)
        incident = incident.model_copy(update={"member_keys": left})
        track = run.tracks[key]
        if track.confidence == "fact":  # nobody is told of it alone
            self._chains.state.open[incident.incident_id] = incident
            run.tracks[key] = track.model_copy(update={"incident_id": None})
            return
        track = run.tracks[key] = self._chains.open_incident(track)
        if track.confidence == "confirmed" and track.state != "threat":
            run.decisions.add(track, VIOLATION_COUNT)
        own = self._chains.incident_of(track)
        assert own is not None  # noqa: S101 - it was opened just now
        lead = run.tracks[incident.lead_key]
        told = ((incident, lead, own.incident_id), (own, track, incident.incident_id))
        for each, teller, other_id in told:
            update = IncidentUpdate(
                "separated", teller.last, teller.state, (other_id,), operator=word
            )
            yield from self._chains.tell(each, update)

    def change_lead(self, run: Run, key: EpisodeKey) -> Iterator[Alert]:
        """Let another member lead a track's incident when it knows more than the lead does."""
        incident = self._chains.incident_of(run.tracks[key])
        decided = run.decisions.decided
        if incident is None or incident.lead_key not in decided or key not in decided:
            return
        lead_rank = knowledge_rank(decided[incident.lead_key])
        candidates = [
            (-knowledge_rank(decided[member]), member.order, member)
            for member in incident.member_keys
            if member in decided and member in run.tracks and may_lead(incident, run.tracks[member])
        ]
        if not candidates or -min(candidates)[0] <= lead_rank:
            return
        track = run.tracks[min(candidates)[2]]
        kind: UpdateKind = "continued"
        if lead_rank:
            kind = "confirmed" if track.confidence == "confirmed" else "entered"
        if knows_less(track, incident):  # the lead's last event has been told already
            sure = track.last.model_copy(update={"confidence": incident.confidence})
            track, kind = track.model_copy(update={"last": sure}), "continued"
        incident = incident.model_copy(update={"lead_key": track.key})
        yield from self._chains.tell(incident, IncidentUpdate(kind, track.last, track.state))


def _takes_part(run: Run, track: MemberTrack) -> bool:
    """Tell whether a track, as it was decided on, is still there and may be joined."""
    now = run.tracks.get(track.key)
    return now is not None and now.silenced is None


def _as_sure_as_both(incident: Incident, other: Incident) -> Incident:
    """Return an incident as what is known of another one, of the same object, makes it.

    It is a private flight's only if both are, and an operator's word on either holds it together.
    """
    sure = "confirmed" in (incident.confidence, other.confidence)
    return incident.model_copy(
        update={
            "confidence": "confirmed" if sure else incident.confidence,
            "confirmed": incident.confirmed or other.confirmed,
            "private": incident.private and other.private,
            "held": incident.held or other.held,
        }
    )


def _are_in(pair: tuple[EpisodeKey, EpisodeKey], groups: list[set[EpisodeKey]]) -> bool:
    """Tell whether the first of a pair is in the first group, and the second in the second."""
    return pair[0] in groups[0] and pair[1] in groups[1]


def _opening(incident: Incident) -> tuple[int, str]:
    """Return what incidents are ordered by: when they were opened, then their identifiers."""
    return (to_ms(incident.opened), str(incident.incident_id))
