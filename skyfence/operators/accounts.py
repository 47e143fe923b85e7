"""Operators: who they are, and what their users in Redis may do. Does not talk to Redis.

An operator may read the channels of the own places, with their streams and hashes, and the states
of all places, which hold no position; and write to one stream of commands that is the operator's
alone: so the key says who commands, not what stands in
the command.
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
    places_key,
    status_key,
)

# Rights that only some operators have; each of them may acknowledge on the own channels.
#
#   close      close and dismiss incidents, which ends their alerts
#   associate  join incidents and separate tracks: whoever judges the air picture, which is seldom
#              whoever may end an alert
#   release    release and withdraw public messages
Right = Literal["close", "associate", "release"]
# Clients say their name and version with it, and do without.
SET_INFO: Final = "+client|setinfo"
_COMMANDS: Final = (
    f"+ping +hello +auth {SET_INFO} +client|setname +subscribe +unsubscribe"
    " +xread +xrange +xrevrange +hgetall +xadd"
)


class Operator(Contract):
    """An operator, who watches the channels of some places (``channels``)."""

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
    """Return the name of the operator with a Redis user; None if it is no operator's here."""
    prefix = user_name(environment, "")
    return user.removeprefix(prefix) if user and user.startswith(prefix) else None


def rules(environment: Environment, operator: Operator, digest: str) -> list[str]:
    """Return the Redis ACL rules of an operator's user, for ``ACL SETUSER``.

    ``digest`` is the SHA-256 of the user's secret, 64 hex digits. The first rule takes all earlier
    rights away.
    """
    granted = ["reset", "on", f"#{digest}", "resetkeys", "resetchannels", "-@all"]
    granted += _COMMANDS.split()
    granted.append(f"&{heartbeat_channel(environment)}")
    granted += [f"%R~{key(environment)}" for key in (status_key, places_key)]
    for place in operator.channels:
        for audience in Audience:
            channel = Channel(environment, audience, place)
            granted += [f"&{channel.name}", f"%R~{channel.stream}", f"%R~{channel.active}"]
    granted.append(f"%W~{commands_key(environment, operator.name)}")
    granted.append(f"%R~{outcomes_key(environment, operator.name)}")
    return granted
