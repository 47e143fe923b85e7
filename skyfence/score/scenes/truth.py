"""Where a scene's objects truly are: over which places, when, and whether they had been seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from skyfence.naming import ALLIANCE
from skyfence.score.scenes.kinds import Scene
from skyfence.score.scenes.sensors import START_MS
from skyfence.times import to_ms
from skyfence.zones.zone_file import ZoneSet

_EVERY_S: Final = 2.0
# An object is known to a sensor from its third report on.
_KNOWN_REPORTS: Final = 3


@dataclass(frozen=True)
class Visit:
    """An object's stay over a place, from first to last moment there, milliseconds."""

    number: int
    place: str
    from_ms: int
    until_ms: int


class SceneTruth:
    """The truth of one scene: the visits of its hostile objects to members' places."""

    def __init__(self, scene: Scene, places: "Places") -> None:
        self._scene = scene
        self._places = places

    @cached_property
    def visits(self) -> list[Visit]:
        """Return all visits to regions, nations and the alliance, in order of time."""
        visits = [
            visit
            for number, each in enumerate(self._scene.objects)
            if each.hostile
            for visit in self._visits_of(number)
        ]
        return sorted(visits, key=lambda visit: (visit.from_ms, visit.place))

    @property
    def regions(self) -> frozenset[str]:
        """Return the identifiers of all members' regions."""
        return self._places.regions

    @property
    def entered(self) -> int:
        """Return how many hostile objects were over a member's ground."""
        return len({visit.number for visit in self.visits})

    @property
    def seen_from_ms(self) -> int:
        """Return the time of the third report: before it nobody can know of anything."""
        reports = self._scene.reports
        return to_ms(reports[min(_KNOWN_REPORTS, len(reports)) - 1].time)

    @property
    def hours(self) -> float:
        """Return for how long reports came."""
        reports = self._scene.reports
        return (to_ms(reports[-1].time) - to_ms(reports[0].time)) / 3_600_000.0

    def over(self, place: str, from_ms: int, until_ms: int) -> bool:
        """Tell whether an object is over a place at any moment of a span."""
        return any(
            visit.place == place and visit.from_ms <= until_ms and visit.until_ms >= from_ms
            for visit in self.visits
        )

    def _visits_of(self, number: int) -> Iterable[Visit]:
        path = self._scene.objects[number].path
        seconds = np.arange(path.start_s, path.end_s + _EVERY_S, _EVERY_S)
        lons, lats, _ = path.at(seconds)
        for place, inside in self._places.over(lons, lats):
            for start, end in _spans(inside):
                yield Visit(
                    number,
                    place,
                    START_MS + int(1_000.0 * seconds[start]),
                    START_MS + int(1_000.0 * seconds[end]),
                )


class Places:
    """The members' places, by where they are."""

    def __init__(self, zones: ZoneSet) -> None:
        self._zones = [zone for zone in zones.zones if zone.properties.nato]
        for zone in self._zones:
            shapely.prepare(zone.area)
        self.regions = frozenset(zone.id for zone in self._zones if zone.is_region)

    def over(
        self, lons: npt.NDArray[np.float64], lats: npt.NDArray[np.float64]
    ) -> list[tuple[str, npt.NDArray[np.bool_]]]:
        """Return the places that some points lie over, and which of the points (n,)."""
        held: dict[str, npt.NDArray[np.bool_]] = {}
        for zone in self._zones:
            west, south, east, north = zone.area.bounds
            if lons.max() < west or lons.min() > east or lats.max() < south or lats.min() > north:
                continue
            inside = np.asarray(shapely.contains_xy(zone.area, lons, lats))
            if inside.any():
                names = (zone.id,) if zone.is_region else (zone.nation, ALLIANCE)
                for name in names:
                    held[name] = held.get(name, np.zeros(len(lons), np.bool_)) | inside
        return sorted(held.items())


def _spans(inside: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and last index of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    return [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2)]
