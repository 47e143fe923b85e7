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
from skyfence.incidents.lost_state import LastMessages, end_open_chains, keep_last
from skyfence.naming import Audience, Channel, Environment, places_key
from skyfence.operators.public_text import public_alert

EXERCISE = Environment.EXERCISE
KEY = places_key(EXERCISE)
MINUTE = timedelta(minutes=1)
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


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1)], ids=["in order", "the end late"])
async def test_an_episode_that_was_given_up_gives_way_to_the_next(
    server: Server, redis: Redis, order: tuple[int, int, int]
) -> None:
    """An agent that lost its state ends an episode by the wall clock, later than the next began."""
    first = place_alert("shelter", environment=EXERCISE)
    last: LastMessages = {}
    keep_last(last, first)
    recovered = T0 + timedelta(minutes=10)
    _, [cancel] = end_open_chains(last, EXERCISE, ENGLISH.operators.abandoned, recovered)
    begins = place_alert(
        "prepare", episode=2, at=recovered - timedelta(seconds=30), environment=EXERCISE
    )
    told = [AlertMessage(alert=alert, timeline=Timeline()) for alert in (first, cancel, begins)]
    await deliver(server, *(told[number] for number in order))
    assert await states(redis) == {"live/AA-1": (2, "prepare")}


@pytest.mark.parametrize("minutes", [-1, 0])
async def test_a_later_episode_holds_whatever_its_time(
    server: Server, redis: Redis, minutes: int
) -> None:
    """The number of the episode decides: a source that is behind gives it an earlier time."""
    earlier = message("shelter", 7, episode=4)
    await deliver(server, earlier, message(episode=5, level="prepare", at=T0 + minutes * MINUTE))
    assert await states(redis) == {"live/AA-1": (5, "prepare")}


async def test_a_message_of_an_earlier_episode_that_is_not_later_changes_nothing(
    server: Server, redis: Redis
) -> None:
    """What Kafka hands out again after Redis has forgotten its steps is no news."""
    await deliver(server, message("prepare", episode=5, at=T0 + MINUTE), message("shelter", 3))
    assert await states(redis) == {"live/AA-1": (5, "prepare")}


async def test_a_state_that_begins_anew_is_taken(server: Server, redis: Redis) -> None:
    """Where Kafka lost its memory episodes count from one again: what is later in time holds.

    So it does from an older checkpoint, whose first steps Redis may know already.
    """
    await deliver(server, message("shelter", episode=57))
    await deliver(server, message("prepare", 4, episode=56, at=T0 + timedelta(days=1)))
    assert await states(redis) == {"live/AA-1": (56, "prepare")}
    await deliver(server, message("prepare", at=T0 + timedelta(days=2)))
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
