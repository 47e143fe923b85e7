"""The incident agent's state, and its form in a checkpoint.

Plain data; ``manager`` changes it. Its classes are written as they stand (``skyfence.snapshots``).
"""

import heapq
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from skyfence.frames.frame import LIVE_RUN
from skyfence.incidents.assignment import JoinedPair
from skyfence.incidents.flight_sightings import Flight
from skyfence.incidents.incident import EpisodeKey, Incident, MemberTrack
from skyfence.incidents.repeated_violations import RepeatedViolations
from skyfence.incidents.watermark import DecisionQueue
from skyfence.places.places import RunPlaces
from skyfence.snapshots import codec
from skyfence.snapshots.incident_formats import from_1_to_2, from_2_to_3, read_format_1

FORM: Final = codec.SnapshotForm("incident agent", {1: from_1_to_2, 2: from_2_to_3}, read_format_1)

# So many closed tracks and incidents are remembered, for events that Kafka hands out again: those
# come soon or never.
CLOSED_KEPT: Final = 10_000
# So many replays may wait for a partition that is behind; of one that nobody judges all would wait.
_ENDED_KEPT: Final = 10


@dataclass
class Run:
    """What is kept of one run: its tracks as they are now, what is to be decided, and counted.

    ``pairs`` are the latest tracks that were joined: they say how far sources are off one another.
    ``apart`` are tracks of which an operator said that they are two objects. ``flights`` are those
    near the border that are identified, by source/track.
    """

    tracks: dict[EpisodeKey, MemberTrack] = field(default_factory=dict)
    decisions: DecisionQueue = field(default_factory=DecisionQueue)
    situation: RepeatedViolations = field(default_factory=RepeatedViolations)
    places: RunPlaces = field(default_factory=RunPlaces)
    # The last step of each visit to a zone of a kind of one's own.
    visits: dict[UUID, int] = field(default_factory=dict)
    pairs: list[JoinedPair] = field(default_factory=list)
    apart: list[tuple[EpisodeKey, EpisodeKey]] = field(default_factory=list)
    flights: dict[str, Flight] = field(default_factory=dict)


@dataclass
class IncidentState:
    """Open incidents, runs, and of what is closed the last event's number and its incident.

    ``stood_down`` are incidents that were closed though their tracks may go on (by operators, as
    another one's object, or all that there were when the state was lost), each with its run: what
    is seen again opens another.
    ``progress`` says of each partition of ``tracks`` up to when what reached it has been judged.
    """

    open: dict[UUID, Incident] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    closed: dict[EpisodeKey, tuple[int, UUID | None]] = field(default_factory=dict)
    stood_down: dict[UUID, str | None] = field(default_factory=dict)
    progress: dict[int, int] = field(default_factory=dict)

    def drop_ended(self, name: str) -> None:
        """Forget all runs that are over but the last, whose name is given, and what is of them.

        Of the last one, messages may come late. What a replay left lost is nobody's to find: its
        alerts hold until they expire. Nothing is forgotten while the run goes on, and no run of
        which a source may wait to be judged, unless there are too many of these.
        """
        if not self.runs[name].decisions.ended:
            return
        ended = [
            other
            for other, run in self.runs.items()
            if run.decisions.ended and other not in (name, LIVE_RUN)
        ]
        over = {other for other in ended if self.runs[other].decisions.is_over(self.progress)}
        over |= set(ended[:-_ENDED_KEPT])
        if not over:
            return
        self.runs = {name: run for name, run in self.runs.items() if name not in over}
        self.open = {
            key: incident
            for key, incident in self.open.items()
            if incident.lead_key.run not in over
        }
        self.closed = {key: value for key, value in self.closed.items() if key.run not in over}
        self.stood_down = {key: run for key, run in self.stood_down.items() if run not in over}


def remember_closed(state: IncidentState, incident_id: UUID, run: str | None) -> None:
    """Remember that an incident was closed though its tracks may go on."""
    state.stood_down[incident_id] = run
    if len(state.stood_down) > CLOSED_KEPT:
        del state.stood_down[next(iter(state.stood_down))]


def take_snapshot(state: IncidentState) -> bytes:
    """Return all that an incident manager remembers."""
    return codec.encode(FORM, state)


def restore_snapshot(data: bytes) -> IncidentState:
    """Return the state that a snapshot holds.

    Raises ``InputError`` where the bytes are no snapshot, or one of a format that is not read.
    """
    state = codec.decode(FORM, data, IncidentState)
    for run in state.runs.values():
        heapq.heapify(run.decisions.waiting)
    return state
