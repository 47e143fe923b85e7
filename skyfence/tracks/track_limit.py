"""The limit of a source's tracks: invented numbers must not fill a worker's memory.

    a number that no track has ──▶ room? ──▶ a track begins
                                    └ no ──▶ forget what was lost long ago ──▶ room?
                                                         └ no ──▶ left out, counted, told once

Who is followed stays, and so does what anybody was told of: only what is lost, amid nothing, is
forgotten before its time (``remembered_ms``), the longest unseen first.
"""

from heapq import nsmallest
from typing import Final

from skyfence.contracts.rejected import Reason
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks.coarse_filter import CoarseFilter
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.source_tracks import SourceTracks

# Looking at all tracks takes a tenth of a second for 100,000; once a second of event time, and as
# much is forgotten at once as that leaves room for.
_LOOK_EVERY_MS: Final = SECOND_MS
_FORGOTTEN_SHARE: Final = 0.1
# When so much is free again, a source that comes to its limit once more is told of anew.
_FREE_SHARE: Final = 0.2


class TrackLimit:
    """Keeps one source to at most so many tracks, numbers that may become one included."""

    def __init__(self, most: int, source: SourceTracks, coarse_filter: CoarseFilter) -> None:
        self._most = most
        self._source = source
        self._filter = coarse_filter
        self._looked_ms = -1
        self._told = False

    def admits(self, result: FrameResult) -> bool:
        """Tell whether another track may begin; else count the report, and tell of the limit."""
        if self._count() < self._most:
            self._told = self._told and self._count() > (1 - _FREE_SHARE) * self._most
            return True
        if self._source.watermark_ms - self._looked_ms >= _LOOK_EVERY_MS:
            self._looked_ms = self._source.watermark_ms
            self._forget_lost()
            if self._count() < self._most:
                return True
        result.left_out["beyond its source's tracks"] += 1
        if not self._told:
            self._told = True
            text = (
                f"{self._source.key} has {self._most} tracks, the most that its source may have: "
                "others are not judged until some of these are gone"
            )
            result.refused.append(Reason("limit", text))
        return False

    def _count(self) -> int:
        return len(self._source.tracks) + len(self._source.births)

    def _forget_lost(self) -> None:
        source = self._source
        lost = (
            track
            for track in source.tracks.values()
            if not track.live and track.violation is None and not track.visits
        )
        most = max(1, round(_FORGOTTEN_SHARE * self._most))
        for track in nsmallest(most, lost, key=lambda track: track.observation.time_ms):
            if not source.births.wants(track.number):
                source.take_away(track)
                self._filter.drop(track.number)
