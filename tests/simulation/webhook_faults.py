"""What befalls the webhook sink, its endpoint and its disk; a world without it has no sink."""

from random import Random
from typing import TYPE_CHECKING, Final

from simulation.faults import Deed, Fault
from simulation.recording import FAULTS_END_S

if TYPE_CHECKING:
    from simulation.world import World

_WITH_WEBHOOKS_ONE_IN: Final = 5
_MOST: Final = 3


async def _kill(world: "World", fault: Fault) -> None:
    del fault
    world.roles.kill("webhooks")


async def _pause(world: "World", fault: Fault) -> None:
    process = world.roles.pause("webhooks")
    await world.sleep(fault.seconds)
    world.roles.go_on(process)


async def _away(world: "World", fault: Fault) -> None:
    world.endpoint.is_away = True
    await world.sleep(fault.seconds)
    world.endpoint.is_away = False


async def _lose_answers(world: "World", fault: Fault) -> None:
    world.endpoint.loses_answers = True
    await world.sleep(fault.seconds)
    world.endpoint.loses_answers = False


async def _die_at_commit(world: "World", fault: Fault) -> None:
    """Have the sink die in its next commit, of which some bytes are written."""
    del fault

    def die() -> None:
        world.events["outbox torn"] += 1
        world.roles.kill("webhooks")

    world.disk.dies_at_commit = die


async def _no_space(world: "World", fault: Fault) -> None:
    world.disk.is_full = True
    await world.sleep(fault.seconds)
    world.disk.is_full = False


WEBHOOKS: Final[dict[str, Deed]] = {
    "kill webhooks": _kill,
    "pause webhooks": _pause,
    "endpoint away": _away,
    "endpoint's answers lost": _lose_answers,
    "webhooks die at a commit": _die_at_commit,
    "outbox's disk full": _no_space,
}


def draw_webhooks(seed: int) -> list[Fault]:
    """Return what befalls the webhooks of a seed; nothing where there are none."""
    draw = Random(f"webhooks {seed}")
    if draw.randrange(_WITH_WEBHOOKS_ONE_IN):
        return []
    return [
        Fault(
            draw.choice(list(WEBHOOKS)),
            round(draw.uniform(15.0, FAULTS_END_S - 20.0), 2),
            seconds=round(draw.uniform(0.1, 25.0), 2),
        )
        for _ in range(draw.randint(1, _MOST))
    ]
