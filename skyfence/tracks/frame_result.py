"""What came of one frame: crossings for the audit, track events for people, counts of its reports.

A collector: ``updater`` and ``tracker`` add to it in the order in which things happen. It holds
no part of the ``context``, and no judgement depends on it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from skyfence.contracts.crossing import Crossing
from skyfence.contracts.track_event import FlightSighting, FlightsSighted, TrackEvent, TrackFact
from skyfence.tracks.crossing_details import PendingCrossing

# A flight takes about 250 bytes of a message, which may have 1 MB.
_MOST_FLIGHTS: Final = 1_000


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

    def add_event(self, event: TrackEvent | None) -> None:
        """Take in a step of a violation episode, if there was one."""
        if event is not None:
            self.events.append(event)

    def add_flights(self, run: str, source: str, flights: Sequence[FlightSighting]) -> None:
        """Take in where identified flights are: with those just before them, in one event."""
        last = self.events[-1] if self.events else None
        if isinstance(last, FlightsSighted):
            self.events.pop()
            flights = [*last.flights, *flights]
        for first in range(0, len(flights), _MOST_FLIGHTS):
            part = tuple(flights[first : first + _MOST_FLIGHTS])
            latest = max(flight.time for flight in part)
            self.events.append(FlightsSighted(run=run, source=source, time=latest, flights=part))
