"""The true path of one object: where it is at each instant, and when it crosses the border.

A polyline on the world's plane with a time at each vertex. Between two vertices the object flies
straight and at an even speed, so its truth is exact. Seconds count from the start of the trial.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from skyfence.score.world import BorderCrossing, Floats, World, scale_at

# Velocity is taken over half a second to either side: within 0.03 % in a turn of 3 degrees/s.
_HALF_SPAN_S: Final = 0.5


@dataclass(frozen=True)
class Flight:
    """Vertices (n, 2) in metres of the plane, and the second of each, ascending (n,)."""

    points: Floats
    seconds: Floats

    def at(self, seconds: Floats) -> Floats:
        """Return where the object is at some seconds (m,): points of the plane, (m, 2), metres."""
        return np.stack([np.interp(seconds, self.seconds, axis) for axis in self.points.T], axis=1)

    def velocity(self, seconds: Floats) -> Floats:
        """Return the true velocity at some seconds (m,): m/s east and north, (m, 2)."""
        before = np.maximum(seconds - _HALF_SPAN_S, self.seconds[0])
        after = np.minimum(seconds + _HALF_SPAN_S, self.seconds[-1])
        moved = (self.at(after) - self.at(before)) / (after - before)[:, None]
        return np.asarray(moved * scale_at(self.at(seconds)))

    def second_of(self, crossing: BorderCrossing) -> float:
        """Return the second at which the path crosses the border."""
        return float(np.interp(crossing.at, np.arange(len(self.seconds)), self.seconds))

    def delayed(self, seconds: float) -> "Flight":
        """Return the same path, flown so many seconds later."""
        return Flight(self.points, self.seconds + seconds)


@dataclass(frozen=True)
class Truth:
    """When a path truly enters and leaves, in seconds.

    ``closest_m`` is how near a path that stays outside comes to the border; 0 if it crosses it.
    """

    entries_s: tuple[float, ...]
    exits_s: tuple[float, ...]
    closest_m: float

    @property
    def stays_outside(self) -> bool:
        """Tell whether the object is never inside."""
        return not self.entries_s

    def delayed(self, seconds: float) -> "Truth":
        """Return the truth of the same path, flown so many seconds later."""
        entries = tuple(at + seconds for at in self.entries_s)
        return Truth(entries, tuple(at + seconds for at in self.exits_s), self.closest_m)


def truth_of(world: World, path: Flight) -> Truth:
    """Return the truth about a path that begins outside."""
    crossings = world.crossings(path.points)
    entries = tuple(path.second_of(crossing) for crossing in crossings if crossing.entered)
    exits = tuple(path.second_of(crossing) for crossing in crossings if not crossing.entered)
    return Truth(entries, exits, 0.0 if crossings else world.nearest_m(path.points))


def straight(through: Floats, heading: Floats, before_m: float, after_m: float) -> Floats:
    """Return both ends, (2, 2), of a line through a point along a heading (a unit vector)."""
    return np.array([through - before_m * heading, through + after_m * heading])


def arc(start: Floats, heading: Floats, radius_m: float, degrees: float) -> Floats:
    """Return a turn's vertices after ``start``, (n, 2), one for each 3 degrees.

    ``degrees`` is positive to the left.
    """
    side = np.sign(degrees)
    centre = start + side * radius_m * np.array([-heading[1], heading[0]])
    count = max(1, round(abs(degrees) / 3.0))
    turned = np.radians(np.linspace(0.0, degrees, count + 1)[1:])
    x, y = start - centre
    cos, sin = np.cos(turned), np.sin(turned)
    return np.asarray(centre + np.stack([x * cos - y * sin, x * sin + y * cos], axis=1))


def flown(parts: Sequence[Floats], speed_mps: float) -> Flight:
    """Return the flight through the vertices of some parts at an even speed on the plane."""
    points = np.vstack(parts)
    metres = lengths(points)
    moves = np.concatenate([[True], np.diff(metres) > 0])
    return Flight(points[moves], metres[moves] / speed_mps)


def lengths(points: Floats) -> Floats:
    """Return how far along a polyline each of its vertices is, metres."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    return np.concatenate([[0.0], np.cumsum(steps)])


def rotated(vector: Floats, degrees: float) -> Floats:
    """Return a vector turned to the left by so many degrees."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([vector[0] * cos - vector[1] * sin, vector[0] * sin + vector[1] * cos])
