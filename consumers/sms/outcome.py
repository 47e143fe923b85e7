"""The outcome of an SMS that was submitted: its new state, when to try again, and what is logged.

    submitted   the gateway has it                       the gateway is held no longer
    failed      the gateway never will take it, or must not
    later       the gateway certainly did not take it    the gateway is held for a growing pause
    in doubt    the gateway may have taken it            the gateway is held likewise

In doubt, what is Severe or Extreme is tried again, at most twice; the rest is left uncertain.
``Receipts`` records the network's delivery receipts. Numbers are masked in logs.
"""

from random import Random
from typing import Any, Final

import structlog
from pydantic import ValidationError

from consumers.outbox.items import Change, Entry, ItemState
from consumers.outbox.outbox import Outbox
from consumers.sms.gateways.protocol import Receipt
from consumers.sms.rules.notice import MOST_DOUBTS, Notice
from consumers.sms.rules.recipients import masked
from skyfence.adapters import metrics
from skyfence.adapters.backoff import Backoff
from skyfence.adapters.clock import Clock
from skyfence.times import MS_PER_S, to_ms

log = structlog.get_logger()

# Alerts are urgent: a gateway that comes back is tried within a minute.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
# Bounds of the pause that a gateway may ask for: no pause would keep both busy, an hour is a slip.
_SHORTEST_REQUESTED_S: Final = 0.1
_LONGEST_REQUESTED_S: Final = 300.0


def read_notice(entry: Entry) -> Notice | None:
    """Return the notice in an entry's body; None where another version wrote it."""
    try:
        return Notice.model_validate_json(entry.body)
    except ValidationError:
        return None


class Outcomes:
    """Decides the outcomes of one gateway's messages, and holds the gateway when it fails.

    ``held_until_ms`` is the time, in ms since the epoch, before which nothing may be submitted.
    """

    def __init__(self, gateway: str, clock: Clock, rng: Random) -> None:
        self._gateway = gateway
        self._clock = clock
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, rng)
        self.held_until_ms = 0

    def submitted(self, entry: Entry, notice: Notice, reference: str | None) -> Change:
        """Return the change of an entry that the gateway took; end the pauses."""
        self._backoff.reset()
        if notice.decided is not None:
            seconds = max(0, self._clock.now_ms() - to_ms(notice.decided)) / MS_PER_S
            metrics.SMS_DECISION_TO_SUBMISSION.labels(self._gateway).observe(seconds)
        known = {"kind": notice.kind, "place": notice.place, "step": notice.step}
        log.info("sms.submitted", **self._about(entry), **known)
        return Change(key=entry.key, state=ItemState.SUBMITTED, reference=reference)

    def failed(self, entry: Entry, reason: str) -> Change:
        """Return the change of an entry that the gateway never will take, or must not."""
        log.warning("sms.failed", **self._about(entry), reason=reason)
        return Change(key=entry.key, state=ItemState.FAILED, reason=reason)

    def later(self, entry: Entry, reason: str, pause_s: float | None = None) -> Change:
        """Return the change of an entry that was not taken; hold the gateway.

        ``pause_s`` is the pause that the gateway asked for; it is kept between 0.1 s and 300 s.
        """
        due_ms = self._hold(pause_s)
        log.warning("sms.later", **self._about(entry), reason=reason)
        return Change(key=entry.key, state=ItemState.PENDING, due_ms=due_ms, reason=reason)

    def in_doubt(self, entry: Entry, reason: str) -> Change:
        """Return the change of an entry that may have been taken; hold the gateway."""
        return self._doubt(entry, reason, self._hold())

    def left_behind(self, entry: Entry) -> Change:
        """Return the change of an entry that a process was submitting when it died."""
        return self._doubt(entry, "killed while it was sent", self._clock.now_ms())

    def _doubt(self, entry: Entry, reason: str, due_ms: int) -> Change:
        notice = read_notice(entry)
        in_time = entry.expires_ms is not None and self._clock.now_ms() < entry.expires_ms
        severe = notice is not None and notice.is_severe
        again = severe and in_time and entry.doubts < MOST_DOUBTS
        outcome = "again" if again else "uncertain"
        metrics.SMS_IN_DOUBT.labels(self._gateway, outcome).inc()
        log.warning("sms.in_doubt", **self._about(entry), outcome=outcome, reason=reason)
        return Change(
            key=entry.key,
            state=ItemState.PENDING if again else ItemState.UNCERTAIN,
            due_ms=due_ms if again else None,
            reason=reason,
            doubt=True,
        )

    def _hold(self, pause_s: float | None = None) -> int:
        """Hold the gateway, unless it is held already; return until when, in ms.

        So messages that fail together lengthen the pause once.
        """
        now_ms = self._clock.now_ms()
        if now_ms >= self.held_until_ms:
            pause_ms = round(self._backoff.next_s() * MS_PER_S)
            if pause_s is not None:
                requested_s = min(max(pause_s, _SHORTEST_REQUESTED_S), _LONGEST_REQUESTED_S)
                pause_ms = round(requested_s * MS_PER_S)
            self.held_until_ms = now_ms + pause_ms
            log.warning("sms.held", gateway=self._gateway, pause_s=pause_ms / MS_PER_S)
        return self.held_until_ms

    def _about(self, entry: Entry) -> dict[str, Any]:
        return {"gateway": self._gateway, "key": entry.key, "number": masked(entry.recipient)}


class Receipts:
    """Records delivery receipts in an outbox."""

    def __init__(self, outbox: Outbox, gateway: str, clock: Clock) -> None:
        self._outbox = outbox
        self._gateway = gateway
        self._clock = clock

    async def take(self, receipt: Receipt) -> None:
        """Record a receipt; one that comes before the answer to its submission waits for that."""
        known = await self._outbox.record_receipt(
            receipt.reference, receipt.state, self._clock.now_ms(), receipt.reason
        )
        metrics.SMS.labels(self._gateway, receipt.state).inc()
        log.info(
            "sms.receipt",
            gateway=self._gateway,
            reference=receipt.reference,
            state=receipt.state,
            reason=receipt.reason,
            known=known,
        )
