"""How a gateway begins: with what stands at the end of the log, not with its history."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import T0, T0_MS, place_alert
from receiving import HandClock, until
from relay_rig import AlertLog
from sms_rig import LV_NUMBER, RO_NUMBER, SmsRig, open_rig
from words import ENGLISH

from consumers.outbox.items import ItemState
from consumers.sink import OpenSink
from consumers.sms.outcome import read_notice
from skyfence.contracts.alert import FeedAlarm, PlaceAlert, PlaceLevel
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment

MINUTE = timedelta(minutes=1)
LEVELS: tuple[PlaceLevel, ...] = ("prepare", "shelter", "clear")
BOTH = [LV_NUMBER, RO_NUMBER]  # who hears of AA-1


def steps(*levels: PlaceLevel, episode: int = 1, minute: int = 0) -> list[PlaceAlert]:
    """Return an episode of AA-1, a step a minute, each of which holds for ten."""
    return [
        place_alert(
            level,
            number,
            environment=Environment.EXERCISE,
            episode=episode,
            at=T0 + (minute + number) * MINUTE,
        )
        for number, level in enumerate(levels, 1)
    ]


def silence(*, over: bool, minute: int = 0) -> list[FeedAlarm]:
    """Return what AA is told of a silent radar."""
    noticed = T0 + minute * MINUTE
    told = Silence(
        since=noticed,
        noticed=noticed,
        cause="silent",
        silent_after_s=60,
        places=("AA",),
        over=noticed + 2 * MINUTE if over else None,
        heard_again=noticed + 2 * MINUTE if over else None,
    )
    alarms = untold(
        told, "radar", "live", Environment.EXERCISE, {"AA": "nation"}, texts=ENGLISH.feed
    )
    return list(alarms)


class Gateway:
    """A gateway's outbox and log over several lives of its process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.log = AlertLog(per_poll=2)
        self._path = folder / "outbox.db"
        self._patch = patch

    async def live(self, minute: float, *alerts: Any, sends: bool = True) -> list[tuple[str, str]]:
        """Begin at a minute with what the log holds by then; return what is sent, and to whom.

        Without ``sends`` the process dies before anything is submitted.
        """
        self.log.store(*alerts)
        clock = HandClock(T0_MS + round(minute * 60_000))
        async with open_rig(self._path, clock=clock) as rig:
            opened = OpenSink(
                sink=rig.sink,
                group="tests",
                deliver_standing=rig.sink.deliver_standing,
                tells_itself=True,
            )
            await self.log.carry(opened, self._patch)
            return await _sent(rig) if sends else []


async def _sent(rig: SmsRig) -> list[tuple[str, str]]:
    """Let the sender work until nothing waits; return numbers and kinds of what it sent."""

    async def nothing_waits() -> bool:
        counts = await rig.outbox.state_counts()
        return not counts[ItemState.PENDING] and not counts[ItemState.SUBMITTING]

    rig.start()
    await until(nothing_waits)
    keys = {sms.key for sms in rig.gateway.taken}
    notices = [(entry, read_notice(entry)) for entry in await rig.entries() if entry.key in keys]
    return sorted((entry.recipient, notice.kind) for entry, notice in notices if notice)


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Return a gateway that is new."""
    return Gateway(tmp_path, monkeypatch)


def all_of(kind: str) -> list[tuple[str, str]]:
    """Return one SMS of a kind to each who hears of AA-1."""
    return [(number, kind) for number in BOTH]


async def test_a_new_gateway_sends_nothing_of_what_is_over(gateway: Gateway) -> None:
    """However many episodes and silences the log holds."""
    past = [alert for n in (1, 2, 3) for alert in steps(*LEVELS, episode=n, minute=4 * n)]
    assert await gateway.live(16, *past, *silence(over=True, minute=12)) == []


async def test_a_new_gateway_sends_what_stands_once(gateway: Gateway) -> None:
    """Of the present episode the latest message, and nothing again at the next start."""
    past = steps(*LEVELS)
    assert await gateway.live(8, *past, *steps("prepare", "shelter", episode=2, minute=5)) == (
        all_of("violation")
    )
    assert await gateway.live(9) == []


async def test_what_stands_and_has_expired_is_not_sent(gateway: Gateway) -> None:
    """A message holds as long as it says."""
    assert await gateway.live(13, *steps("prepare", "shelter")) == []


@pytest.mark.parametrize("minute", [5, 300, 1_430])
async def test_who_was_warned_is_told_of_the_end(gateway: Gateway, minute: int) -> None:
    """In one message, up to a day late; `take cover` is not said again."""
    prepare, shelter, end = steps(*LEVELS)
    assert await gateway.live(1, prepare) == all_of("threat_open")
    assert await gateway.live(minute, shelter, end) == all_of("all_clear")


async def test_after_more_than_a_day_nobody_is_told_of_the_end(gateway: Gateway) -> None:
    """By then they know."""
    *danger, end = steps(*LEVELS)
    assert await gateway.live(2, *danger) == all_of("violation")
    assert await gateway.live(1_450, end) == []


async def test_who_was_warned_in_an_earlier_episode_is_told_of_the_last_one_s_end(
    gateway: Gateway,
) -> None:
    """Two ends and another danger have passed meanwhile: all that is true now is the end."""
    *danger, end = steps(*LEVELS)
    assert await gateway.live(2, *danger) == all_of("violation")
    assert await gateway.live(70, end, *steps(*LEVELS, episode=2, minute=60)) == all_of("all_clear")


async def test_who_was_warned_is_told_of_the_next_danger_alone(gateway: Gateway) -> None:
    """The end of the first episode is no news once the second has begun."""
    *danger, end = steps(*LEVELS)
    assert await gateway.live(2, *danger) == all_of("violation")
    again = steps("prepare", episode=2, minute=60)
    assert await gateway.live(62, end, *again) == all_of("threat_open")


async def test_a_warning_that_waited_is_not_sent_after_the_end(gateway: Gateway) -> None:
    """It was in the outbox when the process died, and nobody was told: nothing is sent."""
    *danger, end = steps(*LEVELS)
    assert await gateway.live(2, *danger, sends=False) == []
    assert await gateway.live(4, end) == []


async def test_an_end_that_waited_gives_way_and_is_not_forgotten(gateway: Gateway) -> None:
    """It was in the outbox when the process died; the next episode came and went."""
    *danger, end = steps(*LEVELS)
    assert await gateway.live(2, *danger) == all_of("violation")
    assert await gateway.live(4, end, sends=False) == []
    begins, *ends = steps("prepare", "clear", episode=2, minute=60)
    assert await gateway.live(62, begins, sends=False) == []
    assert await gateway.live(64, *ends) == all_of("all_clear")


async def test_what_was_put_and_not_acknowledged_is_overtaken(gateway: Gateway) -> None:
    """A process that died before its commit reads the same again, and more."""
    *danger, end = steps(*LEVELS)
    assert await gateway.live(2, *danger, sends=False) == []
    gateway.log.committed = 0
    assert await gateway.live(4, end) == []


async def test_a_first_warning_that_stands_is_sent(gateway: Gateway) -> None:
    """Also where its quiet successor is the latest, which tells the same danger."""
    assert await gateway.live(0) == []
    sounding, quiet = steps("shelter", "shelter")
    quiet = quiet.model_copy(update={"notify": "quiet"})
    assert await gateway.live(3, sounding, quiet) == all_of("violation")


async def test_a_feed_alarm_is_told_within_minutes(gateway: Gateway) -> None:
    """Later it is history, though the source is waited for; who was told hears of its return."""
    assert await gateway.live(11, *silence(over=False)) == []
    alarm, back = silence(over=True, minute=20)
    assert await gateway.live(29, alarm) == [(LV_NUMBER, "feed_silent")]
    assert await gateway.live(90, back) == [(LV_NUMBER, "feed_back")]
