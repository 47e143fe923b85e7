"""The traffic of a fault run: a recording from a seed, in which most of what can be told is told.

240 tracks of eight sources along a straight border: every third enters and leaves, every third
turns back before it, the others stay far off. Each has an ICAO address, so that none is joined with
another: what joins tracks comes when the slowest source is as far, between whichever steps of their
own chains that is, and two runs need not agree on it. Over another border fly swarms of three that
have no address, each seen by one source only: what one source shows at once are always so many. A
backlog is made of these and of many more that fly far from the border.

``undisturbed`` says what must be heard of it, by the engine alone.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from repository import ZONES
from words import ENGLISH

from skyfence.adapters.files import load_policy, load_zones, read_recording
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.engine import Engine
from skyfence.frames.packing import Packer, play

SOURCES = 8
SOURCE_NAMES = [f"radar-{number}" for number in range(SOURCES)]
TRACKS = 240
_START = datetime(2026, 1, 1, 12, tzinfo=UTC)
_BORDER_LON = 22.0
_FIRST_LAT, _STRIP_DEG = 50.02, 0.008
# Swarms come over the border in the west, 200 km from all others and 11 km from one another; within
# one, 220 m lie between two.
_WESTERN_BORDER_LON = 18.0
_SWARM_OF, _TRACKS_A_SWARM = 3, 40
_SWARM_STRIP_DEG, _BESIDE_DEG = 0.1, 0.002
_METRES_A_DEG_LON, _METRES_A_DEG_LAT = 71_000.0, 111_000.0
EVERY_S = 4
WINDOW_S = 600
# Out, or turned away, for so long: then every story is told to its end.
_FOLLOWED_S = 240
# What flies far from the border: how long beyond the window, and how far from it.
_FAR_AFTER_S = 480
_FAR_M = (70_000.0, 120_000.0)


def recording(
    seed: int, tracks: int = TRACKS, *, far: int = 0, window_s: int = WINDOW_S
) -> list[str]:
    """Return a recording's lines, in order of time. Its tracks begin within a window.

    ``far`` more fly far off from the beginning to about the end.
    """
    draw = Random(seed)
    reports = [report for number in range(tracks) for report in _flight(draw, number, window_s)]
    for number in range(tracks // _TRACKS_A_SWARM):
        reports += _swarm(draw, number, window_s)
    for number in range(tracks, tracks + far):
        reports += _far_flight(draw, number, window_s + _FAR_AFTER_S)
    return [
        json.dumps(report) for report in sorted(reports, key=lambda report: str(report["time"]))
    ]


def undisturbed(path: Path, run: str, policy: Path | None = None) -> list[Alert | PlaceAlert]:
    """Return what the engine says of a recording, of incidents and of places."""
    zones = load_zones(ZONES, None)
    engine = Engine(zones, ENGLISH.operators, policy=load_policy(policy, zones))
    packer = Packer(run)
    items = play(line.report for line in read_recording(str(path)) if line.report is not None)
    return [
        message
        for item in items
        for frame in packer.add(item)
        for message in engine.process(frame).messages
    ]


def _flight(draw: Random, number: int, window_s: int) -> Iterator[dict[str, object]]:
    """Yield one track's reports: towards the border, over it or not, and back."""
    kind = number % 3
    speed_mps = draw.uniform(40.0, 90.0)
    out_m = draw.uniform(4_000.0, 9_000.0) if kind < 2 else 60_000.0
    turn_m = (draw.uniform(1_500.0, 4_000.0), -draw.uniform(1_200.0, 2_500.0), 55_000.0)[kind]
    start_s = draw.randrange(window_s)
    lat = _FIRST_LAT + number * _STRIP_DEG
    inner_m = turn_m if kind < 2 else -turn_m
    for second, depth_m, towards in _there_and_back(out_m, inner_m, speed_mps):
        moving = {"speed_mps": speed_mps, "course_deg": 270.0 if towards else 90.0}
        yield _report(number, start_s + second, lat, depth_m, **moving)


def _there_and_back(
    out_m: float, inner_m: float, speed_mps: float
) -> Iterator[tuple[int, float, bool]]:
    """Yield when a track is how deep behind the border, and whether it still flies towards it."""
    depth_m, towards, second = -out_m, True, 0
    left_s = _FOLLOWED_S
    while left_s > 0:
        yield second, depth_m, towards
        if depth_m >= inner_m:
            towards = False
        if not towards and depth_m < min(inner_m, 0.0):
            left_s -= EVERY_S
        depth_m += (1.0 if towards else -1.0) * speed_mps * EVERY_S
        second += EVERY_S


def _swarm(draw: Random, number: int, window_s: int) -> Iterator[dict[str, object]]:
    """Yield the reports of some that fly beside one another over the western border and back."""
    speed_mps, out_m = draw.uniform(40.0, 90.0), draw.uniform(4_000.0, 9_000.0)
    inner_m, start_s = draw.uniform(1_500.0, 4_000.0), draw.randrange(window_s)
    for second, depth_m, towards in _there_and_back(out_m, inner_m, speed_mps):
        for beside in range(_SWARM_OF):
            lat = _FIRST_LAT + number * _SWARM_STRIP_DEG + beside * _BESIDE_DEG
            moving = {"speed_mps": speed_mps, "course_deg": 90.0 if towards else 270.0}
            seen = _report(number, start_s + second, lat, depth_m, **moving)
            del seen["icao_address"]
            lon = round(_WESTERN_BORDER_LON + depth_m / _METRES_A_DEG_LON, 6)
            yield seen | {"track_id": f"S{number}-{beside}", "lon": lon}


def _far_flight(draw: Random, number: int, lasts_s: int) -> Iterator[dict[str, object]]:
    """Yield the reports of a track that flies north, far from the border."""
    start_s = draw.randrange(EVERY_S)
    lat, depth_m = draw.uniform(50.1, 50.9), -draw.uniform(*_FAR_M)
    speed_mps = draw.uniform(40.0, 90.0)
    for second in range(0, lasts_s, EVERY_S):
        north = lat + speed_mps * second / _METRES_A_DEG_LAT
        moving = {"speed_mps": speed_mps, "course_deg": 0.0}
        yield _report(number, start_s + second, north, depth_m, **moving)


def _report(
    number: int, second: int, lat: float, depth_m: float, *, speed_mps: float, course_deg: float
) -> dict[str, object]:
    return {
        "time": (_START + timedelta(seconds=second)).isoformat(),
        "source": SOURCE_NAMES[number % SOURCES],
        "track_id": f"T{number}",
        "lat": round(lat, 6),
        "lon": round(_BORDER_LON - depth_m / _METRES_A_DEG_LON, 6),
        "accuracy_m": 20.0,
        "ground_speed_mps": round(speed_mps, 1),
        "course_deg": course_deg,
        "category": "uav",
        "icao_address": f"4A{number:04X}",
        "simulated": True,
    }
