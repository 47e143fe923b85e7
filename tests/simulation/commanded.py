"""What must come of operators' commands: an answer, and an effect everywhere or a reason for none.

A desk that dies between its deed and its answer is followed by another that answers again: with the
same words, and only where something befell the world.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from uuid import UUID

from simulation.commands import COMMANDS
from simulation.operators import OPERATORS, Given
from simulation.public import forgets
from simulation.redis_streams import format_id
from simulation.told import all_alerts, is_lossy, last_alerts, stored_events

from skyfence.contracts.alert import Alert
from skyfence.contracts.channel_message import is_over
from skyfence.contracts.operator_command import (
    Acknowledge,
    AuditRecord,
    Close,
    CommandOutcome,
    Dismiss,
    Join,
)
from skyfence.contracts.track_event import OperatorEvent
from skyfence.naming import audit_key, commands_key, outcomes_key

if TYPE_CHECKING:
    from simulation.world import World

# How each refusal may be given a reason, in its words.
_REASONS: Final = (
    "has no right to",
    "does not stand on your channels",
    "no desk read this in time",
    "is the news of",
    "no such message waits",
    "already",
    "there was news meanwhile",
)


def commanded(world: "World") -> Iterator[str]:
    """Return what did not come of commands as it must, in words."""
    yield from _answered(world)
    if not is_lossy(world):
        for given in world.operators.given:
            yield from _carried_out(world, given)


def _answered(world: "World") -> Iterator[str]:
    """Tell which commands that Redis holds have no answer, or several; which are not on record."""
    environment, streams = world.settings.environment, world.redis.keyspace.streams
    undisturbed = all(fault.name in COMMANDS for fault in world.faults)
    audit = streams.get(audit_key(environment).encode())
    recorded = {
        (record.by, record.command_id): record
        for _, fields in (audit.entries if audit else [])
        for record in [AuditRecord.model_validate_json(fields[1])]
    }
    for operator in OPERATORS:
        outcomes = streams.get(outcomes_key(environment, operator.name).encode())
        answers = [
            CommandOutcome.model_validate_json(fields[1])
            for _, fields in (outcomes.entries if outcomes else [])
        ]
        commands = streams.get(commands_key(environment, operator.name).encode())
        for entry_id, _ in commands.entries if commands else []:
            name = format_id(entry_id).decode()
            told = [(each.outcome, each.what) for each in answers if each.command_id == name]
            record = recorded.get((operator.name, name))
            if record is None or (record.outcome, record.what) not in told:
                yield f"commands: {operator.name}'s {name} is not answered as it is on record"
            if len(set(told)) > 1 or (undisturbed and len(told) > 1):
                yield f"commands: {operator.name}'s {name} is answered with {told}"


def _carried_out(world: "World", given: Given) -> Iterator[str]:
    """Tell where what an operator was told of a command is not so."""
    command, outcome = given.command, given.outcome
    if outcome is None:
        return
    about = f"commands: {given.by}'s {command.command}"
    is_done = outcome.outcome == "done"
    if not is_done and not any(reason in outcome.what for reason in _REASONS):
        yield f"{about} was refused: {outcome.what}"
    if is_done and given.by == "carl" and not isinstance(command, Acknowledge):
        yield f"{about} was carried out without the right"
    if isinstance(command, Close | Dismiss | Join):
        yield from _handed_over(world, given, command.reason, about)
    if is_done and isinstance(command, Close | Dismiss):
        yield from _stays_closed(world, command.incident_id, about)
    if is_done and isinstance(command, Acknowledge | Close | Dismiss | Join) and not forgets(world):
        notes = [(note.incident_id, note.by) for note in world.notes]
        if (command.incident_id, given.by) not in notes:
            yield f"{about} was carried out, and no channel heard of it"


def _stays_closed(world: "World", incident: UUID, about: str) -> Iterator[str]:
    """Tell which chains of an incident stand, and which new incidents its tracks have.

    No object of these worlds becomes another matter later, as by entering another nation.
    """
    last = last_alerts(world)
    own = {place: alert for (place, chain), alert in last.items() if chain == incident}
    for place, alert in own.items():
        if not is_over(alert):
            yield f"{about} was carried out, and {place} is last told {alert.headline!r}"
    tracks = {track for alert in own.values() if isinstance(alert, Alert) for track in alert.tracks}
    closed = max((alert.time for alert in own.values()), default=None)
    for alert in all_alerts(world):
        is_new = isinstance(alert, Alert) and alert.step == 1 and closed and alert.time > closed
        if is_new and isinstance(alert, Alert) and tracks & {*alert.tracks}:
            yield f"{about} was carried out, and {alert.place} is told anew {alert.headline!r}"


def _handed_over(world: "World", given: Given, reason: str, about: str) -> Iterator[str]:
    """Tell where the incident agent was told what was refused, or not told what was done."""
    is_told = any(
        isinstance(event, OperatorEvent) and (event.by, event.reason) == (given.by, reason)
        for _, event in stored_events(world)
    )
    alike = [g for g in world.operators.given if (g.by, g.command) == (given.by, given.command)]
    outcomes = [None if each.outcome is None else each.outcome.outcome for each in alike]
    if is_told and not {None, "done"} & {*outcomes}:
        yield f"{about} was refused, and the incident agent was told all the same"
    if not is_told and "done" in outcomes:
        yield f"{about} was done, and the incident agent was not told"
