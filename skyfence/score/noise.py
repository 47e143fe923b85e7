"""Errors of position as sensors make them: white, or correlated as a tracking filter leaves them.

Of one sigma in each of both directions, as the report's ``accuracy_m`` says.
"""

from enum import StrEnum
from itertools import accumulate
from typing import Final

import numpy as np

from skyfence.score.world import Floats

# How long an error keeps its side. Chosen: longer than anybody may wait before they warn, so that
# no averaging of reports helps against it, as with a misaligned radar or a smoothing filter.
CORRELATION_S: Final = 75.0


class Noise(StrEnum):
    """How errors of one track's reports hang together."""

    WHITE = "white"
    CORRELATED = "correlated"


def errors(noise: Noise, rng: np.random.Generator, seconds: Floats, sigma_m: float) -> Floats:
    """Return the error at each instant (ascending), (n, 2), metres east and north.

    Correlated errors are an Ornstein-Uhlenbeck process, exact at any spacing of the instants.
    """
    fresh = rng.standard_normal((len(seconds), 2)) * sigma_m
    if noise is Noise.WHITE:
        return fresh
    correlation = np.exp(-np.diff(seconds) / CORRELATION_S)
    pushed = fresh[1:] * np.sqrt(1.0 - correlation**2)[:, None]
    # One complex number a step carries both directions through a plain loop, which is quick.
    steps = zip(correlation.tolist(), (pushed[:, 0] + 1j * pushed[:, 1]).tolist(), strict=True)
    first = complex(fresh[0, 0], fresh[0, 1])
    walked = np.array(
        list(accumulate(steps, lambda held, step: step[0] * held + step[1], initial=first))
    )
    return np.stack([walked.real, walked.imag], axis=1)
