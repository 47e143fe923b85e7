"""The state of every place in one hash, written with the publishing: beside a real Valkey."""

import json
from datetime import timedelta
from typing import Any

import pytest
from builders import T0, place_alert
from redis.asyncio import Redis
from redis_server import Server
from words import ENGLISH

from consumers.channels.functions import RUNS_KEPT, ChannelFunctions, install
from consumers.channels.sink import RedisChannels
from skyfence.contracts.alert import AlertMessage, PlaceLevel, Timeline
from skyfence.contracts.channel_message import PublicAlertMessage
from skyfence.naming import Audience, Channel, Environment, places_key
from skyfence.operators.public_text import public_alert

EXERCISE = Environment.EXERCISE
KEY = places_key(EXERCISE)
CHANNEL = Channel(EXERCISE, Audience.OPERATORS, "AA-1")


def message(level: PlaceLevel, step: int = 1, **changes: Any) -> AlertMessage:
    """Return a step of an episode of AA-1."""
    alert = place_alert(level, step, **{"environment": EXERCISE, **changes})
    return AlertMessage(alert=alert, timeline=Timeline())


async def deliver(server: Server, *messages: AlertMessage) -> list[int | None]:
    """Deliver messages as the relay does; return what each led to."""
    sink = await RedisChannels.open(server.settings)
    try:
        return [await sink.deliver(message) for message in messages]
    finally:
        await sink.close()


async def states(redis: Redis) -> dict[str, tuple[int, str]]:
    """Return what is kept: run and place to episode and level."""
    fields: Any = await redis.hgetall(KEY)
    alerts = {
        name.decode(): json.loads(value)["alert"]
        for name, value in fields.items()
        if name != b"runs"
    }
    return {name: (alert["episode"], alert["level"]) for name, alert in alerts.items()}


async def test_the_last_message_of_a_place_is_its_state(server: Server, redis: Redis) -> None:
    """Each newer step takes the place of the one before it, and `clear` stays."""
    for step, level in enumerate(("prepare", "shelter", "clear"), 1):
        await deliver(server, message(level, step))  # type: ignore[arg-type]
        assert await states(redis) == {"live/AA-1": (1, level)}
        [(_, entry)] = await newest(redis)
        assert await redis.hget(KEY, "live/AA-1") == entry[b"message"]
    assert await redis.hgetall(CHANNEL.active) == {}


async def newest(redis: Redis) -> Any:
    """Return the newest entry of the channel's stream."""
    return await redis.xrevrange(CHANNEL.stream, count=1)


async def test_a_step_that_is_no_news_changes_nothing(server: Server, redis: Redis) -> None:
    """What Kafka hands out again does not bring back what was."""
    again = message("prepare", 1)
    assert await deliver(server, again, message("shelter", 2), again) == [0, 0, None]
    assert await states(redis) == {"live/AA-1": (1, "shelter")}


@pytest.mark.parametrize("minutes", [0, 5])
async def test_an_earlier_episode_s_end_may_come_late(
    server: Server, redis: Redis, minutes: int
) -> None:
    """Episodes travel in partitions of their own: the later one's state stands all the same."""
    first = message("shelter", 1)
    end = message("clear", 2)
    later = message("prepare", 1, episode=2, at=T0 + timedelta(minutes=minutes))
    assert await deliver(server, first, later, end) == [0, 0, 0]
    assert await states(redis) == {"live/AA-1": (2, "prepare")}


async def test_a_state_that_begins_anew_is_taken(server: Server, redis: Redis) -> None:
    """Where Kafka lost its memory episodes count from one again: what is later in time holds."""
    await deliver(server, message("shelter", episode=57))
    await deliver(server, message("prepare", at=T0 + timedelta(days=1)))
    assert await states(redis) == {"live/AA-1": (1, "prepare")}


async def test_a_damaged_state_stops_no_message(server: Server, redis: Redis) -> None:
    """What cannot be read is written over."""
    await redis.hset(KEY, "live/AA-1", "{")
    assert await deliver(server, message("shelter")) == [0]
    assert await states(redis) == {"live/AA-1": (1, "shelter")}


async def test_runs_that_are_over_leave_nothing_behind(server: Server, redis: Redis) -> None:
    """The live run stays, and of many replays those that said something last."""
    runs = [f"replay-{number}" for number in range(20)]
    await deliver(server, message("shelter"))
    for run in runs:
        await deliver(server, message("prepare", run=run), message("clear", place="AA", run=run))
    kept = {name.partition("/")[0] for name in await states(redis)}
    assert kept == {"live", *runs[-RUNS_KEPT:]}
    assert len(await states(redis)) == 1 + 2 * RUNS_KEPT


async def test_a_run_that_is_another_s_beginning_stays(server: Server, redis: Redis) -> None:
    """Making room for a run takes away that run alone."""
    await deliver(server, message("shelter", run="a"))
    for number in range(RUNS_KEPT):
        await deliver(server, message("shelter", run=f"a{number}"))
    kept = {name.partition("/")[0] for name in await states(redis)}
    assert kept == {f"a{number}" for number in range(RUNS_KEPT)}


async def test_incidents_and_the_public_s_text_are_no_state(redis: Redis) -> None:
    """Only the place's own message is kept, whatever else the channels carry."""
    await install(redis)
    public = public_alert(place_alert(environment=EXERCISE), {}, ENGLISH.public)
    assert public is not None
    channel = Channel(EXERCISE, Audience.PUBLIC, "AA-1")
    told = PublicAlertMessage(alert=public, timeline=Timeline())
    await ChannelFunctions(redis).deliver(channel, public, told)
    assert await redis.exists(KEY) == 0
