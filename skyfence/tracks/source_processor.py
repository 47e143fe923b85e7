"""One source in one run: its frames in, each report to its track when the watermark has come there.

    frame -> without rows that say nothing (screening), or are beyond its limit (report_rate)
          -> rows in order of arrival, or of time where the source may be late
          -> each row: watermark -> timers due -> late? -> its track is updated (births)
          -> scan time: watermark -> timers and births due
          -> last: every track ends as its timers say

Rows that the coarse filter skips are no more than noted there: before a track is looked at, its
last report is taken over from the filter. What a report means is decided in ``updater``.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from skyfence.airspace.batch_queries import QueryPoint, Segment
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import Frame, source_of
from skyfence.geometry.proper_intersections import Cuts
from skyfence.steps import Steps
from skyfence.times import from_ms
from skyfence.tracks.births import TrackBirths
from skyfence.tracks.coarse_filter import FEWEST_ROWS, CoarseFilter
from skyfence.tracks.context import Context
from skyfence.tracks.flights import sighting_of
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import Observation
from skyfence.tracks.report_rate import ReportRate
from skyfence.tracks.screening import screen
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.track_state import TrackState
from skyfence.tracks.updater import TrackUpdater
from skyfence.tracks.violation_episode import ViolationStatus

# Tracks that are brought up to their last reports in one step, 10 us each.
_RESTORED_AT_ONCE: Final = 200
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
        rules = context.policy.rules_of(source_of(source.key))
        self._rate = ReportRate(rules.most_reports_per_s)
        self._births = TrackBirths(context, updater, source, coarse_filter)
        for track in source.tracks.values():
            source.schedule(track, self._parameters)
        coarse_filter.refresh_columns(source.tracks.values())

    def exporting(self) -> Steps[SourceTracks]:
        """Return the source's state, each track brought up to its last report, in steps."""
        for number, track in enumerate(self._source.tracks.values()):
            self._filter.restore_observation(track)
            if number % _RESTORED_AT_ONCE == 0:
                yield
        return self._source

    def steps(self, frame: Frame, result: FrameResult) -> Steps[None]:
        """Judge one frame of the source, and record what happens; yield now and then on the way."""
        source = self._source
        waits_ms = self._context.policy.lateness_ms(frame.source)
        clock_ms = -1 if source.watermark_ms < 0 else source.watermark_ms + waits_ms
        result.behind_ms = max(0, source.watermark_ms - frame.scan_time_ms)
        frame = screen(frame, source, clock_ms, self._parameters, result)
        frame = self._rate.admit(frame, result)
        if waits_ms or source.waiting:
            for row, time_ms in enumerate(frame.times_ms.tolist()):
                if time_ms < source.watermark_ms:
                    result.late += 1  # by more than its source may be
                    continue
                source.hold_back(frame, row)
                self._release(result, time_ms - waits_ms)
                yield
        else:
            yield from self._judge_rows(result, frame)
        self._release(result, frame.scan_time_ms - (0 if frame.last else waits_ms))
        if frame.last:
            self._finish(result)
            self._add_watermark(result, source.watermark_ms, last=True)

    def _release(self, result: FrameResult, until_ms: int) -> None:
        """Judge the reports that were held back, up to a time, and move the watermark there."""
        for track_id, observation in self._source.released_until(until_ms):
            self._advance(result, observation.time_ms)
            self._observe(result, track_id, observation)
        self._advance(result, until_ms)

    def _judge_rows(self, result: FrameResult, frame: Frame) -> Steps[None]:
        """Judge the rows of a frame that need it, each when the watermark has come to it.

        Yields before each of them: one at the border takes some milliseconds.
        """
        rows: Sequence[_Row] = [(row, None) for row in range(len(frame))]
        latest_ms = np.maximum.accumulate(frame.times_ms)
        if self._sift and len(frame) >= FEWEST_ROWS:
            due = self._tracks_due(int(latest_ms[-1]) - 1)
            sifted = self._filter.sift(frame, [*due, *self._source.births.candidates])
            rows = sifted.judged
            self._add_flights(result, frame, sifted.sighted)
        self._prefetch(frame, rows)
        for row, _ in rows:
            yield
            self._advance(result, int(latest_ms[row]))
            self._observe(result, frame.track_ids[row], Observation.of(frame, row))

    def _add_flights(self, result: FrameResult, frame: Frame, rows: Sequence[int]) -> None:
        """Publish flights that the coarse filter skipped, given their rows."""
        flights = [
            sighting_of(self._source.tracks[frame.track_ids[row]].track_id, observation)
            for row in rows
            if (observation := Observation.of(frame, row))
        ]
        if flights:
            result.add_flights(self._source.run, frame.source, flights)

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
            if track is None or track.suppressed_by is None:
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
                due.append(track.number)
            else:
                source.schedule(track, self._parameters)
        for number in due:
            source.schedule(source.tracks[number], self._parameters)
        return due

    def _announce_watermark(self, result: FrameResult, reached_ms: int) -> None:
        """Say how far the source has come, after everything that happened until then.

        In whole steps, so that it comes between the same events in frames of any size. What is held
        back of numbers that begin is still to happen.
        """
        source, every_ms = self._source, self._parameters.clock_every_ms
        if reached_ms - source.announced_watermark_ms < every_ms:
            return
        first_ms = source.births.earliest_ms()
        if first_ms is not None:
            reached_ms = min(reached_ms, first_ms - 1)
        if reached_ms - source.announced_watermark_ms >= every_ms:
            source.announced_watermark_ms = reached_ms - reached_ms % every_ms
            self._add_watermark(result, source.announced_watermark_ms)

    def _add_watermark(self, result: FrameResult, time_ms: int, *, last: bool = False) -> None:
        run, key = self._source.run, self._source.key
        watermark = SourceWatermark(run=run, key=key, time=from_ms(time_ms), last=last)
        result.add_event(watermark)

    def _advance(self, result: FrameResult, time_ms: int) -> None:
        """Move the watermark on; run out the timers and decide the births before it.

        Rows are never later than their frame's scan, so moving with each of them only makes one
        large frame mean the same as many small ones.
        """
        source = self._source
        source.watermark_ms = max(source.watermark_ms, time_ms)
        until_ms = source.watermark_ms - 1  # a report at the very deadline is in time
        while True:
            birth_ms = source.births.next_due_ms()
            if birth_ms is None or birth_ms > until_ms:
                entry = source.pop_due(until_ms)
            else:  # a track is not lost before the number that it may go on under had its chance
                entry = source.pop_due(birth_ms - 1)
            if entry is not None:
                self._run_timers(result, *entry)
            elif birth_ms is not None and birth_ms <= until_ms:
                self._births.decide_next(result)
            else:
                break
        self._announce_watermark(result, until_ms)

    def _run_timers(self, result: FrameResult, due_ms: int, track: TrackState) -> None:
        """Run out a track's timers that are due at a time, and forget the track after the last."""
        self._filter.restore_observation(track)
        self._announce_watermark(result, due_ms - 1)
        if track.deadline_ms(self._parameters) > due_ms:  # it was reported since
            self._source.schedule(track, self._parameters)
            return
        self._updater.run_timers(result, track, due_ms)
        if self._updater.is_finished(track, due_ms):
            self._source.take_away(track)
            self._filter.drop(track.number)
        else:
            self._births.note_timer(track, due_ms)

    def _observe(self, result: FrameResult, number: str, observation: Observation) -> None:
        """Judge one report."""
        result.judged += 1
        self._births.observe(result, number, observation)

    def _finish(self, result: FrameResult) -> None:
        """End a finite source: lose what it still saw, clear what had left or never came.

        What is lost inside stays lost: its source has not watched for it since, so
        that no time can end it.
        """
        while self._source.births.next_due_ms() is not None:
            self._births.decide_next(result)
        for track in list(self._source.tracks.values()):
            self._filter.restore_observation(track)
            self._updater.run_timers(result, track, track.lost_ms(self._parameters))
            episode = track.violation
            if episode and (episode.status is ViolationStatus.EXITED or episode.was_threat):
                episode.end_search()  # nobody watches any more
                self._updater.run_timers(result, track, track.deadline_ms(self._parameters))
