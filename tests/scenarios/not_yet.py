"""What skyfence does not reach yet, by the expectation's name: why.

Each fails strictly: whoever mends it takes its line away.
"""

from typing import Final

NOT_YET: Final[dict[str, str]] = {
    "loiter_circle_2km/two sounds": "first warning, minutes left and all-clear are three sounds",
}
