"""The status: how sources, partitions, rejected input and incidents are, at one moment.

    track.events (clocks) ─┐
    rejected ──────────────┼▶ Tally ──▶ SystemStatus ──▶ Redis hash, `skyfence status`, metrics
    alerts ────────────────┘     └────▶ MonitorState, with its offsets: for the next monitor

Each message is counted once: the state holds the offsets up to which messages are counted. Does not
read Kafka or write Redis.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from skyfence.contracts.alert import Alert, AnyAlert, MessageType
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.contracts.rejected import ReasonClass, Rejected
from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.sources import Feed, SourceMonitor
from skyfence.naming import Environment
from skyfence.times import format_time, from_ms, to_ms

SourceCondition = Literal["heard", "silent", "unjudged", "ended"]
Count = Annotated[int, Field(ge=0)]

# An incident without an alert for a day is not open: its end was lost with a worker.
_OPEN_KEPT: Final = timedelta(days=1)


class SourceStatus(Contract):
    """One source or shard: ``age_s`` since it was heard, ``clock`` its event time."""

    key: str
    run: RunName
    state: SourceCondition
    heard: UtcTime
    age_s: Annotated[float, Field(ge=0)]
    clock: UtcTime
    partition: int | None = None
    silent_after_s: float


class PartitionLag(Contract):
    """How many messages of a partition a consumer group has not dealt with.

    ``done_to`` is the time up to which all that came has been; left out where it is not known.
    """

    group: str
    topic: str
    partition: Count
    messages: Count
    done_to: UtcTime | None = None


class LastAlert(Contract):
    """The last message that went to people, without what the place alone should know."""

    decided: UtcTime
    place: str
    event: str
    message_type: MessageType
    status: str


class SystemStatus(Contract):
    """How one environment was at ``as_of``; ``rejected`` counts since the counting began."""

    environment: Environment
    as_of: UtcTime
    sources: tuple[SourceStatus, ...] = ()
    lags: tuple[PartitionLag, ...] = ()
    rejected: dict[ReasonClass, Count] = Field(default_factory=dict)
    incidents_open: Count = 0
    last_alert: LastAlert | None = None


class MonitorState(Contract):
    """What a monitor leaves to the next one.

    ``offsets`` are the next to read, by topic and partition. ``incidents`` holds, by identifier,
    when the last alert of an open incident was decided.
    """

    offsets: dict[str, dict[int, int]] = Field(default_factory=dict)
    feeds: tuple[Feed, ...] = ()
    rejected: dict[ReasonClass, Count] = Field(default_factory=dict)
    incidents: dict[str, UtcTime] = Field(default_factory=dict)
    last_alert: LastAlert | None = None


class Tally:
    """Counts what passes besides sources' clocks: rejected input, incidents, the last alert."""

    def __init__(self, state: MonitorState) -> None:
        self._rejected = dict(state.rejected)
        self._incidents = dict(state.incidents)
        self._last_alert = state.last_alert

    def take_rejected(self, record: Rejected) -> None:
        """Count one rejected message or report."""
        reason = record.reason_class
        self._rejected[reason] = self._rejected.get(reason, 0) + 1

    def take_alert(self, alert: AnyAlert, decided_ms: int) -> None:
        """Note an alert, and whether its incident is open; ``decided_ms`` is the wall clock."""
        decided = from_ms(decided_ms)
        self._last_alert = LastAlert(
            decided=decided,
            place=alert.place,
            event=alert.event,
            message_type=alert.message_type,
            status=alert.status,
        )
        if not isinstance(alert, Alert) or alert.event != "airspace violation":
            return
        if alert.incident_state == "closed":
            self._incidents.pop(str(alert.incident_id), None)
        else:
            self._incidents[str(alert.incident_id)] = decided

    def state(self, feeds: SourceMonitor, offsets: Mapping[str, Mapping[int, int]]) -> MonitorState:
        """Return what the next monitor goes on from; ``offsets`` are the next to read."""
        return MonitorState(
            offsets={topic: dict(by_partition) for topic, by_partition in offsets.items()},
            feeds=tuple(feeds.all),
            rejected=self._rejected,
            incidents=self._incidents,
            last_alert=self._last_alert,
        )

    def status(
        self,
        environment: Environment,
        now_ms: int,
        feeds: SourceMonitor,
        lags: tuple[PartitionLag, ...],
    ) -> SystemStatus:
        """Return how the environment is at ``now_ms``; forget incidents without news for a day."""
        now = from_ms(now_ms)
        for name, updated in list(self._incidents.items()):
            if now - updated > _OPEN_KEPT:
                del self._incidents[name]
        return SystemStatus(
            environment=environment,
            as_of=now,
            sources=tuple(_source(feed, feeds, now_ms) for feed in feeds.all),
            lags=lags,
            rejected=self._rejected,
            incidents_open=len(self._incidents),
            last_alert=self._last_alert,
        )


def _source(feed: Feed, feeds: SourceMonitor, now_ms: int) -> SourceStatus:
    return SourceStatus(
        key=feed.key,
        run=feed.run,
        state=_state(feed),
        heard=feed.heard,
        age_s=max(0, now_ms - to_ms(feed.heard)) / 1000,
        clock=feed.clock,
        partition=feed.partition,
        silent_after_s=feeds.silent_after_s(feed.key),
    )


def _state(feed: Feed) -> SourceCondition:
    if feed.silence is not None and feed.silence.over is None:
        return feed.silence.cause
    return "ended" if feed.ended else "heard"


_SOURCE: Final = "source:"
_LAG: Final = "lag:"
_REJECTED: TypeAdapter[dict[ReasonClass, int]] = TypeAdapter(dict[ReasonClass, Count])


def to_hash(status: SystemStatus) -> dict[str, bytes]:
    """Return a status as the fields of a hash, each in JSON (the form is documented)."""
    fields = {
        "environment": str(status.environment).encode(),
        "as_of": format_time(status.as_of).encode(),
        "rejected": _REJECTED.dump_json(status.rejected),
        "incidents_open": str(status.incidents_open).encode(),
    }
    if status.last_alert is not None:
        fields["last_alert"] = status.last_alert.to_json()
    for source in status.sources:
        fields[f"{_SOURCE}{source.run}:{source.key}"] = source.to_json()
    for lag in status.lags:
        fields[f"{_LAG}{lag.topic}:{lag.partition}"] = lag.to_json()
    return fields


def from_hash(fields: Mapping[str, bytes]) -> SystemStatus:
    """Read what ``to_hash`` wrote; raise pydantic's ``ValidationError``, ``KeyError`` if not it."""
    sources = [
        SourceStatus.model_validate_json(value)
        for name, value in fields.items()
        if name.startswith(_SOURCE)
    ]
    lags = [
        PartitionLag.model_validate_json(value)
        for name, value in fields.items()
        if name.startswith(_LAG)
    ]
    last = fields.get("last_alert")
    return SystemStatus.model_validate(
        {
            "environment": fields["environment"].decode(),
            "as_of": fields["as_of"].decode(),
            "sources": sorted(
                sources, key=lambda source: (source.run != LIVE_RUN, source.run, source.key)
            ),
            "lags": sorted(lags, key=lambda lag: (lag.group, lag.topic, lag.partition)),
            "rejected": _REJECTED.validate_json(fields["rejected"]),
            "incidents_open": int(fields["incidents_open"]),
            "last_alert": None if last is None else LastAlert.model_validate_json(last),
        }
    )
