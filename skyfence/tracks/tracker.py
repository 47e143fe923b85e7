"""Tracking: reports of a partition in, facts out. The state of every track lives here.

A track's own chain depends on that track alone. Timers run out as of their own deadline, before
any report that is later, and a report that comes after that is late: so the facts are the same
however the reports were framed.

    frame -> rows in order of arrival, or of time where the source may be late
          -> each row: watermark -> timers due -> late? -> followed
          -> scan time: watermark -> timers due
          -> last: every track ends as its timers say, and the run's state is dropped
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from skyfence.airspace.airspace import Airspace
from skyfence.airspace.batch_queries import QueryPoint, Segment
from skyfence.airspace.grid import Grid
from skyfence.frames.frame import Frame
from skyfence.geometry.proper_intersections import Cuts
from skyfence.naming import Environment
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy
from skyfence.tracks.coarse_filter import FEWEST_ROWS, CoarseFilter
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import Observation
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.track_state import TrackState
from skyfence.tracks.updater import TrackUpdater
from skyfence.tracks.violation_episode import ViolationStatus


class Tracker:
    """Judges the frames of one partition, in order."""

    def __init__(
        self,
        airspace: Airspace,
        environment: Environment,
        policy: Policy | None = None,
        parameters: DetectionParameters | None = None,
        *,
        sift: bool = True,
    ) -> None:
        """Judge by zones, policy and rules; without ``sift`` every row is judged in full."""
        self.airspace = airspace
        self._environment = environment
        self._policy = policy or Policy()
        self._parameters = parameters or DetectionParameters()
        self._updater = TrackUpdater(airspace, self._policy, self._parameters)
        self.grid = Grid(airspace)
        self._sift = sift
        self._sources: dict[tuple[str, str], SourceTracks] = {}
        self._quiet: dict[tuple[str, str], CoarseFilter] = {}

    def export_state(self) -> Mapping[tuple[str, str], SourceTracks]:
        """Return the state of each (run, key), each track brought up to its last report."""
        for name, source in self._sources.items():
            for track in source.tracks.values():
                self._quiet[name].restore_observation(track)
        return self._sources

    def import_state(self, sources: Iterable[SourceTracks]) -> None:
        """Go on from the state of a checkpoint; timers run out as they would have."""
        for found in sources:
            name = (found.run, found.key)
            _, coarse_filter = self._source(name)
            for track in found.tracks.values():
                found.schedule(track, self._parameters)
            coarse_filter.refresh_columns(found.tracks.values())
            self._sources[name] = found

    def empty_result(self) -> FrameResult:
        """Return what happens where nothing is judged."""
        return FrameResult(self._environment, self.airspace, self._parameters, self._policy)

    def process(self, frame: Frame) -> FrameResult:
        """Judge one frame and return what happened in it."""
        result = self.empty_result()
        name = (frame.run, frame.key)
        source, coarse_filter = self._source(name)
        result.reports = len(frame)
        waits_ms = 0 if frame.last else self._policy.lateness_ms(frame.source)
        until_ms = frame.scan_time_ms - waits_ms
        if waits_ms or source.waiting:
            for row, time_ms in enumerate(frame.times_ms.tolist()):
                if time_ms < source.watermark_ms:
                    result.late += 1  # by more than its source may be
                    continue
                source.hold_back(frame, row)
                self._release(result, source, coarse_filter, time_ms - waits_ms)
        else:
            self._take_rows(result, source, coarse_filter, frame)
        self._release(result, source, coarse_filter, until_ms)
        if frame.last:
            self._finish(result, source, coarse_filter)
            del self._sources[name], self._quiet[name]
            result.clock(*name, source.watermark_ms, last=True)
        result.fill_details()
        return result

    def _source(self, name: tuple[str, str]) -> tuple[SourceTracks, CoarseFilter]:
        if name not in self._sources:
            self._sources[name] = SourceTracks(*name)
            look_ahead_s = self._updater.look_ahead_s
            self._quiet[name] = CoarseFilter(
                self.grid, self.airspace, self._parameters, look_ahead_s
            )
        return self._sources[name], self._quiet[name]

    def _release(
        self, result: FrameResult, source: SourceTracks, coarse_filter: CoarseFilter, until_ms: int
    ) -> None:
        """Judge the reports that were kept, up to a time, and move the source's clock there."""
        for track_id, observation in source.released_until(until_ms):
            self._advance(result, source, coarse_filter, observation.time_ms)
            self._observe(result, source, coarse_filter, track_id, observation)
        self._advance(result, source, coarse_filter, until_ms)

    def _take_rows(
        self, result: FrameResult, source: SourceTracks, coarse_filter: CoarseFilter, frame: Frame
    ) -> None:
        """Judge the rows of a frame that need it, each when the source's clock has come to it."""
        rows: Sequence[tuple[int, Cuts | None]] = [(row, None) for row in range(len(frame))]
        latest_ms = np.maximum.accumulate(frame.times_ms)
        if self._sift and len(frame) >= FEWEST_ROWS:
            rows = list(
                coarse_filter.sift(frame, self._due(source, coarse_filter, int(latest_ms[-1]) - 1))
            )
        self._foresee(source, coarse_filter, frame, rows)
        for row, _ in rows:
            self._advance(result, source, coarse_filter, int(latest_ms[row]))
            self._observe(
                result, source, coarse_filter, frame.track_ids[row], Observation.of(frame, row)
            )

    def _foresee(
        self,
        source: SourceTracks,
        coarse_filter: CoarseFilter,
        frame: Frame,
        rows: Iterable[tuple[int, Cuts | None]],
    ) -> None:
        """Ask the airspace at once what judging these rows will ask one by one."""
        queries, last = self._updater.queries, dict[str, QueryPoint]()
        ways, places = list[Segment](), list[QueryPoint]()
        queries.clear()
        for row, cuts in rows:
            name, place = frame.track_ids[row], (float(frame.lons[row]), float(frame.lats[row]))
            track = source.tracks.get(name)
            if track is not None and name not in last:
                coarse_filter.restore_observation(track)
                last[name] = (track.observation.lon, track.observation.lat)
            if track is None or track.suppressed_by is None:
                places.append(place)
            if name in last:
                way = (*last[name], *place)
                if cuts is None:
                    ways.append(way)
                else:
                    queries.add_cuts(way, cuts)
            last[name] = place
        queries.prefetch(ways, places)

    def _due(self, source: SourceTracks, coarse_filter: CoarseFilter, until_ms: int) -> list[str]:
        """Return the tracks whose timers are really due, and put the others' entries right."""
        due: list[str] = []
        while (found := source.pop_due(until_ms)) is not None:
            _, track = found
            coarse_filter.restore_observation(track)
            if track.deadline_ms(self._parameters) <= until_ms:
                due.append(track.track_id)
            else:
                source.schedule(track, self._parameters)
        for track_id in due:
            source.schedule(source.tracks[track_id], self._parameters)
        return due

    def _tell_clock(self, result: FrameResult, source: SourceTracks, reached_ms: int) -> None:
        """Say how far the source has come, after everything that happened until then.

        In whole steps, so that the clock strikes between the same events in frames of any size.
        """
        every_ms = self._parameters.clock_every_ms
        if reached_ms - source.announced_watermark_ms >= every_ms:
            source.announced_watermark_ms = reached_ms - reached_ms % every_ms
            result.clock(source.run, source.key, source.announced_watermark_ms)

    def _advance(
        self, result: FrameResult, source: SourceTracks, coarse_filter: CoarseFilter, time_ms: int
    ) -> None:
        """Move the source's clock on and run out the timers before it.

        Rows are never later than their frame's scan, so moving with each of them only makes one
        large frame mean the same as many small ones.
        """
        source.watermark_ms = max(source.watermark_ms, time_ms)
        until_ms = source.watermark_ms - 1  # who reports at the very deadline is in time
        while (found := source.pop_due(until_ms)) is not None:
            due_ms, track = found
            coarse_filter.restore_observation(track)
            self._tell_clock(result, source, due_ms - 1)
            self._updater.run_timers(result, track, due_ms)
            if self._updater.is_finished(track, due_ms):
                del source.tracks[track.track_id]
                coarse_filter.drop(track.track_id)
            else:
                source.schedule(track, self._parameters)
                coarse_filter.mark_judged(track)
        self._tell_clock(result, source, until_ms)

    def _observe(
        self,
        result: FrameResult,
        source: SourceTracks,
        coarse_filter: CoarseFilter,
        track_id: str,
        observation: Observation,
    ) -> None:
        result.judged += 1
        track = source.tracks.get(track_id)
        if track is not None:
            coarse_filter.restore_observation(track)
        too_old_ms = source.watermark_ms - self._parameters.lost_after_ms
        if track.is_late(observation.time_ms) if track else observation.time_ms <= too_old_ms:
            result.late += 1
            return
        if track is None:
            frame = observation.frame
            track = TrackState(
                frame.run, frame.source, track_id, observation.time_ms, observation, observation.fix
            )
            source.tracks[track_id] = track
            self._updater.start(result, track)
        else:
            self._updater.update(result, track, observation)
        source.schedule(track, self._parameters)
        coarse_filter.mark_judged(track)

    def _finish(
        self, result: FrameResult, source: SourceTracks, coarse_filter: CoarseFilter
    ) -> None:
        """End a finite source: lose what it still saw, clear what had left or never came.

        What is lost inside stays lost: nobody has watched for it since, so no time heals it.
        """
        for track in list(source.tracks.values()):
            coarse_filter.restore_observation(track)
            self._updater.run_timers(
                result, track, track.observation.time_ms + self._parameters.lost_after_ms
            )
            told = track.violation
            if told is not None and (told.status is ViolationStatus.EXITED or told.was_threat):
                self._updater.run_timers(result, track, track.deadline_ms(self._parameters))
