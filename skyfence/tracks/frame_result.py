"""What came of one frame: crossings for the audit, track events for people, counts of its reports.

A collector: ``updater`` and ``tracker`` add to it in the order in which things happen. It holds
no part of the ``context``, and no judgement depends on it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from skyfence.contracts.crossing import Crossing
from skyfence.contracts.rejected import Reason
from skyfence.contracts.track_event import FlightSighting, FlightsSighted, TrackFact
from skyfence.tracks.crossing_details import PendingCrossing

# A flight takes about 250 bytes of a message, which may have 1 MB.
_MOST_FLIGHTS: Final = 1_000


@dataclass
class FrameResult:
    """What happened, in order; the crossings' details are filled in at the frame's end."""

    pending_crossings: list[PendingCrossing] = field(default_factory=list)
    reports: int = 0
    judged: int = 0  # of the reports, those that the coarse filter did not skip
    late: int = 0
    behind_ms: int = 0  # how far the frame's scan is behind its source's watermark
    # Reports that say nothing of where an object was when, by what is wrong with them.
    left_out: Counter[str] = field(default_factory=Counter)
    # Why reports beyond a limit of their source are left out, once for many.
    refused: list[Reason] = field(default_factory=list)
    _events: list[TrackFact] = field(default_factory=list)
    # Flights since the last event, and whose they are: run and source.
    _flights: list[FlightSighting] = field(default_factory=list)
    _flights_of: tuple[str, str] = ("", "")

    @property
    def events(self) -> list[TrackFact]:
        """Return the facts so far; flights that were sighted one after the other share an event."""
        self._put_flights()
        return [*self._events]

    @property
    def crossings(self) -> list[Crossing]:
        """Return the crossings as they are published, made anew each time."""
        return [crossing.published() for crossing in self.pending_crossings]

    def add_event(self, event: TrackFact | None) -> None:
        """Take in a fact, if there was one."""
        if event is not None:
            self._put_flights()
            self._events.append(event)

    def add_events(self, events: Iterable[TrackFact]) -> None:
        """Take in facts, in order."""
        for event in events:
            self.add_event(event)

    def add_flights(self, run: str, source: str, flights: Sequence[FlightSighting]) -> None:
        """Take in where identified flights of the frame's source are."""
        self._flights += flights
        self._flights_of = (run, source)

    def _put_flights(self) -> None:
        (run, source), flights, self._flights = self._flights_of, self._flights, []
        for first in range(0, len(flights), _MOST_FLIGHTS):
            part = tuple(flights[first : first + _MOST_FLIGHTS])
            latest = max(flight.time for flight in part)
            self._events.append(FlightsSighted(run=run, source=source, time=latest, flights=part))
