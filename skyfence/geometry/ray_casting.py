"""Where rays first meet borders: the geometry under the forecast.

Rays are planar, many at a time, and long; only the border pieces that they come near are looked at,
segment by segment, in columns. A forecast needs no exactness to the last bit, and asks shapely
nothing: one call to it for each of a hundred pairs would take a millisecond.
"""

from collections.abc import Collection, Sequence
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from skyfence.geometry.border_distance import Floats
from skyfence.geometry.border_index import BorderSegmentIndex

Ray = tuple[float, float, float, float]

# In queries a ray goes in steps about as long as a border piece's box is wide: the box around a
# long slanting ray would hold half a country's border.
_STEP_DEG: Final = 0.1


class RayCaster:
    """The border pieces of an airspace, to be met by rays."""

    def __init__(self, pieces: BorderSegmentIndex) -> None:
        self._pieces = pieces
        self._masks: dict[frozenset[int], npt.NDArray[np.bool_]] = {}

    def first_met(self, rays: Sequence[Ray], among: Collection[int]) -> dict[int, list[float]]:
        """Return, for each of some areas whose border a ray meets, where each ray first does.

        Rays are (lon0, lat0, lon1, lat1); places are fractions 0..1 of each, ``inf`` for none.
        """
        ends = np.array(rays).reshape(-1, 2, 2)
        start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
        steps = int(np.abs(along).max() / _STEP_DEG) + 1
        marks = start[:, None] + along[:, None] * np.linspace(0.0, 1.0, steps + 1)[None, :, None]
        pairs = np.stack((marks[:, :-1], marks[:, 1:]), axis=2).reshape(-1, 2, 2)
        near = np.unique(self._pieces.tree.query(shapely.linestrings(pairs))[1])
        near = near[self._mask(among)[near]]
        nth, segments = self._pieces.segments_of(near)
        first = _meet(start, along, self._pieces.segments[segments])
        owners = self._pieces.owners[near][nth]
        met = np.unique(owners[np.isfinite(first).any(axis=0)]).tolist()
        return {area: first[:, owners == area].min(axis=1).tolist() for area in met}

    def _mask(self, areas: Collection[int]) -> npt.NDArray[np.bool_]:
        """Return which pieces are of some areas; the same few are asked for again and again."""
        key = frozenset(areas)
        if key not in self._masks:
            self._masks[key] = np.isin(self._pieces.owners, list(key))
        return self._masks[key]


def _meet(start: Floats, along: Floats, segments: Floats) -> Floats:
    """Return where rays meet segments, as fractions of the ray, (rays, segments); inf: nowhere."""
    ends, edges = segments[:, :2], segments[:, 2:] - segments[:, :2]
    gap = ends[None] - start[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):  # parallels meet nowhere, or all along
        across = along[:, None, 0] * edges[None, :, 1] - along[:, None, 1] * edges[None, :, 0]
        ray = (gap[..., 0] * edges[None, :, 1] - gap[..., 1] * edges[None, :, 0]) / across
        edge = (gap[..., 0] * along[:, None, 1] - gap[..., 1] * along[:, None, 0]) / across
        meets = (ray >= 0.0) & (ray <= 1.0) & (edge >= 0.0) & (edge <= 1.0)
    return np.where(meets, ray, inf)
