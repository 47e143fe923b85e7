"""The description of the Redis sink: ``skyfence sink redis``, which is ``skyfence relay``.

Guarantee: ``consumers.channels.sink`` says it. Where Redis is, the settings say, because the
monitor, the desk and subscribers need to know it, too.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumers.channels.sink import RedisChannels
from consumers.sink import OpenSink, SinkComponent
from skyfence.components.component import ComponentOptions, Context


class RedisOptions(ComponentOptions):
    """The Redis sink has no options of its own."""


@asynccontextmanager
async def open_redis(_: RedisOptions, context: Context) -> AsyncIterator[OpenSink]:
    """Connect to the settings' Redis."""
    settings, group = context.settings, context.settings.topics.relay_group
    channels = await RedisChannels.open(settings)
    try:
        yield OpenSink(
            sink=channels,
            group=group,
            beat=channels.beat,
            deliver_all=channels.deliver_all,
            reconciler=channels.reconciler(settings, group),
        )
    finally:
        await channels.close()


COMPONENT = SinkComponent(
    name="redis",
    summary="alerts to the Redis channels of regions, nations and the alliance",
    guarantee="at least once to Redis; to a subscriber who follows the sequence, once and in order",
    options=RedisOptions,
    open=open_redis,
    docs="docs/clients.md",
    metrics=("skyfence_alerts_delivered", "skyfence_alerts_repeated"),
    process="relay",
)
