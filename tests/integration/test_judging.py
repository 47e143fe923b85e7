"""Every watcher is told when reports are not judged: without a worker, or with one that hangs."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from proc import Processes
from talk import LONGEST_S

from skyfence.adapters.progress import commits_within
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.adapters.status_store import read_status
from skyfence.client.feed import AlertFeed, FeedEvent, Judged, Unjudged
from skyfence.errors import UsageError
from skyfence.naming import Audience, Channel, Environment

pytestmark = pytest.mark.integration

CHANNEL = Channel(Environment.EXERCISE, Audience.OPERATORS, "AA")
# What is promised; half as much again for a machine that runs other tests beside this one.
TOLD_WITHIN_S = 15.0
MARGIN_S = 7.5

# The incident agent hangs in a message once the file is there; all else goes on.
STUCK = """
import asyncio, pathlib, sys
from skyfence.cli.worker import worker
from streams.incident_agent import IncidentAgent

process = IncidentAgent.process

async def hang(self, message, **options):
    while pathlib.Path(sys.argv[1]).exists():
        await asyncio.sleep(0.1)
    await process(self, message, **options)

IncidentAgent.process = hang
worker.main(args=[])
"""


async def seen(events: AsyncIterator[FeedEvent], kind: type[FeedEvent], within_s: float) -> None:
    """Return when an event of a kind comes; fail after so many seconds."""
    async with asyncio.timeout(within_s):
        async for event in events:
            if isinstance(event, kind):
                return


async def test_a_watcher_hears_of_a_worker_that_hangs(
    settings: Settings, processes: Processes
) -> None:
    """Before the first one is there, when it is suspended, and that it is well again."""
    processes.skyfence(settings, "relay")
    async with AlertFeed(settings, [CHANNEL]) as feed:
        events = aiter(feed)
        await seen(events, Unjudged, LONGEST_S)
        worker = processes.skyfence(settings, "worker")
        await seen(events, Judged, LONGEST_S)
        worker.send_signal(signal.SIGSTOP)
        await seen(events, Unjudged, TOLD_WITHIN_S + MARGIN_S)
        worker.send_signal(signal.SIGCONT)
        await seen(events, Judged, LONGEST_S)


async def test_a_watcher_hears_of_a_stuck_incident_agent(
    settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """The loop turns and tracks are judged, but nothing is decided."""
    hangs = tmp_path / "hangs"
    processes.skyfence(settings, "relay")
    async with AlertFeed(settings, [CHANNEL]) as feed:
        events = aiter(feed)
        await seen(events, Unjudged, LONGEST_S)
        processes.python(settings, "-c", STUCK, str(hangs))
        await seen(events, Judged, LONGEST_S)
        hangs.touch()
        await seen(events, Unjudged, TOLD_WITHIN_S + MARGIN_S)
        hangs.unlink()
        await seen(events, Judged, LONGEST_S)


async def test_the_status_shows_which_process_hangs(
    settings: Settings, processes: Processes
) -> None:
    """All of them are recent once they run; the one that is suspended falls behind alone."""
    for name in ("worker", "relay", "monitor"):
        processes.skyfence(settings, name)
    desk = processes.skyfence(settings, "desk")
    async with asyncio.timeout(LONGEST_S):
        while await late(settings) != set():
            pass
        desk.send_signal(signal.SIGSTOP)
        while await late(settings) != {"desk"}:
            pass


async def test_a_second_redis_on_one_kafka_is_refused(
    settings: Settings, processes: Processes, tmp_path: Path
) -> None:
    """Each alert would go to one of two relays: an `up` with a Redis of its own does not start."""
    judged = TopicPartition(settings.topics.judged, 0)
    assert not await commits_within(settings, settings.topics.relay_group, judged, 0.1)
    processes.skyfence(settings, "relay")
    async with AlertFeed(settings, [CHANNEL]) as feed:
        events = aiter(feed)
        await seen(events, Unjudged, LONGEST_S)
        processes.skyfence(settings, "worker")
        await seen(events, Judged, LONGEST_S)
    named = {"SKYFENCE_KAFKA_BOOTSTRAP": settings.kafka.bootstrap, "XDG_STATE_HOME": str(tmp_path)}
    up = processes.start(sys.executable, "-m", "skyfence", "up", **named)
    assert await asyncio.to_thread(up.wait, LONGEST_S) == UsageError.exit_code
    assert "SKYFENCE_REDIS_URL: is needed" in processes.said(up)


async def late(settings: Settings) -> set[str]:
    """Return the processes of which nothing recent is known, by the status."""
    async with contextlib.aclosing(await connect(settings)) as redis:
        status = await read_status(redis, settings.environment)
    done_to: dict[str, datetime | None] = dict.fromkeys(("worker", "relay", "desk"))
    if status is None:
        return {*done_to}
    done_to["worker"] = None if status.judged is None else status.judged.until
    done_to |= {process.name: process.done_to for process in status.processes}
    return {
        name
        for name, done in done_to.items()
        if done is None or (status.as_of - done).total_seconds() > TOLD_WITHIN_S
    }
