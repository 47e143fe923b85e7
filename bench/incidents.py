"""What decisions on alerts cost: python bench/incidents.py [--violations N] [--unknown N].

Two loads, judged by the track side and then, timed alone, by the decisions on alerts:

- drones that enter Latvia one after another, each an object of its own: CPU time of the decisions
  for each thousand of them, and the longest message;
- unknown aircraft inland, of whom nobody is told, that report every five seconds for some minutes:
  the share of a core that the decisions need to keep up with them.

CPU time, since others may share the machine. No Kafka.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from skyfence.adapters.files import load_catalogue, load_zones
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.track_event import TrackTopicEvent
from skyfence.frames.frame import ARROW_SCHEMA, Frame
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import ZoneSet

_START_MS = 1_790_000_000_000
_SCAN_MS = 5_000
_SPEED_MPS = 50.0
_DEGREE_M = 111_200.0  # of latitude
_FRAME = 500
# Drones cross the border between Latvia and Belarus, which lies near 28.2 E here, going west.
_ENTRY_LAT = (56.2, 56.3)
_ENTRY_LON = 28.25
_ENTRY_SCANS = 36
# Inland in Poland, 70 km or more from its neighbours outside the alliance; all fly west.
_INLAND = (17.5, 51.0, 22.0, 53.5)


@dataclass(frozen=True)
class Plots:
    """Where so many objects are at one time: names, and degrees."""

    names: list[str]
    lon: np.ndarray
    lat: np.ndarray


def frames(plots: Plots, time_ms: int, category: str | None) -> Iterator[Frame]:
    """Yield the frames of one scan; all fly west."""
    for first in range(0, len(plots.names), _FRAME):
        part = slice(first, first + _FRAME)
        count = len(plots.names[part])
        rows = {
            "time": [time_ms] * count,
            "track_id": plots.names[part],
            "lat": plots.lat[part],
            "lon": plots.lon[part],
            "altitude_m": [300.0 if category else 2_000.0] * count,
            "altitude_ref": ["amsl"] * count,
            "ground_speed_mps": [_SPEED_MPS] * count,
            "course_deg": [270.0] * count,
            "accuracy_m": [50.0] * count,
            "category": [category] * count,
            "phase": ["confirmed"] * count,
            "simulated": [True] * count,
        }
        columns = [
            pa.array(rows.get(field.name, [None] * count), field.type) for field in ARROW_SCHEMA
        ]
        batch = pa.RecordBatch.from_arrays(columns, schema=ARROW_SCHEMA)
        yield Frame("radar", "live", time_ms, last=False, batch=batch)


def entries(count: int) -> Iterator[tuple[int, Plots]]:
    """Yield the scans of drones of which one comes every scan, each seen for three minutes."""
    lats = np.random.default_rng(1).uniform(*_ENTRY_LAT, count)
    step_deg = _SPEED_MPS * _SCAN_MS / 1_000 / (_DEGREE_M * np.cos(np.radians(_ENTRY_LAT[0])))
    for scan in range(count + _ENTRY_SCANS):
        flying = np.arange(max(0, scan - _ENTRY_SCANS + 1), min(count, scan + 1))
        lon = _ENTRY_LON - (scan - flying) * step_deg
        names = [f"D{number}" for number in flying]
        yield _START_MS + scan * _SCAN_MS, Plots(names, lon, lats[flying])


def inland(count: int, scans: int) -> Iterator[tuple[int, Plots]]:
    """Yield the scans of so many aircraft inland."""
    draw = np.random.default_rng(1)
    west, south, east, north = _INLAND
    lon, lat = draw.uniform(west, east, count), draw.uniform(south, north, count)
    step_deg = _SPEED_MPS * _SCAN_MS / 1_000 / (_DEGREE_M * np.cos(np.radians(south)))
    names = [f"U{number}" for number in range(count)]
    for scan in range(scans):
        yield _START_MS + scan * _SCAN_MS, Plots(names, lon - scan * step_deg, lat)


class Bench:
    """Judges scans, and times the decisions."""

    def __init__(self, zones: ZoneSet, airspace: Airspace) -> None:
        self.decisions = AlertDecisions(
            Environment.EXERCISE,
            zones.names,
            load_catalogue().english.operators,
            nations=zones.nations,
        )
        self._tracker = Tracker(airspace, Environment.EXERCISE)
        self.events = 0
        self.messages = 0
        self.longest = 0  # bytes of the longest message
        self.cpu_s = 0.0

    def judge(self, time_ms: int, plots: Plots, category: str | None) -> None:
        """Judge one scan."""
        for frame in frames(plots, time_ms, category):
            events: list[TrackTopicEvent] = [*self._tracker.process(frame).events]
            self.events += len(events)
            started_s = time.process_time()
            messages = [alert for event in events for alert in self.decisions.process(event)]
            self.cpu_s += time.process_time() - started_s
            self._count(messages)

    def _count(self, messages: list[Alert | PlaceAlert]) -> None:
        self.messages += len(messages)
        self.longest = max([self.longest, *(len(message.to_json()) for message in messages)])


def time_violations(zones: ZoneSet, airspace: Airspace, count: int) -> None:
    """Print what each thousand drones cost."""
    bench = Bench(zones, airspace)
    print("drones   CPU s   messages   longest, bytes   open")
    told, before_s = 0, 0.0
    for scan, (time_ms, plots) in enumerate(entries(count)):
        bench.judge(time_ms, plots, "uav")
        if scan and (scan % 250 == 0 or scan == count + _ENTRY_SCANS - 1):
            print(
                f"{min(scan, count):6,} {bench.cpu_s - before_s:7.1f} {bench.messages - told:10,}"
                f" {bench.longest:16,} {len(bench.decisions.open):6,}"
            )
            told, before_s = bench.messages, bench.cpu_s


def time_unknown(zones: ZoneSet, airspace: Airspace, count: int, minutes: float) -> None:
    """Print the share of a core that unknown aircraft inland take."""
    bench = Bench(zones, airspace)
    scans = round(minutes * 60_000 / _SCAN_MS)
    for time_ms, plots in inland(count, scans):
        bench.judge(time_ms, plots, None)
    print(
        f"{count:,} unknown inland, {minutes:g} min: {bench.events:,} events, "
        f"{bench.messages:,} messages, decisions {bench.cpu_s:.1f} s CPU, "
        f"{bench.cpu_s / (minutes * 60):.3f} of a core"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--violations", type=int, default=5_000)
    options.add_argument("--unknown", type=int, default=10_000)
    options.add_argument("--minutes", type=float, default=5.0)
    asked = options.parse_args()
    zones = load_zones()
    airspace = Airspace(zones)
    if asked.violations:
        time_violations(zones, airspace, asked.violations)
    if asked.unknown:
        time_unknown(zones, airspace, asked.unknown, asked.minutes)


if __name__ == "__main__":
    main()
