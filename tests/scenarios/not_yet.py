"""What skyfence does not reach yet, by the expectation's name: why.

Each fails strictly: whoever mends it takes its line away.
"""

from typing import Final

NOT_YET: Final[dict[str, str]] = {
    "01-future-stamp/not given up": "one report stamped a day later moves its source's clock",
    "03-outlier/no shelter": "one report aside confirms",
    "06-stale-repeated/not lost": "a repeated position is a loss",
    "12-null-island-4/not lost": "four positions of 0/0 are a loss",
    "clock_behind_5s_fast/one incident": "two incidents stand for longer than 15 s",
    "formation_pair/file as pipe": "association follows the order in which sources arrive",
    "formation_pair/two objects": "three objects are counted until the radars' tracks are joined",
    "loiter_circle_2km/two sounds": "first warning, minutes left and all-clear are three sounds",
    "squawk_7500_inside/told at once": "the nation hears five minutes after the first report",
}
