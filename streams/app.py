"""The Faust app: wires the two agents to their topics. Serves one environment.

    tracks ──track agent──▶ crossings
                          └▶ track.events ──incident agent──▶ alerts
              (either) ───────────────────────────────────▶ rejected

Every setting that decides what a crash loses is explained in docs/decisions/0001.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from mode import CrashingSupervisor

from skyfence.adapters import health_file
from skyfence.adapters.files import load_policy, load_zones
from skyfence.adapters.settings import Settings, load
from skyfence.airspace.airspace import Airspace
from skyfence.policy.policy import Policy
from skyfence.zones.zone_file import ZoneSet
from streams.checkpoint import CheckpointStore
from streams.driver.consumer import CheckpointingApp
from streams.driver.producer import credentials
from streams.idle_partitions import REPORT_EVERY_S, IdlePartitionReporter
from streams.incident_agent import IncidentAgent
from streams.partition_state import SNAPSHOT_EVERY_S, PartitionStates
from streams.sends import PendingSends, raw_topic
from streams.track_agent import TrackAgent

# Static members are waited for this long before others get their partitions.
_SESSION_TIMEOUT_S = 6.0
# What is not stored by then when partitions go is judged anew by their next worker.
_LEAVING_S = 2.0


def build(settings: Settings, zones: ZoneSet, policy: Policy) -> CheckpointingApp:
    """Make the app of an environment, its agents attached."""
    topics = settings.topics
    app = _app(settings)
    airspace = Airspace(zones)
    airspace.prepare()
    tracks = TrackAgent(
        airspace,
        policy,
        settings.environment,
        PendingSends(app, topics),
        CheckpointStore(app, settings, topics.tracks),
    )
    incidents = IncidentAgent(
        zones.names,
        settings.environment,
        PendingSends(app, topics),
        CheckpointStore(app, settings, topics.track_events),
    )
    idle = IdlePartitionReporter(app, topics, tracks.held, PendingSends(app, topics))
    _keep(app, {topics.tracks: tracks.held, topics.track_events: incidents.held}, tracks.settle)

    async def judge_tracks(stream: Any) -> None:
        frames = stream.noack()
        async for event in frames.events():
            await tracks.take(event.message, more=not frames.channel.empty())
            event.ack()  # means nothing to Kafka: checkpoints are what is committed

    async def tell_incidents(stream: Any) -> None:
        async for event in stream.noack().events():
            await incidents.take(event.message)
            event.ack()

    app.agent(raw_topic(app, topics.tracks), name="track_agent")(judge_tracks)
    app.agent(raw_topic(app, topics.track_events), name="incident_agent")(tell_incidents)

    async def show_health() -> None:
        while not app.should_stop:
            health_file.refresh(settings.health_file)
            await asyncio.sleep(health_file.REFRESH_S)

    async def tell_what_is_idle() -> None:
        while not app.should_stop:
            await asyncio.sleep(REPORT_EVERY_S)
            await idle.tell()

    app.task(show_health)
    app.task(tell_what_is_idle)
    return app


def _keep(
    app: CheckpointingApp,
    held: dict[str, PartitionStates[Any]],
    settle: Callable[[], Awaitable[None]],
) -> None:
    """Have the agents' states loaded and saved, by topic, as partitions come and go.

    ``settle`` waits until nothing is outstanding, so that a checkpoint covers all that was judged.
    """

    async def note_assigned(_: faust.App, assigned: Any, **__: Any) -> None:
        for topic, one in held.items():
            one.assigned(tp.partition for tp in assigned if tp.topic == topic)

    async def save_all() -> None:
        # Bounded: while partitions go, whoever has the turn may be waiting for the consumer.
        settling = asyncio.ensure_future(settle())
        done, _ = await asyncio.wait({settling}, timeout=_LEAVING_S)
        for task in done:
            task.result()
        for one in held.values():
            await one.save_all()

    async def save_what_is_due() -> None:
        while not app.should_stop:
            await settle()
            for one in held.values():
                one.tick()
            await asyncio.sleep(SNAPSHOT_EVERY_S / 2)

    # Faust keeps a weak reference only: without this the handler is gone at once.
    app.on_partitions_assigned.connect(note_assigned, weak=False)
    app.leaving = save_all
    app.task(save_what_is_due)


def _app(settings: Settings) -> CheckpointingApp:
    brokers = ";".join(f"kafka://{one}" for one in settings.kafka.bootstrap.split(","))
    return CheckpointingApp(
        settings.topics.worker_group,
        origin="streams.app",
        broker=brokers,
        broker_credentials=credentials(settings),
        store="memory://",
        web_enabled=False,
        web_bind="127.0.0.1",
        agent_supervisor=CrashingSupervisor,
        topic_allow_declare=False,  # skyfence.adapters.topics creates them
        topic_disable_leader=True,
        broker_session_timeout=_SESSION_TIMEOUT_S,
        broker_heartbeat_interval=_SESSION_TIMEOUT_S / 3,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id(settings.topics.worker_group),
        producer_acks=-1,
        producer_linger_ms=0,
    )


def __getattr__(name: str) -> faust.App:
    """Build ``app`` when Faust's own command line asks for it (``faust -A streams.app``)."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = load()
    zones = load_zones(settings.zones, settings.regions)
    return build(settings, zones, load_policy(settings.policy))
