"""The subscriber's side against a real Valkey: nothing missed, nothing twice, nothing confused."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from builders import place_alert
from redis.asyncio import Redis
from redis_server import Server
from talk import LONGEST_S, golden

from consumers.channels.functions import STREAM_LENGTH, ChannelFunctions
from consumers.channels.sink import RedisChannels
from consumers.sink import Judging
from skyfence.adapters.settings import Settings
from skyfence.client import feed as client
from skyfence.client.catch_up import ChannelCursor, catch_up
from skyfence.client.feed import (
    AlertFeed,
    Alive,
    Connected,
    Disconnected,
    FeedEvent,
    Judged,
    Missed,
    Received,
    Silent,
    Unjudged,
)
from skyfence.contracts.alert import Alert, AlertMessage, PlaceAlert, PlaceLevel, Timeline
from skyfence.contracts.channel_message import Acknowledged, Acknowledgement
from skyfence.errors import UsageError
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment
from skyfence.times import from_ms

pytestmark = pytest.mark.integration

CHANNEL = Channel(Environment.EXERCISE, Audience.OPERATORS, "AA")
PATTERN = golden("romania-2024-09-08.jsonl")[0]


def alert(number: int, step: int = 1, **changes: Any) -> AlertMessage:
    """Return a step of the n-th incident's chain on AA."""
    incident = derive("test", number)
    own = {
        "alert_id": derive("alert", number, step),
        "incident_id": incident,
        "channel": CHANNEL.name,
        "place": CHANNEL.place,
        "step": step,
        "references": (),
    }
    return AlertMessage(
        alert=PATTERN.model_copy(update=own | changes), timeline=Timeline(observed=PATTERN.time)
    )


def cancel(number: int, step: int) -> AlertMessage:
    return alert(number, step, message_type="Cancel", incident_state="closed")


class Heard:
    """What a feed told, kept in order, and a way to wait for more."""

    def __init__(self, feed: AlertFeed) -> None:
        self._feed = feed
        self.events: list[FeedEvent] = []
        self._more = asyncio.Event()

    async def listen(self) -> None:
        async for event in self._feed:
            self.events.append(event)
            self._more.set()

    async def until(self, what: Callable[[list[FeedEvent]], bool]) -> None:
        async with asyncio.timeout(LONGEST_S):
            while not what(self.events):
                self._more.clear()
                await self._more.wait()

    async def until_last(self, kind: type) -> None:
        await self.until(lambda events: bool(events) and isinstance(events[-1], kind))

    @property
    def told(self) -> list[tuple[Any, int]]:
        alerts = [e.message.alert for e in self.events if isinstance(e, Received)]  # type: ignore[union-attr]
        return [(alert.incident_id, alert.step) for alert in alerts]


@asynccontextmanager
async def hearing(settings: Settings) -> AsyncIterator[Heard]:
    async with AlertFeed(settings, [CHANNEL]) as feed:
        heard = Heard(feed)
        task = asyncio.create_task(heard.listen())
        try:
            await heard.until(lambda events: Connected() in events)
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def names(*messages: AlertMessage) -> list[tuple[Any, int]]:
    return [(message.alert.incident_id, message.alert.step) for message in messages]


async def cut(redis: Redis) -> None:
    """Cut all subscribers off, as Redis does with one that reads too slowly."""
    await redis.client_kill_filter(_type="pubsub")


async def test_a_thousand_alerts_over_ten_cuts_come_once_and_in_order(
    server: Server, redis: Redis
) -> None:
    """Whatever was published while the connection was away is read from the stream."""
    sink = await RedisChannels.open(server.settings)
    sent = [alert(n) for n in range(1_000)]
    async with hearing(server.settings) as heard:
        for number, message in enumerate(sent):
            await sink.deliver(message)
            if number % 100 == 50:
                await cut(redis)
            if number % 100 == 80:  # thirty were published meanwhile
                again = number // 100 + 2
                await heard.until(lambda events, again=again: events.count(Connected()) == again)  # type: ignore[misc]
        await heard.until(lambda _: len(heard.told) == len(sent))
    assert heard.told == names(*sent)
    assert sum(isinstance(event, Disconnected) for event in heard.events) == 10
    await sink.close()


async def test_who_comes_late_is_told_what_stands(server: Server) -> None:
    """First what is active, in order, the last step of each; what is over is not told."""
    sink = await RedisChannels.open(server.settings)
    for message in (alert(1), alert(2), cancel(1, 2), alert(3), alert(2, 2)):
        await sink.deliver(message)
    async with hearing(server.settings) as heard:
        assert heard.told == names(alert(3), alert(2, 2))
        assert not any(event.live for event in heard.events if isinstance(event, Received))
        await sink.deliver(cancel(3, 2))
        await heard.until(lambda _: len(heard.told) == 3)
        last = heard.events[-1]
        assert isinstance(last, Received)
        assert last.live
    await sink.close()


def state(level: PlaceLevel, step: int, **changes: Any) -> AlertMessage:
    """Return a step of an episode of AA."""
    given = {"place": "AA", "environment": Environment.EXERCISE, **changes}
    return AlertMessage(alert=place_alert(level, step, **given), timeline=Timeline())


async def test_who_comes_late_has_the_state_of_the_places(server: Server) -> None:
    """In one read: the last message of each place of the feed, in each run, `clear` included.

    Among what is active the place comes before the incidents, though it was told after them.
    """
    sink = await RedisChannels.open(server.settings)
    for message in (
        *(alert(1), alert(2), state("prepare", 1), state("shelter", 2)),
        *(state("shelter", 1, run="drill"), state("clear", 2, run="drill")),
        *(state("shelter", 1, place="AA-1"), state("shelter", 1, place="BB")),
    ):
        await sink.deliver(message)
    async with AlertFeed(server.settings, [CHANNEL]) as feed:
        states = [message.alert for message in await feed.places()]
    told = [(s.place, s.run, s.level) for s in states if isinstance(s, PlaceAlert)]
    assert told == [("AA", "live", "shelter"), ("AA", "drill", "clear")]
    async with hearing(server.settings) as heard:
        assert heard.told == names(state("shelter", 2), alert(1), alert(2))
    await sink.close()


async def test_a_user_without_the_right_is_told(server: Server, redis: Redis) -> None:
    """An operator of an earlier release may not read places, and is not shown an empty list."""
    commands: Any = redis
    rights = ("+@all", "&*", "resetkeys", "%R~exercise:stream:*", "%R~exercise:active:*")
    await commands.execute_command("ACL", "SETUSER", "anna", "reset", "on", ">hunter2", *rights)
    settings = server.settings.changed(redis={"user": "anna", "password": "hunter2"})
    async with AlertFeed(settings, [CHANNEL]) as feed:
        with pytest.raises(UsageError, match="may not read the states of places"):
            await feed.places()


@pytest.mark.parametrize("losing", [False, True], ids=["kept", "lost"])
async def test_after_redis_was_started_anew(server: Server, losing: bool) -> None:
    """A new epoch makes a client read again: what was lost stays told, nothing new is missed."""
    sink = await RedisChannels.open(server.settings)
    first = [alert(n) for n in range(3)]
    for message in first:
        await sink.deliver(message)
    async with hearing(server.settings) as heard:
        await sink.close()
        await asyncio.to_thread(server.restart, losing=losing)
        sink = await RedisChannels.open(server.settings)
        then = [alert(n) for n in range(10, 13)]
        for message in then:
            await sink.deliver(message)
        await sink.beat(0)
        await heard.until(lambda _: len(heard.told) == 6)
    assert heard.told == names(*first, *then)
    await sink.close()


async def test_history_from_before_is_not_told_after_a_restart(server: Server) -> None:
    """What was over before the client came stays so when everything is read again."""
    sink = await RedisChannels.open(server.settings)
    for message in (alert(1), cancel(1, 2), alert(2)):
        await sink.deliver(message)
    await sink.close()
    async with hearing(server.settings) as heard:
        await asyncio.to_thread(server.restart)
        sink = await RedisChannels.open(server.settings)
        await sink.deliver(alert(3))
        await heard.until(lambda _: len(heard.told) == 2)
    assert heard.told == names(alert(2), alert(3))
    await sink.close()


async def test_what_came_between_two_losses_is_told(redis: Redis) -> None:
    """Counted anew once, a channel's lower numbers are no history when Redis starts once more."""
    cursor = ChannelCursor(CHANNEL)

    async def publish(epoch: str, *numbers: int) -> None:
        for number in numbers:
            message = alert(10 * ord(epoch) + number).to_json().decode()[1:]
            stamped = f'{{"epoch":"{epoch}","sequence":{number},{message}'
            await redis.xadd(CHANNEL.stream, {"message": stamped}, id=f"{number}-0")

    async def read() -> list[tuple[str, int]]:
        events = await catch_up(redis, [cursor])
        messages = [event.message for event in events if isinstance(event, Received)]
        return [(message.epoch, message.sequence) for message in messages]

    await publish("a", 1, 2, 3, 4)
    assert await read() == []
    await redis.delete(CHANNEL.stream)
    await publish("b", 1)
    assert await read() == [("b", 1)]
    await publish("b", 2)
    await publish("c", 3)
    assert await read() == [("b", 2), ("c", 3)]


async def test_what_the_stream_no_longer_holds_is_said(server: Server, redis: Redis) -> None:
    """A client that was away for too long hears how many messages it will never see."""
    sink = await RedisChannels.open(server.settings)
    async with hearing(server.settings) as heard:
        await sink.deliver(alert(0))
        await heard.until(lambda _: len(heard.told) == 1)
        epoch = (await redis.info("server"))["run_id"]
        async with redis.pipeline() as pipe:
            pipe.client_kill_filter(_type="pubsub")
            for number in range(2, 10):
                message = alert(number).to_json().decode()[1:]
                stamped = f'{{"epoch":"{epoch}","sequence":{number},{message}'
                pipe.xadd(CHANNEL.stream, {"message": stamped}, id=f"{number}-0")
            pipe.xtrim(CHANNEL.stream, maxlen=2, approximate=False)
            await pipe.execute()
        await heard.until(lambda _: len(heard.told) == 3)
    missed = [event for event in heard.events if isinstance(event, Missed)]
    assert missed == [Missed(CHANNEL, 2, 7)]
    assert heard.told[1:] == names(alert(8), alert(9))
    assert STREAM_LENGTH >= 10_000
    await sink.close()


async def test_silence_and_no_connection_are_told_apart(
    server: Server, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No heartbeat is a word of its own, and so is the first one that comes again."""
    monkeypatch.setattr(client, "SILENT_AFTER_S", 0.4)
    monkeypatch.setattr(client, "_NEXT_BEAT_S", 0.2)
    sink = await RedisChannels.open(server.settings)
    async with hearing(server.settings) as heard:
        await heard.until_last(Silent)
        await sink.beat(0)
        await heard.until(lambda events: Alive() in events)
        await cut(redis)
        await heard.until(lambda events: any(isinstance(e, Disconnected) for e in events))
        await heard.until(lambda events: events.count(Connected()) == 2)
        # Who comes back to a feed that is silent still hears of it again.
        await heard.until_last(Silent)
    assert heard.told == []
    await sink.close()


async def test_a_feed_tells_once_that_reports_are_not_judged(server: Server, redis: Redis) -> None:
    """Whoever sends heartbeats knows it, or says nothing of it; each change is told once."""
    sink = await RedisChannels.open(server.settings)
    stopped = Judging(now=False, until=PATTERN.time)
    async with hearing(server.settings) as heard:
        for judging in (None, Judging(now=True, until=None), stopped, None, stopped):
            await sink.beat(0, judging)
        await sink.beat(0, Judging(now=True, until=PATTERN.time))
        await heard.until_last(Judged)
    told = [event for event in heard.events if isinstance(event, Unjudged | Judged)]
    assert told == [Unjudged(PATTERN.time), Judged()]
    await sink.close()


async def test_an_acknowledgement_stands_until_it_gets_worse(server: Server, redis: Redis) -> None:
    """All others see who took note, also who comes later; a graver message is nobody's."""
    sink, library = await RedisChannels.open(server.settings), ChannelFunctions(redis)
    mild = alert(1, certainty="Possible")
    await sink.deliver(mild)
    note = Acknowledgement(
        note_id=derive("n", 1), incident_id=mild.alert.incident_id, by="anna", time=PATTERN.time
    )
    acknowledged = Acknowledged(by="anna", time=PATTERN.time)

    async def acknowledge() -> bool:
        judged: Any = await redis.hget(CHANNEL.active, str(mild.alert.incident_id))
        assert isinstance(mild.alert, Alert)
        return await library.acknowledge(CHANNEL, mild.alert, judged, acknowledged, note)

    assert await acknowledge()
    assert not await library.acknowledge(CHANNEL, mild.alert, b"other", acknowledged, note)
    async with hearing(server.settings) as heard:
        [standing, _] = heard.events
        assert isinstance(standing, Received)
        assert standing.message.acknowledged == acknowledged  # type: ignore[union-attr]
        await sink.deliver(alert(1, 2, certainty="Possible"))
        await sink.deliver(alert(1, 3, certainty="Observed"))
        await heard.until(lambda _: len(heard.told) == 3)
        seen = [e.message.acknowledged for e in heard.events if isinstance(e, Received)]  # type: ignore[union-attr]
    assert seen == [acknowledged, acknowledged, None]
    await sink.close()


async def test_a_heartbeat_names_the_time(server: Server, redis: Redis) -> None:
    """What a client in any language reads on the heartbeat channel is the documented form."""
    sink = await RedisChannels.open(server.settings)
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe("exercise:heartbeat")
        await pubsub.get_message(timeout=5)
        await sink.beat(1_700_000_000_000)
        message = await pubsub.get_message(timeout=5)
    assert message is not None
    assert (
        f'"heartbeat":"{(from_ms(1_700_000_000_000)):%Y-%m-%dT%H:%M:%S}'.encode() in message["data"]
    )
    assert timedelta(seconds=client.SILENT_AFTER_S) > timedelta(seconds=10)
    await sink.close()
