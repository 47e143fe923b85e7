"""The SMS sink: what a place's state or a silent sensor is to tell each person, in the outbox.

    alerts ──▶ a place's, a feed's? ──▶ ours, in time? ──▶ whom ──▶ budget ──▶ outbox ──▶ (sender)

Guarantee: at least once from Kafka to the outbox, once in the outbox. ``deliver`` returns when what
it put is on the disk, so the offset is acknowledged after that; what is handed over again is known
by its key, which derives from gateway, alert and number. An alert that is past its expiry, or of
the other environment, puts nothing; nor does an incident's, which is evidence for operators. Of
what the log held when the gateway began, the newest message of each place alone is put
(``deliver_standing``). Does not send: that is the sender's.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final
from uuid import UUID

import structlog

from consumers.expiry import as_of_ms, expires_ms
from consumers.outbox.items import REACHING, Entry, Item, ItemState
from consumers.outbox.outbox import Outbox
from consumers.sink import Standing
from consumers.sms.outcome import read_notice
from consumers.sms.rules.budget import WINDOW_MS, EarlierMessage, decide
from consumers.sms.rules.exercise_guard import is_foreign
from consumers.sms.rules.gateway_file import GatewayFile
from consumers.sms.rules.notice import Notice, notice_of, priority
from consumers.sms.rules.recipients import Recipient, RecipientList
from skyfence.adapters import metrics
from skyfence.adapters.clock import Clock
from skyfence.contracts.alert import Alert, AlertMessage, FeedAlarm, PlaceAlert
from skyfence.identity import derive
from skyfence.naming import Environment
from skyfence.times import to_ms

log = structlog.get_logger()

# So many recipients are put at once: some milliseconds, then other tasks have their turn.
_BATCH: Final = 200


@dataclass(frozen=True)
class _Order:
    """An alert to put: its notice without a language, and when it expires by the wall clock.

    ``incidents`` are the chains that it stands for, its own last.
    """

    alert: PlaceAlert | FeedAlarm
    notice: Notice
    expires_ms: int
    incidents: tuple[UUID, ...]

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
        if not isinstance(alert := message.alert, Alert) and self._is_ours(alert):
            return await self._put_for_all(_order(message, self._environment))
        return None

    async def deliver_standing(self, standing: Standing) -> int | None:
        """Put what stands of a place as ``deliver`` puts news; return the same.

        The end of a danger is put, for those who were warned, up to a day after it came.
        """
        message = standing.message
        if isinstance(alert := message.alert, Alert) or not self._is_ours(alert):
            return None
        order = _order(message, self._environment, read_ms=self._clock.now_ms())
        order = replace(order, incidents=standing.incidents)
        return await self._put_for_all(order)

    def _is_ours(self, alert: PlaceAlert | FeedAlarm | Alert) -> bool:
        if not is_foreign(alert, self._environment):
            return True
        metrics.SMS_FOREIGN.inc()
        log.error("sms.foreign_alert", status=alert.status, channel=alert.channel, **_names(alert))
        return False

    async def _put_for_all(self, order: _Order) -> int | None:
        alert = order.alert
        if order.expires_ms <= self._clock.now_ms():
            log.info("sms.alert_expired", **_names(alert))
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
        ends: list[tuple[str, str]] = []
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
            merged += verdict.replaces
            if not (verdict.sent or notice.sounds):
                continue  # a detail that nobody is to be told
            notice = notice.model_copy(update={"warned": verdict.warned})
            instead_of = next(iter(verdict.replaces), None)
            items.append(self._item(order, notice, key, recipient.number, instead_of))
            sent += verdict.sent
            if not verdict.sent:
                merged.append(key)
                ends += [(key, replaced) for replaced in verdict.replaces]
        await self._outbox.add(items, self._clock.now_ms(), merged=merged, ends=ends)
        metrics.SMS.labels(self._file.name, ItemState.PENDING).inc(len(items))
        metrics.SMS.labels(self._file.name, ItemState.MERGED).inc(len(merged))
        return handled, sent

    async def _earlier_messages(
        self, order: _Order, people: Sequence[Recipient]
    ) -> dict[str, list[EarlierMessage]]:
        """Return what each recipient was sent of the chain, and of others within half an hour."""
        entries = await self._outbox.entries_for(
            [recipient.number for recipient in people],
            chains=[str(incident) for incident in order.incidents],
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


def _order(
    message: AlertMessage, environment: Environment, *, read_ms: int | None = None
) -> _Order:
    alert, decided = message.alert, message.timeline.decided
    decided_ms = None if decided is None else to_ms(decided)
    assert not isinstance(alert, Alert)  # noqa: S101 - an incident's alert is put for nobody
    as_of = as_of_ms(alert, decided_ms, environment)
    return _Order(
        alert=alert,
        notice=notice_of(alert, as_of, decided_ms),
        expires_ms=expires_ms(alert, as_of, decided_ms, read_ms=read_ms),
        incidents=(alert.incident_id,),
    )


def _names(alert: PlaceAlert | FeedAlarm | Alert) -> dict[str, Any]:
    return {"alert": str(alert.alert_id), "place": alert.place, "step": alert.step}


def _earlier_message(entry: Entry, notice: Notice) -> EarlierMessage:
    return EarlierMessage(
        key=entry.key,
        chain=entry.chain,
        notice=notice,
        added_ms=entry.added_ms,
        waits=entry.state is ItemState.PENDING,
        in_doubt=entry.doubts > 0,
        reaches=entry.state in REACHING,
    )


def _batches(people: Iterable[Recipient]) -> Iterator[list[Recipient]]:
    rest = iter(people)
    while batch := list(islice(rest, _BATCH)):
        yield batch
