"""The end of a fault run: waits until all that is owed has come, then lets the beacon fall silent.

What is still wrong, and gets no less for a while, is a finding.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable

from account import Account, account_of
from beacon import BEACON
from hearing import Hearing
from owed import broken, standing
from readers import PEOPLE, Readers
from verdict import Verdict

from consumers.sms.rules.notice import Notice
from skyfence.adapters.settings import Settings

# Pauses between a sink's attempts have grown to a minute by then.
_WITHIN_S = 120.0
_LOOK_AGAIN_S = 3.0
_HEARD_WITHIN_S = 30.0
# Who watches a source that covers all places.
_WATCHERS = frozenset({"AA", "BB", "NATO"})


async def findings(
    settings: Settings, readers: Readers, hearing: Hearing, beacon: "asyncio.Task[None]"
) -> list[str]:
    """Return what is owed and has not come, before and after the beacon falls silent."""

    def look(judge: Callable[[Account], Iterable[str]]) -> list[str]:
        return list(judge(asyncio.run(account_of(settings, readers, hearing.public))))

    async def looked(judge: Callable[[Account], Iterable[str]]) -> list[str]:
        until_s, fewest = time.monotonic() + _WITHIN_S, math.inf
        while True:
            # In a thread: whoever reads thousands of alerts would hold up the lines of this loop.
            wrong = await asyncio.to_thread(look, judge)
            if len(wrong) < fewest:  # on a busy machine a sink needs minutes to catch up
                until_s, fewest = time.monotonic() + _WITHIN_S, len(wrong)
            if not wrong or time.monotonic() > until_s:
                return wrong
            await asyncio.sleep(_LOOK_AGAIN_S)

    wrong = await looked(broken)
    assert not beacon.done(), beacon
    beacon.cancel()
    await asyncio.gather(beacon, return_exceptions=True)
    return wrong + await looked(silence)


async def heard_out(judge: Callable[[], Verdict]) -> None:
    """Return when a subscriber has heard all that he should, or nothing that was missing for long.

    The last decisions of a run wait until its workers have said of each partition that nothing is
    left in it: up to some seconds after the last message was judged.
    """

    def missing() -> int:
        verdict = judge()
        return 0 if verdict.holds else 1 + len(verdict.missing) + len(verdict.episodes)

    await until_still(missing, _HEARD_WITHIN_S)


async def until_still(left: Callable[[], int], within_s: float) -> None:
    """Return when nothing is left, or what is has not become less for so long."""
    until_s, fewest = time.monotonic() + within_s, math.inf
    while (count := left()) and time.monotonic() < until_s:
        if count < fewest:
            until_s, fewest = time.monotonic() + within_s, count
        await asyncio.sleep(_LOOK_AGAIN_S)


def silence(account: Account) -> list[str]:
    """Return who was not told that the beacon is silent."""
    alarmed = {alarm.place for alarm in standing(account.decided) if alarm.key == BEACON}
    posted = {alarm.place for _, alarm in account.posts if alarm in standing(account.decided)}
    rung = {
        PEOPLE[number]
        for number, key in account.sms
        if key in account.entries
        and Notice.model_validate_json(account.entries[key].body).kind == "feed_silent"
    }
    missing = {
        "feeds": _WATCHERS - alarmed,
        "webhooks": _WATCHERS - posted,
        "sms": _WATCHERS.intersection(PEOPLE.values()) - rung,
    }
    return [
        f"{reader}: {place} was not told that the {BEACON} is silent"
        for reader, places in missing.items()
        for place in sorted(places)
    ]
