"""Redis emptied under the whole pipeline: what stands is told to whoever comes then."""

import asyncio
import json
import subprocess
from collections.abc import Callable

import pytest
from talk import LONGEST_S, drained, entry, send

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.cli.places import ALL, channels_of
from skyfence.client.feed import AlertFeed, Connected, Received
from skyfence.contracts.channel_message import OperatorsMessage

pytestmark = pytest.mark.integration

Standing = set[tuple[str, str, int]]


async def standing(settings: Settings) -> Standing:
    """Return what a newcomer is told to stand: channel, event, step."""
    told: Standing = set()
    async with AlertFeed(settings, channels_of(settings, [ALL])) as feed:
        async for event in feed:
            if isinstance(event, Connected):
                return told
            if isinstance(event, Received) and isinstance(event.message, OperatorsMessage):
                alert = event.message.alert
                told.add((alert.channel, alert.event, alert.step))
    return told


async def test_a_newcomer_to_an_emptied_redis_hears_what_stands(
    settings: Settings, edges: Callable[[], list[subprocess.Popen[bytes]]]
) -> None:
    """Data and functions are gone; relay and worker run on, and nothing more is seen."""
    edges()
    await send(settings, json.dumps(entry("T1")).encode())
    await drained(settings)
    before = await standing(settings)
    assert {channel for channel, *_ in before} >= {"exercise:alerts:AA", "exercise:alerts:AA-S"}
    redis = await connect(settings)
    await redis.flushall()
    await redis.function_flush()
    await redis.aclose()
    async with asyncio.timeout(LONGEST_S):
        while await standing(settings) != before:
            pass
