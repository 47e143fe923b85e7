"""What waits to be decided: events in order of event time, until every healthy source is as far.

Sources' messages arrive in any order among one another, and what joins tracks must not depend on
it. So each event is known twice: at once to its own track's chain, and settled here when the
slowest healthy source has come to its time:

    event, source clock ──▶ waiting, by event time ──(lowest clock)──▶ settled, one by one

Does not decide anything (``book``).
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from skyfence.incident import Strand, StrandKey
from skyfence.times import to_ms
from skyfence.track_event import SourceClock

# A source that is this far behind the others is silent; nobody waits for it.
_SILENT_MS: Final = 5 * 60_000


@dataclass(frozen=True, order=True)
class Question:
    """What an event raises: is its track another's object (0), is it one of several violations (1).

    ``strand`` is as it stood with that event.
    """

    time_ms: int
    rank: int
    name: tuple[str, str, int]
    number: int
    strand: Strand = field(compare=False)


@dataclass
class Questions:
    """The sources' clocks of one run, what waits for them, and the strands as they are settled."""

    clocks: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    waiting: list[Question] = field(default_factory=list)
    settled: dict[StrandKey, Strand] = field(default_factory=dict)

    def set_clock(self, clock: SourceClock) -> None:
        """Note how far a source has come, or that it has ended."""
        if clock.last:
            self.clocks.pop(clock.key, None)
            self.ended = not self.clocks
        else:
            self.ended = False
            self.clocks[clock.key] = max(to_ms(clock.time), self.clocks.get(clock.key, 0))

    def lowest_ms(self) -> float:
        """Return the event time up to which every healthy source has come."""
        if not self.clocks:
            return float("inf") if self.ended else float("-inf")
        latest_ms = max(self.clocks.values())
        return min(at for at in self.clocks.values() if at >= latest_ms - _SILENT_MS)

    def ask(self, strand: Strand, rank: int = 0, later_ms: int = 0) -> None:
        """Put a question about a strand's last event, for so long after it could be known."""
        time_ms = max(to_ms(strand.last.time), to_ms(strand.last.last_seen)) + later_ms
        question = Question(time_ms, rank, strand.key.order, strand.last.number, strand)
        heapq.heappush(self.waiting, question)

    def due(self) -> Iterator[Question]:
        """Yield the questions that every healthy source has come up to, each once settled."""
        while self.waiting and self.waiting[0].time_ms <= self.lowest_ms():
            question = heapq.heappop(self.waiting)
            key, strand = question.strand.key, question.strand
            if question.rank == 0 and strand.state != "closed":
                self.settled[key] = strand
            elif question.rank == 0:
                self.settled.pop(key, None)
            yield question
