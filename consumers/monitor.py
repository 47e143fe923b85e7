"""The monitor: watches sources, lags and incidents, keeps the status, raises the feed alarm.

    track.events, rejected, alerts ──▶ monitor ──▶ Redis hash `status`, metrics
    ends and acknowledged offsets ───▶    ├─────▶ alerts (feed alarms, for the relays to deliver)
                                          └─────▶ track.events (which places are unseen)

Guarantee: one alarm and one all-clear for each silence and place. That a silence was noticed is
stored in Redis before anybody is told, and what may have been told is told again after a crash with
the same identifiers and steps, which sinks know; which places are unseen, with the same time. One
monitor of an environment works at a time. One that hangs and comes back may tell again what it had
stored before, and nothing else: its next writing fails. While Redis is away nobody is told of
anything, and the monitor remembers what it found.

Each look reads the topics to their ends as they were when it began, so that a source which was
heard in time is never called silent because the monitor was slow. While Kafka is away it judges
nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from skyfence.adapters import health_file
from skyfence.adapters.clock import SteadyClock
from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import producer
from skyfence.adapters.metrics import FEED_ALARMS, StatusCollector
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import LeaseLostError, StatusStore
from skyfence.adapters.stopping import stop_reading
from skyfence.contracts.alert import FeedAlarm, PlaceKind, parse_alert
from skyfence.contracts.judging import JudgedUntil
from skyfence.contracts.rejected import Rejected
from skyfence.contracts.track_event import (
    Coverage,
    OperatorClosed,
    SourceMistimed,
    SourceWatermark,
    parse_event,
)
from skyfence.errors import UnavailableError
from skyfence.monitoring.arrivals import Arrivals
from skyfence.monitoring.coverage import CoverageMonitor
from skyfence.monitoring.lag import TimeLag
from skyfence.monitoring.sources import SourceMonitor
from skyfence.monitoring.status import (
    MonitorState,
    PartitionLag,
    ProcessStatus,
    SystemStatus,
    Tally,
)
from skyfence.policy.policy import Policy
from skyfence.texts.tables import FeedTexts
from skyfence.times import from_ms, header_number

log = structlog.get_logger()

LOOK_EVERY_S: Final = 2.0
_POLL_MS: Final = 500


class Monitor:
    """Watches one environment.

    ``kinds`` are the places that may be told of a silence, ``nations`` those in which they lie.
    """

    def __init__(
        self,
        settings: Settings,
        store: StatusStore,
        policy: Policy,
        kinds: Mapping[str, PlaceKind],
        texts: FeedTexts,
        *,
        nations: Mapping[str, str],
        clock: SteadyClock | None = None,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        topics = settings.topics
        self._settings = settings
        self._store = store
        self._policy = policy
        self._kinds = kinds
        self._nations = nations
        self._texts = texts
        self._clock = clock or SteadyClock()
        self._look_every_s = look_every_s
        self._take: dict[str, Callable[[Any], None]] = {
            topics.track_events: self._take_event,
            topics.rejected: self._take_rejected,
            topics.alerts: self._take_alert,
            topics.judged: self._take_judged,
        }
        self._backlogs = {
            (topics.worker_group, topics.tracks): TimeLag(),
            (topics.worker_group, topics.track_events): TimeLag(),
            (topics.relay_group, topics.alerts): TimeLag(),
        }
        self._readers: dict[str, TimeLag] = {}  # of alerts, by group
        self._metrics = StatusCollector()
        self._consumer = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **kafka_options(settings),
        )
        self._producer = producer(settings)
        self._begin(MonitorState(), 0)

    def _begin(self, memory: MonitorState, now_ms: int) -> None:
        self._feeds = SourceMonitor(
            self._settings.environment,
            self._policy,
            self._kinds,
            self._texts,
            memory.feeds,
            sounded=memory.sounded,
        )
        self._coverage = CoverageMonitor(self._kinds, self._nations, memory.coverage)
        self._tally = Tally(memory)
        self._arrivals = Arrivals()
        self._judged: JudgedUntil | None = None
        self._watching_since_ms = now_ms

    async def run(self) -> None:
        """Watch until cancelled; raise ``UnavailableError`` where Kafka fails.

        Raises ``LeaseLostError`` when another monitor has taken over.
        """
        try:
            await self._consumer.start()
            await self._producer.start()
            async with GroupProgress(self._settings) as progress:
                await self._lead()
                while True:
                    await self._look_unless_away(progress)
                    health_file.refresh(self._settings.health_file)
                    await asyncio.sleep(self._look_every_s)
        except KafkaError as error:
            where = self._settings.kafka.bootstrap
            raise UnavailableError(f"kafka at {where} failed: {error}") from None
        finally:
            await stop_reading(self._consumer)
            await self._producer.stop()

    async def _lead(self) -> None:
        """Wait until this monitor is the one that works, and go on where the last one was."""
        leading = asyncio.ensure_future(self._store.lead())
        try:
            while not leading.done():
                health_file.refresh(self._settings.health_file)
                await asyncio.wait({leading}, timeout=LOOK_EVERY_S)
        finally:
            leading.cancel()
        leading.result()
        memory = await self._store.memory()
        self._begin(memory, self._clock.now_ms())
        counts = self._settings.topics.partitions(self._settings.track_partitions)
        partitions = [TopicPartition(t, n) for t in self._take for n in range(counts[t])]
        self._consumer.assign(partitions)
        ends = await self._consumer.end_offsets(partitions)
        offsets = dict(memory.offsets)
        if memory.concerned is None:  # an older monitor's: what stands open is read from the alerts
            offsets.pop(self._settings.topics.alerts, None)
        for partition in partitions:
            offset = offsets.get(partition.topic, {}).get(partition.partition)
            if offset is None or offset > ends[partition]:  # never read, or a topic made anew
                await self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)
        log.info("monitor.leads", sources=len(memory.feeds))

    async def _look_unless_away(self, progress: GroupProgress) -> None:
        """Look; where Redis is away, the next look stores what this one found."""
        try:
            await self._look(progress)
        except LeaseLostError:
            raise
        except UnavailableError as error:
            log.warning("status.unwritten", reason=str(error))

    async def _look(self, progress: GroupProgress) -> None:
        """Take in what has come, judge, store what was found, and tell."""
        self._take_step()
        now_ms = self._clock.now_ms()
        topics = self._settings.topics
        tracks_lag = self._backlogs[topics.worker_group, topics.tracks]
        self._arrivals.begin_look(tracks_lag.done_to_ms)
        await self._read_to_the_end()
        lags = await self._lags(progress, now_ms)
        self._feeds.judge(
            now_ms,
            self._watching_since_ms,
            tracks_lag.done_to_ms,
            concerned=self._tally.concerned_places,
        )
        self._coverage.judge(now_ms, self._feeds.covered)
        status = self._tally.status(
            self._settings.environment, now_ms, self._feeds, self._coverage, lags
        )
        processes = await self._processes(progress, now_ms)
        status = status.model_copy(update={"judged": self._judged, "processes": processes})
        await self._save(status)
        await self._tell(status)
        self._metrics.show(status)

    def _take_step(self) -> None:
        """Move what is remembered with this machine's clock, if that was set: nobody is silent."""
        step_ms = self._clock.take_step_ms()
        if step_ms:
            log.warning("clock.set", by_ms=step_ms)
            self._feeds.shift(step_ms)
            self._arrivals.forget()
            self._watching_since_ms += step_ms
            for backlog in (*self._backlogs.values(), *self._readers.values()):
                backlog.shift(step_ms)

    async def _read_to_the_end(self) -> None:
        partitions = self._consumer.assignment()
        ends = await self._consumer.end_offsets(partitions)
        while any([await self._consumer.position(p) < ends[p] for p in partitions]):
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for records in polled.values():
                for record in records:
                    self._take[record.topic](record)
            if polled:  # a first look may read a week
                health_file.refresh(self._settings.health_file)

    def _take_event(self, record: Any) -> None:
        try:
            event = parse_event(record.value or b"")
        except ValidationError:
            return  # the incident agent rejects it
        if isinstance(event, OperatorClosed):
            self._feeds.retire(event)
        if not isinstance(event, SourceWatermark | SourceMistimed):
            return
        headers, now_ms = dict(record.headers), self._clock.now_ms()
        published_ms = header_number(headers.get("published"))
        partition = header_number(headers.get("partition"))
        if published_ms is None:
            published_ms = record.timestamp
        came_ms = self._arrivals.came_ms(published_ms, partition)
        if isinstance(event, SourceMistimed):
            self._feeds.note_mistimed(event, came_ms, now_ms)
        else:
            self._feeds.hear(event, came_ms, partition, now_ms)

    def _take_rejected(self, record: Any) -> None:
        try:
            self._tally.take_rejected(Rejected.model_validate_json(record.value or b""))
        except ValidationError:
            log.warning("rejected.unreadable", offset=record.offset)

    def _take_alert(self, record: Any) -> None:
        try:
            alert = parse_alert(record.value or b"")
        except ValidationError:
            return  # the relay rejects it
        decided_ms = header_number(dict(record.headers).get("decided"))
        self._tally.take_alert(alert, record.timestamp if decided_ms is None else decided_ms)

    def _take_judged(self, record: Any) -> None:
        try:
            self._judged = JudgedUntil.model_validate_json(record.value or b"")
        except ValidationError:
            log.warning("judged.unreadable", offset=record.offset)

    async def _processes(self, progress: GroupProgress, now_ms: int) -> tuple[ProcessStatus, ...]:
        """Return until when each reader of alerts has dealt with what it reads."""
        topics = self._settings.topics
        processes: list[ProcessStatus] = []
        for group in await progress.readers():
            lag = self._readers.setdefault(group, TimeLag())
            lag.sample(now_ms, *await progress.lags(group, topics.judged))
            done_ms = lag.done_to_ms.get(0)
            done_to = None if done_ms is None else from_ms(done_ms)
            name = group.removeprefix(topics.sink_group(""))
            processes.append(ProcessStatus(name=name, done_to=done_to))
        return tuple(processes)

    async def _lags(self, progress: GroupProgress, now_ms: int) -> tuple[PartitionLag, ...]:
        partition_lags: list[PartitionLag] = []
        for (group, topic), backlog in self._backlogs.items():
            ends, lags = await progress.lags(group, topic)
            backlog.sample(now_ms, ends, lags)
            for partition, messages in sorted(lags.items()):
                done_ms = backlog.done_to_ms.get(partition)
                partition_lags.append(
                    PartitionLag(
                        group=group,
                        topic=topic,
                        partition=partition,
                        messages=max(0, messages),
                        done_to=None if done_ms is None else from_ms(done_ms),
                    )
                )
        return tuple(partition_lags)

    async def _save(self, status: SystemStatus) -> None:
        offsets: dict[str, dict[int, int]] = {}
        for partition in self._consumer.assignment():
            position = await self._consumer.position(partition)
            offsets.setdefault(partition.topic, {})[partition.partition] = position
        await self._store.write(self._tally.state(self._feeds, self._coverage, offsets), status)

    async def _tell(self, status: SystemStatus) -> None:
        alarms, coverages = self._feeds.pending_alarms(), self._coverage.pending()
        if not alarms and not coverages:
            return
        sends = [await self._send(alarm) for alarm in alarms]
        sends += [await self._send_coverage(coverage) for coverage in coverages]
        await asyncio.gather(*sends)
        self._feeds.note_sent()
        self._coverage.note_sent()
        await self._save(status)
        for alarm in alarms:
            FEED_ALARMS.labels(alarm.message_type).inc()
        for alarm in {alarm.incident_id: alarm for alarm in alarms}.values():
            _log(alarm)
        for coverage in coverages:
            log.info("coverage.changed", run=coverage.run, unseen=len(coverage.unseen))

    async def _send(self, alarm: FeedAlarm) -> Any:
        # Not the alarm's own time: a place that a silence comes to concern is told of it later.
        headers = [("decided", str(self._clock.now_ms()).encode())]
        return await self._producer.send(
            self._settings.topics.alerts,
            alarm.to_json(),
            key=str(alarm.incident_id).encode(),
            headers=headers,
        )

    async def _send_coverage(self, coverage: Coverage) -> Any:
        return await self._producer.send(
            self._settings.topics.track_events,
            coverage.to_json(),
            key=coverage.run.encode(),
            headers=[],
        )


def _log(alarm: FeedAlarm) -> None:
    known = {"source": alarm.key, "run": alarm.run, "cause": alarm.cause}
    if alarm.message_type == "Alert":
        log.warning("feed.silent", **known)
    elif alarm.heard_again is not None:
        log.info("feed.back", **known)
    else:
        log.warning("feed.given_up", **known)
