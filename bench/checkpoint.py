"""How long a partition's state takes to be packed and to be loaded: python bench/checkpoint.py.

Tracks all over Europe, of which most are quiet; two reports of each. No Kafka: with it,
tests/chaos/recovery.py measures the same. ``step s`` is the longest time for which nothing else
goes on while a state is packed.
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa

from skyfence.adapters.files import load_zones
from skyfence.airspace.airspace import Airspace
from skyfence.frames.frame import ARROW_SCHEMA, Frame
from skyfence.naming import Environment
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot, taking_snapshot
from skyfence.tracks.tracker import Tracker

FRAME = 500
_START_MS = 1_790_000_000_000
_TIMES = 3


def frame(places: np.ndarray, first: int, time_ms: int) -> Frame:
    """Return one frame of aircraft at places (lon, lat)."""
    count = len(places)
    rows = {
        "time": [time_ms] * count,
        "track_id": [f"T{first + row}" for row in range(count)],
        "lat": places[:, 1],
        "lon": places[:, 0],
        "altitude_m": [3_000.0] * count,
        "altitude_ref": ["amsl"] * count,
        "ground_speed_mps": [100.0] * count,
        "course_deg": [90.0] * count,
        "accuracy_m": [100.0] * count,
        "callsign": [f"ABC{(first + row) % 1000}" for row in range(count)],
        "icao_address": [f"{first + row:06X}" for row in range(count)],
        "category": ["aircraft"] * count,
        "phase": ["confirmed"] * count,
        "simulated": [True] * count,
    }
    columns = [pa.array(rows.get(field.name, [None] * count), field.type) for field in ARROW_SCHEMA]
    batch = pa.RecordBatch.from_arrays(columns, schema=ARROW_SCHEMA)
    return Frame("radar", "live", time_ms, last=False, batch=batch)


def places_of(tracks: int) -> np.ndarray:
    """Return where so many tracks are (lon, lat)."""
    draw = np.random.default_rng(1)
    return np.column_stack([draw.uniform(20, 30, tracks), draw.uniform(44, 60, tracks)])


def filled(airspace: Airspace, tracks: int) -> Tracker:
    """Return a tracker that has seen so many tracks twice."""
    places = places_of(tracks)
    tracker = Tracker(airspace, Environment.EXERCISE)
    for scan in range(2):
        for first in range(0, tracks, FRAME):
            time_ms = _START_MS + 5_000 * scan
            tracker.process(frame(places[first : first + FRAME], first, time_ms))
    return tracker


def fastest(what: Callable[[], object]) -> float:
    """Return the least seconds that something takes, with the collector held back."""
    gc.disable()
    seconds = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - start)
    gc.enable()
    return min(seconds)


def longest_step_s(steps: Iterator[object]) -> float:
    """Return how long the longest step of some work takes, seconds."""
    longest_s, start_s = 0.0, time.perf_counter()
    for _ in steps:
        now_s = time.perf_counter()
        longest_s, start_s = max(longest_s, now_s - start_s), now_s
    return max(longest_s, time.perf_counter() - start_s)


def restored(airspace: Airspace, state: bytes) -> Tracker:
    """Return a new tracker that goes on from a snapshot."""
    tracker = Tracker(airspace, Environment.EXERCISE)
    restore_snapshot(tracker, state)
    return tracker


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tracks", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    airspace = Airspace(load_zones())
    print("tracks   taken s   step s   packed s   loaded s   MB   packed MB")
    for tracks in options.parse_args().tracks:
        tracker = filled(airspace, tracks)
        state = take_snapshot(tracker)
        packed = pa.compress(state, codec="zstd", asbytes=True)
        taken_s = fastest(partial(take_snapshot, tracker))
        step_s = min(longest_step_s(taking_snapshot(tracker)) for _ in range(_TIMES))
        packed_s = fastest(partial(pa.compress, state, codec="zstd", asbytes=True))
        loaded_s = fastest(partial(restored, airspace, state))
        print(
            f"{tracks:7,} {taken_s:8.2f} {step_s:8.3f} {packed_s:9.2f} {loaded_s:10.2f}"
            f" {len(state) / 1e6:8.1f} {len(packed) / 1e6:8.1f}"
        )


if __name__ == "__main__":
    main()
