"""Traffic from a seed: tracks of every kind, each with its truth and the reports made of it.

    kind ─▶ route (path, truth) ─▶ instants ─▶ errors ─▶ what sensors do to it ─▶ reports
                                                         gaps, a jump, late and repeated

A batch is a handful of tracks of one kind, sigma and noise, one in each copy of the world; it
depends on the seed and its own name alone, so that batches may be made in any process and order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import cos, pi, sin
from typing import Final

import numpy as np
import numpy.typing as npt

from skyfence.score import routes
from skyfence.score.flight import Flight, Truth
from skyfence.score.noise import Noise, errors
from skyfence.score.world import Floats, World, scale_at

START_MS: Final = 1_735_689_600_000  # 2025-01-01, a round number
SIGMAS_M: Final = (50.0, 150.0, 500.0)  # a good receiver, a radar nearby, one at its range's end
# Seconds between reports: multilateration and ground radars; air-surveillance radars (4 to 12 s).
_QUICK_S: Final = (1.0, 4.0)
_SCAN_S: Final = (4.0, 12.0)
_QUICK_BELOW_MPS: Final = 100.0
_JITTER: Final = 0.1  # of the interval, to either side
_START_WITHIN_S: Final = 60.0
# Half of the tracks report speed and course, this well (1 sigma).
_SPEED_SIGMA_MPS: Final = 2.0
_COURSE_SIGMA_DEG: Final = 2.0
_JUMP_M: Final = 100_000.0
_GAP_S: Final = (20.0, 180.0)
_GAP_EVERY_S: Final = 300.0
# Shares of late and repeated reports, and how late they are: held up in a network; in a queue.
_LATE_SHARE: Final = 0.03
_LATE_S: Final = (0.5, 5.0)
_VERY_LATE_SHARE: Final = 0.01
_VERY_LATE_S: Final = (20.0, 120.0)
_REPEATED_SHARE: Final = 0.03
_REPEATED_S: Final = (0.0, 30.0)


class TrafficKind(StrEnum):
    """The kind of flight, and the faults of its reports."""

    ALONG = "along"
    ALONG_GAPS = "along_gaps"
    TURN_BACK = "turn_back"
    CROSSER = "crosser"
    CROSSER_GAPS = "crosser_gaps"
    CROSSER_JUMP = "crosser_jump"
    CLIPPER = "clipper"
    LATE = "late"


@dataclass(frozen=True)
class Batch:
    """The name of a batch: it and the seed determine the batch's tracks."""

    kind: TrafficKind
    sigma_m: float
    noise: Noise
    number: int


@dataclass(frozen=True)
class Sent:
    """Reports of one track in order of arrival, n rows; places on the plane as reported.

    Speed (m/s) and course (degrees) are NaN where the track reports none.
    """

    times_ms: npt.NDArray[np.int64]
    arrivals_ms: npt.NDArray[np.int64]
    points: Floats
    speeds: Floats
    courses: Floats

    def take(self, rows: npt.NDArray[np.int64]) -> "Sent":
        """Return the reports of some rows, given by their indices."""
        return Sent(
            self.times_ms[rows],
            self.arrivals_ms[rows],
            self.points[rows],
            self.speeds[rows],
            self.courses[rows],
        )


@dataclass(frozen=True)
class Track:
    """An object's flight as it was, and as it was reported."""

    name: str
    batch: Batch
    path: Flight
    truth: Truth
    sent: Sent

    def true_depth_m(self, world: World, times_ms: npt.ArrayLike) -> Floats:
        """Return how deep inside the object truly is at some times (n,), metres, (n,).

        Negative outside.
        """
        seconds = (np.asarray(times_ms, dtype=np.float64) - START_MS) / 1_000.0
        return world.depth_m(self.path.at(seconds))


def tracks_of(world: World, seed: int, batch: Batch) -> list[Track]:
    """Make a batch's tracks, one for each copy of the world."""
    words = [
        seed,
        *(list(enum).index(member) for enum, member in _places(batch)),
        round(batch.sigma_m),
    ]
    children = np.random.SeedSequence([*words, batch.number]).spawn(world.copies)
    return [
        _track(world, batch, n, np.random.default_rng(child)) for n, child in enumerate(children)
    ]


def _places(batch: Batch) -> list[tuple[type[StrEnum], StrEnum]]:
    return [(TrafficKind, batch.kind), (Noise, batch.noise)]


def _track(world: World, batch: Batch, number: int, rng: np.random.Generator) -> Track:
    speed_mps = routes.SLOW_MPS if number % 2 == 0 else routes.FAST_MPS
    flight = _FLIGHTS[number % len(_FLIGHTS)] if batch.kind is TrafficKind.LATE else batch.kind
    path, truth = _fly(flight, world, rng, batch.sigma_m, speed_mps)
    delay_s = rng.uniform(0.0, _START_WITHIN_S)
    path, truth = path.delayed(delay_s), truth.delayed(delay_s)
    sent = _report(batch, path, rng, reports_velocity=number % 4 < 2)
    sent = _FAULTS[batch.kind](sent, truth, rng)
    return Track(f"{batch.kind}-{number:03d}", batch, path, truth, sent)


def _fly(
    kind: TrafficKind, world: World, rng: np.random.Generator, sigma_m: float, speed_mps: float
) -> routes.Route:
    if kind in (TrafficKind.ALONG, TrafficKind.ALONG_GAPS):
        return routes.along(world, rng, speed_mps)
    route = {TrafficKind.CLIPPER: routes.clip, TrafficKind.TURN_BACK: routes.turn_back}.get(
        kind, routes.across
    )
    return route(world, rng, sigma_m)


def _report(
    batch: Batch, path: Flight, rng: np.random.Generator, *, reports_velocity: bool
) -> Sent:
    """Return a sensor's reports of a path, before ``_FAULTS`` change them."""
    span_s = path.seconds[-1] - path.seconds[0]
    speed_mps = float(np.hypot(*path.velocity(path.seconds[:1])[0]))
    interval_s = rng.uniform(*(_QUICK_S if speed_mps < _QUICK_BELOW_MPS else _SCAN_S))
    count = int(span_s / (interval_s * (1.0 - _JITTER))) + 1
    steps = interval_s * rng.uniform(1.0 - _JITTER, 1.0 + _JITTER, count)
    offsets = np.cumsum(steps)
    seconds = path.seconds[0] + offsets[offsets < span_s]
    seconds = np.round(seconds, 3)  # where it is at the very millisecond that is reported
    places = path.at(seconds)
    noisy = places + errors(batch.noise, rng, seconds, batch.sigma_m) / scale_at(places)
    times_ms = START_MS + np.round(seconds * 1_000.0).astype(np.int64)
    speeds, courses = _velocity(path, seconds, rng)
    if not reports_velocity:
        speeds, courses = np.full_like(speeds, np.nan), np.full_like(courses, np.nan)
    return Sent(times_ms, times_ms, noisy, speeds, courses)


def _velocity(path: Flight, seconds: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    east, north = path.velocity(seconds).T
    noise = rng.standard_normal((2, len(seconds)))
    speeds = np.maximum(np.hypot(east, north) + noise[0] * _SPEED_SIGMA_MPS, 0.0)
    courses = np.degrees(np.arctan2(east, north)) + noise[1] * _COURSE_SIGMA_DEG
    return speeds, courses % 360.0


def _no_fault(sent: Sent, truth: Truth, rng: np.random.Generator) -> Sent:
    del truth, rng
    return sent


def _gaps(sent: Sent, truth: Truth, rng: np.random.Generator) -> Sent:
    """Leave out reports, about every five minutes; half of the crossers while they cross."""
    seconds = (sent.times_ms - START_MS) / 1_000.0
    count = rng.poisson((seconds[-1] - seconds[0]) / _GAP_EVERY_S)
    starts = list(rng.uniform(seconds[0] + 10.0, seconds[-1], count))
    spans = list(rng.uniform(*_GAP_S, count))
    if truth.entries_s and rng.random() < 0.5:
        spans.append(rng.uniform(*_GAP_S))
        starts.append(truth.entries_s[0] - rng.uniform(0.0, spans[-1]))
    stays = np.ones(len(seconds), dtype=bool)
    for start, span in zip(starts, spans, strict=True):
        stays &= (seconds < start) | (seconds > start + span)
    return sent.take(np.flatnonzero(stays))


def _jump(sent: Sent, truth: Truth, rng: np.random.Generator) -> Sent:
    """Put one report 100 km away, somewhere in the middle of the track."""
    del truth
    row, angle = int(rng.uniform(0.1, 0.9) * len(sent.times_ms)), rng.uniform(0.0, 2.0 * pi)
    points = sent.points.copy()
    points[row] += _JUMP_M * np.array([cos(angle), sin(angle)])
    return Sent(sent.times_ms, sent.arrivals_ms, points, sent.speeds, sent.courses)


def _late(sent: Sent, truth: Truth, rng: np.random.Generator) -> Sent:
    """Hold some reports up, a little or for long, and send some twice."""
    del truth
    rows = np.arange(len(sent.times_ms))
    draws = rng.random(len(rows))
    held_s = np.where(draws < _LATE_SHARE, rng.uniform(*_LATE_S, len(rows)), 0.0)
    long = draws > 1.0 - _VERY_LATE_SHARE
    held_s = np.where(long, rng.uniform(*_VERY_LATE_S, len(rows)), held_s)
    repeated = rows[rng.random(len(rows)) < _REPEATED_SHARE]
    repeated_held_s = held_s[repeated] + rng.uniform(*_REPEATED_S, len(repeated))
    arrived = sent.take(np.concatenate([rows, repeated]))
    waits_ms = np.round(1_000.0 * np.concatenate([held_s, repeated_held_s])).astype(np.int64)
    arrivals = arrived.times_ms + waits_ms
    arrived = Sent(arrived.times_ms, arrivals, arrived.points, arrived.speeds, arrived.courses)
    return arrived.take(np.argsort(arrivals, kind="stable"))


# What is late is any flight, in turn.
_FLIGHTS: Final = (
    TrafficKind.ALONG,
    TrafficKind.CROSSER,
    TrafficKind.CROSSER,
    TrafficKind.TURN_BACK,
    TrafficKind.CLIPPER,
)
_FAULTS: Final[Mapping[TrafficKind, Callable[[Sent, Truth, np.random.Generator], Sent]]] = {
    TrafficKind.ALONG: _no_fault,
    TrafficKind.ALONG_GAPS: _gaps,
    TrafficKind.TURN_BACK: _no_fault,
    TrafficKind.CROSSER: _no_fault,
    TrafficKind.CROSSER_GAPS: _gaps,
    TrafficKind.CROSSER_JUMP: _jump,
    TrafficKind.CLIPPER: _no_fault,
    TrafficKind.LATE: _late,
}
