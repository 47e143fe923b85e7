"""What waits to be decided: events in order of event time, until every healthy source is as far.

Sources' messages arrive in any order among one another, and what joins tracks must not depend on
it. So each event is known twice: at once to its own track's chain, and settled here when the
slowest healthy source has come to its time:

    event, source clock ──▶ waiting, by event time ──(lowest clock)──▶ settled, one by one

Does not decide anything (``book``).
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from skyfence.contracts.track_event import SourceWatermark
from skyfence.incidents.incident import EpisodeKey, MemberTrack
from skyfence.times import to_ms

# A source that is this far behind another is silent, unless its reports only wait to be judged.
_SILENT_MS: Final = 5 * 60_000
_NONE: Final[Mapping[int, int]] = {}


@dataclass(frozen=True, order=True)
class PendingDecision:
    """What an event raises: is its track another's object (0), is it one of several violations (1).

    ``strand`` is as it stood with that event.
    """

    time_ms: int
    rank: int
    name: tuple[str, str, int]
    number: int
    strand: MemberTrack = field(compare=False)


@dataclass(frozen=True)
class Origin:
    """Where an event comes from: a partition of ``tracks``, and when its frame reached Kafka."""

    partition: int
    published_ms: int


# Up to when all that reached each partition has been judged, by its number; wall clock.
SourceProgress = Mapping[int, int]


@dataclass
class DecisionQueue:
    """The sources' clocks of one run, what waits for them, and the strands as they are settled.

    ``origins`` says where each source's last clock comes from, and ``overtaken`` of each source
    that is far behind another when that one's frame reached Kafka.
    """

    clocks: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    waiting: list[PendingDecision] = field(default_factory=list)
    settled: dict[EpisodeKey, MemberTrack] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    overtaken: dict[str, int] = field(default_factory=dict)

    def set_clock(self, clock: SourceWatermark, origin: Origin | None = None) -> None:
        """Note how far a source has come, or that it has ended."""
        self.overtaken.pop(clock.key, None)
        if clock.last:
            self.clocks.pop(clock.key, None)
            self.origins.pop(clock.key, None)
            self.ended = not self.clocks
            return
        self.ended = False
        self.clocks[clock.key] = max(to_ms(clock.time), self.clocks.get(clock.key, 0))
        if origin is not None:
            self.origins[clock.key] = origin
            self._note_overtaken(clock.key, origin)

    def _note_overtaken(self, key: str, origin: Origin) -> None:
        """Note whom a source has left far behind, or who has left it."""
        for other in self._far_behind():
            if other != key:
                self.overtaken.setdefault(other, origin.published_ms)
            else:
                ahead_ms = self.clocks[key] + _SILENT_MS
                ahead = [one for one, at in self.clocks.items() if at > ahead_ms]
                known = [self.origins[one].published_ms for one in ahead if one in self.origins]
                self.overtaken[key] = max(known, default=0)

    def lowest_ms(self, progress: SourceProgress = _NONE) -> float:
        """Return the event time up to which every healthy source has come.

        One that is far behind is silent if nothing of it waits: its partition has been judged past
        the moment at which another one overtook it. Where no partition is known, at once.
        """
        if not self.clocks:
            return float("inf") if self.ended else float("-inf")
        silent = {key for key in self._far_behind() if self._has_nothing_left(key, progress)}
        return min(at for key, at in self.clocks.items() if key not in silent)

    def _far_behind(self) -> list[str]:
        latest_ms = max(self.clocks.values())
        return [key for key, at in self.clocks.items() if at < latest_ms - _SILENT_MS]

    def _has_nothing_left(self, key: str, progress: SourceProgress) -> bool:
        origin, overtaken_ms = self.origins.get(key), self.overtaken.get(key)
        if origin is None or overtaken_ms is None:
            return origin is None
        return progress.get(origin.partition, 0) >= overtaken_ms

    def ask(self, strand: MemberTrack, rank: int = 0, later_ms: int = 0) -> None:
        """Put a question about a strand's last event, for so long after it could be known."""
        time_ms = max(to_ms(strand.last.time), to_ms(strand.last.last_seen)) + later_ms
        question = PendingDecision(time_ms, rank, strand.key.order, strand.last.number, strand)
        heapq.heappush(self.waiting, question)

    def due(self, progress: SourceProgress = _NONE) -> Iterator[PendingDecision]:
        """Yield the questions that every healthy source has come up to, each once settled."""
        while self.waiting and self.waiting[0].time_ms <= self.lowest_ms(progress):
            question = heapq.heappop(self.waiting)
            key, strand = question.strand.key, question.strand
            if question.rank == 0 and strand.state != "closed":
                self.settled[key] = strand
            elif question.rank == 0:
                self.settled.pop(key, None)
            yield question
