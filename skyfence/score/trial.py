"""A trial: one batch of tracks, judged by the engine and by the naive detector side by side.

The statements of both about a track have the same form, so that the same measures apply to both. A
message counts from the time of the report that caused it (``last_seen``). The time that it tells of
may be earlier, which would flatter.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from skyfence.adapters.files import load_catalogue
from skyfence.contracts.alert import Alert
from skyfence.engine import Engine
from skyfence.score.feed import frames_of
from skyfence.score.naive import Naive, NaiveSighting
from skyfence.score.traffic import START_MS, Batch, Track, tracks_of
from skyfence.score.world import World, to_plane
from skyfence.times import to_ms

# How far ahead a warning may look, and how long a change of course may take to be noticed.
_LOOK_AHEAD_S: Final = 300.0
_TAKEN_IN_S: Final = 15.0

# An incident's states, and "possible": a violation that is not confirmed yet.
StatementState = Literal["threat", "possible", "violation", "lost", "exited", "closed"]


@dataclass(frozen=True)
class Statement:
    """What a detector stated about a track, and the truth at that time.

    ``true_depth_m`` is how deep inside the object truly was, ``seen_depth_m`` how deep the report
    was by which the naive detector went; both are negative outside. ``headed_in``: the true course
    led over the border within five minutes.
    """

    state: StatementState
    at_ms: int
    true_depth_m: float
    seen_depth_m: float = 0.0
    headed_in: bool = False


@dataclass(frozen=True)
class Result:
    """A track: the truth about it, and the statements of both detectors.

    ``deepest_m`` is the greatest true depth at any of its reports; negative if always outside.
    """

    batch: Batch
    reports: int
    hours: float
    entries_ms: tuple[float, ...]
    exits_ms: tuple[float, ...]
    closest_m: float
    deepest_m: float
    engine: tuple[Statement, ...]
    naive: tuple[Statement, ...]

    @property
    def stays_outside(self) -> bool:
        """Tell whether the object was never inside."""
        return not self.entries_ms

    @property
    def sigmas_outside(self) -> float:
        """Return how near an object that stays outside came to the border, in sigma."""
        return self.closest_m / self.batch.sigma_m

    @property
    def sigmas_inside(self) -> float:
        """Return how deep inside it was when it was seen, in sigma."""
        return self.deepest_m / self.batch.sigma_m


class Bench:
    """Both detectors, ready for one batch after the other; each batch is a run of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._engine = Engine(world.zones, load_catalogue().english.operators)
        self._naive = Naive(world.members)

    def judge(self, seed: int, batch: Batch) -> list[Result]:
        """Make a batch's tracks, have both detectors judge them, and return a result for each."""
        tracks = tracks_of(self._world, seed, batch)
        run = f"{batch.kind}-{batch.sigma_m:.0f}-{batch.noise}-{batch.number}".replace("_", "-")
        alerts: dict[str, list[Alert]] = defaultdict(list)
        sightings: dict[str, list[NaiveSighting]] = defaultdict(list)
        for frame in frames_of(self._world, tracks, run):
            for alert in self._engine.process(frame).alerts:
                alerts[alert.track_id].append(alert)
            for sighting in self._naive.take(frame):
                sightings[sighting.track_id].append(sighting)
        return [self._result(track, alerts[track.name], sightings[track.name]) for track in tracks]

    def _result(self, track: Track, alerts: list[Alert], sightings: list[NaiveSighting]) -> Result:
        times_ms = track.sent.times_ms
        return Result(
            batch=track.batch,
            reports=len(times_ms),
            hours=float(times_ms.max() - times_ms.min()) / 3_600_000.0,
            entries_ms=tuple(START_MS + 1_000.0 * at for at in track.truth.entries_s),
            exits_ms=tuple(START_MS + 1_000.0 * at for at in track.truth.exits_s),
            closest_m=track.truth.closest_m,
            deepest_m=float(track.true_depth_m(self._world, times_ms).max()),
            engine=engine_statements(self._world, track, alerts),
            naive=naive_statements(self._world, track, sightings),
        )


def engine_statements(world: World, track: Track, alerts: Iterable[Alert]) -> tuple[Statement, ...]:
    """Return the engine's statements on a track: each change once, on however many channels."""
    changes: list[tuple[StatementState, int]] = []
    for alert in alerts:
        if alert.event != "airspace violation":
            continue  # repeated violations concern several objects
        new = (_state_of(alert), to_ms(alert.last_seen))
        if not changes or changes[-1][0] != new[0]:
            changes.append(new)
    depths = track.true_depth_m(world, [at_ms for _, at_ms in changes])
    return tuple(
        Statement(
            state, at_ms, depth, headed_in=state == "threat" and headed_in(world, track, at_ms)
        )
        for (state, at_ms), depth in zip(changes, depths.tolist(), strict=True)
    )


def naive_statements(
    world: World, track: Track, sightings: Sequence[NaiveSighting]
) -> tuple[Statement, ...]:
    """Return the naive detector's statements, in the engine's words; it is always sure."""
    states: dict[str, StatementState] = {"enter": "violation", "exit": "exited"}
    depths = track.true_depth_m(world, [sighting.time_ms for sighting in sightings])
    places = to_plane(
        np.array([(sighting.lon, sighting.lat) for sighting in sightings]).reshape(-1, 2)
    )
    return tuple(
        Statement(states[sighting.change], sighting.known_ms, depth, seen_depth)
        for sighting, depth, seen_depth in zip(
            sightings, depths.tolist(), world.depth_m(places).tolist(), strict=True
        )
    )


def headed_in(world: World, track: Track, at_ms: int) -> bool:
    """Tell whether the true course led over the border at a time, or up to 15 seconds before."""
    seconds = (at_ms - START_MS) / 1_000.0 - np.arange(0.0, _TAKEN_IN_S + 1.0, _TAKEN_IN_S / 3.0)
    seconds = np.maximum(seconds, track.path.seconds[0])
    here, moved = track.path.at(seconds), track.path.at(seconds + 1.0) - track.path.at(seconds)
    return any(
        world.crossings(np.array([start, start + _LOOK_AHEAD_S * step]))
        for start, step in zip(here, moved, strict=True)
    )


def _state_of(alert: Alert) -> StatementState:
    if alert.incident_state == "violation" and alert.certainty == "Possible":
        return "possible"
    return alert.incident_state
