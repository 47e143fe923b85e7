"""The traffic of a fault run: a recording from a seed, in which most of what can be told is told.

240 tracks of eight sources along a straight border: every third enters and leaves, every third
turns back before it, the others stay far off. Each has an ICAO address, so that none is joined with
another: what joins tracks comes when the slowest source is as far, between whichever steps of their
own chains that is, and two runs need not agree on it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

SOURCES = 8
TRACKS = 240
_START = datetime(2026, 1, 1, 12, tzinfo=UTC)
_BORDER_LON = 22.0
_FIRST_LAT, _STRIP_DEG = 50.02, 0.008
_METRES_A_DEG_LON = 71_000.0
_EVERY_S = 4
_LAST_START_S = 600
# Out, or turned away, for so long: then every story is told to its end.
_FOLLOWED_S = 240


def recording(seed: int, tracks: int = TRACKS) -> list[str]:
    """Return a recording's lines, in order of time."""
    draw = Random(seed)
    reports = [one for number in range(tracks) for one in _flight(draw, number)]
    return [json.dumps(one) for one in sorted(reports, key=lambda one: str(one["time"]))]


def _flight(draw: Random, number: int) -> Iterator[dict[str, object]]:
    """Yield one track's reports: towards the border, over it or not, and back."""
    kind = number % 3
    speed_mps = draw.uniform(40.0, 90.0)
    out_m = draw.uniform(4_000.0, 9_000.0) if kind < 2 else 60_000.0
    turn_m = (draw.uniform(1_500.0, 4_000.0), -draw.uniform(1_200.0, 2_500.0), 55_000.0)[kind]
    start_s = draw.randrange(_LAST_START_S)
    depth_m, towards, second = -out_m, 1.0, 0
    inner_m = turn_m if kind < 2 else -turn_m
    left_s = _FOLLOWED_S
    while left_s > 0:
        yield {
            "time": (_START + timedelta(seconds=start_s + second)).isoformat(),
            "source": f"radar-{number % SOURCES}",
            "track_id": f"T{number}",
            "lat": round(_FIRST_LAT + number * _STRIP_DEG, 6),
            "lon": round(_BORDER_LON - depth_m / _METRES_A_DEG_LON, 6),
            "accuracy_m": 20.0,
            "ground_speed_mps": round(speed_mps, 1),
            "course_deg": 270.0 if towards > 0 else 90.0,
            "category": "uav",
            "icao_address": f"4A{number:04X}",
            "simulated": True,
        }
        if depth_m >= inner_m:
            towards = -1.0
        if towards < 0 and depth_m < min(inner_m, 0.0):
            left_s -= _EVERY_S
        depth_m += towards * speed_mps * _EVERY_S
        second += _EVERY_S
