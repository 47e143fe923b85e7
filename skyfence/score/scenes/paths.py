"""True paths of objects near a gate: where each is at every second.

An object flies from waypoint to waypoint, turns at a bounded rate, and wanders: its course errs by
a few degrees for a minute or two, as winds and autopilots have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians, sin
from typing import Final

import numpy as np

from skyfence.geometry.geodesy import metres_per_degree
from skyfence.score.scenes.frontier import Gate, moved
from skyfence.score.world import Floats

Point = tuple[float, float]  # longitude, latitude, degrees

# A drone's rate-one turn; a jet's is no faster.
_TURN_DEG_S: Final = 3.0
# A waypoint is reached this many seconds before it, half a turn's radius: nearer, an object may
# circle around it for ever.
_REACHED_S: Final = 11.0
# The course's wander, one sigma, and how long it keeps its side.
_WANDER_DEG: Final = 4.0
_WANDER_S: Final = 90.0
_LONGEST_S: Final = 5_400


@dataclass(frozen=True)
class TruePath:
    """Where an object is at each second from ``start_s`` on: degrees, m/s and degrees, all (n,)."""

    start_s: float
    lons: Floats
    lats: Floats
    courses_deg: Floats
    speed_mps: float

    @property
    def end_s(self) -> float:
        """Return the last second."""
        return self.start_s + len(self.lons) - 1

    def at(self, seconds: Floats) -> tuple[Floats, Floats, Floats]:
        """Return longitudes, latitudes and courses at some seconds within the path, each (m,)."""
        offset = np.clip(seconds - self.start_s, 0.0, len(self.lons) - 1.0)
        index = np.arange(len(self.lons))
        nearest = np.rint(offset).astype(int)
        return (
            np.interp(offset, index, self.lons),
            np.interp(offset, index, self.lats),
            self.courses_deg[nearest],
        )


def fly(
    rng: np.random.Generator, waypoints: Sequence[Point], speed_mps: float, start_s: float = 0.0
) -> TruePath:
    """Return the path through waypoints; it ends at the last one, or after an hour and a half."""
    lon, lat = waypoints[0]
    course = _course_to((lon, lat), waypoints[1])
    wander, kept = 0.0, float(np.exp(-1.0 / _WANDER_S))
    pushes = rng.standard_normal(_LONGEST_S) * _WANDER_DEG * np.sqrt(1.0 - kept**2)
    lons, lats, courses, target = [lon], [lat], [course], 1
    for second in range(_LONGEST_S):
        if _metres((lon, lat), waypoints[target]) < _REACHED_S * speed_mps:
            target += 1
            if target == len(waypoints):
                break
        wander = kept * wander + float(pushes[second])
        wanted = _course_to((lon, lat), waypoints[target]) + wander
        turn = (wanted - course + 180.0) % 360.0 - 180.0
        course = (course + max(-_TURN_DEG_S, min(_TURN_DEG_S, turn))) % 360.0
        per_lon, per_lat = metres_per_degree(lat)
        lon += speed_mps * sin(radians(course)) / per_lon
        lat += speed_mps * cos(radians(course)) / per_lat
        lons.append(lon)
        lats.append(lat)
        courses.append(course)
    return TruePath(start_s, np.array(lons), np.array(lats), np.array(courses), speed_mps)


def direct(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints from outside straight to a target up to 200 km inside."""
    return [_outside(rng, gate, 40.0), _target(rng, gate)]


def legs(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints to a target inside by way of one to three others."""
    start, target = _outside(rng, gate, 40.0), _target(rng, gate)
    count = int(rng.integers(1, 4))
    shares = np.sort(rng.uniform(0.15, 0.85, count))
    middle = [
        moved(
            start[0] + share * (target[0] - start[0]),
            start[1] + share * (target[1] - start[1]),
            float(rng.uniform(0.0, 360.0)),
            float(abs(rng.normal(0.0, 15_000.0))),
        )
        for share in shares.tolist()
    ]
    return [start, *middle, target]


def passes(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints of a flight past the gate, 3 to 40 km outside, that aims at no member."""
    side = 1.0 if rng.uniform() < 0.5 else -1.0
    closest = moved(gate.lon, gate.lat, gate.inward_deg, -float(rng.uniform(3_000.0, 40_000.0)))
    away = gate.inward_deg + 180.0
    first = moved(*closest, away + side * rng.uniform(30.0, 85.0), rng.uniform(30_000.0, 80_000.0))
    last = moved(*closest, away - side * rng.uniform(30.0, 85.0), rng.uniform(20_000.0, 60_000.0))
    return [first, closest, last]


def turns_back(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints towards the gate and back, turning 2 to 15 km before it."""
    turning = moved(gate.lon, gate.lat, gate.inward_deg, -float(rng.uniform(2_000.0, 15_000.0)))
    home = gate.inward_deg + 180.0 + rng.uniform(-50.0, 50.0)
    return [_outside(rng, gate, 40.0), turning, moved(*turning, float(home), 40_000.0)]


def circles(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints that circle for half an hour, 4 to 9 km before the gate, and go away."""
    radius_m = float(rng.uniform(1_500.0, 2_500.0))
    centre = moved(gate.lon, gate.lat, gate.inward_deg, -float(rng.uniform(6_000.0, 9_000.0)))
    rounds = round(30 * 60 * 50.0 / (2.0 * np.pi * radius_m))
    turn = [moved(*centre, gate.inward_deg + 45.0 * step, radius_m) for step in range(8 * rounds)]
    home = gate.inward_deg + 180.0
    return [moved(*centre, home, 30_000.0), *turn, moved(*centre, home, 45_000.0)]


def weaves(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints that cross the gate to and fro six times, minutes apart, and go away."""
    step_m, depth_m = float(rng.uniform(1_500.0, 3_000.0)), float(rng.uniform(4_000.0, 8_000.0))
    along = gate.inward_deg + 90.0
    home = gate.inward_deg + 180.0
    points = [moved(gate.lon, gate.lat, home, 25_000.0)]
    for number in range(12):
        side = moved(gate.lon, gate.lat, along, number * step_m)
        points.append(moved(*side, gate.inward_deg, depth_m if number % 2 else -depth_m))
    return [*points, moved(gate.lon, gate.lat, home, 40_000.0)]


def through(rng: np.random.Generator, gate: Gate) -> list[Point]:
    """Return waypoints of an airliner on its way through: 100 km before the gate to 100 behind."""
    before = moved(gate.lon, gate.lat, gate.inward_deg + rng.uniform(-20.0, 20.0), -100_000.0)
    return [before, moved(gate.lon, gate.lat, gate.inward_deg, 100_000.0)]


def beside(path: TruePath, metres: float, bearing_deg: float) -> TruePath:
    """Return the path of a second object that flies at a fixed distance from the first."""
    per_lon, per_lat = metres_per_degree(float(path.lats[0]))
    return TruePath(
        start_s=path.start_s,
        lons=path.lons + metres * sin(radians(bearing_deg)) / per_lon,
        lats=path.lats + metres * cos(radians(bearing_deg)) / per_lat,
        courses_deg=path.courses_deg,
        speed_mps=path.speed_mps,
    )


def _outside(rng: np.random.Generator, gate: Gate, most_deg: float) -> Point:
    """Return a point 40 to 90 km before a gate, within an angle of the way in."""
    bearing_deg = gate.inward_deg + rng.uniform(-most_deg, most_deg)
    return moved(gate.lon, gate.lat, float(bearing_deg), -float(rng.uniform(40_000.0, 90_000.0)))


def _target(rng: np.random.Generator, gate: Gate) -> Point:
    bearing_deg = gate.inward_deg + rng.uniform(-50.0, 50.0)
    return moved(gate.lon, gate.lat, float(bearing_deg), float(rng.uniform(10_000.0, 200_000.0)))


def _course_to(start: Point, end: Point) -> float:
    per_lon, per_lat = metres_per_degree((start[1] + end[1]) / 2.0)
    return degrees(atan2((end[0] - start[0]) * per_lon, (end[1] - start[1]) * per_lat)) % 360.0


def _metres(start: Point, end: Point) -> float:
    per_lon, per_lat = metres_per_degree((start[1] + end[1]) / 2.0)
    return hypot((end[0] - start[0]) * per_lon, (end[1] - start[1]) * per_lat)
