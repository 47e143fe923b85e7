"""What came out of a frame: crossings for the audit, track events for people, late reports.

Numbers and identifies them: a fact's identifier is made of whole numbers and names only, so that
the same reports give the same facts on every machine.
"""

from dataclasses import dataclass, field
from typing import Any

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.neighbours import across
from skyfence.contracts.base import round_degrees
from skyfence.contracts.crossing import Crossing, CrossingKind, Evidence
from skyfence.contracts.track_event import (
    Ahead,
    SourceWatermark,
    TrackEvent,
    TrackEventKind,
    TrackFact,
)
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy
from skyfence.times import from_ms
from skyfence.tracks.crossing_details import PendingCrossing, fill_details
from skyfence.tracks.evidence import probability
from skyfence.tracks.observation import CrossingPoint
from skyfence.tracks.track_state import Passage, TrackState
from skyfence.tracks.violation_episode import ViolationEpisode


@dataclass
class FrameResult:
    """Collects what happened, in the order in which it was found."""

    environment: Environment
    airspace: Airspace
    parameters: DetectionParameters
    policy: Policy
    pending_crossings: list[PendingCrossing] = field(default_factory=list)
    events: list[TrackFact] = field(default_factory=list)
    reports: int = 0
    judged: int = 0  # of the reports, those that were not quiet
    late: int = 0

    @property
    def crossings(self) -> list[Crossing]:
        """Return the crossings as they are written, made anew each time."""
        return [_crossing(self.environment, self.airspace, one) for one in self.pending_crossings]

    def fill_details(self) -> None:
        """Find out what the places of all crossings tell, when the last one is recorded."""
        if self.pending_crossings:
            fill_details(self.airspace, self.parameters, self.pending_crossings)

    def crossing(
        self,
        kind: CrossingKind,
        track: TrackState,
        area: int,
        place: CrossingPoint,
        *,
        cut: bool = False,
    ) -> None:
        """Record that a track's path met the border of an area; the union's own is no zone."""
        if area == self.airspace.protected:
            return
        measured = track.depths.get(area)
        self.pending_crossings.append(
            PendingCrossing(
                kind,
                area,
                place,
                cut,
                track.run,
                track.source,
                track.track_id,
                track.first_ms,
                track.crossing_count,
                track.observation,
                area in track.inside,
                track.entered_at.get(area, place),
                None if measured is None else measured.deepest_m,
                track.suppressed_by,
            )
        )
        track.crossing_count += 1

    def event(
        self, kind: TrackEventKind, track: TrackState, place: CrossingPoint, **more: Any
    ) -> None:
        """Record a step of a track's story with the protected airspace."""
        episode = track.violation
        assert episode is not None  # noqa: S101 - events are steps of a story
        episode.event_count += 1
        episode.announced_ms = track.observation.time_ms
        passage = track.entry if kind == "entered" else track.exit if kind == "exited" else None
        names = _names(self.environment, track)
        self.events.append(
            TrackEvent(
                event_id=derive("event", *names[:-1], episode.opened_ms, episode.event_count),
                kind=kind,
                confidence=episode.confidence,
                run=track.run,
                source=track.source,
                track_id=track.track_id,
                opened=from_ms(episode.opened_ms),
                number=episode.event_count,
                time=from_ms(place.time_ms),
                last_seen=from_ms(track.observation.time_ms),
                lat=round_degrees(place.lat),
                lon=round_degrees(place.lon),
                other_side=() if passage is None else self._beyond(passage.point),
                evidence=evidence_of(track, passage),
                first=track.path_start.position_fix,
                zones_version=self.airspace.version,
                object=track.observation.object_info,
                **_situation(episode),
                **more,
            )
        )

    def clock(self, run: str, key: str, time_ms: int, *, last: bool = False) -> None:
        """Record how far a source's event time has come."""
        self.events.append(SourceWatermark(run=run, key=key, time=from_ms(time_ms), last=last))

    def _beyond(self, place: CrossingPoint) -> tuple[str, ...]:
        protected = self.airspace.protected
        if protected is None:
            return ()
        return across(self.airspace, protected, place.lon, place.lat, self.parameters)


def _crossing(environment: Environment, airspace: Airspace, found: PendingCrossing) -> Crossing:
    zone = airspace.zones[found.area]
    return Crossing(
        crossing_id=derive("crossing", *_names(environment, found), found.number),
        kind=found.kind,
        zone=zone.id,
        zone_kind=zone.properties.kind,
        zones_version=zone.version,
        time=from_ms(found.point.time_ms),
        lat=round_degrees(found.point.lat),
        lon=round_degrees(found.point.lon),
        run=found.run,
        source=found.source,
        track_id=found.track_id,
        other_side=found.other_side,
        depth_m=found.depth_m,
        probability=found.probability,
        cut=found.cut,
        suppressed_by=found.suppressed_by,
        object=found.observation.object_info,
    )


def evidence_of(track: TrackState, passage: Passage | None) -> Evidence:
    """Return what a statement about a track rests on."""
    before = passage.before if passage else None
    after = passage.after if passage else track.observation.fix
    place = passage.point if passage else track.observation.point
    return Evidence(
        before=before.position_fix if before else None,
        after=after.position_fix,
        time=from_ms(place.time_ms),
        lat=round_degrees(place.lat),
        lon=round_degrees(place.lon),
        probability=probability(track.belief.last_odds),
        probability_weighed=probability(track.belief.odds),
    )


def _situation(episode: ViolationEpisode) -> dict[str, Any]:
    ahead = sorted(episode.ahead.items(), key=lambda one: (one[1], one[0]))
    return {
        "nations": episode.nations,
        "regions": episode.regions,
        "ahead": tuple(Ahead(place=place, minutes_left=minutes) for place, minutes in ahead),
        "minutes_left": episode.minutes_left,
        "depth_m": episode.deepest_m,
    }


def _names(environment: Environment, track: TrackState | PendingCrossing) -> tuple[str | int, ...]:
    """Return what identifies a track's life: its names and when it was first seen."""
    return (environment, track.run, track.source, track.track_id, track.first_ms)
