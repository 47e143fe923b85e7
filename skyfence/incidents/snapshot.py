"""The ledger: all that the incident manager remembers, and its form in a checkpoint.

Plain data; ``manager`` changes it. What is packed is JSON by the contracts' own rules, so a ledger
that another version wrote is refused in words rather than misread.
"""

import heapq
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import Field, ValidationError

from skyfence.contracts.base import Contract, RunName, describe_validation_error
from skyfence.errors import InputError
from skyfence.incidents.incident import EpisodeKey, Incident, MemberTrack
from skyfence.incidents.repeated_violations import RepeatedViolations
from skyfence.incidents.watermark import DecisionQueue, Origin, PendingDecision

# Counts up when a field changes its meaning.
_FORMAT = 1
# Runs that have ended are kept for what arrives late of them, which comes soon or never.
_ENDED_KEPT = 100


@dataclass
class Run:
    """What is kept of one run: its tracks as they are now, what is to be decided, and counted."""

    tracks: dict[EpisodeKey, MemberTrack] = field(default_factory=dict)
    decisions: DecisionQueue = field(default_factory=DecisionQueue)
    situation: RepeatedViolations = field(default_factory=RepeatedViolations)


@dataclass
class IncidentState:
    """Open incidents, runs, and of what is closed the last event's number and its incident.

    ``stood_down`` are incidents that operators closed: what is seen again opens another.
    ``progress`` says of each partition of ``tracks`` up to when what reached it has been judged.
    """

    open: dict[UUID, Incident] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    closed: dict[EpisodeKey, tuple[int, UUID | None]] = field(default_factory=dict)
    stood_down: dict[UUID, None] = field(default_factory=dict)
    progress: dict[int, int] = field(default_factory=dict)

    def drop_ended(self) -> None:
        """Forget the oldest of the runs that have ended and left nothing open."""
        ended = [
            name
            for name, run in self.runs.items()
            if run.decisions.ended and not run.tracks and not run.decisions.waiting
        ]
        for name in ended[: max(0, len(ended) - _ENDED_KEPT)]:
            del self.runs[name]


class _Closed(Contract):
    key: EpisodeKey
    number: int
    incident_id: UUID | None = None  # left out where there is none, as all contracts do


class _Question(Contract):
    time_ms: int
    rank: int
    strand: MemberTrack


class _Run(Contract):
    name: RunName
    strands: tuple[MemberTrack, ...]
    clocks: dict[str, int]
    ended: bool
    waiting: tuple[_Question, ...]
    settled: tuple[MemberTrack, ...]
    situation: RepeatedViolations
    origins: dict[str, tuple[int, int]] = Field(default_factory=dict)
    overtaken: dict[str, int] = Field(default_factory=dict)


class _Ledger(Contract):
    format: int
    open: tuple[Incident, ...]
    runs: tuple[_Run, ...]
    closed: tuple[_Closed, ...]
    stood_down: tuple[UUID, ...] = ()
    progress: dict[int, int] = Field(default_factory=dict)


def take_snapshot(ledger: IncidentState) -> bytes:
    """Return a ledger as bytes."""
    return _Ledger(
        format=_FORMAT,
        open=tuple(ledger.open.values()),
        runs=tuple(_packed(name, run) for name, run in ledger.runs.items()),
        closed=tuple(
            _Closed(key=key, number=number, incident_id=own_id)
            for key, (number, own_id) in ledger.closed.items()
        ),
        stood_down=tuple(ledger.stood_down),
        progress=ledger.progress,
    ).to_json()


def restore_snapshot(data: bytes) -> IncidentState:
    """Return the ledger that was packed; raise ``InputError`` where the bytes are none."""
    try:
        found = _Ledger.model_validate_json(data)
    except ValidationError as error:
        raise InputError(
            f"not a ledger of format {_FORMAT}: {describe_validation_error(error)}"
        ) from None
    if found.format != _FORMAT:
        raise InputError(f"a ledger of format {found.format}, not {_FORMAT}")
    return IncidentState(
        {one.incident_id: one for one in found.open},
        {one.name: _unpacked(one) for one in found.runs},
        {one.key: (one.number, one.incident_id) for one in found.closed},
        dict.fromkeys(found.stood_down),
        dict(found.progress),
    )


def _packed(name: str, run: Run) -> _Run:
    waiting = tuple(
        _Question(time_ms=one.time_ms, rank=one.rank, strand=one.track)
        for one in run.decisions.waiting
    )
    return _Run(
        name=name,
        strands=tuple(run.tracks.values()),
        clocks=run.decisions.clocks_ms,
        ended=run.decisions.ended,
        waiting=waiting,
        settled=tuple(run.decisions.decided.values()),
        situation=run.situation,
        origins={
            key: (one.partition, one.published_ms) for key, one in run.decisions.origins.items()
        },
        overtaken=run.decisions.overtaken_ms,
    )


def _unpacked(run: _Run) -> Run:
    waiting = [PendingDecision.of(one.strand, one.rank, one.time_ms) for one in run.waiting]
    heapq.heapify(waiting)
    settled = {strand.key: strand for strand in run.settled}
    questions = DecisionQueue(
        dict(run.clocks),
        run.ended,
        waiting,
        settled,
        {key: Origin(*one) for key, one in run.origins.items()},
        dict(run.overtaken),
    )
    return Run({strand.key: strand for strand in run.strands}, questions, run.situation)
