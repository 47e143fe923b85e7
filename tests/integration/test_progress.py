"""How far all has come: `replay --wait` returns when the last alerts are delivered, no sooner."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from talk import LONGEST_S, NOON

from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.contracts.judging import JUDGED_KEY, JudgedUntil

pytestmark = pytest.mark.integration


async def test_it_is_drained_when_no_run_waits_for_a_decision(settings: Settings) -> None:
    """What was said before it was asked does not count, however little waited then."""
    async with (
        asyncio.timeout(LONGEST_S),
        AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap) as producer,
        GroupProgress(settings) as progress,
    ):

        async def say(undecided_runs: int) -> None:
            judged = JudgedUntil(as_of=NOON, until=NOON, undecided_runs=undecided_runs)
            value, key = judged.to_json(), JUDGED_KEY.encode()
            await producer.send_and_wait(settings.topics.judged, value, key)

        for _ in range(2):  # it may be asked again
            await say(0)
            draining = asyncio.create_task(progress.drained())
            for _ in range(20):
                await asyncio.wait({draining}, timeout=0.1)
                assert not draining.done()
                await say(3)
            while not draining.done():
                await say(0)
            await draining
