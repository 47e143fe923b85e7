"""The incident agent: track events in, alerts out, keyed by incident.

Thin around ``IncidentManager``. ``track.events`` has one partition, so that one agent sees
everything. An event is covered by a checkpoint only when its alerts are stored.
"""

import time
from collections.abc import Mapping
from functools import partial

import structlog
from pydantic import ValidationError

from skyfence.adapters import metrics
from skyfence.contracts.alert import Alert
from skyfence.contracts.rejected import Reason
from skyfence.contracts.track_event import TrackTopicEvent, parse_event
from skyfence.incidents import snapshot
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment, Topics
from skyfence.texts.tables import OperatorTexts
from streams.checkpoint import CheckpointStore
from streams.driver.message import KafkaMessage
from streams.partition_state import PartitionStates, StateCodec
from streams.sends import PendingSends, decided_headers, origin_of

log = structlog.get_logger()


class IncidentAgent:
    """Decides on alerts from the events of tracks, for the one partition of ``track.events``.

    ``names`` are the places' names for people, by region, nation or alliance.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        texts: OperatorTexts,
        environment: Environment,
        sends: PendingSends,
        store: CheckpointStore,
    ) -> None:
        self._topics = Topics(environment)
        self._sends = sends
        empty = partial(IncidentManager, environment, names, texts)
        self.states = PartitionStates("incident", StateCodec(empty, _pack, _restore), store)

    async def process(self, message: KafkaMessage) -> None:
        """Decide on one message; return when its alerts are stored.

        A message that the state covers already is left out. Raise ``KafkaError`` where the broker
        refused an alert: then no checkpoint covers the message.
        """
        manager = await self.states.state_for(message.partition, message.offset)
        if manager is None:
            return
        try:
            event = parse_event(message.value or b"")
        except ValidationError as error:
            await self._sends.reject(message, Reason.of_invalid(error))
        else:
            await self._decide(message, manager, event)
        self.states.mark_judged(message.partition, message.offset)
        await self._sends.flush()
        self.states.mark_flushed()

    async def _decide(
        self, message: KafkaMessage, manager: IncidentManager, event: TrackTopicEvent
    ) -> None:
        headers = decided_headers(message, round(time.time() * 1000))
        for alert in await self._alerts(message, manager, event):
            key = str(alert.incident_id)
            await self._sends.send(self._topics.alerts, key, alert.to_json(), headers)
            metrics.decided(alert, headers)
            log.info("alert.decided", channel=alert.channel, step=alert.step, incident=key)

    async def _alerts(
        self, message: KafkaMessage, manager: IncidentManager, event: TrackTopicEvent
    ) -> list[Alert]:
        try:
            return manager.process(event, origin_of(message))
        except Exception:  # noqa: BLE001 - kept and logged
            await self._sends.reject_for_defect("tell.failed", message)
            return []


def _pack(manager: IncidentManager) -> bytes:
    return snapshot.take_snapshot(manager.state)


def _restore(manager: IncidentManager, state: bytes) -> None:
    manager.state = snapshot.restore_snapshot(state)
