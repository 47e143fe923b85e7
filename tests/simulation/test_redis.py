"""The simulated Redis beside a real Valkey: the same calls, the same answers and the same data."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import T0, place_alert
from proc import Processes
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from redis_server import Server
from simulation.loop import SimulatedLoop
from simulation.network import Network
from simulation.redis_server import RedisServer

from consumers.channels.functions import ChannelFunctions, install
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage, PlaceAlert, Timeline
from skyfence.contracts.channel_message import Acknowledged, Beat, is_over
from skyfence.contracts.channel_message import Acknowledgement as Note
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment, places_key

EXERCISE = Environment.EXERCISE
CHANNEL = Channel(EXERCISE, Audience.OPERATORS, "AA-1")
# What differs between two servers, and between two starts of one.
EPOCH = re.compile(rb'"epoch":"[0-9a-f]+"')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Yield a real Valkey."""
    processes = Processes(tmp_path)
    try:
        yield Server(processes, tmp_path)
    finally:
        processes.end()


def message(step: int, episode: int = 1, level: Any = "shelter", run: str = "live") -> AlertMessage:
    """Return a step of a place's episode."""
    alert = place_alert(level, step, environment=EXERCISE, episode=episode, run=run)
    return AlertMessage(alert=alert, timeline=Timeline())


async def calls(redis: Redis) -> list[Any]:
    """Make every call that skyfence makes of a Redis; return the answers, and what it holds."""
    functions = ChannelFunctions(redis)
    answers: list[Any] = [await install(redis), await install(redis)]
    steps = [message(1), message(1), message(2), message(4), message(3)]
    steps += [message(1, 2), message(2, 2, "clear"), message(1, 1, run="replay")]
    steps += [message(1, 3, run=f"run-{number}") for number in range(10)]
    for step in steps:
        answers.append(await functions.deliver(CHANNEL, step.alert, step))
    alert = steps[2].alert
    assert isinstance(alert, PlaceAlert)
    assert not is_over(alert)
    judged: Any = await redis.hget(CHANNEL.active, str(alert.incident_id))
    noted = Acknowledged(by="duty", time=T0)
    note = Note(note_id=derive("note", 1), incident_id=alert.incident_id, by="duty", time=T0)
    for known in (judged, b"another"):
        answers.append(await functions.acknowledge(CHANNEL, alert, known or b"", noted, note))
    answers.append(await functions.deliver(CHANNEL, message(5).alert, message(5)))
    answers.append(await functions.note(CHANNEL, note))
    answers.append(await functions.beat(EXERCISE, Beat(heartbeat=T0)))
    answers.append(await functions.swap("hash", "field", None, b"new"))
    answers.append(await functions.swap("hash", "field", b"old", b"newer"))
    answers.append(await functions.swap("hash", "field", b"new", None))
    answers.append(await functions.may("GET", "key"))
    answers += await _groups(redis)
    answers += await _held(redis)
    try:
        await redis.fcall("skyfence_unknown", 0)
    except ResponseError as error:
        answers.append(str(error))
    return [_comparable(answer) for answer in answers]


async def _groups(redis: Redis) -> list[Any]:
    """Share a stream's entries out to a group, as desks do, and as they do after one has died."""
    key, group = "commands:anna", "desk"
    answers: list[Any] = [await redis.memory_usage(key)]
    answers.append(await redis.xgroup_create(key, group, id="0", mkstream=True))
    for number in range(1, 5):
        answers.append(
            await redis.xadd(key, {"command": str(number)}, id=f"{number // 2}-{number}")
        )
    for name, most in (("one", 2), ("another", 1), ("one", 9), ("one", 9)):
        answers.append(await redis.xreadgroup(group, name, {key: ">"}, count=most, block=20))
    answers.append(await redis.xack(key, group, "0-1", "7-7"))
    answers.append(await redis.xautoclaim(key, group, "third", 100_000, count=9))
    answers.append(await redis.xtrim(key, maxlen=2, approximate=False))
    answers.append(await redis.xautoclaim(key, group, "third", 0, count=9))
    answers.append(await redis.xread({key: "1-3"}))
    answers.append(await redis.xread({key: "2-4"}, block=20))
    for refused in (redis.xgroup_create(key, group), redis.xadd(key, {"late": "1"}, id="2-4")):
        try:
            answers.append(await refused)
        except ResponseError as error:
            answers.append(str(error).split()[0])
    coming: Any = redis.xreadgroup(group, "one", {key: ">"}, block=5_000)
    reading = asyncio.ensure_future(coming)
    given: Any = await redis.xadd(key, {"command": "now"})
    added = given.decode()
    answers.append([fields for _, ((_, fields),) in await reading])
    answers.append(len(added.partition("-")[0]))
    answers.append(await redis.xrevrange(key, "+", added.partition("-")[0], count=1) != [])
    return answers


async def _held(redis: Redis) -> list[Any]:
    commands: Any = redis
    held = [await commands.hgetall(key) for key in (CHANNEL.active, CHANNEL.acknowledged)]
    held.append(await commands.hgetall(places_key(EXERCISE)))
    held.append(await commands.xrange(CHANNEL.stream))
    held.append(await commands.xrange(CHANNEL.stream, min="3", count=2))
    held.append(await commands.xrevrange(CHANNEL.stream, count=1))
    held.append(await commands.get(CHANNEL.steps(str(message(1).alert.incident_id))))
    return held


def _comparable(answer: Any) -> Any:
    if isinstance(answer, bytes):
        return EPOCH.sub(b"", answer)
    if isinstance(answer, dict):
        return sorted((key, _comparable(value)) for key, value in answer.items())
    return [_comparable(each) for each in answer] if isinstance(answer, list | tuple) else answer


def _simulated(work: Callable[[Redis], Awaitable[list[Any]]]) -> list[Any]:
    loop = SimulatedLoop(Random(1))  # type: ignore[abstract]  # see world
    network = Network(loop, Random(2))
    network.listen("127.0.0.1", 6379, RedisServer(loop, Random(3), epoch_s=1.7e9))

    async def run() -> list[Any]:
        redis = await connect(Settings(environment=EXERCISE))
        answers = await work(redis)
        await redis.aclose()
        return answers

    answers: list[Any] = loop.run_until_complete(run())
    loop.end()
    return answers


def test_the_same_calls_have_the_same_answers(server: Server) -> None:
    """Whatever skyfence asks of a Redis, the simulated one answers and holds the same."""

    async def real() -> list[Any]:
        redis = await connect(server.settings)
        answers = await calls(redis)
        await redis.aclose()
        return answers

    assert _simulated(calls) == asyncio.run(real())


async def _published(redis: Redis) -> list[Any]:
    """Subscribe, publish a step and read it."""
    await install(redis)
    pubsub = redis.pubsub()
    await pubsub.subscribe(CHANNEL.name)
    received = [await pubsub.get_message(timeout=1.0)]
    await ChannelFunctions(redis).deliver(CHANNEL, message(1).alert, message(1))
    received.append(await pubsub.get_message(timeout=1.0))
    await pubsub.ping(b"settled")
    received.append(await pubsub.get_message(timeout=1.0))
    await pubsub.aclose()  # type: ignore[no-untyped-call]
    return [sorted((each or {}).items()) for each in received]


def test_a_subscriber_receives_the_same(server: Server) -> None:
    """A subscription, a message and a pong look alike to redis-py."""

    async def real() -> list[Any]:
        redis = await connect(server.settings)
        answers = await _published(redis)
        await redis.aclose()
        return answers

    simulated, played = _simulated(_published), asyncio.run(real())
    assert _comparable(simulated) == _comparable(played)
