"""Faults at seeded random moments: processes killed or stopped, topics fed with junk, and troubles.

A victim is whatever can be killed and started again, a trouble whatever else may happen and be
over; how is its own affair.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median

# `skyfence`'s exit status where Kafka or Redis is away for too long, and it is to be started anew.
_SOMETHING_AWAY = 3


@dataclass(frozen=True)
class Victim:
    """Something that can die. ``back`` returns when it serves again."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]
    back: Callable[[], Awaitable[None]]
    pause: Callable[[], None]
    go_on: Callable[[], None]


@dataclass(frozen=True)
class Trouble:
    """Something that may happen to the stage, by its name; ``happens`` returns when it is over."""

    name: str
    happens: Callable[[Random], Awaitable[None]]


@dataclass(frozen=True)
class Faults:
    """What may be done: who may die, what else may happen, and how junk is sent."""

    victims: Sequence[Victim]
    troubles: Sequence[Trouble]
    throw_garbage: Callable[[], Awaitable[int]]


@dataclass
class Record:
    """What was done, and how long each victim needed until it served again, seconds.

    ``ends`` are processes that ended by themselves and were started again, by name and exit status;
    ``findings`` is what readers of alerts were owed at the end and did not get.
    """

    kills: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    garbage: int = 0
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Return what is wrong: who ended without saying that something is away, and what is owed.

        A process that was told nothing and ends otherwise is defective.
        """
        ended = [
            f"{name} ended with {status}" for name, status in self.ends if status != _SOMETHING_AWAY
        ]
        return ended + self.findings

    @property
    def holds(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.wrong

    def document(self) -> dict[str, object]:
        """Return it as a JSON document; of the recoveries the median and the longest."""
        return {
            "kills": dict(self.kills),
            "pauses": dict(self.pauses),
            "troubles": dict(self.troubles),
            "garbage": self.garbage,
            "ended_by_themselves": {
                f"{name}, status {status}": count for (name, status), count in self.ends.items()
            },
            "wrong": self.wrong,
            "recoveries_s": {name: times(taken) for name, taken in self.recoveries_s.items()},
        }

    def summary(self) -> str:
        """Return it in some words."""
        return (
            f"{sum(self.kills.values())} kills, {sum(self.pauses.values())} pauses, "
            f"{sum(self.troubles.values())} troubles"
        )


def times(taken_s: Sequence[float]) -> dict[str, float]:
    """Return the median and the longest of what something took, seconds."""
    return {"median": round(median(taken_s), 1), "longest": round(max(taken_s), 1)}


@dataclass(frozen=True)
class Plan:
    """How much is done to whom."""

    kills: int
    gap_s: tuple[float, float]
    pause_s: float
    pause_every: int  # every n-th fault is a pause instead of a kill
    trouble_every: int  # every n-th fault that is no pause is a trouble


async def disturb(plan: Plan, draw: Random, faults: Faults, record: Record) -> None:
    """Do all that is planned, one fault after the other, and record it."""
    number, troubles = 0, _by_turns(faults.troubles, draw)
    while sum(record.kills.values()) < plan.kills:
        number += 1
        await asyncio.sleep(draw.uniform(*plan.gap_s))
        if number % plan.pause_every == 0:
            victim = draw.choice(faults.victims)
            record.pauses[victim.name] += 1
            await _pause(victim, plan.pause_s)
            record.garbage += await faults.throw_garbage()
        elif faults.troubles and number % plan.trouble_every == 0:
            trouble = next(troubles)
            record.troubles[trouble.name] += 1
            await trouble.happens(draw)
        else:
            await _kill(draw.choice(faults.victims), draw, record)


def _by_turns(troubles: Sequence[Trouble], draw: Random) -> Iterator[Trouble]:
    """Yield each trouble once, in an order that is drawn, and then again."""
    while True:
        yield from draw.sample(troubles, len(troubles))


async def _kill(victim: Victim, draw: Random, record: Record) -> None:
    victim.kill()
    record.kills[victim.name] += 1
    start_s = time.monotonic()
    await asyncio.sleep(draw.uniform(0.0, 1.0))
    victim.start()
    await victim.back()
    taken_s = time.monotonic() - start_s
    record.recoveries_s.setdefault(victim.name, []).append(taken_s)


async def _pause(victim: Victim, seconds: float) -> None:
    victim.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        victim.go_on()
