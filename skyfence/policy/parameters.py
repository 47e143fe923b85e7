"""The numbers that judge a track: how long, how far, how fast. All are event time and metres."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS


# Where no report told a speed: a propeller drone's.
DRONE_MPS: Final = 50.0


def _fastest_of() -> dict[str, float]:
    slow = dict.fromkeys(("helicopter", "glider", "balloon"), 300.0)
    orbital = 8_000.0
    return {"missile": orbital, "uav": 1_200.0, "aircraft": 1_200.0} | slow


@dataclass(frozen=True)
class DetectionParameters:
    """How the engine judges; every process of one environment must use the same."""

    # Five scans of the slowest long-range radars (12 s): then nobody follows the object any more.
    lost_after_ms: int = MINUTE_MS
    # A path over a longer silence is not known: the segment between two reports is no path then.
    longest_gap_ms: int = 10 * MINUTE_MS
    # A track that was seen outside and is seen inside again has crossed, wherever that was. Known
    # for so long: a slow drone comes 90 km in the meantime; civil flights only while a path counts.
    remembered_ms: int = 30 * MINUTE_MS
    # Out for this long before the all-clear: a turn at the border takes a drone about a minute.
    clear_after_ms: int = 2 * MINUTE_MS
    # A lost object's alert stays this long while its source watches (longest flight of a drone).
    expire_after_ms: int = 6 * HOUR_MS
    # A threat that is lost is waited for as long as it would need to arrive, twice over.
    threat_expires_after_ms: int = 10 * MINUTE_MS
    # A report that names no accuracy: an air-surveillance radar at 100 km.
    unknown_accuracy_m: float = 150.0
    # One that names no speed may be a jet; borders are known to better than the margin.
    unknown_speed_mps: float = 350.0
    reach_margin_m: float = 2_000.0
    reach_accuracies: float = 10.0
    # A standard rate turn, 3 degrees a second.
    turn_rad_per_s: float = 0.0524
    # Errors of one tracker hold for about this long; a second report within it says little new.
    shared_error_s: float = 30.0
    # A belief fades in two minutes, in which a drone flies 6 km: older reports were elsewhere.
    forget_s: float = 120.0
    # Log odds: 2.2 is P = 0.9, 6.2 is P = 0.998 (2.9 sigma deep by one report alone).
    possible_odds: float = 2.2
    confirmed_odds: float = 6.2
    # Enter fast, exit slow: two sigma outside for some minutes, or five twice in a row, or eight
    # at once. (A report 2 sigma outside errs by three more every hour or so.)
    out_odds: float = -12.0
    far_out_odds: float = -15.0
    gone_odds: float = -45.0
    # What has left comes back by reports together, by two of 2.9 sigma, or by one of five.
    far_in_odds: float = 15.0
    # Forecast: raised where the fan of likely courses mostly meets the border, dropped where it
    # hardly does, each for so long that a turn that sweeps past is no threat.
    threat_share: float = 0.5
    clear_share: float = 0.1
    threat_holds_ms: int = 8 * SECOND_MS
    # A circle at standard rate takes two minutes: what waits in one keeps its threat.
    recede_holds_ms: int = 2 * MINUTE_MS
    # Less than a minute before the border nothing is waited for.
    threat_at_once_s: float = 60.0
    forecast_every_ms: int = 4 * SECOND_MS
    # Where a track in a story is, for those who join tracks.
    sighted_every_ms: int = 30 * SECOND_MS
    clock_every_ms: int = 10 * SECOND_MS
    # Ten times the speed of sound: nothing that flies is faster, save ballistic missiles.
    fastest_mps: float = 3_400.0
    # What is known to be no missile is slower: the fastest aircraft flew 980 m/s (FAI record,
    # 1976), no rotorcraft, glider or balloon half as fast as 300.
    fastest_of_mps: Mapping[str, float] = field(default_factory=_fastest_of)
    # Plots scatter: two of them a moment apart may be this far from one another.
    scatter_m: float = 1_000.0
    # A region is looked for this far around an entry over which none lies (files have gaps).
    nearest_region_m: float = 20_000.0
    # Other zones count as "across the border" within this or twice the zone's accuracy.
    across_m: float = 100.0

    def path_sigma_m(self, length_m: float, seconds: float) -> float:
        """Return how far from the straight line an object may have been between two reports.

        One sigma, metres: half the height of the arc that it flies turning at a standard rate, and
        half the way at most.
        """
        return min(length_m * self.turn_rad_per_s * seconds / 16, length_m / 2)

    @property
    def slowest_limit_mps(self) -> float:
        """Return the lowest speed past which anything is cut, metres per second."""
        return min([self.fastest_mps, *self.fastest_of_mps.values()])

    def reach_m(
        self, speed_mps: float | None, accuracy_m: float | None, look_ahead_s: float
    ) -> float:
        """Return the distance from a border past which an object means nothing to it yet."""
        speed = self.unknown_speed_mps if speed_mps is None else speed_mps
        accuracy = self.unknown_accuracy_m if accuracy_m is None else accuracy_m
        return speed * look_ahead_s + self.reach_accuracies * accuracy + self.reach_margin_m

    def fastest(self, category: str) -> float:
        """Return the speed that nothing of a category exceeds, metres per second."""
        return self.fastest_of_mps.get(category, self.fastest_mps)
