"""What is remembered of a track, of a source, and of a track's story with the protected airspace.

Plain data, one object a track; ``tracking`` changes it. Everything here belongs to one partition
of ``tracks`` and can be written to its checkpoint as it stands.
"""

import heapq
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from skyfence.crossing import Known
from skyfence.frame import KNOWN_FIELDS, Frame
from skyfence.rules import Rules


class Status(StrEnum):
    """Where a track's story with the protected airspace stands."""

    VIOLATION = "violation"
    EXITED = "exited"
    LOST = "lost"


@dataclass(slots=True)
class Story:
    """One incident as its track tells it: from the entry to the end."""

    episode: int
    status: Status = Status.VIOLATION
    number: int = 0  # of the last event
    since_ms: int = 0  # when the status was reached
    nations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    deepest_m: int = 0  # inside the protected airspace, in this story

    def deadline_ms(self, rules: Rules) -> int | None:
        """Return when the story ends by itself, or None while the object is inside."""
        if self.status is Status.EXITED:
            return self.since_ms + rules.clear_after_ms
        if self.status is Status.LOST:
            return self.since_ms + rules.expire_after_ms
        return None


@dataclass(frozen=True, slots=True)
class Sight:
    """One row of a frame: a track seen at a place."""

    time_ms: int
    lat: float
    lon: float
    ended: bool
    known: tuple[Any, ...]


@dataclass(slots=True)
class Depth:
    """How deep a track has been in an area, metres; ``bound_m`` is the most it can be now."""

    deepest_m: float = 0.0
    bound_m: float = 0.0


@dataclass(slots=True)
class TrackState:
    """One track of one source in one run. ``inside`` holds indices of areas (``airspace``)."""

    run: str
    source: str
    track_id: str
    first_ms: int
    sight: Sight
    inside: set[int] = field(default_factory=set)
    depths: dict[int, Depth] = field(default_factory=dict)
    live: bool = True  # False once lost or ended, until it is seen again
    settled_ms: int = -1  # timers have been decided up to here: an earlier report is late
    due_ms: int | None = None  # when its entry among the source's timers comes up
    facts: int = 0  # crossings so far; numbers their identifiers
    story: Story | None = None

    @property
    def known(self) -> Known:
        """Return what the last report said of the object."""
        return Known.model_validate(dict(zip(KNOWN_FIELDS, self.sight.known, strict=True)))

    def is_late(self, time_ms: int) -> bool:
        """Tell whether a report of this time comes after what has been decided without it."""
        return time_ms <= max(self.sight.time_ms, self.settled_ms)

    def deadline_ms(self, rules: Rules) -> int:
        """Return when the next timer of this track runs out."""
        own_ms = self.sight.time_ms + rules.lost_after_ms
        end_ms = self.story.deadline_ms(rules) if self.story else None
        if self.live:
            return own_ms if end_ms is None else min(own_ms, end_ms)
        if end_ms is not None:
            return end_ms
        # Kept while its next report may still continue its path, and a repeated one may come.
        return max(own_ms + rules.lost_after_ms, self.sight.time_ms + rules.longest_gap_ms)


@dataclass
class SourceState:
    """What is remembered of one source (or shard of it) in one run."""

    watermark_ms: int = -1
    tracks: dict[str, TrackState] = field(default_factory=dict)
    # How often a track identifier opened an incident; outlives the track, because radars reuse
    # their numbers and a second incident must not carry the first one's identifier.
    opened: dict[str, int] = field(default_factory=dict)
    timers: list[tuple[int, str]] = field(default_factory=list)  # a heap of (due, track)

    def schedule(self, track: TrackState, rules: Rules) -> None:
        """Have a track looked at when its next timer runs out.

        A deadline nearly always moves later, with every report; the entry that is there already
        is left and put right when it comes up.
        """
        deadline_ms = track.deadline_ms(rules)
        if track.due_ms is None or deadline_ms < track.due_ms:
            track.due_ms = deadline_ms
            heapq.heappush(self.timers, (deadline_ms, track.track_id))

    def next_due(self, until_ms: int) -> TrackState | None:
        """Take the next track whose entry is due, or None."""
        while self.timers and self.timers[0][0] <= until_ms:
            due_ms, track_id = heapq.heappop(self.timers)
            track = self.tracks.get(track_id)
            if track is not None and track.due_ms == due_ms:
                track.due_ms = None
                return track
        return None


def sights(frame: Frame) -> list[tuple[str, Sight]]:
    """Return the rows of a frame, each with its track's identifier."""
    return [
        (track_id, Sight(time_ms, lat, lon, phase == "ended", known))
        for track_id, time_ms, lat, lon, phase, known in zip(
            frame.track_ids,
            frame.times_ms.tolist(),
            frame.lats.tolist(),
            frame.lons.tolist(),
            frame.phases,
            frame.known,
            strict=True,
        )
    ]
