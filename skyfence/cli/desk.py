"""``skyfence desk``: carries out operators' commands, and decides what the public is told."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import uuid4

import click
from aiokafka.errors import KafkaError

from consumers.channels.functions import ChannelFunctions, install
from consumers.channels.reconciling import RedisReconciler, check_rights
from consumers.desk.audit import check_audit
from consumers.desk.commands import CommandService
from consumers.desk.release import ReleaseService
from consumers.relay import Relay
from consumers.sink import OpenSink
from skyfence.adapters.clock import SteadyClock
from skyfence.adapters.files import load_catalogue, policy_of, zones_of
from skyfence.adapters.kafka import LastingProducer, producer
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings, load
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.cli import bootstrap
from skyfence.cli.zone_options import add_zones_option
from skyfence.contracts.track_event import OperatorEvent
from skyfence.errors import UnavailableError
from skyfence.policy.policy import Policy
from skyfence.texts.tables import PublicTexts
from skyfence.times import from_ms


@click.command()
@add_zones_option
def desk() -> None:
    """Serve operators: acknowledge, close, join, release … (settings: SKYFENCE_… variables)."""
    settings = load()
    zones = zones_of(settings)
    policy, names, places = policy_of(settings, zones), zones.names, zones.places
    texts = load_catalogue().english.public
    bootstrap.serve(
        settings, "desk", lambda: _run(settings, policy, names, texts, places), patient=True
    )


async def _run(
    settings: Settings,
    policy: Policy,
    names: Mapping[str, str],
    texts: PublicTexts,
    places: Collection[str],
) -> None:
    redis, sender = await connect(settings), LastingProducer(lambda: producer(settings))
    topics = settings.topics

    async def hand_over(event: OperatorEvent) -> None:
        try:
            await sender.send(topics.track_events, event.to_json(), key=event.run.encode())
        except KafkaError as error:
            raise UnavailableError(f"kafka took no operator's event: {error}") from None

    try:
        await install(redis)
        await check_audit(redis, settings)
        functions = ChannelFunctions(redis)
        await check_rights(functions, settings)
        clock = SteadyClock()

        def now() -> datetime:
            return from_ms(clock.now_ms())

        public = ReleaseService(redis, settings.environment, policy, names, texts=texts, now=now)
        commands = CommandService(
            redis,
            settings.environment,
            public,
            hand_over,
            places=places,
            name=f"desk-{uuid4()}",
            now=now,
        )
        group = topics.sink_group("desk")
        opened = OpenSink(
            sink=public,
            group=group,
            reconciler=RedisReconciler(settings, functions, group, public.restore_all),
            tells_itself=True,
        )
        await run_until_first_exit(commands.run(), Relay(settings, opened).run())
    finally:
        await sender.stop()
        await redis.aclose()
