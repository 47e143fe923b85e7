"""The machine's clock is set on by ten minutes, or back by an hour, while everything runs."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from proc import Processes
from stepped_clock import COMPILER, SteppedClock
from talk import LONGEST_S, Subscriber, report

from skyfence.adapters.credentials import kafka_options
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import read_status
from skyfence.contracts.alert import FeedAlarm
from skyfence.monitoring.status import SystemStatus
from skyfence.times import format_time, to_ms

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which(COMPILER) is None, reason="no C compiler"),
    pytest.mark.usefixtures("clock"),  # before the servers are started
]
_HEARTBEAT_S = 0.5
# More than a silence takes to be told of would be, had the step been taken for time that passed.
_LOOKS = 3


@pytest.fixture
def clock(processes: Processes, tmp_path: Path) -> SteppedClock:
    """Return the clock of all processes that the test starts."""
    return SteppedClock(processes, tmp_path)


class Radar:
    """A source that says the time of day, in every heartbeat and report."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, clock: SteppedClock) -> None:
        self._producer = producer
        self._topic = topic
        self._clock = clock

    async def beat(self) -> None:
        """Say that it watches, and go on saying so."""
        while True:
            await self._send(b"[]")
            await asyncio.sleep(_HEARTBEAT_S)

    async def see_entry(self, track_id: str) -> None:
        """Report an object before and behind the border."""
        now = self._clock.now()
        await self._send(
            json.dumps(
                [
                    report(track_id, 0, lon) | {"time": format_time(now - timedelta(seconds=ago_s))}
                    for ago_s, lon in ((4, 22.01), (0, 21.99))
                ]
            ).encode()
        )

    async def _send(self, value: bytes) -> None:
        scan = str(to_ms(self._clock.now())).encode()
        await self._producer.send_and_wait(
            self._topic, value, key=b"radar", headers=[("scan-time", scan)]
        )


@asynccontextmanager
async def watching(settings: Settings, clock: SteppedClock) -> AsyncIterator[Radar]:
    """Yield a radar that sends its heartbeats."""
    async with AIOKafkaProducer(**kafka_options(settings)) as producer:
        radar = Radar(producer, settings.topics.tracks, clock)
        beating = asyncio.create_task(radar.beat())
        try:
            yield radar
            assert not beating.done()
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


async def looked_on(settings: Settings, clock: SteppedClock) -> SystemStatus:
    """Return the status after the monitor has looked some times by the clock as it is now."""
    since = clock.now()
    redis = await connect(settings)
    seen: dict[Any, SystemStatus] = {}
    async with asyncio.timeout(LONGEST_S):
        while len(seen) < _LOOKS:
            status = await read_status(redis, settings.environment)
            near = timedelta(seconds=LONGEST_S)
            if status is not None and since <= status.as_of <= since + near and status.sources:
                seen[status.as_of] = status
    await redis.aclose()
    return seen[max(seen)]


async def told_of(operator: Subscriber, track_id: str) -> None:
    """Return when an operator has heard of a track."""
    async with asyncio.timeout(LONGEST_S):
        while track_id not in {alert.track_id for alert in operator.alerts()}:
            await operator.settle()


@asynccontextmanager
async def stepped(
    settings: Settings, processes: Processes, clock: SteppedClock, step_s: int
) -> AsyncIterator[tuple[Subscriber, Radar]]:
    """Yield an operator and a radar after a step with a public message held, and nothing of it."""
    for name in ("worker", "relay", "monitor", "desk"):
        processes.skyfence(settings, name)
    redis = await connect(settings)
    async with Subscriber(settings) as operator, watching(settings, clock) as radar:
        await radar.see_entry("T1")
        await told_of(operator, "T1")
        async with asyncio.timeout(LONGEST_S):
            while not await redis.hlen("exercise:held"):
                pass
        clock.step(step_s)
        status = await looked_on(settings, clock)
        assert [source.state for source in status.sources] == ["heard"]
        assert await redis.hlen("exercise:held")
        yield operator, radar
        await operator.settle()
        assert not [m for m in operator.messages if isinstance(m.alert, FeedAlarm)]
    await redis.aclose()


async def test_a_step_on_is_no_time_that_passed(
    settings: Settings, processes: Processes, clock: SteppedClock
) -> None:
    """No source falls silent, no deadline of the public runs out, and who enters is told of."""
    async with stepped(settings, processes, clock, 600) as (operator, radar):
        await radar.see_entry("T2")
        await told_of(operator, "T2")


async def test_a_step_back_decides_nothing(
    settings: Settings, processes: Processes, clock: SteppedClock
) -> None:
    """Set back by an hour: no source falls silent by that, no deadline is put off or run out."""
    async with stepped(settings, processes, clock, -3_600):
        pass
