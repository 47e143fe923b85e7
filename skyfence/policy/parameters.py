"""The parameters of detection: durations, distances, speeds and odds. All times are event time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS


# Assumed where no report has a speed: that of a propeller drone.
DRONE_MPS: Final = 50.0


def _fastest_of() -> dict[str, float]:
    slow = dict.fromkeys(("helicopter", "glider", "balloon"), 300.0)
    orbital = 8_000.0
    return {"missile": orbital, "uav": 1_200.0, "aircraft": 1_200.0} | slow


@dataclass(frozen=True)
class DetectionParameters:
    """The numbers that detection goes by; all processes of an environment must use the same.

    The unit stands in the name; odds are log odds.
    """

    # So many scans of its own without a report, and at least a minute (five scans of the slowest
    # long-range radars, 12 s): the track is lost.
    lost_after_scans: int = 3
    lost_after_ms: int = MINUTE_MS
    # How long a track that ended by its source's word is waited for under another number: until the
    # next scan is missed, or the one after it where that comes within this time.
    ended_wait_ms: int = 30 * SECOND_MS
    # After a longer silence the segment between two reports is not taken as the path flown.
    longest_gap_ms: int = 10 * MINUTE_MS
    # How long a lost track is remembered: one that was outside and is seen inside again has crossed
    # somewhere. A slow drone flies 90 km in that time. Suppressed tracks: ``longest_gap_ms``.
    remembered_ms: int = 30 * MINUTE_MS
    # How long an object is outside before the all-clear: a drone's turn takes about a minute.
    clear_after_ms: int = 2 * MINUTE_MS
    # How long a lost object's alert stays while its source watches (longest flight of a drone).
    expire_after_ms: int = 6 * HOUR_MS
    # How long a lost threat is waited for at most: as long as one that is seen inside by then is
    # known to have crossed (``remembered_ms``). Low drones are lost as they come, and seen again
    # far inside.
    threat_expires_after_ms: int = 30 * MINUTE_MS
    # Assumed of a report without an accuracy: that of an air-surveillance radar at 100 km.
    unknown_accuracy_m: float = 150.0
    # Assumed of a report without a speed: that of a jet. The margin exceeds any border's error.
    unknown_speed_mps: float = 350.0
    # One sigma of a height: an altimeter's error, and the air's pressure (ICAO Doc 9574: 245 ft).
    height_error_m: float = 75.0
    reach_margin_m: float = 2_000.0
    reach_accuracies: float = 10.0
    # A standard rate turn, 3 degrees a second.
    turn_rad_per_s: float = 0.0524
    # A tracker's error keeps for about this long; a second report within it adds little evidence.
    shared_error_s: float = 30.0
    # Evidence fades within this time, in which a drone flies 6 km: older reports are of elsewhere.
    forget_s: float = 120.0
    # Log odds: 2.2 is P = 0.9, 6.2 is P = 0.998 (2.9 sigma deep by one report alone).
    possible_odds: float = 2.2
    confirmed_odds: float = 6.2
    # What is first seen inside is told from its second report on: ghosts are single plots.
    appear_reports: int = 2
    # Enter fast, exit slow: an exit takes two sigma outside for some minutes, or five sigma twice
    # in a row, or eight sigma once. (About once an hour a report is off by three sigma more.)
    out_odds: float = -12.0
    far_out_odds: float = -15.0
    gone_odds: float = -45.0
    # After an exit, entering again takes the odds of several reports, two of 2.9 sigma, or one of
    # five sigma.
    far_in_odds: float = 15.0
    # A threat is raised where this share of the fan of likely courses meets the border, and dropped
    # below the other; each must last so long that a turn that sweeps past is no threat.
    threat_share: float = 0.5
    clear_share: float = 0.1
    threat_holds_ms: int = 8 * SECOND_MS
    # A circle at standard rate takes two minutes: an object that circles stays a threat.
    recede_holds_ms: int = 2 * MINUTE_MS
    # A drone that waits flies a round in four to eight minutes.
    circle_ms: int = 8 * MINUTE_MS
    # This close to the border a threat is raised at once.
    threat_at_once_s: float = 60.0
    forecast_every_ms: int = 4 * SECOND_MS
    # How often the position of a track in a violation episode is published, for association: with
    # about every scan of a radar at first, since three reports of two sources show within 15 s
    # whether they see one object, and later often enough to see two objects part.
    sighted_at_first_ms: int = 3_500
    sighted_at_first_for_ms: int = MINUTE_MS
    sighted_every_ms: int = 20 * SECOND_MS
    # How often the position of an identified flight is published, and how near to the protected
    # border: another source may show the same aircraft without its identity. Positions 30 s apart
    # can still be compared, and a report is up to 12 s later than it is due; 60 km is what an
    # airliner flies in the look-ahead.
    flight_sighted_every_ms: int = 20 * SECOND_MS
    flight_sighted_within_m: float = 60_000.0
    # A flight beside a track that is as near as this is sighted for sure: the vicinity is known by
    # squares (8 km), and two sources' positions of one aircraft differ (by 3 km at most).
    flight_surely_sighted_within_m: float = 48_000.0
    # How often a source says how far it has come: what joins sources waits for it.
    clock_every_ms: int = 5 * SECOND_MS
    # Ten times the speed of sound: only ballistic missiles are faster.
    fastest_mps: float = 3_400.0
    # The same by category: the fastest aircraft flew 980 m/s (FAI record, 1976), no rotorcraft,
    # glider or balloon half as fast as 300.
    fastest_of_mps: Mapping[str, float] = field(default_factory=_fastest_of)
    # Plots scatter: two of them a moment apart may be this far apart without a jump.
    scatter_m: float = 1_000.0
    # How far around an entry in no region the nearest region is looked for (files have gaps).
    nearest_region_m: float = 20_000.0
    # Other zones count as "across the border" within this or twice the zone's accuracy.
    across_m: float = 100.0

    def path_sigma_m(self, length_m: float, seconds: float) -> float:
        """Return how far off the straight line an object may be between two reports, one sigma.

        Metres. It is half the height of the arc that the object flies at a standard rate turn over
        ``length_m`` in ``seconds``, and at most half the length.
        """
        return min(length_m * self.turn_rad_per_s * seconds / 16, length_m / 2)

    @property
    def slowest_limit_mps(self) -> float:
        """Return the lowest speed limit of any category, metres per second."""
        return min([self.fastest_mps, *self.fastest_of_mps.values()])

    def reach_m(
        self, speed_mps: float | None, accuracy_m: float | None, look_ahead_s: float
    ) -> float:
        """Return the distance from a border beyond which an object is no threat to it yet, metres.

        Speed and accuracy that are not known (None) are replaced by the assumed ones.
        """
        speed = self.unknown_speed_mps if speed_mps is None else speed_mps
        accuracy = self.accuracy_or_assumed_m(accuracy_m)
        return speed * look_ahead_s + self.reach_accuracies * accuracy + self.reach_margin_m

    def accuracy_or_assumed_m(self, accuracy_m: float | None) -> float:
        """Return a report's accuracy, one sigma in metres; the assumed one where it names none."""
        return self.unknown_accuracy_m if accuracy_m is None else accuracy_m

    def fastest(self, category: str) -> float:
        """Return the speed that no object of a category exceeds, metres per second."""
        return self.fastest_of_mps.get(category, self.fastest_mps)
