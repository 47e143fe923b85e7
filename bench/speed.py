"""Times the engine alone, decoding apart, beside a naive detector, in one run.

    python bench/speed.py [--seed N] [--tracks 10000] [--seconds 3] [--json]
    python bench/speed.py --stages      # where the time goes at 500 a frame

Frames of 1, 50, 500 and 5,000 reports against 15 zones (the default countries), about 400 (with
their regions) and 10,000 (a mesh of jagged fields, made from the seed). Traffic: civil flights that
identify themselves, on straight lines that turn back at the edges, and a few unknown objects.
Prints reports/s on one core, with the shares of reports in boundary cells and of reports
that change the set of areas their track is in, because both decide the figure.

The naive detector asks shapely for the areas that hold each frame's points (prepared, indexed) and
compares them with each track's last ones: no path, no evidence, no violation.

``--stages`` times the engine's own steps instead, clocks wrapped around them.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from skyfence.adapters.files import load_zones
from skyfence.airspace.airspace import Airspace
from skyfence.airspace.grid import BOUNDARY, Grid
from skyfence.frames.frame import ARROW_SCHEMA, Frame
from skyfence.naming import Environment
from skyfence.tracks import tracker as tracking
from skyfence.tracks.coarse_filter import CoarseFilter
from skyfence.tracks.source_processor import SourceProcessor
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import Zone, ZoneProperties, ZoneSet

FRAME_SIZES = (1, 50, 500, 5_000)
BOX = (20.0, 44.0, 36.0, 58.0)  # west, south, east, north: where traffic flies, degrees
SCAN_MS = 1_000
START_MS = 1_700_000_000_000
UNKNOWN_SHARE = 0.001
MESH = 100  # fields along each side
# The steps of ``Tracker.process``; none is called by another.
STAGES: dict[str, tuple[Any, str]] = {
    "tracks' slots by name": (CoarseFilter, "_slots_of"),
    "filter: order and jumps": (CoarseFilter, "_passing"),
    "filter: cells, proper cuts": (CoarseFilter, "_stays"),
    "filter: civil, or far away": (CoarseFilter, "_means_nothing"),
    "filter: columns updated": (CoarseFilter, "_note"),
    "borders prefetched": (SourceProcessor, "_prefetch"),
    "judged, row by row": (SourceProcessor, "_observe"),
    "crossings measured": (tracking, "fill_details"),
}


@dataclass
class Result:
    """A row of the table."""

    zones: int
    frame_reports: int
    engine_per_s: int
    naive_per_s: int
    boundary_share: float
    changed_share: float
    judged_share: float


class Traffic:
    """Tracks that fly on with every scan."""

    def __init__(self, count: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        west, south, east, north = BOX
        self.lon, self.lat = random.uniform(west, east, count), random.uniform(south, north, count)
        course = np.radians(random.uniform(0, 360, count))
        self.speed = random.uniform(60, 250, count)
        self.course_deg = np.degrees(course)
        self._up = self.speed * np.cos(course) / 111_200
        self._along = self.speed * np.sin(course) / 111_300 / np.cos(np.radians(self.lat))
        self._known = random.random(count) >= UNKNOWN_SHARE
        self._names = [f"T{number:05d}" for number in range(count)]
        self._order = random.permutation(count)
        self._scan = 0

    def scan(self, size: int) -> list[pa.RecordBatch]:
        """Return the next scan of all tracks, in frames of a size."""
        self._scan += 1
        self.lon, self.lat = self.lon + self._along, self.lat + self._up
        self._along[(self.lon < BOX[0]) | (self.lon > BOX[2])] *= -1
        self._up[(self.lat < BOX[1]) | (self.lat > BOX[3])] *= -1
        count = len(self.lon)
        return [self._batch(self._order[at : at + size], at) for at in range(0, count, size)]

    def _batch(self, own: Any, at: int) -> pa.RecordBatch:
        n, known = len(own), self._known[own]
        start_ms = START_MS + self._scan * SCAN_MS + SCAN_MS * at // len(self.lon)
        columns: dict[str, Any] = {
            "time": pa.array(np.full(n, start_ms), pa.timestamp("ms", tz="UTC")),
            "track_id": [self._names[track] for track in own],
            "lat": self.lat[own],
            "lon": self.lon[own],
            "altitude_m": np.full(n, 10_000.0),
            "altitude_ref": ["pressure"] * n,
            "ground_speed_mps": self.speed[own],
            "course_deg": self.course_deg[own] % 360,
            "vertical_rate_mps": pa.nulls(n, pa.float64()),
            "accuracy_m": np.full(n, 50.0),
            "callsign": [f"ABC{track}" if k else None for track, k in zip(own, known, strict=True)],
            "mode_3a": ["2000" if k else None for k in known],
            "icao_address": [
                f"{track + 1:06X}" if k else None for track, k in zip(own, known, strict=True)
            ],
            "category": ["aircraft" if k else "unknown" for k in known],
            "phase": ["confirmed"] * n,
            "simulated": [False] * n,
        }
        arrays = [pa.array(columns[field.name], field.type) for field in ARROW_SCHEMA]
        return pa.record_batch(arrays, schema=ARROW_SCHEMA)


class Naive:
    """Point in polygon, no memory but the last answer."""

    def __init__(self, airspace: Airspace) -> None:
        self._airspace = airspace
        self._last: dict[str, frozenset[int]] = {}

    def take(self, frame: Frame) -> int:
        """Return how many tracks changed areas."""
        changed = 0
        held = self._airspace.covering_many(frame.lons, frame.lats)
        for name, areas in zip(frame.track_ids, held, strict=True):
            changed += self._last.get(name, areas) != areas
            self._last[name] = areas
        return changed


def mesh(seed: int) -> ZoneSet:
    """Return 10,000 jagged fields that fill the box, every tenth column not a member's."""
    random = np.random.default_rng(seed)
    west, south, east, north = BOX
    step = np.array([(east - west) / MESH, (north - south) / MESH])
    corner = np.stack(np.meshgrid(np.arange(MESH + 1), np.arange(MESH + 1), indexing="ij"), -1)
    nodes = np.array([west, south]) + step * (corner + random.uniform(-0.3, 0.3, corner.shape))
    zones = []
    for x in range(MESH):
        for y in range(MESH):
            ring = [nodes[x, y], nodes[x + 1, y], nodes[x + 1, y + 1], nodes[x, y + 1]]
            area = shapely.segmentize(shapely.Polygon(ring), float(step.min()) / 8)
            properties = ZoneProperties(
                id=f"Z{x}.{y}",
                name="field",
                kind="field",
                country="AA",
                accuracy_m=10.0,
                nato=x % 10 != 0,
            )
            zones.append(Zone(properties, area, "mesh"))
    return ZoneSet(tuple(zones), "mesh")


def frames(batches: list[pa.RecordBatch]) -> list[Frame]:
    """Return frames as they come out of decoding: their columns have not been looked at yet."""
    times = [batch.column("time").cast(pa.int64()).to_numpy() for batch in batches]
    return [
        Frame("radar", "live", int(at[-1]), last=False, batch=batch)
        for at, batch in zip(times, batches, strict=True)
    ]


def warm_up(tracker: Tracker, traffic: Traffic) -> Iterator[Frame]:
    """Make the map's pages where traffic is, and let tracks become known; yield the frames."""
    for _ in range(3):
        for frame in frames(traffic.scan(5_000)):
            cells = tracker.grid.cells(frame.lons, frame.lats)
            tracker.grid.common_cover(cells, cells)
            tracker.grid.protected_border_bounds_m(*cells)
            tracker.process(frame)
            yield frame


def measure(zones: ZoneSet, size: int, tracks: int, seed: int, seconds: float) -> Result:
    """Time both detectors on the same frames, the engine first."""
    airspace, traffic = Airspace(zones), Traffic(tracks, seed)
    tracker, naive = Tracker(airspace, Environment.EXERCISE), Naive(airspace)
    for frame in warm_up(tracker, traffic):
        naive.take(frame)
    engine_s = naive_s = 0.0
    done = changed = boundary = judged = 0
    while engine_s < seconds:
        scan = traffic.scan(size)
        limit = max(1, min(len(scan), 20_000 // size))
        given, again = frames(scan[:limit]), frames(scan[:limit])
        start = time.perf_counter()
        for frame in given:
            judged += tracker.process(frame).judged
        engine_s += time.perf_counter() - start
        start = time.perf_counter()
        for frame in again:
            changed += naive.take(frame)
        naive_s += time.perf_counter() - start
        done += sum(map(len, given))
        boundary += _boundary(tracker.grid, given)
    return Result(
        zones=len(zones.zones),
        frame_reports=size,
        engine_per_s=round(done / engine_s),
        naive_per_s=round(done / naive_s),
        boundary_share=round(boundary / done, 4),
        changed_share=round(changed / done, 4),
        judged_share=round(judged / done, 4),
    )


def clocked() -> defaultdict[str, float]:
    """Wrap clocks around the steps; return the seconds spent in each, which go on counting."""
    spent: defaultdict[str, float] = defaultdict(float)
    for name, (owner, method) in STAGES.items():
        setattr(owner, method, _timed(name, getattr(owner, method), spent))
    return spent


def stages(
    zones: ZoneSet, tracks: int, seed: int, seconds: float, spent: defaultdict[str, float]
) -> None:
    """Print how long each step takes for a frame of 500 reports, microseconds."""
    traffic, tracker = Traffic(tracks, seed), Tracker(Airspace(zones), Environment.EXERCISE)
    for _ in warm_up(tracker, traffic):
        pass
    spent.clear()
    done, all_s = 0, 0.0
    while all_s < seconds:
        given = frames(traffic.scan(500))
        start = time.perf_counter()
        for frame in given:
            tracker.process(frame)
        all_s += time.perf_counter() - start
        done += len(given)
    spent["everything else"] = all_s - sum(spent.values())
    print(f"{len(zones.zones)} zones, {done} frames of 500 reports: microseconds a frame")
    for name in (*STAGES, "everything else"):
        print(f"{name:>26} {1e6 * spent[name] / done:8.0f} {spent[name] / all_s:8.1%}")
    print(f"{'all':>26} {1e6 * all_s / done:8.0f}")


def _timed(
    name: str, call: Callable[..., Any], spent: defaultdict[str, float]
) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return call(*given, **named)
        finally:
            spent[name] += time.perf_counter() - start

    return timed


def _boundary(grid: Grid, given: list[Frame]) -> int:
    cells = [grid.cells(frame.lons, frame.lats) for frame in given]
    return int(sum((grid.common_cover(own, own) == BOUNDARY).sum() for own in cells))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Time the engine beside a naive detector.")
    parser.add_argument("--seed", type=int, default=20_241_124)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="of the engine, each row")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stages", action="store_true", help="where the time goes")
    given = parser.parse_args()
    print(f"seed {given.seed}, {given.tracks} tracks")
    default = load_zones()
    if given.stages:
        spent = clocked()
        for zones in (default, mesh(given.seed)):
            stages(zones, given.tracks, given.seed, given.seconds, spent)
        return
    countries = tuple(zone for zone in default.zones if not zone.is_region)
    head = ("zones", "reports a frame", "engine/s", "naive/s", "in boundary", "changed", "judged")
    print(("{:>16}" * len(head)).format(*head))
    for zones in (ZoneSet(countries, default.version), default, mesh(given.seed)):
        for size in FRAME_SIZES:
            result = measure(zones, size, given.tracks, given.seed, given.seconds)
            if given.json:
                print(json.dumps(asdict(result)))
            else:
                print(("{:>16}" * len(head)).format(*asdict(result).values()), flush=True)


if __name__ == "__main__":
    main()
