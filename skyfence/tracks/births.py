"""Births: numbers that begin in a source, as tracks of their own or as old ones that go on.

    report of a number that no track has --candidates near?--no--> a track begins
                                              | yes
                                     held back (pending_births)
                                              | decided as of a time
                              a track begins <--+--> an old track is shown under the number

A track that was taken to go on under another number, and is reported under its own again, gets
that back: two that a source shows at once are two, and the other one begins then. A number that is
given to another object while the first is lost amid a violation begins a track, and what is lost
stays so.

Does not judge a report (``updater``) nor move the watermark (``source_processor``).
"""

from collections.abc import Sequence

from skyfence.frames.frame import source_of
from skyfence.policy.parameters import SECOND_MS
from skyfence.tracks.coarse_filter import CoarseFilter
from skyfence.tracks.context import Context
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.observation import Observation
from skyfence.tracks.pending_births import PendingBirth, due_ms, settled_ms
from skyfence.tracks.source_tracks import SourceTracks
from skyfence.tracks.stitching import is_out_of_reach, may_be_back, mismatch_m
from skyfence.tracks.track_limit import TrackLimit
from skyfence.tracks.track_state import TrackState
from skyfence.tracks.updater import TrackUpdater
from skyfence.tracks.violation_episode import ViolationStatus


class TrackBirths:
    """Begins the tracks of one source, and hands each report to its track."""

    def __init__(
        self,
        context: Context,
        updater: TrackUpdater,
        source: SourceTracks,
        coarse_filter: CoarseFilter,
    ) -> None:
        self._parameters = context.parameters
        self._airspace = context.airspace
        self._rules = context.policy.rules_of(source_of(source.key))
        self._updater = updater
        self._source = source
        self._filter = coarse_filter
        self._limit = TrackLimit(self._rules.most_tracks, source, coarse_filter)
        # As of when something happens: the watermark at a report, else a timer's or birth's time.
        self._now_ms = source.watermark_ms

    def observe(self, result: FrameResult, number: str, observation: Observation) -> None:
        """Take in a report: judge it, hold it back, or count it if it is late."""
        self._now_ms = self._source.watermark_ms
        track = self._source.tracks.get(number)
        if track is None:
            self._observe_unknown(result, number, observation)
            return
        self._filter.restore_observation(track)
        if track.is_late(observation.time_ms):
            result.late += 1
        elif self._is_given_again(track, observation):
            self._set_aside(track)
            self._observe_unknown(result, number, observation)
        elif observation.repeats(track.observation):
            result.left_out["repeated position"] += 1
        else:
            self._take_in(result, track, observation)

    def note_timer(self, track: TrackState, due_ms: int) -> None:
        """Bring up to date what hangs on a track whose timer ran out as of a time."""
        self._now_ms = due_ms
        self._note_change(track)

    def _observe_unknown(self, result: FrameResult, number: str, observation: Observation) -> None:
        """Take in a report of a number that no track has; count it if it is late."""
        source = self._source
        birth, (retired_ms, _) = source.births.get(number), source.retired.get(number, (-1, ""))
        too_old_ms = max(source.watermark_ms - self._parameters.lost_after_ms, retired_ms)
        if birth is not None:
            too_old_ms = birth.reports[-1].time_ms
        if observation.time_ms <= too_old_ms:
            result.late += 1
            return
        if birth is not None:
            birth.reports.append(observation)
            return
        candidates = self._candidates(observation)
        if not candidates:
            if self._limit.admits(result):
                self._begin(result, number, [observation])
            return
        birth = PendingBirth(number, [observation], candidates)
        due = due_ms(birth, source.tracks, self._parameters)
        birth.due_ms = max(self._now_ms, due)
        source.births.add(birth)

    def _take_in(
        self,
        result: FrameResult,
        track: TrackState,
        observation: Observation,
        *,
        stitched: bool = False,
    ) -> None:
        """Judge a track's next report. Precondition: as ``TrackUpdater.update``."""
        self._count(track, observation)
        self._updater.update(result, track, observation, stitched=stitched)
        self._note_change(track)

    def _note_change(self, track: TrackState) -> None:
        """Bring up to date what hangs on a track: its timer, its columns, births that it may be."""
        source, parameters = self._source, self._parameters
        source.schedule(track, parameters)
        self._filter.mark_judged(track)
        if source.births.wants(track.number):
            source.births.review(
                track.number,
                source.tracks,
                parameters,
                lambda birth: mismatch_m(track, birth.reports[0], parameters),
                self._now_ms,
            )

    def decide_next(self, result: FrameResult) -> None:
        """Decide the birth that is due next, as of its time: a new track, or an old one."""
        source = self._source
        birth = source.births.next_birth()
        self._now_ms = birth.due_ms
        match = source.births.best_match(
            birth, lambda number: settled_ms(source.tracks[number]) <= birth.due_ms
        )
        source.births.remove(birth)
        if match is None:
            if self._limit.admits(result):
                self._begin(result, birth.number, birth.reports)
        else:
            self._go_on(result, source.tracks[match], birth)

    def _candidates(self, observation: Observation) -> dict[str, int]:
        """Return the tracks that may go on with a report, by number, with their mismatch."""
        candidates = {}
        near = self._filter.tracks_near(observation.lon, observation.lat, observation.time_ms)
        for number in near:
            track = self._source.tracks[number]
            self._filter.restore_observation(track)
            mismatch = mismatch_m(track, observation, self._parameters)
            if mismatch is not None:
                candidates[number] = mismatch
        return candidates

    def _go_on(self, result: FrameResult, track: TrackState, birth: PendingBirth) -> None:
        """Have a track go on under a number that began, with the reports that were held back."""
        source, parameters, old = self._source, self._parameters, track.number
        self._filter.restore_observation(track)
        source.retire(old, track, self._now_ms - parameters.longest_gap_ms)
        self._show_as(track, birth.number)
        source.births.review(old, source.tracks, parameters, lambda _: None, self._now_ms)
        self._judge_held(result, track, birth.reports, stitched=True)

    def _begin(self, result: FrameResult, number: str, reports: Sequence[Observation]) -> None:
        """Begin a track with the reports of a number, or give a track its former number back."""
        source, parameters = self._source, self._parameters
        retired_ms, name = source.retired.pop(number, (-1, ""))
        track = source.track_of(name)
        if track is not None:
            soon = reports[0].time_ms - retired_ms <= track.missed_ms(parameters)
            if soon and may_be_back(track, reports[0], parameters):
                self._filter.restore_observation(track)
                other, last = track.number, track.observation
                self._show_as(track, number)
                self._begin(result, other, [last])
                self._judge_held(result, track, reports)
                return
        track = _new_track(source.free_name(number), reports[0])
        source.show_as(track, number)
        self._count(track, reports[0])
        self._updater.start(result, track)
        self._note_change(track)
        self._judge_held(result, track, reports[1:])

    def _is_given_again(self, track: TrackState, observation: Observation) -> bool:
        """Tell whether the number of what is lost amid a violation is another object's by now.

        The object cannot have got there at its speed; or it ended inside by its source's word, and
        the report is outside.
        """
        episode, last = track.violation, track.observation
        if track.live or episode is None:
            return False
        if is_out_of_reach(track, observation, self._parameters):
            return True
        lost_inside = episode.status is ViolationStatus.LOST and not episode.was_threat
        if not (last.ended and lost_inside):
            return False
        covering = self._airspace.covering(observation.lon, observation.lat)
        return not self._airspace.is_protected_at(covering)

    def _set_aside(self, track: TrackState) -> None:
        """Keep what is lost under a number that its source does not give."""
        number = track.number
        self._show_as(track, self._source.spare_number(number))
        if self._source.births.wants(number):
            self._source.births.review(
                number, self._source.tracks, self._parameters, lambda _: None, self._now_ms
            )

    def _show_as(self, track: TrackState, number: str) -> None:
        self._filter.drop(track.number)
        self._source.take_away(track)
        self._source.show_as(track, number)
        self._note_change(track)

    def _judge_held(
        self,
        result: FrameResult,
        track: TrackState,
        reports: Sequence[Observation],
        *,
        stitched: bool = False,
    ) -> None:
        """Judge reports that were held back, each after the timers before it."""
        for observation in reports:
            if track.is_late(observation.time_ms):
                continue
            if track.deadline_ms(self._parameters) < observation.time_ms:
                self._updater.run_timers(result, track, observation.time_ms - 1)
            self._take_in(result, track, observation, stitched=stitched)
            stitched = False

    def _count(self, track: TrackState, observation: Observation) -> None:
        """Note what a report says of how often its track is reported, and how established it is."""
        rules = self._rules
        if rules.scan_interval_s is not None:
            track.scan_ms = round(rules.scan_interval_s * SECOND_MS)
        elif observation is not track.observation:
            track.learn_scan(observation.time_ms)
        if track.counted_reports < rules.least_reports:
            track.counted_reports += observation.counts(rules.least_speed_mps)


def _new_track(track_id: str, observation: Observation) -> TrackState:
    return TrackState(
        run=observation.frame.run,
        source=observation.frame.source,
        track_id=track_id,
        first_ms=observation.time_ms,
        observation=observation,
        path_start=observation.fix,
    )
