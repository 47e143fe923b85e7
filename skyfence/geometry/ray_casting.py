"""Where rays first hit borders: the geometry under the forecast.

Rays are planar, long, and cast many at a time. Only the border pieces near them are looked at,
segment by segment, as numpy columns. A forecast need not be exact to the last bit, so shapely is
asked nothing: one call for each of a hundred pairs would take a millisecond.
"""

from collections.abc import Collection, Sequence
from math import inf
from typing import Final

import numpy as np
import shapely

from skyfence.geometry.arrays import Floats, Mask
from skyfence.geometry.border_index import BorderSegmentIndex

Ray = tuple[float, float, float, float]

# The index is queried with steps of a ray about as long as a border piece's box is wide: the box
# around a whole slanting ray would hold half a country's border.
_STEP_DEG: Final = 0.1


class RayCaster:
    """The borders of an airspace, for rays to be cast at."""

    def __init__(self, borders: BorderSegmentIndex) -> None:
        self._borders = borders
        self._masks: dict[frozenset[int], Mask] = {}

    def first_hits(self, rays: Sequence[Ray], areas: Collection[int]) -> dict[int, list[float]]:
        """Return where each ray first hits the border of each area, as fractions 0..1 of the ray.

        Rays are (lon0, lat0, lon1, lat1), degrees, at least one. The result has a list as long as
        ``rays`` for each area that any ray hits, with ``inf`` for the rays that do not.
        """
        ends = np.array(rays).reshape(-1, 2, 2)
        start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
        steps = int(np.abs(along).max() / _STEP_DEG) + 1
        marks = start[:, None] + along[:, None] * np.linspace(0.0, 1.0, steps + 1)[None, :, None]
        pairs = np.stack((marks[:, :-1], marks[:, 1:]), axis=2).reshape(-1, 2, 2)
        near = np.unique(self._borders.tree.query(shapely.linestrings(pairs))[1])
        near = near[self._mask(areas)[near]]
        nth, segments = self._borders.segments_of_pieces(near)
        first = _intersections(start, along, self._borders.segments[segments])
        owners = self._borders.owners[near][nth]
        hit = np.unique(owners[np.isfinite(first).any(axis=0)]).tolist()
        return {area: first[:, owners == area].min(axis=1).tolist() for area in hit}

    def _mask(self, areas: Collection[int]) -> Mask:
        """Return which pieces belong to areas; kept, because the same few are asked for again."""
        key = frozenset(areas)
        if key not in self._masks:
            self._masks[key] = np.isin(self._borders.owners, list(key))
        return self._masks[key]


def _intersections(start: Floats, along: Floats, segments: Floats) -> Floats:
    """Return where rays meet segments (m, 4), as fractions of the ray, shape (rays, m).

    ``inf`` where they do not meet. Rays are given by start and direction, both (rays, 2).
    """
    ends, edges = segments[:, :2], segments[:, 2:] - segments[:, :2]
    gap = ends[None] - start[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # parallels meet nowhere, or all along
        across = along[:, None, 0] * edges[None, :, 1] - along[:, None, 1] * edges[None, :, 0]
        ray = (gap[..., 0] * edges[None, :, 1] - gap[..., 1] * edges[None, :, 0]) / across
        edge = (gap[..., 0] * along[:, None, 1] - gap[..., 1] * along[:, None, 0]) / across
        meets = (ray >= 0.0) & (ray <= 1.0) & (edge >= 0.0) & (edge <= 1.0)
    return np.where(meets, ray, inf)
