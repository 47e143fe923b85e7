"""Other coordinate reference systems to WGS 84, longitude first, as zones have it.

Says how exact the way is. Where PROJ knows none that is better than a guess (which may lie 100 m
off), there is an error and no guess. Does not read files.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from pyproj.exceptions import CRSError, ProjError
from shapely.geometry.base import BaseGeometry

from skyfence.errors import InputError
from skyfence.geometry.polygons import densified

_WGS84: Final = pyproj.CRS("EPSG:4326")
# An edge that is straight on the projected map bends in longitude and latitude; between points
# this far apart by less than 3 m up to latitude 80.
_LONGEST_EDGE_M: Final = 5_000.0
# So many edges go round the earth twice; what is larger is broken, and found to be later.
_WIDEST: Final = 16_000


@dataclass(frozen=True)
class System:
    """A coordinate reference system, and the way from it to WGS 84."""

    name: str
    way: pyproj.Transformer | None  # None: it is WGS 84
    longest_edge: float | None  # in its own unit; None: edges are straight in degrees

    def to_wgs84(self, area: BaseGeometry) -> BaseGeometry:
        """Return a geometry in longitude and latitude; places it cannot move become infinite."""
        if self.way is None:
            return area
        if self.longest_edge is not None and np.ptp(area.bounds) < _WIDEST * self.longest_edge:
            area = densified(area, self.longest_edge)
        return shapely.transform(area, self._moved)

    @property
    def accuracy_m(self) -> float | None:
        """Return how exact the last way was, metres, or None where nobody knows."""
        if self.way is None:
            return 0.0
        try:
            known = float(self.way.get_last_used_operation().accuracy)
        except ProjError:  # there is one way only, or nothing was moved yet
            known = float(self.way.accuracy)
        return known if known >= 0 else None

    def _moved(self, points: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.way is None or not len(points):
            return points
        return np.stack(self.way.transform(points[:, 0], points[:, 1]), axis=1)


def system(given: str) -> System:
    """Return a reference system by its name (``EPSG:3059``) or its WKT."""
    try:
        crs = pyproj.CRS.from_user_input(given)
        crs = crs.sub_crs_list[0] if crs.is_compound else crs
        name = _name(crs)
        if crs.equals(_WGS84, ignore_axis_order=True):
            return System(name, None, None)
        way = pyproj.Transformer.from_crs(crs, _WGS84, always_xy=True, allow_ballpark=False)
    except CRSError:
        raise InputError(f"not a coordinate reference system: {given[:80]!r}") from None
    except ProjError:
        raise InputError(
            f"no exact way from {name} to WGS 84 is known here; convert it before"
        ) from None
    longest = None
    if not crs.is_geographic:
        longest = _LONGEST_EDGE_M / float(crs.axis_info[0].unit_conversion_factor)
    return System(name, way, longest)


def _name(crs: pyproj.CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else repr(crs.name)
