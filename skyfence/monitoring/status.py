"""The status: how sources, partitions, rejected input and incidents are, at one moment.

    track.events (clocks) ─┐
    rejected ──────────────┼▶ Tally ──▶ SystemStatus ──▶ Redis hash, `skyfence status`, metrics
    alerts ────────────────┤     └────▶ MonitorState, with its offsets: for the next monitor
    coverage ──────────────┘

Each message is counted once: the state holds the offsets up to which messages are counted. Does not
read Kafka or write Redis.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from skyfence.contracts.alert import Alert, AnyAlert, MessageType
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.contracts.judging import JudgedUntil
from skyfence.contracts.rejected import ReasonClass, Rejected
from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.concerned import Concerned, OpenEpisode, OpenIncident
from skyfence.monitoring.coverage import CoverageMonitor, RunCoverage
from skyfence.monitoring.feed import Feed
from skyfence.monitoring.sources import SourceMonitor
from skyfence.naming import Environment, ZoneName
from skyfence.times import format_time, from_ms, to_ms

SourceCondition = Literal["heard", "silent", "unjudged", "clock", "ended"]
Count = Annotated[int, Field(ge=0)]

# An incident without an alert for a day is not open: its end was lost with a worker.
_OPEN_KEPT: Final = timedelta(days=1)


class SourceStatus(Contract):
    """One source or shard: ``age_s`` since it was heard, ``clock`` its event time.

    ``clock_off_s``, if its clock is wrong, is how far it is ahead; negative: behind. It is not
    ``registered`` where the policy names others, and not it; nothing is said of others.
    """

    key: str
    run: RunName
    state: SourceCondition
    heard: UtcTime
    age_s: Annotated[float, Field(ge=0)]
    clock: UtcTime
    partition: int | None = None
    silent_after_s: float
    clock_off_s: float | None = None
    registered: Literal[False] | None = None


class PartitionLag(Contract):
    """How many messages of a partition a consumer group has not dealt with.

    ``done_to`` is the time up to which all that came has been; left out where it is not known.
    """

    group: str
    topic: str
    partition: Count
    messages: Count
    done_to: UtcTime | None = None


class ProcessStatus(Contract):
    """A process that reads alerts, by the end of its consumer group's name: relay, desk, sms-….

    ``done_to`` is the time until which it has dealt with what it is to read, and it has something
    to read every two seconds; left out where that is not known yet.
    """

    name: str
    done_to: UtcTime | None = None


class LastAlert(Contract):
    """The last message that went to people, without what the place alone should know."""

    decided: UtcTime
    place: str
    event: str
    message_type: MessageType
    status: str


class UnseenPlaces(Contract):
    """The places that no healthy source covers in a run, since when; ``everywhere``: all there are.

    What is not alerted of there may be there all the same.
    """

    run: RunName
    since: UtcTime
    places: tuple[ZoneName, ...]
    everywhere: bool = False


class SystemStatus(Contract):
    """How one environment was at ``as_of``; ``rejected`` counts since the counting began.

    ``judged`` says until when workers have judged what came, left out where none has said so yet.
    ``unseen`` has the live run, and each replay that goes on, where a place of it is unseen.
    """

    environment: Environment
    as_of: UtcTime
    sources: tuple[SourceStatus, ...] = ()
    lags: tuple[PartitionLag, ...] = ()
    judged: JudgedUntil | None = None
    processes: tuple[ProcessStatus, ...] = ()
    rejected: dict[ReasonClass, Count] = Field(default_factory=dict)
    incidents_open: Count = 0
    unseen: tuple[UnseenPlaces, ...] = ()
    last_alert: LastAlert | None = None


class MonitorState(Contract):
    """What a monitor leaves to the next one.

    ``offsets`` are the next to read, by topic and partition. ``incidents`` holds, by identifier,
    when the last alert of an open incident was decided, and ``concerned`` whom it concerns, as
    ``episodes`` do; both are left out by a monitor that did not know. ``sounded`` is when a silence
    sounded last at a place.
    """

    offsets: dict[str, dict[int, int]] = Field(default_factory=dict)
    feeds: tuple[Feed, ...] = ()
    rejected: dict[ReasonClass, Count] = Field(default_factory=dict)
    incidents: dict[str, UtcTime] = Field(default_factory=dict)
    concerned: dict[str, OpenIncident] | None = None
    episodes: dict[str, OpenEpisode] | None = None
    coverage: tuple[RunCoverage, ...] = ()
    sounded: dict[ZoneName, UtcTime] = Field(default_factory=dict)
    last_alert: LastAlert | None = None


class Tally:
    """Counts what passes besides sources' clocks: rejected input, incidents, the last alert."""

    def __init__(self, state: MonitorState) -> None:
        self._rejected = dict(state.rejected)
        self._incidents = dict(state.incidents)
        self._concerned = Concerned(state.concerned or {}, state.episodes or {})
        self._last_alert = state.last_alert

    def take_rejected(self, record: Rejected) -> None:
        """Count one rejected message or report."""
        reason = record.reason_class
        self._rejected[reason] = self._rejected.get(reason, 0) + 1

    def take_alert(self, alert: AnyAlert, decided_ms: int) -> None:
        """Note an alert, and whether its incident is open; ``decided_ms`` is the wall clock."""
        decided = from_ms(decided_ms)
        if self._last_alert is None or decided >= self._last_alert.decided:
            self._last_alert = LastAlert(
                decided=decided,
                place=alert.place,
                event=alert.event,
                message_type=alert.message_type,
                status=alert.status,
            )
        self._concerned.take(alert)
        if not isinstance(alert, Alert) or alert.event != "airspace violation":
            return
        if alert.incident_state == "closed":
            self._incidents.pop(str(alert.incident_id), None)
        else:
            self._incidents[str(alert.incident_id)] = decided

    def concerned_places(self, run: str, source: str) -> Collection[str]:
        """Return the places where an incident of a source stands open."""
        return self._concerned.places_of(run, source)

    def state(
        self,
        feeds: SourceMonitor,
        coverage: CoverageMonitor,
        offsets: Mapping[str, Mapping[int, int]],
    ) -> MonitorState:
        """Return what the next monitor goes on from; ``offsets`` are the next to read."""
        return MonitorState(
            offsets={topic: dict(by_partition) for topic, by_partition in offsets.items()},
            feeds=tuple(feeds.all),
            rejected=self._rejected,
            incidents=self._incidents,
            concerned=self._concerned.incidents,
            episodes=self._concerned.episodes,
            coverage=coverage.all,
            sounded=feeds.sounded,
            last_alert=self._last_alert,
        )

    def status(
        self,
        environment: Environment,
        now_ms: int,
        feeds: SourceMonitor,
        coverage: CoverageMonitor,
        lags: tuple[PartitionLag, ...],
    ) -> SystemStatus:
        """Return how the environment is at ``now_ms``; forget incidents without news for a day."""
        now = from_ms(now_ms)
        old = [name for name, updated in self._incidents.items() if now - updated > _OPEN_KEPT]
        for name in old:
            del self._incidents[name]
        self._concerned.forget(old)
        return SystemStatus(
            environment=environment,
            as_of=now,
            sources=tuple(_source(feed, feeds, now_ms) for feed in feeds.all),
            lags=lags,
            rejected=self._rejected,
            incidents_open=len(self._incidents),
            unseen=tuple(_unseen(of_run, coverage) for of_run in coverage.all if of_run.unseen),
            last_alert=self._last_alert,
        )


def _unseen(of_run: RunCoverage, coverage: CoverageMonitor) -> UnseenPlaces:
    return UnseenPlaces(
        run=of_run.run,
        since=of_run.since,
        places=of_run.unseen,
        everywhere=len(of_run.unseen) == coverage.place_count,
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
        clock_off_s=_clock_off_s(feed),
        registered=None if feeds.is_registered(feed.key) else False,
    )


def _clock_off_s(feed: Feed) -> float | None:
    if feed.mistimed is None or _state(feed) != "clock":
        return None
    return feed.mistimed.off_ms / 1000


def _state(feed: Feed) -> SourceCondition:
    if feed.silence is not None and feed.silence.over is None:
        return feed.silence.cause
    return "ended" if feed.ended else "heard"


_SOURCE: Final = "source:"
_LAG: Final = "lag:"
_UNSEEN: Final = "unseen:"
_PROCESS: Final = "process:"
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
    if status.judged is not None:
        fields["judged"] = status.judged.to_json()
    for process in status.processes:
        fields[f"{_PROCESS}{process.name}"] = process.to_json()
    for source in status.sources:
        fields[f"{_SOURCE}{source.run}:{source.key}"] = source.to_json()
    for lag in status.lags:
        fields[f"{_LAG}{lag.topic}:{lag.partition}"] = lag.to_json()
    for unseen in status.unseen:
        fields[f"{_UNSEEN}{unseen.run}"] = unseen.to_json()
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
    unseen = [
        UnseenPlaces.model_validate_json(value)
        for name, value in fields.items()
        if name.startswith(_UNSEEN)
    ]
    processes = [
        ProcessStatus.model_validate_json(value)
        for name, value in fields.items()
        if name.startswith(_PROCESS)
    ]
    judged = fields.get("judged")
    last = fields.get("last_alert")
    return SystemStatus.model_validate(
        {
            "environment": fields["environment"].decode(),
            "as_of": fields["as_of"].decode(),
            "sources": sorted(
                sources, key=lambda source: (source.run != LIVE_RUN, source.run, source.key)
            ),
            "lags": sorted(lags, key=lambda lag: (lag.group, lag.topic, lag.partition)),
            "judged": None if judged is None else JudgedUntil.model_validate_json(judged),
            "processes": sorted(processes, key=lambda process: process.name),
            "rejected": _REJECTED.validate_json(fields["rejected"]),
            "incidents_open": int(fields["incidents_open"]),
            "unseen": sorted(unseen, key=lambda places: (places.run != LIVE_RUN, places.run)),
            "last_alert": None if last is None else LastAlert.model_validate_json(last),
        }
    )
