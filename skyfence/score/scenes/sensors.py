"""What sensors make of true paths: reports with errors, biases, gaps, numbers and identities."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from skyfence.contracts.report import Report
from skyfence.geometry.geodesy import metres_per_degree
from skyfence.score.scenes.paths import TruePath
from skyfence.times import from_ms

START_MS: Final = 1_735_689_600_000  # 2025-01-01, a round number
_SPEED_SIGMA_MPS: Final = 2.0
_COURSE_SIGMA_DEG: Final = 2.0
_JITTER: Final = 0.1  # of the interval, to either side


@dataclass(frozen=True)
class Sensor:
    """A radar or receiver: how often and how well it sees, and what is wrong with it.

    ``bias_m`` is east and north; ``clock_s`` is how far its clock is ahead. ``from_s`` and
    ``until_s`` bound what it sees of an object, by the second of its flight.
    """

    name: str
    scan_s: float = 5.0
    sigma_m: float = 100.0
    bias_m: tuple[float, float] = (0.0, 0.0)
    clock_s: float = 0.0
    probability: float = 0.95
    gaps_every_s: float | None = None


@dataclass(frozen=True)
class Showing:
    """How an object shows itself: number, category, identity, phase, by the second of its flight.

    ``changes`` are fields of each report that differ from ``fields``.
    """

    track_id: Callable[[float], str]
    fields: dict[str, object] = field(default_factory=dict)
    changes: Callable[[float, np.random.Generator], dict[str, object]] = lambda _second, _rng: {}
    from_s: float = 0.0
    until_s: float = float("inf")


def reports_of(
    rng: np.random.Generator, sensor: Sensor, path: TruePath, showing: Showing
) -> list[Report]:
    """Return what a sensor reports of an object, in order."""
    seconds = _instants(rng, sensor, path)
    seconds = seconds[(seconds - path.start_s >= showing.from_s)]
    seconds = seconds[(seconds - path.start_s <= showing.until_s)]
    lons, lats, courses = path.at(seconds)
    errors = rng.standard_normal((len(seconds), 2)) * sensor.sigma_m + sensor.bias_m
    speeds = path.speed_mps + rng.standard_normal(len(seconds)) * _SPEED_SIGMA_MPS
    courses = (courses + rng.standard_normal(len(seconds)) * _COURSE_SIGMA_DEG) % 360.0
    made = []
    for row, second in enumerate(seconds.tolist()):
        per_lon, per_lat = metres_per_degree(float(lats[row]))
        flown_s = second - path.start_s
        fields = {
            "time": from_ms(START_MS + round(1_000.0 * (second + sensor.clock_s))),
            "source": sensor.name,
            "track_id": showing.track_id(flown_s),
            "lat": round(float(lats[row] + errors[row, 1] / per_lat), 6),
            "lon": round(float(lons[row] + errors[row, 0] / per_lon), 6),
            "ground_speed_mps": round(max(0.0, float(speeds[row])), 1),
            "course_deg": round(float(courses[row]), 1) % 360.0,
            "accuracy_m": sensor.sigma_m,
            "simulated": True,
            **showing.fields,
            **showing.changes(flown_s, rng),
        }
        made.append(Report.model_validate(fields))
    return made


def _instants(rng: np.random.Generator, sensor: Sensor, path: TruePath) -> np.ndarray:
    count = int((path.end_s - path.start_s) / sensor.scan_s) + 1
    seconds = path.start_s + sensor.scan_s * (np.arange(count) + rng.uniform(0.0, 1.0))
    seconds += sensor.scan_s * rng.uniform(-_JITTER, _JITTER, count)
    kept = rng.uniform(size=count) < sensor.probability
    if sensor.gaps_every_s is not None:
        for start in np.arange(path.start_s, path.end_s, sensor.gaps_every_s):
            begin = start + rng.uniform(0.0, sensor.gaps_every_s)
            kept &= (seconds < begin) | (seconds > begin + rng.uniform(20.0, 180.0))
    return seconds[kept & (seconds >= path.start_s) & (seconds <= path.end_s)]
