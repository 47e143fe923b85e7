"""The alerts that stand in Kafka, for an incident agent that has lost its state.

Reads the topic from its first message to where it ends when the reading begins. Needs no group and
commits nothing. Feed alarms are passed over.
"""

from collections.abc import AsyncIterator
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import Alert, PlaceAlert, parse_alert
from skyfence.contracts.base import describe_validation_error

log = structlog.get_logger()

_FETCH_MS: Final = 1_000


async def stored_alerts(settings: Settings) -> AsyncIterator[Alert | PlaceAlert]:
    """Yield every alert of an incident or a place that the environment's ``alerts`` holds.

    In order within each partition. Raise aiokafka's errors where Kafka does not answer.
    """
    consumer = AIOKafkaConsumer(
        **kafka_options(settings), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        topic = settings.topics.alerts
        count = settings.topics.partitions(settings.track_partitions)[topic]
        partitions = [TopicPartition(topic, number) for number in range(count)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(at) < end for at, end in ends.items()]):
            fetched = await consumer.getmany(timeout_ms=_FETCH_MS)
            for records in fetched.values():
                for record in records:
                    alert = _alert(record.value or b"", record.partition, record.offset)
                    if alert is not None:
                        yield alert
    finally:
        await consumer.stop()


def _alert(value: bytes, partition: int, offset: int) -> Alert | PlaceAlert | None:
    try:
        alert = parse_alert(value)
    except ValidationError as error:
        reason = describe_validation_error(error)
        log.warning("alert.unreadable", partition=partition, offset=offset, reason=reason)
        return None
    return alert if isinstance(alert, Alert | PlaceAlert) else None
