"""Tracking: reports of a partition in, facts out. The state of every track lives here.

A track's own chain depends on that track alone. Timers run out as of their own deadline, before
any report that is later, and a report that comes after that is late: so the facts are the same
however the reports were framed.

    frame -> rows in order of arrival, or of time where the source may be late
          -> each row: watermark -> timers due -> late? -> path from the last report -> crossings
                       -> evidence -> story
          -> scan time: watermark -> timers due
          -> last: every track ends as its timers say, and the run's state is dropped
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import hypot, inf

import numpy as np

from skyfence import story
from skyfence.airspace import Airspace
from skyfence.channels import Environment
from skyfence.evidence import log_odds, sigma_m
from skyfence.facts import Facts
from skyfence.frame import Frame
from skyfence.geodesy import distance_m, legs
from skyfence.grid import Grid
from skyfence.path import Transition, path_transitions
from skyfence.policy import Policy
from skyfence.quiet import FEWEST_ROWS, Quiet
from skyfence.rules import SECOND_MS, Rules
from skyfence.state import (
    Depth,
    Passage,
    Place,
    Sight,
    SourceState,
    Status,
    TrackState,
    profile_of,
)

# Depth is measured anew when it may have grown by this share; near the border, always.
_DEPTH_SHARE = 0.01
_DEPTH_EXACT_M = 5_000.0


class Tracker:
    """Judges the frames of one partition, in order."""

    def __init__(
        self,
        airspace: Airspace,
        environment: Environment,
        policy: Policy | None = None,
        rules: Rules | None = None,
        *,
        sift: bool = True,
    ) -> None:
        """Judge by zones, policy and rules; without ``sift`` every row is judged in full."""
        self.airspace = airspace
        self._environment = environment
        self._policy = policy or Policy()
        self._rules = rules or Rules()
        kinds = [airspace.zones[area].properties.kind for area in airspace.limited_areas]
        kinds += airspace.protected_kinds
        self._border_look_ahead_s = max(map(self._policy.look_ahead_s, kinds), default=0.0)
        self.grid = Grid(airspace)
        self._sift = sift
        self._sources: dict[tuple[str, str], SourceState] = {}
        self._quiet: dict[tuple[str, str], Quiet] = {}

    @property
    def sources(self) -> Mapping[tuple[str, str], SourceState]:
        """Return the state of each (run, key), for a checkpoint."""
        for name, source in self._sources.items():
            for track in source.tracks.values():
                self._quiet[name].load(track)
        return self._sources

    def adopt(self, sources: Iterable[SourceState]) -> None:
        """Go on from the state of a checkpoint; timers run out as they would have."""
        for found in sources:
            name = (found.run, found.key)
            _, quiet = self._source(name)
            for track in found.tracks.values():
                found.schedule(track, self._rules)
            quiet.save_all(found.tracks.values())
            self._sources[name] = found

    def nothing(self) -> Facts:
        """Return what happens where nothing is judged."""
        return Facts(self._environment, self.airspace, self._rules, self._policy)

    def take(self, frame: Frame) -> Facts:
        """Judge one frame and return what happened in it."""
        facts = self.nothing()
        name = (frame.run, frame.key)
        source, quiet = self._source(name)
        facts.reports = len(frame)
        waits_ms = 0 if frame.last else self._policy.lateness_ms(frame.source)
        until_ms = frame.scan_time_ms - waits_ms
        if waits_ms or source.waiting:
            for row, time_ms in enumerate(frame.times_ms.tolist()):
                if time_ms < source.watermark_ms:
                    facts.late += 1  # by more than its source may be
                    continue
                source.keep(frame, row)
                self._release(facts, source, quiet, time_ms - waits_ms)
        else:
            self._take_rows(facts, source, quiet, frame)
        self._release(facts, source, quiet, until_ms)
        if frame.last:
            self._finish(facts, source, quiet)
            del self._sources[name], self._quiet[name]
            facts.clock(*name, source.watermark_ms, last=True)
        facts.survey()
        return facts

    def _source(self, name: tuple[str, str]) -> tuple[SourceState, Quiet]:
        if name not in self._sources:
            self._sources[name] = SourceState(*name)
            self._quiet[name] = Quiet(
                self.grid, self.airspace, self._rules, self._border_look_ahead_s
            )
        return self._sources[name], self._quiet[name]

    def _release(self, facts: Facts, source: SourceState, quiet: Quiet, until_ms: int) -> None:
        """Judge the reports that were kept, up to a time, and move the source's clock there."""
        for track_id, sight in source.kept_until(until_ms):
            self._advance(facts, source, quiet, sight.time_ms)
            self._observe(facts, source, quiet, track_id, sight)
        self._advance(facts, source, quiet, until_ms)

    def _take_rows(self, facts: Facts, source: SourceState, quiet: Quiet, frame: Frame) -> None:
        """Judge the rows of a frame that need it, each when the source's clock has come to it."""
        rows: Iterable[int] = range(len(frame))
        latest_ms = np.maximum.accumulate(frame.times_ms)
        if self._sift and len(frame) >= FEWEST_ROWS:
            rows = quiet.sift(frame, self._due(source, quiet, int(latest_ms[-1]) - 1)).tolist()
        for row in rows:
            self._advance(facts, source, quiet, int(latest_ms[row]))
            self._observe(facts, source, quiet, frame.track_ids[row], Sight.of(frame, row))

    def _due(self, source: SourceState, quiet: Quiet, until_ms: int) -> list[str]:
        """Return the tracks whose timers are really due, and put the others' entries right."""
        due: list[str] = []
        while (found := source.next_due(until_ms)) is not None:
            _, track = found
            quiet.load(track)
            if track.deadline_ms(self._rules) <= until_ms:
                due.append(track.track_id)
            else:
                source.schedule(track, self._rules)
        for track_id in due:
            source.schedule(source.tracks[track_id], self._rules)
        return due

    def _tell_clock(self, facts: Facts, source: SourceState, reached_ms: int) -> None:
        """Say how far the source has come, after everything that happened until then.

        In whole steps, so that the clock strikes between the same events in frames of any size.
        """
        every_ms = self._rules.clock_every_ms
        if reached_ms - source.clock_ms >= every_ms:
            source.clock_ms = reached_ms - reached_ms % every_ms
            facts.clock(source.run, source.key, source.clock_ms)

    def _advance(self, facts: Facts, source: SourceState, quiet: Quiet, time_ms: int) -> None:
        """Move the source's clock on and run out the timers before it.

        Rows are never later than their frame's scan, so moving with each of them only makes one
        large frame mean the same as many small ones.
        """
        source.watermark_ms = max(source.watermark_ms, time_ms)
        until_ms = source.watermark_ms - 1  # who reports at the very deadline is in time
        while (found := source.next_due(until_ms)) is not None:
            due_ms, track = found
            quiet.load(track)
            self._tell_clock(facts, source, due_ms - 1)
            self._settle(facts, track, due_ms)
            if self._is_forgotten(track, due_ms):
                del source.tracks[track.track_id]
                quiet.drop(track.track_id)
            else:
                source.schedule(track, self._rules)
                quiet.save(track)
        self._tell_clock(facts, source, until_ms)

    def _observe(
        self, facts: Facts, source: SourceState, quiet: Quiet, track_id: str, sight: Sight
    ) -> None:
        facts.judged += 1
        track = source.tracks.get(track_id)
        if track is not None:
            quiet.load(track)
        too_old_ms = source.watermark_ms - self._rules.lost_after_ms
        if track.is_late(sight.time_ms) if track else sight.time_ms <= too_old_ms:
            facts.late += 1
            return
        if track is None:
            frame = sight.frame
            track = TrackState(frame.run, frame.source, track_id, sight.time_ms, sight, sight.fix)
            source.tracks[track_id] = track
            self._identify(track)
            self._appear(facts, track, cut=False)
            self._seen_now(facts, track, None)
        elif track.live and self._leaves(track, sight):
            self._jump(facts, track, sight)
        else:
            self._tell_stray(facts, track)
            self._move(facts, track, sight)
        source.schedule(track, self._rules)
        quiet.save(track)

    def _seen_now(self, facts: Facts, track: TrackState, before_ms: int | None) -> None:
        """Judge a track where it is now, and end it if its source says so."""
        self._judge(facts, track, before_ms)
        track.live = True
        if track.sight.ended:
            self._lose(facts, track, track.sight.time_ms)

    def _leaves(self, track: TrackState, sight: Sight) -> bool:
        """Tell whether a report does not go on from the track's last one."""
        if self._is_jump(track.sight, sight):
            return True
        stray = track.stray
        if stray is None or self._is_jump(stray, sight):
            return False
        return _mean_mps(stray, sight) < _mean_mps(track.sight, sight)

    def _is_jump(self, before: Sight, after: Sight) -> bool:
        """Tell whether nothing can have flown from one report to the other."""
        seconds = (after.time_ms - before.time_ms) / SECOND_MS
        most_m = self._rules.fastest(after.known.category) * seconds + self._rules.scatter_m
        return distance_m(before.lon, before.lat, after.lon, after.lat) > most_m

    def _jump(self, facts: Facts, track: TrackState, sight: Sight) -> None:
        """Hold back a report that nothing can have flown to, until the next one decides.

        One that goes on from there cuts the track: its identity was spoofed or swapped. One that
        goes on from before leaves the stray by itself.
        """
        stray = track.stray
        if stray is None or self._is_jump(stray, sight):
            self._tell_stray(facts, track)
            track.stray = sight.alone()
            return
        track.stray = None
        self._lose(facts, track, track.sight.time_ms, cut=True)
        if track.story is not None:
            track.story.away = True
        track.sight = stray
        self._identify(track)
        self._appear(facts, track, cut=True)
        track.live = True
        self._move(facts, track, sight)

    def _tell_stray(self, facts: Facts, track: TrackState) -> None:
        """Record a report that belonged to no path: for the audit, where it seemed to be inside."""
        stray, track.stray = track.stray, None
        if stray is None:
            return
        for area in sorted(self.airspace.covering(stray.lon, stray.lat)):
            facts.crossing("appear", track, area, stray.place, cut=True)

    def _identify(self, track: TrackState) -> None:
        sight = track.sight
        track.suppressed_by = self._policy.suppressed_by(
            sight.known, sight.time_ms, sight.lon, sight.lat
        )

    def _move(self, facts: Facts, track: TrackState, sight: Sight) -> None:
        """Follow a track to its next report, or let it begin anew where its path is not known."""
        before = track.sight
        silent = sight.time_ms - before.time_ms > self._rules.longest_gap_ms
        jumped = not track.live and self._is_jump(before, sight)
        if silent and track.live:
            self._lose(facts, track, before.time_ms)
        was_ended, track.sight = before.ended, sight
        self._identify(track)
        if jumped or silent or was_ended:
            if jumped and track.story is not None:
                track.story.away = True
            was_outside = not (jumped or was_ended or self.airspace.is_protected_at(track.inside))
            self._appear(facts, track, cut=jumped)
            track.crossed |= was_outside  # where, nobody saw
        else:
            metres = distance_m(before.lon, before.lat, sight.lon, sight.lat)
            self._fly(facts, track, before, metres)
        self._seen_now(facts, track, before.time_ms)

    def _fly(self, facts: Facts, track: TrackState, before: Sight, metres: float) -> None:
        """Follow the path from the last report to this one, and record what it meets."""
        held = frozenset(track.inside)
        transitions = self._transitions(track, before)
        flight = _Flight(before, held, transitions)
        track.flown_m = metres
        for one in transitions:
            place = _place(one, before, track.sight)
            facts.crossing("enter" if one.entered else "exit", track, one.area, place)
            if one.entered:
                track.came[one.area] = place
        if not track.live:  # it vanished from these, and is seen in them again
            moved = {transition.area for transition in transitions}
            for area in sorted(held & track.inside - moved):
                facts.crossing("appear", track, area, track.sight.place)
        self._pass(facts, track, flight)
        for area in track.came.keys() - track.inside:
            del track.came[area]
            track.depths.pop(area, None)

    def _pass(self, facts: Facts, track: TrackState, flight: "_Flight") -> None:
        """Note where the path passed the border of the protected airspace, clips included."""
        inside, areas = self.airspace.is_protected_at(flight.held), set(flight.held)
        before, entry = flight.before, None
        for one in flight.transitions:
            (areas.add if one.entered else areas.discard)(one.area)
            if self.airspace.is_protected_at(areas) == inside:
                continue
            inside = not inside
            place = _place(one, before, track.sight)
            passage = Passage(place, before.fix, track.sight.fix)
            if inside:
                track.entry = entry = passage
                continue
            track.exit, track.crossed = passage, True
            if entry is not None:
                self._clip(facts, track, entry, passage)

    def _clip(self, facts: Facts, track: TrackState, entry: Passage, leave: Passage) -> None:
        lon = (entry.place.lon + leave.place.lon) / 2
        lat = (entry.place.lat + leave.place.lat) / 2
        depth_m, border_m = self.airspace.protected_border(lon, lat)
        before, after = entry.before, entry.after
        length_m = distance_m(before.lon, before.lat, after.lon, after.lat)
        path_m = self._rules.path_sigma_m(length_m, (after.time_ms - before.time_ms) / SECOND_MS)
        border_m = hypot(border_m, path_m)
        sigmas = [sigma_m(one.accuracy_m, border_m, self._rules) for one in (before, after)]
        story.clip(facts, track, entry, log_odds(depth_m, max(sigmas)), round(depth_m))

    def _judge(self, facts: Facts, track: TrackState, before_ms: int | None) -> None:
        """Weigh the report as evidence, and tell what it means.

        What is suppressed, or farther away than it can come within the look-ahead, is not judged,
        and what was remembered of it from when it was near means nothing any more.
        """
        if not self.airspace.protected_areas:
            return
        if track.suppressed_by is not None and track.story is None:
            track.depths = {}
            return
        sight, inside = track.sight, self.airspace.is_protected_at(track.inside)
        distance_m, accuracy_m = self.airspace.protected_border(sight.lon, sight.lat)
        if track.story is None and not inside and distance_m > self._reach_m(sight):
            track.depths = {}
            return
        if track.judged_ms != before_ms:
            track.forget()  # it was far away meanwhile
        self._measure(track)
        track.judged_ms = sight.time_ms
        track.anchors.drop(sight.time_ms, sight.lat, sight.lon)
        sigma = sigma_m(sight.accuracy_m, accuracy_m, self._rules)
        depth_m = distance_m if inside else -distance_m
        track.belief.weigh(sight.time_ms, log_odds(depth_m, sigma), self._rules)
        story.follow(facts, track)

    def _reach_m(self, sight: Sight) -> float:
        """Return the distance from the border past which a track means nothing yet."""
        motion = sight.motion
        return self._rules.reach_m(
            motion.speed_mps if motion else None, sight.accuracy_m, self._border_look_ahead_s
        )

    def _transitions(self, track: TrackState, before: Sight) -> list[Transition]:
        path = legs(before.lon, before.lat, track.sight.lon, track.sight.lat)
        profile = profile_of(before, track.sight) if self.airspace.limits else None
        return path_transitions(self.airspace, path, track.inside, profile)

    def _measure(self, track: TrackState) -> None:
        """Bring the greatest depth in each area up to date, at the last report.

        Only for what is judged: for others a crossing asks when it needs to know (``facts``).
        """
        for area in track.inside:
            depth = track.depths.setdefault(area, Depth())
            depth.bound_m += track.flown_m
            slack_m = _DEPTH_SHARE * depth.deepest_m if depth.deepest_m > _DEPTH_EXACT_M else 0.0
            if depth.bound_m > depth.deepest_m + slack_m:
                self._sound(depth, area, track.sight.lon, track.sight.lat)

    def _sound(self, depth: Depth, area: int, lon: float, lat: float) -> None:
        depth.bound_m = self.airspace.border_distance_m(area, lon, lat)
        depth.deepest_m = max(depth.deepest_m, depth.bound_m)

    def _appear(self, facts: Facts, track: TrackState, *, cut: bool) -> None:
        """Begin a path where the track is seen, knowing nothing of how it came there."""
        sight = track.sight
        covering = self.airspace.covering(sight.lon, sight.lat)
        track.inside = set(covering)
        if self.airspace.limits:
            height = (sight.altitude_m, sight.altitude_ref)
            track.inside = set(self.airspace.within_limits(covering, sight.time_ms, *height))
        track.forget()
        track.began = sight.fix
        track.entry = track.exit = None
        track.came = dict.fromkeys(track.inside, sight.place)
        track.crossed = not self.airspace.is_protected_at(track.inside)
        track.flown_m = inf
        for area in sorted(track.inside):
            facts.crossing("appear", track, area, sight.place, cut=cut)

    def _lose(self, facts: Facts, track: TrackState, time_ms: int, *, cut: bool = False) -> None:
        """Note that a track is no longer seen, as of an event time."""
        for area in sorted(track.inside):
            facts.crossing("vanish", track, area, track.sight.place, cut=cut)
        track.live, track.sight = False, track.sight.alone()
        story.lose(facts, track, time_ms)

    def _settle(self, facts: Facts, track: TrackState, until_ms: int) -> None:
        """Run out one track's timers that are due, each as of its own deadline."""
        while (due_ms := track.deadline_ms(self._rules)) <= until_ms:
            if self._is_forgotten(track, until_ms):
                return
            track.settled_ms = due_ms
            if track.live and due_ms == track.sight.time_ms + self._rules.lost_after_ms:
                self._tell_stray(facts, track)
                self._lose(facts, track, due_ms)
            else:
                story.end(facts, track, due_ms)

    def _is_forgotten(self, track: TrackState, at_ms: int) -> bool:
        """Tell whether nothing of a track is waited for any more."""
        return not track.live and not track.story and track.deadline_ms(self._rules) <= at_ms

    def _finish(self, facts: Facts, source: SourceState, quiet: Quiet) -> None:
        """End a finite source: lose what it still saw, clear what had left or never came.

        What is lost inside stays lost: nobody has watched for it since, so no time heals it.
        """
        for track in list(source.tracks.values()):
            quiet.load(track)
            self._settle(facts, track, track.sight.time_ms + self._rules.lost_after_ms)
            told = track.story
            if told is not None and (told.status is Status.EXITED or told.was_threat):
                self._settle(facts, track, track.deadline_ms(self._rules))


def _mean_mps(before: Sight, after: Sight) -> float:
    metres = distance_m(before.lon, before.lat, after.lon, after.lat)
    return metres / max(after.time_ms - before.time_ms, 1) * SECOND_MS


@dataclass(frozen=True)
class _Flight:
    """A track's way between two reports: where it began, in which areas, and what it met."""

    before: Sight
    held: frozenset[int]
    transitions: list[Transition]


def _place(transition: Transition, before: Sight, after: Sight) -> Place:
    span_ms = after.time_ms - before.time_ms
    time_ms = before.time_ms + round(transition.fraction * span_ms)
    return Place(time_ms, transition.lat, transition.lon)
