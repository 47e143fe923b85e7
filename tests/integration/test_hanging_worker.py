"""A worker that crashes, and does not come to an end by itself, is ended by its watchdog."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from talk import LONGEST_S

from skyfence.adapters.settings import Settings
from skyfence.adapters.watchdog import EXIT_HUNG

pytestmark = pytest.mark.integration

# An agent that fails at its first message, in a Faust whose stop never ends.
WORKER = """
import asyncio
from skyfence.cli.worker import worker
from streams.driver.app import CheckpointingApp
from streams.track_agent import TrackAgent

async def fail(self, message, *, more=False):
    raise RuntimeError("a test's")

async def wait_for_ever(self):
    await asyncio.Event().wait()

TrackAgent.process = fail
CheckpointingApp.stop = wait_for_ever
worker()
"""


async def _send(settings: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap)
    async with producer:
        await producer.send_and_wait(settings.topics.tracks, b"x", partition=0)


def test_a_worker_that_crashes_ends(settings: Settings, processes: Processes) -> None:
    """However long Faust would take to stop after the crash of an agent."""
    asyncio.run(_send(settings))
    limited = settings.changed(watchdog={"stop_s": 2.0})
    process = processes.python(limited, "-c", WORKER)
    assert process.wait(LONGEST_S) == EXIT_HUNG
    said = processes.said(process)
    assert "it was to stop and did not" in said
    assert "most recent call first" in said
