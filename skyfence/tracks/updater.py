"""The updater: brings one track from its last report to the next, and records what that means.

    report -> no jump? -> path from the last one (path_recorder) -> evidence -> violation
    timer  -> lost, or the violation's end

All that it changes is the track's own state. Which track it is, and when a timer is due, is the
tracker's; what evidence means for people is decided in ``violation``.
"""

from math import inf
from typing import Final

from skyfence.airspace.batch_queries import BatchedBorderQueries
from skyfence.airspace.own_zones import OwnZones
from skyfence.geometry.geodesy import distance_m
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks import violation
from skyfence.tracks.context import Context
from skyfence.tracks.evidence import log_odds, sigma_m
from skyfence.tracks.flights import FlightSights
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.identification import Identification
from skyfence.tracks.observation import Observation
from skyfence.tracks.path_recorder import PathRecorder
from skyfence.tracks.track_state import Depth, TrackState
from skyfence.tracks.zone_visits import ZoneVisits

# Depth is measured anew when it may have grown by this share; near the border, always.
_DEPTH_SHARE: Final = 0.01
_DEPTH_EXACT_M: Final = 5_000.0


class TrackUpdater:
    """Follows tracks through the airspace of a context; it remembers none itself.

    ``queries`` may be given what the next rows will ask of borders; ``look_ahead_s`` is the longest
    time by which any protected zone is warned of, seconds.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._airspace = airspace = context.airspace
        self._parameters = context.parameters
        self.queries = BatchedBorderQueries(airspace)
        self._paths = PathRecorder(context, self.queries)
        self.own_zones = OwnZones(airspace, context.policy)
        self._visits = ZoneVisits(context, self.own_zones)
        self.flights = FlightSights(airspace, context.parameters)
        kinds = [airspace.zones[area].properties.kind for area in airspace.limited_areas]
        kinds += airspace.protected_kinds
        self.look_ahead_s = max(map(context.policy.look_ahead_s, kinds), default=0.0)

    def start(self, result: FrameResult, track: TrackState) -> None:
        """Begin a track with its first report, which it holds already."""
        self._appear(result, track, cut=False)
        self._seen_now(result, track, None)

    def update(
        self,
        result: FrameResult,
        track: TrackState,
        observation: Observation,
        *,
        stitched: bool = False,
    ) -> None:
        """Take in a track's next report; ``stitched``: the first one under another number.

        Precondition: it is not late, and the timers before it have run.
        """
        if track.live and self._leaves(track, observation):
            self._jump(result, track, observation)
        else:
            self._record_outlier(result, track)
            self._move(result, track, observation, stitched=stitched)

    def _seen_now(self, result: FrameResult, track: TrackState, before_ms: int | None) -> None:
        """Judge a track where it is now; one that has ended is lost by its timer."""
        if not track.observation.ended:  # what ends a coasted track is coasted
            track.coasted = track.observation.coasted
        self._judge(result, track, before_ms)
        if not track.strayed:
            result.add_events(self._visits.update(track))
        sighting = self.flights.sight(track)
        if sighting is not None:
            result.add_flights(track.run, track.source, [sighting])
        track.live = True

    def _leaves(self, track: TrackState, observation: Observation) -> bool:
        """Tell whether a report does not go on from the track's last one."""
        if self._is_jump(track.observation, observation):
            return True
        outlier = track.pending_outlier
        if outlier is None or self._is_jump(outlier, observation):
            return False
        return _mean_mps(outlier, observation) < _mean_mps(track.observation, observation)

    def _is_jump(self, before: Observation, after: Observation) -> bool:
        """Tell whether nothing can have flown from one report to the other."""
        seconds = (after.time_ms - before.time_ms) / SECOND_MS
        fastest_mps = self._parameters.fastest(after.object_info.category)
        most_m = fastest_mps * seconds + self._parameters.scatter_m
        return distance_m(before.lon, before.lat, after.lon, after.lat) > most_m

    def _jump(self, result: FrameResult, track: TrackState, observation: Observation) -> None:
        """Hold back a report that nothing can have flown to, until the next one decides.

        One that goes on from there cuts the track: its identity was spoofed or swapped. One that
        goes on from before leaves the outlier by itself.
        """
        outlier = track.pending_outlier
        if outlier is None or self._is_jump(outlier, observation):
            self._record_outlier(result, track)
            track.pending_outlier = observation.detached()
            return
        track.pending_outlier = None
        self._lose(result, track, track.observation.time_ms, cut=True)
        if track.violation is not None:
            track.violation.seen_elsewhere = True
        track.observation, track.identification = outlier, Identification()
        self._appear(result, track, cut=True)
        track.live = True
        self._move(result, track, observation)

    def _record_outlier(self, result: FrameResult, track: TrackState) -> None:
        """Record a report that belonged to no path: for the audit, where it seemed to be inside."""
        outlier, track.pending_outlier = track.pending_outlier, None
        if outlier is None:
            return
        for area in sorted(self._airspace.covering(outlier.lon, outlier.lat)):
            self._paths.record(result, track, "appear", area, outlier.point, cut=True)

    def _identify(self, track: TrackState, last_ms: int) -> None:
        """Note who the track is, and which rule of the policy suppresses it, if any.

        ``last_ms`` is the time of the report before the last.
        """
        observation, policy = track.observation, self._context.policy
        known, time_ms, who = observation.object_info, observation.time_ms, track.identification
        who.note(known, time_ms, last_ms, policy.civil, from_outside=track.crossed)
        track.suppressed_by = None
        if not who.emergency:
            track.suppressed_by = policy.rule_for(
                known,
                time_ms,
                observation.lon,
                observation.lat,
                identified=who.holds(time_ms, policy.civil),
            )

    def _move(
        self,
        result: FrameResult,
        track: TrackState,
        observation: Observation,
        *,
        stitched: bool = False,
    ) -> None:
        """Follow a track to its next report, or let it begin anew where its path is not known.

        A number that is given again after an end was told is another object, unless it is stitched.
        """
        before = track.observation
        reused = before.ended and not track.live and not stitched
        silent = observation.time_ms - before.time_ms > self._parameters.longest_gap_ms
        jumped = not track.live and self._is_jump(before, observation)
        # One report alone is passed over: the one after it tells where the track is.
        is_followed = track.judged_ms == before.time_ms and not (track.strayed or stitched)
        strays = is_followed and track.strays(observation, self._parameters)
        if silent and track.live:
            self._lose(result, track, before.time_ms)
        track.observation = observation
        was_astray, track.strayed = track.strayed, False
        if jumped or silent or reused:
            another = jumped or reused
            if another:
                track.identification = Identification()
            # What was outside and is inside has crossed, though unseen.
            crossed = track.crossed and not another
            self._appear(result, track, cut=jumped, crossed=crossed, last_ms=before.time_ms)
        else:
            track.strayed = strays
            self._identify(track, before.time_ms)
            self._paths.fly(result, track, before, is_known=not (strays or was_astray))
            if was_astray:
                track.flown_m = inf  # its depth is that of before the stray report
        self._seen_now(result, track, before.time_ms)

    def _judge(self, result: FrameResult, track: TrackState, before_ms: int | None) -> None:
        """Weigh the report as evidence, if it was measured, and tell what it means.

        What is suppressed, or farther away than it can come within the look-ahead, is not judged,
        and what was remembered of it from when it was near means nothing any more. Nor is a report
        that strays, but what is remembered of its track stays.
        """
        strays, track.strayed = track.strayed, False
        if not self._airspace.protected_areas:
            return
        if track.suppressed_by is not None and track.violation is None:
            track.depths = {}
            return
        observation, airspace = track.observation, self._airspace
        inside = airspace.is_protected_at(track.inside)
        place = observation.lon, observation.lat
        track.ground = set(airspace.protected_ground(*place, observation.time_ms))
        over = inside or bool(track.ground)
        distance_m, accuracy_m = self.queries.protected_border(*place)
        if track.violation is None and not over and distance_m > self._reach_m(observation):
            track.depths = {}
            return
        if track.judged_ms != before_ms:
            track.forget()  # it was far away meanwhile
        track.judged_ms = observation.time_ms
        if strays:
            track.strayed = True
            return
        track.border_m = distance_m
        self._measure(track)
        if not track.coasted:
            track.reference_fixes.note(observation.time_ms, observation.lat, observation.lon)
            track.flown_path.note(observation.time_ms, observation.lat, observation.lon)
            if track.violation is None:
                track.recent_fixes.note(observation, self._parameters.sighted_at_first_ms)
            sigma = sigma_m(observation.accuracy_m, accuracy_m, self._parameters)
            odds = log_odds(distance_m if over else -distance_m, sigma)
            odds = min(odds, self._height_odds(track)) if over else odds
            track.belief.update(observation.time_ms, odds, self._parameters)
        if over and not inside:
            track.exit = None  # what went out through the ceiling has left no ground yet
        result.add_event(violation.update(self._context, track))

    def _height_odds(self, track: TrackState) -> float:
        """Return the log odds of being within the limits of height of what the track is over."""
        protected = track.inside.intersection(self._airspace.protected_areas)
        observation = track.observation
        depth_m = self._airspace.height_depth_m(
            protected | track.ground, observation.altitude_m, observation.altitude_ref
        )
        return inf if depth_m == inf else log_odds(depth_m, self._parameters.height_error_m)

    def _reach_m(self, observation: Observation) -> float:
        """Return the distance from the border past which a track means nothing yet."""
        motion = observation.motion
        return self._parameters.reach_m(
            motion.speed_mps if motion else None, observation.accuracy_m, self.look_ahead_s
        )

    def _measure(self, track: TrackState) -> None:
        """Bring the greatest depth in each area up to date, at the last report if it was measured.

        Only for what is judged: for others a crossing asks when it needs to know
        (``crossing_details``).
        """
        due = []
        for area in track.inside:
            depth = track.depths.setdefault(area, Depth())
            depth.bound_m += track.flown_m
            slack_m = _DEPTH_SHARE * depth.deepest_m if depth.deepest_m > _DEPTH_EXACT_M else 0.0
            if depth.bound_m > depth.deepest_m + slack_m and not track.coasted:
                due.append(area)
        lon, lat = track.observation.lon, track.observation.lat
        distances_m = self.queries.border_distances_m(due, lon, lat)
        for area, depth_m in zip(due, distances_m, strict=True):
            depth = track.depths[area]
            depth.bound_m, depth.deepest_m = depth_m, max(depth.deepest_m, depth_m)

    def _appear(
        self,
        result: FrameResult,
        track: TrackState,
        *,
        cut: bool,
        crossed: bool = False,
        last_ms: int = -1,
    ) -> None:
        """Begin a path where the track is seen, knowing nothing of how it came there.

        ``crossed``: it is known to have come from outside, if it is inside. ``last_ms`` is the time
        of the report before, if it was of the same object.
        """
        observation = track.observation
        covering = self._airspace.covering(observation.lon, observation.lat)
        track.inside = set(covering)
        if self._airspace.limits:
            height = (observation.altitude_m, observation.altitude_ref)
            track.inside = set(self._airspace.within_limits(covering, observation.time_ms, *height))
        track.forget()
        track.path_start = observation.fix
        track.entry = track.exit = None
        track.entered_at = dict.fromkeys(track.inside, observation.point)
        track.crossed = crossed or not self._airspace.is_protected_at(track.inside)
        self._identify(track, last_ms)
        track.flown_m = inf
        for area in sorted(track.inside):
            self._paths.record(result, track, "appear", area, observation.point, cut=cut)

    def _lose(
        self, result: FrameResult, track: TrackState, time_ms: int, *, cut: bool = False
    ) -> None:
        """Note that a track is no longer seen, as of an event time (milliseconds since 1970)."""
        for area in sorted(track.inside):
            self._paths.record(result, track, "vanish", area, track.observation.point, cut=cut)
        track.live, track.observation = False, track.observation.detached()
        result.add_event(violation.lose(self._context, track, time_ms))
        result.add_events(self._visits.lose(track, time_ms))

    def run_timers(self, result: FrameResult, track: TrackState, until_ms: int) -> None:
        """Run out a track's timers that are due up to a time, each as of its own deadline."""
        while (due_ms := track.deadline_ms(self._parameters)) <= until_ms:
            if self.is_finished(track, until_ms):
                result.add_events(self._visits.forget(track, due_ms))
                return
            track.timers_run_ms = due_ms
            if track.live and due_ms == track.lost_ms(self._parameters):
                self._record_outlier(result, track)
                self._lose(result, track, due_ms)
            else:
                result.add_event(violation.end(self._context, track, due_ms))
                if self._has_landed(track, due_ms):
                    result.add_events(self._visits.forget(track, due_ms))

    def _has_landed(self, track: TrackState, now_ms: int) -> bool:
        """Tell whether what may be a private flight was lost so long ago that no zone waits."""
        if track.live or track.violation is None or not track.violation.private_flight:
            return False
        return now_ms - track.observation.time_ms >= self._parameters.remembered_ms

    def is_finished(self, track: TrackState, at_ms: int) -> bool:
        """Tell whether nothing of a track is waited for any more."""
        if track.live or track.violation:
            return False
        return track.deadline_ms(self._parameters) <= at_ms


def _mean_mps(before: Observation, after: Observation) -> float:
    """Return the speed at which a straight flight gets from one report to the other."""
    metres = distance_m(before.lon, before.lat, after.lon, after.lat)
    return metres / max(after.time_ms - before.time_ms, 1) * SECOND_MS
