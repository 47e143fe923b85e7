"""The dispatcher: carries what stands in an outbox to its receivers, each by a task of its own.

    outbox ──claim──▶ receiver's task ──▶ Receiver.send ──▶ taken: delivered
       ▲                                    │
       └── requeued, with growing pauses ───┘     a day after the decision: dead letter

Guarantee: at least once, in the order of each chain. An item is delivered once its receiver has
said so, and what was on its way when the process died is sent again. A chain's later step waits
until the earlier one is delivered, failed or expired. A receiver that is slow, away or gone holds
up nobody but itself: it has its own task, window and pauses.

Knows nothing of HTTP or of any service: a ``Receiver`` does (``webhooks.endpoint``, ``apprise``).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, Protocol

import structlog

from consumers.outbox.items import Change, Entry, ItemState
from consumers.outbox.outbox import Outbox
from consumers.outgoing.receivers import ReceiverOptions
from skyfence.adapters import metrics
from skyfence.adapters.backoff import Backoff
from skyfence.adapters.clock import Clock
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.contracts.alert import AlertMessage, AnyAlert
from skyfence.naming import Environment, recipient
from skyfence.times import MS_PER_S

log = structlog.get_logger()

# Who was away for a day has learned of it in other ways; an operator may put it again.
GIVE_UP_AFTER_MS: Final = 24 * 3600 * MS_PER_S
# Longer than Kafka hands out alerts again (7 days by default): what is known makes no double.
_KEPT_MS: Final = 30 * GIVE_UP_AFTER_MS
# Alerts are urgent: a receiver that comes back is tried within a minute.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
# A receiver that asks for a longer one is tried again all the same: it may be a slip.
_LONGEST_ASKED_PAUSE_S: Final = 3_600.0
# How soon is seen what another process has put again, and what has expired.
_LOOK_EVERY_MS: Final = 5 * MS_PER_S
# What is on its way when we are told to stop may still arrive, rather than go twice.
_GRACE_S: Final = 5.0


@dataclass(frozen=True)
class DeliveryOutcome:
    """What became of one attempt; ``reason`` never holds a secret.

    taken: it has it. later: try again. away: likewise, and the receiver will take nothing else for
    now either, for ``pause_s`` where it says so. never: it will never take this item. gone: it
    wants nothing more, until its file changes.
    """

    kind: Literal["taken", "later", "away", "never", "gone"]
    reason: str | None = None
    pause_s: float | None = None


TAKEN: Final = DeliveryOutcome("taken")


@dataclass(frozen=True)
class Payload:
    """What is sent of an alert, and until when that makes sense."""

    body: str
    expires_ms: int | None = None


class Receiver(Protocol):
    """A receiver, and how to reach it."""

    @property
    def options(self) -> ReceiverOptions:
        """Return the receiver's name, the events and places that it names, and its limits."""
        ...

    def wants(self, alert: AnyAlert, told: str | None) -> bool:
        """Tell whether an alert is to be sent.

        ``told`` is the body of the last one of its chain that was sent or will be; it is given
        for quiet news of a place, which may be worth sending only beside that.
        """
        ...

    def payload(self, message: AlertMessage, now_ms: int) -> Payload:
        """Return an alert in this receiver's form; ``now_ms`` is milliseconds since 1970."""
        ...

    def ends(self, body: str) -> bool:
        """Tell whether what was sent ends its chain."""
        ...

    async def send(self, entry: Entry, now_ms: int) -> DeliveryOutcome:
        """Make one attempt; return its outcome, also where it fails: nothing is raised."""
        ...


class _ReceiverQueue:
    """One receiver at work: its attempts under way, its pauses, and what wakes its task."""

    def __init__(self, receiver: Receiver, recipient: str, rng: Random) -> None:
        self.receiver = receiver
        self.recipient = recipient
        self.name = receiver.options.name
        self.news = asyncio.Event()
        self.backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, rng)
        self.rests_until_ms = 0
        self.gone = False
        self.sending: set[asyncio.Task[None]] = set()


class Dispatcher:
    """Carries one sink's outbox; ``sink`` is its name in logs and metrics."""

    def __init__(
        self, outbox: Outbox, sink: str, environment: Environment, clock: Clock, rng: Random
    ) -> None:
        self._outbox = outbox
        self._sink = sink
        self._environment = environment
        self._clock = clock
        self._rng = rng
        self._queues: dict[str, _ReceiverQueue] = {}
        self._never = asyncio.Event()

    @property
    def receivers(self) -> list[Receiver]:
        """Return the receivers for whom alerts are added to the outbox."""
        return [queue.receiver for queue in self._queues.values()]

    def set_receivers(self, receivers: Sequence[Receiver]) -> None:
        """Replace the receivers; pauses of the old ones are dropped."""
        self._queues = {}
        for receiver in receivers:
            key = recipient(self._environment, receiver.options.name)
            self._queues[key] = _ReceiverQueue(receiver, key, self._rng)

    def wake(self) -> None:
        """Wake every receiver's task: items were added to the outbox."""
        for queue in self._queues.values():
            queue.news.set()

    async def run(self) -> None:
        """Send what is due until cancelled; attempts under way then have five seconds to end.

        Raises ``UnavailableError`` where the outbox fails.
        """
        await self.requeue_interrupted()
        await self._tidy()
        await run_until_first_exit(self._keep_tidy(), *map(self._serve, self._queues.values()))

    async def give_up_old(self, now_ms: int) -> None:
        """Make dead letters of pending items added over a day before ``now_ms`` (ms since 1970)."""
        for entry in await self._outbox.dead_letter(
            now_ms - GIVE_UP_AFTER_MS, now_ms, "not taken within a day"
        ):
            self._note_end(entry, "failed", entry.reason)

    async def requeue_interrupted(self) -> None:
        """Requeue what was being sent when the last process died, which may send it twice."""
        interrupted = await self._outbox.interrupted()
        now_ms = self._clock.now_ms()
        changes = [
            Change(key=entry.key, state=ItemState.PENDING, due_ms=now_ms, reason="interrupted")
            for entry in interrupted
        ]
        await self._outbox.apply_changes(changes, now_ms)
        for entry in interrupted:
            name = self._name_of(entry)
            metrics.DELIVERIES.labels(self._sink, name, "repeated").inc()
            log.warning("delivery.in_doubt", sink=self._sink, receiver=name, chain=entry.chain)

    async def _keep_tidy(self) -> None:
        while True:
            await self._clock.wait(self._never, self._clock.now_ms() + _LOOK_EVERY_MS)
            await self._tidy()

    async def _tidy(self) -> None:
        now_ms = self._clock.now_ms()
        await self._give_up(now_ms)
        await self._outbox.purge(now_ms - _KEPT_MS)
        waiting = await self._outbox.waiting_counts()
        for queue in self._queues.values():
            metrics.DELIVERIES_WAITING.labels(self._sink, queue.name).set(
                waiting.get(queue.recipient, 0)
            )
            metrics.RECEIVER_GONE.labels(self._sink, queue.name).set(queue.gone)

    async def _give_up(self, now_ms: int) -> None:
        expired = await self._outbox.expire(now_ms)
        if expired:
            log.warning("delivery.expired", sink=self._sink, alerts=expired)
        await self.give_up_old(now_ms)

    async def _serve(self, queue: _ReceiverQueue) -> None:
        try:
            while True:
                queue.news.clear()
                await self._clock.wait(queue.news, await self._start_due(queue))
                for task in [task for task in queue.sending if task.done()]:
                    queue.sending.discard(task)
                    task.result()  # an outbox that takes nothing ends the process
        finally:
            await _finish(queue.sending)

    async def _start_due(self, queue: _ReceiverQueue) -> int:
        """Start due attempts up to the window; return when to look again, ms since 1970."""
        now_ms = self._clock.now_ms()
        look_ms = now_ms + _LOOK_EVERY_MS
        if now_ms < queue.rests_until_ms:
            return queue.rests_until_ms
        free = queue.receiver.options.window - len(queue.sending)
        if queue.gone or free <= 0:  # an attempt that ends is news
            return look_ms
        await self._give_up(now_ms)
        for entry in await self._outbox.claim(
            now_ms, free, queue.recipient, added_since_ms=now_ms - GIVE_UP_AFTER_MS, in_order=True
        ):
            task = asyncio.create_task(self._try(queue, entry))
            task.add_done_callback(lambda _: queue.news.set())
            queue.sending.add(task)
        due_ms = await self._outbox.next_due_ms(queue.recipient, in_order=True)
        return look_ms if due_ms is None else min(look_ms, due_ms)

    async def _try(self, queue: _ReceiverQueue, entry: Entry) -> None:
        began_ms = self._clock.now_ms()
        try:
            outcome = await queue.receiver.send(entry, began_ms)
        except Exception:  # a defect of one receiver is not to stop the others
            log.exception("delivery.defect", sink=self._sink, receiver=queue.name)
            outcome = DeliveryOutcome("later", "a defect, see the log")
        now_ms = self._clock.now_ms()
        metrics.DELIVERY_ATTEMPT.labels(self._sink, queue.name).observe(
            max(0, now_ms - began_ms) / MS_PER_S
        )
        if outcome.kind == "taken":
            queue.backoff.reset()
            await self._outbox.apply_changes(
                [Change(key=entry.key, state=ItemState.DELIVERED)], now_ms
            )
            metrics.DELIVERY.labels(self._sink).observe(max(0, now_ms - entry.added_ms) / MS_PER_S)
            self._note_end(entry, "delivered", None)
        elif outcome.kind == "never":
            failed = Change(key=entry.key, state=ItemState.FAILED, reason=outcome.reason)
            await self._outbox.apply_changes([failed], now_ms)
            self._note_end(entry, "failed", outcome.reason)
        else:
            await self._requeue(queue, entry, outcome, now_ms)

    async def _requeue(
        self, queue: _ReceiverQueue, entry: Entry, outcome: DeliveryOutcome, now_ms: int
    ) -> None:
        asked_s = min(outcome.pause_s or 0.0, _LONGEST_ASKED_PAUSE_S)
        wait_s = max(asked_s, queue.backoff.pause_s(entry.attempts))
        if outcome.kind == "away":
            rest_s = max(asked_s, queue.backoff.next_s())
            queue.rests_until_ms = max(queue.rests_until_ms, now_ms + round(rest_s * MS_PER_S))
        if outcome.kind == "gone":
            queue.gone = True
            log.error("receiver.gone", sink=self._sink, receiver=queue.name, reason=outcome.reason)
        due_ms = now_ms + round(wait_s * MS_PER_S)
        later = Change(key=entry.key, state=ItemState.PENDING, due_ms=due_ms, reason=outcome.reason)
        await self._outbox.apply_changes([later], now_ms)
        metrics.DELIVERIES.labels(self._sink, queue.name, "put_off").inc()
        log.warning(
            "delivery.put_off",
            sink=self._sink,
            receiver=queue.name,
            chain=entry.chain,
            attempts=entry.attempts,
            reason=outcome.reason,
            pause_s=round(wait_s, 1),
        )

    def _note_end(
        self, entry: Entry, outcome: Literal["delivered", "failed"], reason: str | None
    ) -> None:
        name = self._name_of(entry)
        metrics.DELIVERIES.labels(self._sink, name, outcome).inc()
        about = {
            "sink": self._sink,
            "receiver": name,
            "chain": entry.chain,
            "attempts": entry.attempts,
        }
        if outcome == "delivered":
            log.info("delivery.done", **about)
        else:
            log.error("delivery.failed", **about, reason=reason)

    def _name_of(self, entry: Entry) -> str:
        """Return the name of an item's receiver, ``former`` if the file no longer names it."""
        known = self._queues.get(entry.recipient)
        return "former" if known is None else known.name


async def _finish(sending: set[asyncio.Task[None]]) -> None:
    if not sending:
        return
    _, unfinished = await asyncio.wait(sending, timeout=_GRACE_S)
    for task in unfinished:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
