"""Faults at seeded random moments: processes killed or stopped for a while, topics fed with junk.

A victim is whatever can be killed and started again; how is its own affair.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median


@dataclass(frozen=True)
class Victim:
    """Something that can die. ``back`` returns when it serves again."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]
    back: Callable[[], Awaitable[None]]
    pause: Callable[[], None]
    go_on: Callable[[], None]


@dataclass
class Record:
    """What was done, and how long each victim needed until it served again, seconds."""

    kills: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
    garbage: int = 0
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)

    holds = True  # faults alone prove nothing wrong

    def document(self) -> dict[str, object]:
        """Return it as a JSON document; of the recoveries the median and the longest."""
        return {
            "kills": dict(self.kills),
            "pauses": dict(self.pauses),
            "garbage": self.garbage,
            "recoveries_s": {name: times(taken) for name, taken in self.recoveries_s.items()},
        }

    def summary(self) -> str:
        """Return it in some words."""
        return f"{sum(self.kills.values())} kills, {sum(self.pauses.values())} pauses"


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


async def disturb(
    plan: Plan,
    draw: Random,
    victims: Sequence[Victim],
    throw_garbage: Callable[[], Awaitable[int]],
) -> Record:
    """Do all that is planned, one fault after the other; return what was done."""
    record, number = Record(), 0
    while sum(record.kills.values()) < plan.kills:
        number += 1
        victim = draw.choice(victims)
        await asyncio.sleep(draw.uniform(*plan.gap_s))
        if number % plan.pause_every == 0:
            await _pause(victim, plan.pause_s)
            record.pauses[victim.name] += 1
            record.garbage += await throw_garbage()
            continue
        victim.kill()
        record.kills[victim.name] += 1
        start_s = time.monotonic()
        await asyncio.sleep(draw.uniform(0.0, 1.0))
        victim.start()
        await victim.back()
        taken_s = time.monotonic() - start_s
        record.recoveries_s.setdefault(victim.name, []).append(taken_s)
    return record


async def _pause(victim: Victim, seconds: float) -> None:
    victim.pause()
    try:
        await asyncio.sleep(seconds)
    finally:
        victim.go_on()
