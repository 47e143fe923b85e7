"""What is remembered of a track, of a source, and of a track's story with the protected airspace.

Plain data, one object a track; ``updater`` and ``violation`` change it. Everything here belongs to
one partition of ``tracks`` and can be written to its checkpoint as it stands.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import cast

from skyfence.contracts.base import round_degrees
from skyfence.contracts.crossing import ObjectInfo, PositionFix
from skyfence.contracts.track_event import Confidence
from skyfence.frames.frame import Frame
from skyfence.policy.parameters import DetectionParameters
from skyfence.times import from_ms
from skyfence.tracks.evidence import Belief
from skyfence.tracks.forecast import Forecast
from skyfence.tracks.motion import Motion, ReferenceFixes, reported
from skyfence.zones.limits import Profile
from skyfence.zones.zone_file import VerticalRef


class ViolationStatus(StrEnum):
    """Where a track's story with the protected airspace stands."""

    THREAT = "threat"
    VIOLATION = "violation"
    EXITED = "exited"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class CrossingPoint:
    """Where and when a fact stands."""

    time_ms: int
    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Fix:
    """Where and when a track was, and how exactly that is known: all that evidence names."""

    time_ms: int
    lat: float
    lon: float
    accuracy_m: float | None = None

    @property
    def position_fix(self) -> PositionFix:
        """Return the fix as it is published."""
        return PositionFix(
            time=from_ms(self.time_ms),
            lat=round_degrees(self.lat),
            lon=round_degrees(self.lon),
            accuracy_m=self.accuracy_m,
        )


@dataclass(frozen=True)
class Observation:
    """One row of a frame: a track seen at a place."""

    frame: Frame
    row: int
    time_ms: int
    lat: float
    lon: float

    @classmethod
    def of(cls, frame: Frame, row: int) -> "Observation":
        """Take one row of a frame."""
        time_ms, lat, lon = frame.times_ms[row], frame.lats[row], frame.lons[row]
        return cls(frame, row, int(time_ms), float(lat), float(lon))

    def alone(self) -> "Observation":
        """Return the same report on a frame of its own, so that the large one can be let go."""
        frame = replace(self.frame, batch=self.frame.batch.take([self.row]))
        return Observation(frame, 0, self.time_ms, self.lat, self.lon)

    @property
    def ended(self) -> bool:
        """Tell whether this is the track's last report by its source's own word."""
        return self.frame.text("phase", self.row) == "ended"

    @cached_property
    def object_info(self) -> ObjectInfo:
        """Return what the report says of the object."""
        return ObjectInfo.model_validate(self.frame.known(self.row))

    @property
    def accuracy_m(self) -> float | None:
        """Return one sigma of the place, metres, where the report names it."""
        return self.frame.number("accuracy_m", self.row)

    @property
    def altitude_m(self) -> float | None:
        """Return the altitude, metres above ``altitude_ref``."""
        return self.frame.number("altitude_m", self.row)

    @property
    def altitude_ref(self) -> VerticalRef | None:
        """Return what the altitude is measured from."""
        return cast("VerticalRef | None", self.frame.text("altitude_ref", self.row))

    @property
    def motion(self) -> Motion | None:
        """Return the velocity, where the report names it."""
        speed_mps = self.frame.number("ground_speed_mps", self.row)
        return reported(speed_mps, self.frame.number("course_deg", self.row))

    @property
    def point(self) -> CrossingPoint:
        """Return where and when it was, as the place of a fact."""
        return CrossingPoint(self.time_ms, self.lat, self.lon)

    @property
    def fix(self) -> Fix:
        """Return where and when it was, without the report."""
        return Fix(self.time_ms, self.lat, self.lon, self.accuracy_m)


def profile_of(before: Observation, after: Observation) -> Profile:
    """Return when and how high a track was at both ends of a segment."""
    return Profile(
        before.time_ms,
        after.time_ms,
        before.altitude_m,
        after.altitude_m,
        before.altitude_ref,
        after.altitude_ref,
    )


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a track crossed the border of the protected airspace, and the fixes about it."""

    point: CrossingPoint
    before: Fix
    after: Fix


@dataclass(slots=True)
class ViolationEpisode:
    """One incident as its track tells it: from the first threat or entry to the end.

    ``ahead`` holds the whole minutes left to each region ahead, ``ahead_ms`` when it was ahead
    last; ``marks`` the lowest mark of minutes that each place was told ("" stands for the border).
    """

    opened_ms: int  # with the track's names, what identifies it: known again after a lost state
    status: ViolationStatus
    confidence: Confidence
    since_ms: int  # when the status was reached
    event_count: int = 0  # so far; the last event has this number
    was_threat: bool = False  # of what is lost: it had not entered
    # Of what is lost: its identity was seen where it cannot have flown to.
    seen_elsewhere: bool = False
    nations: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    ahead: dict[str, int] = field(default_factory=dict)
    ahead_ms: dict[str, int] = field(default_factory=dict)
    minutes_left: int | None = None
    minute_marks: dict[str, int] = field(default_factory=dict)
    deepest_m: int = 0  # inside the protected airspace, in this story
    announced_depth_m: int = 0
    announced_speed_mps: float = 0.0
    announced_ms: int = 0  # when an event said last where the track is

    def deadline_ms(self, parameters: DetectionParameters) -> int | None:
        """Return when the story ends by itself, or None while the object is followed."""
        if self.status is ViolationStatus.EXITED:
            return self.since_ms + parameters.clear_after_ms
        if self.status is ViolationStatus.LOST:
            if self.was_threat:
                return self.since_ms + parameters.threat_expires_after_ms
            return self.since_ms + parameters.expire_after_ms
        return None


@dataclass(slots=True)
class Depth:
    """How deep a track has been in an area, metres; ``bound_m`` is the most it can be now."""

    deepest_m: float = 0.0
    bound_m: float = 0.0


@dataclass(slots=True)
class ForecastState:
    """The last forecast of a track, and since when it has said the same about the border."""

    latest: Forecast = field(default_factory=Forecast)
    time_ms: int | None = None
    heads_for_since_ms: int | None = None
    heads_away_since_ms: int | None = None


@dataclass(slots=True)
class TrackState:
    """One track of one source in one run. ``inside`` holds indices of areas (``airspace``)."""

    run: str
    source: str
    track_id: str
    first_ms: int  # with its names, what identifies its life
    observation: Observation
    path_start: Fix  # where its path was first known, which is later after a cut or a long silence
    inside: set[int] = field(default_factory=set)
    # Where it entered each area that it is inside of, or was first seen there.
    entered_at: dict[int, CrossingPoint] = field(default_factory=dict)
    depths: dict[int, Depth] = field(default_factory=dict)
    flown_m: float = 0.0  # since the report before the last; infinite if nobody knows
    live: bool = True  # False once lost or ended, until it is seen again
    timers_run_ms: int = -1  # timers have been decided up to here: an earlier report is late
    due_ms: int | None = None  # when its entry among the source's timers comes up
    crossing_count: int = 0  # crossings so far; numbers their identifiers
    # A report that nothing can have flown to; the next one decides.
    pending_outlier: Observation | None = None
    suppressed_by: str | None = None
    judged_ms: int | None = None  # the last report that was near enough to be judged
    crossed: bool = True  # False while it is inside and was never seen outside
    entry: Passage | None = None
    exit: Passage | None = None
    belief: Belief = field(default_factory=Belief)
    reference_fixes: ReferenceFixes = field(default_factory=ReferenceFixes)
    forecast: ForecastState = field(default_factory=ForecastState)
    violation: ViolationEpisode | None = None

    def forget(self) -> None:
        """Drop what was weighed and foreseen: it was about another place or another object."""
        self.belief, self.reference_fixes = Belief(), ReferenceFixes()
        self.forecast, self.depths = ForecastState(), {}

    def motion(self, parameters: DetectionParameters) -> Motion | None:
        """Return the track's velocity, reported or measured."""
        observation = self.observation
        return observation.motion or self.reference_fixes.motion(
            observation.time_ms,
            observation.lat,
            observation.lon,
            observation.accuracy_m,
            parameters,
        )

    def is_late(self, time_ms: int) -> bool:
        """Tell whether a report of this time comes after what has been decided without it."""
        last = self.pending_outlier or self.observation
        return time_ms <= max(last.time_ms, self.timers_run_ms)

    def deadline_ms(self, parameters: DetectionParameters) -> int:
        """Return when the next timer of this track runs out."""
        own_ms = self.observation.time_ms + parameters.lost_after_ms
        end_ms = self.violation.deadline_ms(parameters) if self.violation else None
        if self.live:
            return own_ms if end_ms is None else min(own_ms, end_ms)
        if end_ms is not None:
            return end_ms
        # Kept while its next report may tell that it crossed, and a repeated one may come.
        kept_ms = parameters.longest_gap_ms if self.suppressed_by else parameters.remembered_ms
        return max(own_ms + parameters.lost_after_ms, self.observation.time_ms + kept_ms)


@dataclass
class SourceTracks:
    """What is remembered of one source (or shard of it, as ``key`` says) in one run."""

    run: str
    key: str
    watermark_ms: int = -1
    announced_watermark_ms: int = -1  # the last one that was told to those who join tracks
    tracks: dict[str, TrackState] = field(default_factory=dict)
    timers: list[tuple[int, str]] = field(default_factory=list)  # a heap of (due, track)
    # Reports of a source that may be late: a heap of (time, track, arrival, report).
    waiting: list[tuple[int, str, int, Observation]] = field(default_factory=list)
    arrivals: int = 0

    def hold_back(self, frame: Frame, row: int) -> None:
        """Keep a report of a source that may be late, until no earlier one can come."""
        self.arrivals += 1
        observation = Observation.of(frame, row)
        heapq.heappush(
            self.waiting, (observation.time_ms, frame.track_ids[row], self.arrivals, observation)
        )

    def released_until(self, until_ms: int) -> Iterator[tuple[str, Observation]]:
        """Hand out the reports that were kept, up to a time, in order, with their tracks' names."""
        while self.waiting and self.waiting[0][0] <= until_ms:
            _, name, _, observation = heapq.heappop(self.waiting)
            yield name, observation

    def schedule(self, track: TrackState, parameters: DetectionParameters) -> None:
        """Have a track looked at when its next timer runs out.

        A deadline nearly always moves later, with every report; the entry that is there already
        is left and put right when it comes up.
        """
        deadline_ms = track.deadline_ms(parameters)
        if track.due_ms is None or deadline_ms < track.due_ms:
            track.due_ms = deadline_ms
            heapq.heappush(self.timers, (deadline_ms, track.track_id))

    def pop_due(self, until_ms: int) -> tuple[int, TrackState] | None:
        """Take the next track whose entry is due, and since when it is, or None."""
        while self.timers and self.timers[0][0] <= until_ms:
            due_ms, track_id = heapq.heappop(self.timers)
            track = self.tracks.get(track_id)
            if track is not None and track.due_ms == due_ms:
                track.due_ms = None
                return due_ms, track
        return None
