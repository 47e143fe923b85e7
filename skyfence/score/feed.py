"""Tracks to frames: as their source would send them, in order of arrival.

One source sees all tracks of a batch. Its frames hold up to 500 reports of many tracks; between
reports it sends heartbeats, and a last frame at its end. The columns are laid out once and cut.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from skyfence.frames.frame import ARROW_SCHEMA, Frame
from skyfence.frames.packing import FRAME_REPORTS, HEARTBEAT_MS
from skyfence.score.traffic import Track
from skyfence.score.world import Floats, World, to_degrees

SOURCE: Final = "score"


def frames_of(world: World, tracks: Sequence[Track], run: str) -> Iterator[Frame]:
    """Yield the frames of a batch's tracks, each flown in its own copy of the world."""
    arrivals = np.concatenate([track.sent.arrivals_ms for track in tracks])
    order = np.argsort(arrivals, kind="stable")
    batch, arrivals = _columns(world, tracks, order), arrivals[order]
    for start, end in _cuts(arrivals):
        yield Frame(SOURCE, run, int(arrivals[end - 1]), last=False, batch=batch[start:end])
        following = int(arrivals[end]) if end < len(arrivals) else int(arrivals[-1])
        for at_ms in range(int(arrivals[end - 1]) + HEARTBEAT_MS, following, HEARTBEAT_MS):
            yield Frame(SOURCE, run, at_ms, last=False, batch=batch[:0])
    yield Frame(SOURCE, run, int(arrivals[-1]), last=True, batch=batch[:0])


def _cuts(arrivals: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield where frames begin and end: at 500 reports, and before a silence."""
    silent = np.flatnonzero(np.diff(arrivals) >= HEARTBEAT_MS) + 1
    bounds = [0, *silent.tolist(), len(arrivals)]
    for start, end in pairwise(bounds):
        for at in range(start, end, FRAME_REPORTS):
            yield at, min(at + FRAME_REPORTS, end)


def _columns(world: World, tracks: Sequence[Track], order: npt.NDArray[np.int64]) -> pa.RecordBatch:
    counts = [len(track.sent.times_ms) for track in tracks]
    owners = np.repeat(np.arange(len(tracks)), counts)
    places = to_degrees(np.vstack([track.sent.points for track in tracks]))
    middles = np.array([world.middle(copy) for copy in range(len(tracks))])
    columns: dict[str, pa.Array] = {
        "time": _of("time", np.concatenate([track.sent.times_ms for track in tracks])),
        "track_id": pa.array([track.name for track in tracks]).take(pa.array(owners)),
        "lat": _of("lat", places[:, 1]),
        "lon": _of("lon", places[:, 0] + middles[owners]),
        "ground_speed_mps": _known("ground_speed_mps", [track.sent.speeds for track in tracks]),
        "course_deg": _known("course_deg", [track.sent.courses for track in tracks]),
        "accuracy_m": _of(
            "accuracy_m", np.repeat([track.batch.sigma_m for track in tracks], counts)
        ),
        "category": pa.repeat("unknown", len(owners)),
        "phase": pa.repeat("confirmed", len(owners)),
        "simulated": pa.repeat(True, len(owners)),
    }
    rest = {field.name: pa.nulls(len(owners), field.type) for field in ARROW_SCHEMA}
    whole = pa.record_batch(rest | columns, schema=ARROW_SCHEMA)
    return whole.take(pa.array(order))


def _of(name: str, values: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(values, ARROW_SCHEMA.field(name).type)


def _known(name: str, parts: Sequence[Floats]) -> pa.Array:
    """Lay a column out whose NaNs are not known."""
    return pa.array(np.concatenate(parts), ARROW_SCHEMA.field(name).type, from_pandas=True)
