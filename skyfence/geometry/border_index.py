"""The borders of all areas in one spatial index, so that only the segments nearby are looked at.

A *piece* is a stretch of a border of at most 16 segments. The pieces stand in an STR tree:

    areas --cut--> pieces in an STR tree --boxes--> pieces nearby --> their segments

All segments stand in one array, those of a piece one after the other. Does not know which side of
a border is inside (``airspace``).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely import STRtree

from skyfence.geometry.arrays import Floats, Indices

# Short enough that the box around a piece is hardly larger than the piece, long enough that the
# tree stays small: 400,000 vertices make 25,000 pieces.
_PIECE_SEGMENTS: Final = 16


class BorderSegmentIndex:
    """The border pieces of some areas, and their segments.

    ``lines`` and ``owners``, shape (pieces,): each piece as a LineString, and the index of its
    area. ``segments``, shape (segments, 4), degrees, and ``segment_owners``, shape (segments,).
    """

    def __init__(self, areas: Sequence[Any]) -> None:
        """Cut the borders of areas (Polygons or MultiPolygons, degrees); holes are borders too."""
        self.lines, self.owners = _cut(areas)
        self.tree = STRtree(self.lines)
        self.segments = segments_of(self.lines)
        self._counts = shapely.get_num_points(self.lines).astype(np.int64) - 1
        self._starts = np.cumsum(self._counts) - self._counts
        self.segment_owners = np.repeat(self.owners, self._counts)

    def segments_of_pieces(self, pieces: Indices) -> tuple[Indices, Indices]:
        """Return the segments of pieces, as pairs of indices: into ``pieces``, and the segment."""
        counts = self._counts[pieces]
        ends = counts.cumsum()
        nth = np.arange(len(counts)).repeat(counts)
        return nth, np.arange(len(nth)) + (self._starts[pieces] - ends + counts)[nth]

    def segments_near(self, low: Floats, high: Floats) -> tuple[Indices, Indices]:
        """Return the segments near boxes, as pairs of indices: the box, ascending, and the segment.

        A box is given by its south-west and north-east corners, both (n, 2), degrees. All
        segments that meet a box are among those returned, and some that only pass near it.
        """
        box, piece = self.tree.query(shapely.box(*low.T, *high.T))
        nth, segment = self.segments_of_pieces(piece)
        return box[nth], segment

    def lines_of(self, area: int) -> npt.NDArray[Any]:
        """Return the pieces of an area's border as lines, in order along it."""
        pieces: npt.NDArray[Any] = self.lines[self.owners == area]
        return pieces


def segments_of(lines: npt.NDArray[Any]) -> Floats:
    """Return the segments of lines in their order, shape (n, 4): lon0, lat0, lon1, lat1."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    joined = line[1:] == line[:-1]
    return np.hstack((points[:-1][joined], points[1:][joined]))


def _cut(areas: Sequence[Any]) -> tuple[npt.NDArray[Any], Indices]:
    """Cut all borders into pieces; return them as lines with their area's index, both (pieces,)."""
    pieces: list[Any] = []
    owners: list[int] = []
    for index, area in enumerate(areas):
        for ring in shapely.get_rings(shapely.get_parts(area)):
            points = shapely.get_coordinates(ring)
            for start in range(0, len(points) - 1, _PIECE_SEGMENTS):
                pieces.append(shapely.linestrings(points[start : start + _PIECE_SEGMENTS + 1]))
                owners.append(index)
    return np.array(pieces, dtype=object), np.array(owners, dtype=np.int64)
