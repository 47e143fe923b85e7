"""One source in one run: its frames in, each report to its track when the watermark has come there.

    frame -> rows in order of arrival, or of time where the source may be late
          -> each row: watermark -> timers due -> late? -> its track is updated
          -> scan time: watermark -> timers due
          -> last: every track ends as its timers say

Rows that the coarse filter skips are no more than noted there: before a track is looked at, its
last report is taken over from the filter. What a report means is decided in ``updater``.
"""

from collections.abc import Sequence

import numpy as np

from skyfence.airspace.batch_queries import QueryPoint, Segment
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import Frame, source_of
from skyfence.geometry.proper_intersections import Cuts
from skyfence.policy.parameters import SECOND_MS
from skyfence.times import from_ms
from skyfence.tracks.coarse_filter import FEWEST_ROWS, CoarseFilter
from skyfence.tracks.context import Context
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import Observation
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.track_state import TrackState
from skyfence.tracks.updater import TrackUpdater
from skyfence.tracks.violation_episode import ViolationStatus

# A row of a frame, and what its segment cuts properly, where the coarse filter has asked.
_Row = tuple[int, Cuts | None]


class SourceProcessor:
    """Judges the frames of one source, in order."""

    def __init__(
        self,
        context: Context,
        updater: TrackUpdater,
        source: SourceTracks,
        coarse_filter: CoarseFilter,
        *,
        sift: bool,
    ) -> None:
        """Go on from a source's state; without ``sift`` every row is judged in full.

        The filter is to be a new one: it takes in the tracks here.
        """
        self._context = context
        self._parameters = context.parameters
        self._updater = updater
        self._source = source
        self._filter = coarse_filter
        self._sift = sift
        self._rules = context.policy.rules_of(source_of(source.key))
        for track in source.tracks.values():
            source.schedule(track, self._parameters)
        coarse_filter.refresh_columns(source.tracks.values())

    def export(self) -> SourceTracks:
        """Return the source's state, each track brought up to its last report."""
        for track in self._source.tracks.values():
            self._filter.restore_observation(track)
        return self._source

    def process(self, frame: Frame, result: FrameResult) -> None:
        """Judge one frame of the source, and record what happens."""
        source = self._source
        waits_ms = 0 if frame.last else self._context.policy.lateness_ms(frame.source)
        if waits_ms or source.waiting:
            for row, time_ms in enumerate(frame.times_ms.tolist()):
                if time_ms < source.watermark_ms:
                    result.late += 1  # by more than its source may be
                    continue
                source.hold_back(frame, row)
                self._release(result, time_ms - waits_ms)
        else:
            self._judge_rows(result, frame)
        self._release(result, frame.scan_time_ms - waits_ms)
        if frame.last:
            self._finish(result)
            self._add_watermark(result, source.watermark_ms, last=True)

    def _release(self, result: FrameResult, until_ms: int) -> None:
        """Judge the reports that were held back, up to a time, and move the watermark there."""
        for track_id, observation in self._source.released_until(until_ms):
            self._advance(result, observation.time_ms)
            self._observe(result, track_id, observation)
        self._advance(result, until_ms)

    def _judge_rows(self, result: FrameResult, frame: Frame) -> None:
        """Judge the rows of a frame that need it, each when the watermark has come to it."""
        rows: Sequence[_Row] = [(row, None) for row in range(len(frame))]
        latest_ms = np.maximum.accumulate(frame.times_ms)
        if self._sift and len(frame) >= FEWEST_ROWS:
            rows = self._filter.sift(frame, self._tracks_due(int(latest_ms[-1]) - 1))
        self._prefetch(frame, rows)
        for row, _ in rows:
            self._advance(result, int(latest_ms[row]))
            self._observe(result, frame.track_ids[row], Observation.of(frame, row))

    def _prefetch(self, frame: Frame, rows: Sequence[_Row]) -> None:
        """Ask the airspace at once what judging these rows will ask one by one."""
        queries, tracks = self._updater.queries, self._source.tracks
        last, segments, points = dict[str, QueryPoint](), list[Segment](), list[QueryPoint]()
        queries.clear()
        for row, cuts in rows:
            name, point = frame.track_ids[row], (float(frame.lons[row]), float(frame.lats[row]))
            track = tracks.get(name)
            if track is not None and name not in last:
                self._filter.restore_observation(track)
                last[name] = (track.observation.lon, track.observation.lat)
            time_ms = int(frame.times_ms[row])
            is_judged = track is None or track.suppressed_by is None
            if track is None or is_judged or time_ms >= track.flight_due_ms:
                points.append(point)
            if name in last:
                segment = (*last[name], *point)
                if cuts is None:
                    segments.append(segment)
                else:
                    queries.add_cuts(segment, cuts)
            last[name] = point
        queries.prefetch(segments, points)

    def _tracks_due(self, until_ms: int) -> list[str]:
        """Return the tracks whose timers are really due, and put the others' entries right."""
        source, due = self._source, list[str]()
        while (entry := source.pop_due(until_ms)) is not None:
            _, track = entry
            self._filter.restore_observation(track)
            if track.deadline_ms(self._parameters) <= until_ms:
                due.append(track.track_id)
            else:
                source.schedule(track, self._parameters)
        for track_id in due:
            source.schedule(source.tracks[track_id], self._parameters)
        return due

    def _announce_watermark(self, result: FrameResult, reached_ms: int) -> None:
        """Say how far the source has come, after everything that happened until then.

        In whole steps, so that it comes between the same events in frames of any size.
        """
        source, every_ms = self._source, self._parameters.clock_every_ms
        if reached_ms - source.announced_watermark_ms >= every_ms:
            source.announced_watermark_ms = reached_ms - reached_ms % every_ms
            self._add_watermark(result, source.announced_watermark_ms)

    def _add_watermark(self, result: FrameResult, time_ms: int, *, last: bool = False) -> None:
        run, key = self._source.run, self._source.key
        watermark = SourceWatermark(run=run, key=key, time=from_ms(time_ms), last=last)
        result.events.append(watermark)

    def _advance(self, result: FrameResult, time_ms: int) -> None:
        """Move the watermark on and run out the timers before it.

        Rows are never later than their frame's scan, so moving with each of them only makes one
        large frame mean the same as many small ones.
        """
        source = self._source
        source.watermark_ms = max(source.watermark_ms, time_ms)
        until_ms = source.watermark_ms - 1  # a report at the very deadline is in time
        while (entry := source.pop_due(until_ms)) is not None:
            due_ms, track = entry
            self._filter.restore_observation(track)
            self._announce_watermark(result, due_ms - 1)
            self._updater.run_timers(result, track, due_ms)
            if self._updater.is_finished(track, due_ms):
                del source.tracks[track.track_id]
                self._filter.drop(track.track_id)
            else:
                source.schedule(track, self._parameters)
                self._filter.mark_judged(track)
        self._announce_watermark(result, until_ms)

    def _observe(self, result: FrameResult, track_id: str, observation: Observation) -> None:
        """Judge one report, unless it is late: not newer than what its track was judged by."""
        result.judged += 1
        source = self._source
        track = source.tracks.get(track_id)
        if track is not None:
            self._filter.restore_observation(track)
        too_old_ms = source.watermark_ms - self._parameters.lost_after_ms
        if track.is_late(observation.time_ms) if track else observation.time_ms <= too_old_ms:
            result.late += 1
            return
        if track is None:
            track = source.tracks[track_id] = _new_track(track_id, observation)
            self._count(track, observation)
            self._updater.start(result, track)
        else:
            self._count(track, observation)
            self._updater.update(result, track, observation)
        source.schedule(track, self._parameters)
        self._filter.mark_judged(track)

    def _count(self, track: TrackState, observation: Observation) -> None:
        """Note what a report says of how often its track is reported, and how established it is."""
        rules = self._rules
        if rules.scan_interval_s is not None:
            track.scan_ms = round(rules.scan_interval_s * SECOND_MS)
        elif observation is not track.observation:
            track.learn_scan(observation.time_ms)
        if track.counted_reports < rules.least_reports:
            track.counted_reports += observation.counts(rules.least_speed_mps)

    def _finish(self, result: FrameResult) -> None:
        """End a finite source: lose what it still saw, clear what had left or never came.

        What is lost inside stays lost: its source has not watched for it since, so
        that no time can end it.
        """
        for track in list(self._source.tracks.values()):
            self._filter.restore_observation(track)
            self._updater.run_timers(result, track, track.lost_ms(self._parameters))
            episode = track.violation
            if episode and (episode.status is ViolationStatus.EXITED or episode.was_threat):
                self._updater.run_timers(result, track, track.deadline_ms(self._parameters))


def _new_track(track_id: str, observation: Observation) -> TrackState:
    return TrackState(
        run=observation.frame.run,
        source=observation.frame.source,
        track_id=track_id,
        first_ms=observation.time_ms,
        observation=observation,
        path_start=observation.fix,
    )
