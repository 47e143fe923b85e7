"""What stands at the end of a fault run: in Kafka, in Redis, in the outboxes, and with receivers.

Collects; ``owed`` judges it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from readers import Readers

from consumers.outbox.items import Entry
from consumers.outbox.outbox import Outbox
from consumers.sms.gateways.options import own_reference
from consumers.webhooks.cloud_event import CloudEvent
from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import read_status
from skyfence.contracts.alert import AnyAlert, PublicAlert, parse_alert
from skyfence.monitoring.status import SystemStatus
from skyfence.naming import held_key
from skyfence.times import header_number

_READ_WITHIN_S = 60.0


@dataclass(frozen=True)
class Decided:
    """An alert as it was first decided, and when, wall clock in ms.

    ``reworded`` is what it said when a worker that had died judged the same again.
    """

    alert: AnyAlert
    at_ms: int
    reworded: tuple[AnyAlert, ...] = ()


@dataclass(frozen=True)
class Account:
    """What stands.

    ``decided`` are the alerts in Kafka, each once. ``posts`` came to the endpoint and ``sms`` to
    phones, in order: ``webhook-id`` and alert, number and reference; ``entries`` are the SMS
    outbox's, by that. ``rejected`` counts what the topic of that name holds.
    """

    decided: Sequence[Decided]
    public: Mapping[str, Sequence[PublicAlert]]
    held: int
    status: SystemStatus | None
    rejected: int
    posts: Sequence[tuple[str, AnyAlert]]
    sms: Sequence[tuple[str, str]]
    entries: Mapping[str, Entry]


async def account_of(
    settings: Settings, readers: Readers, public: Mapping[str, Sequence[PublicAlert]]
) -> Account:
    """Collect it; ``public`` is what a subscriber of the public's channels has heard."""
    async with await connect(settings) as redis:
        status = await read_status(redis, settings.environment)
        asked: Any = redis.hlen(held_key(settings.environment))
        held = int(await asked)
    records = await _records(settings, settings.topics.rejected)
    async with Outbox.open(readers.sms_outbox) as outbox:
        entries = await outbox._select("1", ())
    return Account(
        decided=await decided(settings),
        public=public,
        held=held,
        status=status,
        rejected=len(records),
        posts=[
            (name, CloudEvent.model_validate_json(body).data.alert) for name, body in readers.posts
        ],
        sms=readers.sms,
        entries={own_reference(entry.key): entry for entry in entries},
    )


async def decided(settings: Settings) -> list[Decided]:
    """Return the alerts in Kafka, each once."""
    by_id: dict[str, Decided] = {}
    for record in await _records(settings, settings.topics.alerts):
        at_ms = header_number(dict(record.headers).get("decided"))
        if at_ms is None:
            continue  # rubbish of a fault
        alert = parse_alert(record.value)
        first = by_id.setdefault(str(alert.alert_id), Decided(alert, at_ms))
        if alert not in (first.alert, *first.reworded):
            again = replace(first, reworded=(*first.reworded, alert))
            by_id[str(alert.alert_id)] = again
    return list(by_id.values())


async def _records(settings: Settings, topic: str) -> list[Any]:
    """Return all that a topic holds, each partition in order."""
    count = settings.topics.partitions(settings.track_partitions)[topic]
    partitions = [TopicPartition(topic, number) for number in range(count)]
    records: list[Any] = []
    async with AIOKafkaConsumer(**kafka_options(settings)) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        async with asyncio.timeout(_READ_WITHIN_S):
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for got in (await consumer.getmany(timeout_ms=500)).values():
                    records += got
    return records
