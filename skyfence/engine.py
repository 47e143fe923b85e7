"""The engine: frames in, crossings and alerts out, with nothing between.

The same tracker and decisions on alerts that the two agents wrap, joined by a plain call instead of
Kafka. ``skyfence scan`` and the tests judge recordings with it.
"""

from dataclasses import dataclass

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.crossing import Crossing
from skyfence.frames.frame import Frame
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.incident import Incident
from skyfence.naming import Environment
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy
from skyfence.texts.tables import OperatorTexts
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import ZoneSet


@dataclass(frozen=True)
class EngineResult:
    """What followed from one frame.

    ``messages`` are all alerts in the order in which they are published: ``alerts`` are those of
    incidents among them, ``place_alerts`` those of places.
    """

    crossings: list[Crossing]
    alerts: list[Alert]
    place_alerts: list[PlaceAlert]
    messages: list[Alert | PlaceAlert]
    late: int
    left_out: int  # reports that say nothing of where an object was when


class Engine:
    """Judges frames against zones, in order, and words alerts in a language's texts."""

    def __init__(
        self,
        zones: ZoneSet,
        texts: OperatorTexts,
        environment: Environment = Environment.EXERCISE,
        policy: Policy | None = None,
        parameters: DetectionParameters | None = None,
    ) -> None:
        airspace = Airspace(zones)
        self.protects = bool(airspace.protected_areas)
        self._tracker = Tracker(airspace, environment, policy, parameters)
        self._decisions = AlertDecisions(
            environment,
            zones.names,
            texts,
            nations=zones.nations,
            biases=(policy or Policy()).biases,
        )

    @property
    def open_incidents(self) -> list[Incident]:
        """Return the incidents that are not closed."""
        return self._decisions.open

    def process(self, frame: Frame) -> EngineResult:
        """Judge one frame."""
        result = self._tracker.process(frame)
        messages = [
            message for event in result.events for message in self._decisions.process(event)
        ]
        return EngineResult(
            crossings=result.crossings,
            alerts=[message for message in messages if isinstance(message, Alert)],
            place_alerts=[message for message in messages if isinstance(message, PlaceAlert)],
            messages=messages,
            late=result.late,
            left_out=result.left_out.total(),
        )
