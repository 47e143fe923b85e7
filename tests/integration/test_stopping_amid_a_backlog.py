"""A worker that is told to stop while messages wait leaves them to its successor."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from talk import LONGEST_S

from skyfence.adapters.settings import Settings

pytestmark = pytest.mark.integration

# Told to stop at its first message, which it deals with until it is the only one that is waited
# for; it ends with the number of messages that it has dealt with.
WORKER = """
import asyncio
import os
import signal
import sys
from skyfence.cli.worker import worker
from streams.track_agent import TrackAgent

handled = []

async def look(self, message, *, more=False):
    handled.append(message.offset)
    if handled == [0]:
        os.kill(os.getpid(), signal.SIGTERM)
        consumer = self.states._store._app.consumer
        while consumer._waiting_for_ack is None:
            await asyncio.sleep(0)

TrackAgent.process = look
try:
    worker()
finally:
    os._exit(len(handled))
"""


async def _send(settings: Settings) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap) as producer:
        for _ in range(3):  # one batch, fetched at once
            await producer.send(settings.topics.tracks, b"x", partition=0)


def test_messages_that_wait_are_not_waited_for(settings: Settings, processes: Processes) -> None:
    """A backlog of hundreds made a stop last until all of them were judged."""
    asyncio.run(_send(settings))
    process = processes.python(settings, "-c", WORKER)
    assert process.wait(LONGEST_S) == 1, processes.said(process)
