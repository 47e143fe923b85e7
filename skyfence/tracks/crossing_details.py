"""What a crossing's place tells: the zones beyond, how deep the track was, how sure it is.

Crossings are found one by one and surveyed together, a frame's at once: a call that measures twenty
places takes hardly longer than one for a single place.

    found in a frame --> places across the border --> zones near, once
                     --> the last reports         --.
                     --> the deepest places       --'-> distances, once
"""

from collections.abc import Sequence
from dataclasses import dataclass

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.neighbours import across_many
from skyfence.contracts.crossing import CrossingKind
from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.evidence import log_odds, probability, sigma_m
from skyfence.tracks.observation import CrossingPoint, Observation


@dataclass(slots=True)
class PendingCrossing:
    """A crossing as its track knew it, with the track's names, and then what the survey adds.

    ``held`` tells whether the last report was inside, ``came`` where the track had come in,
    ``deepest_m`` how deep it was, where that was measured on the way. ``number`` counts the
    crossings of the track's life.
    """

    kind: CrossingKind
    area: int
    point: CrossingPoint
    cut: bool
    run: str
    source: str
    track_id: str
    first_ms: int
    number: int
    observation: Observation
    held: bool
    entered_at: CrossingPoint
    deepest_m: float | None
    suppressed_by: str | None
    other_side: tuple[str, ...] = ()
    depth_m: int | None = None
    probability: float = 1.0


def fill_details(
    airspace: Airspace, parameters: DetectionParameters, found: Sequence[PendingCrossing]
) -> None:
    """Fill in what the places of crossings tell."""
    met = [one for one in found if one.kind in ("enter", "exit")]
    places = [(one.point.lon, one.point.lat) for one in met]
    beyond = across_many(airspace, [one.area for one in met], places, parameters)
    for one, zones in zip(met, beyond, strict=True):
        one.other_side = zones
    _measure(airspace, parameters, found)


def _measure(
    airspace: Airspace, parameters: DetectionParameters, found: Sequence[PendingCrossing]
) -> None:
    """Bring in the depths and the probabilities; what both need is measured in one go."""
    left = [one for one in found if one.kind in ("exit", "vanish")]
    deep = _deepest_inside(airspace, [one for one in left if one.deepest_m is None])
    asked = [(one.area, (one.observation.lon, one.observation.lat)) for one in found]
    asked += [(one.area, place) for one, place in deep]
    metres = airspace.border_distances_m([area for area, _ in asked], [at for _, at in asked])
    for one in left:
        one.depth_m = round(one.deepest_m or 0.0)
    for (one, _), depth_m in zip(deep, metres[len(found) :], strict=True):
        one.depth_m = max(one.depth_m or 0, round(depth_m))
    for one, distance_m in zip(found, metres, strict=False):
        one.probability = _probability(airspace, parameters, one, distance_m)


def _deepest_inside(
    airspace: Airspace, found: Sequence[PendingCrossing]
) -> list[tuple[PendingCrossing, tuple[float, float]]]:
    """Return where to measure how deep tracks were that nobody measured on the way.

    Of those only the entry is remembered, so it is in the middle of the straight line from there,
    and at the end of it, as far as these are inside.
    """
    places = []
    for one in found:
        half = ((one.point.lon - one.entered_at.lon + 180.0) % 360.0 - 180.0) / 2
        lon = (one.entered_at.lon + half + 180.0) % 360.0 - 180.0
        places.append((one, (lon, (one.entered_at.lat + one.point.lat) / 2)))
        places.append((one, (one.point.lon, one.point.lat)))
    inside = airspace.are_inside([one.area for one, _ in places], [place for _, place in places])
    return [one for one, is_inside in zip(places, inside, strict=True) if is_inside]


def _probability(
    airspace: Airspace, parameters: DetectionParameters, one: PendingCrossing, distance_m: float
) -> float:
    """Return how likely the last report alone makes the side that a crossing says."""
    border_m = airspace.zones[one.area].properties.accuracy_m
    depth_m = distance_m if one.held else -distance_m
    inside = probability(
        log_odds(depth_m, sigma_m(one.observation.accuracy_m, border_m, parameters))
    )
    return round(1.0 - inside, 3) if one.kind == "exit" else inside
