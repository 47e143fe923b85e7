"""A partition of which nothing is committed yet: its first messages are read again like others."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from talk import LONGEST_S

from skyfence.adapters.settings import Settings

pytestmark = pytest.mark.integration

_READ_AGAIN = 42
# Drops what it has read, and seeks as Faust does at each rebalance; it ends when the first message
# comes once more.
WORKER = """
import os
from skyfence.cli.worker import worker
from streams.track_agent import TrackAgent

offsets = []

async def look(self, message, *, more=False):
    if offsets and message.offset == 0:
        os._exit(42)
    offsets.append(message.offset)
    if len(offsets) == 3:
        await self.states._store._app.consumer.perform_seek()

TrackAgent.process = look
worker()
"""


async def _send(settings: Settings) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap) as producer:
        for _ in range(3):
            await producer.send_and_wait(settings.topics.tracks, b"x", partition=0)


def test_a_partition_without_a_commit_is_read_from_its_beginning(
    settings: Settings, processes: Processes
) -> None:
    """After a rebalance amid its first messages none of them is left out."""
    asyncio.run(_send(settings))
    process = processes.python(settings, "-c", WORKER)
    assert process.wait(LONGEST_S) == _READ_AGAIN, processes.said(process)
