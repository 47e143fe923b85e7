"""The relay: alerts from Kafka to a sink, in order, acknowledged when they are handed over.

Guarantee: at least once. The group's offset is committed after the sink has taken the alerts, so a
crash makes Kafka hand some out again; the sink knows them. A sink that can lose what it was given
has a reconciler, which finds that out before anything more is handed over. A sink that is away is
waited for with growing pauses, then the process gives up with an error and whoever runs it starts
it anew.

A sink that speaks to people begins with what stands (``compaction``): the log is read to the end
that it had at the start, and of each chain the newest message is handed over.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from consumers.alert_record import read_alert
from consumers.compaction import Compaction
from consumers.judging import JudgingWatch
from consumers.sink import OpenSink, Standing
from skyfence.adapters import health_file, metrics
from skyfence.adapters.backoff import Backoff
from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import producer
from skyfence.adapters.settings import Settings
from skyfence.adapters.stopping import stop_reading
from skyfence.contracts.alert import AlertMessage
from skyfence.contracts.rejected import Reason, Rejected
from skyfence.errors import UnavailableError

log = structlog.get_logger()

_Polled = Mapping[TopicPartition, Sequence[Any]]
_Result = TypeVar("_Result")
_DeliverStanding = Callable[[Standing], Awaitable[int | None]]

_POLL_MS: Final = 1_000
_SESSION_TIMEOUT_MS: Final = 6_000
# A sink that is away is waited for about half a minute, then whoever runs us starts us anew.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_MOST_FAILURES: Final = 10
# Subscribers take three of these without a beat for a dead feed (``skyfence.client``).
_BEAT_EVERY_S: Final = 5.0
_ASK_KAFKA_MS: Final = 3_000
# A sink that takes several alerts at once is handed so many: Redis, which does nothing else
# meanwhile, works some 10 ms on them. Alerts may be as large as a Kafka message, so bytes are
# bounded, too.
_MOST_AT_ONCE: Final = 100
_MOST_BYTES_AT_ONCE: Final = 1_000_000


class Relay:
    """Carries one environment's alerts to one sink, which has a consumer group of its own."""

    def __init__(self, settings: Settings, opened: OpenSink) -> None:
        topics, group = settings.topics, opened.group
        self._settings = settings
        self._tells_itself = opened.tells_itself
        self._sink = opened.sink
        self._deliver_all = opened.deliver_all
        self._reconciler = opened.reconciler
        self._deliver_standing = opened.deliver_standing
        self.has_begun = asyncio.Event()  # what the log held at the start is handed over
        self._beat = opened.beat
        self._beaten_s = 0.0
        self._healthy_s = 0.0
        self._judging = JudgingWatch()
        self._told_judging: bool | None = None
        self._alerts_topic, self._judged_topic = topics.alerts, topics.judged
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
            if self._deliver_standing is not None:
                await self._begin_with_what_stands(self._deliver_standing)
            self.has_begun.set()
            while True:
                await self._carry()
                await self._show_life()
                self._show_health()
        except KafkaError as error:
            raise UnavailableError(
                f"kafka at {self._settings.kafka.bootstrap} failed: {error}"
            ) from None
        finally:
            await stop_reading(self._consumer)
            await self._producer.stop()

    async def _begin_with_what_stands(self, deliver: _DeliverStanding) -> None:
        """Read to the end that the log has now; hand over what stands there, and acknowledge it."""
        log_end, ends = Compaction(), dict[TopicPartition, int]()
        while not await self._has_read(ends):
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for record in self._alerts(polled):
                if (message := await self._read(record)) is not None:
                    log_end.add(message)
            self._show_health()
        standing = log_end.standing()
        for place in standing:
            await self._patiently(partial(deliver, place))
            self._show_health()
        await self._consumer.commit()
        log.info("relay.begun", alerts=log_end.count, standing=len(standing))

    async def _has_read(self, ends: dict[TopicPartition, int]) -> bool:
        """Tell whether the alerts that are assigned were read to their ``ends``, noted here.

        A log that is shorter than what was acknowledged is another one, and read whole.
        """
        assigned = [p for p in self._consumer.assignment() if p.topic == self._alerts_topic]
        if new := [partition for partition in assigned if partition not in ends]:
            ends |= await self._consumer.end_offsets(new)
        for partition in new:
            if await self._consumer.position(partition) > ends[partition]:
                await self._consumer.seek_to_beginning(partition)
        positions = [await self._consumer.position(partition) for partition in assigned]
        reached = [at >= ends[p] for p, at in zip(assigned, positions, strict=True)]
        return bool(reached) and all(reached)

    async def _carry(self) -> None:
        """Hand over what is there and acknowledge it."""
        polled = await self._reconciled(await self._consumer.getmany(timeout_ms=_POLL_MS))
        most = 1 if self._deliver_all is None else _MOST_AT_ONCE
        for records in _batches(self._alerts(polled), most):
            await self._hand_over(records)
            self._show_health()
        if polled and await self._mark():
            await self._consumer.commit()

    def _alerts(self, polled: _Polled) -> list[Any]:
        """Return the records of alerts, in their order; take note of what is judged."""
        alerts: list[Any] = []
        for record in chain.from_iterable(polled.values()):
            if record.topic == self._judged_topic:
                self._judging.take(record)
            else:
                alerts.append(record)
        return alerts

    async def _reconciled(self, polled: _Polled) -> _Polled:
        """Return what may be handed over, the sink's loss of what it was given mended.

        A sink that is away is waited for where there is something to hand over.
        """
        reconciler = self._reconciler
        if reconciler is None:
            return polled
        if any(at.topic != self._judged_topic for at in polled):
            return await self._patiently(lambda: reconciler.reconcile(self._consumer, polled))
        try:
            return await reconciler.reconcile(self._consumer, polled)
        except UnavailableError as error:
            log.warning("sink.unavailable", reason=str(error))
            return polled

    async def _mark(self) -> bool:
        """Note with the sink what was handed over; tell whether it may be acknowledged."""
        reconciler = self._reconciler
        if reconciler is None:
            return True
        return await self._patiently(lambda: reconciler.mark(self._consumer))

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

    async def _hand_over(self, records: Sequence[Any]) -> None:
        """Hand over records in their order, at once where the sink takes several."""
        read = [await self._read(record) for record in records]
        messages = [message for message in read if message is not None]
        if not messages:
            return
        results = await self._deliver(messages)
        if self._tells_itself:
            return
        for message, receivers in zip(messages, results, strict=True):
            alert = message.alert
            metrics.delivered(alert, message.timeline, receivers)
            known = {
                "channel": alert.channel,
                "step": alert.step,
                "incident": str(alert.incident_id),
            }
            if receivers is None:
                log.info("alert.repeated", **known)
            else:
                log.info("alert.published", receivers=receivers, **known)

    async def _read(self, record: Any) -> AlertMessage | None:
        """Return a record's alert; reject what is none."""
        try:
            return read_alert(record)
        except ValidationError as error:
            await self._reject(record, Reason.of_invalid(error))
            return None

    async def _deliver(self, messages: Sequence[AlertMessage]) -> list[int | None]:
        """Return what became of each message; wait for a sink that is away, up to a limit."""

        async def deliver() -> list[int | None]:
            if self._deliver_all is not None:
                return await self._deliver_all(messages)
            return [await self._sink.deliver(message) for message in messages]

        return await self._patiently(deliver)

    async def _patiently(self, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """Try again and again, up to a limit, what a sink that is away does not do."""
        backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        while True:
            try:
                return await work()
            except UnavailableError as error:
                if backoff.failures == _MOST_FAILURES:
                    raise
                metrics.SINK_FAILURES.inc()
                pause_s = backoff.next_s()
                log.warning("sink.unavailable", reason=str(error), pause_s=round(pause_s, 3))
                await asyncio.sleep(pause_s)

    async def _reject(self, record: Any, reason: Reason) -> None:
        rejected = Rejected.of(record, record.timestamp, reason)
        metrics.rejected(reason.reason_class)
        log.error("alert.unreadable", reason=reason.text, offset=record.offset)
        topic = self._settings.topics.rejected
        await self._producer.send_and_wait(topic, rejected.to_json())


def _batches(records: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Yield records in their order, up to ``most`` and about a megabyte together."""
    batch: list[Any] = []
    size_bytes = 0
    for record in records:
        own_bytes = len(record.value or b"")
        if batch and (len(batch) == most or size_bytes + own_bytes > _MOST_BYTES_AT_ONCE):
            yield batch
            batch, size_bytes = [], 0
        batch.append(record)
        size_bytes += own_bytes
    if batch:
        yield batch
