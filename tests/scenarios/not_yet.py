"""What skyfence does not reach yet, by the expectation's name: why.

Each fails strictly: whoever mends it takes its line away.
"""

from typing import Final

NOT_YET: Final[dict[str, str]] = {
    "01-future-stamp/not given up": "one report stamped a day later moves its source's clock",
    "03-outlier/no shelter": "one report aside confirms",
    "06-stale-repeated/not lost": "a repeated position is a loss",
    "12-null-island-4/not lost": "four positions of 0/0 are a loss",
    "clock_behind_5s_fast/one incident": "clock errors of sources keep one object apart",
    "cruise_missile/nobody far": "the look-ahead is 30 minutes for every speed",
    "cruise_missile/own nation": "the look-ahead is 30 minutes for every speed",
    "formation_pair/two objects": "two sensors' tracks of two objects are joined",
    "ids_every_60s/one counted": "a new track number is a new object",
    "ids_every_60s/one incident": "a new track number is a new object",
    "ids_every_60s_ended/one counted": "a new track number is a new object",
    "ids_every_60s_ended/one incident": "a new track number is a new object",
    "loiter_circle_2km/two sounds": "an episode ends while the object can be back",
    "loiter_over_border/one episode": "an episode ends while the object can be back",
    "sea_skimmer_fast/nobody far": "the look-ahead is 30 minutes for every speed",
    "slow_radar_75s/warned before": "a slow radar's tracks are lost at each turn",
    "squawk_7500_inside/told at once": "an emergency code first seen inside is told to nobody",
    "formation_pair/file as pipe": "association follows the order in which sources arrive",
    "19-altitude-unknown/inside": "an unknown height is taken for a height",
}
