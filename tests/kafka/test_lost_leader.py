"""A partition that had no leader for long: what was sent then is lost, what comes after is not."""

import asyncio
import contextlib
import signal
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError
from apache import Cluster, settings_of
from talk import LONGEST_S

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.kafka import LastingProducer, admin_client

_TOPIC = "kept-once"
_KEEPER = 2  # the node that has the only copy
# For so long a partition may be without a leader before a message is given up.
_GIVEN_UP_MS = 1_000


async def test_a_producer_goes_on_after_it_has_given_up_a_message(
    three: Cluster, redis: dict[str, Any]
) -> None:
    """Three are sent, one before, one while and one after the only copy is away: two are stored."""
    settings = settings_of(three, redis)
    keeper = next(node for node in three.nodes if node.number == _KEEPER)
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(_TOPIC, -1, -1, replica_assignments={0: [_KEEPER]})])
    sender = LastingProducer(
        lambda: AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=_GIVEN_UP_MS,
            **kafka_options(settings),
        )
    )
    await sender.send(_TOPIC, b"before", b"key")
    three.send(keeper, signal.SIGKILL)
    with pytest.raises(KafkaError):
        await sender.send(_TOPIC, b"while", b"key")
    three.start(keeper)
    await three.answers(keeper)
    async with asyncio.timeout(LONGEST_S):
        while True:
            with contextlib.suppress(KafkaError):  # it may not lead again at once
                await sender.send(_TOPIC, b"after", b"key")
                break
    await sender.stop()
    async with AIOKafkaConsumer(**kafka_options(settings)) as consumer:
        partition = TopicPartition(_TOPIC, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        stored = [(await consumer.getone(partition)).value for _ in range(2)]
    assert stored == [b"before", b"after"]
