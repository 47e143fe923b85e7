"""The incident agent: track events in, alerts out, keyed by incident.

Thin around ``IncidentBook``. ``track.events`` has one partition, so that one agent sees everything.
An event is acknowledged only when its alerts are stored.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from pydantic import ValidationError

from skyfence.book import IncidentBook
from skyfence.channels import Environment, Topics
from skyfence.model import why_invalid
from skyfence.track_event import Event, parse_event
from streams.held import Held
from streams.outbox import Outbox, decided_headers

log = structlog.get_logger()


class IncidentAgent:
    """Tells the stories of incidents from the events of tracks."""

    def __init__(self, names: Mapping[str, str], environment: Environment, outbox: Outbox) -> None:
        self._topics = Topics(environment)
        self._outbox = outbox
        self._held = Held("incident", lambda: IncidentBook(environment, names))

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note which partitions were handed to this worker anew."""
        self._held.assigned(partitions)

    async def take(self, message: Any) -> None:
        """Judge one message; return when its alerts are stored."""
        book = self._held.state_for(message.partition, message.offset)
        if book is None:
            return
        try:
            event = parse_event(message.value or b"")
        except ValidationError as error:
            await self._outbox.reject(message, why_invalid(error))
        else:
            await self._tell(message, book, event)
        await self._outbox.stored()
        self._held.covered(message.partition, message.offset)

    async def _tell(self, message: Any, book: IncidentBook, event: Event) -> None:
        headers = decided_headers(message, round(time.time() * 1000))
        for alert in book.take(event):
            key = str(alert.incident_id)
            await self._outbox.send(self._topics.alerts, key, alert.to_json(), headers)
            log.info("alert.decided", channel=alert.channel, step=alert.step, incident=key)
