"""The SMS sender: from the outbox to the gateway, at its pace, the gravest first.

    outbox ──take──▶ still in time? opted out? overtaken? environment? ──submit──▶ gateway
       ▲                                                                                  │
       ├── submitted, failed, later again, uncertain ◀── outcome ◀────────────────────────┘
       └── delivered, failed ◀── receipts, whenever they come

Guarantee: at least once for what is Severe or Extreme, at most once for the rest, nothing past its
expiry, nothing of the other environment. Where it is uncertain whether the gateway took a message
(the connection broke before the answer, or this process was killed), a severe one is sent again, at
most twice, and another is left ``uncertain``: at most the window of messages that are submitted at
once, each counted and logged. The gateway delivers what it took, and is told until when.

One failure holds the whole gateway for a growing pause, because the next message would fail too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Final, TypeVar

import structlog

from consumers.outbox.items import REACHING, Change, Entry, ItemState
from consumers.outbox.outbox import Outbox
from consumers.sms.gateways.protocol import (
    Gateway,
    RefusedError,
    Sms,
    ThrottledError,
    UncertainError,
)
from consumers.sms.outcome import Outcomes, read_notice
from consumers.sms.rate_limit import TokenBucket
from consumers.sms.rules.budget import is_overtaken
from consumers.sms.rules.exercise_guard import check_agreement, refusal
from consumers.sms.rules.gateway_file import GatewayFile
from consumers.sms.rules.notice import Notice
from consumers.sms.rules.texts import Texts
from skyfence.adapters import metrics
from skyfence.adapters.clock import Clock
from skyfence.errors import UnavailableError
from skyfence.naming import Environment
from skyfence.times import MS_PER_S

log = structlog.get_logger()

T = TypeVar("T")
# After so long without an answer, the gateway did not understand, or its answer is lost.
_ANSWER_WITHIN_S: Final = 60.0
# An orderly end waits so long for the answers to open submissions.
_FINISH_WITHIN_S: Final = 5.0
_TIDY_EVERY_MS: Final = 1_000
_FORGET_EVERY_MS: Final = 3_600_000
# Kafka keeps alerts for a week by default; twice that, and none that it hands out again is news.
_KEPT_MS: Final = 14 * 24 * 3_600_000


class Sender:
    """Submits what waits in an outbox to one gateway."""

    def __init__(
        self,
        gateway: Gateway,
        outbox: Outbox,
        *,
        texts: Texts,
        file: GatewayFile,
        environment: Environment,
        opt_outs: Callable[[], Awaitable[frozenset[str]]],
        clock: Clock,
        rng: Random,
    ) -> None:
        check_agreement(environment, exercises=file.exercises, where=f"gateway {file.name}")
        self._gateway = gateway
        self._outbox = outbox
        self._texts = texts
        self._file = file
        self._environment = environment
        self._opt_outs = opt_outs
        self._clock = clock
        self._bucket = TokenBucket(file.rate_per_s)
        self._outcomes = Outcomes(file.name, clock, rng)
        self._tidy_at_ms = 0
        self._forget_at_ms = 0
        self._submissions: set[asyncio.Task[Change]] = set()
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look at the outbox now: new items were put there."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled; then wait up to 5 s for the answers to open submissions."""
        await _uninterrupted(self._settle_doubts())
        try:
            while True:
                self._news.clear()
                await self._clock.wait(self._news, await _uninterrupted(self._turn()))
        finally:
            await _uninterrupted(self._finish())

    async def _settle_doubts(self) -> None:
        """Decide about the messages that the last process was submitting when it died."""
        entries = await self._outbox.interrupted()
        await self._record([self._outcomes.left_behind(entry) for entry in entries])

    async def _turn(self) -> int:
        """Submit what may go now; return the time (ms) of the next turn, unless woken before."""
        await self._record_answers()
        now_ms = self._clock.now_ms()
        if now_ms >= self._tidy_at_ms:
            await self._tidy(now_ms)
        free = min(self._bucket.allowed(now_ms), self._file.window - len(self._submissions))
        if free <= 0 or now_ms < self._outcomes.held_until_ms:
            return await self._next_ms(now_ms, due_from_ms=0)
        opted_out = await self._opt_outs()
        taken = await self._outbox.claim(now_ms, free)
        for entry in taken:
            self._bucket.spend(1)
            task = asyncio.create_task(self._send(entry, opted_out))
            task.add_done_callback(lambda _: self._news.set())
            self._submissions.add(task)
        # what is due and was not taken, though it might have been, has expired
        return await self._next_ms(now_ms, due_from_ms=0 if len(taken) == free else now_ms + 1)

    async def _next_ms(self, now_ms: int, due_from_ms: int) -> int:
        """Return the time (ms) of the next turn; items due before ``due_from_ms`` do not count."""
        due_ms = await self._outbox.next_due_ms()
        window_full = len(self._submissions) >= self._file.window
        if due_ms is None or due_ms < due_from_ms or window_full:
            return self._tidy_at_ms
        may_ms = max(due_ms, self._outcomes.held_until_ms, now_ms + self._bucket.wait_ms)
        return min(may_ms, self._tidy_at_ms)

    async def _tidy(self, now_ms: int) -> None:
        self._tidy_at_ms = now_ms + _TIDY_EVERY_MS
        expired = await self._outbox.expire(now_ms)
        metrics.SMS.labels(self._file.name, ItemState.EXPIRED).inc(expired)
        if expired:
            log.warning("sms.expired", gateway=self._file.name, messages=expired)
        counts = await self._outbox.state_counts()
        waiting = counts[ItemState.PENDING] + counts[ItemState.SUBMITTING]
        metrics.SMS_WAITING.labels(self._file.name).set(waiting)
        if now_ms >= self._forget_at_ms:
            self._forget_at_ms = now_ms + _FORGET_EVERY_MS
            await self._outbox.purge(now_ms - _KEPT_MS)

    async def _record_answers(self) -> None:
        """Write the outcomes of answered submissions to the outbox."""
        done = [task for task in self._submissions if task.done()]
        self._submissions.difference_update(done)
        await self._record([task.result() for task in done])

    async def _record(self, changes: list[Change]) -> None:
        if not changes:
            return
        await self._outbox.apply_changes(changes, self._clock.now_ms())
        for change in changes:
            metrics.SMS.labels(self._file.name, change.state).inc()

    async def _finish(self) -> None:
        """Wait for the answers to open submissions; leave the rest for the next process."""
        if self._submissions:
            await asyncio.wait(self._submissions, timeout=_FINISH_WITHIN_S)
        await self._record_answers()
        for task in self._submissions:
            task.cancel()
        await asyncio.gather(*self._submissions, return_exceptions=True)

    async def _send(self, entry: Entry, opted_out: frozenset[str]) -> Change:
        """Submit one message, unless a rule stops it, and return its outcome."""
        notice, now_ms = read_notice(entry), self._clock.now_ms()
        if notice is None or entry.expires_ms is None:
            return self._outcomes.failed(entry, "unreadable")
        if now_ms >= entry.expires_ms:
            return Change(key=entry.key, state=ItemState.EXPIRED)
        if entry.recipient in opted_out:
            return self._outcomes.failed(entry, "opted out")
        if entry.attempts > 1 and await self._is_overtaken(entry, notice):
            return Change(key=entry.key, state=ItemState.MERGED, reason="overtaken")
        text = self._texts.render(notice, now_ms)
        if (reason := self._refusal(notice, text)) is not None:
            metrics.SMS_FOREIGN.inc()
            log.error("sms.foreign_text", gateway=self._file.name, key=entry.key, reason=reason)
            return self._outcomes.failed(entry, reason)
        left_ms = entry.expires_ms - now_ms
        sms = Sms(entry.key, entry.recipient, text, max(1, left_ms // MS_PER_S))
        return await self._submit(entry, notice, sms, left_ms / MS_PER_S)

    def _refusal(self, notice: Notice, text: str) -> str | None:
        """Return why this gateway may not send a text, None if it may."""
        word, words = self._texts.exercise_word(notice), self._texts.exercise_words
        return refusal(notice, text, self._environment, word, words)

    async def _submit(self, entry: Entry, notice: Notice, sms: Sms, left_s: float) -> Change:
        """Hand a message to the gateway within ``left_s``; return errors as outcomes."""
        try:
            async with asyncio.timeout(min(_ANSWER_WITHIN_S, left_s)):
                reference = await self._gateway.submit(sms)
        except RefusedError as error:
            change = self._outcomes.failed(entry, str(error))
        except ThrottledError as error:
            change = self._outcomes.later(entry, str(error), error.pause_s)
        except UnavailableError as error:
            change = self._outcomes.later(entry, str(error))
        except UncertainError as error:
            change = self._outcomes.in_doubt(entry, str(error))
        except TimeoutError:
            change = self._outcomes.in_doubt(entry, "no answer")
        except Exception:  # an adapter's defect stops no other message
            log.exception("sms.gateway_defect", gateway=self._file.name, key=entry.key)
            change = self._outcomes.in_doubt(entry, "a defect")
        else:
            change = self._outcomes.submitted(entry, notice, reference)
        return change

    async def _is_overtaken(self, entry: Entry, notice: Notice) -> bool:
        """Tell whether a newer step of the entry's place was sent, or will be."""
        entries = await self._outbox.entries_for(
            [entry.recipient], chains=[entry.chain], since_ms=entry.added_ms
        )
        others = [
            other
            for later in entries
            if later.key != entry.key
            and later.state in REACHING
            and (other := read_notice(later)) is not None
            and (later.chain == entry.chain or notice.is_of_one_place(other))
        ]
        return is_overtaken(notice, others)


async def _uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Finish a piece of work although this task is cancelled meanwhile, then raise the cancel."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task  # if it fails, that is what ends us
        raise
