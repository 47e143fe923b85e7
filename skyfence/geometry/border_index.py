"""The borders of all areas, cut into short pieces in one index.

So that whoever meets a border looks at the few segments near, whatever the areas' size:

    areas --cut--> pieces (16 segments) in one STR tree --boxes--> pieces near --> their segments

Segments stand in one array, those of a piece in a row. Does not know what is inside (``airspace``).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree

from skyfence.geometry.border_distance import Floats

Indices = npt.NDArray[np.int64]

# Short enough that a box around a piece is hardly larger than it, long enough that the tree
# stays small: 400,000 vertices make 25,000 pieces.
_PIECE_SEGMENTS: Final = 16


class BorderSegmentIndex:
    """Border pieces as lines, whose each is (``owners``), and where its segments stand."""

    def __init__(self, areas: Sequence[Any]) -> None:
        self.lines, self.owners = _cut(areas)
        self.tree = STRtree(self.lines)
        self.segments = segments_of(self.lines)
        self._counts = shapely.get_num_points(self.lines).astype(np.int64) - 1
        self._starts = np.cumsum(self._counts) - self._counts
        self.segment_owners = np.repeat(self.owners, self._counts)

    def segments_of(self, pieces: Indices) -> tuple[Indices, Indices]:
        """Return the segments of some pieces: which of the pieces, and the segment."""
        counts = self._counts[pieces]
        ends = counts.cumsum()
        nth = np.arange(len(counts)).repeat(counts)
        return nth, np.arange(len(nth)) + (self._starts[pieces] - ends + counts)[nth]

    def segments_near(self, low: Floats, high: Floats) -> tuple[Indices, Indices]:
        """Return the segments near boxes, as pairs: the box, ascending, and the segment.

        Boxes are given by two corners (n, 2). All segments that meet a box are among them.
        """
        box, piece = self.tree.query(shapely.box(*low.T, *high.T))
        nth, segment = self.segments_of(piece)
        return box[nth], segment

    def of(self, area: int) -> npt.NDArray[Any]:
        """Return the pieces of one area's border."""
        pieces: npt.NDArray[Any] = self.lines[self.owners == area]
        return pieces


def segments_of(lines: npt.NDArray[Any]) -> Floats:
    """Return the segments of some lines, in their order, (lon0, lat0, lon1, lat1)."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    joined = line[1:] == line[:-1]
    return np.hstack((points[:-1][joined], points[1:][joined]))


def _cut(areas: Sequence[Any]) -> tuple[npt.NDArray[Any], Indices]:
    """Cut all borders into short lines; return them with the index of their area, both (m,)."""
    pieces: list[Any] = []
    owners: list[int] = []
    for index, area in enumerate(areas):
        for ring in shapely.get_rings(shapely.get_parts(area)):
            points = shapely.get_coordinates(ring)
            for start in range(0, len(points) - 1, _PIECE_SEGMENTS):
                pieces.append(shapely.linestrings(points[start : start + _PIECE_SEGMENTS + 1]))
                owners.append(index)
    return np.array(pieces, dtype=object), np.array(owners, dtype=np.int64)
