"""``skyfence ack``, ``close``, ``dismiss``, ``join``, … : what an operator commands.

A command goes to the operator's own stream in Redis; the desk answers. Exits 0 if it was done, 1 if
it was refused, 3 if no desk answered.
"""

import asyncio
import time
from typing import Any, Final
from uuid import UUID

import click
from click.shell_completion import CompletionItem
from pydantic import ValidationError
from redis.asyncio import Redis

from skyfence.adapters.redis import connect, redis_errors
from skyfence.adapters.settings import Settings
from skyfence.cli import view
from skyfence.cli.local import runtime_file
from skyfence.cli.operators import exercise_option
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.operator_command import (
    STANDARD_REASONS,
    Acknowledge,
    Close,
    CommandOutcome,
    Dismiss,
    Join,
    OperatorCommand,
    Release,
    Separate,
    Withdraw,
)
from skyfence.errors import InputError, UnavailableError, UsageError
from skyfence.naming import Environment, commands_key, outcomes_key
from skyfence.operators.accounts import name_of

_ANSWER_S: Final = 10.0
# Well below the time after which the client takes a silent connection for a dead one.
_BLOCK_S: Final = 1.0
operator_option = click.option(
    "--operator", help="Who commands, where the Redis user is not an operator's."
)
reason_option = click.option("--reason", required=True, help="For the record, and for the others.")


def _complete_reason(
    _context: click.Context, _parameter: click.Parameter, typed: str
) -> list[CompletionItem]:
    """Return the standard reasons that begin with what was typed, for a shell's completion."""
    return [CompletionItem(reason) for reason in STANDARD_REASONS if reason.startswith(typed)]


standard_reason_option = click.option(
    "--reason",
    required=True,
    shell_complete=_complete_reason,
    help=f"For the record, and for the others: {', '.join(STANDARD_REASONS)}, or any text.",
)


@click.command()
@click.argument("incident", type=click.UUID)
@click.option("--place", help="On this place's channel alone.  [default: all of yours]")
@operator_option
@exercise_option
def ack(incident: UUID, place: str | None, operator: str | None, exercise: bool) -> None:
    """Tell all others on the channel that you have taken note of INCIDENT."""
    _command(exercise, operator, Acknowledge, incident_id=incident, place=place)


@click.command()
@click.argument("incident", type=click.UUID)
@standard_reason_option
@operator_option
@exercise_option
def close(incident: UUID, reason: str, operator: str | None, exercise: bool) -> None:
    """End INCIDENT, whatever state it is in: found, landed, or waited for no more."""
    _command(exercise, operator, Close, incident_id=incident, reason=reason)


@click.command()
@click.argument("incident", type=click.UUID)
@standard_reason_option
@operator_option
@exercise_option
def dismiss(incident: UUID, reason: str, operator: str | None, exercise: bool) -> None:
    """End INCIDENT, which never was one: a false track, an own aircraft. It does not count."""
    _command(exercise, operator, Dismiss, incident_id=incident, reason=reason)


@click.command()
@click.argument("incident", type=click.UUID)
@click.argument("other", type=click.UUID)
@reason_option
@operator_option
@exercise_option
def join(incident: UUID, other: UUID, reason: str, operator: str | None, exercise: bool) -> None:
    """Say that INCIDENT and OTHER are one object."""
    _command(exercise, operator, Join, incident_id=incident, other_id=other, reason=reason)


@click.command()
@click.argument("incident", type=click.UUID)
@click.option("--track", required=True, help="SOURCE/TRACK, as the incident's alerts name it.")
@reason_option
@operator_option
@exercise_option
def separate(incident: UUID, track: str, reason: str, operator: str | None, exercise: bool) -> None:
    """Say that a track of INCIDENT is another object."""
    source, slash, track_id = track.partition("/")
    if not slash:
        raise UsageError(f"--track {track!r}: not SOURCE/TRACK")
    _command(
        exercise,
        operator,
        Separate,
        incident_id=incident,
        source=source,
        track_id=track_id,
        reason=reason,
    )


@click.command()
@click.argument("alert", type=click.UUID)
@operator_option
@exercise_option
def release(alert: UUID, operator: str | None, exercise: bool) -> None:
    """Publish the public message ALERT, which waits for a decision."""
    _command(exercise, operator, Release, alert_id=alert)


@click.command()
@click.argument("alert", type=click.UUID)
@reason_option
@operator_option
@exercise_option
def withdraw(alert: UUID, reason: str, operator: str | None, exercise: bool) -> None:
    """Keep the public message ALERT, which waits for a decision, from the public."""
    _command(exercise, operator, Withdraw, alert_id=alert, reason=reason)


def _command(
    exercise: bool, operator: str | None, kind: type[OperatorCommand], **given: Any
) -> None:
    settings = runtime_file.reach(Environment.EXERCISE if exercise else Environment.ACTUAL)
    name = operator or name_of(settings.environment, settings.redis.user)
    if name is None:
        raise UsageError(
            "who commands? set SKYFENCE_REDIS_USER to an operator's user, or name one: --operator"
        )
    try:
        command = kind(**given)
    except ValidationError as error:
        raise UsageError(describe_validation_error(error)) from None
    outcome = asyncio.run(_send(settings, name, command))
    if outcome.outcome == "refused":
        raise InputError(view.plain(outcome.what))
    click.echo(view.plain(outcome.what))


async def _send(settings: Settings, name: str, command: OperatorCommand) -> CommandOutcome:
    redis = await connect(settings)
    key = commands_key(settings.environment, name)
    answers = outcomes_key(settings.environment, name)
    try:
        with redis_errors(
            "redis took no command", forbidden=f"this redis user may not command as {name}"
        ):
            newest_entries: Any = await redis.xrevrange(answers, count=1)
            newest = newest_entries[0][0] if newest_entries else "0"
            command_id: Any = await redis.xadd(key, {"command": command.to_json()})
            return await _answer(redis, answers, newest, command_id.decode())
    finally:
        await redis.aclose()


async def _answer(redis: Redis, answers: str, newest: Any, command_id: str) -> CommandOutcome:
    until_s, last = time.monotonic() + _ANSWER_S, newest
    while (left_s := until_s - time.monotonic()) > 0:
        block_ms = max(1, round(1000 * min(left_s, _BLOCK_S)))
        read: Any = await redis.xread({answers: last}, block=block_ms)
        for _, entries in read or []:
            last = entries[-1][0]
            for _, fields in entries:
                outcome = CommandOutcome.model_validate_json(fields[b"outcome"])
                if outcome.command_id == command_id:
                    return outcome
    raise UnavailableError(
        f"no desk has answered in {_ANSWER_S:.0f} s (is `skyfence desk` running?); "
        "one that comes up later still carries it out"
    )
