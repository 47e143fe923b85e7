"""Mistimed frames: whether most of a source's frames fit the time at which they come.

    frame: ahead of its arrival     --> refused        }
           most of its reports late --> not judged     } of most frames in ten seconds
           long behind its arrival  --> judged, expired }      --> SourceMistimed

A source whose clock is wrong must not be taken for one that is seen: what it reports is left out,
or comes too late for anybody. One frame says little; a source that sends what it has stored up is
behind for a while. Times arrive as data. Raises no alarm (``monitoring``).
"""

from dataclasses import dataclass
from typing import Final

from skyfence.contracts.track_event import SourceMistimed
from skyfence.frames.codec import AheadOfArrivalError
from skyfence.frames.frame import LIVE_RUN, Frame
from skyfence.times import from_ms
from skyfence.tracks.frame_result import FrameResult

# The least time over which a source's frames are counted: a few scans of most radars.
_COUNTED_MS: Final = 10_000
# What a live source's frames may be behind: a warning that comes later than this helps nobody.
_MOST_BEHIND_MS: Final = 120_000
# Sources that are counted at a time; senders can invent any number of names.
_MOST_SOURCES: Final = 1_000


@dataclass
class _Count:
    """The frames of one source since ``since_ms``, and those that did not fit."""

    since_ms: int
    frames: int = 0
    mistimed: int = 0
    off_ms: int = 0  # of the last that did not fit


class MistimedFrames:
    """Counts the frames of the sources of a worker. All times are in ms since 1970."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def refused(self, error: AheadOfArrivalError, arrived_ms: int) -> SourceMistimed | None:
        """Count a frame that was refused; return what follows, if anything does."""
        return self._count(error.run, error.key, arrived_ms, error.ahead_ms)

    def judged(self, frame: Frame, result: FrameResult, arrived_ms: int) -> SourceMistimed | None:
        """Count a frame that was judged; return what follows, if anything does."""
        off_ms = frame.scan_time_ms - arrived_ms
        is_late = 2 * result.late > result.reports
        is_heartbeat_late = not result.reports and result.behind_ms > _MOST_BEHIND_MS
        is_behind = frame.run == LIVE_RUN and -off_ms > _MOST_BEHIND_MS
        fits = not (is_late or is_heartbeat_late or is_behind)
        return self._count(frame.run, frame.key, arrived_ms, None if fits else off_ms)

    def _count(
        self, run: str, key: str, arrived_ms: int, off_ms: int | None
    ) -> SourceMistimed | None:
        count = self._counts.get((run, key)) or self._begin_anew(run, key, arrived_ms)
        count.frames += 1
        if off_ms is not None:
            count.mistimed += 1
            count.off_ms = off_ms
        if 0 <= arrived_ms - count.since_ms < _COUNTED_MS:
            return None
        self._begin_anew(run, key, arrived_ms)
        if 2 * count.mistimed <= count.frames:
            return None
        return SourceMistimed(run=run, key=key, time=from_ms(arrived_ms), off_ms=count.off_ms)

    def _begin_anew(self, run: str, key: str, arrived_ms: int) -> _Count:
        """Count a source anew; forget the one that was begun anew longest ago if there are many."""
        self._counts.pop((run, key), None)
        count = self._counts[run, key] = _Count(arrived_ms)
        if len(self._counts) > _MOST_SOURCES:
            del self._counts[next(iter(self._counts))]
        return count
