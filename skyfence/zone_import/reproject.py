"""From other coordinate reference systems to WGS 84, longitude first, as zones have it.

Tells the transformation's accuracy. PROJ's ballpark transformations, which may be 100 m off, are
not used: where there is no other, that is an error. Does not read files.
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
# An edge that is straight on the projected map bends in longitude and latitude: by less than 3 m
# between points this far apart, up to latitude 80.
_LONGEST_EDGE_M: Final = 5_000.0
# So many edges go twice round the Earth. A larger area is broken, and is refused later.
_WIDEST: Final = 16_000


@dataclass(frozen=True)
class ReferenceSystem:
    """A coordinate reference system, and the transformation from it to WGS 84."""

    name: str
    transformer: pyproj.Transformer | None  # None: it is WGS 84
    longest_edge: float | None  # in its own unit; None: edges are straight in degrees

    def to_wgs84(self, area: BaseGeometry) -> BaseGeometry:
        """Return a geometry in longitude and latitude, degrees.

        Places outside of the system's domain become infinite.
        """
        if self.transformer is None:
            return area
        if self.longest_edge is not None and np.ptp(area.bounds) < _WIDEST * self.longest_edge:
            area = densified(area, self.longest_edge)
        return shapely.transform(area, self._transformed)

    @property
    def accuracy_m(self) -> float | None:
        """Return the accuracy of the last transformation, metres, or None where PROJ has none."""
        if self.transformer is None:
            return 0.0
        try:
            known = float(self.transformer.get_last_used_operation().accuracy)
        except ProjError:  # there is a single operation, or none was used yet
            known = float(self.transformer.accuracy)
        return known if known >= 0 else None

    def _transformed(self, points: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.transformer is None or not len(points):
            return points
        return np.stack(self.transformer.transform(points[:, 0], points[:, 1]), axis=1)


def reference_system(given: str) -> ReferenceSystem:
    """Return a reference system by its name (``EPSG:3059``) or its WKT.

    Raises ``InputError`` where it is unknown, or has no exact transformation to WGS 84 here.
    """
    try:
        crs = pyproj.CRS.from_user_input(given)
        crs = crs.sub_crs_list[0] if crs.is_compound else crs
        name = _name(crs)
        if crs.equals(_WGS84, ignore_axis_order=True):
            return ReferenceSystem(name, None, None)
        transformer = pyproj.Transformer.from_crs(crs, _WGS84, always_xy=True, allow_ballpark=False)
    except CRSError:
        raise InputError(f"not a coordinate reference system: {given[:80]!r}") from None
    except ProjError:
        raise InputError(
            f"no exact way from {name} to WGS 84 is known here; convert it before"
        ) from None
    longest = None
    if not crs.is_geographic:
        longest = _LONGEST_EDGE_M / float(crs.axis_info[0].unit_conversion_factor)
    return ReferenceSystem(name, transformer, longest)


def _name(crs: pyproj.CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else repr(crs.name)
