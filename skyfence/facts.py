"""What came out of a frame: crossings for the audit, track events for people, late reports.

Numbers and identifies them: a fact's identifier is made of whole numbers and names only, so that
the same reports give the same facts on every machine.
"""

from dataclasses import dataclass, field

from skyfence.airspace import Airspace
from skyfence.channels import Environment
from skyfence.crossing import Crossing, CrossingKind
from skyfence.identity import derive
from skyfence.model import round_degrees
from skyfence.rules import Rules
from skyfence.state import TrackState
from skyfence.surroundings import across
from skyfence.times import from_ms
from skyfence.track_event import TrackEvent, TrackEventKind


@dataclass(frozen=True)
class Place:
    """Where and when a fact stands."""

    time_ms: int
    lat: float
    lon: float


@dataclass
class Facts:
    """Collects what happened, in the order in which it was found."""

    environment: Environment
    airspace: Airspace
    rules: Rules
    crossings: list[Crossing] = field(default_factory=list)
    events: list[TrackEvent] = field(default_factory=list)
    reports: int = 0
    late: int = 0

    def crossing(
        self, kind: CrossingKind, track: TrackState, area: int, place: Place, *, cut: bool = False
    ) -> None:
        """Record that a track's path met the border of an area; the union's own is no zone."""
        if area == self.airspace.protected:
            return
        zone = self.airspace.zones[area]
        met = kind in ("enter", "exit")
        depth = track.depths.get(area)
        ended = kind in ("exit", "vanish")
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
                other_side=across(self.airspace, area, place.lon, place.lat, self.rules)
                if met
                else (),
                depth_m=round(depth.deepest_m) if ended and depth else None,
                cut=cut,
                object=track.known,
            )
        )
        track.facts += 1

    def event(self, kind: TrackEventKind, track: TrackState, place: Place) -> None:
        """Record a step of a track's story with the protected airspace."""
        story, area = track.story, self.airspace.protected
        assert story is not None  # noqa: S101 - events are steps of a story
        assert area is not None  # noqa: S101 - and a story is one with this airspace
        story.number += 1
        if depth := track.depths.get(area):
            story.deepest_m = max(story.deepest_m, round(depth.deepest_m))
        met = kind in ("entered", "exited")
        names = _names(self.environment, track)
        self.events.append(
            TrackEvent(
                event_id=derive("event", *names[:-1], story.episode, story.number),
                kind=kind,
                run=track.run,
                source=track.source,
                track_id=track.track_id,
                episode=story.episode,
                number=story.number,
                time=from_ms(place.time_ms),
                last_seen=from_ms(track.sight.time_ms),
                lat=round_degrees(place.lat),
                lon=round_degrees(place.lon),
                nations=story.nations,
                regions=story.regions,
                other_side=across(self.airspace, area, place.lon, place.lat, self.rules)
                if met
                else (),
                depth_m=story.deepest_m,
                zones_version=self.airspace.version,
                object=track.known,
            )
        )


def _names(environment: Environment, track: TrackState) -> tuple[str | int, ...]:
    """Return what identifies a track's life: its names and when it was first seen."""
    return (environment, track.run, track.source, track.track_id, track.first_ms)
