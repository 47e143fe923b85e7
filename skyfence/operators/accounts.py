"""Operators: who they are, and what their users in Redis may do. Does not talk to Redis.

An operator reads what the own channels publish and keep, and writes to one stream of commands that
is the operator's alone: who commands is known from the key, not from what is written there.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from skyfence.contracts.base import Contract, UtcTime
from skyfence.contracts.channel_message import OperatorName
from skyfence.naming import (
    Audience,
    Channel,
    Environment,
    ZoneName,
    commands_key,
    heartbeat_channel,
    outcomes_key,
    status_key,
)

# What only some may do; every operator may acknowledge on the own channels.
Right = Literal["close", "release"]
_COMMANDS: Final = (
    "+ping +hello +auth +client|setinfo +client|setname +subscribe +unsubscribe"
    " +xread +xrange +xrevrange +hgetall +xadd"
)


class Operator(Contract):
    """Somebody who stands watch over some channels."""

    name: OperatorName
    channels: Annotated[tuple[ZoneName, ...], Field(min_length=1)]
    may: tuple[Right, ...] = ()
    created: UtcTime


def user_name(environment: Environment, name: str) -> str:
    """Return the operator's user in Redis.

    >>> user_name(Environment.EXERCISE, "anna")
    'exercise:operator:anna'
    """
    return f"{environment.redis_prefix}operator:{name}"


def name_of(environment: Environment, user: str | None) -> str | None:
    """Return whose user this is, or None if it is no operator's of this environment."""
    prefix = user_name(environment, "")
    return user.removeprefix(prefix) if user and user.startswith(prefix) else None


def rules(environment: Environment, operator: Operator, digest: str) -> list[str]:
    """Return the ACL rules of an operator's user; ``digest`` is the secret's SHA-256, in hex."""
    found = ["reset", "on", f"#{digest}", "resetkeys", "resetchannels", "-@all"]
    found += _COMMANDS.split()
    found += [f"&{heartbeat_channel(environment)}", f"%R~{status_key(environment)}"]
    for place in operator.channels:
        for audience in Audience:
            channel = Channel(environment, audience, place)
            found += [f"&{channel.name}", f"%R~{channel.stream}", f"%R~{channel.active}"]
    found.append(f"%W~{commands_key(environment, operator.name)}")
    found.append(f"%R~{outcomes_key(environment, operator.name)}")
    return found
