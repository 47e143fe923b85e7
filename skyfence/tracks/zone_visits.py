"""Visits: how a track comes near zones of a kind of one's own, enters and leaves them.

    report ──▶ inside? ──▶ evidence (``Belief``) ──▶ inside, confirmed, left, over
           └─▶ heads for it? (the fan of ``forecast``) ──▶ ahead, over
    lost, forgotten ─────────────────────────────────▶ lost, over

Beside the violation episode, which is about the protected airspace: a zone hears of what comes to
it whether or not the alliance does. What a permit covers is told to no zone, an identified civil
flight to those whose kind's rule says so.
"""

from collections.abc import Iterator
from typing import Literal

from skyfence.airspace.own_zones import OwnZones
from skyfence.contracts.track_event import ZoneVisit, minute_mark
from skyfence.policy.policy import CIVIL
from skyfence.times import from_ms
from skyfence.tracks.context import Context
from skyfence.tracks.evidence import log_odds, sigma_m
from skyfence.tracks.forecast import arrivals
from skyfence.tracks.track_state import TrackState, VisitState

Step = Literal["ahead", "inside", "confirmed", "left", "lost", "over"]


class ZoneVisits:
    """Follows tracks' visits to the zones of a context; it remembers none itself."""

    def __init__(self, context: Context, zones: OwnZones) -> None:
        self._context = context
        self._zones = zones
        self._parameters = context.parameters

    def update(self, track: TrackState) -> Iterator[ZoneVisit]:
        """Take in a track's last report; yield the steps that follow, zone by zone."""
        if not self._zones.areas:
            return
        observation, motion = track.observation, track.observation.motion
        speed_mps = None if motion is None else motion.speed_mps
        reach_m = self._parameters.reach_m(
            speed_mps, observation.accuracy_m, self._zones.look_ahead_s
        )
        near = self._zones.near(observation.lon, observation.lat, reach_m)
        visited = {self._zones.by_id.get(zone, -1) for zone in track.visits}
        for zone in [zone for zone in track.visits if zone not in self._zones.by_id]:
            yield from self._end(track, zone, observation.time_ms)
        for area in sorted({*near, *visited} - {-1}):
            zone = self._context.airspace.zones[area].id
            if not self._is_told(track, area):
                yield from self._end(track, zone, observation.time_ms)
                continue
            visit = track.visits.setdefault(zone, VisitState(opened_ms=observation.time_ms))
            yield from self._visit(track, area, zone, visit)
            if not visit.number and visit.heads_ms is None and area not in track.inside:
                track.visits.pop(zone, None)

    def lose(self, track: TrackState, time_ms: int) -> Iterator[ZoneVisit]:
        """Note that a track is not seen any more, as of a time (ms since 1970)."""
        for zone, visit in list(track.visits.items()):
            if visit.status in ("ahead", "inside") and visit.number and not visit.lost:
                visit.lost = True
                yield self._step(track, zone, visit, "lost", time_ms)
            elif not visit.lost:
                yield from self._end(track, zone, time_ms)

    def forget(self, track: TrackState, time_ms: int) -> Iterator[ZoneVisit]:
        """End all visits of a track that nobody waits for any more."""
        for zone in list(track.visits):
            yield from self._end(track, zone, time_ms)

    def _is_told(self, track: TrackState, area: int) -> bool:
        if track.suppressed_by == CIVIL:
            return self._zones.rules(area).identified == "alert"
        return track.suppressed_by is None

    def _visit(
        self, track: TrackState, area: int, zone: str, visit: VisitState
    ) -> Iterator[ZoneVisit]:
        now_ms, inside = track.observation.time_ms, area in track.inside
        if not track.coasted:
            self._weigh(track, area, visit, inside=inside)
        entered = inside and visit.belief.may_enter(self._parameters)
        if visit.status != "inside" and entered:
            visit.status, visit.sure, visit.lost = "inside", self._is_sure(visit), False
            visit.belief.discard_outside_evidence()
            yield self._step(track, zone, visit, "confirmed" if visit.sure else "inside", now_ms)
        elif visit.status == "inside":
            yield from self._stay(track, zone, visit, inside=inside)
        elif visit.status == "left":
            if now_ms - visit.since_ms >= self._parameters.clear_after_ms:
                yield from self._end(track, zone, now_ms)
        else:
            yield from self._approach(track, area, zone, visit)

    def _stay(
        self, track: TrackState, zone: str, visit: VisitState, *, inside: bool
    ) -> Iterator[ZoneVisit]:
        now_ms = track.observation.time_ms
        if not inside and visit.belief.is_out(self._parameters):
            visit.status, visit.since_ms, visit.sure, visit.lost = "left", now_ms, False, False
            visit.belief.has_left = True
            yield self._step(track, zone, visit, "left", now_ms)
        elif not visit.sure and self._is_sure(visit):
            visit.sure, visit.lost = True, False
            yield self._step(track, zone, visit, "confirmed", now_ms)
        elif visit.lost:
            visit.lost = False
            yield self._step(track, zone, visit, "confirmed" if visit.sure else "inside", now_ms)

    def _approach(
        self, track: TrackState, area: int, zone: str, visit: VisitState
    ) -> Iterator[ZoneVisit]:
        """Tell of what has headed for a zone for long enough, and that it does no more."""
        parameters, now_ms = self._parameters, track.observation.time_ms
        if visit.forecast_ms and now_ms - visit.forecast_ms < parameters.forecast_every_ms:
            return
        visit.forecast_ms = now_ms
        share, seconds = self._arrival(track, area)
        if share >= parameters.threat_share:
            visit.away_ms = None
            visit.heads_ms = now_ms if visit.heads_ms is None else visit.heads_ms
            held = now_ms - visit.heads_ms >= parameters.threat_holds_ms
            mark = minute_mark(seconds // 60)
            news = visit.lost or visit.mark is None or mark < visit.mark
            if (held or seconds <= parameters.threat_at_once_s) and news:
                visit.status, visit.lost = "ahead", False
                visit.mark = mark if visit.mark is None else min(mark, visit.mark)
                yield self._step(track, zone, visit, "ahead", now_ms, minutes_left=seconds // 60)
        else:
            visit.heads_ms = None
            if share <= parameters.clear_share:
                visit.away_ms = now_ms if visit.away_ms is None else visit.away_ms
                if now_ms - visit.away_ms >= parameters.recede_holds_ms:
                    yield from self._end(track, zone, now_ms)

    def _arrival(self, track: TrackState, area: int) -> tuple[float, int]:
        """Return which share of the likely courses reaches an area in time, and in how long, s.

        None does where the area is not valid then, or not at that height.
        """
        observation, motion = track.observation, track.motion(self._parameters)
        if motion is None:
            return 0.0, 0
        place, horizon_s = (observation.lon, observation.lat), self._zones.look_ahead_of_s(area)
        arrival = arrivals(self._context.airspace, place, motion, horizon_s, [area]).get(area)
        if arrival is None:
            return 0.0, 0
        then_ms = observation.time_ms + arrival.seconds * 1000
        height = (observation.altitude_m, observation.altitude_ref)
        holds = self._context.airspace.within_limits([area], then_ms, *height)
        return (arrival.share, arrival.seconds) if holds else (0.0, 0)

    def _weigh(self, track: TrackState, area: int, visit: VisitState, *, inside: bool) -> None:
        """Take a report in as evidence of being inside, at the horizontal border."""
        observation = track.observation
        place = (observation.lon, observation.lat)
        airspace, parameters = self._context.airspace, self._parameters
        (distance_m,) = airspace.border_distances_m([area], [place])
        border_m = airspace.zones[area].properties.accuracy_m
        sigma = sigma_m(observation.accuracy_m, border_m, parameters)
        odds = log_odds(distance_m if inside else -distance_m, sigma)
        visit.belief.update(observation.time_ms, odds, parameters)

    def _is_sure(self, visit: VisitState) -> bool:
        return visit.belief.is_in(self._parameters.confirmed_odds)

    def _end(self, track: TrackState, zone: str, time_ms: int) -> Iterator[ZoneVisit]:
        """End a visit; one that was never told ends in silence."""
        visit = track.visits.pop(zone, None)
        if visit is not None and visit.number:
            yield self._step(track, zone, visit, "over", time_ms)

    def _step(
        self,
        track: TrackState,
        zone: str,
        visit: VisitState,
        step: Step,
        time_ms: int,
        *,
        minutes_left: int | None = None,
    ) -> ZoneVisit:
        visit.number += 1
        return ZoneVisit(
            run=track.run,
            source=track.source,
            track_id=track.track_id,
            zone=zone,
            opened=from_ms(visit.opened_ms),
            number=visit.number,
            step=step,
            time=from_ms(time_ms),
            last_seen=from_ms(track.observation.time_ms),
            minutes_left=minutes_left,
            object=track.observation.object_info,
        )
