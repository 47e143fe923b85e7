"""What is remembered of one source in one run: its tracks, their timers, reports that wait.

    report that may not be the earliest --> waiting (heap by time) --> released in order
    track with a deadline               --> timers (heap by time)  --> due

A heap's entry is never taken out of the middle: one that is out of date is dropped, or put right,
when it comes up. Does not judge (``updater``) nor move the watermark (``tracker``).
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from skyfence.frames.frame import Frame
from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.observation import Observation
from skyfence.tracks.track_state import TrackState


@dataclass
class SourceTracks:
    """What is remembered of one source (or shard of it, as ``key`` says) in one run."""

    run: str
    key: str
    watermark_ms: int = -1
    announced_watermark_ms: int = -1  # the last that was published
    tracks: dict[str, TrackState] = field(default_factory=dict)
    timers: list[tuple[int, str]] = field(default_factory=list)  # a heap of (due, track)
    # Reports of a source that may be late: a heap of (time, track, arrival, report).
    waiting: list[tuple[int, str, int, Observation]] = field(default_factory=list)
    arrivals: int = 0

    def hold_back(self, frame: Frame, row: int) -> None:
        """Keep a report until none that is earlier can come: its source may be late."""
        self.arrivals += 1
        observation = Observation.of(frame, row)
        heapq.heappush(
            self.waiting, (observation.time_ms, frame.track_ids[row], self.arrivals, observation)
        )

    def released_until(self, until_ms: int) -> Iterator[tuple[str, Observation]]:
        """Take out the reports up to a time, by time, track and arrival; yield (track, report)."""
        while self.waiting and self.waiting[0][0] <= until_ms:
            _, name, _, observation = heapq.heappop(self.waiting)
            yield name, observation

    def schedule(self, track: TrackState, parameters: DetectionParameters) -> None:
        """Enter a track among the timers, unless it stands there for then or earlier.

        A deadline nearly always moves later, with every report: the old entry is left, and put
        right when it comes up.
        """
        deadline_ms = track.deadline_ms(parameters)
        if track.due_ms is None or deadline_ms < track.due_ms:
            track.due_ms = deadline_ms
            heapq.heappush(self.timers, (deadline_ms, track.track_id))

    def pop_due(self, until_ms: int) -> tuple[int, TrackState] | None:
        """Take out the first timer entry up to a time; return (due, track), or None.

        The track's real deadline may be later than its entry: the caller compares, and schedules
        the track again.
        """
        while self.timers and self.timers[0][0] <= until_ms:
            due_ms, track_id = heapq.heappop(self.timers)
            track = self.tracks.get(track_id)
            if track is not None and track.due_ms == due_ms:
                track.due_ms = None
                return due_ms, track
        return None
