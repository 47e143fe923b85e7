"""Crossings: what a track knew when its path met a border, and what that point tells in addition.

Crossings are recorded one by one and completed together, a frame's at once: a call that measures
twenty points takes hardly longer than one for a single point.

    recorded in a frame --> points across the border --> zones near, once
                        --> the last reports         --.
                        --> the deepest points       --'-> distances, once

A crossing's identifier is made of names and whole numbers only, so that the same reports give the
same crossings on every machine. Does not find crossings (``path_recorder``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from skyfence.airspace.neighbours import across_many
from skyfence.contracts.base import round_degrees
from skyfence.contracts.crossing import Crossing, CrossingKind
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.times import from_ms
from skyfence.tracks.context import Context
from skyfence.tracks.evidence import log_odds, probability, sigma_m
from skyfence.tracks.observation import CrossingPoint, Observation
from skyfence.tracks.track_state import TrackState
from skyfence.zones.zone_file import Zone


@dataclass(slots=True, kw_only=True)
class PendingCrossing:
    """A crossing as its track knew it, with the track's names, and then its details.

    ``is_inside`` tells whether the last report was inside the area, ``entered_at`` where the track
    had come in, ``deepest_m`` how deep it was, where that was measured on the way. ``number``
    counts the crossings of the track's life. The last three are filled in by ``fill_details``.
    """

    environment: Environment
    kind: CrossingKind
    area: int
    zone: Zone
    point: CrossingPoint
    cut: bool
    run: str
    source: str
    track_id: str
    first_ms: int
    number: int
    observation: Observation
    is_inside: bool
    entered_at: CrossingPoint
    deepest_m: float | None
    suppressed_by: str | None
    other_side: tuple[str, ...] = ()
    depth_m: int | None = None
    probability: float = 1.0

    @classmethod
    def of(
        cls,
        context: Context,
        track: TrackState,
        *,
        kind: CrossingKind,
        area: int,
        point: CrossingPoint,
        cut: bool,
    ) -> "PendingCrossing":
        """Take what a track knows now, and count the crossing there.

        Precondition: ``area`` is a zone's, not the protected union's.
        """
        depth = track.depths.get(area)
        number, track.crossing_count = track.crossing_count, track.crossing_count + 1
        return cls(
            environment=context.environment,
            kind=kind,
            area=area,
            zone=context.airspace.zones[area],
            point=point,
            cut=cut,
            run=track.run,
            source=track.source,
            track_id=track.track_id,
            first_ms=track.first_ms,
            number=number,
            observation=track.observation,
            is_inside=area in track.inside,
            entered_at=track.entered_at.get(area, point),
            deepest_m=None if depth is None else depth.deepest_m,
            suppressed_by=track.suppressed_by,
        )

    def published(self) -> Crossing:
        """Return the crossing as it is written to ``crossings``: degrees rounded, with its id.

        Precondition: the details are filled in.
        """
        names = (self.environment, self.run, self.source, self.track_id)
        return Crossing(
            crossing_id=derive("crossing", *names, self.first_ms, self.number),
            kind=self.kind,
            zone=self.zone.id,
            zone_kind=self.zone.properties.kind,
            zones_version=self.zone.version,
            time=from_ms(self.point.time_ms),
            lat=round_degrees(self.point.lat),
            lon=round_degrees(self.point.lon),
            run=self.run,
            source=self.source,
            track_id=self.track_id,
            other_side=self.other_side,
            depth_m=self.depth_m,
            probability=self.probability,
            cut=self.cut,
            suppressed_by=self.suppressed_by,
            object=self.observation.object_info,
        )


def fill_details(context: Context, pending: Sequence[PendingCrossing]) -> None:
    """Fill in what the points of crossings tell: zones beyond, depths, probabilities."""
    if not pending:
        return
    moves = [crossing for crossing in pending if crossing.kind in ("enter", "exit")]
    places = [(crossing.point.lon, crossing.point.lat) for crossing in moves]
    areas = [crossing.area for crossing in moves]
    beyond = across_many(context.airspace, areas, places, context.parameters)
    for crossing, zones in zip(moves, beyond, strict=True):
        crossing.other_side = zones
    _measure(context, pending)


def _measure(context: Context, pending: Sequence[PendingCrossing]) -> None:
    """Fill in depths and probabilities; what both need is measured in one call."""
    left = [crossing for crossing in pending if crossing.kind in ("exit", "vanish")]
    deep = _deepest_inside(context, [crossing for crossing in left if crossing.deepest_m is None])
    queries = [
        (crossing.area, (crossing.observation.lon, crossing.observation.lat))
        for crossing in pending
    ]
    queries += [(crossing.area, place) for crossing, place in deep]
    distances_m = context.airspace.border_distances_m(
        [area for area, _ in queries], [place for _, place in queries]
    )
    for crossing in left:
        crossing.depth_m = round(crossing.deepest_m or 0.0)
    for (crossing, _), depth_m in zip(deep, distances_m[len(pending) :], strict=True):
        crossing.depth_m = max(crossing.depth_m or 0, round(depth_m))
    for crossing, distance_m in zip(pending, distances_m, strict=False):
        crossing.probability = _probability(context, crossing, distance_m)


def _deepest_inside(
    context: Context, crossings: Sequence[PendingCrossing]
) -> list[tuple[PendingCrossing, tuple[float, float]]]:
    """Return the points (lon, lat) at which to measure depths that were not measured before.

    Of these tracks only the entry is remembered, so a point is in the middle of the straight line
    from there, and another at the end of it, as far as they are inside.
    """
    points = []
    for crossing in crossings:
        end, start = crossing.point, crossing.entered_at
        half = ((end.lon - start.lon + 180.0) % 360.0 - 180.0) / 2
        lon = (start.lon + half + 180.0) % 360.0 - 180.0
        points.append((crossing, (lon, (start.lat + end.lat) / 2)))
        points.append((crossing, (end.lon, end.lat)))
    inside = context.airspace.are_inside(
        [crossing.area for crossing, _ in points], [place for _, place in points]
    )
    return [point for point, is_inside in zip(points, inside, strict=True) if is_inside]


def _probability(context: Context, crossing: PendingCrossing, distance_m: float) -> float:
    """Return how likely the last report alone makes the side that a crossing says."""
    border_m = crossing.zone.properties.accuracy_m
    depth_m = distance_m if crossing.is_inside else -distance_m
    sigma = sigma_m(crossing.observation.accuracy_m, border_m, context.parameters)
    inside = probability(log_odds(depth_m, sigma))
    return round(1.0 - inside, 3) if crossing.kind == "exit" else inside
