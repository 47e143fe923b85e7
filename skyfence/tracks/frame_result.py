"""What came of one frame: crossings for the audit, track events for people, counts of its reports.

A collector: ``updater`` and ``tracker`` add to it in the order in which things happen. It holds
no part of the ``context``, and no judgement depends on it.
"""

from collections import Counter
from dataclasses import dataclass, field

from skyfence.contracts.crossing import Crossing
from skyfence.contracts.track_event import FlightSighted, TrackEvent, TrackFact
from skyfence.tracks.crossing_details import PendingCrossing


@dataclass
class FrameResult:
    """What happened, in order; the crossings' details are filled in at the frame's end."""

    events: list[TrackFact] = field(default_factory=list)
    pending_crossings: list[PendingCrossing] = field(default_factory=list)
    reports: int = 0
    judged: int = 0  # of the reports, those that the coarse filter did not skip
    late: int = 0
    # Reports that say nothing of where an object was when, by what is wrong with them.
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def crossings(self) -> list[Crossing]:
        """Return the crossings as they are published, made anew each time."""
        return [crossing.published() for crossing in self.pending_crossings]

    def add_event(self, event: TrackEvent | FlightSighted | None) -> None:
        """Take in a step of a violation episode, or where a flight is, if there was one."""
        if event is not None:
            self.events.append(event)
