"""The Redis sink and its functions beside a real Valkey: versions, rights, steps."""

import json
from typing import Any

import pytest
from builders import T0, place_alert
from redis.asyncio import Redis
from redis_server import Server
from talk import golden

from consumers.channels.functions import ChannelFunctions, install, library
from consumers.channels.sink import RedisChannels
from consumers.sink import Judging
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage, Timeline
from skyfence.contracts.channel_message import Beat
from skyfence.errors import UnavailableError, UsageError
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment, places_key

ALERT = next(alert for alert in golden("romania-2024-09-08.jsonl") if alert.place == "RO-TL")
CHANNEL = Channel(Environment.EXERCISE, Audience.OPERATORS, "RO-TL")
OLD_LIBRARY = """#!lua name=skyfence
redis.register_function('skyfence_version', function() return 'old' end)"""


async def user(server: Server, redis: Redis, *rules: str) -> Settings:
    """Make the user ``relay`` with some rights; return settings that log in as it."""
    commands: Any = redis
    login = ("relay", "reset", "on", ">hunter2")
    await commands.execute_command("ACL", "SETUSER", *login, *rules)
    return server.settings.changed(redis={"user": "relay", "password": "hunter2"})


def message(step: int) -> AlertMessage:
    """Return a step of one chain."""
    return AlertMessage(alert=ALERT.model_copy(update={"step": step}), timeline=Timeline())


async def test_the_library_is_loaded_once(redis: Redis) -> None:
    """A second start finds the version that it knows, and an older version is replaced."""
    assert await install(redis)
    assert not await install(redis)
    await redis.function_load(OLD_LIBRARY, replace=True)
    assert await install(redis)
    assert (await redis.fcall("skyfence_version", 0)).decode() == library()[0]


@pytest.mark.parametrize(("old", "state"), [(False, "is missing"), (True, "has version old, not")])
async def test_who_may_load_nothing_is_told_to_install(
    server: Server, redis: Redis, old: bool, state: str
) -> None:
    """A relay without the right to load functions says which version is there, and what to do."""
    if old:
        await redis.function_load(OLD_LIBRARY, replace=True)
    relay = await connect(await user(server, redis, "+ping", "+fcall", "~*"))
    with pytest.raises(UsageError, match=f"^the function library in redis {state}"):
        await install(relay)
    await relay.aclose()


async def test_who_may_call_nothing_may_not_publish(server: Server, redis: Redis) -> None:
    """Without FCALL a user is refused at the start, not by the first alert."""
    relay = await connect(await user(server, redis, "+ping"))
    with pytest.raises(UsageError, match="may not publish alerts: FCALL is not permitted"):
        await install(relay)
    await relay.aclose()


async def test_a_right_that_is_missing_is_named(server: Server, redis: Redis) -> None:
    """Each right that ``deliver`` needs is asked for when the sink is opened."""
    await install(redis)
    settings = await user(server, redis, "+@all", "~*", "&*", "-xadd")
    with pytest.raises(
        UsageError, match=f"^redis user relay may not .*XADD of {CHANNEL.stream[:7]}"
    ):
        await RedisChannels.open(settings)


async def test_a_step_is_published_once(server: Server, redis: Redis) -> None:
    """What is not newer than the chain's last step is no news, and None is returned for it."""
    sink = await RedisChannels.open(server.settings)
    assert await sink.deliver(message(1)) == 0
    assert await sink.deliver(message(2)) == 0
    assert await sink.deliver(message(1)) is None
    assert await sink.deliver(message(2)) is None
    assert await redis.xlen(CHANNEL.stream) == 2
    await sink.close()


async def test_alerts_at_once_are_published_in_their_order(server: Server, redis: Redis) -> None:
    """Several alerts in one call are what they are one by one: in order, a repeat is no news."""
    sink = await RedisChannels.open(server.settings)
    place = AlertMessage(
        alert=place_alert("prepare", environment=Environment.EXERCISE), timeline=Timeline()
    )
    given = [message(1), place, message(2), message(1)]
    assert await sink.deliver_all(given) == [0, 0, 0, None]
    assert await steps(redis) == [1, 2]
    assert await redis.hexists(places_key(Environment.EXERCISE), "live/AA-1")
    await sink.close()


async def test_what_follows_a_failure_waits_for_it(server: Server, redis: Redis) -> None:
    """Alerts behind one that Redis refuses are not published before it, and none comes twice."""
    sink = await RedisChannels.open(server.settings)
    other = ALERT.model_copy(update={"place": "RO-GL", "incident_id": derive("other")})
    refused = AlertMessage(alert=other, timeline=Timeline())
    stream = Channel(Environment.EXERCISE, Audience.OPERATORS, "RO-GL").stream
    await redis.set(stream, "no stream")
    given = [message(1), refused, message(2)]
    with pytest.raises(UnavailableError, match=r"^redis did not deliver: .*WRONGTYPE"):
        await sink.deliver_all(given)
    assert await steps(redis) == [1]
    await redis.delete(stream)
    assert await sink.deliver_all(given) == [None, 0, 0]
    assert await steps(redis) == [1, 2]
    assert await redis.xlen(stream) == 1
    await sink.close()


async def steps(redis: Redis) -> list[int]:
    """Return the steps that the channel's stream holds."""
    entries: Any = await redis.xrange(CHANNEL.stream)
    return [json.loads(entry[b"message"])["alert"]["step"] for _, entry in entries]


@pytest.mark.parametrize(
    ("judging", "said"),
    [
        (None, {}),
        (Judging(now=True, until=T0), {"judging": True, "judged": "2024-09-07T03:58:00.000Z"}),
        (Judging(now=False, until=None), {"judging": False}),
    ],
)
async def test_a_beat_reaches_subscribers(
    server: Server, redis: Redis, judging: Judging | None, said: dict[str, Any]
) -> None:
    """The heartbeat carries the server's epoch, the time, and whether reports are judged."""
    sink = await RedisChannels.open(server.settings)
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe("exercise:heartbeat")
        await pubsub.get_message(timeout=5)
        await sink.beat(0, judging)
        received: Any = await pubsub.get_message(timeout=5)
    epoch = (await redis.info("server"))["run_id"]
    beat = {"epoch": epoch, "heartbeat": "1970-01-01T00:00:00.000Z"}
    assert json.loads(received["data"]) == beat | said
    await sink.close()


async def test_a_field_is_swapped_only_as_it_is_known(redis: Redis) -> None:
    """Who was overtaken changes nothing."""
    await install(redis)
    functions = ChannelFunctions(redis)
    assert await functions.swap("hash", "field", None, b"one")
    assert not await functions.swap("hash", "field", None, b"two")
    assert await functions.swap("hash", "field", b"one", None)
    assert await redis.hgetall("hash") == {}


async def test_who_may_not_load_the_library_waits_for_it(server: Server, redis: Redis) -> None:
    """Where Redis has lost it, the error says what an administrator has to do."""
    relay = await connect(await user(server, redis, "+ping", "+fcall", "~*"))
    with pytest.raises(UnavailableError, match=r"^redis did not beat: .*`skyfence redis install`"):
        await ChannelFunctions(relay).beat(Environment.EXERCISE, Beat(heartbeat=T0))
    await relay.aclose()
