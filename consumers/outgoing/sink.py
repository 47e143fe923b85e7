"""The sink before an outbox: each alert is added once for each receiver that wants it.

    alert ──▶ receivers that want it ──▶ an item for each ──▶ outbox ──▶ ``dispatcher``

Guarantee: what ``deliver`` returned for is on the disk, once for each receiver however often Kafka
hands it out; only then is it acknowledged. An alert of the other environment is added for nobody.
Does not send.
"""

import structlog

from consumers.outbox.items import Item
from consumers.outbox.outbox import Outbox
from consumers.outgoing.dispatcher import GIVE_UP_AFTER_MS, Dispatcher, Receiver
from skyfence.adapters.clock import Clock
from skyfence.contracts.alert import (
    AlertMessage,
    AnyAlert,
    PlaceAlert,
    Severity,
    gravest_first,
    status_of,
)
from skyfence.naming import Environment, recipient
from skyfence.times import to_ms

log = structlog.get_logger()


class OutboxSink:
    """Adds each alert to the outbox, once for each receiver that wants it."""

    def __init__(
        self, outbox: Outbox, dispatcher: Dispatcher, environment: Environment, clock: Clock
    ) -> None:
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._environment = environment
        self._clock = clock

    async def deliver(self, message: AlertMessage) -> int | None:
        """Store an alert; return for how many it was new, None if it was known already."""
        alert = message.alert
        if alert.status != status_of(self._environment):
            log.error("delivery.wrong_environment", status=alert.status, channel=alert.channel)
            return 0
        now_ms = self._clock.now_ms()
        decided = message.timeline.decided
        decided_ms = now_ms if decided is None else min(now_ms, to_ms(decided))
        told = await self._told(alert)
        items = [
            self._item(receiver, message, now_ms)
            for receiver in self._dispatcher.receivers
            if receiver.wants(alert, told.get(self._key(receiver)))
        ]
        added = await self._outbox.add(items, decided_ms)
        if decided_ms < now_ms - GIVE_UP_AFTER_MS:  # a new group is handed a week of alerts
            await self._dispatcher.give_up_old(now_ms)
        self._dispatcher.wake()
        return added if added or not items else None

    async def _told(self, alert: AnyAlert) -> dict[str, str]:
        """Return the body of what each receiver was sent last of a place; of quiet news alone."""
        if not isinstance(alert, PlaceAlert) or alert.notify == "sound":
            return {}
        keys = [self._key(receiver) for receiver in self._dispatcher.receivers]
        return await self._outbox.last_bodies(keys, chain=_chain(alert))

    def _key(self, receiver: Receiver) -> str:
        return recipient(self._environment, receiver.options.name)

    def _item(self, receiver: Receiver, message: AlertMessage, now_ms: int) -> Item:
        alert = message.alert
        key = self._key(receiver)
        payload = receiver.payload(message, now_ms)
        return Item(
            key=f"{key}/{alert.alert_id}",
            recipient=key,
            chain=_chain(alert),
            body=payload.body,
            priority=gravest_first(alert.severity, Severity),
            expires_ms=payload.expires_ms,
        )

    async def close(self) -> None:
        """Do nothing: the outbox belongs to the caller, who closes it."""


def _chain(alert: AnyAlert) -> str:
    """Return what stays in order for a receiver: a place over all its episodes, else a chain."""
    of = alert.run if isinstance(alert, PlaceAlert) else alert.incident_id
    return f"{alert.channel}/{of}"
