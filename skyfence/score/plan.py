"""Which batches a run consists of: so many hours along the border per sigma, and the rest beside.

Every kind meets every sigma and both noises at least once. Batches are named, so that the list can
be judged by any number of processes and summed up in the same order.
"""

from collections.abc import Collection
from itertools import product
from math import ceil
from typing import Final

from skyfence.score.noise import Noise
from skyfence.score.traffic import SIGMAS_M, Batch, TrafficKind

# Hours along the border for each sigma, shared by both noises.
SHORT_HOURS: Final = 80.0
# A quarter of them is nearer than three sigma of 500 m: this leaves over 3,000 that are not.
LONG_HOURS: Final = 3_600.0
# Scenes of each kind on real borders: half a minute of work, and five hours.
SHORT_SCENES: Final = 2
LONG_SCENES: Final = 120
_SHARES: Final = {TrafficKind.ALONG: 0.8, TrafficKind.ALONG_GAPS: 0.2}
# A batch of each other kind for so many hours along: 390 tracks of each cell in the long run.
_HOURS_A_BATCH: Final = 360.0


def batches(
    hours: float, copies: int, kinds: Collection[TrafficKind] = tuple(TrafficKind)
) -> list[Batch]:
    """Return the batches of a run with so many hours along the border for each sigma."""
    return [
        Batch(kind, sigma_m, noise, number)
        for kind, sigma_m, noise in product(TrafficKind, SIGMAS_M, Noise)
        if kind in kinds
        for number in range(_count(kind, hours, copies))
    ]


def _count(kind: TrafficKind, hours: float, copies: int) -> int:
    if kind not in _SHARES:
        return max(1, round(hours / _HOURS_A_BATCH))
    return max(1, ceil(_SHARES[kind] * hours / len(Noise) / copies))  # a track flies for an hour
