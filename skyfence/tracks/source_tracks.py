"""What is remembered of one source in one run: its tracks, their timers, reports that wait.

A track has a name for good, the number under which it began (``track_id``), and the number under
which its source shows it now.

    report that may not be the earliest --> waiting (heap by time) --> released in order
    track with a deadline               --> timers (heap by time)  --> due

A heap's entry is never taken out of the middle: one that is out of date is dropped, or put right,
when it comes up. Does not judge (``updater``) nor move the watermark (``tracker``).
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from skyfence.frames.frame import Frame
from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.observation import Observation
from skyfence.tracks.pending_births import PendingBirths
from skyfence.tracks.track_state import TrackState

# A name has at most 128 characters (``TrackName``); this leaves room for a suffix.
_LONGEST_NUMBER: Final = 120


@dataclass
class SourceTracks:
    """What is remembered of one source (or shard of it, as ``key`` says) in one run."""

    run: str
    key: str
    watermark_ms: int = -1
    announced_watermark_ms: int = -1  # the last that was published
    # By the number under which the source shows each now.
    tracks: dict[str, TrackState] = field(default_factory=dict)
    timers: list[tuple[int, str]] = field(default_factory=list)  # a heap of (due, number)
    # Reports of a source that may be late: a heap of (time, track, arrival, report).
    waiting: list[tuple[int, str, int, Observation]] = field(default_factory=list)
    arrivals: int = 0
    births: PendingBirths = field(default_factory=PendingBirths)
    ahead: Observation | None = None  # held until the next row tells whether its time is wrong
    # Numbers that were given up for others a short time ago: last report, and the track's name.
    retired: dict[str, tuple[int, str]] = field(default_factory=dict)
    # Present numbers of tracks that began under another, by that (``TrackState.track_id``).
    renamed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, track in self.tracks.items():
            if track.shown_as is not None:
                self.renamed[track.track_id] = number

    def show_as(self, track: TrackState, number: str) -> None:
        """Take in a track under a number, new or not. Precondition: it stands under no other."""
        track.shown_as = None if number == track.track_id else number
        track.due_ms = None
        self.tracks[number] = track
        self.retired.pop(number, None)
        if track.shown_as is not None:
            self.renamed[track.track_id] = number

    def take_away(self, track: TrackState) -> None:
        """Forget a track, with its number."""
        del self.tracks[track.number]
        self.renamed.pop(track.track_id, None)

    def retire(self, number: str, track: TrackState, forget_before_ms: int) -> None:
        """Remember that a track gave up a number, and forget those of long ago."""
        for old in [
            old for old, (last_ms, _) in self.retired.items() if last_ms < forget_before_ms
        ]:
            del self.retired[old]
        self.retired[number] = (track.observation.time_ms, track.track_id)

    def track_of(self, track_id: str) -> TrackState | None:
        """Return the track that has this name, under whichever number it is shown."""
        track = self.tracks.get(self.renamed.get(track_id, track_id))
        return track if track is not None and track.track_id == track_id else None

    def free_name(self, number: str) -> str:
        """Return a name for a track that begins: its number, or with a suffix if that is a name."""
        name, count = number, 1
        while self.track_of(name) is not None:
            count += 1
            name = f"{number[:_LONGEST_NUMBER]}~{count}"
        return name

    def spare_number(self, number: str) -> str:
        """Return a number that no track is shown under, for one whose own was given again."""
        count = 1
        while (spare := f"{number[:_LONGEST_NUMBER]}~lost{count}") in self.tracks:
            count += 1
        return spare

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
            heapq.heappush(self.timers, (deadline_ms, track.number))

    def pop_due(self, until_ms: int) -> tuple[int, TrackState] | None:
        """Take out the first timer entry up to a time; return (due, track), or None.

        The track's real deadline may be later than its entry: the caller compares, and schedules
        the track again.
        """
        while self.timers and self.timers[0][0] <= until_ms:
            due_ms, number = heapq.heappop(self.timers)
            track = self.tracks.get(number)
            if track is not None and track.due_ms == due_ms:
                track.due_ms = None
                return due_ms, track
        return None
