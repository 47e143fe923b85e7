"""The incident agent: track events in, alerts out, keyed by incident.

Thin around ``IncidentManager``. ``track.events`` has one partition, so that one agent sees
everything. An event is acknowledged only when its alerts are stored.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import structlog
from pydantic import ValidationError

from skyfence.adapters import metrics
from skyfence.contracts.alert import Alert
from skyfence.contracts.rejected import Reason
from skyfence.contracts.track_event import TrackTopicEvent, parse_event
from skyfence.incidents import snapshot
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment, Topics
from streams.checkpoint import CheckpointStore
from streams.partition_state import PartitionStates, StateCodec
from streams.sends import PendingSends, decided_headers, origin_of

log = structlog.get_logger()


class IncidentAgent:
    """Tells the stories of incidents from the events of tracks."""

    def __init__(
        self,
        names: Mapping[str, str],
        environment: Environment,
        outbox: PendingSends,
        store: CheckpointStore,
    ) -> None:
        self._topics = Topics(environment)
        self._outbox = outbox
        begin = partial(IncidentManager, environment, names)
        self.held = PartitionStates("incident", StateCodec(begin, _pack, _restore), store)

    async def take(self, message: Any) -> None:
        """Judge one message; return when its alerts are stored."""
        book = await self.held.state_for(message.partition, message.offset)
        if book is None:
            return
        try:
            event = parse_event(message.value or b"")
        except ValidationError as error:
            await self._outbox.reject(message, Reason.of_invalid(error))
        else:
            await self._tell(message, book, event)
        self.held.judged(message.partition, message.offset)
        await self._outbox.stored()
        self.held.all_stored()

    async def _tell(self, message: Any, book: IncidentManager, event: TrackTopicEvent) -> None:
        headers = decided_headers(message, round(time.time() * 1000))
        for alert in await self._alerts(message, book, event):
            key = str(alert.incident_id)
            await self._outbox.send(self._topics.alerts, key, alert.to_json(), headers)
            metrics.decided(alert, headers)
            log.info("alert.decided", channel=alert.channel, step=alert.step, incident=key)

    async def _alerts(
        self, message: Any, book: IncidentManager, event: TrackTopicEvent
    ) -> list[Alert]:
        try:
            return book.take(event, origin_of(message))
        except Exception:  # noqa: BLE001 - kept and logged
            await self._outbox.failed("tell.failed", message)
            return []


def _pack(book: IncidentManager) -> bytes:
    return snapshot.take_snapshot(book.ledger)


def _restore(book: IncidentManager, state: bytes) -> None:
    book.ledger = snapshot.restore_snapshot(state)
