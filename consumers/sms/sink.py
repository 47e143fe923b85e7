"""The SMS sink: what a place's state or a silent sensor is to tell each person, in the outbox.

    alerts ──▶ a place's, a feed's? ──▶ ours, in time? ──▶ whom ──▶ budget ──▶ outbox ──▶ (sender)

Guarantee: at least once from Kafka to the outbox, once in the outbox. ``deliver`` returns when what
it put is on the disk, so the offset is acknowledged after that; what is handed over again is known
by its key, which derives from gateway, alert and number. An alert that is past its expiry, or of
the other environment, puts nothing; nor does an incident's, which is evidence for operators. Does
not send: that is the sender's.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import structlog

from consumers.outbox.items import REACHING, Entry, Item, ItemState
from consumers.outbox.outbox import Outbox
from consumers.sms.outcome import read_notice
from consumers.sms.rules.budget import WINDOW_MS, EarlierMessage, decide
from consumers.sms.rules.exercise_guard import is_foreign
from consumers.sms.rules.gateway_file import GatewayFile
from consumers.sms.rules.notice import Notice, as_of_ms, expires_ms, notice_of, priority
from consumers.sms.rules.recipients import Recipient, RecipientList
from skyfence.adapters import metrics
from skyfence.adapters.clock import Clock
from skyfence.contracts.alert import Alert, AlertMessage, FeedAlarm, PlaceAlert, Timeline
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.times import to_ms

log = structlog.get_logger()

# So many recipients are put at once: some milliseconds, then other tasks have their turn.
_BATCH: Final = 200


@dataclass(frozen=True)
class _Order:
    """An alert to put: its notice without a language, and when it expires by the wall clock."""

    alert: PlaceAlert | FeedAlarm
    notice: Notice
    expires_ms: int

    @property
    def chain(self) -> str:
        """Return the chain that the outbox knows the alert by: an episode, or a silence."""
        return str(self.alert.incident_id)


class SmsSink:
    """Puts alerts into the outbox of one gateway."""

    def __init__(
        self,
        outbox: Outbox,
        *,
        file: GatewayFile,
        environment: Environment,
        people: Callable[[], Awaitable[RecipientList]],
        opt_outs: Callable[[], Awaitable[frozenset[str]]],
        wake: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._file = file
        self._environment = environment
        self._people = people
        self._opt_outs = opt_outs
        self._wake = wake
        self._clock = clock

    async def deliver(self, message: AlertMessage) -> int | None:
        """Put an alert into the outbox, one item for each recipient, and wake the sender.

        Returns how many recipients get an SMS of it, and None where the alert is another
        environment's, an incident's, or was put before.
        """
        alert = message.alert
        names = {"alert": str(alert.alert_id), "place": alert.place, "step": alert.step}
        if is_foreign(alert, self._environment):
            metrics.SMS_FOREIGN.inc()
            log.error("sms.foreign_alert", status=alert.status, channel=alert.channel, **names)
            return None
        if isinstance(alert, Alert):
            return None
        order = _order(alert, message.timeline, self._environment)
        if order.expires_ms <= self._clock.now_ms():
            log.info("sms.alert_expired", **names)
            return 0
        opted_out = await self._opt_outs()
        concerned = (await self._people()).of(alert.place)
        wanted = [recipient for recipient in concerned if recipient.number not in opted_out]
        tallies = [await self._put(order, batch) for batch in _batches(wanted)]
        if wanted and not any(handled for handled, _ in tallies):
            return None
        self._wake()
        return sum(sent for _, sent in tallies)

    async def close(self) -> None:
        """Do nothing: the opener of the outbox closes it."""

    async def _put(self, order: _Order, people: Sequence[Recipient]) -> tuple[int, int]:
        """Put an alert for some recipients; return how many had not been handled, and get it."""
        earlier = await self._earlier_messages(order, people)
        items: list[Item] = []
        merged: list[str] = []
        handled = sent = 0
        for recipient in people:
            notice = order.notice.model_copy(update={"language": recipient.language})
            key = str(derive("sms", self._file.name, str(order.alert.alert_id), recipient.number))
            before = earlier.get(recipient.number, [])
            if any(message.key == key for message in before):
                continue  # handed over again
            handled += 1
            verdict = decide(
                notice,
                order.chain,
                before,
                now_ms=self._clock.now_ms(),
                most=self._file.most_in_30_min,
            )
            if not (verdict.sent or notice.sounds):
                continue  # a detail that nobody is to be told
            instead_of = next(iter(verdict.replaces), None)
            items.append(self._item(order, notice, key, recipient.number, instead_of))
            sent += verdict.sent
            merged += verdict.replaces if verdict.sent else [key]
        await self._outbox.add(items, self._clock.now_ms(), merged=merged)
        metrics.SMS.labels(self._file.name, ItemState.PENDING).inc(len(items))
        metrics.SMS.labels(self._file.name, ItemState.MERGED).inc(len(merged))
        return handled, sent

    async def _earlier_messages(
        self, order: _Order, people: Sequence[Recipient]
    ) -> dict[str, list[EarlierMessage]]:
        """Return what each recipient was sent of the chain, and of others within half an hour."""
        entries = await self._outbox.entries_for(
            [recipient.number for recipient in people],
            chain=order.chain,
            since_ms=self._clock.now_ms() - WINDOW_MS,
        )
        earlier: dict[str, list[EarlierMessage]] = {}
        for entry in entries:
            notice = read_notice(entry)
            if notice is not None:
                message = _earlier_message(entry, notice)
                earlier.setdefault(entry.recipient, []).append(message)
        return earlier

    def _item(
        self, order: _Order, notice: Notice, key: str, number: str, instead_of: str | None
    ) -> Item:
        return Item(
            key=key,
            recipient=number,
            chain=order.chain,
            body=notice.to_json().decode(),
            priority=priority(order.alert),
            expires_ms=order.expires_ms,
            instead_of=instead_of,
        )


def _order(alert: PlaceAlert | FeedAlarm, timeline: Timeline, environment: Environment) -> _Order:
    decided_ms = None if timeline.decided is None else to_ms(timeline.decided)
    as_of = as_of_ms(alert, decided_ms, environment)
    return _Order(alert, notice_of(alert, as_of, decided_ms), expires_ms(alert, as_of))


def _earlier_message(entry: Entry, notice: Notice) -> EarlierMessage:
    return EarlierMessage(
        key=entry.key,
        chain=entry.chain,
        notice=notice,
        added_ms=entry.added_ms,
        waits=entry.state is ItemState.PENDING,
        reaches=entry.state in REACHING,
    )


def _batches(people: Iterable[Recipient]) -> Iterator[list[Recipient]]:
    rest = iter(people)
    while batch := list(islice(rest, _BATCH)):
        yield batch
