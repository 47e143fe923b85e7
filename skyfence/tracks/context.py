"""The context: what every track of a worker is judged by. It never changes while the worker runs.

What comes of judging is no part of it (``frame_result``).
"""

from dataclasses import dataclass

from skyfence.airspace.airspace import Airspace
from skyfence.naming import Environment
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Context:
    """Zones, policy and parameters, and the environment that goes into every identifier."""

    airspace: Airspace
    environment: Environment
    policy: Policy
    parameters: DetectionParameters
