"""Make the two reconstructions in this directory, the same bytes each time.

    python recordings/reconstruct.py [--out DIRECTORY]

Each track follows waypoints at a steady speed with a limited rate of turn; what the sensor reports
of it wanders around the truth as slowly as real trackers' errors do. README.md says what of this
is known and what is invented. Does not import skyfence: the files are plain input to it.
"""

import argparse
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp, hypot, radians, sqrt
from pathlib import Path
from random import Random
from typing import Any, Final

from pyproj import Geod

WGS84: Final = Geod(ellps="WGS84")
# A tracker's position error holds for about this long; white noise would zigzag across borders.
DRIFT_S: Final = 75.0

Pair = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """How objects of one kind fly and are seen; each pair is the lowest and the highest value."""

    speed_mps: float
    turn_dps: float  # rate of turn, degrees per second
    interval_s: Pair
    accuracy_m: Pair
    wander_m: float  # how much the altitude varies, one sigma
    altitude_ref: str
    category: str


DRONE: Final = Kind(
    speed_mps=50,
    turn_dps=2.0,
    interval_s=(1, 4),
    accuracy_m=(30, 80),
    wander_m=20,
    altitude_ref="amsl",
    category="uav",
)
UNKNOWN: Final = replace(DRONE, category="unknown")
AIRLINER: Final = Kind(
    speed_mps=210,
    turn_dps=1.0,
    interval_s=(4, 5),
    accuracy_m=(20, 40),
    wander_m=6,
    altitude_ref="pressure",
    category="aircraft",
)
LIGHT: Final = Kind(
    speed_mps=55,
    turn_dps=3.0,
    interval_s=(4, 5),
    accuracy_m=(20, 40),
    wander_m=12,
    altitude_ref="amsl",
    category="aircraft",
)


@dataclass(frozen=True)
class Track:
    """One object: what it is, when its record starts, how high and along which points it flies."""

    track_id: str
    kind: Kind
    starts_s: float
    altitude_m: float
    route: str  # waypoints "lon lat, lon lat", degrees
    flight: int = 0  # numbers the invented identity of harmless traffic
    lost: bool = False  # the record simply stops, without a word that the track ended

    @property
    def waypoints(self) -> list[Pair]:
        """Return the route as (longitude, latitude) pairs."""
        points = (point.split() for point in self.route.split(","))
        return [(float(lon), float(lat)) for lon, lat in points]

    @property
    def identity(self) -> dict[str, str]:
        """Return callsign, code and address of harmless traffic; F0xxxx belongs to no state."""
        if not self.flight:
            return {}
        code, address = f"2{self.flight:03o}", f"F0{self.flight:04X}"
        return {"callsign": f"TEST{self.flight}", "mode_3a": code, "icao_address": address}


@dataclass(frozen=True)
class Recording:
    """One file: its source, its first instant, its length and its tracks."""

    name: str
    source: str
    start: datetime
    length_s: float
    tracks: tuple[Track, ...]


ENTERS_LATVIA: Final = "27.92 55.87, 27.74 56.00, 27.52 56.20, 27.21 56.42, 27.07 56.73"
# Over Ukraine, across the Danube by Periprava, a wide turn, back across by Chilia Veche.
ENTERS_ROMANIA: Final = (
    "29.66 45.53, 29.54 45.44, 29.475 45.34, 29.45 45.29, 29.36 45.33, "
    "29.27 45.44, 29.29 45.50, 29.40 45.60"
)
LATVIA: Final = Recording(
    name="latvia-2024-09-07",
    source="lv-recon",
    start=datetime(2024, 9, 7, 4, 54, tzinfo=UTC),
    length_s=40 * 60,
    tracks=(
        Track("T0417", DRONE, 2, 380, ENTERS_LATVIA, lost=True),
        # Latvia to Estonia, Latvia to Lithuania, Estonia over Latvia to Lithuania, inside Latvia
        Track(
            "T0403", AIRLINER, 0, 10_060, "25.1 56.6, 25.4 57.5, 25.6 58.1, 25.5 59.0", flight=101
        ),
        Track(
            "T0405", AIRLINER, 300, 9_450, "25.9 57.3, 25.4 56.4, 25.0 55.3, 24.8 54.7", flight=102
        ),
        Track(
            "T0409", AIRLINER, 900, 10_670, "26.2 58.5, 25.7 57.5, 25.2 56.2, 24.6 55.0", flight=103
        ),
        Track(
            "T0411",
            LIGHT,
            1,
            620,
            "24.6 57.1, 25.3 57.3, 25.6 57.0, 24.9 56.8, 24.2 56.7",
            flight=111,
        ),
        # along the border over Belarus and Russia; southbound over Russia and Belarus
        Track("T0414", AIRLINER, 0, 10_360, "27.2 55.42, 28.5 55.83, 30.6 56.0", flight=104),
        Track("T0416", AIRLINER, 1_000, 9_750, "29.6 57.3, 29.2 56.0, 29.0 54.4", flight=105),
    ),
)
ROMANIA: Final = Recording(
    name="romania-2024-09-08",
    source="ro-recon",
    start=datetime(2024, 9, 8, 0, 32, tzinfo=UTC),
    length_s=27 * 60,
    tracks=(
        Track("T0423", UNKNOWN, 2, 290, ENTERS_ROMANIA),
        # Romania to Bulgaria, Bulgaria to Romania, Romania to Hungary, inside Romania
        Track(
            "T0431", AIRLINER, 0, 10_060, "26.4 45.6, 26.2 44.4, 25.8 43.2, 25.5 42.4", flight=201
        ),
        Track(
            "T0432", AIRLINER, 60, 9_450, "24.4 43.0, 24.9 43.7, 25.3 44.6, 25.8 45.3", flight=202
        ),
        Track(
            "T0434", AIRLINER, 100, 10_670, "24.3 46.3, 22.5 46.5, 21.0 46.6, 20.2 46.8", flight=203
        ),
        Track("T0436", LIGHT, 1, 700, "26.9 44.9, 27.5 44.8, 27.4 45.1, 26.7 45.2", flight=211),
        # over the Black Sea beyond the territorial waters; over Moldova along the Prut
        Track("T0437", AIRLINER, 0, 10_360, "30.6 44.6, 29.9 43.4, 29.6 42.9", flight=204),
        Track("T0439", LIGHT, 3, 650, "28.6 46.05, 28.55 46.4, 28.4 46.9", flight=212),
    ),
)


class Drift:
    """A random value of mean 0 and spread 1 that changes slowly (Ornstein-Uhlenbeck)."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.value = random.gauss(0, 1)

    def step(self, seconds: float) -> float:
        """Let time pass and return the new value."""
        keep = exp(-seconds / DRIFT_S)
        self.value = self.value * keep + self._random.gauss(0, 1) * sqrt(1 - keep * keep)
        return self.value


class Flyer:
    """The true motion of one object along its route."""

    def __init__(self, track: Track) -> None:
        self.at, *self._ahead = track.waypoints
        self._kind = track.kind
        self.course = self._aim()[0]

    def _aim(self) -> Pair:
        """Return the course to the next waypoint, degrees, and its distance, metres."""
        course, _, distance = WGS84.inv(*self.at, *self._ahead[0])
        return course % 360, distance

    def fly(self, seconds: float, speed_mps: float) -> bool:
        """Fly on; return whether the route goes on after that."""
        radius_m = speed_mps / radians(self._kind.turn_dps)
        if len(self._ahead) > 1 and self._aim()[1] < radius_m:
            del self._ahead[0]
        wanted, distance = self._aim()
        most = self._kind.turn_dps * seconds
        turn = (wanted - self.course + 180) % 360 - 180
        self.course = (self.course + max(-most, min(most, turn))) % 360
        lon, lat, _ = WGS84.fwd(*self.at, self.course, speed_mps * seconds)
        self.at = (lon, lat)
        return len(self._ahead) > 1 or distance > speed_mps * seconds


class Sensor:
    """A sensor: its reports of an object are the truth and slowly drifting errors."""

    def __init__(self, source: str, track: Track) -> None:
        self.random = Random(f"{source}/{track.track_id}")
        self._fixed = {"source": source, "track_id": track.track_id}
        self._track = track
        self._drifts = [Drift(self.random) for _ in range(5)]

    def look(self, seconds: float, flyer: Flyer) -> tuple[float, dict[str, Any]]:
        """Return the true speed from here on and a report, its time still missing."""
        kind = self._track.kind
        east, north, speed, height, quality = (drift.step(seconds) for drift in self._drifts)
        low, high = kind.accuracy_m
        accuracy = min(max((low + high) / 2 + quality * (high - low) / 4, low), high)
        bearing, _, _ = WGS84.inv(0, 0, east * 1e-3, north * 1e-3)
        lon, lat, _ = WGS84.fwd(*flyer.at, bearing, hypot(east, north) * accuracy / sqrt(2))
        true_speed = kind.speed_mps * (1 + 0.015 * speed)
        report = self._fixed | {
            "lat": round(lat, 6),
            "lon": round(lon, 6),
            "altitude_m": round(self._track.altitude_m + height * kind.wander_m),
            "altitude_ref": kind.altitude_ref,
            "ground_speed_mps": round(true_speed + self.random.gauss(0, 0.3), 1),
            "course_deg": round((flyer.course + self.random.gauss(0, 0.5)) % 360, 1),
            "accuracy_m": round(accuracy),
        }
        return true_speed, report | self._track.identity | {"category": kind.category}


def record(recording: Recording, track: Track) -> list[tuple[int, dict[str, Any]]]:
    """Return one track's reports, each with its time in milliseconds after the start."""
    flyer, sensor = Flyer(track), Sensor(recording.source, track)
    reports: list[tuple[int, dict[str, Any]]] = []
    now_ms, seconds, goes_on = round(track.starts_s * 1000), 0.0, True
    while goes_on and now_ms <= recording.length_s * 1000:
        speed_mps, report = sensor.look(seconds, flyer)
        reports.append((now_ms, report))
        step_ms = round(sensor.random.uniform(*track.kind.interval_s) * 1000)
        now_ms, seconds = now_ms + step_ms, step_ms / 1000
        goes_on = flyer.fly(seconds, speed_mps)
    if not goes_on and not track.lost:
        reports[-1][1]["phase"] = "ended"
    return reports


def lines(recording: Recording) -> str:
    """Return the file's text: the reports of all tracks, one a line, sorted by time."""
    reports = [timed for track in recording.tracks for timed in record(recording, track)]
    text = []
    for after_ms, report in sorted(reports, key=lambda timed: (timed[0], timed[1]["track_id"])):
        time = recording.start + timedelta(milliseconds=after_ms)
        stamp = time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        text.append(json.dumps({"time": stamp} | report) + "\n")
    return "".join(text)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Make the reconstructions.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="directory")
    out: Path = parser.parse_args().out
    for recording in (LATVIA, ROMANIA):
        path = out / f"{recording.name}.jsonl"
        path.write_text(lines(recording), encoding="utf-8", newline="\n")
        print(path.name)


if __name__ == "__main__":
    main()
