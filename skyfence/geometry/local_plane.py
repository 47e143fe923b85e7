"""Distances on a plane around a point: good for what is near it, and fast for many at once.

Metres east and north of the point, by the length of a degree there (``geodesy``). Does not follow
the Earth's curvature: use it for up to some 100 km.
"""

import numpy as np

from skyfence.geometry.arrays import Floats
from skyfence.geometry.geodesy import metres_per_degree


def box_half_sides_deg(lat: float, metres: float) -> tuple[float, float]:
    """Return half the sides (longitude, latitude) of a box around a point, degrees.

    The box holds all within ``metres`` of the point, for up to about 1,000 km.
    """
    furthest = min(abs(lat) + metres / 110_000.0, 89.9)
    per_lon, _ = metres_per_degree(furthest)
    return metres / per_lon + 1e-9, metres / 110_000.0 + 1e-9


def distances_from_origin_m(segments: Floats) -> Floats:
    """Return the distances of segments (n, 4) from the origin of their plane, (n,), all metres."""
    x, y = segments[:, 0], segments[:, 1]
    along_x, along_y = segments[:, 2] - x, segments[:, 3] - y
    length2 = along_x * along_x + along_y * along_y
    share = -(x * along_x + y * along_y) / np.where(length2 > 0.0, length2, 1.0)
    share = np.minimum(np.maximum(share, 0.0), 1.0)
    off_x, off_y = x + share * along_x, y + share * along_y
    return np.sqrt(off_x * off_x + off_y * off_y)
