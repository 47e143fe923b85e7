"""The public desk: what a region's public is told of its place, at once or when it is decided.

    alerts ──▶ public text ──▶ automatic, or told before? ──yes──▶ public:RO-TL
                                        │ no
                                        ▼
                                   held in Redis ◀── release, withdraw, the deadline

Guarantee: a step is published once, or withdrawn; no crash makes it neither. What was decided is
stored before it is carried out, and carried out again after a crash: the channel knows the step.
Incidents' alerts and feed alarms are for operators, and not looked at here.
What is actual and has expired is never the first word to a public, however late a desk reads it.
Every decision is recorded (``decisions``) and told on the region's operators' channel, at least
once, with the same identifier.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from consumers.channels.functions import ChannelFunctions
from skyfence.adapters.redis import redis_errors
from skyfence.contracts.alert import AlertMessage, PlaceAlert, PublicAlert
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import (
    Decision,
    PublicAlertMessage,
    PublicMessage,
    is_over,
    parse_channel_message,
)
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment, decisions_key, held_key
from skyfence.operators.public_release import (
    HeldState,
    PendingRelease,
    at_deadline,
    continued,
    hold,
    is_stale,
)
from skyfence.operators.public_text import public_alert
from skyfence.policy.policy import Policy
from skyfence.texts.tables import PublicTexts

log = structlog.get_logger()

_OVER: Final = "it was over before anybody decided"
_LATE: Final = "nobody decided in time"
_STALE: Final = "it had expired"
_DecisionKind = Literal["held", "released", "withdrawn"]


class ReleaseService:
    """Decides on the public messages of one environment. ``names`` are the regions'."""

    def __init__(
        self,
        redis: Redis,
        environment: Environment,
        policy: Policy,
        names: Mapping[str, str],
        *,
        texts: PublicTexts,
        now: Callable[[], datetime],
    ) -> None:
        self._redis = redis
        self._functions = ChannelFunctions(redis)
        self._environment = environment
        self._policy = policy
        self._names = names
        self._texts = texts
        self._now = now
        self._held = held_key(environment)

    async def deliver(self, message: AlertMessage) -> int | None:
        """Take an alert: publish a place's public text, or hold it for a decision.

        Returns how many subscribers received the text, None where nothing was published now.
        Raises ``UnavailableError`` where Redis fails; the same alert may then be given again.
        """
        alert = message.alert
        if not isinstance(alert, PlaceAlert):
            return None
        public = public_alert(alert, self._names, self._texts)
        if public is None:
            return None
        if public.channel != self._channel(public.region).name:
            log.error("public.other_environment", channel=public.channel, alert=str(alert.alert_id))
            return None
        ready = PublicAlertMessage(alert=public, timeline=message.timeline)
        while True:  # again where somebody decided in between
            before, raw = await self._find(_field(public))
            if before is not None and raw is not None and before.is_decided:
                await self._finish(_field(public), raw, before)
                continue
            published_step = await self._published_step(public)
            if public.step <= published_step:
                if is_over(public):
                    await self._forget(public, raw)
                return None
            rules = self._policy.public_rules(public.region)
            if published_step or (rules.mode == "automatic" and not is_over(public)):
                return await self._publish_at_once(ready, raw, is_first=not published_step)
            if await self._hold(ready, before, raw):
                return None

    async def restore_all(self, messages: Sequence[AlertMessage]) -> None:
        """Take the last alerts of chains again, in a Redis that has lost what became of them.

        Of what is over the public hears nothing more. What an operator had withdrawn is held, or
        published, as the policy says of it.
        """
        for message in messages:
            if not is_over(message.alert):
                await self.deliver(message)

    async def close(self) -> None:
        """Do nothing: the connection belongs to the caller."""

    async def release(self, alert_id: str, by: str, regions: frozenset[str]) -> str | None:
        """Publish a held message; return why it was refused, None if it was published."""
        return await self._decide(alert_id, "releasing", regions, by=by)

    async def withdraw(
        self, alert_id: str, by: str, reason: str, regions: frozenset[str]
    ) -> str | None:
        """Withdraw a held message; return why it was refused, None if it was withdrawn."""
        return await self._decide(alert_id, "withdrawing", regions, by=by, reason=reason)

    async def process_pending(self) -> None:
        """Carry out stored decisions, and decide on messages whose deadline has passed.

        Raises ``UnavailableError`` where Redis fails; the next call goes on from there.
        """
        for field, raw in (await self._all()).items():
            held = _parsed(field, raw)
            if held is None:
                continue
            if held.is_decided:
                await self._finish(field, raw, held)
            elif held.state == "held" and held.deadline <= self._now():
                await self._carry_out(field, raw, self._overdue(held))

    def _overdue(self, held: PendingRelease) -> PendingRelease:
        state = at_deadline(held, self._policy.public_rules(held.message.alert.region))
        reason = _LATE
        if is_stale(held.message.alert, self._now()):
            state, reason = "withdrawing", _STALE
        return held.model_copy(update={"state": state, "reason": reason})

    async def _decide(
        self,
        alert_id: str,
        state: HeldState,
        regions: frozenset[str],
        *,
        by: str,
        reason: str | None = None,
    ) -> str | None:
        for field, raw in (await self._all()).items():
            held = _parsed(field, raw)
            if held is None or str(held.alert_id) != alert_id:
                continue
            if held.message.alert.region not in regions:
                return f"region {held.message.alert.region} is not among your channels"
            decided = held.model_copy(update={"state": state, "by": by, "reason": reason})
            if held.state != "held":
                # One's own command once more: a desk died before it could answer.
                is_repeated = held.by == by and held.once_done == decided.once_done
                return None if is_repeated else f"it is {held.once_done} already"
            done = await self._carry_out(field, raw, decided)
            return None if done else "there was news meanwhile: look again"
        return "no such message waits"

    async def _carry_out(self, field: str, raw: bytes, decided: PendingRelease) -> bool:
        """Store a decision and carry it out; return False if the message had changed meanwhile."""
        if not await self._functions.swap(self._held, field, raw, decided.to_json()):
            return False
        await self._finish(field, decided.to_json(), decided)
        return True

    async def _finish(self, field: str, raw: bytes, held: PendingRelease) -> None:
        """Carry out a stored decision, perhaps for a second time after a crash."""
        if held.state == "releasing":
            await self._publish(held.message, held.by, held.reason)
        else:
            await self._record_pending(held, "withdrawn", by=held.by, reason=held.reason)
        done = held.model_copy(update={"state": held.once_done})
        await self._functions.swap(self._held, field, raw, done.to_json())

    async def _publish(
        self, ready: PublicAlertMessage, by: str | None, reason: str | None = None
    ) -> int | None:
        alert = await self._continued(ready.alert)
        timeline = ready.timeline.model_copy(update={"delivered": self._now()})
        await self._record(alert, "released", by=by, reason=reason)
        message = PublicAlertMessage(alert=alert, timeline=timeline)
        return await self._functions.deliver(self._channel(alert.region), alert, message)

    async def _continued(self, alert: PublicAlert) -> PublicAlert:
        """Return a message as it goes on from what the public was told, not from what was held."""
        channel = self._channel(alert.region)
        raw = await self._ask(self._redis.hget(channel.active, str(alert.incident_id)))
        before = None if raw is None else parse_channel_message(Audience.PUBLIC, raw)
        return continued(alert, before.alert if isinstance(before, PublicMessage) else None)

    async def _publish_at_once(
        self, ready: PublicAlertMessage, raw: bytes | None, *, is_first: bool
    ) -> int | None:
        """Publish without a decision; return how many received it.

        A message past its expiry is not published as the first of its chain: None.
        """
        alert = ready.alert
        if is_first and is_stale(alert, self._now()):
            log.info("public.past", region=alert.region, alert=str(alert.alert_id))
            return None
        receivers = await self._publish(ready, None)
        if is_first or is_over(alert):
            await self._forget(alert, raw)
        return receivers

    async def _hold(
        self, ready: PublicAlertMessage, before: PendingRelease | None, raw: bytes | None
    ) -> bool:
        """Hold a step, or end what is held; return False if somebody decided in between."""
        public = ready.alert
        if is_over(public):
            if before is not None and before.state == "held":
                await self._record_pending(before, "withdrawn", reason=_OVER)
            return await self._forget(public, raw)
        if is_stale(public, self._now()):
            log.info("public.past", region=public.region, alert=str(public.alert_id))
            return True
        # Whoever decides has that long from the alert's decision, however late a desk reads it.
        since = min(self._now(), ready.timeline.decided or self._now())
        held = hold(ready, before, self._policy.public_rules(public.region), since)
        if held is not None:
            if not await self._functions.swap(self._held, _field(public), raw, held.to_json()):
                return False
            if held.state == "held":
                await self._record_pending(held, "held")
        elif before is not None and (before.state, before.alert_id) == ("held", public.alert_id):
            await self._record_pending(before, "held")  # a crash may have left it unrecorded
        return True

    async def _forget(self, public: PublicAlert, raw: bytes | None) -> bool:
        """Forget what is held of an episode; return False if somebody decided in between."""
        return raw is None or await self._functions.swap(self._held, _field(public), raw, None)

    def _channel(self, region: str) -> Channel:
        return Channel(self._environment, Audience.PUBLIC, region)

    async def _record_pending(
        self,
        held: PendingRelease,
        kind: _DecisionKind,
        *,
        by: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record what was decided on a held message."""
        deadline = held.deadline if kind == "held" else None
        await self._record(held.message.alert, kind, by=by, reason=reason, deadline=deadline)

    async def _record(
        self,
        alert: PublicAlert,
        kind: _DecisionKind,
        *,
        by: str | None,
        reason: str | None,
        deadline: datetime | None = None,
    ) -> None:
        """Keep a decision for good, and tell the region's operators."""
        decision = Decision(
            note_id=derive("decision", str(alert.alert_id), kind),
            incident_id=alert.incident_id,
            alert_id=alert.alert_id,
            region=alert.region,
            decision=kind,
            by=by,
            reason=reason,
            time=self._now(),
            deadline=deadline,
            headline=alert.headline,
        )
        key = decisions_key(self._environment)
        await self._ask(self._redis.xadd(key, {"decision": decision.to_json()}))
        channel = Channel(self._environment, Audience.OPERATORS, alert.region)
        await self._functions.note(channel, decision)
        known = {"region": alert.region, "alert": str(alert.alert_id), "step": alert.step}
        log.info("public.decided", decision=kind, by=by, reason=reason, **known)

    async def _published_step(self, public: PublicAlert) -> int:
        channel = self._channel(public.region)
        return int(await self._ask(self._redis.get(channel.steps(str(public.incident_id)))) or 0)

    async def _find(self, field: str) -> tuple[PendingRelease | None, bytes | None]:
        raw: bytes | None = await self._ask(self._redis.hget(self._held, field))
        return (None, None) if raw is None else (_parsed(field, raw), raw)

    async def _all(self) -> dict[str, bytes]:
        fields: Mapping[bytes, bytes] = await self._ask(self._redis.hgetall(self._held))
        return {field.decode(): raw for field, raw in fields.items()}

    async def _ask(self, command: Any) -> Any:
        with redis_errors("redis did not answer the release service"):
            return await command


def _field(alert: PublicAlert) -> str:
    return f"{alert.region}:{alert.incident_id}"


def _parsed(field: str, raw: bytes) -> PendingRelease | None:
    try:
        return PendingRelease.model_validate_json(raw)
    except ValidationError as error:
        log.warning("held.unreadable", field=field, reason=describe_validation_error(error))
        return None
