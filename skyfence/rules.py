"""The numbers that judge a track: how long, how far, how fast. All are event time and metres."""

from dataclasses import dataclass
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS


@dataclass(frozen=True)
class Rules:
    """How the engine judges; every process of one environment must use the same."""

    # Five scans of the slowest long-range radars (12 s): then nobody follows the object any more.
    lost_after_ms: int = MINUTE_MS
    # A path over a longer silence is not known: the segment between two reports is no path then.
    longest_gap_ms: int = 10 * MINUTE_MS
    # Out for this long before the all-clear: a turn at the border takes a drone about a minute.
    clear_after_ms: int = 2 * MINUTE_MS
    # A lost object's alert stays this long while its source watches (longest flight of a drone).
    expire_after_ms: int = 6 * HOUR_MS
    # Orbital speed: nothing that stays in the air is faster, ballistic missiles included.
    fastest_mps: float = 8_000.0
    # Plots scatter: two of them a moment apart may be this far from one another.
    scatter_m: float = 1_000.0
    # A region is looked for this far around an entry over which none lies (files have gaps).
    nearest_region_m: float = 20_000.0
    # Other zones count as "across the border" within this or twice the zone's accuracy.
    across_m: float = 100.0
