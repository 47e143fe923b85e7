"""The book of incidents: track events in, alerts out.

A track's own chain follows at once and depends on that track alone. What joins tracks waits until
every healthy source of the run has come as far, is then decided in order of event time, and arrives
as an update:

    track event ──▶ the strand's incident ──▶ its chain's messages          (at once)
         └────────▶ questions, by event time ──┐
    source clock ─▶ the lowest clock ──────────┴▶ same object? lost one? situation?
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from skyfence import joining, situation
from skyfence.alert import Alert, IncidentState
from skyfence.chain import Told, compose, marks_after, recipients
from skyfence.channels import ALLIANCE, Environment
from skyfence.incident import STATES, Incident, Strand, StrandKey, incident_id, position_of
from skyfence.situation import Situation, Violation
from skyfence.times import to_ms
from skyfence.track_event import Event, SourceClock, TrackEvent
from skyfence.wording import News

# Closed stories are remembered for events that Kafka hands out again, which come soon or never.
_CLOSED_KEPT: Final = 10_000
# The last positions of a track: two minutes, enough to find another sensor's beside one of them.
_POSITIONS_KEPT: Final = 6
# A source that is this far behind the others is silent; nobody waits for it.
_SILENT_MS: Final = 5 * 60_000
# Two sensors' tracks of one object must have been joined before it counts as two violations.
_SITUATION_WAITS_MS: Final = 60_000

_AWAY: Final = ("lost", "exited")
_SAME, _RELAY, _SITUATION = "same", "relay", "situation"
_ORDER: Final = {_SAME: 0, _RELAY: 1, _SITUATION: 2}


@dataclass
class _Run:
    """What is kept of one run: the sources' clocks, the open strands, what is to be decided."""

    clocks: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    strands: dict[StrandKey, Strand] = field(default_factory=dict)
    questions: list[tuple[int, int, str, str, StrandKey]] = field(default_factory=list)
    situation: Situation = field(default_factory=Situation)
    # The events that confirmed violations, until they are weighed.
    confirmed: dict[StrandKey, TrackEvent] = field(default_factory=dict)

    def lowest_ms(self) -> float:
        """Return the event time up to which every healthy source has come."""
        if not self.clocks:
            return float("inf") if self.ended else float("-inf")
        latest_ms = max(self.clocks.values())
        return min(at for at in self.clocks.values() if at >= latest_ms - _SILENT_MS)

    def ask(self, time_ms: int, what: str, key: StrandKey) -> None:
        """Put a question, to be decided when all have come to its time."""
        name = f"{key.source}\x1f{key.track_id}\x1f{to_ms(key.opened)}"
        heapq.heappush(self.questions, (time_ms, _ORDER[what], name, what, key))


class IncidentBook:
    """The open incidents of one environment. ``names`` gives zones their names in texts."""

    def __init__(self, environment: Environment, names: Mapping[str, str]) -> None:
        self._environment = environment
        self._names = {ALLIANCE: "the alliance", **names}
        self._open: dict[UUID, Incident] = {}
        self._runs: dict[str, _Run] = {}
        self._closed: dict[StrandKey, int] = {}  # last event, so that a repeated one opens nothing

    @property
    def open(self) -> list[Incident]:
        """Return the incidents that are not closed, in order of opening."""
        return list(self._open.values())

    def take(self, event: Event) -> list[Alert]:
        """Take in an event or a source's clock; return the alerts that follow.

        An event that was taken before gives none.
        """
        run = self._runs.setdefault(event.run, _Run())
        alerts = [] if isinstance(event, SourceClock) else list(self._own(run, event))
        if isinstance(event, SourceClock):
            _set_clock(run, event)
        return alerts + list(self._decide(run))

    def _own(self, run: _Run, event: TrackEvent) -> Iterator[Alert]:
        """Tell what a track's own event means for its own chain."""
        key = StrandKey.of(event)
        before = run.strands.get(key)
        taken = before.last.number if before else self._closed.get(key, 0)
        if event.number <= taken:
            return
        strand = _strand(before, key, event)
        news: News = event.kind
        if strand.incident_id is None and strand.confidence != "fact" and _is_open(strand):
            strand = self._open_incident(strand)
            if STATES[event.kind] is None:
                news = "continued"  # another track told of it until now
        run.strands[key] = strand
        incident = self._incident_of(strand)
        if incident is not None and incident.teller == key:
            yield from self._tell(incident, Told(news, event, strand.state))
        if strand.state == "closed":
            self._drop(run, strand)
        _ask_about(run, strand)

    def _open_incident(self, strand: Strand) -> Strand:
        own_id, event = incident_id(self._environment, strand.key), strand.last
        self._open[own_id] = Incident(
            incident_id=own_id,
            state="violation",
            confidence=event.confidence,
            teller=strand.key,
            strands=(strand.key,),
            opened=event.time,
            updated=event.time,
        )
        return strand.model_copy(update={"incident_id": own_id})

    def _tell(self, incident: Incident, told: Told, *also: str) -> Iterator[Alert]:
        """Tell news to those it is for, and bring the incident up to date."""
        event = told.event
        places = dict.fromkeys([*recipients(incident, told), *also])
        alerts = [
            compose(told, incident, place, self._environment, self._names) for place in places
        ]
        been_in = {*incident.nations, *incident.nations_left, *event.nations}
        incident = incident.model_copy(
            update={
                "state": told.state,
                "confidence": event.confidence,
                "updated": event.time,
                "nations": event.nations,
                "nations_left": tuple(sorted(been_in - set(event.nations))),
                "been_in": _with_places(incident.been_in, event, told.state),
                "regions": event.regions,
                "ahead": event.ahead,
                "marks": marks_after(incident, event),
                "steps": incident.steps | {alert.place: alert.step for alert in alerts},
            }
        )
        self._open[incident.incident_id] = incident
        if told.state == "closed":
            del self._open[incident.incident_id]
        yield from alerts

    def _drop(self, run: _Run, strand: Strand) -> None:
        """Forget a story that is over, and its incident with it if this track told it."""
        del run.strands[strand.key]
        self._closed[strand.key] = strand.last.number
        if len(self._closed) > _CLOSED_KEPT:
            del self._closed[next(iter(self._closed))]
        incident = self._incident_of(strand)
        if incident is not None:
            left = tuple(key for key in incident.strands if key != strand.key)
            self._open[incident.incident_id] = incident.model_copy(update={"strands": left})
        elif strand.incident_id is not None:  # what other tracks still see opens one of its own
            for key, other in run.strands.items():
                if other.incident_id == strand.incident_id:
                    run.strands[key] = other.model_copy(update={"incident_id": None})

    def _incident_of(self, strand: Strand) -> Incident | None:
        return None if strand.incident_id is None else self._open.get(strand.incident_id)

    def _decide(self, run: _Run) -> Iterator[Alert]:
        """Answer the questions that every healthy source has come up to."""
        lowest_ms = run.lowest_ms()
        while run.questions and run.questions[0][0] <= lowest_ms:
            time_ms, _, _, what, key = heapq.heappop(run.questions)
            yield from self._let_pass(run, time_ms)
            if what == _SITUATION:
                yield from self._weigh_situation(run, key)
            elif (strand := run.strands.get(key)) is not None:
                join = (
                    self._relay(run, strand) if what == _RELAY else self._join(run, strand, time_ms)
                )
                yield from join
        if lowest_ms < float("inf") and lowest_ms > float("-inf"):
            yield from self._let_pass(run, int(lowest_ms))

    def _let_pass(self, run: _Run, now_ms: int) -> Iterator[Alert]:
        run.situation, alerts = situation.advance(
            run.situation, now_ms, self._environment, self._names
        )
        yield from alerts

    def _join(self, run: _Run, strand: Strand, time_ms: int) -> Iterator[Alert]:
        """Find another track of the same object, or a lost one that this may be.

        What began later than the question asks about puts one of its own.
        """
        known = [one for one in run.strands.values() if to_ms(one.since) <= time_ms]
        for other in sorted(known, key=_by_name):
            if _may_join(strand, other) and joining.same_object(strand, other):
                yield from self._merge(run, strand, other)
                return
        lost = [
            other
            for other in known
            if other.state == "lost"
            and _may_join(strand, other)
            and self._tells(other)
            and joining.may_be_lost_one(other, strand)
        ]
        if lost and strand.state in ("threat", "violation"):
            nearest = min(
                lost, key=lambda one: (round(joining.apart_m(one, strand)), _by_name(one))
            )
            yield from self._reacquire(run, nearest, strand)

    def _merge(self, run: _Run, one: Strand, other: Strand) -> Iterator[Alert]:
        """Make one incident of two tracks': the one that was opened first goes on."""
        mine, theirs = self._incident_of(one), self._incident_of(other)
        if mine is None and theirs is None:
            return
        if mine is None or (theirs is not None and _opened(theirs) < _opened(mine)):
            mine, theirs, one, other = theirs, mine, other, one
        assert mine is not None  # noqa: S101 - one of them was there
        yield from self._take_over(run, mine, other, theirs)
        mine = self._open[mine.incident_id]
        if theirs is not None:
            news = Told("joined", one.last, mine.state, (theirs.incident_id,))
            yield from self._tell(mine, news, *theirs.steps)

    def _reacquire(self, run: _Run, lost: Strand, found: Strand) -> Iterator[Alert]:
        """Let a track that begins go on with the story of one that was lost."""
        mine, theirs = self._incident_of(lost), self._incident_of(found)
        assert mine is not None  # noqa: S101 - it tells one
        yield from self._take_over(run, mine, found, theirs)
        mine = self._open[mine.incident_id].model_copy(update={"teller": found.key})
        joined = () if theirs is None else (theirs.incident_id,)
        event = found.last
        if event.confidence == "fact":  # joined to what has crossed, it is no mere fact
            event = event.model_copy(update={"confidence": mine.confidence})
        state: IncidentState = "threat" if found.state == "threat" else "violation"
        also = () if theirs is None else tuple(theirs.steps)
        yield from self._tell(mine, Told("reacquired", event, state, joined), *also)

    def _take_over(
        self, run: _Run, mine: Incident, strand: Strand, theirs: Incident | None
    ) -> Iterator[Alert]:
        """Make a track a strand of an incident; close the one it told, if it told any."""
        keys = (strand.key,) if theirs is None else theirs.strands
        if theirs is not None:
            told = run.strands[theirs.teller].last if theirs.teller in run.strands else strand.last
            closing = Told("merged", told, "closed", (mine.incident_id,))
            yield from self._tell(theirs, closing)
        for key in keys:
            if key in run.strands:
                moved = {"incident_id": mine.incident_id}
                run.strands[key] = run.strands[key].model_copy(update=moved)
        strands = tuple(dict.fromkeys([*mine.strands, *keys]))
        self._open[mine.incident_id] = mine.model_copy(update={"strands": strands})

    def _relay(self, run: _Run, strand: Strand) -> Iterator[Alert]:
        """Let another track of the object go on when the one that told it is lost or out."""
        incident = self._incident_of(strand)
        if incident is None or incident.teller != strand.key or strand.state not in _AWAY:
            return
        others = [run.strands[key] for key in incident.strands if key in run.strands]
        seeing = [one for one in others if one.state == "violation" and one.key != strand.key]
        if seeing:
            found = min(seeing, key=_by_name)
            incident = incident.model_copy(update={"teller": found.key})
            yield from self._tell(incident, Told("continued", found.last, "violation"))

    def _weigh_situation(self, run: _Run, key: StrandKey) -> Iterator[Alert]:
        """Count a confirmed violation, unless its object is one that is counted already."""
        strand = run.strands.get(key)
        own_id = incident_id(self._environment, key)
        if strand is not None and strand.incident_id is not None:
            own_id = strand.incident_id
        told = run.confirmed.pop(key, None)
        if told is None:
            return  # it came back in meanwhile and was weighed then
        violation = Violation(incident_id=own_id, confirmed=told.time, event=told)
        run.situation, alerts = situation.add(
            run.situation, violation, self._environment, self._names
        )
        yield from alerts

    def _tells(self, strand: Strand) -> bool:
        incident = self._incident_of(strand)
        return incident is not None and incident.teller == strand.key


def _set_clock(run: _Run, clock: SourceClock) -> None:
    if clock.last:
        run.clocks.pop(clock.key, None)
        run.ended = not run.clocks
    else:
        run.ended = False
        run.clocks[clock.key] = max(to_ms(clock.time), run.clocks.get(clock.key, 0))


def _strand(before: Strand | None, key: StrandKey, event: TrackEvent) -> Strand:
    state = STATES[event.kind] or (before.state if before else "violation")
    position = position_of(event)
    positions = (*(before.positions if before else ()), *([position] if position else []))
    return Strand(
        key=key,
        state=state,
        confidence=event.confidence,
        since=before.since if before else max(event.time, event.last_seen),
        last=event,
        positions=positions[-_POSITIONS_KEPT:],
        incident_id=before.incident_id if before else None,
    )


def _ask_about(run: _Run, strand: Strand) -> None:
    """Put the questions that an event raises, for when all have come to its time."""
    event = strand.last
    time_ms = max(to_ms(event.time), to_ms(event.last_seen))
    if strand.state in ("threat", "violation"):
        run.ask(time_ms, _SAME, strand.key)
    if event.kind in ("lost", "exited"):
        run.ask(time_ms, _RELAY, strand.key)
    if event.kind in ("entered", "confirmed") and event.confidence == "confirmed":
        run.confirmed[strand.key] = event
        run.ask(time_ms + _SITUATION_WAITS_MS, _SITUATION, strand.key)


def _with_places(before: tuple[str, ...], event: TrackEvent, state: str) -> tuple[str, ...]:
    """Return the places that the object has been in, a threat's excepted: it is in none yet."""
    here = () if state == "threat" else (*event.nations, *event.regions)
    return tuple(sorted({*before, *here}))


def _is_open(strand: Strand) -> bool:
    return strand.state in ("threat", "violation")


def _may_join(strand: Strand, other: Strand) -> bool:
    """Tell whether two strands are not one incident yet, and one of them tells of one."""
    if strand.key == other.key:
        return False
    known = strand.incident_id is not None or other.incident_id is not None
    return known and strand.incident_id != other.incident_id


def _by_name(strand: Strand) -> tuple[str, str, int]:
    return (strand.key.source, strand.key.track_id, to_ms(strand.key.opened))


def _opened(incident: Incident) -> tuple[int, str]:
    return (to_ms(incident.opened), str(incident.incident_id))
