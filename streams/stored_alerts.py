"""The alerts that stand in Kafka, for an incident agent that has lost its state.

Reads the topic from its first message to where it ends when the reading begins. Needs no group and
commits nothing. Feed alarms are passed over.
"""

from collections.abc import AsyncIterator

import structlog
from pydantic import ValidationError

from skyfence.adapters.settings import Settings
from skyfence.adapters.stored_records import stored_records
from skyfence.contracts.alert import Alert, PlaceAlert, parse_alert
from skyfence.contracts.base import describe_validation_error

log = structlog.get_logger()


async def stored_alerts(settings: Settings) -> AsyncIterator[Alert | PlaceAlert]:
    """Yield every alert of an incident or a place that the environment's ``alerts`` holds.

    In order within each partition. Raise aiokafka's errors where Kafka does not answer.
    """
    async for record in stored_records(settings, settings.topics.alerts):
        alert = _alert(record.value or b"", record.partition, record.offset)
        if alert is not None:
            yield alert


def _alert(value: bytes, partition: int, offset: int) -> Alert | PlaceAlert | None:
    try:
        alert = parse_alert(value)
    except ValidationError as error:
        reason = describe_validation_error(error)
        log.warning("alert.unreadable", partition=partition, offset=offset, reason=reason)
        return None
    return alert if isinstance(alert, Alert | PlaceAlert) else None
