"""What came out of a frame: crossings for the audit, track events for people, late reports.

Numbers and identifies them: a fact's identifier is made of whole numbers and names only, so that
the same reports give the same facts on every machine.
"""

from dataclasses import dataclass, field
from typing import Any

from skyfence.airspace import Airspace, Side
from skyfence.channels import Environment
from skyfence.crossing import Crossing, CrossingKind, Evidence
from skyfence.evidence import log_odds, probability, sigma_m
from skyfence.identity import derive
from skyfence.model import round_degrees
from skyfence.policy import Policy
from skyfence.rules import Rules
from skyfence.state import Passage, Place, Story, TrackState
from skyfence.surroundings import across
from skyfence.times import from_ms
from skyfence.track_event import Ahead, Event, SourceClock, TrackEvent, TrackEventKind


@dataclass
class Facts:
    """Collects what happened, in the order in which it was found."""

    environment: Environment
    airspace: Airspace
    rules: Rules
    policy: Policy
    crossings: list[Crossing] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reports: int = 0
    judged: int = 0  # of the reports, those that were not quiet
    late: int = 0

    def crossing(
        self, kind: CrossingKind, track: TrackState, area: int, place: Place, *, cut: bool = False
    ) -> None:
        """Record that a track's path met the border of an area; the union's own is no zone."""
        if area == self.airspace.protected:
            return
        zone = self.airspace.zones[area]
        self.crossings.append(
            Crossing(
                crossing_id=derive("crossing", *_names(self.environment, track), track.facts),
                kind=kind,
                zone=zone.id,
                zone_kind=zone.properties.kind,
                zones_version=zone.version,
                time=from_ms(place.time_ms),
                lat=round_degrees(place.lat),
                lon=round_degrees(place.lon),
                run=track.run,
                source=track.source,
                track_id=track.track_id,
                other_side=self._other_side(kind in ("enter", "exit"), area, place),
                depth_m=self._depth_m(track, area, place) if kind in ("exit", "vanish") else None,
                probability=self._probability(kind, track, area),
                cut=cut,
                suppressed_by=track.suppressed_by,
                object=track.sight.known,
            )
        )
        track.facts += 1

    def event(self, kind: TrackEventKind, track: TrackState, place: Place, **more: Any) -> None:
        """Record a step of a track's story with the protected airspace."""
        story = track.story
        assert story is not None  # noqa: S101 - events are steps of a story
        story.number += 1
        story.told_ms = track.sight.time_ms
        passage = track.entry if kind == "entered" else track.exit if kind == "exited" else None
        names = _names(self.environment, track)
        self.events.append(
            TrackEvent(
                event_id=derive("event", *names[:-1], story.opened_ms, story.number),
                kind=kind,
                confidence=story.confidence,
                run=track.run,
                source=track.source,
                track_id=track.track_id,
                opened=from_ms(story.opened_ms),
                number=story.number,
                time=from_ms(place.time_ms),
                last_seen=from_ms(track.sight.time_ms),
                lat=round_degrees(place.lat),
                lon=round_degrees(place.lon),
                other_side=() if passage is None else self._beyond(passage.place),
                evidence=evidence_of(track, passage),
                first=track.began.seen,
                zones_version=self.airspace.version,
                object=track.sight.known,
                **_situation(story),
                **more,
            )
        )

    def clock(self, run: str, key: str, time_ms: int, *, last: bool = False) -> None:
        """Record how far a source's event time has come."""
        self.events.append(SourceClock(run=run, key=key, time=from_ms(time_ms), last=last))

    def _depth_m(self, track: TrackState, area: int, place: Place) -> int:
        """Return how deep a track was in an area that it leaves or vanishes in.

        Of one that nobody is told about only the entry is remembered, so it is measured in the
        middle of the straight line from there, and at the end of it.
        """
        measured = track.depths.get(area)
        if measured is not None:
            return round(measured.deepest_m)
        came = track.came.get(area, place)
        half = ((place.lon - came.lon + 180.0) % 360.0 - 180.0) / 2
        lon = (came.lon + half + 180.0) % 360.0 - 180.0
        places = [(lon, (came.lat + place.lat) / 2), (place.lon, place.lat)]
        inside = [one for one in places if self.airspace.side(area, *one) is Side.INSIDE]
        depths = [self.airspace.border_distance_m(area, *one) for one in inside]
        return round(max(depths, default=0.0))

    def _other_side(self, met: bool, area: int, place: Place) -> tuple[str, ...]:
        return across(self.airspace, area, place.lon, place.lat, self.rules) if met else ()

    def _beyond(self, place: Place) -> tuple[str, ...]:
        protected = self.airspace.protected
        return () if protected is None else self._other_side(True, protected, place)

    def _probability(self, kind: CrossingKind, track: TrackState, area: int) -> float:
        """Return how likely the last report alone makes the side that a crossing says."""
        sight = track.sight
        border_m = self.airspace.zones[area].properties.accuracy_m
        distance_m = self.airspace.border_distance_m(area, sight.lon, sight.lat)
        depth_m = distance_m if area in track.inside else -distance_m
        inside = probability(log_odds(depth_m, sigma_m(sight.accuracy_m, border_m, self.rules)))
        return round(1.0 - inside, 3) if kind == "exit" else inside


def evidence_of(track: TrackState, passage: Passage | None) -> Evidence:
    """Return what a statement about a track rests on."""
    before = passage.before if passage else None
    after = passage.after if passage else track.sight.fix
    place = passage.place if passage else track.sight.place
    return Evidence(
        before=before.seen if before else None,
        after=after.seen,
        time=from_ms(place.time_ms),
        lat=round_degrees(place.lat),
        lon=round_degrees(place.lon),
        probability=probability(track.belief.fresh),
        probability_weighed=probability(track.belief.odds),
    )


def _situation(story: Story) -> dict[str, Any]:
    ahead = sorted(story.ahead.items(), key=lambda one: (one[1], one[0]))
    return {
        "nations": story.nations,
        "regions": story.regions,
        "ahead": tuple(Ahead(place=place, minutes_left=minutes) for place, minutes in ahead),
        "minutes_left": story.minutes_left,
        "depth_m": story.deepest_m,
    }


def _names(environment: Environment, track: TrackState) -> tuple[str | int, ...]:
    """Return what identifies a track's life: its names and when it was first seen."""
    return (environment, track.run, track.source, track.track_id, track.first_ms)
