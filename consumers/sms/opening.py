"""Opens one SMS gateway with its lists, its texts and its outbox.

    alerts ──▶ relay (a group for each gateway) ──▶ SmsSink ──▶ outbox ──▶ Sender ──▶ gateway

Whatever is wrong with the gateway's file, its lists or its texts is found before the first alert.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import structlog
from redis.asyncio import Redis

from consumers.outbox.outbox import Outbox
from consumers.sink import OpenSink
from consumers.sms import recipient_lists
from consumers.sms.files import load_gateway
from consumers.sms.gateways import registry
from consumers.sms.outcome import Receipts
from consumers.sms.rules.exercise_guard import check_agreement
from consumers.sms.rules.gateway_file import IN_REDIS, GatewayFile
from consumers.sms.rules.recipients import KnownPlaces
from consumers.sms.rules.texts import Texts, too_long
from consumers.sms.sender import Sender
from consumers.sms.sink import SmsSink
from skyfence.adapters.files import load_catalogue, member_places, zones_of
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.components.component import Context

log = structlog.get_logger()


@asynccontextmanager
async def open_gateway(path: Path, context: Context) -> AsyncIterator[OpenSink]:
    """Open the gateway that a file describes."""
    settings, environment, clock = context.settings, context.settings.environment, context.clock
    file = load_gateway(path)
    check_agreement(environment, exercises=file.exercises, where=str(path))
    texts, places = texts_of(settings, file.texts), member_places(settings)
    async with (
        Outbox.open_exclusive(Path(file.outbox)) as outbox,
        lists_redis(settings, file) as redis,
    ):
        known = KnownPlaces(texts.languages, places)
        people = recipient_lists.recipients(file, environment, known, redis)
        opt_outs = recipient_lists.opt_outs(file, environment, redis)
        recipients = len((await people.get()).recipients)  # whole, or nothing begins
        await opt_outs.get()
        for line in texts.fall_backs():
            log.warning("sms.text_missing", text=line)
        for line in too_long(texts, places, environment):
            log.warning("sms.text_too_long", text=line)
        receipts = Receipts(outbox, file.name, clock)
        async with registry.gateway(file.adapter, file.options, receipts.take) as gateway:
            sender = Sender(
                gateway,
                outbox,
                texts=texts,
                file=file,
                environment=environment,
                opt_outs=opt_outs.get,
                clock=clock,
                rng=Random(),  # noqa: S311 - of pauses
            )
            sink = SmsSink(
                outbox,
                file=file,
                environment=environment,
                people=people.get,
                opt_outs=opt_outs.get,
                wake=sender.wake,
                clock=clock,
            )
            group = settings.topics.sink_group(f"sms-{file.name}")
            log.info("sms.begun", gateway=file.name, recipients=recipients, group=group)
            yield OpenSink(
                sink=sink,
                group=group,
                background=sender.run,
                deliver_standing=sink.deliver_standing,
                tells_itself=True,
            )


def texts_of(settings: Settings, folder: str | None) -> Texts:
    """Return the texts that come along, and a folder's beside them or in their place."""
    names = zones_of(settings).names
    return Texts(load_catalogue(None if folder is None else Path(folder)), names)


@asynccontextmanager
async def lists_redis(settings: Settings, file: GatewayFile) -> AsyncIterator[Redis | None]:
    """Connect to Redis, if one of a gateway's lists stands there."""
    if IN_REDIS not in (file.recipients, file.opt_outs):
        yield None
        return
    redis = await connect(settings)
    try:
        yield redis
    finally:
        await redis.aclose()
