"""How webhooks and Apprise begin: with what stands at the end of the log, not with its history."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import T0, T0_MS, place_alert
from receiving import HandClock, until
from relay_rig import AlertLog
from words import ENGLISH

from consumers.outbox.items import Entry, ItemState
from consumers.outbox.outbox import Outbox
from consumers.outgoing.apprise import AppriseReceiver, TargetOptions
from consumers.outgoing.dispatcher import TAKEN, DeliveryOutcome, Dispatcher, Receiver
from consumers.outgoing.sink import OutboxSink
from consumers.sink import OpenSink
from consumers.webhooks.endpoint import Endpoint, EndpointOptions
from skyfence.contracts.alert import EXERCISE_MARK, AnyAlert, PlaceAlert, PlaceLevel
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment

EXERCISE = Environment.EXERCISE
MINUTE = timedelta(minutes=1)


class There:
    """Who is sent to: the headlines that were taken, and whether anything is taken at present."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.is_away = False

    def take(self, headline: str) -> DeliveryOutcome:
        """Answer an attempt."""
        if self.is_away:
            return DeliveryOutcome("away", "no answer")
        self.taken.append(headline.removeprefix(EXERCISE_MARK))
        return TAKEN


@dataclass(frozen=True, kw_only=True)
class Hook(Endpoint):
    """An endpoint without a network."""

    there: There

    async def send(self, entry: Entry, now_ms: int) -> DeliveryOutcome:
        """Hand over an event."""
        del now_ms
        return self.there.take(json.loads(entry.body)["data"]["alert"]["headline"])


class Mail(AppriseReceiver):
    """A target without a service."""

    there: There

    async def send(self, entry: Entry, now_ms: int) -> DeliveryOutcome:
        """Hand over a note."""
        del now_ms
        return self.there.take(json.loads(entry.body)["title"])


def hook(there: There) -> Receiver:
    """Return an endpoint."""
    session: Any = None
    return Hook(
        options=EndpointOptions(name="there", url="https://hook.example/", secret_files=("x",)),
        source="urn:tests",
        environment=EXERCISE,
        secrets=(),
        tls=True,
        session=session,
        there=there,
    )


def mail(there: There) -> Receiver:
    """Return a target."""
    target = Mail(TargetOptions(name="there", url_file="x"), None, EXERCISE, ENGLISH.apprise)
    target.there = there
    return target


@pytest.fixture(params=[hook, mail])
def receivers(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "Receivers":
    """Return a new sink with one receiver, of each kind in turn."""
    make: Callable[[There], Receiver] = request.param
    there = There()
    return Receivers(make(there), there, tmp_path / "outbox.db", monkeypatch)


class Receivers:
    """A sink's outbox and log over several lives of its process."""

    def __init__(
        self, receiver: Receiver, there: There, path: Path, patch: pytest.MonkeyPatch
    ) -> None:
        self.log = AlertLog(per_poll=2)
        self._receiver = receiver
        self._there = there
        self._path = path
        self._patch = patch

    async def live(self, minute: float, *alerts: AnyAlert, away: bool = False) -> list[str]:
        """Begin at a minute with what the log holds by then; return the headlines that are taken.

        ``away``: the receiver does not answer, until the process has tried it and died.
        """
        self.log.store(*alerts)
        self._there.taken.clear()
        self._there.is_away = away
        clock = HandClock(T0_MS + round(minute * 60_000))
        async with Outbox.open_exclusive(self._path) as outbox:
            dispatcher = Dispatcher(outbox, "tests", EXERCISE, clock, Random(5))
            dispatcher.set_receivers([self._receiver])
            await dispatcher.requeue_interrupted()
            sink = OutboxSink(outbox, dispatcher, EXERCISE, clock)
            opened = OpenSink(
                sink=sink,
                group="tests",
                deliver_standing=sink.deliver_standing,
                tells_itself=True,
            )
            await self.log.carry(opened, self._patch)
            running = asyncio.create_task(dispatcher.run())
            await until(lambda: self._rests(outbox, clock))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return list(self._there.taken)

    async def _rests(self, outbox: Outbox, clock: HandClock) -> bool:
        """Tell whether nothing is under way, and nothing that waits is due."""
        due_ms = await outbox.next_due_ms()
        under_way = (await outbox.state_counts())[ItemState.SUBMITTING]
        return not under_way and (due_ms is None or due_ms > clock.now_ms())


def steps(*levels: PlaceLevel, episode: int = 1, minute: int = 0) -> list[PlaceAlert]:
    """Return an episode of AA-1, a step a minute, each of which holds for ten."""
    return [
        place_alert(
            level,
            number,
            environment=EXERCISE,
            episode=episode,
            at=T0 + (minute + number) * MINUTE,
        )
        for number, level in enumerate(levels, 1)
    ]


async def test_nothing_of_what_is_over_is_sent_at_first(receivers: Receivers) -> None:
    """However many episodes the log holds."""
    past = [
        alert
        for number in (1, 2)
        for alert in steps("shelter", "clear", episode=number, minute=3 * number)
    ]
    assert await receivers.live(9, *past) == []


async def test_what_stands_is_sent_once(receivers: Receivers) -> None:
    """Of the present episode the latest message, unless it has expired."""
    past = [*steps("shelter", "clear"), *steps("prepare", "shelter", episode=2, minute=4)]
    assert await receivers.live(7, *past) == ["AA-1: shelter"]
    assert await receivers.live(8) == []


async def test_what_has_expired_is_not_sent(receivers: Receivers) -> None:
    """A message holds as long as it says."""
    assert await receivers.live(20, *steps("prepare", "shelter")) == []


@pytest.mark.parametrize(("minute", "sent"), [(5, ["AA-1: clear"]), (1_450, [])])
async def test_who_was_warned_is_told_of_the_end(
    receivers: Receivers, minute: int, sent: list[str]
) -> None:
    """In one message, up to a day late."""
    first, *rest = steps("prepare", "shelter", "clear")
    assert await receivers.live(1, first) == ["AA-1: prepare"]
    assert await receivers.live(minute, *rest) == sent


async def test_the_end_of_a_later_episode_is_told_too(receivers: Receivers) -> None:
    """Whoever was warned in an earlier one, which ended unheard."""
    first, end = steps("shelter", "clear")
    assert await receivers.live(1, first) == ["AA-1: shelter"]
    later = steps("shelter", "clear", episode=2, minute=5)
    assert await receivers.live(8, end, *later) == ["AA-1: clear"]


@pytest.mark.parametrize(("minute", "sent"), [(9, ["silent"]), (11, [])])
async def test_a_silent_sensor_is_told_within_minutes(
    receivers: Receivers, minute: int, sent: list[str]
) -> None:
    """Later it is history, though its alarm on the channels holds for days."""
    silence = Silence(since=T0, noticed=T0, cause="silent", silent_after_s=60, places=("AA",))
    alarms = untold(silence, "radar", "live", EXERCISE, {"AA": "nation"}, texts=ENGLISH.feed)
    (alarm,) = [alarm.model_copy(update={"headline": "silent"}) for alarm in alarms]
    assert await receivers.live(minute, alarm) == sent


async def test_what_waited_gives_way(receivers: Receivers) -> None:
    """What was tried in vain may have arrived: its end is told, and not `take shelter` before."""
    first, end = steps("shelter", "clear")
    assert await receivers.live(1, first, away=True) == []
    assert await receivers.live(4, end) == ["AA-1: clear"]


async def test_what_was_put_and_never_tried_goes_with_its_end(
    receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody was told of the danger, and nobody is told that it is over."""
    first, end = steps("shelter", "clear")
    with monkeypatch.context() as patch:
        patch.setattr(Dispatcher, "run", lambda _: asyncio.sleep(0))
        patch.setattr(Receivers, "_rests", lambda *_: True)
        assert await receivers.live(1, first) == []
    assert await receivers.live(4, end) == []


async def test_a_quiet_message_stands_for_the_one_that_rang(receivers: Receivers) -> None:
    """A first warning is told, also where its quiet successor is the latest."""
    first, quiet = steps("shelter", "shelter")
    quiet = quiet.model_copy(update={"notify": "quiet"})
    assert await receivers.live(3, first, quiet) == ["AA-1: shelter"]
