"""The kinds of scenes, and how each is made from a seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from skyfence.contracts.report import Report
from skyfence.score.scenes import paths
from skyfence.score.scenes.frontier import Frontier, Gate, moved
from skyfence.score.scenes.paths import Point, TruePath
from skyfence.score.scenes.sensors import Sensor, Showing, reports_of


class SceneKind(StrEnum):
    """What flies, and what is wrong with the sensors."""

    DIRECT = "direct"
    LEGS = "legs"
    PASSES = "passes"
    TURNS_BACK = "turns_back"
    CIRCLES = "circles"
    WEAVES = "weaves"
    FORMATION = "formation"
    CHANGING_NUMBERS = "changing_numbers"
    TWO_RADARS = "two_radars"
    SLOW_RADAR = "slow_radar"
    GAPS = "gaps"
    FIRST_INSIDE = "first_inside"
    FLICKER = "flicker"
    COASTING = "coasting"
    RAID = "raid"
    LOST = "lost"


@dataclass(frozen=True)
class SceneName:
    """Which scene: its kind, its number, and for raids how many objects."""

    kind: SceneKind
    number: int
    objects: int = 1

    @property
    def run(self) -> str:
        """Return the name of the scene's run."""
        return f"{self.kind}-{self.objects}-{self.number}".replace("_", "-")


@dataclass(frozen=True)
class SceneObject:
    """An object: its true path, and whether it endangers anybody (an airliner does not)."""

    path: TruePath
    hostile: bool = True


@dataclass(frozen=True)
class Scene:
    """What truly flies, and what sensors report of it, in order of time."""

    name: SceneName
    objects: tuple[SceneObject, ...]
    reports: tuple[Report, ...]


_RADAR: Final = Sensor("radar")
# Three in four are drones, the others cruise missiles.
_DRONE_MPS: Final = (40.0, 60.0)
_MISSILE_MPS: Final = (180.0, 250.0)
_MISSILE_SHARE: Final = 0.25
_RAID_WITHIN_S: Final = 1_800.0
_FORMATION_M: Final = 600.0
# An object is lost after such a share of its way, for so long: five minutes to an hour.
_LOST_AFTER: Final = (0.3, 0.8)
_LOST_FOR_S: Final = (300.0, 3_600.0)
_AIRLINER: Final[dict[str, object]] = {
    "category": "aircraft",
    "icao_address": "F0A123",
    "altitude_m": 10_500.0,
    "altitude_ref": "pressure",
    "mode_3a": "2145",
}
# The airliner that shows that a radar works when it sees nothing else.
_AIRLINER_MPS: Final = 80.0
_AIRLINER_M: Final = 500_000.0
# A winding border leaves no room for some flights: others are drawn.
_TRIES: Final = 200
_STAYS_OUTSIDE: Final = (SceneKind.CIRCLES,)

_Made = tuple[list[SceneObject], list[Report]]


def scene_of(frontier: Frontier, seed: int, name: SceneName) -> Scene:
    """Make a scene; it depends on the zones, the seed and its name alone."""
    kind_number = list(SceneKind).index(name.kind)
    rng = np.random.default_rng([seed, kind_number, name.objects, name.number])
    for _ in range(_TRIES):
        objects, reports = _MAKERS[name.kind](rng, frontier.gate(rng), name)
        if _fits(frontier, name.kind, objects):
            ordered = sorted(reports, key=lambda report: report.time)
            return Scene(name, tuple(objects), tuple(ordered))
    raise RuntimeError(f"no room for {name.run}")


def _fits(frontier: Frontier, kind: SceneKind, objects: Sequence[SceneObject]) -> bool:
    """Tell whether all objects begin outside; what only circles stays there."""
    for each in objects:
        path = each.path
        if frontier.is_member(float(path.lons[0]), float(path.lats[0])):
            return False
        if kind in _STAYS_OUTSIDE and frontier.touches(path.lons, path.lats):
            return False
    return True


def _speed(rng: np.random.Generator) -> float:
    fast = rng.uniform() < _MISSILE_SHARE
    return float(rng.uniform(*(_MISSILE_MPS if fast else _DRONE_MPS)))


def _drone(rng: np.random.Generator) -> float:
    return float(rng.uniform(*_DRONE_MPS))


def _numbered(name: str) -> Showing:
    return Showing(track_id=lambda _second: name)


def _lone(
    route: Callable[[np.random.Generator, Gate], Sequence[Point]],
    speed: Callable[[np.random.Generator], float] = _drone,
    sensor: Sensor = _RADAR,
) -> Callable[[np.random.Generator, Gate, SceneName], _Made]:
    def make(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
        path = paths.fly(rng, route(rng, gate), speed(rng))
        return [SceneObject(path)], reports_of(rng, sensor, path, _numbered("T1"))

    return make


def _formation(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    first = paths.fly(rng, paths.direct(rng, gate), _drone(rng))
    second = paths.beside(first, _FORMATION_M, float(first.courses_deg[0]) + 90.0)
    reports = []
    for radar in (Sensor("radar-a", 4.0), Sensor("radar-b", 5.0, bias_m=(120.0, -80.0))):
        for number, path in enumerate((first, second), 1):
            reports += reports_of(rng, radar, path, _numbered(f"{radar.name}-{number}"))
    return [SceneObject(first), SceneObject(second)], reports


def _changing_numbers(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    path = paths.fly(rng, paths.direct(rng, gate), _drone(rng))
    every_s = float(rng.uniform(30.0, 120.0))
    showing = Showing(track_id=lambda second: f"N{int(second / every_s):03d}")
    return [SceneObject(path)], reports_of(rng, _RADAR, path, showing)


def _two_radars(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    path = paths.fly(rng, paths.direct(rng, gate), _speed(rng))
    angle, bias_m = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(300.0, 900.0)
    biased = Sensor(
        "radar-b",
        6.0,
        bias_m=(float(bias_m * np.sin(angle)), float(bias_m * np.cos(angle))),
        clock_s=float(rng.uniform(-5.0, 0.0)),
    )
    reports = reports_of(rng, Sensor("radar-a", 4.0), path, _numbered("A1"))
    return [SceneObject(path)], reports + reports_of(rng, biased, path, _numbered("B1"))


def _first_inside(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    path = paths.fly(rng, paths.direct(rng, gate), _drone(rng))
    seen_from_s = float(rng.uniform(0.6, 0.9)) * (path.end_s - path.start_s)
    showing = Showing(lambda _second: "L1", {"category": "uav"}, from_s=seen_from_s)
    return [SceneObject(path)], reports_of(rng, _RADAR, path, showing)


def _flicker(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    path = paths.fly(rng, paths.through(rng, gate), float(rng.uniform(200.0, 240.0)))
    share = float(rng.uniform(0.5, 0.9))

    def sometimes(_second: float, rng: np.random.Generator) -> dict[str, object]:
        return {"callsign": "TEST12"} if rng.uniform() < share else {}

    showing = Showing(lambda _second: "F0A123", _AIRLINER, sometimes)
    return [SceneObject(path, hostile=False)], reports_of(rng, Sensor("adsb"), path, showing)


def _coasting(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    """Make a flight that turns back while its tracker draws it on over the border."""
    speed_mps = _drone(rng)
    start = paths.direct(rng, gate)[0]
    middle = (gate.lon, gate.lat)
    drawn = paths.fly(rng, [start, middle, moved(*middle, gate.inward_deg, 8_000.0)], speed_mps)
    turning_s = float(np.floor((drawn.end_s - drawn.start_s) * 0.7))
    last = (float(drawn.lons[int(turning_s)]), float(drawn.lats[int(turning_s)]))
    truly = paths.fly(rng, [start, last, start], speed_mps)
    showing = Showing(
        lambda _second: "C1",
        changes=lambda second, _rng: {"phase": "coasting"} if second > turning_s else {},
        until_s=turning_s + 200.0,
    )
    return [SceneObject(truly)], reports_of(rng, _RADAR, drawn, showing)


def _raid(rng: np.random.Generator, gate: Gate, name: SceneName) -> _Made:
    objects, reports = [], []
    for number in range(name.objects):
        start_s = float(rng.uniform(0.0, _RAID_WITHIN_S))
        path = paths.fly(rng, paths.direct(rng, gate), _drone(rng), start_s)
        objects.append(SceneObject(path))
        reports += reports_of(rng, _RADAR, path, _numbered(f"R{number:03d}"))
    return objects, reports


def _lost(rng: np.random.Generator, gate: Gate, _name: SceneName) -> _Made:
    """Make a flight that its radar loses and may see again, under another number.

    An airliner, which flies away from the gate, is seen all the time.
    """
    path = paths.fly(rng, paths.legs(rng, gate), _speed(rng))
    lost_s = float(rng.uniform(*_LOST_AFTER)) * (path.end_s - path.start_s)
    seen_again_s = lost_s + float(rng.uniform(*_LOST_FOR_S))
    reports = reports_of(rng, _RADAR, path, replace(_numbered("T1"), until_s=lost_s))
    reports += reports_of(rng, _RADAR, path, replace(_numbered("T2"), from_s=seen_again_s))
    start = moved(gate.lon, gate.lat, gate.inward_deg, -50_000.0)
    away = moved(*start, gate.inward_deg, -_AIRLINER_M)
    airliner = paths.fly(rng, [start, away], _AIRLINER_MPS)
    identity = _AIRLINER | {"callsign": "TEST12"}
    reports += reports_of(rng, _RADAR, airliner, Showing(lambda _second: "AIR", identity))
    return [SceneObject(path), SceneObject(airliner, hostile=False)], reports


_MAKERS: Final[Mapping[SceneKind, Callable[[np.random.Generator, Gate, SceneName], _Made]]] = {
    SceneKind.DIRECT: _lone(paths.direct, _speed),
    SceneKind.LEGS: _lone(paths.legs, _speed),
    SceneKind.PASSES: _lone(paths.passes, _speed),
    SceneKind.TURNS_BACK: _lone(paths.turns_back, _speed),
    SceneKind.CIRCLES: _lone(paths.circles),
    SceneKind.WEAVES: _lone(paths.weaves),
    SceneKind.FORMATION: _formation,
    SceneKind.CHANGING_NUMBERS: _changing_numbers,
    SceneKind.TWO_RADARS: _two_radars,
    SceneKind.SLOW_RADAR: _lone(paths.direct, sensor=Sensor("radar", scan_s=60.0)),
    SceneKind.GAPS: _lone(paths.legs, sensor=Sensor("radar", gaps_every_s=400.0)),
    SceneKind.FIRST_INSIDE: _first_inside,
    SceneKind.FLICKER: _flicker,
    SceneKind.COASTING: _coasting,
    SceneKind.RAID: _raid,
    SceneKind.LOST: _lost,
}
