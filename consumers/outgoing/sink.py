"""The sink before an outbox: each alert is added once for each receiver that wants it.

    alert ──▶ receivers that want it ──▶ an item for each ──▶ outbox ──▶ ``dispatcher``

Guarantee: what ``deliver`` returned for is on the disk, once for each receiver however often Kafka
hands it out; only then is it acknowledged. An alert of the other environment is added for nobody.
Of what the log held when the sink began, the newest message of each chain alone is added
(``deliver_standing``). Does not send.
"""

from dataclasses import replace

import structlog

from consumers.expiry import message_expires_ms
from consumers.outbox.items import Entry, Item, ItemState
from consumers.outbox.outbox import Outbox
from consumers.outgoing.dispatcher import GIVE_UP_AFTER_MS, Dispatcher, Receiver
from consumers.sink import Standing
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
        if not self._is_ours(alert):
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
        if decided_ms < now_ms - GIVE_UP_AFTER_MS:  # decided while nobody could be told
            await self._dispatcher.give_up_old(now_ms)
        self._dispatcher.wake()
        return added if added or not items else None

    async def deliver_standing(self, standing: Standing) -> int | None:
        """Store what stands of a chain, in the place of what waits of it.

        It is for whoever wants it, while it holds; an end is for whoever may have been told of
        what it ends, up to a day after it came. Returns the same as ``deliver``.
        """
        message, now_ms = standing.message, self._clock.now_ms()
        if not self._is_ours(message.alert):
            return 0
        expires = message_expires_ms(message, self._environment, now_ms, read_ms=now_ms)
        items, merged = list[Item](), list[str]()
        for receiver in self._dispatcher.receivers:
            item = self._item(receiver, message, now_ms)
            waiting, told = await self._earlier(item)
            merged += [entry.key for entry in waiting if entry.key != item.key]
            if expires > now_ms and _wants(receiver, message.alert, told):
                own_ms = None if item.expires_ms is None else expires
                items.append(replace(item, expires_ms=own_ms))
        added = await self._outbox.add(items, now_ms, merged=merged)
        return added if added or not items else None

    async def _earlier(self, item: Item) -> tuple[list[Entry], str | None]:
        """Return what waits of an item's chain, and the body of what its receiver may have last."""
        entries = await self._outbox.waiting_and_last([item.recipient], chain=item.chain)
        waiting = [entry for entry in entries if entry.state is ItemState.PENDING]
        went = [entry for entry in entries if entry not in waiting or entry.attempts]
        return waiting, went[-1].body if went else None

    def _is_ours(self, alert: AnyAlert) -> bool:
        is_ours = alert.status == status_of(self._environment)
        if not is_ours:
            log.error("delivery.wrong_environment", status=alert.status, channel=alert.channel)
        return is_ours

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


def _wants(receiver: Receiver, alert: AnyAlert, told: str | None) -> bool:
    """Tell whether what stands is for a receiver that was ``told`` something of it last."""
    is_end = alert.message_type == "Cancel"
    if is_end and (told is None or receiver.ends(told)):
        return False
    return receiver.wants(alert, told)


def _chain(alert: AnyAlert) -> str:
    """Return what stays in order for a receiver: a place over all its episodes, else a chain."""
    of = alert.run if isinstance(alert, PlaceAlert) else alert.incident_id
    return f"{alert.channel}/{of}"
