"""Pending decisions: they wait, in order of event time, for the watermark of all healthy sources.

Sources' messages arrive in any order among one another, and what joins tracks must not depend on
it. So each event is used twice: at once for its own track's messages, and here when the slowest
healthy source has come to its time:

    event, source clock ──▶ waiting, by event time ──(watermark)──▶ due, each once

The watermark is the least event time of the sources, as in Beam or Flink; a source that is idle,
far behind with nothing left to judge, does not hold it back. Does not decide anything (``manager``)
and reads no clock.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import source_of
from skyfence.incidents.incident import EpisodeKey, MemberTrack
from skyfence.times import LATEST_MS, to_ms

# Ranks of decisions, and their order at the same instant: is a track another one's object; does it
# count among repeated violations. They stand in checkpoints.
ASSOCIATION: Final = 0
VIOLATION_COUNT: Final = 1
# A source that is this far behind another is idle, unless its reports only wait to be judged.
_IDLE_BEHIND_MS: Final = 5 * 60_000
# The sources of a replay that begins are first heard within this time, one after the other.
_BEGINNING_MS: Final = 10_000
# A replay's sources end together, their last frames so little apart.
_ENDING_MS: Final = 1_000
# A partition in which nothing waits is said to be judged every four seconds (streams).
_PARTITION_BEHIND_MS: Final = 15_000
_NO_PROGRESS: Final[Mapping[int, int]] = {}


@dataclass(frozen=True, order=True)
class PendingDecision:
    """A decision that an event raises; they are ordered by the fields as they stand here.

    ``time_ms`` is the event time, in ms since 1970, from which it may be made; ``track_order`` and
    ``event_number`` are the track's and its event's; ``track`` is as it stood with that event.
    """

    time_ms: int
    rank: int
    track_order: tuple[str, str, int]
    event_number: int
    track: MemberTrack = field(compare=False)

    @classmethod
    def of(cls, track: MemberTrack, rank: int, time_ms: int) -> "PendingDecision":
        """Return the decision that a track's last event raises."""
        return cls(time_ms, rank, track.key.order, track.last.number, track)


@dataclass(frozen=True)
class Origin:
    """Where an event comes from: a partition of ``tracks``, and its frame's Kafka timestamp."""

    partition: int
    published_ms: int


# For each partition of ``tracks``, by its number: the wall clock, in ms since 1970, up to which all
# that reached it has been judged.
SourceProgress = Mapping[int, int]


@dataclass
class DecisionQueue:
    """The decisions of one run that wait, and the sources' event times that they wait for.

    ``clocks_ms`` holds each source's event time, by its key (the source or source/shard); ``ended``
    says that there were sources and all have ended, ``ended_ms`` when the last frame of any reached
    Kafka, ``begun_ms`` when the first one did (0: not known). ``decided`` holds the tracks that are
    not closed, each as it stood with its last event that the watermark has passed. ``origins`` says
    where each source's last clock came from. ``overtaken_ms`` holds, of each source that is far
    behind another, when the other's frame that overtook it reached Kafka. All times are in ms since
    1970; ``begun_ms``, ``ended_ms`` and those of ``overtaken_ms`` are the wall clock's, the others
    event time.
    """

    clocks_ms: dict[str, int] = field(default_factory=dict)
    ended: bool = False
    waiting: list[PendingDecision] = field(default_factory=list)
    decided: dict[EpisodeKey, MemberTrack] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    overtaken_ms: dict[str, int] = field(default_factory=dict)
    ended_ms: int = 0
    begun_ms: int = 0

    def advance(self, clock: SourceWatermark, origin: Origin | None = None) -> None:
        """Note how far a source has come in event time, or that it has ended.

        A clock that is behind the source's last one moves nothing back.
        """
        self.overtaken_ms.pop(clock.key, None)
        if origin is not None and not self.begun_ms:
            self.begun_ms = origin.published_ms
        if clock.last:
            self.clocks_ms.pop(clock.key, None)
            self.origins.pop(clock.key, None)
            self.ended = not self.clocks_ms
            self.ended_ms = max(self.ended_ms, 0 if origin is None else origin.published_ms)
            return
        self.ended = False
        self.clocks_ms[clock.key] = max(to_ms(clock.time), self.clocks_ms.get(clock.key, 0))
        if origin is not None:
            self.origins[clock.key] = origin
            self._note_overtaken(clock.key, origin)

    def _note_overtaken(self, key: str, origin: Origin) -> None:
        """Note which sources a clock has left far behind, or that its own is far behind others."""
        for far_behind in self._far_behind():
            if far_behind != key:
                self.overtaken_ms.setdefault(far_behind, origin.published_ms)
            else:
                ahead_ms = self.clocks_ms[key] + _IDLE_BEHIND_MS
                ahead = [other for other, at_ms in self.clocks_ms.items() if at_ms > ahead_ms]
                published_ms = [
                    self.origins[other].published_ms for other in ahead if other in self.origins
                ]
                self.overtaken_ms[key] = max(published_ms, default=0)

    def is_over(self, progress: SourceProgress) -> bool:
        """Tell whether all sources have ended, and none that began before that waits unheard.

        A partition that is minutes behind may hold all frames of another source.
        """
        return self.ended and min(progress.values(), default=self.ended_ms) >= self.ended_ms

    def is_undecided(self, progress: SourceProgress) -> bool:
        """Tell whether all sources have ended, and decisions still wait for a partition."""
        return self.ended and self.watermark_ms(progress) < LATEST_MS

    def has_come_to(self, source: str, time_ms: int) -> bool:
        """Tell whether all shards of a source have come to an event time, ms since 1970."""
        clocks_ms = [at_ms for key, at_ms in self.clocks_ms.items() if source_of(key) == source]
        return min(clocks_ms, default=-1) >= time_ms

    def watermark_ms(self, progress: SourceProgress = _NO_PROGRESS) -> float:
        """Return the event time up to which every healthy source has come, in ms since 1970.

        A source that is far behind is idle once its partition has been judged past the moment at
        which another one overtook it; where its partition is not known, at once. Minus infinity
        before any source was heard, and while a partition that is behind may hold sources of the
        run's beginning; infinity when all have ended.
        """
        if self._begins_unheard(progress):
            return float("-inf")
        if not self.clocks_ms:
            return float("inf") if self.ended else float("-inf")
        idle = {key for key in self._far_behind() if self._has_nothing_left(key, progress)}
        return min(at_ms for key, at_ms in self.clocks_ms.items() if key not in idle)

    def _begins_unheard(self, progress: SourceProgress) -> bool:
        """Tell whether a partition is behind that was not judged past the run's beginning.

        It may hold sources that nobody knows of yet, and so does not wait for. Where the run itself
        was heard from a partition, what comes there later is of later event time.
        """
        behind_ms = max(progress.values(), default=0) - _PARTITION_BEHIND_MS
        unheard_ms = min(behind_ms, self._all_begun_ms)
        heard = {origin.partition for origin in self.origins.values()}
        return any(at_ms < unheard_ms for number, at_ms in progress.items() if number not in heard)

    @property
    def _all_begun_ms(self) -> int:
        """Return when all sources of the run had reached Kafka first, wall clock; 0: not known.

        None begins after the run has ended, so that a partition that was judged until then holds
        none, though nothing came to it since.
        """
        if not self.begun_ms:
            return 0
        begun_ms = self.begun_ms + _BEGINNING_MS
        if self.ended and self.ended_ms:
            begun_ms = min(begun_ms, max(self.begun_ms, self.ended_ms - _ENDING_MS))
        return begun_ms

    def _far_behind(self) -> list[str]:
        """Return the sources that are far behind the first. Precondition: there is a source."""
        latest_ms = max(self.clocks_ms.values())
        bound_ms = latest_ms - _IDLE_BEHIND_MS
        return [key for key, at_ms in self.clocks_ms.items() if at_ms < bound_ms]

    def _has_nothing_left(self, key: str, progress: SourceProgress) -> bool:
        origin, overtaken_ms = self.origins.get(key), self.overtaken_ms.get(key)
        if origin is None or overtaken_ms is None:
            return origin is None
        return progress.get(origin.partition, 0) >= overtaken_ms

    def add(self, track: MemberTrack, rank: int = ASSOCIATION, delay_ms: int = 0) -> None:
        """Add the decision that a track's last event raises, due ``delay_ms`` of event time later.

        The event's time is the later of when its fact stood and the report that made it known.
        """
        time_ms = max(to_ms(track.last.time), to_ms(track.last.last_seen)) + delay_ms
        heapq.heappush(self.waiting, PendingDecision.of(track, rank, time_ms))

    def pop_due(self, progress: SourceProgress = _NO_PROGRESS) -> Iterator[PendingDecision]:
        """Yield the decisions that the watermark has come up to, in order; each is removed.

        ``decided`` holds a decision's track before it is yielded, or no longer if it is closed.
        """
        while self.waiting and self.waiting[0].time_ms <= self.watermark_ms(progress):
            decision = heapq.heappop(self.waiting)
            track = decision.track
            if decision.rank == ASSOCIATION and track.state != "closed":
                self.decided[track.key] = track
            elif decision.rank == ASSOCIATION:
                self.decided.pop(track.key, None)
            yield decision
