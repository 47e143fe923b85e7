"""A Redis that has lost alerts gets them again: a relay on a log in memory, a real Valkey."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aiokafka import TopicPartition
from builders import place_alert
from redis.asyncio import Redis
from redis_server import Server
from relay_rig import AlertLog

from consumers import relay
from consumers.channels import reconciling
from consumers.channels.sink import RedisChannels
from consumers.sink import OpenSink
from skyfence.adapters.redis import connect
from skyfence.contracts.alert import AlertMessage, PlaceAlert, PlaceLevel
from skyfence.errors import UnavailableError
from skyfence.naming import Audience, Channel, Environment, places_key, relayed_key

EXERCISE = Environment.EXERCISE
GROUP = "tests"
Loss = Callable[[Server], None]


def episode(place: str, *levels: PlaceLevel, number: int = 1) -> list[PlaceAlert]:
    """Return the steps of an episode."""
    return [
        place_alert(level, step, place=place, environment=EXERCISE, episode=number)
        for step, level in enumerate(levels, 1)
    ]


OVER = episode("AA-1", "prepare", "shelter", "clear")
OPEN = episode("AA-2", "prepare", "shelter", "watch")
AGAIN = episode("AA-1", "shelter", number=2)
HISTORY = [*OVER, *OPEN, *AGAIN]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the relay try again at once."""
    monkeypatch.setattr(relay, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(relay, "_LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def log() -> AlertLog:
    """Return a log whose relay looks once more after it has handed over everything."""
    return AlertLog(per_poll=2, idle_turns=2)


def emptied(server: Server) -> None:
    """Kill Redis, and start it without anything."""
    server.restart(losing=True)


async def carry(
    server: Server,
    log: AlertLog,
    patch: pytest.MonkeyPatch,
    before: Callable[[Sequence[AlertMessage]], Awaitable[None]] | None = None,
    after: Callable[[Sequence[AlertMessage]], Awaitable[None]] | None = None,
) -> None:
    """Run a relay to Redis until the log's end; do something before or after it hands over."""
    patch.setattr(reconciling, "stored_records", log.stored_before)
    channels = await RedisChannels.open(server.settings)

    async def deliver_all(messages: Sequence[AlertMessage]) -> list[int | None]:
        if before is not None:
            await before(messages)
        results = await channels.deliver_all(messages)
        if after is not None:
            await after(messages)
        return results

    reconciler = channels.reconciler(server.settings, GROUP)
    opened = OpenSink(sink=channels, group=GROUP, deliver_all=deliver_all, reconciler=reconciler)
    try:
        await log.carry(opened, patch)
    finally:
        await channels.close()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Redis]:
    """Yield a connection with all rights."""
    redis = await connect(server.settings)
    try:
        yield redis
    finally:
        await redis.aclose()


async def steps(redis: Redis, place: str, kind: str = "stream") -> list[tuple[int, int]]:
    """Return episode and step of what a channel's stream, or its active hash, holds."""
    channel = Channel(EXERCISE, Audience.OPERATORS, place)
    if kind == "active":
        answer: Any = await redis.hvals(channel.active)
    else:
        entries: Any = await redis.xrange(channel.stream)
        answer = [fields[b"message"] for _, fields in entries]
    alerts = [json.loads(value)["alert"] for value in answer]
    return [(alert["episode"], alert["step"]) for alert in alerts]


async def levels(redis: Redis) -> dict[str, str]:
    """Return the levels of places."""
    fields: Any = await redis.hgetall(places_key(EXERCISE))
    del fields[b"runs"]
    return {key.decode(): json.loads(value)["alert"]["level"] for key, value in fields.items()}


async def lose(server: Server, loss: Loss) -> None:
    """Have Redis lose something, as it does when it is killed."""
    await asyncio.to_thread(loss, server)


async def marker(redis: Redis) -> int:
    """Return how far Redis says that alerts were handed over."""
    return int(await redis.hget(relayed_key(EXERCISE), f"{GROUP}/0") or -1)


async def test_an_emptied_redis_has_what_stands(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each open chain's last step stands again, each place's state; what is over is not news."""
    log.store(*HISTORY)
    await carry(server, log, monkeypatch)
    await lose(server, emptied)
    await carry(server, log, monkeypatch)
    async with connected(server) as redis:
        assert await steps(redis, "AA-1") == await steps(redis, "AA-1", "active") == [(2, 1)]
        assert await steps(redis, "AA-2") == await steps(redis, "AA-2", "active") == [(1, 3)]
        assert await levels(redis) == {"live/AA-1": "shelter", "live/AA-2": "watch"}
        assert await marker(redis) == len(HISTORY)


async def test_a_new_redis_has_lost_nothing(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that begins at the log's first alert tells of no loss: nothing was handed over."""
    log.store(*OPEN)
    with structlog.testing.capture_logs() as lines:
        await carry(server, log, monkeypatch)
    assert [line["event"] for line in lines if line["event"].startswith("redis.")] == []


async def test_a_place_that_is_clear_stays_so(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of places comes back with what is over; the channel says nothing again."""
    log.store(*OVER)
    await carry(server, log, monkeypatch)
    await lose(server, emptied)
    await carry(server, log, monkeypatch)
    async with connected(server) as redis:
        assert await levels(redis) == {"live/AA-1": "clear"}
        assert await steps(redis, "AA-1") == await steps(redis, "AA-1", "active") == []


async def test_an_older_copy_gets_every_step_that_it_lacks(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis that is as it was some alerts before has them all in the end, in order and once."""
    log.store(*HISTORY[:4])
    await carry(server, log, monkeypatch)
    await lose(server, Server.keep_copy)
    log.store(*HISTORY[4:])
    await carry(server, log, monkeypatch)
    await lose(server, Server.restart_as_copy)
    await carry(server, log, monkeypatch)
    async with connected(server) as redis:
        assert await steps(redis, "AA-1") == [(1, 1), (1, 2), (1, 3), (2, 1)]
        assert await steps(redis, "AA-2") == [(1, 1), (1, 2), (1, 3)]
        assert await steps(redis, "AA-1", "active") == [(2, 1)]
    assert log.committed == len(HISTORY)


@pytest.mark.parametrize("loss", [emptied, Server.restart_as_copy])
@pytest.mark.parametrize("at", range(len(HISTORY)))
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_redis_that_loses_while_it_is_given_has_what_stands(
    server: Server,
    log: AlertLog,
    monkeypatch: pytest.MonkeyPatch,
    *,
    loss: Loss,
    at: int,
    moment: str,
) -> None:
    """Wherever the loss falls, the same relay goes on, and nothing open is missing afterwards."""
    log.store(*HISTORY)
    await lose(server, Server.keep_copy)
    pending = [at]

    async def lose_once(messages: Sequence[AlertMessage]) -> None:
        if pending and HISTORY[pending[0]] in [message.alert for message in messages]:
            pending.clear()
            await lose(server, loss)

    await carry(server, log, monkeypatch, **{moment: lose_once})
    async with connected(server) as redis:
        assert await steps(redis, "AA-1", "active") == [(2, 1)]
        assert await steps(redis, "AA-2", "active") == [(1, 3)]
        assert await levels(redis) == {"live/AA-1": "shelter", "live/AA-2": "watch"}
        assert await marker(redis) == len(HISTORY)


async def test_a_flush_is_found_out_without_an_alert(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody empties a running Redis, whose epoch stays: the idle relay fills it again."""
    log.store(*HISTORY)

    async def flush(messages: Sequence[AlertMessage]) -> None:
        if messages[-1].alert == HISTORY[-1]:
            async with connected(server) as redis:
                await redis.flushall()

    await carry(server, log, monkeypatch, after=flush)
    async with connected(server) as redis:
        assert await steps(redis, "AA-2", "active") == [(1, 3)]


async def test_a_rebuilding_that_breaks_off_is_finished_by_the_next(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that dies amid it leaves no mark, and the next one doubles nothing."""
    log.store(*HISTORY)
    await carry(server, log, monkeypatch)
    await lose(server, emptied)
    monkeypatch.setattr(reconciling, "_AT_ONCE", 1)
    restore_all, calls = RedisChannels.restore_all, []

    async def die_at_the_second(self: RedisChannels, messages: Sequence[AlertMessage]) -> None:
        calls.append(messages)
        if len(calls) == 2:
            raise asyncio.CancelledError
        await restore_all(self, messages)

    monkeypatch.setattr(RedisChannels, "restore_all", die_at_the_second)
    await carry(server, log, monkeypatch)
    async with connected(server) as redis:
        assert await marker(redis) == -1
    await carry(server, log, monkeypatch)
    async with connected(server) as redis:
        assert await steps(redis, "AA-1") == await steps(redis, "AA-1", "active") == [(2, 1)]
        assert await steps(redis, "AA-2") == [(1, 3)]


async def test_a_redis_of_an_earlier_release_is_told_nothing_twice(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a mark, and with everything: what stands there is known by its steps."""
    log.store(*HISTORY)
    await carry(server, log, monkeypatch)
    async with connected(server) as redis:
        await redis.delete(relayed_key(EXERCISE))
        before = await steps(redis, "AA-1"), await steps(redis, "AA-2"), await levels(redis)
        await carry(server, log, monkeypatch)
        assert (
            await steps(redis, "AA-1"),
            await steps(redis, "AA-2"),
            await levels(redis),
        ) == before
        assert await marker(redis) == len(HISTORY)


async def test_the_library_is_loaded_again(
    server: Server, log: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions that are gone from a running Redis come back with the next call."""
    log.store(*HISTORY)

    async def flush(_: object) -> None:
        async with connected(server) as redis:
            await redis.function_flush()

    await carry(server, log, monkeypatch, before=flush)
    async with connected(server) as redis:
        assert await steps(redis, "AA-2", "active") == [(1, 3)]


class TwoPartitions:
    """A consumer of two partitions that reads at 10 in both, and was put elsewhere."""

    def __init__(self) -> None:
        self.positions = {TopicPartition("exercise.alerts", number): 11 for number in range(2)}

    def assignment(self) -> set[TopicPartition]:
        return set(self.positions)

    async def position(self, at: TopicPartition) -> int:
        return self.positions[at]

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.positions[at] = offset


async def test_a_break_leaves_nothing_that_overtakes_what_is_lost(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One partition is read back when Redis fails: the other's later alerts still wait."""
    broken = [True]

    async def stored(*_: object) -> AsyncIterator[Any]:
        if broken:
            broken.clear()
            raise UnavailableError("away")
        nothing: list[Any] = []
        for record in nothing:
            yield record

    monkeypatch.setattr(reconciling, "stored_records", stored)
    consumer: Any = TwoPartitions()
    emptied_one, older = sorted(consumer.positions)
    channels = await RedisChannels.open(server.settings)
    async with connected(server) as redis:
        await redis.hset(relayed_key(EXERCISE), f"{GROUP}/{older.partition}", "5")
    reconciler = channels.reconciler(server.settings, GROUP)
    polled = {at: [SimpleNamespace(offset=10)] for at in (emptied_one, older)}
    with pytest.raises(UnavailableError):
        await reconciler.reconcile(consumer, polled)
    assert await reconciler.reconcile(consumer, polled) == {}
    assert consumer.positions == {emptied_one: 10, older: 5}
    await channels.close()
