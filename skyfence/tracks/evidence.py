"""How sure it is that an object is inside: log odds from the signed distance to the border.

One report says P(inside) = Phi(depth / sigma), with sigma from the report's accuracy and the
border's. Reports that follow one another share their errors (a tracker's last for a minute or so),
so each adds only what is fresh in it, and what is old is forgotten:

    belief = belief * exp(-dt / forget) + fresh_share(dt) * report

Only sums, products and roots: the same bits on every processor, save ``exp``, whose result is
rounded. Does not know where the border is (``airspace``) nor what follows (``story``).
"""

from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

from skyfence.policy.parameters import DetectionParameters

# logit(Phi(z)) to within 1.4e-4 in Phi: Bowling et al., Journal of Industrial Engineering and
# Management 2 (2009) 114-127.
_LINEAR: Final = 1.5976
_CUBIC: Final = 0.07056
# Eight sigma: past that no sensor's own word is to be trusted any further.
_MOST_SIGMA: Final = 8.0
_MOST_ODDS: Final = 40.0


def log_odds(depth_m: float, sigma_m: float) -> float:
    """Return one report's log odds of being inside; ``depth_m`` is negative outside."""
    z = max(-_MOST_SIGMA, min(_MOST_SIGMA, round(depth_m) / max(sigma_m, 1.0)))
    return round(z * (_LINEAR + _CUBIC * z * z), 3)


def sigma_m(report_m: float | None, border_m: float, parameters: DetectionParameters) -> float:
    """Return one sigma of a depth, metres: the report's accuracy and the border's together."""
    own_m = parameters.unknown_accuracy_m if report_m is None else report_m
    return sqrt(own_m * own_m + border_m * border_m)


def probability(odds: float) -> float:
    """Return log odds as a probability, rounded as it is published."""
    return round(1.0 / (1.0 + exp(-odds)), 3)


@dataclass(slots=True)
class Belief:
    """What the reports of a track say together. ``fresh`` is the last one's word alone."""

    odds: float = 0.0
    last_odds: float = 0.0
    previous_odds: float = 0.0  # of the report before the last one
    time_ms: int | None = None
    has_left: bool = False  # it was told to be out again: one wild report does not bring it back

    def update(self, time_ms: int, fresh: float, parameters: DetectionParameters) -> None:
        """Take in a report's log odds; the first counts whole."""
        if self.time_ms is None:
            self.odds = fresh
        else:
            seconds = (time_ms - self.time_ms) / 1000
            keep = exp(-seconds / parameters.forget_s)
            share = 1.0 - exp(-seconds / parameters.shared_error_s)
            odds = round(self.odds * keep + share * fresh, 3)
            self.odds = max(-_MOST_ODDS, min(_MOST_ODDS, odds))
        self.previous_odds, self.last_odds, self.time_ms = self.last_odds, fresh, time_ms

    def discard_outside_evidence(self) -> None:
        """Let go of what spoke for outside: it was about where the object came from."""
        self.odds = max(self.odds, self.last_odds)

    def is_in(self, bound: float) -> bool:
        """Tell whether the object is inside with these odds: at once if one report says so."""
        return max(self.odds, self.last_odds) >= bound

    def may_enter(self, parameters: DetectionParameters) -> bool:
        """Tell whether an entry is to be told: at once if one report says so, the first time.

        What has left must come back for sure, much as it left: an object that flies along the
        border has a wild report every hour or so.
        """
        if not self.has_left:
            return self.is_in(parameters.possible_odds)
        twice = min(self.last_odds, self.previous_odds) >= parameters.confirmed_odds
        return (
            twice
            or self.last_odds >= parameters.far_in_odds
            or self.odds >= parameters.confirmed_odds
        )

    def is_out(self, parameters: DetectionParameters) -> bool:
        """Tell whether it is out: slower, because one stray report must not end an alert."""
        twice = max(self.last_odds, self.previous_odds)
        far = twice <= parameters.far_out_odds or self.last_odds <= parameters.gone_odds
        return far or self.odds <= parameters.out_odds
