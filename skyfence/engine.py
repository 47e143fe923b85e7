"""The engine: frames in, crossings and alerts out, with nothing between.

The same tracker and incident book that the two agents wrap, joined by a plain call instead of
Kafka. ``skyfence scan`` and the tests judge recordings with it.
"""

from dataclasses import dataclass

from skyfence.airspace import Airspace
from skyfence.alert import Alert
from skyfence.book import IncidentBook
from skyfence.channels import Environment
from skyfence.crossing import Crossing
from skyfence.frame import Frame
from skyfence.incident import Incident
from skyfence.policy import Policy
from skyfence.rules import Rules
from skyfence.tracking import Tracker
from skyfence.zones import ZoneSet


@dataclass(frozen=True)
class Outcome:
    """What followed from one frame."""

    crossings: list[Crossing]
    alerts: list[Alert]
    late: int


class Engine:
    """Judges frames against zones, in order."""

    def __init__(
        self,
        zones: ZoneSet,
        environment: Environment = Environment.EXERCISE,
        policy: Policy | None = None,
        rules: Rules | None = None,
    ) -> None:
        airspace = Airspace(zones)
        self.protects = bool(airspace.protected_areas)
        self._tracker = Tracker(airspace, environment, policy, rules)
        self._book = IncidentBook(environment, zones.names)

    @property
    def open_incidents(self) -> list[Incident]:
        """Return the incidents that are not closed."""
        return self._book.open

    def take(self, frame: Frame) -> Outcome:
        """Judge one frame."""
        facts = self._tracker.take(frame)
        alerts = [alert for event in facts.events for alert in self._book.take(event)]
        return Outcome(facts.crossings, alerts, facts.late)
