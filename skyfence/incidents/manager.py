"""The incident manager: track events in, alerts out.

A track's own chains follow at once and depend on that track alone. What joins tracks waits until
every healthy source of the run has come as far, is then decided in order of event time, and arrives
as an update:

    track event ──▶ the member track's incident ──▶ its chains' messages    (at once)
         └────────▶ pending decisions, by event time ─┐
    source clock ─▶ the run's watermark ──────────────┴▶ same object? lost one? lead? repeated?

An incident's messages follow its lead track, the member that knows most of the object. The other
members' events only enter into decisions. Does no I/O and reads no clock.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import (
    Coverage,
    FlightsSighted,
    OperatorEvent,
    PartitionWatermark,
    SourceWatermark,
    TrackEvent,
    TrackTopicEvent,
)
from skyfence.incidents import silence
from skyfence.incidents.association import may_be_one
from skyfence.incidents.chains import AlertChains
from skyfence.incidents.flight_sightings import forget, note, note_identified
from skyfence.incidents.flights import EchoRecognition
from skyfence.incidents.incident import (
    STATE_AFTER,
    Bias,
    EpisodeKey,
    Incident,
    MemberTrack,
    incident_id,
    is_seen,
    knowledge_rank,
    member_after,
)
from skyfence.incidents.joining import Joining
from skyfence.incidents.operators import OperatorDecisions
from skyfence.incidents.repeated_violations import ViolationCounter
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.snapshot import IncidentState, Run
from skyfence.incidents.succession import successor
from skyfence.incidents.track_index import TrackIndex
from skyfence.incidents.watermark import ASSOCIATION, VIOLATION_COUNT, Origin
from skyfence.incidents.wording import Vocabulary
from skyfence.naming import Environment
from skyfence.texts.tables import OperatorTexts, UpdateKind
from skyfence.times import LATEST_MS, to_ms

# Within this time two sensors' tracks of one object are joined; until then it counts once.
_JOINED_WITHIN_MS: Final = 15_000
# Two sensors' tracks of one object must have been joined before it counts as two violations.
_COUNT_DELAY_MS: Final = 60_000
# What may well be a private flight has landed somewhere when it was not seen for so long.
_PRIVATE_LANDED: Final = timedelta(minutes=30)
# Indices are made anew where they were forgotten: of one live run, and of replays beside it.
_INDICES_KEPT: Final = 100
_NO_BIASES: Final[Mapping[str, Bias]] = {}


@dataclass(frozen=True)
class _RunIndices:
    """Where a run's tracks are: as they are now, and as they were decided on last."""

    run: Run
    tracks: TrackIndex
    decided: TrackIndex

    @classmethod
    def of(cls, run: Run) -> "_RunIndices":
        """Return the indices of a run as it stands."""
        decided = run.decisions.decided.values()
        return cls(run, TrackIndex.of(run.tracks.values()), TrackIndex.of(decided))


class IncidentManager:
    """The open incidents of one environment.

    ``names`` gives zones their names in texts, ``biases`` are those of sources that the policy
    names.
    """

    def __init__(
        self,
        environment: Environment,
        names: Mapping[str, str],
        texts: OperatorTexts,
        *,
        biases: Mapping[str, Bias] = _NO_BIASES,
    ) -> None:
        self._environment = environment
        self._biases = biases
        self._chains = AlertChains(environment, names, texts)
        self._counter = ViolationCounter(environment, self._chains.vocabulary)
        self._indices: dict[str, _RunIndices] = {}
        self._joining = Joining(self._chains, self._counter)
        self._echoes = EchoRecognition(self._chains, self._counter)
        self._operators = OperatorDecisions(self._chains, self._joining, self._counter)

    @property
    def state(self) -> IncidentState:
        """Return all that is remembered, for a checkpoint."""
        return self._chains.state

    @state.setter
    def state(self, state: IncidentState) -> None:
        self._chains.state = state
        self._indices.clear()

    @property
    def open(self) -> list[Incident]:
        """Return the incidents that are not closed, in order of opening."""
        return list(self.state.open.values())

    @property
    def vocabulary(self) -> Vocabulary:
        """Return the texts and names that alerts are worded in."""
        return self._chains.vocabulary

    def take_updates(self) -> list[tuple[UUID, IncidentUpdate]]:
        """Return what has changed of incidents since this was called last, in order."""
        updates, self._chains.updates = self._chains.updates, []
        return updates

    def process(self, event: TrackTopicEvent, origin: Origin | None = None) -> list[Alert]:
        """Take in a track's event, a watermark or an operator's word; return the alerts.

        An event that was processed before gives none. ``origin`` is the partition of ``tracks``
        that an event comes from and its frame's Kafka timestamp; None where they are not known.
        """
        if isinstance(event, OperatorEvent):
            return list(self._operators.process(event))
        if isinstance(event, Coverage):
            return []  # says nothing of objects; a run that is over does not begin anew by it
        if isinstance(event, PartitionWatermark):
            self._note_progress(event.partition, to_ms(event.time))
            return [alert for run in self.state.runs.values() for alert in self._process_due(run)]
        if origin is not None:
            self._note_progress(origin.partition, origin.published_ms)
        run = self.state.runs.setdefault(event.run, Run())
        if isinstance(event, SourceWatermark):
            run.decisions.advance(event, origin)
            if event.last:
                self.state.drop_ended(event.run)
            alerts = list(self._process_due(run))
            forget(run.flights, run.decisions.watermark_ms(self.state.progress))
            return alerts
        if isinstance(event, TrackEvent):
            return [*self._tell_own_track(run, event), *self._process_due(run)]
        if isinstance(event, FlightsSighted):
            note(run.flights, event)
        return []

    def _note_progress(self, partition: int, judged_ms: int) -> None:
        progress = self.state.progress
        progress[partition] = max(judged_ms, progress.get(partition, 0))

    def _tell_own_track(self, run: Run, event: TrackEvent) -> Iterator[Alert]:
        """Tell what a track's event means for the incident that it leads; open one if it needs to.

        Puts the decisions that the event raises into the run's queue.
        """
        key = EpisodeKey.of(event)
        before = run.tracks.get(key)
        last_number = before.last.number if before else self.state.closed.get(key, (0, None))[0]
        if event.number <= last_number:
            return
        track = member_after(before, event, self._biases.get(event.source))
        reopens = before is not None and bool(track.silenced) and silence.ends(before, track)
        track = silence.end(track) if reopens else track
        kind: UpdateKind = event.kind
        opens = track.confidence != "fact" and knowledge_rank(track) and not track.silenced
        if track.incident_id is None and opens:
            track = self._chains.open_incident(track, self._counts_from_ms(run, track))
            if STATE_AFTER[event.kind] is None:
                # If it was not silenced, another track told of it until now.
                kind = "reopened" if reopens else "continued"
        run.tracks[key] = track
        self._indices_of(run, event.run).tracks.put(track)
        incident = self._chains.incident_of(track)
        if incident is not None and incident.lead_key == key:
            if incident.private and _has_landed(event):
                closing = IncidentUpdate("expired", event, "closed")
                yield from self._chains.close_while_seen(run, incident, closing)
                track = run.tracks[key]
            elif track.state == "closed" and (lead := successor(run, incident, track)):
                yield from self._chains.hand_over(incident, lead, event)
            else:
                yield from self._chains.tell(incident, IncidentUpdate(kind, event, track.state))
            if incident.private and not event.private_flight and event.confidence == "confirmed":
                run.decisions.add(track, VIOLATION_COUNT, _COUNT_DELAY_MS)
            self._joining.count_confirmed(run, track, incident)
        if track.state == "closed":
            self._end_track(run, track)
        run.decisions.add(track)
        newly_in = event.kind in ("entered", "confirmed") or reopens
        is_sure = event.confidence == "confirmed" and track.state == "violation"
        if newly_in and is_sure and not event.private_flight:
            run.decisions.add(track, VIOLATION_COUNT, _COUNT_DELAY_MS)

    def _end_track(self, run: Run, track: MemberTrack) -> None:
        """Forget a track whose story is over; of one that is identified its echoes may be seen."""
        if track.last.kind == "identified":
            note_identified(run.flights, track)
        self._chains.forget_track(run, track)

    def _counts_from_ms(self, run: Run, track: MemberTrack) -> int:
        """Return from when on a track's new incident counts as an object of its own.

        At once, unless another source shows more objects here than the track's own does: then it is
        probably one of those, and is about to be joined with it.
        """
        index = self._indices_of(run, track.key.run).tracks
        seen = {
            (other.incident_id, other.key.source)
            for other in index.others_near(track, run.tracks)
            if other.incident_id in self.state.open and is_seen(other) and may_be_one(track, other)
        }
        shown = Counter(source for _, source in seen)
        if max(shown.values(), default=0) <= shown[track.key.source]:
            return 0
        return max(to_ms(track.last.time), to_ms(track.last.last_seen)) + _JOINED_WITHIN_MS

    def _indices_of(self, run: Run, name: str) -> "_RunIndices":
        """Return the indices of a run's tracks; they are made anew for one that is new here."""
        indices = self._indices.get(name)
        if indices is None or indices.run is not run:
            if len(self._indices) >= _INDICES_KEPT:
                self._indices.clear()
            indices = self._indices[name] = _RunIndices.of(run)
        return indices

    def _process_due(self, run: Run) -> Iterator[Alert]:
        """Make the decisions that the run's watermark has come up to, in order of event time."""
        for decision in run.decisions.pop_due(self.state.progress):
            # Violations are counted when they are this old, and a day is over no sooner.
            yield from self._end_old_violations(run, decision.time_ms - _COUNT_DELAY_MS)
            decided = self._indices_of(run, decision.track.key.run).decided
            if decision.rank == ASSOCIATION:
                decided.put(decision.track)
            if decision.rank == VIOLATION_COUNT:
                yield from self._count_violation(run, decision.track)
            elif decision.track.key in run.tracks:
                yield from self._echoes.decide(run, decision.track)
                yield from self._joining.decide(run, decision.track, decided)
                yield from self._joining.change_lead(run, decision.track.key)
        watermark_ms = run.decisions.watermark_ms(self.state.progress)
        if 0 < watermark_ms < LATEST_MS:  # when all sources have ended nobody watches any more
            yield from self._end_old_violations(run, int(watermark_ms) - _COUNT_DELAY_MS)

    def _end_old_violations(self, run: Run, now_ms: int) -> Iterator[Alert]:
        """End the news of repeated violations if a day has passed at ``now_ms``, event time."""
        run.situation, alerts = self._counter.advance(run.situation, now_ms)
        yield from alerts

    def _count_violation(self, run: Run, track: MemberTrack) -> Iterator[Alert]:
        """Count a confirmed violation, unless its object is one that is counted already."""
        now = run.tracks.get(track.key)
        if now is not None and now.silenced in ("dismissed", "flight"):
            return
        _, closed_id = self.state.closed.get(track.key, (0, None))
        joined_id = now.incident_id if now else closed_id
        own_id = joined_id or incident_id(self._environment, track.key)
        run.situation, alerts = self._counter.add(run.situation, own_id, track.last)
        yield from alerts


def _has_landed(event: TrackEvent) -> bool:
    """Tell whether what may be a private flight, and is lost, was not seen for long."""
    return event.kind == "searched" and event.time - event.last_seen >= _PRIVATE_LANDED
