"""The worker's app: wires the two agents to their topics and checkpoints, for one environment.

    tracks ──track agent──▶ crossings
                          └▶ track.events ──incident agent──▶ alerts
              (either) ───────────────────────────────────▶ rejected

What Faust is told, and why, is in ``streams.driver`` and docs/decisions/0001.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any

from skyfence.adapters import health_file
from skyfence.adapters.clock import SteadyClock
from skyfence.adapters.files import load_catalogue, policy_of, zones_of
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.signing_keys import keys_that_count
from skyfence.adapters.watchdog import WATCHDOG
from skyfence.airspace.airspace import Airspace
from skyfence.policy.policy import Policy
from skyfence.times import header_number
from skyfence.zones.zone_file import ZoneSet
from streams import idle_partitions
from streams import judging as judging_reports
from streams.arrival_clock import ArrivalClock
from streams.checkpoint import CheckpointStore
from streams.driver.app import CheckpointingApp, new_app
from streams.driver.message import KafkaMessage
from streams.event_pace import EventPace
from streams.idle_partitions import IdlePartitionReporter
from streams.incident_agent import IncidentAgent
from streams.judging import JudgingProgress, JudgingReporter
from streams.log_watch import LOOK_EVERY_S, LogWatch
from streams.partition_state import SNAPSHOT_EVERY_S, PartitionStates
from streams.sends import PendingSends
from streams.stored_alerts import stored_alerts
from streams.track_agent import TrackAgent
from streams.turns import Turns

# What is not stored by then when partitions go is judged anew by their next worker.
_LAST_FLUSH_S = 2.0
# An agent that comes no step further for so long is stuck: the loading of a checkpoint of 100,000
# tracks, which comes before the first message, takes 8 s.
_STUCK_S = 30.0


def build(settings: Settings, zones: ZoneSet, policy: Policy) -> CheckpointingApp:
    """Make the app of an environment, its agents attached."""
    topics = settings.topics
    app = new_app(settings)
    airspace = Airspace(zones)
    airspace.prepare()
    clock, turns, pace = SteadyClock(), Turns(), EventPace()
    tracks = TrackAgent(
        airspace,
        policy,
        settings.environment,
        partial(PendingSends, app, topics),
        CheckpointStore(app, settings, topics.tracks),
        arrivals=ArrivalClock(clock.latest_ms),
        signing_keys=keys_that_count(settings.signing_keys, policy.signing_sources),
        turns=turns,
        pace=pace,
    )
    incidents = IncidentAgent(
        zones.names,
        load_catalogue().english.operators,
        settings.environment,
        PendingSends(app, topics),
        CheckpointStore(app, settings, topics.track_events),
        nations=zones.nations,
        biases=policy.biases,
        stored_alerts=partial(stored_alerts, settings),
        judging=JudgingProgress(settings.track_partitions),
        turns=turns,
    )

    async def process_event(message: KafkaMessage, *, more: bool) -> None:
        await incidents.process(message, more=more)
        pace.note_decided(header_number(message.headers.get("partition")))

    app.consume(topics.tracks, "track_agent", tracks.process)
    app.consume(topics.track_events, "incident_agent", process_event)
    states: dict[str, PartitionStates[Any]] = {
        topics.tracks: tracks.states,
        topics.track_events: incidents.states,
    }
    _attach_checkpoints(app, states, tracks)
    app.on_assigned(
        lambda assigned: pace.on_assigned(decides_here=(topics.track_events, 0) in assigned)
    )
    app.on_queues_left(pace.on_leaving)
    idle = IdlePartitionReporter(app, topics, tracks.states, PendingSends(app, topics), clock)
    judging = JudgingReporter(app, topics, tracks.states, PendingSends(app, topics))
    _attach_reports(app, settings, idle, judging)
    comparisons = {topics.tracks: tracks.compare, topics.track_events: incidents.compare}
    _attach_repeated(app, LOOK_EVERY_S, LogWatch(app, comparisons).look)
    return app


def _attach_checkpoints(
    app: CheckpointingApp,
    states: dict[str, PartitionStates[Any]],
    tracks: TrackAgent,
) -> None:
    """Have the agents' states, by topic, loaded and saved as partitions come and go.

    Before that nothing is outstanding, so that a checkpoint covers all that was judged.
    """

    def note_assigned(assigned: Collection[tuple[str, int]]) -> None:
        for topic, topic_states in states.items():
            topic_states.on_assigned(number for name, number in assigned if name == topic)

    async def save_all() -> None:
        # Bounded: the agent that holds a lock may be waiting for the consumer, which waits here.
        flushing = asyncio.ensure_future(tracks.flush())
        done, _ = await asyncio.wait({flushing}, timeout=_LAST_FLUSH_S)
        for task in done:
            task.result()
        for topic_states in states.values():
            await topic_states.save_all()

    async def snapshot_regularly() -> None:
        while not app.stopping:
            await tracks.flush_idle()
            for topic_states in states.values():
                topic_states.snapshot_due()
            await asyncio.sleep(SNAPSHOT_EVERY_S / 2)

    app.on_assigned(note_assigned)
    app.on_leaving = save_all
    app.in_background(snapshot_regularly)


def _attach_reports(
    app: CheckpointingApp,
    settings: Settings,
    idle: IdlePartitionReporter,
    judging: JudgingReporter,
) -> None:
    """Have the worker show that it is alive, and how far each of its partitions is judged."""

    async def refresh_health_file() -> None:
        try:
            while not app.stopping:
                if app.longest_step_s < _STUCK_S:
                    health_file.refresh(settings.health_file)
                await asyncio.sleep(health_file.REFRESH_S)
        finally:
            WATCHDOG.begin_stop()  # Faust has crashed, or was told to stop

    app.in_background(refresh_health_file)
    _attach_repeated(app, idle_partitions.LOOK_EVERY_S, idle.report)
    _attach_repeated(app, judging_reports.REPORT_EVERY_S, judging.report)


def _attach_repeated(
    app: CheckpointingApp, every_s: float, work: Callable[[], Awaitable[None]]
) -> None:
    """Have the worker do something again and again; an exception ends the process."""

    async def repeat() -> None:
        while not app.stopping:
            await asyncio.sleep(every_s)
            await work()

    app.in_background(repeat)


def __getattr__(name: str) -> CheckpointingApp:
    """Build ``app`` when Faust's own command line asks for it (``faust -A streams.app``)."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = load()
    zones = zones_of(settings)
    return build(settings, zones, policy_of(settings, zones))
