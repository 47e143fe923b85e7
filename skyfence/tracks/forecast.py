"""How soon: the places a track will reach if it goes on, and how likely that is.

A fan of straight courses about the present one, as wide as courses wander in the time looked ahead;
each counts by its likelihood. The share of the fan that meets a border within the look-ahead is the
likelihood of arriving, the middle of it says when.

                 .-- 0.10
              .-- 0.24
    object  --- 0.32 -->  |border
              '-- 0.24
                 '-- 0.10

Rays are planar lines between geodesic ends: at 60 km they err by some 100 m, far less than the fan
is wide. Does not decide what is worth a warning (``threat``).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.geodesy import WGS84
from skyfence.tracks.motion import Motion

# Offsets of the rays in sigmas, and their weights (a normal density, normalised).
_OFFSETS: Final = (0.0, -0.75, 0.75, -1.5, 1.5)
_WEIGHTS: Final = (0.316, 0.239, 0.239, 0.103, 0.103)
# Past this, planar rays err by more than the fan is wide, and a missile's would cross continents.
_FURTHEST_M: Final = 500_000.0
# No region is warned of what is farther away than a drone flies in 23 minutes: hardly one in ten of
# those came (180 simulated drones, and recordings). What is fast has five minutes.
_REGION_M: Final = 70_000.0
_REGION_LEAST_S: Final = 300.0
_Ray = tuple[float, float, float, float]  # lon, lat of both ends


@dataclass(frozen=True, slots=True)
class Arrival:
    """When an area is reached, seconds from now, and the share (0 .. 1) of the fan that does."""

    seconds: int
    share: float


@dataclass(frozen=True)
class Forecast:
    """Arrivals at the protected airspace and at members' regions, by area index.

    ``regions`` is None where they were not looked for. ``border`` is None inside, too.
    """

    border: Arrival | None = None
    border_area: int | None = None
    regions: Mapping[int, Arrival] | None = None


def forecast(
    airspace: Airspace,
    place: tuple[float, float],
    motion: Motion,
    look_ahead_s: Callable[[str], float],
    inside: frozenset[int],
    *,
    likely: float = 0.0,
) -> Forecast:
    """Return what a fan of courses from a place (lon, lat) reaches; ``inside`` holds its areas.

    ``look_ahead_s`` gives the seconds to look ahead for a kind of zone; 0 is not at all. From
    outside, regions are looked for only where at least the share ``likely`` meets the border.
    """
    if airspace.is_protected_at(inside):
        border, border_area, share = None, None, 1.0
    else:
        border, border_area = _border(airspace, place, motion, look_ahead_s)
        share = 0.0 if border is None else border.share
    if share < likely:
        return Forecast(border, border_area)
    regions = _regions(airspace, place, motion, look_ahead_s("region"), inside)
    return Forecast(border, border_area, regions)


def arrivals(
    airspace: Airspace,
    place: tuple[float, float],
    motion: Motion,
    horizon_s: float,
    areas: Collection[int],
) -> dict[int, Arrival]:
    """Return when a fan of courses from a place (lon, lat) reaches each of some areas, if it does.

    Looks ``horizon_s`` ahead; areas that it does not reach in that time are left out.
    """
    horizon_s = _within_reach_s(motion, horizon_s)
    if horizon_s <= 0 or not areas:
        return {}
    hits = _first_hits(airspace, _fan(place, motion, horizon_s), areas)
    reached = {
        area: _arrival([fraction * horizon_s for fraction in fractions], horizon_s)
        for area, fractions in hits.items()
    }
    return {area: arrival for area, arrival in reached.items() if arrival is not None}


def _border(
    airspace: Airspace,
    place: tuple[float, float],
    motion: Motion,
    look_ahead_s: Callable[[str], float],
) -> tuple[Arrival | None, int | None]:
    horizons = {area: _horizon(airspace, area, look_ahead_s) for area in airspace.protected_areas}
    horizon_s = _within_reach_s(motion, max(horizons.values(), default=0.0))
    if horizon_s <= 0:
        return None, None
    hits = _first_hits(airspace, _fan(place, motion, horizon_s), airspace.protected_areas)
    best: tuple[Arrival | None, int | None] = (None, None)
    for area in sorted(horizons.keys() & hits.keys()):
        arrival = _arrival([fraction * horizon_s for fraction in hits[area]], horizons[area])
        if arrival is not None and (best[0] is None or arrival.seconds < best[0].seconds):
            best = (arrival, area)
    return best


def _regions(
    airspace: Airspace,
    place: tuple[float, float],
    motion: Motion,
    horizon_s: float,
    inside: frozenset[int],
) -> dict[int, Arrival]:
    horizon_s = min(horizon_s, max(_REGION_M / motion.speed_mps, _REGION_LEAST_S))
    if horizon_s <= 0:
        return {}
    arrivals: dict[int, Arrival] = {}
    hits = _first_hits(airspace, _fan(place, motion, horizon_s), airspace.member_regions)
    for area, fractions in hits.items():
        if area not in inside:
            arrival = _arrival([fraction * horizon_s for fraction in fractions], horizon_s)
            if arrival is not None:
                arrivals[area] = arrival
    return arrivals


def _horizon(airspace: Airspace, area: int, look_ahead_s: Callable[[str], float]) -> float:
    """Return the look-ahead of a protected area; the union has the longest of its members'."""
    kinds = airspace.protected_kinds if area == airspace.protected else None
    return max(map(look_ahead_s, kinds or [airspace.zones[area].properties.kind]))


def _within_reach_s(motion: Motion, horizon_s: float) -> float:
    return min(horizon_s, _FURTHEST_M / motion.speed_mps)


def _first_hits(
    airspace: Airspace, rays: Sequence[_Ray], areas: Collection[int]
) -> Mapping[int, Sequence[float]]:
    """Return the fraction (0 .. 1) of each ray at which it first meets each area; inf if never.

    A ray may lead beyond the antimeridian. Areas that no ray meets may be left out.
    """
    hits = airspace.ray_caster.first_hits(rays, areas)
    furthest = max((lon for _, _, lon, _ in rays), key=abs)
    if abs(furthest) <= 180.0:
        return hits
    turn = -360.0 if furthest > 0 else 360.0
    beyond = airspace.ray_caster.first_hits(
        [(w + turn, s, e + turn, n) for w, s, e, n in rays], areas
    )
    none = [inf] * len(rays)
    return {
        area: [*map(min, hits.get(area, none), beyond.get(area, none))]
        for area in hits.keys() | beyond.keys()
    }


def _fan(place: tuple[float, float], motion: Motion, seconds: float) -> Sequence[_Ray]:
    """Return the rays of the fan, in order of their offsets, each as long as it is flown."""
    spread_deg, metres = motion.spread_deg(seconds), motion.speed_mps * seconds
    rays = []
    for offset in _OFFSETS:
        bearing = motion.course_deg + offset * spread_deg
        lon, lat, _ = WGS84.fwd(*place, bearing, metres)
        lon += 360.0 * round((place[0] - lon) / 360.0)  # a line, not a jump over the antimeridian
        rays.append((*place, lon, lat))
    return rays


def _arrival(seconds: Sequence[float], horizon_s: float) -> Arrival | None:
    """Return the arrival of a fan, given when each ray arrives; None if no ray does in time."""
    hits = [(at, weight) for at, weight in zip(seconds, _WEIGHTS, strict=True) if at <= horizon_s]
    if not hits:
        return None
    share = round(sum(weight for _, weight in hits), 3)
    middle = seconds[0] if seconds[0] < inf else sum(at * w for at, w in hits) / share
    return Arrival(round(middle), share)
