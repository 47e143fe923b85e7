"""A consumer whose last fetch has just failed is stopped like any other."""

import asyncio
import logging
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from proc import Processes, wait_for
from talk import LONGEST_S

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.settings import KafkaSettings, Settings
from skyfence.adapters.stopping import stop_reading
from skyfence.adapters.topics import ensure_topics
from skyfence.cli.local import embedded
from skyfence.naming import Environment

pytestmark = pytest.mark.integration

# The consumer is stopped while it waits for so long after the fetch that failed.
_PAUSE_MS = 600_000


class FailedFetch(logging.Handler):
    """Hears aiokafka say that a fetch has failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Failed fetch messages"):
            self.heard.set()


@pytest.fixture
def broker(processes: Processes, tmp_path: Path) -> tuple[subprocess.Popen[bytes], Settings]:
    """Return a broker that a test may end, and the settings that reach it."""
    port = embedded.free_port()
    server = embedded.kafka(port, tmp_path, None)
    process = processes.start(*server.command.arguments)
    wait_for(server)
    return process, Settings(
        environment=Environment.EXERCISE, kafka=KafkaSettings(bootstrap=f"{embedded.HOST}:{port}")
    )


async def test_a_consumer_is_stopped_whose_fetch_has_just_failed(
    broker: tuple[subprocess.Popen[bytes], Settings],
) -> None:
    """Nobody takes the end of a consumer's fetches for his own, and none of them goes on."""
    process, settings = broker
    await ensure_topics(settings)
    consumer = AIOKafkaConsumer(retry_backoff_ms=_PAUSE_MS, **kafka_options(settings))
    await consumer.start()
    consumer.assign([TopicPartition(settings.topics.tracks, 0)])
    failed, log = FailedFetch(), logging.getLogger("aiokafka.consumer.fetcher")
    log.addHandler(failed)
    try:
        async with asyncio.timeout(LONGEST_S):
            await consumer.position(TopicPartition(settings.topics.tracks, 0))
            process.kill()
            await failed.heard.wait()
            await stop_reading(consumer)
            await no_task_is_left()
    finally:
        log.removeHandler(failed)


async def test_a_consumer_is_stopped_that_has_just_begun(
    broker: tuple[subprocess.Popen[bytes], Settings],
) -> None:
    """Before its tasks have had their first turn."""
    consumer = AIOKafkaConsumer(**kafka_options(broker[1]))
    await consumer.start()
    async with asyncio.timeout(LONGEST_S):
        await stop_reading(consumer)
        await no_task_is_left()


async def no_task_is_left() -> None:
    """Return when all tasks but this one have ended."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
