"""One seed's outcome, and the fewest of its faults with which it still fails."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simulation.faults import Fault
from simulation.invariants import broken
from simulation.recording import recording
from simulation.schedule import draw_schedule
from simulation.world import World

# What the engine alone says of a recording costs a fifth of a world; a long run says it once each.
_RECORDINGS: Final = 500


@dataclass(frozen=True)
class Outcome:
    """What came of a world: ``broken`` is empty where everything held."""

    seed: int
    faults: tuple[Fault, ...]
    broken: tuple[str, ...]
    trace: str
    steps: int
    events: Counter[str]
    slowest_s: float


def play(seed: int, faults: Sequence[Fault] | None = None) -> Outcome:
    """Play the world of a seed, with its own faults or with others."""
    befallen = draw_schedule(seed) if faults is None else tuple(faults)
    world = World(seed, recording(seed % _RECORDINGS), befallen)
    world.run()
    return Outcome(
        seed=seed,
        faults=befallen,
        broken=tuple(broken(world)),
        trace=world.loop.trace,
        steps=world.loop.steps,
        events=world.events,
        slowest_s=world.slowest_s,
    )


def shrink(outcome: Outcome) -> Outcome:
    """Drop faults, one at a time, while the world still fails; return the smallest that does."""
    smallest, index = outcome, 0
    while index < len(smallest.faults):
        fewer = [fault for at, fault in enumerate(smallest.faults) if at != index]
        without = play(outcome.seed, fewer)
        if without.broken:
            smallest = without
        else:
            index += 1
    return smallest
