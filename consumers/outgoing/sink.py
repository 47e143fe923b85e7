"""The sink before an outbox: each alert is put there once for everybody who wants it.

    alert ──▶ who wants it ──▶ an item for each: key, chain, body, rank ──▶ outbox ──▶ ``courier``

Guarantee: what ``deliver`` returned for is on the disk, once for each receiver however often Kafka
hands it out; only then is it acknowledged. An alert of the other environment is put for nobody.
Does not send.
"""

import structlog

from consumers.outbox.items import Item
from consumers.outbox.outbox import Outbox
from consumers.outgoing.courier import GIVE_UP_AFTER_MS, Dispatcher, Receiver
from skyfence.adapters.clock import Clock
from skyfence.contracts.alert import AlertMessage, Severity, gravest_first, status_of
from skyfence.naming import Environment, recipient
from skyfence.times import to_ms

log = structlog.get_logger()


class OutboxSink:
    """The sink that puts each alert into the outbox, once for everybody who wants it."""

    def __init__(
        self, outbox: Outbox, courier: Dispatcher, environment: Environment, clock: Clock
    ) -> None:
        self._outbox = outbox
        self._courier = courier
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
        items = [
            self._item(target, message, now_ms)
            for target in self._courier.targets
            if target.wanted.wants(alert)
        ]
        put = await self._outbox.put(items, decided_ms)
        if decided_ms < now_ms - GIVE_UP_AFTER_MS:  # a new group is handed a week of alerts
            await self._courier.bury(now_ms)
        self._courier.wake()
        return put if put or not items else None

    def _item(self, target: Receiver, message: AlertMessage, now_ms: int) -> Item:
        alert = message.alert
        whose = recipient(self._environment, target.wanted.name)
        letter = target.letter(message, now_ms)
        return Item(
            key=f"{whose}/{alert.alert_id}",
            recipient=whose,
            chain=f"{alert.channel}/{alert.incident_id}",
            body=letter.body,
            priority=gravest_first(alert.severity, Severity),
            expires_ms=letter.expires_ms,
        )

    async def close(self) -> None:
        """Nothing to let go of: the outbox is whose it was."""
