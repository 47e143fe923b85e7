"""How sure it is that an object is inside: log odds from the signed distance to the border.

One report says P(inside) = Phi(depth / sigma), with sigma from the report's accuracy and the
border's. Reports that follow one another share their errors (a tracker's last for a minute or so),
so each adds only what is fresh in it, and what is old is forgotten:

    belief = belief * exp(-dt / forget) + fresh_share(dt) * report

Only sums, products and roots: the same bits on every processor, save ``exp``, whose result is
rounded. Does not know where the border is (``airspace``) nor what follows (``violation``).
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
    """Return one report's log odds of being inside, -49 .. 49 (at eight sigma).

    ``depth_m`` is the distance to the border, negative outside; ``sigma_m`` its error (1 sigma),
    of which less than a metre counts as one.
    """
    z = max(-_MOST_SIGMA, min(_MOST_SIGMA, round(depth_m) / max(sigma_m, 1.0)))
    return round(z * (_LINEAR + _CUBIC * z * z), 3)


def sigma_m(report_m: float | None, border_m: float, parameters: DetectionParameters) -> float:
    """Return one sigma of a depth, metres, from the report's and the border's (independent) errors.

    A report without an accuracy counts as ``unknown_accuracy_m``.
    """
    own_m = parameters.accuracy_or_assumed_m(report_m)
    return sqrt(own_m * own_m + border_m * border_m)


def probability(odds: float) -> float:
    """Return log odds as a probability, 0 .. 1, rounded to thousandths as it is published."""
    return round(1.0 / (1.0 + exp(-odds)), 3)


@dataclass(slots=True)
class Belief:
    """How sure a track's reports are that it is inside; all odds are log odds, 0 is even."""

    odds: float = 0.0  # of all reports together, -40 .. 40
    last_odds: float = 0.0  # of the last report alone
    previous_odds: float = 0.0  # of the report before that alone
    time_ms: int | None = None  # of the last report; None before the first
    has_left: bool = False  # an exit was told: one wild report does not bring it back
    measured_count: int = 0  # reports taken in so far

    def update(self, time_ms: int, report_odds: float, parameters: DetectionParameters) -> None:
        """Take in a report's log odds; the first counts whole.

        Precondition: ``time_ms`` is later than that of the report before.
        """
        if self.time_ms is None:
            self.odds = report_odds
        else:
            seconds = (time_ms - self.time_ms) / 1000
            keep = exp(-seconds / parameters.forget_s)
            share = 1.0 - exp(-seconds / parameters.shared_error_s)
            odds = round(self.odds * keep + share * report_odds, 3)
            self.odds = max(-_MOST_ODDS, min(_MOST_ODDS, odds))
        self.previous_odds, self.last_odds, self.time_ms = self.last_odds, report_odds, time_ms
        self.measured_count += 1

    def discard_outside_evidence(self) -> None:
        """Drop older reports if they speak for outside: they are about where it came from."""
        self.odds = max(self.odds, self.last_odds)

    def is_in(self, bound: float) -> bool:
        """Tell whether all reports together, or the last one alone, reach these log odds."""
        return max(self.odds, self.last_odds) >= bound

    def may_enter(self, parameters: DetectionParameters) -> bool:
        """Tell whether an entry is to be told: the first time as soon as one report says so.

        After an exit it takes more: two reports in a row that confirm, one from far inside, or all
        together. An object that flies along the border has a wild report every hour or so.
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
