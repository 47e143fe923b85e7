"""The book of incidents: track events in, alerts out.

A track's own chain follows at once and depends on that track alone. What joins tracks waits until
every healthy source of the run has come as far, is then decided in order of event time, and arrives
as an update:

    track event ──▶ the strand's incident ──▶ its chain's messages          (at once)
         └────────▶ questions, by event time ──┐
    source clock ─▶ the lowest clock ──────────┴▶ same object? lost one? who tells? situation?

An incident is told by the track that knows most of it; the others' events are only settled.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from skyfence.contracts.alert import Alert
from skyfence.contracts.track_event import (
    OperatorClosed,
    PartitionWatermark,
    SourceWatermark,
    TrackEvent,
    TrackTopicEvent,
)
from skyfence.frames.frame import LIVE_RUN
from skyfence.incidents import association, repeated_violations
from skyfence.incidents.chains import AlertChains
from skyfence.incidents.incident import (
    STATES,
    EpisodeKey,
    Incident,
    MemberTrack,
    incident_id,
    knowledge_rank,
    may_tell,
    member_after,
)
from skyfence.incidents.repeated_violations import Violation
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.snapshot import IncidentState, Run
from skyfence.incidents.watermark import Origin
from skyfence.naming import Environment
from skyfence.texts.tables import OperatorTexts, UpdateKind
from skyfence.times import LATEST_MS, to_ms

# Two sensors' tracks of one object must have been joined before it counts as two violations.
_SITUATION_WAITS_MS: Final = 60_000

_SITUATION: Final = 1  # rank of its question


class IncidentManager:
    """The open incidents of one environment. ``names`` gives zones their names in texts."""

    def __init__(
        self, environment: Environment, names: Mapping[str, str], texts: OperatorTexts
    ) -> None:
        self._environment = environment
        self._teller = AlertChains(environment, names, texts)

    @property
    def ledger(self) -> IncidentState:
        """Return all that is remembered, for a checkpoint."""
        return self._teller.ledger

    @ledger.setter
    def ledger(self, ledger: IncidentState) -> None:
        self._teller.ledger = ledger

    @property
    def open(self) -> list[Incident]:
        """Return the incidents that are not closed, in order of opening."""
        return list(self.ledger.open.values())

    def take(self, event: TrackTopicEvent, origin: Origin | None = None) -> list[Alert]:
        """Take in an event, a clock, or an operator's word; return the alerts that follow.

        An event that was taken before gives none. ``origin`` is where a track's or source's comes
        from, where that is known.
        """
        if isinstance(event, OperatorClosed):
            return list(self._stand_down(event))
        if isinstance(event, PartitionWatermark):
            self._note_progress(event.partition, to_ms(event.time))
            return [alert for run in self.ledger.runs.values() for alert in self._decide(run)]
        if origin is not None:
            self._note_progress(origin.partition, origin.published_ms)
        run = self.ledger.runs.setdefault(event.run, Run())
        alerts = [] if isinstance(event, SourceWatermark) else list(self._own(run, event))
        if isinstance(event, SourceWatermark):
            run.decisions.advance(event, origin)
            if event.last:
                self.ledger.drop_ended()
        return alerts + list(self._decide(run))

    def _note_progress(self, partition: int, judged_ms: int) -> None:
        progress = self.ledger.progress
        progress[partition] = max(judged_ms, progress.get(partition, 0))

    def _stand_down(self, word: OperatorClosed) -> Iterator[Alert]:
        """Close the incident of a lost object at an operator's word; any other goes on."""
        incident, run = self.ledger.open.get(word.incident_id), self.ledger.runs.get(word.run)
        if incident is None or run is None or incident.state != "lost":
            return
        strand = run.strands.get(incident.teller)
        if strand is None:  # of another run
            return
        event = strand.last
        if word.run == LIVE_RUN:  # a replay has its own time
            event = event.model_copy(update={"time": max(event.time, word.time)})
        told = IncidentUpdate("stood_down", event, "closed", closed=word)
        yield from self._teller.stand_down(run, incident, told)

    def _own(self, run: Run, event: TrackEvent) -> Iterator[Alert]:
        """Tell what a track's own event means for its own chain."""
        key = EpisodeKey.of(event)
        before = run.strands.get(key)
        taken = before.last.number if before else self.ledger.closed.get(key, (0, None))[0]
        if event.number <= taken:
            return
        strand = member_after(before, event)
        news: UpdateKind = event.kind
        if strand.incident_id is None and strand.confidence != "fact" and knowledge_rank(strand):
            strand = self._teller.open_for(strand)
            if STATES[event.kind] is None:
                news = "continued"  # another track told of it until now
        run.strands[key] = strand
        incident = self._teller.incident_of(strand)
        if incident is not None and incident.teller == key:
            yield from self._teller.tell(incident, IncidentUpdate(news, event, strand.state))
        if strand.state == "closed":
            self._teller.drop(run, strand)
        run.decisions.add(strand)
        if event.kind in ("entered", "confirmed") and event.confidence == "confirmed":
            run.decisions.add(strand, _SITUATION, _SITUATION_WAITS_MS)

    def _decide(self, run: Run) -> Iterator[Alert]:
        """Answer the questions that every healthy source has come up to."""
        for decision in run.decisions.pop_due(self.ledger.progress):
            # Violations are weighed when they are this old, and a day is over no sooner.
            yield from self._let_pass(run, decision.time_ms - _SITUATION_WAITS_MS)
            if decision.rank == _SITUATION:
                yield from self._weigh_situation(run, decision.track)
            elif decision.track.key in run.strands:
                yield from self._join(run, decision.track)
                yield from self._hand_over(run, decision.track.key)
        lowest_ms = run.decisions.watermark_ms(self.ledger.progress)
        if 0 < lowest_ms < LATEST_MS:  # when all sources have ended nobody watches any more
            yield from self._let_pass(run, int(lowest_ms) - _SITUATION_WAITS_MS)

    def _let_pass(self, run: Run, now_ms: int) -> Iterator[Alert]:
        run.situation, alerts = repeated_violations.advance(
            run.situation, now_ms, self._environment, self._teller.vocabulary
        )
        yield from alerts

    def _join(self, run: Run, strand: MemberTrack) -> Iterator[Alert]:
        """Find another track of the same object, or a lost one that this may be."""
        if not knowledge_rank(strand):
            return
        others = [
            other
            for key, other in run.decisions.decided.items()
            if _may_join(run.strands.get(strand.key), run.strands.get(key))
        ]
        for other in others:  # in the order in which they were settled first
            if association.associates(strand, other):
                yield from self._merge(run, strand.key, other.key)
                return
        lost = [
            (round(association.apart_m(other, strand)), other.key.order, other.key)
            for other in others
            if other.state == "lost"
            and self._may_go_on(run.strands[other.key], strand)
            and association.may_stitch(other, strand)
        ]
        if lost:
            yield from self._reacquire(run, min(lost)[2], strand.key)

    def _merge(self, run: Run, one: EpisodeKey, other: EpisodeKey) -> Iterator[Alert]:
        """Make one incident of two tracks': the one that was opened first goes on."""
        mine, theirs = (self._teller.incident_of(run.strands[key]) for key in (one, other))
        if mine is None or (theirs is not None and _opened(theirs) < _opened(mine)):
            mine, theirs, other = theirs, mine, one
        if mine is None:
            return
        yield from self._take_over(run, mine, other, theirs)
        mine = self.ledger.open[mine.incident_id]
        if theirs is not None:
            told = run.strands[mine.teller].last
            news = IncidentUpdate("joined", told, mine.state, (theirs.incident_id,))
            yield from self._teller.tell(mine, news, *theirs.steps)

    def _reacquire(self, run: Run, lost: EpisodeKey, found: EpisodeKey) -> Iterator[Alert]:
        """Let a track that begins go on with the story of one that was lost."""
        mine, theirs = (self._teller.incident_of(run.strands[key]) for key in (lost, found))
        assert mine is not None  # noqa: S101 - it tells one
        yield from self._take_over(run, mine, found, theirs)
        mine = self.ledger.open[mine.incident_id].model_copy(update={"teller": found})
        joined = () if theirs is None else (theirs.incident_id,)
        also = () if theirs is None else tuple(theirs.steps)
        told = run.strands[found]
        yield from self._teller.tell(
            mine, IncidentUpdate("reacquired", told.last, told.state, joined), *also
        )

    def _take_over(
        self, run: Run, mine: Incident, key: EpisodeKey, theirs: Incident | None
    ) -> Iterator[Alert]:
        """Make a track a strand of an incident; close the one it told, if it told any."""
        keys = (key,) if theirs is None else theirs.strands
        nations_left, been_in = set(mine.nations_left), set(mine.been_in)
        if theirs is not None:
            closing = IncidentUpdate(
                "merged", run.strands[theirs.teller].last, "closed", (mine.incident_id,)
            )
            yield from self._teller.tell(theirs, closing)
            nations_left |= {*theirs.nations, *theirs.nations_left} - set(mine.nations)
            been_in |= set(theirs.been_in)
        for one in keys:
            if one in run.strands:
                moved = {"incident_id": mine.incident_id}
                run.strands[one] = run.strands[one].model_copy(update=moved)
        self.ledger.open[mine.incident_id] = mine.model_copy(
            update={
                "strands": tuple(dict.fromkeys([*mine.strands, *keys])),
                "nations_left": tuple(sorted(nations_left)),
                "been_in": tuple(sorted(been_in)),
            }
        )

    def _hand_over(self, run: Run, key: EpisodeKey) -> Iterator[Alert]:
        """Let another track of the object go on when it knows more than the one that told it."""
        incident = self._teller.incident_of(run.strands[key])
        decided = run.decisions.decided
        if incident is None or incident.teller not in decided or key not in decided:
            return
        told = knowledge_rank(decided[incident.teller])
        others = [
            (-knowledge_rank(decided[one]), one.order, one)
            for one in incident.strands
            if one in decided and one in run.strands and may_tell(incident, run.strands[one])
        ]
        if not others or -min(others)[0] <= told:
            return
        found = run.strands[min(others)[2]]
        news: UpdateKind = "continued"
        if told:
            news = "confirmed" if found.confidence == "confirmed" else "entered"
        incident = incident.model_copy(update={"teller": found.key})
        yield from self._teller.tell(incident, IncidentUpdate(news, found.last, found.state))

    def _weigh_situation(self, run: Run, strand: MemberTrack) -> Iterator[Alert]:
        """Count a confirmed violation, unless its object is one that is counted already."""
        now = run.strands.get(strand.key)
        _, home = self.ledger.closed.get(strand.key, (0, None))
        own_id = (now.incident_id if now else home) or incident_id(self._environment, strand.key)
        violation = Violation(incident_id=own_id, confirmed=strand.last.time, event=strand.last)
        run.situation, alerts = repeated_violations.add(
            run.situation, violation, self._environment, self._teller.vocabulary
        )
        yield from alerts

    def _may_go_on(self, lost: MemberTrack, found: MemberTrack) -> bool:
        """Tell whether a lost track tells of an incident that another one can go on with."""
        incident = self._teller.incident_of(lost)
        return incident is not None and incident.teller == lost.key and may_tell(incident, found)


def _may_join(strand: MemberTrack | None, other: MemberTrack | None) -> bool:
    """Tell whether two strands are not one incident yet, and one of them tells of one."""
    if strand is None or other is None or strand.key == other.key:
        return False
    known = strand.incident_id is not None or other.incident_id is not None
    return known and strand.incident_id != other.incident_id


def _opened(incident: Incident) -> tuple[int, str]:
    return (to_ms(incident.opened), str(incident.incident_id))
