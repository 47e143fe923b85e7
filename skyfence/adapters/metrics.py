"""All metrics of all processes, for Prometheus, and the small server that shows them.

Nothing listens unless SKYFENCE_METRICS_PORT says so. Agents count once a frame, never once a
report; labels have few, fixed values. What the monitor knows (lags, sources) it shows as it was at
its last look. ``docs/operations.md`` has the list.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import get_args

import structlog
from prometheus_client import (
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from skyfence import __version__
from skyfence.adapters.os_errors import describe_os_error
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AnyAlert, Timeline
from skyfence.contracts.rejected import ReasonClass
from skyfence.errors import UsageError
from skyfence.frames.frame import LIVE_RUN, Frame
from skyfence.monitoring.status import SystemStatus
from skyfence.times import MS_PER_S, to_ms
from skyfence.tracks.frame_result import FrameResult

log = structlog.get_logger()

# A third of all series, of which no question asks.
disable_created_metrics()  # type: ignore[no-untyped-call]

# From a stage of some milliseconds to a feed that is minutes behind.
_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

INFO = Gauge(
    "skyfence_info", "Always 1; its labels say what this is.", ["process", "environment", "version"]
)
FRAMES = Counter("skyfence_frames", "Frames that the track agent judged.")
REPORTS = Counter("skyfence_reports", "Reports in them.")
LATE_REPORTS = Counter("skyfence_late_reports", "Reports that came too late to be judged.")
REPORTS_LEFT_OUT = Counter(
    "skyfence_reports_left_out",
    "Reports that say nothing of where an object was when.",
    ["reason"],
)
CROSSINGS = Counter("skyfence_crossings", "Border crossings found.", ["kind"])
FIELDS_LEFT_OUT = Counter(
    "skyfence_fields_left_out",
    "Optional fields of reports that were wrong and not used.",
    ["field"],
)
REJECTED = Counter("skyfence_rejected", "Messages and reports that were not used.", ["reason"])
# From nought on: a rise from nothing is one that Prometheus can see.
for _reason in get_args(ReasonClass):
    REJECTED.labels(_reason)
BATCHES_SKIPPED = Counter(
    "skyfence_batches_skipped",
    "Kafka's record batches of which something could not be read, and was left out.",
    ["reason"],
)
LOG_BREAKS = Counter(
    "skyfence_log_breaks", "Logs that did not go on from what was judged of them.", ["agent"]
)
CHECKPOINTS_UNREADABLE = Counter(
    "skyfence_checkpoints_unreadable", "Checkpoints that could not be read.", ["agent"]
)
ALERTS_DECIDED = Counter(
    "skyfence_alerts_decided", "Alerts that the incident agent wrote.", ["message_type"]
)
ALERTS_DELIVERED = Counter(
    "skyfence_alerts_delivered", "Alerts that the sink took.", ["message_type", "place_kind"]
)
ALERTS_REPEATED = Counter("skyfence_alerts_repeated", "Alerts that the sink knew already.")
SINK_FAILURES = Counter("skyfence_sink_failures", "Times that a sink took no alert.")
FEED_ALARMS = Counter(
    "skyfence_feed_alarms", "Alarms of silent sources that the monitor sent.", ["message_type"]
)
SMS_RECEIPTS = Counter(
    "skyfence_sms_receipts",
    "Receipts that SMS gateways brought, by what was made of them.",
    ["kind"],
)
for _kind in ("delivered", "failed", "under_way", "unreadable", "wrong_secret"):
    SMS_RECEIPTS.labels(_kind)
SMS = Counter("skyfence_sms", "SMS that came to a state.", ["gateway", "state"])
SMS_IN_DOUBT = Counter(
    "skyfence_sms_in_doubt",
    "SMS that may have been taken though nobody knows: sent again, or left uncertain.",
    ["gateway", "outcome"],
)
SMS_WAITING = Gauge("skyfence_sms_waiting", "SMS that are still to be sent.", ["gateway"])
SMS_FOREIGN = Counter(
    "skyfence_sms_foreign", "Alerts or texts of the other environment that were held back."
)
SMS_LIST_FAILURES = Counter(
    "skyfence_sms_list_failures", "Times that a changed list could not be used.", ["list"]
)
FRAMES_PUBLISHED = Counter("skyfence_frames_published", "Frames that a producer stored in Kafka.")
REPORTS_PUBLISHED = Counter("skyfence_reports_published", "Reports in them.")
SOURCE_REJECTED = Counter(
    "skyfence_source_rejected",
    "What a source received and could not use.",
    ["source", "reason"],
)
COMPONENT_FAILURES = Counter(
    "skyfence_component_failures",
    "Times that a source or a sink failed and was opened again.",
    ["kind", "component"],
)

OBSERVATION_TO_PUBLICATION = Histogram(
    "skyfence_observation_to_publication_seconds",
    "From a live frame's scan to its arrival in Kafka.",
    buckets=_BUCKETS_S,
)
OBSERVATION_TO_DECISION = Histogram(
    "skyfence_observation_to_decision_seconds",
    "From the last report before a live alert to its decision.",
    buckets=_BUCKETS_S,
)
OBSERVATION_TO_DELIVERY = Histogram(
    "skyfence_observation_to_delivery_seconds",
    "From the last report before a live alert to its delivery.",
    buckets=_BUCKETS_S,
)
PUBLICATION_TO_DECISION = Histogram(
    "skyfence_publication_to_decision_seconds",
    "From a frame's arrival in Kafka to the decision of an alert, replays included.",
    buckets=_BUCKETS_S,
)
DECISION_TO_DELIVERY = Histogram(
    "skyfence_decision_to_delivery_seconds",
    "From the decision of an alert to its delivery, replays included.",
    buckets=_BUCKETS_S,
)

_RECEIVER = ["sink", "receiver"]
DELIVERIES = Counter(
    "skyfence_deliveries",
    "What became of alerts for webhooks and Apprise.",
    [*_RECEIVER, "outcome"],
)
DELIVERIES_WAITING = Gauge(
    "skyfence_deliveries_waiting", "Alerts that a receiver has not taken yet.", _RECEIVER
)
RECEIVER_GONE = Gauge(
    "skyfence_receiver_gone", "1 while a receiver has said that it wants nothing more.", _RECEIVER
)
DELIVERY_ATTEMPT = Histogram(
    "skyfence_delivery_attempt_seconds",
    "From an attempt to what the receiver answered, or did not.",
    _RECEIVER,
    buckets=_BUCKETS_S,
)
DELIVERY = Histogram(
    "skyfence_delivery_seconds",
    "From the decision of an alert to the receiver that took it, replays included.",
    ["sink"],
    buckets=_BUCKETS_S,
)

SMS_DECISION_TO_SUBMISSION = Histogram(
    "skyfence_sms_decision_to_submission_seconds",
    "From the decision of an alert to a gateway's taking an SMS of it.",
    ["gateway"],
    buckets=_BUCKETS_S,
)


def serve(settings: Settings, process: str) -> None:
    """Show this process's metrics over HTTP, if the settings name a port (0: any free one).

    Raises ``UsageError`` where the port cannot be had.
    """
    INFO.labels(process, settings.environment, __version__).set(1)
    if settings.metrics.port is None:
        return
    host = settings.metrics.host
    try:
        server, _ = start_http_server(settings.metrics.port, host)
    except OSError as error:
        reason = describe_os_error(error)
        raise UsageError(f"metrics port {settings.metrics.port} on {host}: {reason}") from None
    log.info("metrics.served", host=host, port=server.server_port)


def judged(frame: Frame, result: FrameResult, published_ms: int) -> None:
    """Count a frame that the track agent judged."""
    FRAMES.inc()
    REPORTS.inc(len(frame))
    LATE_REPORTS.inc(result.late)
    for reason, count in result.left_out.items():
        REPORTS_LEFT_OUT.labels(reason).inc(count)
    for kind, count in Tally(crossing.kind for crossing in result.pending_crossings).items():
        CROSSINGS.labels(kind).inc(count)
    if frame.run == LIVE_RUN:
        OBSERVATION_TO_PUBLICATION.observe(_seconds(frame.scan_time_ms, published_ms))


def left_out(fields: Iterable[str]) -> None:
    """Count optional fields that were not used; each line begins with the field's name."""
    for line in fields:
        FIELDS_LEFT_OUT.labels(line.partition(":")[0]).inc()


def rejected(reason_class: ReasonClass, count: int = 1) -> None:
    """Count a message that was not used, or reports of one."""
    REJECTED.labels(reason_class).inc(count)


def decided(alert: AnyAlert, headers: Mapping[str, bytes]) -> None:
    """Count an alert that was decided; ``headers`` are its timeline, as it travels."""
    ALERTS_DECIDED.labels(alert.message_type).inc()
    at = {name: int(value) for name, value in headers.items() if value.isdigit()}
    if "decided" not in at:
        return
    if "published" in at:
        PUBLICATION_TO_DECISION.observe(_seconds(at["published"], at["decided"]))
    if "observed" in at and alert.run == LIVE_RUN:
        OBSERVATION_TO_DECISION.observe(_seconds(at["observed"], at["decided"]))


def delivered(alert: AnyAlert, line: Timeline, receivers: int | None) -> None:
    """Count an alert that a sink took, or knew already (``receivers`` is None)."""
    if receivers is None:
        ALERTS_REPEATED.inc()
        return
    ALERTS_DELIVERED.labels(alert.message_type, alert.place_kind).inc()
    now_ms = round(time.time() * MS_PER_S)
    if line.decided is not None:
        DECISION_TO_DELIVERY.observe(_since(line.decided, now_ms))
    if line.observed is not None and alert.run == LIVE_RUN:
        OBSERVATION_TO_DELIVERY.observe(_since(line.observed, now_ms))


def published(frame: Frame) -> None:
    """Count a frame that a producer stored."""
    FRAMES_PUBLISHED.inc()
    REPORTS_PUBLISHED.inc(len(frame))


def _since(then: datetime, now_ms: int) -> float:
    return _seconds(to_ms(then), now_ms)


def _seconds(from_ms: int, to_ms: int) -> float:
    """Return a span; clocks of two machines may make it less than nothing."""
    return max(0, to_ms - from_ms) / MS_PER_S


class StatusCollector(Collector):
    """Shows the last status that a monitor found, live sources only: replays come and go."""

    def __init__(self) -> None:
        self._status: SystemStatus | None = None

    def show(self, status: SystemStatus) -> None:
        """Show this status from now on."""
        if self._status is None:
            REGISTRY.register(self)
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the status."""
        status = self._status
        if status is None:
            return
        yield from _sources(status)
        yield from _lags(status)
        yield from _progress(status)
        yield GaugeMetricFamily(
            "skyfence_incidents_open", "Incidents that are not closed.", status.incidents_open
        )
        unseen = sum(len(of_run.places) for of_run in status.unseen if of_run.run == LIVE_RUN)
        yield GaugeMetricFamily(
            "skyfence_places_unseen", "Places that no healthy live source covers.", unseen
        )
        as_of = to_ms(status.as_of) / MS_PER_S
        yield GaugeMetricFamily(
            "skyfence_status_timestamp_seconds", "When the monitor last looked.", as_of
        )
        if status.last_alert is not None:
            yield GaugeMetricFamily(
                "skyfence_last_alert_timestamp_seconds",
                "When the last alert was decided.",
                to_ms(status.last_alert.decided) / MS_PER_S,
            )


def _sources(status: SystemStatus) -> Iterator[Metric]:
    heard = GaugeMetricFamily(
        "skyfence_source_heard_timestamp_seconds",
        "When a live source was heard.",
        labels=["source"],
    )
    silent = GaugeMetricFamily(
        "skyfence_source_silent", "1 while a live source's silence is an alarm.", labels=["source"]
    )
    for source in status.sources:
        if source.run == LIVE_RUN:
            heard.add_metric([source.key], to_ms(source.heard) / MS_PER_S)
            silent.add_metric([source.key], source.state in ("silent", "unjudged", "clock"))
    yield from (heard, silent)


def _progress(status: SystemStatus) -> Iterator[Metric]:
    if status.judged is not None:
        yield GaugeMetricFamily(
            "skyfence_judged_timestamp_seconds",
            "Until when all that came has been judged and decided.",
            to_ms(status.judged.until) / MS_PER_S,
        )
    done = GaugeMetricFamily(
        "skyfence_process_done_timestamp_seconds",
        "Until when a reader of alerts has dealt with what it reads.",
        labels=["process"],
    )
    for process in status.processes:
        if process.done_to is not None:
            done.add_metric([process.name], to_ms(process.done_to) / MS_PER_S)
    yield done


def _lags(status: SystemStatus) -> Iterator[Metric]:
    names = ["group", "topic", "partition"]
    messages = GaugeMetricFamily(
        "skyfence_lag_messages", "Messages that a group has not dealt with.", labels=names
    )
    seconds = GaugeMetricFamily(
        "skyfence_lag_seconds", "Age of the oldest message that may wait.", labels=names
    )
    for lag in status.lags:
        labels = [lag.group, lag.topic, str(lag.partition)]
        messages.add_metric(labels, lag.messages)
        if lag.done_to is not None:
            seconds.add_metric(labels, (to_ms(status.as_of) - to_ms(lag.done_to)) / MS_PER_S)
    yield from (messages, seconds)
