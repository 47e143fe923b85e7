"""Decisions on alerts: track events in, all alerts out, of places and of incidents.

    track event ──▶ IncidentManager ──▶ incidents' chains: evidence, for operators
                         └─updates──▶ Places ──▶ places' chains: what people follow

An event's messages of places come before those of incidents. Does no I/O and reads no clock.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.track_event import (
    Coverage,
    PartitionWatermark,
    SourceMistimed,
    TrackEvent,
    TrackTopicEvent,
    ZoneVisit,
)
from skyfence.incidents.contributions import standing
from skyfence.incidents.incident import Bias, Incident
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import IncidentState, Run
from skyfence.incidents.visit_contributions import visit_id, visit_standing
from skyfence.incidents.watermark import Origin
from skyfence.naming import Environment
from skyfence.places.messages import PlaceWording
from skyfence.places.places import Places
from skyfence.texts.tables import OperatorTexts
from skyfence.times import LATEST_MS, to_ms

# Visits whose last step is remembered in a run, for steps that Kafka hands out again.
_VISITS_KEPT: Final = 10_000
_NO_NATIONS: Final[Mapping[str, str]] = {}
_NO_BIASES: Final[Mapping[str, Bias]] = {}


class AlertDecisions:
    """Decides on all alerts of one environment.

    ``names`` gives zones their names in texts, ``nations`` names the nation of each region;
    ``biases`` are those of sources that the policy names.
    """

    def __init__(
        self,
        environment: Environment,
        names: Mapping[str, str],
        texts: OperatorTexts,
        *,
        nations: Mapping[str, str] = _NO_NATIONS,
        biases: Mapping[str, Bias] = _NO_BIASES,
    ) -> None:
        self._manager = IncidentManager(environment, names, texts, biases=biases)
        self._nations = nations
        self._environment = environment
        wording = PlaceWording(texts, self._manager.vocabulary.names)
        self._places = Places(environment, wording, nations)

    @property
    def state(self) -> IncidentState:
        """Return all that is remembered, for a checkpoint."""
        return self._manager.state

    @state.setter
    def state(self, state: IncidentState) -> None:
        self._manager.state = state

    @property
    def open(self) -> list[Incident]:
        """Return the incidents that are not closed, in order of opening."""
        return self._manager.open

    @property
    def undecided_runs(self) -> int:
        """Return how many runs whose sources have all ended wait for a partition's progress."""
        runs = self.state.runs.values()
        return sum(run.decisions.is_undecided(self.state.progress) for run in runs)

    def process(
        self, event: TrackTopicEvent, origin: Origin | None = None
    ) -> list[Alert | PlaceAlert]:
        """Take in a track's event, a watermark or an operator's word; return the alerts.

        An event that was processed before gives none. ``origin`` is the partition of ``tracks``
        that an event comes from and its frame's Kafka timestamp; None where they are not known.
        """
        if isinstance(event, SourceMistimed):
            return []  # the monitor's business
        if isinstance(event, Coverage):
            return list(self._cover(event))
        if isinstance(event, ZoneVisit):
            return list(self._note_visit(event))
        alerts = self._manager.process(event, origin)
        self._note_updates()
        names = [*self.state.runs] if isinstance(event, PartitionWatermark) else [event.run]
        place_alerts = [alert for name in names for alert in self._tell_places(name, event)]
        return [*place_alerts, *alerts]

    def _cover(self, coverage: Coverage) -> Iterator[PlaceAlert]:
        """Yield what places hear whose sight has changed; a run that is over has none.

        Nor has the live run before its first report: until then the monitor has heard no source,
        and all places are unseen to it.
        """
        run = self.state.runs.get(coverage.run)
        if run is not None:
            self._places.cover(run.places, coverage.unseen, to_ms(coverage.time))
            time_ms = run.places.latest_ms
            yield from self._places.flush(coverage.run, run.places, time_ms, time_ms)

    def _note_visit(self, visit: ZoneVisit) -> Iterator[PlaceAlert]:
        """Yield what a zone hears of a visit's next step; nothing of one that was taken in."""
        run = self.state.runs.setdefault(visit.run, Run())
        identifier = visit_id(self._environment, visit)
        if run.visits.get(identifier, 0) >= visit.number:
            return
        run.visits.pop(identifier, None)  # the latest stand last
        run.visits[identifier] = visit.number
        if len(run.visits) > _VISITS_KEPT:
            del run.visits[next(iter(run.visits))]
        noted = visit_standing(identifier, visit)
        self._places.note(run.places, noted)
        yield from self._places.flush(visit.run, run.places, noted.time_ms, noted.known_ms)

    def _note_updates(self) -> None:
        """Let the places take in what has changed of incidents."""
        for incident_id, update in self._manager.take_updates():
            run = self.state.runs.setdefault(update.event.run, Run())
            self._places.note(run.places, standing(incident_id, update, self._nations))

    def _tell_places(self, name: str, event: TrackTopicEvent) -> Iterator[PlaceAlert]:
        """Yield what the places of a run hear after an event."""
        run = self.state.runs.get(name)
        if run is None:
            return
        if isinstance(event, TrackEvent):
            time_ms = to_ms(event.time)
            known_ms = max(time_ms, to_ms(event.last_seen))
            yield from self._places.flush(name, run.places, time_ms, known_ms)
            return
        watermark_ms = run.decisions.watermark_ms(self.state.progress)
        time_ms = run.places.latest_ms
        if 0 < watermark_ms < LATEST_MS:
            time_ms = max(time_ms, int(watermark_ms))
            yield from self._places.settle(name, run.places, int(watermark_ms))
        elif watermark_ms > 0:
            # All sources have ended: nobody watches any more, and time alone lets no level fall.
            yield from self._places.settle(name, run.places, time_ms)
        ended = watermark_ms >= LATEST_MS
        yield from self._places.flush(name, run.places, time_ms, time_ms, at_end=ended)
