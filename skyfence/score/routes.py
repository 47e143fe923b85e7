"""How objects fly: along the border, across it, over a corner of it, and up to it and back.

Each route draws its numbers from the generator given, and draws again where the path is not what
it is meant to be (the salient stands in the way of some): the truth is worked out, not hoped for.
"""

from collections.abc import Callable
from math import radians, sin
from typing import Final

import numpy as np
import shapely

from skyfence.score.flight import Flight, Truth, arc, flown, lengths, rotated, straight, truth_of
from skyfence.score.world import (
    BORDER,
    SALIENT_HALF_ANGLE,
    SALIENT_TIP,
    STRETCHES,
    Floats,
    World,
)

HOUR_S: Final = 3_600.0
SLOW_MPS: Final = 50.0  # a drone with a piston engine
FAST_MPS: Final = 200.0  # a jet
# Paths that begin before the border do so ten minutes or more: warning takes at most five.
_BEFORE_S: Final = (600.0, 900.0)
_SPEEDS_MPS: Final = (30.0, 250.0)
_TURN_DEG_S: Final = {SLOW_MPS: 6.0, FAST_MPS: 3.0}  # small aircraft turn tighter than jets
_NORTH_OF_BORDER_M: Final = 100_000.0
_DRAWS: Final = 1_000  # far more than any route needs

Route = tuple[Flight, Truth]


def along(world: World, rng: np.random.Generator, speed_mps: float) -> Route:
    """Fly to and fro along the border for an hour, 0.25 to 5 km outside."""
    radius_m = speed_mps / radians(_TURN_DEG_S[speed_mps])

    def draw() -> Flight:
        distance_m = rng.uniform(250.0, 5_000.0)
        whole = speed_mps == SLOW_MPS or distance_m >= radius_m
        west, east = (BORDER[0, 0], BORDER[-1, 0]) if whole else rng.choice(STRETCHES)
        lane = _lane(world, distance_m, radius_m, west, east)
        there = [lane, *_reversal(lane, radius_m, left=False)]
        back = [lane[::-1], *_reversal(lane[::-1], radius_m, left=True)]
        cycle = np.vstack([*there, *back, lane[:1]])
        return _stretch_of(cycle, rng.uniform(0.0, lengths(cycle)[-1]), speed_mps)

    return _draw_until(world, draw, lambda truth: truth.stays_outside and truth.closest_m > 100.0)


def across(world: World, rng: np.random.Generator, sigma_m: float) -> Route:
    """Fly straight over the border at any angle, from ten minutes outside to deep inside."""

    def draw() -> Flight:
        speed_mps, degrees = rng.uniform(*_SPEEDS_MPS), rng.uniform(5.0, 90.0)
        where, side = _on_border(rng)
        heading = rotated(side, degrees if rng.random() < 0.5 else 180.0 - degrees)
        deep_s = (6.0 * sigma_m + 1_000.0) / (speed_mps * sin(radians(degrees)))
        before_s, after_s = rng.uniform(*_BEFORE_S), min(max(deep_s, 180.0), 2_400.0)
        line = straight(where, heading, before_s * speed_mps, after_s * speed_mps)
        return flown([line], speed_mps)

    def is_meant(truth: Truth) -> bool:
        return len(truth.entries_s) == 1 and not truth.exits_s and truth.entries_s[0] >= 600.0

    return _draw_until(world, draw, is_meant)


def clip(world: World, rng: np.random.Generator, sigma_m: float) -> Route:
    """Fly straight over the salient, at most 0.5 to 20 sigma deep."""

    def draw() -> Flight:
        speed_mps = rng.uniform(*_SPEEDS_MPS)
        depth_m = sigma_m * rng.uniform(0.5, 20.0)
        # On the salient's axis both flanks are as far; no other point of the line is deeper.
        where = SALIENT_TIP + np.array([0.0, depth_m / sin(SALIENT_HALF_ANGLE)])
        heading = rotated(np.array([1.0, 0.0]), rng.uniform(-4.0, 4.0) + rng.choice([0.0, 180.0]))
        half_m = rng.uniform(300.0, 600.0) * speed_mps
        return flown([straight(where, heading, half_m, half_m)], speed_mps)

    return _draw_until(world, draw, lambda truth: len(truth.entries_s) == len(truth.exits_s) == 1)


def turn_back(world: World, rng: np.random.Generator, sigma_m: float) -> Route:
    """Fly at the border and turn away before it, 3 to 6 sigma outside at the closest."""

    def draw() -> Flight:
        speed_mps, degrees = rng.uniform(*_SPEEDS_MPS), rng.uniform(20.0, 90.0)
        radius_m = speed_mps / radians(rng.uniform(2.0, 3.0))
        closest_m = sigma_m * rng.uniform(3.0, 6.0)
        where, side = _on_stretch(rng)
        left = 1.0 if rng.random() < 0.5 else -1.0
        # Flown at ``degrees`` to the border, turning the way that is shorter.
        heading = rotated(side if left < 0 else -side, -left * degrees)
        turn_m = closest_m + radius_m * (1.0 - np.cos(radians(degrees)))
        start = where - turn_m * rotated(side, 90.0)
        coming = straight(start, heading, rng.uniform(*_BEFORE_S) * speed_mps, 0.0)
        turn = arc(start, heading, radius_m, left * (degrees + 90.0))
        away = rotated(heading, left * (degrees + 90.0))
        leaving = straight(turn[-1], away, 0.0, 300.0 * speed_mps)
        return flown([coming, turn, leaving], speed_mps)

    return _draw_until(world, draw, lambda truth: truth.closest_m >= 3.0 * sigma_m)


def _draw_until(
    world: World, draw: Callable[[], Flight], is_meant: Callable[[Truth], bool]
) -> Route:
    for _ in range(_DRAWS):
        path = draw()
        truth = truth_of(world, path)
        if is_meant(truth):
            return path, truth
    raise AssertionError(f"no such path in {_DRAWS} draws")


def _on_border(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a point anywhere on the border, and the way along it (the member to the left)."""
    metres = lengths(BORDER)
    at = rng.uniform(0.05, 0.95) * metres[-1]
    edge = int(np.searchsorted(metres, at)) - 1
    way = (BORDER[edge + 1] - BORDER[edge]) / (metres[edge + 1] - metres[edge])
    return BORDER[edge] + (at - metres[edge]) * way, way


def _on_stretch(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a point on a straight stretch, and the way along it (the member to the left)."""
    x = rng.uniform(*rng.choice(STRETCHES))
    edge = int(np.searchsorted(BORDER[:, 0], x)) - 1
    way = BORDER[edge + 1] - BORDER[edge]
    share = (x - BORDER[edge, 0]) / way[0]
    return BORDER[edge] + share * way, way / np.hypot(*way)


def _lane(world: World, distance_m: float, radius_m: float, west: float, east: float) -> Floats:
    """Return a line at a distance outside the border, from west to east.

    Grown by more and shrunk again, so that it bends into the bay no tighter than the radius.
    """
    grown = shapely.buffer(world.member, distance_m + radius_m, quad_segs=32)
    outline = shapely.buffer(grown, -radius_m, quad_segs=32).exterior
    front = shapely.box(west, -_NORTH_OF_BORDER_M, east, _NORTH_OF_BORDER_M)
    line = shapely.line_merge(shapely.intersection(outline, front))
    points = shapely.get_coordinates(line)
    return points if points[0, 0] < points[-1, 0] else points[::-1]


def _reversal(lane: Floats, radius_m: float, *, left: bool) -> list[Floats]:
    """Return a turn back onto the lane at its end: 90 degrees away, 270 degrees the other way."""
    heading = lane[-1] - lane[-2]
    heading = heading / np.hypot(*heading)
    side = 1.0 if left else -1.0
    away = arc(lane[-1], heading, radius_m, side * 90.0)
    back = arc(away[-1], rotated(heading, side * 90.0), radius_m, -side * 270.0)
    return [away, back]


def _stretch_of(cycle: Floats, start_m: float, speed_mps: float) -> Flight:
    """Return an hour's flight round a closed line from some way along it."""
    total_m, round_m = speed_mps * HOUR_S, lengths(cycle)[-1]
    rounds = int((start_m + total_m) // round_m) + 1
    points = np.vstack([cycle, *[cycle[1:]] * (rounds - 1)])
    metres = lengths(points)
    within = (metres > start_m) & (metres < start_m + total_m)
    ends = [
        [np.interp(at, metres, axis) for axis in points.T] for at in (start_m, start_m + total_m)
    ]
    return flown([np.array(ends[:1]), points[within], np.array(ends[1:])], speed_mps)
