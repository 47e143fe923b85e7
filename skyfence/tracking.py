"""Tracking: reports of a partition in, facts out. The state of every track lives here.

A track's own chain depends on that track alone. Timers run out as of their own deadline, before
any report that is later, and a report that comes after that is late: so the facts are the same
however the reports were framed.

    frame -> each row: watermark -> timers due -> late? -> path from the last report -> crossings
          -> scan time: watermark -> timers due
          -> last: every track ends as its timers say, and the run's state is dropped

Simple where the next issues will be fast: one row at a time.
"""

from collections.abc import Mapping
from math import inf

from skyfence import story
from skyfence.airspace import Airspace
from skyfence.channels import Environment
from skyfence.facts import Facts, Place
from skyfence.frame import Frame
from skyfence.geodesy import distance_m, legs
from skyfence.path import Transition, leg_transitions
from skyfence.rules import SECOND_MS, Rules
from skyfence.state import Depth, Sight, SourceState, Status, TrackState, sights

# Depth is measured anew when it may have grown by this share; near the border, always.
_DEPTH_SHARE = 0.01
_DEPTH_EXACT_M = 5_000.0


class Tracker:
    """Judges the frames of one partition, in order."""

    def __init__(
        self, airspace: Airspace, environment: Environment, rules: Rules | None = None
    ) -> None:
        self._airspace = airspace
        self._environment = environment
        self._rules = rules or Rules()
        self._sources: dict[tuple[str, str], SourceState] = {}

    @property
    def sources(self) -> Mapping[tuple[str, str], SourceState]:
        """Return the state of each (run, key), for a checkpoint."""
        return self._sources

    def take(self, frame: Frame) -> Facts:
        """Judge one frame and return what happened in it."""
        facts = Facts(self._environment, self._airspace, self._rules)
        source = self._sources.setdefault((frame.run, frame.key), SourceState())
        for track_id, sight in sights(frame):
            facts.reports += 1
            self._advance(facts, source, sight.time_ms)
            self._observe(facts, source, frame, track_id, sight)
        self._advance(facts, source, frame.scan_time_ms)
        if frame.last:
            self._finish(facts, source)
            del self._sources[frame.run, frame.key]
        return facts

    def _advance(self, facts: Facts, source: SourceState, time_ms: int) -> None:
        """Move the source's clock on and run out the timers before it.

        Rows are never later than their frame's scan, so moving with each of them only makes one
        large frame mean the same as many small ones.
        """
        source.watermark_ms = max(source.watermark_ms, time_ms)
        until_ms = source.watermark_ms - 1  # who reports at the very deadline is in time
        while (track := source.next_due(until_ms)) is not None:
            self._settle(facts, track, until_ms)
            if self._is_forgotten(track, until_ms):
                del source.tracks[track.track_id]
            else:
                source.schedule(track, self._rules)

    def _observe(
        self, facts: Facts, source: SourceState, frame: Frame, track_id: str, sight: Sight
    ) -> None:
        track = source.tracks.get(track_id)
        too_old_ms = source.watermark_ms - self._rules.lost_after_ms
        if track.is_late(sight.time_ms) if track else sight.time_ms <= too_old_ms:
            facts.late += 1
            return
        if track is None:
            track = TrackState(frame.run, frame.source, track_id, sight.time_ms, sight)
            source.tracks[track_id] = track
            self._appear(facts, track, cut=False)
        else:
            self._move(facts, source, track, sight)
        if sight.ended:
            self._lose(facts, track, sight.time_ms)
        source.schedule(track, self._rules)

    def _move(self, facts: Facts, source: SourceState, track: TrackState, sight: Sight) -> None:
        """Follow a track to its next report, along the path between or over a cut."""
        before = track.sight
        seconds = (sight.time_ms - before.time_ms) / SECOND_MS
        metres = distance_m(before.lon, before.lat, sight.lon, sight.lat)
        jumped = metres > self._rules.fastest_mps * seconds + self._rules.scatter_m
        silent = sight.time_ms - before.time_ms > self._rules.longest_gap_ms
        if (jumped or silent) and track.live:
            self._lose(facts, track, before.time_ms, cut=jumped)
        was_ended, track.sight = before.ended, sight
        if jumped or silent or was_ended:
            self._appear(facts, track, cut=jumped)
            story.resume(facts, track, same_object=not jumped)
        else:
            self._fly(facts, source, track, before, metres)
        track.live = True

    def _fly(
        self, facts: Facts, source: SourceState, track: TrackState, before: Sight, metres: float
    ) -> None:
        """Follow the path from the last report to this one, and record what it meets."""
        protected = self._airspace.protected
        held = frozenset(track.inside)
        transitions = self._transitions(track, before)
        self._measure(track, transitions, metres)
        met = [(one, _place(one, before, track.sight)) for one in transitions]
        for transition, place in met:
            facts.crossing("enter" if transition.entered else "exit", track, transition.area, place)
        if not track.live:  # it vanished from these, and is seen in them again
            moved = {transition.area for transition in transitions}
            for area in sorted(held & track.inside - moved):
                facts.crossing("appear", track, area, _seen(track.sight))
        own = [(one, place) for one, place in met if one.area == protected]
        story.follow(facts, source, track, protected in held, own)
        for area in track.depths.keys() - track.inside:
            del track.depths[area]

    def _transitions(self, track: TrackState, before: Sight) -> list[Transition]:
        path = legs(before.lon, before.lat, track.sight.lon, track.sight.lat)
        met = self._airspace.met_by(path)
        found: list[Transition] = []
        for number in sorted(met):
            found += leg_transitions(self._airspace, path[number], met[number], track.inside)
        return found

    def _measure(self, track: TrackState, transitions: list[Transition], metres: float) -> None:
        """Bring the greatest depth in each area up to date, at the report and inside of a clip."""
        for area in track.inside:
            depth = track.depths.setdefault(area, Depth())
            depth.bound_m += metres
            slack_m = _DEPTH_SHARE * depth.deepest_m if depth.deepest_m > _DEPTH_EXACT_M else 0.0
            if depth.bound_m > depth.deepest_m + slack_m:
                self._sound(depth, area, track.sight.lon, track.sight.lat)
        for entry, leave in _clips(transitions):
            depth = track.depths.setdefault(entry.area, Depth())
            lon, lat = (entry.lon + leave.lon) / 2, (entry.lat + leave.lat) / 2
            self._sound(depth, entry.area, lon, lat)

    def _sound(self, depth: Depth, area: int, lon: float, lat: float) -> None:
        depth.bound_m = self._airspace.border_distance_m(area, lon, lat)
        depth.deepest_m = max(depth.deepest_m, depth.bound_m)

    def _appear(self, facts: Facts, track: TrackState, *, cut: bool) -> None:
        """Begin a path where the track is seen, knowing nothing of how it came there."""
        sight = track.sight
        track.inside = set(self._airspace.covering(sight.lon, sight.lat))
        track.depths = {}
        self._measure(track, [], inf)
        for area in sorted(track.inside):
            facts.crossing("appear", track, area, _seen(sight), cut=cut)

    def _lose(self, facts: Facts, track: TrackState, time_ms: int, *, cut: bool = False) -> None:
        """Note that a track is no longer seen, as of an event time."""
        for area in sorted(track.inside):
            facts.crossing("vanish", track, area, _seen(track.sight), cut=cut)
        track.live = False
        story.lose(facts, track, time_ms)

    def _settle(self, facts: Facts, track: TrackState, until_ms: int) -> None:
        """Run out one track's timers that are due, each as of its own deadline."""
        while (due_ms := track.deadline_ms(self._rules)) <= until_ms:
            if self._is_forgotten(track, until_ms):
                return
            track.settled_ms = due_ms
            if track.live and due_ms == track.sight.time_ms + self._rules.lost_after_ms:
                self._lose(facts, track, due_ms)
            else:
                story.end(facts, track, due_ms)

    def _is_forgotten(self, track: TrackState, at_ms: int) -> bool:
        """Tell whether nothing of a track is waited for any more."""
        return not track.live and not track.story and track.deadline_ms(self._rules) <= at_ms

    def _finish(self, facts: Facts, source: SourceState) -> None:
        """End a finite source: lose what it still saw, clear what had left.

        What is lost inside stays lost: nobody has watched for it since, so no time heals it.
        """
        for track in list(source.tracks.values()):
            end_ms = track.sight.time_ms + self._rules.lost_after_ms
            if track.story is not None and track.story.status is Status.EXITED:
                end_ms = max(end_ms, track.story.since_ms + self._rules.clear_after_ms)
            self._settle(facts, track, end_ms)


def _clips(transitions: list[Transition]) -> list[tuple[Transition, Transition]]:
    """Return entry and exit of each area that a path entered and left between two reports."""
    found: list[tuple[Transition, Transition]] = []
    entries: dict[int, Transition] = {}
    for transition in transitions:
        if transition.entered:
            entries[transition.area] = transition
        elif transition.area in entries:
            found.append((entries.pop(transition.area), transition))
    return found


def _place(transition: Transition, before: Sight, after: Sight) -> Place:
    span_ms = after.time_ms - before.time_ms
    time_ms = before.time_ms + round(transition.fraction * span_ms)
    return Place(time_ms, transition.lat, transition.lon)


def _seen(sight: Sight) -> Place:
    return Place(sight.time_ms, sight.lat, sight.lon)
