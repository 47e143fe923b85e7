"""Which cells of a raster a border meets: none is missed, and few are named without need.

Everything is in units of cells, counted from the raster's corner: cell (i, j) is the closed square
from (i, j) to (i + 1, j + 1).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def supercover(segments: Floats, side: int, touch: float) -> npt.NDArray[np.bool_]:
    """Return, shape (side, side), which cells any segment comes within a touch of.

    Segments are (x0, y0, x1, y1), shape (n, 4); ``touch`` must be well above rounding (1e-10).
    """
    turned = segments[:, 0] > segments[:, 2]
    x0, y0, x1, y1 = np.where(turned[:, None], segments[:, [2, 3, 0, 1]], segments).T
    owner, column = _runs(*_between(x0, x1, side, touch))
    x0, y0, x1, y1 = x0[owner], y0[owner], x1[owner], y1[owner]
    # The part of each segment in its column, widened; where it ends there, its very end.
    left, right = column - touch, column + 1.0 + touch
    slope = np.divide(y1 - y0, x1 - x0, out=np.zeros_like(x0), where=x1 > x0)
    enter = np.where(left <= x0, y0, y0 + (left - x0) * slope)
    leave = np.where(right >= x1, y1, y0 + (right - x0) * slope)
    low, high = np.minimum(enter, leave), np.maximum(enter, leave)
    part, row = _runs(*_between(low, high, side, touch))
    met = np.zeros((side, side), dtype=bool)
    met[column[part], row] = True
    return met


def _between(low: Floats, high: Floats, side: int, touch: float) -> tuple[Ints, Ints]:
    """Return the first and last cell that each stretch meets, within the raster."""
    first = np.floor(np.clip(low - touch, 0.0, side)).astype(np.int64)
    last = np.floor(np.clip(high + touch, -1.0, side - 1.0)).astype(np.int64)
    return first, last


def _runs(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return all whole numbers from first to last, for each pair; and whose each is."""
    counts = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, first[owner] + nth


@dataclass(frozen=True)
class Regions:
    """The parts into which a border divides a raster; ``around`` it was looked for too."""

    labels: npt.NDArray[np.int32]  # (side, side): the region of each cell from 1, 0 if met
    seeds: Ints  # (n, 2): one cell of each region
    gaps: npt.NDArray[np.uint8]  # (side, side): no cell nearer than this is met
    block_gaps: npt.NDArray[np.uint8]  # the same for blocks of cells, counted in blocks


def regions_of(met: npt.NDArray[np.bool_], around: int, block: int) -> Regions:
    """Divide a raster by its met cells; all that it says is of the part within ``around``.

    Cells of one region are joined edge to edge, and the border meets none of them: so the whole
    region is on one side of it. Distances are the larger of the steps across and up.
    """
    # A third of a second that only a process with a grid needs to wait for.
    from scipy import ndimage  # noqa: PLC0415

    side = len(met) - 2 * around
    inner = slice(around, around + side)
    labels, count = ndimage.label(~met[inner, inner])
    cell = np.zeros(count + 1, dtype=np.int64)
    cell[labels.ravel()] = np.arange(labels.size)
    blocks = np.asarray(met.reshape(len(met) // block, block, -1, block).any(axis=(1, 3)))
    gaps, block_gaps = (
        np.minimum(ndimage.distance_transform_cdt(~raster, "chessboard"), radius + 1)
        for raster, radius in ((met, around), (blocks, around // block))
    )
    inner_blocks = slice(around // block, len(blocks) - around // block)
    return Regions(
        labels,
        np.stack(np.divmod(cell[1:], side), axis=1),
        gaps[inner, inner].astype(np.uint8),
        block_gaps[inner_blocks, inner_blocks].astype(np.uint8),
    )
