"""The relay on a log in memory: what it hands over at once, repeats and acknowledges."""

import asyncio
from collections.abc import Sequence

import pytest
from builders import place_alert
from relay_rig import SETTINGS, AlertLog

from consumers import relay
from consumers.sink import OpenSink, Standing
from skyfence.cli.sink import run_opened
from skyfence.contracts.alert import AlertMessage, PlaceAlert
from skyfence.errors import UnavailableError
from skyfence.naming import Environment


def alerts(count: int) -> list[PlaceAlert]:
    """Return the first steps of a place's episode."""
    return [
        place_alert("prepare", step, environment=Environment.EXERCISE)
        for step in range(1, count + 1)
    ]


class Taker:
    """Takes several alerts at once, and is away at first."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: list[list[int]] = []
        self._failures = failures

    async def deliver_all(self, messages: Sequence[AlertMessage]) -> list[int | None]:
        """Note the steps of a call; fail where it is one of the first."""
        self.calls.append([message.alert.step for message in messages])
        if len(self.calls) <= self._failures:
            raise UnavailableError("away")
        return [1] * len(messages)

    async def deliver(self, message: AlertMessage) -> int | None:
        """Refuse: alerts come together."""
        raise AssertionError(message)

    async def close(self) -> None:
        """Nothing to let go of."""


def opened(taker: Taker) -> OpenSink:
    """Return a sink that takes several alerts at once."""
    return OpenSink(sink=taker, group="tests", deliver_all=taker.deliver_all)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the relay try again at once."""
    monkeypatch.setattr(relay, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(relay, "_LONGEST_PAUSE_S", 0.0)


async def test_what_a_poll_brings_goes_in_hundreds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alerts of a poll are handed over together, in order, without what is no alert."""
    log, taker = AlertLog(), Taker()
    first, *rest = alerts(150)
    log.store(first, b"no alert", *rest)
    await log.carry(opened(taker), monkeypatch)
    assert [len(call) for call in taker.calls] == [99, 51]
    assert [step for call in taker.calls for step in call] == list(range(1, 151))
    assert (len(log.rejected), log.committed) == (1, 151)


async def test_large_alerts_go_in_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed over at once has a megabyte at most, or is one alert."""
    log, taker = AlertLog(), Taker()
    log.store(*(alert.model_copy(update={"headline": "x" * 300_000}) for alert in alerts(7)))
    await log.carry(opened(taker), monkeypatch)
    assert [len(call) for call in taker.calls] == [3, 3, 1]


async def test_what_failed_is_handed_over_again_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that failed is repeated, and nothing behind it goes before it."""
    log, taker = AlertLog(), Taker(failures=2)
    log.store(*alerts(120))
    await log.carry(opened(taker), monkeypatch)
    assert [call[0] for call in taker.calls] == [1, 1, 1, 101]


async def test_nothing_is_acknowledged_before_all_was_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the second hundred of a poll fails for good, the first is handed out again, too."""
    log = AlertLog()
    log.store(*alerts(120))

    class Broken(Taker):
        async def deliver_all(self, messages: Sequence[AlertMessage]) -> list[int | None]:
            if messages[0].alert.step > 100:
                raise asyncio.CancelledError
            return await super().deliver_all(messages)

    taker = Broken()
    await log.carry(opened(taker), monkeypatch)
    assert (len(taker.calls), log.committed) == (1, 0)


class Beginner:
    """Takes what stands, and notes what was committed at that moment."""

    def __init__(self, log: AlertLog) -> None:
        self.standing: list[int] = []
        self.news: list[int] = []
        self.committed: list[int] = []
        self._log = log

    async def deliver_standing(self, standing: Standing) -> int | None:
        """Note a step that stands; while the first is handed over, another one comes."""
        if not self.standing:
            self._log.store(alerts(6)[-1])
        self.standing.append(standing.message.alert.step)
        self.committed.append(self._log.committed)
        return 1

    async def deliver(self, message: AlertMessage) -> int | None:
        """Note a step that is news."""
        self.news.append(message.alert.step)
        return 1

    async def close(self) -> None:
        """Nothing to let go of."""


async def test_a_sink_may_begin_with_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is read to its end, over several polls, before anything is handed over."""
    log = AlertLog(per_poll=2)
    log.store(*alerts(4), b"no alert", alerts(5)[-1])
    taker = Beginner(log)
    opened = OpenSink(sink=taker, group="tests", deliver_standing=taker.deliver_standing)
    await log.carry(opened, monkeypatch)
    assert (taker.standing, taker.news) == ([5], [6])
    assert (taker.committed, log.committed) == ([0], 7)


async def test_a_log_made_anew_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends before what was acknowledged of the old one: what stands in it is told."""
    log = AlertLog(committed=7)
    log.store(*alerts(2))
    taker = Beginner(log)
    opened = OpenSink(sink=taker, group="tests", deliver_standing=taker.deliver_standing)
    await log.carry(opened, monkeypatch)
    assert (taker.standing, taker.news) == ([2], [6])


async def test_what_a_sink_sends_waits_for_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its background begins once what stands was handed over, and not before."""
    log, order = AlertLog(), list[str]()
    log.store(*alerts(2))

    class Slow(Beginner):
        async def deliver_standing(self, standing: Standing) -> int | None:
            for _ in range(10):  # others may run meanwhile
                await asyncio.sleep(0)
            order.append("stands")
            return await super().deliver_standing(standing)

    async def background() -> None:
        order.append("sends")

    sink = Slow(log)
    opened = OpenSink(
        sink=sink, group="tests", background=background, deliver_standing=sink.deliver_standing
    )
    log.stand_in(monkeypatch)
    with pytest.raises(asyncio.CancelledError):
        await run_opened(SETTINGS, opened)
    assert order == ["stands", "sends"]
