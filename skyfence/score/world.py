"""The synthetic world: a member and its neighbour near 56 degrees north, and the exact truth.

The border has three straight stretches, a salient that points out of the member's area and a bay
that cuts into it. The truth is computed on a plane, metres east and north of 56 N. The plane is
longitude and latitude stretched, so a line that is straight on it is straight for the engine, and
places of crossing are exact. Distances are measured with the scale half-way along them, within
centimetres of the geodesic.

         AA                           ___         border, west to east
    ──────────╲         ╱────────────╱bay╲──────
               ╲       ╱                    XX
                ╲_____╱
                salient

The world is repeated around the globe, one copy a track: tracks that never meet cannot be taken
for one object, and each is judged alone.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.geometry.geodesy import metres_per_degree
from skyfence.zones.zone_file import Zone, ZoneProperties, ZoneSet, zone_set

Floats = npt.NDArray[np.float64]

ORIGIN_LAT: Final = 56.0
VERSION: Final = "score-1"
# Paths reach 380 km to either side; the next copy's member must lie beyond: 9 degrees are 561 km.
_PITCH_DEG: Final = 9.0
COPIES: Final = 39
# The salient's half-angle (50 degrees) leaves room for a clip 20 sigma of 500 m deep.
SALIENT_TIP: Final = np.array([-40_000.0, -20_000.0])
SALIENT_HALF_ANGLE: Final = float(np.arctan2(24.0, 20.0))
BORDER: Final[Floats] = 1_000.0 * np.array(
    [
        [-150.0, 15.0],
        [-64.0, 0.0],
        [-40.0, -20.0],
        [-16.0, 0.0],
        [70.0, 8.0],
        [78.0, 26.0],
        [92.0, 26.0],
        [100.0, 8.0],
        [150.0, 3.0],
    ]
)
# The straight stretches, by the x of their ends, metres; away from the salient's flanks.
STRETCHES: Final = ((-150_000.0, -78_000.0), (-2_000.0, 58_000.0), (104_000.0, 150_000.0))
_NORTH_M: Final = 140_000.0  # deeper than any path goes in
_SOUTH_M: Final = -250_000.0  # the fastest start 225 km before the border
_REGIONS: Final = (-150_000.0, -40_000.0, 70_000.0, 150_000.0)  # limits, metres east

_PER_LON, _PER_LAT = metres_per_degree(ORIGIN_LAT)
# An entry for each 0.01 degrees: between two the scale is linear to 4e-9.
_LATS: Final = np.arange(50.0, 62.0, 0.01)
_SCALES: Final = np.array([metres_per_degree(lat) for lat in _LATS]) / (_PER_LON, _PER_LAT)


def to_degrees(points: Floats) -> Floats:
    """Turn points of the plane into (longitude from the copy's middle, latitude), both (n, 2)."""
    return points / (_PER_LON, _PER_LAT) + (0.0, ORIGIN_LAT)


def to_plane(degrees: Floats) -> Floats:
    """Turn (longitude, latitude) of any copy into points of the plane, both (n, 2)."""
    lons = (degrees[:, 0] + _PITCH_DEG / 2.0) % _PITCH_DEG - _PITCH_DEG / 2.0
    return np.stack([lons * _PER_LON, (degrees[:, 1] - ORIGIN_LAT) * _PER_LAT], axis=1)


def scale_at(points: Floats) -> Floats:
    """Return true metres per metre of the plane, east and north, at points; both (n, 2)."""
    lats = points[:, 1] / _PER_LAT + ORIGIN_LAT
    return np.stack([np.interp(lats, _LATS, axis) for axis in _SCALES.T], axis=1)


@dataclass(frozen=True)
class BorderCrossing:
    """Where a path crosses the border, counted in vertices (2.5: half-way from 2 to 3)."""

    at: float
    entered: bool


class World:
    """The member's area, and the truth about points and paths. The same in every copy."""

    def __init__(self, copies: int = COPIES) -> None:
        if not 1 <= copies <= COPIES:
            raise ValueError(f"copies must be 1 to {COPIES}, got {copies}")
        self.copies = copies
        top = [[BORDER[-1, 0], _NORTH_M], [BORDER[0, 0], _NORTH_M]]
        ring = np.vstack([BORDER, top, BORDER[:1]])
        self.member = shapely.Polygon(ring)
        shapely.prepare(self.member)
        self._starts, self._ends = ring[:-1], ring[1:]

    def middle(self, copy: int) -> float:
        """Return the longitude of a copy's middle."""
        return (copy - COPIES // 2) * _PITCH_DEG

    @cached_property
    def zones(self) -> ZoneSet:
        """Return the zones of all copies."""
        return zone_set([self._zones_of(copy) for copy in range(self.copies)])

    @cached_property
    def members(self) -> BaseGeometry:
        """Return the members' areas of all copies, degrees."""
        return shapely.union_all([zone.area for zone in self.zones.zones if zone.is_protected])

    def depth_m(self, points: Floats) -> Floats:
        """Return the distance to the border, (n,), metres, positive inside the member's area."""
        metres = _metres_to(points, self._starts, self._ends)
        inside = shapely.contains_xy(self.member, points[:, 0], points[:, 1])
        return np.asarray(np.where(inside, metres, -metres))

    def crossings(self, path: Floats) -> list[BorderCrossing]:
        """Return where a path (n, 2) crosses the border, in order."""
        origin, step = path[:-1, None, :], np.diff(path, axis=0)[:, None, :]
        side = self._ends - self._starts
        between = self._starts - origin
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = _cross(step, side)
            along = _cross(between, side) / turn
            across = _cross(between, step) / turn
        hit = (along >= 0) & (along < 1) & (across >= 0) & (across < 1)
        # The member lies to the left of its ring: a path to the left of the border's way enters.
        crossings = [
            BorderCrossing(float(leg + along[leg, edge]), bool(turn[leg, edge] < 0))
            for leg, edge in np.argwhere(hit)
        ]
        return sorted(crossings, key=lambda crossing: crossing.at)

    def nearest_m(self, path: Floats) -> float:
        """Return how near a path (n, 2) that stays outside comes to the border, metres.

        Two lines that do not cross are nearest at an end of one of them.
        """
        corners_m = _metres_to(self._starts, path[:-1], path[1:])
        return min(-float(self.depth_m(path).max()), float(corners_m.min()))

    def _zones_of(self, copy: int) -> list[Zone]:
        own, other = f"AA{copy:02d}", f"XX{copy:02d}"
        corners = [[BORDER[-1, 0], _SOUTH_M], [BORDER[0, 0], _SOUTH_M]]
        neighbour = shapely.Polygon(np.vstack([BORDER, corners]))
        zones = [
            self._zone(copy, own, own, self.member, nato=True),
            self._zone(copy, other, other, neighbour, nato=False),
        ]
        for number, (west, east) in enumerate(pairwise(_REGIONS), 1):
            area = self.member.intersection(shapely.box(west, _SOUTH_M, east, _NORTH_M))
            zones.append(self._zone(copy, f"{own}-{number}", own, area, kind="region", nato=True))
        return zones

    def _zone(
        self,
        copy: int,
        name: str,
        country: str,
        area: BaseGeometry,
        *,
        nato: bool,
        kind: str = "nation",
    ) -> Zone:
        middle = np.array([self.middle(copy), 0.0])
        properties = ZoneProperties(
            id=name, name=name, kind=kind, country=country, accuracy_m=0.0, nato=nato
        )
        shape = shapely.transform(area, lambda points: to_degrees(points) + middle)
        return Zone(properties, shape, VERSION)


def _metres_to(points: Floats, starts: Floats, ends: Floats) -> Floats:
    """Return the distance of each point to the nearest of some lines, (n,).

    The foot is found with the scale at the point, and measured with that half-way to it.
    """
    scale = scale_at(points)[:, None, :]
    to_start = starts - points[:, None, :]
    along = ends - starts
    length2 = ((along * scale) ** 2).sum(axis=2)
    share = np.clip(-(to_start * along * scale**2).sum(axis=2) / length2, 0.0, 1.0)
    to_foot = to_start + share[:, :, None] * along
    half_way = points[:, None, :] + to_foot / 2.0
    scale = scale_at(half_way.reshape(-1, 2)).reshape(to_foot.shape)
    return np.asarray(np.sqrt(((to_foot * scale) ** 2).sum(axis=2)).min(axis=1))


def _cross(first: Floats, second: Floats) -> Floats:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])
