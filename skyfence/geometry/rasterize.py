"""Which cells of a square raster a border meets, and the regions into which it divides the rest.

No cell that the border meets is missed, and few others are marked. Coordinates are in cells from
the raster's south-west corner: cell (i, j) is the closed square from (i, j) to (i + 1, j + 1), and
a raster of shape (side, side) is indexed by column i, then row j.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skyfence.geometry.arrays import Floats, Indices, Mask


def supercover(segments: Floats, side: int, touch: float) -> Mask:
    """Return which cells any segment meets or comes within ``touch`` of, shape (side, side).

    Segments are (x0, y0, x1, y1), shape (n, 4), and may lie outside of the raster. ``touch`` is in
    cells. Precondition: it is well above rounding (1e-10).
    """
    turned = segments[:, 0] > segments[:, 2]
    x0, y0, x1, y1 = np.where(turned[:, None], segments[:, [2, 3, 0, 1]], segments).T
    owner, column = _runs(*_between(x0, x1, side, touch))
    x0, y0, x1, y1 = x0[owner], y0[owner], x1[owner], y1[owner]
    # The part of each segment that lies in the widened column; where it ends in there, its end.
    left, right = column - touch, column + 1.0 + touch
    slope = np.divide(y1 - y0, x1 - x0, out=np.zeros_like(x0), where=x1 > x0)
    enter = np.where(left <= x0, y0, y0 + (left - x0) * slope)
    leave = np.where(right >= x1, y1, y0 + (right - x0) * slope)
    low, high = np.minimum(enter, leave), np.maximum(enter, leave)
    part, row = _runs(*_between(low, high, side, touch))
    cover = np.zeros((side, side), dtype=bool)
    cover[column[part], row] = True
    return cover


def _between(low: Floats, high: Floats, side: int, touch: float) -> tuple[Indices, Indices]:
    """Return the first and the last cell of the raster that each stretch meets, both (n,).

    The last is before the first where a stretch lies outside.
    """
    first = np.floor(np.clip(low - touch, 0.0, side)).astype(np.int64)
    last = np.floor(np.clip(high + touch, -1.0, side - 1.0)).astype(np.int64)
    return first, last


def _runs(first: Indices, last: Indices) -> tuple[Indices, Indices]:
    """Return, for each pair, the numbers from first to last: the pair's index, and the number."""
    counts = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, first[owner] + nth


@dataclass(frozen=True)
class Regions:
    """The regions into which border cells divide a raster.

    Distances are Chebyshev distances (the larger of the steps across and up) to the nearest border
    cell, at most the margin + 1: no cell that is nearer is a border cell.
    """

    labels: npt.NDArray[np.int32]  # (side, side): the region of each cell, from 1; 0 on the border
    seeds: Indices  # (regions, 2): some cell of each region
    distances: npt.NDArray[np.uint8]  # (side, side), in cells
    block_distances: npt.NDArray[np.uint8]  # (blocks, blocks), in blocks of cells


def regions_of(border: Mask, margin: int, block: int) -> Regions:
    """Divide a raster by its border cells, shape (side + 2 margin, side + 2 margin).

    The margin is only looked at for distances: labels and distances are those of the cells within.
    ``margin`` and ``side`` are multiples of ``block``, the cells along the side of a block. Cells
    of a region are joined edge to edge and the border meets none of them, so a region lies wholly
    on the same side of every area's border.
    """
    # Importing it takes 0.3 s, which only a process with a grid should pay.
    from scipy import ndimage  # noqa: PLC0415

    side = len(border) - 2 * margin
    inner = slice(margin, margin + side)
    labels, count = ndimage.label(~border[inner, inner])
    cell = np.zeros(count + 1, dtype=np.int64)
    cell[labels.ravel()] = np.arange(labels.size)
    blocks = np.asarray(border.reshape(len(border) // block, block, -1, block).any(axis=(1, 3)))
    distances, block_distances = (
        np.minimum(ndimage.distance_transform_cdt(~raster, "chessboard"), radius + 1)
        for raster, radius in ((border, margin), (blocks, margin // block))
    )
    inner_blocks = slice(margin // block, len(blocks) - margin // block)
    return Regions(
        labels,
        np.stack(np.divmod(cell[1:], side), axis=1),
        distances[inner, inner].astype(np.uint8),
        block_distances[inner_blocks, inner_blocks].astype(np.uint8),
    )
