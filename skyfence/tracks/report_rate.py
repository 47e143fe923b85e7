"""How many reports of a source are judged in a minute of its own time, and what is beyond that.

    frame ──▶ rows by the minute of their time ──▶ those within the limit
                                               └──▶ those beyond: the first told, all counted

Minutes are those of the reports, so that a replay at any speed, and any framing, has the same ones
left out; a scan of many rows at once uses up no more than its share of a minute. A late row counts
in the minute that its source has come to. The count is no part of a checkpoint: a worker that
starts anew begins the minute anew, and judges at most as many again.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa

from skyfence.contracts.rejected import Reason
from skyfence.frames.frame import Frame
from skyfence.policy.parameters import MINUTE_MS
from skyfence.times import format_time, from_ms
from skyfence.tracks.frame_result import FrameResult

LEFT_OUT: Final = "over its source's limit"
_SECONDS: Final = MINUTE_MS // 1_000


class ReportRate:
    """The reports of one source, or shard of it, in one run."""

    def __init__(self, most_per_s: float) -> None:
        """Let through so many reports a second, as the mean of a minute."""
        self._most_per_s = most_per_s
        self._most = max(1, round(most_per_s * _SECONDS))
        self._minute = -1
        self._count = 0

    def admit(self, frame: Frame, result: FrameResult) -> Frame:
        """Return a frame without the rows beyond the limit, which ``result`` counts and tells."""
        if not len(frame):
            return frame
        is_same_minute = int(frame.times_ms.max()) // MINUTE_MS <= self._minute
        if is_same_minute and self._count + len(frame) <= self._most:  # nearly always
            self._count += len(frame)
            return frame
        return self._within(frame, result)

    def _within(self, frame: Frame, result: FrameResult) -> Frame:
        """Do as ``admit`` for a frame in which a minute begins or its share ends."""
        minutes = np.maximum.accumulate(np.maximum(frame.times_ms // MINUTE_MS, self._minute))
        before = np.where(minutes == self._minute, self._count, 0)
        numbers = np.arange(len(frame)) - np.searchsorted(minutes, minutes) + before
        self._minute, self._count = int(minutes[-1]), int(numbers[-1]) + 1
        is_over = numbers >= self._most
        if not is_over.any():
            return frame
        result.left_out[LEFT_OUT] += int(np.count_nonzero(is_over))
        for minute in minutes[numbers == self._most].tolist():
            result.refused.append(self._reason(frame.key, minute))
        return replace(frame, batch=frame.batch.filter(pa.array(~is_over)))

    def _reason(self, key: str, minute: int) -> Reason:
        until = format_time(from_ms((minute + 1) * MINUTE_MS))
        text = (
            f"{key} sends more than {self._most_per_s:g} reports/s, the mean of a minute: "
            f"its others until {until} are left out"
        )
        return Reason("limit", text)
