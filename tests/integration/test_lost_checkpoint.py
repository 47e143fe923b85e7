"""An incident agent whose checkpoint cannot be read, on the embedded broker."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from builders import T0, clock, track_event
from proc import Processes
from words import ENGLISH

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import producer
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import Alert, is_abandoned
from skyfence.incidents.manager import IncidentManager
from streams.stored_alerts import stored_alerts

pytestmark = pytest.mark.integration


def told(settings: Settings) -> list[Alert]:
    """Return the alerts of incidents that stand open, in several partitions."""
    manager = IncidentManager(settings.environment, {}, ENGLISH.operators)
    events = [track_event("entered", 1, track_id=f"T{track}") for track in range(8)]
    return [alert for event in events for alert in manager.process(event)]


async def store(settings: Settings, topic: str, messages: dict[bytes, bytes]) -> None:
    """Store messages in a topic, by their values, with their keys."""
    sender = producer(settings)
    await sender.start()
    try:
        for value, key in messages.items():
            await sender.send_and_wait(topic, value, key)
    finally:
        await sender.stop()


async def test_all_alerts_that_kafka_holds_are_read(settings: Settings) -> None:
    """From every partition, and what is no alert is passed over."""
    alerts = told(settings)
    messages = {alert.to_json(): str(alert.incident_id).encode() for alert in alerts}
    await store(settings, settings.topics.alerts, messages | {b"no alert": b"key"})
    async with asyncio.timeout(60):
        read = [alert async for alert in stored_alerts(settings)]
    assert sorted(alert.alert_id for alert in read) == sorted(alert.alert_id for alert in alerts)


async def test_a_worker_ends_what_it_cannot_remember(
    settings: Settings, processes: Processes
) -> None:
    """A commit names a checkpoint that is gone: the worker ends every open chain, once."""
    alerts = told(settings)
    messages = {alert.to_json(): str(alert.incident_id).encode() for alert in alerts}
    await store(settings, settings.topics.alerts, messages)
    events = TopicPartition(settings.topics.track_events, 0)
    group = AIOKafkaConsumer(
        **kafka_options(settings), group_id=settings.topics.worker_group, enable_auto_commit=False
    )
    await group.start()
    group.assign([events])
    await group.commit({events: OffsetAndMetadata(0, "checkpoint 12345")})
    await group.stop()
    await store(settings, events.topic, {clock(T0).to_json(): b"radar"})
    processes.skyfence(settings, "worker")
    async with asyncio.timeout(120):
        while len(ended := await cancels(settings)) < len(alerts):
            pass
    chains = {(alert.incident_id, alert.channel) for alert in alerts}
    assert sorted((a.incident_id, a.channel) for a in ended) == sorted(chains)
    assert all(is_abandoned(alert) and alert.step == 2 for alert in ended)


async def cancels(settings: Settings) -> list[Alert]:
    """Return the Cancels that stand in ``alerts``."""
    alerts = [alert async for alert in stored_alerts(settings) if isinstance(alert, Alert)]
    return [alert for alert in alerts if alert.message_type == "Cancel"]
