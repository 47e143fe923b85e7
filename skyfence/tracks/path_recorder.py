"""The path of a track between two reports: what it crosses, and where it passed the outer border.

    last report -> straight path -> transitions -> crossings of zones
                                                -> passages of the outer border -> corner clipped

Does not decide whether a report goes on from the last one (``updater``), nor where a path changes
sides (``airspace``).
"""

from dataclasses import dataclass
from math import hypot

from skyfence.airspace.batch_queries import BatchedBorderQueries
from skyfence.airspace.transitions import Transition, path_transitions
from skyfence.contracts.crossing import CrossingKind
from skyfence.geometry.geodesy import distance_m, legs
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks import violation
from skyfence.tracks.context import Context
from skyfence.tracks.crossing_details import PendingCrossing
from skyfence.tracks.evidence import log_odds, sigma_m
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import CrossingPoint, Observation, profile_of
from skyfence.tracks.track_state import Passage, TrackState
from skyfence.tracks.violation_effects import ClippedCorner


class PathRecorder:
    """Follows paths through the airspace of a context; it remembers none."""

    def __init__(self, context: Context, queries: BatchedBorderQueries) -> None:
        self._context = context
        self._airspace = context.airspace
        self._parameters = context.parameters
        self._queries = queries

    def fly(
        self, result: FrameResult, track: TrackState, before: Observation, *, is_known: bool = True
    ) -> None:
        """Follow the straight path from the last report to this one, and record what it meets.

        Where it is not known (``is_known``), one of the two reports strays: no corner is cut.
        """
        now, held = track.observation, frozenset(track.inside)
        transitions = self._transitions(track, before)
        track.flown_m = distance_m(before.lon, before.lat, now.lon, now.lat)
        for transition in transitions:
            point = _point_of(transition, before, now)
            kind: CrossingKind = "enter" if transition.entered else "exit"
            self.record(result, track, kind, transition.area, point)
            if transition.entered:
                track.entered_at[transition.area] = point
        if not track.live:  # it vanished from these, and is seen in them again
            moved = {transition.area for transition in transitions}
            for area in sorted(held & track.inside - moved):
                self.record(result, track, "appear", area, now.point)
        self._pass_border(result, track, _Flight(before, held, transitions, is_known))
        for area in track.entered_at.keys() - track.inside:
            del track.entered_at[area]
            track.depths.pop(area, None)

    def _pass_border(self, result: FrameResult, track: TrackState, flight: "_Flight") -> None:
        """Note where the path passed the border of the protected airspace, clips included."""
        inside, areas = self._airspace.is_protected_at(flight.held), set(flight.held)
        before, now, entry = flight.before, track.observation, None
        for transition in flight.transitions:
            (areas.add if transition.entered else areas.discard)(transition.area)
            if self._airspace.is_protected_at(areas) == inside:
                continue
            inside = not inside
            passage = Passage(_point_of(transition, before, now), before.fix, now.fix)
            if inside:
                track.entry = entry = passage
                continue
            track.exit, track.crossed = passage, True
            if entry is not None and flight.is_known:
                self._clip(result, track, entry, passage)

    def _clip(self, result: FrameResult, track: TrackState, entry: Passage, leave: Passage) -> None:
        """Judge a corner that was cut: by the depth in its middle, and how exactly that is known.

        The path between two reports is known less exactly than these are, so its own sigma counts.
        """
        lon = (entry.point.lon + leave.point.lon) / 2
        lat = (entry.point.lat + leave.point.lat) / 2
        depth_m, border_m = self._airspace.protected_border(lon, lat)
        before, after = entry.before, entry.after
        length_m = distance_m(before.lon, before.lat, after.lon, after.lat)
        seconds = (after.time_ms - before.time_ms) / SECOND_MS
        border_m = hypot(border_m, self._parameters.path_sigma_m(length_m, seconds))
        sigmas = [sigma_m(fix.accuracy_m, border_m, self._parameters) for fix in (before, after)]
        corner = ClippedCorner(log_odds(depth_m, max(sigmas)), round(depth_m))
        result.add_event(violation.clip(self._context, track, corner))

    def _transitions(self, track: TrackState, before: Observation) -> list[Transition]:
        """Return where the path from the last report changes sides; bring ``inside`` up to date."""
        segment = (before.lon, before.lat, track.observation.lon, track.observation.lat)
        profile = profile_of(before, track.observation) if self._airspace.limits else None
        known = self._queries.cuts(segment)
        return path_transitions(self._airspace, legs(*segment), track.inside, profile, known)

    def record(
        self,
        result: FrameResult,
        track: TrackState,
        kind: CrossingKind,
        area: int,
        point: CrossingPoint,
        *,
        cut: bool = False,
    ) -> None:
        """Record that a track's path met the border of an area; the union's own is no zone."""
        if area != self._airspace.protected:
            crossing = PendingCrossing.of(
                self._context, track, kind=kind, area=area, point=point, cut=cut
            )
            result.pending_crossings.append(crossing)


@dataclass(frozen=True)
class _Flight:
    """A track's path to its last report: from where, inside which areas, and what it met."""

    before: Observation
    held: frozenset[int]
    transitions: list[Transition]
    is_known: bool


def _point_of(transition: Transition, before: Observation, after: Observation) -> CrossingPoint:
    """Return when and where a transition was, its time in proportion to the way flown."""
    span_ms = after.time_ms - before.time_ms
    time_ms = before.time_ms + round(transition.fraction * span_ms)
    return CrossingPoint(time_ms, transition.lat, transition.lon)
