"""What is remembered of one track from report to report: plain data, one object a track.

``updater`` and ``violation`` change it. It belongs to one partition of ``tracks`` and can be
written to its checkpoint as it stands.
"""

from dataclasses import dataclass, field
from math import hypot, inf
from typing import Final, Literal

from skyfence.geometry.geodesy import distance_m
from skyfence.policy.parameters import SECOND_MS, DetectionParameters
from skyfence.tracks.evidence import Belief
from skyfence.tracks.forecast import Forecast
from skyfence.tracks.identification import Identification
from skyfence.tracks.motion import FlownPath, Motion, ReferenceFixes
from skyfence.tracks.observation import CrossingPoint, Fix, Observation
from skyfence.tracks.recent_fixes import RecentFixes
from skyfence.tracks.violation_episode import ViolationEpisode

# A reported speed is good to some m/s, and objects speed up: half as far again, and six sigma of
# both positions, which no radar's noise exceeds in years.
_STRAY_SPEED_SHARE: Final = 1.5
_STRAY_SIGMAS: Final = 6.0


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a track crossed the border of the protected airspace, and the fixes about it."""

    point: CrossingPoint
    before: Fix
    after: Fix


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
    # The course that it has kept to, degrees, and since when.
    course_deg: float | None = None
    steady_since_ms: int = 0


@dataclass(slots=True)
class VisitState:
    """A track's visit to a zone of a kind of one's own; ``zone_visits`` changes it.

    ``number`` counts the steps that were told. ``sure``: inside beyond doubt. ``since_ms`` is when
    it left, ``mark`` the lowest mark of minutes told; ``heads_ms`` and ``away_ms`` say since when
    forecasts have it head for the zone, or not at all. Times are milliseconds since 1970, UTC.
    """

    opened_ms: int
    number: int = 0
    status: Literal["none", "ahead", "inside", "left"] = "none"
    sure: bool = False
    lost: bool = False
    since_ms: int = 0
    forecast_ms: int = 0
    heads_ms: int | None = None
    away_ms: int | None = None
    mark: int | None = None
    belief: Belief = field(default_factory=Belief)


@dataclass(slots=True)
class TrackState:
    """One track of one source in one run.

    ``inside`` holds indices of areas (``airspace.zones``, and that of the protected union);
    ``entered_at`` and ``depths`` are by such an index. Times are milliseconds since 1970, UTC.
    """

    run: str
    source: str
    track_id: str
    first_ms: int  # first report; with its names, it identifies the track
    observation: Observation
    path_start: Fix  # where its path was first known, which is later after a cut or a long silence
    inside: set[int] = field(default_factory=set)
    # Where it entered each area that it is inside of, or was first seen there.
    entered_at: dict[int, CrossingPoint] = field(default_factory=dict)
    depths: dict[int, Depth] = field(default_factory=dict)
    flown_m: float = 0.0  # since the report before the last; infinite if unknown
    live: bool = True  # False once lost or ended, until it is seen again
    timers_run_ms: int = -1  # timers have run up to here: an earlier report is late
    due_ms: int | None = None  # when its entry among the source's timers comes up
    crossing_count: int = 0  # so far; goes into their identifiers
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
    identification: Identification = field(default_factory=Identification)
    flown_path: FlownPath = field(default_factory=FlownPath)
    border_m: float = inf  # distance to the protected border at the last report that was judged
    # Areas with limits that it was over at the last report that was judged, at whatever height.
    ground: set[int] = field(default_factory=set)
    coasted: bool = False  # the last report was predicted by its sensor, not measured
    # How often it is reported: learned, or as the policy says; None before the second report.
    scan_ms: int | None = None
    gap_ms: int | None = None  # between its last two reports
    # Reports that establish it (``Observation.counts``), up to as many as the policy asks for.
    counted_reports: int = 0
    # To zones of kinds of one's own, by the zone's identifier.
    visits: dict[str, VisitState] = field(default_factory=dict)
    flight_due_ms: int = 0  # identified: its next report from this time on is one to publish
    # The number under which its source shows it now, where that is not ``track_id`` any more.
    shown_as: str | None = None
    # Its last report is where its speed cannot have brought it (``strays``); the next one tells.
    strayed: bool = False
    # While it has no episode: where it was of late.
    recent_fixes: RecentFixes = field(default_factory=RecentFixes)

    @property
    def number(self) -> str:
        """Return the number under which its source shows the track now."""
        return self.shown_as or self.track_id

    def forget(self) -> None:
        """Drop evidence, forecast and depths: they are about another place or another object."""
        self.belief, self.reference_fixes = Belief(), ReferenceFixes()
        self.forecast, self.depths, self.flown_path = ForecastState(), {}, FlownPath()
        self.recent_fixes = RecentFixes()

    def motion(self, parameters: DetectionParameters) -> Motion | None:
        """Return the velocity: reported, else measured from reference fixes; None if neither is."""
        observation = self.observation
        return observation.motion or self.reference_fixes.motion(
            observation.time_ms,
            observation.lat,
            observation.lon,
            observation.accuracy_m,
            parameters,
        )

    def strays(self, report: Observation, parameters: DetectionParameters) -> bool:
        """Tell whether a report is farther from the last one than its reported speed can bring it.

        The greater of both reports' speeds counts; where neither names one, nothing strays.
        """
        last = self.observation
        motions = (last.motion, report.motion)
        speeds_mps = [motion.speed_mps for motion in motions if motion is not None]
        if not speeds_mps:
            return False
        seconds = (report.time_ms - last.time_ms) / SECOND_MS
        errors_m = hypot(
            *map(parameters.accuracy_or_assumed_m, (last.accuracy_m, report.accuracy_m))
        )
        most_m = _STRAY_SPEED_SHARE * max(speeds_mps) * seconds + _STRAY_SIGMAS * errors_m
        return round(distance_m(last.lon, last.lat, report.lon, report.lat)) > round(most_m)

    def learn_scan(self, time_ms: int) -> None:
        """Learn from a report's time how often the track is reported.

        The median of what was known and the last two gaps: neither one scan that is missed nor one
        report that comes twice changes it. Precondition: the report is not late.
        """
        gap_ms = time_ms - (self.pending_outlier or self.observation).time_ms
        if self.scan_ms is None or self.gap_ms is None:
            self.scan_ms = gap_ms
        else:
            self.scan_ms = sorted((self.scan_ms, self.gap_ms, gap_ms))[1]
        self.gap_ms = gap_ms

    def missed_ms(self, parameters: DetectionParameters) -> int:
        """Return after how long a silence the track is lost, milliseconds."""
        scan_ms = min(self.scan_ms or 0, parameters.longest_gap_ms)
        return max(parameters.lost_after_ms, parameters.lost_after_scans * scan_ms)

    def lost_ms(self, parameters: DetectionParameters) -> int:
        """Return when the track is lost if no report comes, milliseconds since 1970, UTC.

        After an end by its source's word sooner, but not before a new number had its chance.
        """
        wait_ms = self.missed_ms(parameters)
        if self.observation.ended:
            scan_ms = self.scan_ms or 0
            next_scans_ms = min(5 * scan_ms // 2, parameters.ended_wait_ms)
            wait_ms = min(wait_ms, max(3 * scan_ms // 2, next_scans_ms))
        return self.observation.time_ms + wait_ms

    def is_late(self, time_ms: int) -> bool:
        """Tell whether a report of this time comes after what has been decided without it."""
        last = self.pending_outlier or self.observation
        return time_ms <= max(last.time_ms, self.timers_run_ms)

    def deadline_ms(self, parameters: DetectionParameters) -> int:
        """Return when the next timer of this track runs out, milliseconds since 1970, UTC."""
        own_ms, seen_ms = self.lost_ms(parameters), self.observation.time_ms
        end_ms = self.violation.deadline_ms(parameters, seen_ms) if self.violation else None
        if self.live:
            return own_ms if end_ms is None else min(own_ms, end_ms)
        if end_ms is not None:
            return end_ms
        # Kept while its next report may tell that it crossed, and a repeated one may come.
        kept_ms = parameters.longest_gap_ms if self.suppressed_by else parameters.remembered_ms
        return max(own_ms + parameters.lost_after_ms, self.observation.time_ms + kept_ms)
