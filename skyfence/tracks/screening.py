"""Screening: rows of a frame that say nothing, left out and counted before any is judged.

    0/0                              -> no position: decoders send it for "no fix"
    far ahead of the source's clock  -> held until the next row: does the source go on from there?
                                          yes: both are judged; no: the one ahead is left out

One wrong stamp must not move the clock of its source: every other report would be late. A source
that was silent for long loses nothing by this but the time to its next report or heartbeat.

Does not know of a track where it was (``births`` leaves out what repeats its last place).
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from skyfence.frames.frame import Frame
from skyfence.policy.parameters import DetectionParameters
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import Observation
from skyfence.tracks.source_tracks import SourceTracks


def screen(
    frame: Frame,
    source: SourceTracks,
    clock_ms: int,
    parameters: DetectionParameters,
    result: FrameResult,
) -> Frame:
    """Return a frame without the rows that say nothing; ``clock_ms`` is how far its source is.

    What is held for the next row is kept with the source (``ahead``). A frame without rows is a
    heartbeat, whose scan time is the source's own word.
    """
    no_fix = (frame.lats == 0.0) & (frame.lons == 0.0)
    is_ahead = False
    if len(frame):
        before_ms = clock_ms if clock_ms >= 0 else int(frame.times_ms[0])
        is_ahead = int(frame.times_ms.max()) - before_ms > parameters.longest_gap_ms
    if source.ahead is None and not is_ahead and not no_fix.any():
        return frame
    result.left_out["no position"] += int(np.count_nonzero(no_fix))
    rows = [Observation.of(frame, row) for row in np.flatnonzero(~no_fix).tolist()]
    accepted = _in_step(rows, source, clock_ms, parameters, result)
    ahead = source.ahead
    if ahead is not None and (frame.last or not rows):
        # A heartbeat bears it out; the source's end does not.
        if not frame.last and frame.scan_time_ms >= ahead.time_ms - parameters.lost_after_ms:
            accepted.append(ahead)
            source.ahead = None
        elif frame.last:
            source.ahead = None
            result.left_out["ahead of its source"] += 1
    reached_ms = max(clock_ms, *_times(accepted))
    scan_ms = frame.scan_time_ms
    if rows and reached_ms >= 0 and scan_ms - reached_ms > parameters.longest_gap_ms:
        scan_ms = reached_ms  # it was that of a row which is left out or held
    slices = [row.frame.batch.slice(row.row, 1) for row in accepted]
    batch = pa.concat_batches([frame.batch.slice(0, 0), *slices])
    return replace(frame, batch=batch, scan_time_ms=scan_ms)


def _times(rows: list[Observation]) -> list[int]:
    """Return when rows were observed, and a time before any: for ``max``."""
    return [-1, *(row.time_ms for row in rows)]


def _repeats(row: Observation, ahead: Observation) -> bool:
    """Tell whether a row is the report that is held, once more."""
    same_track = row.frame.track_ids[row.row] == ahead.frame.track_ids[ahead.row]
    return same_track and row.time_ms == ahead.time_ms


def _in_step(
    rows: list[Observation],
    source: SourceTracks,
    clock_ms: int,
    parameters: DetectionParameters,
    result: FrameResult,
) -> list[Observation]:
    """Return the rows that go on from their source's clock, and those that a later one bears out.

    In step is what is not so far ahead that no path would be followed there. That hangs on no
    track, so that frames of any size mean the same.
    """
    accepted = []
    for row in rows:
        ahead = source.ahead
        if ahead is not None and _repeats(row, ahead):
            continue  # the same word twice bears nothing out
        if ahead is not None and row.time_ms >= ahead.time_ms - parameters.lost_after_ms:
            accepted.append(ahead)
            clock_ms, source.ahead = max(clock_ms, ahead.time_ms), None
        in_step = clock_ms < 0 or row.time_ms - clock_ms <= parameters.longest_gap_ms
        if source.ahead is not None:
            source.ahead = None
            result.left_out["ahead of its source"] += 1
        if in_step:
            accepted.append(row)
            clock_ms = max(clock_ms, row.time_ms)
        else:
            source.ahead = row.detached()
    return accepted
