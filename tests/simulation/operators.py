"""What operators command in a world: by one, by two at once, the same twice, without the right.

    heard on the channels ──▶ what stands, what waits ──▶ ``skyfence close`` … ──▶ the desk

The client is the command's own (``skyfence.cli.operator_commands``); who commands looks at what the
world's subscriber has heard. Administrators make the operators anew where Redis has lost them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from simulation.loop import Process, context_of
from simulation.recording import START

from skyfence.cli import operator_commands
from skyfence.contracts.alert import Alert
from skyfence.contracts.channel_message import Decision, is_over
from skyfence.contracts.operator_command import CommandOutcome, OperatorCommand
from skyfence.errors import UnavailableError
from skyfence.naming import operators_key
from skyfence.operators.accounts import Operator

if TYPE_CHECKING:
    from simulation.world import World

_ALL: Final = ("AA", "AA-1", "AA-2", "BB", "BB-1")
# Carl may acknowledge, and nothing else.
OPERATORS: Final = (
    Operator(name="anna", channels=_ALL, may=("close", "associate", "release"), created=START),
    Operator(name="boris", channels=_ALL, may=("close", "associate", "release"), created=START),
    Operator(name="carl", channels=("AA-1",), created=START),
)
# How long an operator looks for something to command.
_LOOKS_FOR_S: Final = 20.0
_LOOKS_EVERY_S: Final = 0.5
# Of no incident: what an operator names who mistypes.
_UNKNOWN: Final = UUID(int=7)


@dataclass
class Given:
    """A command that was given; ``outcome`` is the answer that came within its ten seconds."""

    by: str
    command: OperatorCommand
    outcome: CommandOutcome | None = None


class Operators:
    """The operators of a world, and all that they have commanded."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.given: list[Given] = []
        self._reasons = 0

    async def command(self, *commands: tuple[str, OperatorCommand]) -> None:
        """Give commands at once, each by who is named; return when all have an answer, or none."""
        self._enrol()
        loop = self._world.loop
        tasks = [
            loop.create_task(self._give(by, command), context=context_of(Process(by)))
            for by, command in commands
        ]
        await asyncio.gather(*tasks)

    async def _give(self, by: str, command: OperatorCommand) -> None:
        given = Given(by, command)
        self.given.append(given)
        name = type(command).__name__
        try:
            given.outcome = await operator_commands._send(self._world.settings, by, command)
            self._world.events[f"operator {name} {given.outcome.outcome}"] += 1
        except UnavailableError:
            self._world.events["operator without an answer"] += 1

    def _enrol(self) -> None:
        """Make the operators, where Redis does not know them (any more)."""
        key = operators_key(self._world.settings.environment).encode()
        records = {each.name.encode(): each.to_json() for each in OPERATORS}
        self._world.redis.keyspace.hashes[key] = records

    def reason(self, why: str) -> str:
        """Return a reason that tells a command from all others, but from its like."""
        self._reasons += 1
        return f"{why} ({self._reasons})"

    async def incident(self, place_in_list: int) -> UUID:
        """Return an incident that stands on the channels, or none's after a while."""
        incidents = await self._look(self._standing)
        return incidents[place_in_list % len(incidents)] if incidents else _UNKNOWN

    async def two_incidents(self) -> tuple[UUID, UUID]:
        """Return two incidents that stand, the second perhaps none's."""
        incidents = [*await self._look(self._standing), _UNKNOWN, UUID(int=8)]
        return incidents[0], incidents[1]

    async def waiting(self, place_in_list: int) -> UUID:
        """Return a public message that waits for a decision, or none's after a while."""
        alerts = await self._look(self._waiting)
        return alerts[place_in_list % len(alerts)] if alerts else _UNKNOWN

    async def _look(self, find: Callable[[], list[UUID]]) -> list[UUID]:
        for _ in range(round(_LOOKS_FOR_S / _LOOKS_EVERY_S)):
            if seen := find():
                return seen
            await asyncio.sleep(_LOOKS_EVERY_S)
        return []

    def _standing(self) -> list[UUID]:
        last: dict[UUID, Alert] = {}
        for messages in self._world.heard.values():
            for each in messages:
                alert = each.message.alert
                if isinstance(alert, Alert) and alert.event == "airspace violation":
                    last[alert.incident_id] = alert
        return [chain for chain, alert in last.items() if not is_over(alert)]

    def _waiting(self) -> list[UUID]:
        state = {
            note.alert_id: note.decision for note in self._world.notes if isinstance(note, Decision)
        }
        return [alert for alert, decision in state.items() if decision == "held"]
