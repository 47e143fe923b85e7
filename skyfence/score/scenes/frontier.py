"""The frontier: where members' land meets others', and a way in from there.

A frontier point is drawn evenly over the ground, not over the border's vertices: a winding river
has more vertices than a straight line through fields.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.geometry.geodesy import metres_per_degree
from skyfence.score.world import Floats
from skyfence.zones.zone_file import ZoneSet

# From the Black Sea to the Gulf of Finland; regions stand there on the members' side.
_BOX: Final = (22.0, 43.5, 30.5, 59.6)
# How far beyond the box flights may lead.
_AROUND_DEG: Final = 4.0
# Borders of neighbouring outlines lie within this of one another.
_TOUCHING_DEG: Final = 0.02
_CELL_DEG: Final = 0.25
# The frontier is crossed where this far behind it is a member's, and this far before it is not.
_BEHIND_M: Final = 15_000.0
_BEFORE_M: Final = 20_000.0
_TRIES: Final = 500


@dataclass(frozen=True)
class Gate:
    """A place on the frontier, degrees, and the bearing that leads in over it, degrees."""

    lon: float
    lat: float
    inward_deg: float


class Frontier:
    """Draws gates; the same generator gives the same gates."""

    def __init__(self, zones: ZoneSet) -> None:
        nations = [zone for zone in zones.zones if not zone.is_region]
        around = shapely.box(*_BOX).buffer(_AROUND_DEG)
        clipped = {zone.id: zone.area.intersection(around) for zone in nations}
        self._members = _union(clipped[zone.id] for zone in nations if zone.properties.nato)
        others = _union(clipped[zone.id] for zone in nations if not zone.properties.nato)
        shapely.prepare(self._members)
        shapely.prepare(others)
        vertices = shapely.get_coordinates(self._members)
        near = shapely.dwithin(others, shapely.points(vertices), _TOUCHING_DEG)
        near &= shapely.contains_xy(shapely.box(*_BOX), *vertices.T)
        self._vertices = vertices[near]
        cells = np.floor(self._vertices / _CELL_DEG).astype(int)
        self._cells = [
            np.flatnonzero((cells == cell).all(axis=1)) for cell in np.unique(cells, axis=0)
        ]

    def gate(self, rng: np.random.Generator) -> Gate:
        """Draw a gate; raise ``RuntimeError`` where the zones leave no room for any."""
        for _ in range(_TRIES):
            cell = self._cells[int(rng.integers(len(self._cells)))]
            lon, lat = self._vertices[int(rng.choice(cell))].tolist()
            inward_deg = float(rng.uniform(0.0, 360.0))
            behind = moved(lon, lat, inward_deg, _BEHIND_M)
            before = moved(lon, lat, inward_deg, -_BEFORE_M)
            if self.is_member(*behind) and not self.is_member(*before):
                return Gate(lon, lat, inward_deg)
        raise RuntimeError("no way in over the frontier")

    def is_member(self, lon: float, lat: float) -> bool:
        """Tell whether a point is over a member's ground, for points around the flank."""
        return bool(shapely.contains_xy(self._members, lon, lat))

    def touches(self, lons: Floats, lats: Floats) -> bool:
        """Tell whether any of some points is over a member's ground."""
        return bool(shapely.contains_xy(self._members, lons, lats).any())


def moved(lon: float, lat: float, bearing_deg: float, metres: float) -> tuple[float, float]:
    """Return the point so many metres along a bearing, degrees; for distances of a flight's leg."""
    east_m = metres * np.sin(np.radians(bearing_deg))
    north_m = metres * np.cos(np.radians(bearing_deg))
    per_lat = metres_per_degree(lat)[1]
    to_lat = lat + north_m / per_lat
    per_lon = metres_per_degree((lat + to_lat) / 2.0)[0]
    return float(lon + east_m / per_lon), float(to_lat)


def bearing(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """Return the bearing (degrees) and the distance (metres) from one point to another."""
    per_lon, per_lat = metres_per_degree((start[1] + end[1]) / 2.0)
    east_m, north_m = (end[0] - start[0]) * per_lon, (end[1] - start[1]) * per_lat
    return float(np.degrees(np.arctan2(east_m, north_m)) % 360.0), float(np.hypot(east_m, north_m))


def _union(areas: Iterable[BaseGeometry]) -> BaseGeometry:
    return shapely.union_all(list(areas))
