"""The relay: alerts from Kafka to a sink, in order, acknowledged when they are handed over.

Guarantee: at least once. The group's offset is committed after the sink has taken the alerts, so a
crash makes Kafka hand some out again; the sink knows them. A sink that is away is waited for with
growing pauses, then the process gives up with an error and whoever runs it starts it anew.
"""

import asyncio
import time
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from consumers.judging import JudgingWatch
from consumers.sink import OpenSink
from skyfence.adapters import health_file, metrics
from skyfence.adapters.backoff import Backoff
from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import producer
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage, Timeline, parse_alert
from skyfence.contracts.rejected import Reason, Rejected
from skyfence.errors import UnavailableError
from skyfence.times import from_ms, header_number

log = structlog.get_logger()

_POLL_MS: Final = 1_000
_SESSION_TIMEOUT_MS: Final = 6_000
# A sink that is away is waited for about half a minute, then whoever runs us starts us anew.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_MOST_FAILURES: Final = 10
# Subscribers take three of these without a beat for a dead feed (``skyfence.client``).
_BEAT_EVERY_S: Final = 5.0
_ASK_KAFKA_MS: Final = 3_000


class Relay:
    """Carries one environment's alerts to one sink, which has a consumer group of its own."""

    def __init__(self, settings: Settings, opened: OpenSink) -> None:
        topics, group = settings.topics, opened.group
        self._settings = settings
        self._tells_itself = opened.tells_itself
        self._sink = opened.sink
        self._beat = opened.beat
        self._beaten_s = 0.0
        self._healthy_s = 0.0
        self._judging = JudgingWatch()
        self._told_judging: bool | None = None
        self._judged_topic = topics.judged
        self._consumer = AIOKafkaConsumer(
            topics.alerts,
            topics.judged,  # also where nobody is told: what hangs is seen by its offset there
            group_id=group,
            group_instance_id=settings.instance_id(group),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_SESSION_TIMEOUT_MS // 3,
            **kafka_options(settings),
        )
        self._producer = producer(settings)

    async def run(self) -> None:
        """Carry alerts until cancelled."""
        try:
            await self._consumer.start()
            await self._producer.start()
            while True:
                await self._carry()
                await self._show_life()
                self._show_health()
        except KafkaError as error:
            raise UnavailableError(
                f"kafka at {self._settings.kafka.bootstrap} failed: {error}"
            ) from None
        finally:
            await self._consumer.stop()
            await self._producer.stop()

    async def _carry(self) -> None:
        """Hand over what is there and acknowledge it."""
        polled = await self._consumer.getmany(timeout_ms=_POLL_MS)
        for records in polled.values():
            for record in records:
                if record.topic == self._judged_topic:
                    self._judging.take(record)
                else:
                    await self._hand_over(record)
                self._show_health()
        if polled:
            await self._consumer.commit()

    def _show_health(self) -> None:
        """Say that the relay does its work: one poll may bring minutes of it."""
        now_s = time.monotonic()
        if now_s - self._healthy_s >= health_file.REFRESH_S / 2:
            self._healthy_s = now_s
            health_file.refresh(self._settings.health_file)

    async def _show_life(self) -> None:
        """Tell subscribers that alerts would come, if they would: Kafka has to answer for ours."""
        partitions = self._consumer.assignment()
        if self._beat is None or not partitions:
            return
        self._judging.watch(assigned=any(p.topic == self._judged_topic for p in partitions))
        judging = self._judging.judging()
        is_news = judging is not None and judging.now != self._told_judging
        if not is_news and time.monotonic() - self._beaten_s < _BEAT_EVERY_S:
            return
        try:
            async with asyncio.timeout(_ASK_KAFKA_MS / 1_000):
                await self._consumer.end_offsets(partitions)
        except (TimeoutError, KafkaError) as error:
            log.warning("kafka.unanswering", reason=str(error) or "timeout")
            return
        try:
            await self._beat(round(time.time() * 1000), judging)
        except UnavailableError as error:
            log.warning("sink.unavailable", reason=str(error))
            return
        self._beaten_s = time.monotonic()
        if is_news and judging is not None:
            self._told_judging = judging.now
            say = log.info if judging.now else log.warning
            say("judging.changed", now=judging.now, until=judging.until and str(judging.until))

    async def _hand_over(self, record: Any) -> None:
        try:
            alert = parse_alert(record.value or b"")
        except ValidationError as error:
            await self._reject(record, Reason.of_invalid(error))
            return
        message = AlertMessage(alert=alert, timeline=_timeline(record))
        receivers = await self._deliver(message)
        if self._tells_itself:
            return
        metrics.delivered(alert, message.timeline, receivers)
        known = {"channel": alert.channel, "step": alert.step, "incident": str(alert.incident_id)}
        if receivers is None:
            log.info("alert.repeated", **known)
        else:
            log.info("alert.published", receivers=receivers, **known)

    async def _deliver(self, message: AlertMessage) -> int | None:
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while backoff.failures < _MOST_FAILURES:
            try:
                return await self._sink.deliver(message)
            except UnavailableError as error:
                metrics.SINK_FAILURES.inc()
                pause_s = backoff.next_s()
                log.warning("sink.unavailable", reason=str(error), pause_s=round(pause_s, 3))
                await asyncio.sleep(pause_s)
        return await self._sink.deliver(message)

    async def _reject(self, record: Any, reason: Reason) -> None:
        rejected = Rejected.of(record, record.timestamp, reason)
        metrics.rejected(reason.reason_class)
        log.error("alert.unreadable", reason=reason.text, offset=record.offset)
        topic = self._settings.topics.rejected
        await self._producer.send_and_wait(topic, rejected.to_json())


def _timeline(record: Any) -> Timeline:
    headers = dict(record.headers)
    known = {
        name: from_ms(at_ms)
        for name in ("observed", "published", "decided")
        if (at_ms := header_number(headers.get(name))) is not None
    }
    return Timeline(**known, delivered=from_ms(round(time.time() * 1000)))
