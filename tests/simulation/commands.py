"""What operators do in a world: drawn from its seed beside the faults, and dropped like them.

In a third of the worlds there are operators; half of what they do is followed at once by something
that befalls the desk, Redis or Kafka.
"""

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from simulation.faults import Deed, Fault, drawn
from simulation.recording import FAULTS_END_S

from skyfence.contracts.operator_command import (
    Acknowledge,
    Close,
    Dismiss,
    Join,
    Release,
    Withdraw,
)

if TYPE_CHECKING:
    from simulation.world import World

_WITH_OPERATORS_ONE_IN: Final = 3
_MOST_COMMANDS: Final = 4
_DESPITE: Final = ("kill desk", "pause desk", "connections cut", "redis restarts", "kill worker")
_MOST_LATER_S: Final = 0.5
_RIGHTFUL: Final = ("anna", "boris")


async def _acknowledge(world: "World", fault: Fault) -> None:
    incident = await world.operators.incident(fault.amount)
    await world.operators.command((fault.target, Acknowledge(incident_id=incident)))


async def _close(world: "World", fault: Fault) -> None:
    incident = await world.operators.incident(fault.amount)
    close = Close(incident_id=incident, reason=world.operators.reason("found"))
    await world.operators.command((fault.target, close))


async def _close_twice(world: "World", fault: Fault) -> None:
    """Have both operators close an incident at once, one of them twice."""
    incident = await world.operators.incident(fault.amount)
    close, other = (
        Close(incident_id=incident, reason=world.operators.reason(why))
        for why in ("landed", "found")
    )
    await world.operators.command(("anna", close), ("boris", other), ("anna", close))


async def _dismiss(world: "World", fault: Fault) -> None:
    incident = await world.operators.incident(fault.amount)
    dismiss = Dismiss(incident_id=incident, reason=world.operators.reason("own aircraft"))
    await world.operators.command((fault.target, dismiss))


async def _join(world: "World", fault: Fault) -> None:
    incident, other = await world.operators.two_incidents()
    join = Join(incident_id=incident, other_id=other, reason=world.operators.reason("one echo"))
    await world.operators.command((fault.target, join))


async def _release(world: "World", fault: Fault) -> None:
    alert = await world.operators.waiting(fault.amount)
    await world.operators.command((fault.target, Release(alert_id=alert)))


async def _withdraw(world: "World", fault: Fault) -> None:
    alert = await world.operators.waiting(fault.amount)
    withdraw = Withdraw(alert_id=alert, reason=world.operators.reason("a balloon"))
    await world.operators.command((fault.target, withdraw))


async def _decide_at_once(world: "World", fault: Fault) -> None:
    """Have one operator release what the other withdraws."""
    alert = await world.operators.waiting(fault.amount)
    withdraw = Withdraw(alert_id=alert, reason=world.operators.reason("a balloon"))
    await world.operators.command(("anna", Release(alert_id=alert)), ("boris", withdraw))


async def _without_right(world: "World", fault: Fault) -> None:
    await _close(world, replace(fault, target="carl"))


async def _second_desk(world: "World", fault: Fault) -> None:
    """Start a second desk, which shares the work for a while and dies for good."""
    role = world.add_desk()
    await world.sleep(fault.seconds)
    role.is_wanted = False
    world.roles.kill(role.name)


COMMANDS: Final[dict[str, Deed]] = {
    "operator acknowledges": _acknowledge,
    "operator closes": _close,
    "operators close twice": _close_twice,
    "operator dismisses": _dismiss,
    "operator joins": _join,
    "operator releases": _release,
    "operator withdraws": _withdraw,
    "operators decide at once": _decide_at_once,
    "operator has no right": _without_right,
    "second desk": _second_desk,
}


def draw_commands(seed: int) -> list[Fault]:
    """Return what the operators of a seed do, and what befalls it; nothing where there are none."""
    draw = Random(f"commands {seed}")
    if draw.randrange(_WITH_OPERATORS_ONE_IN):
        return []
    done = list[Fault]()
    for _ in range(draw.randint(1, _MOST_COMMANDS)):
        at_s = round(draw.uniform(15.0, FAULTS_END_S - 30.0), 2)
        name = draw.choice(list(COMMANDS))
        seconds = round(draw.uniform(5.0, 25.0), 2) if name == "second desk" else 0.0
        who = draw.choice(_RIGHTFUL) if name.startswith("operator ") else ""
        done.append(Fault(name, at_s, who, seconds, draw.randrange(10)))
        if draw.randrange(2):
            later_s = round(at_s + draw.uniform(0.0, _MOST_LATER_S), 2)
            done.append(replace(drawn(draw, draw.choice(_DESPITE)), at_s=later_s))
    return done
