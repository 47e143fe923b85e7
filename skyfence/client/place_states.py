"""The state of places in one read: what a late joiner has to know before anything comes.

    hash places: run/place ──▶ the place's last message, ``clear`` included ──▶ OperatorsMessage

A place that had no episode in a run has no state, which is neither ``clear`` nor an all-clear. Who
has acknowledged an episode stands in what is active (``catch_up``). Does not subscribe (``feed``).
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from skyfence.adapters.redis import redis_errors
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import OperatorsMessage, parse_channel_message
from skyfence.frames.frame import LIVE_RUN
from skyfence.naming import Audience, Environment, places_key

log = structlog.get_logger()


async def read_places(
    redis: Redis, environment: Environment, places: Collection[str] | None = None
) -> list[OperatorsMessage]:
    """Return the last message of each place, the live run first, then by run and place.

    Of all places, or of ``places`` alone. Raises ``UnavailableError`` where Redis fails, and
    ``UsageError`` where the user may not read the states of places.
    """
    with redis_errors(
        "redis gave no states of places",
        forbidden="this redis user may not read the states of places",
    ):
        answer: Any = redis.hgetall(places_key(environment))
        fields = cast("Mapping[bytes, bytes]", await answer)
    states = [
        message
        for field, value in fields.items()
        if (message := _parsed(field, value)) is not None
        and (places is None or message.alert.place in places)
    ]
    return sorted(states, key=_order)


def _order(message: OperatorsMessage) -> tuple[bool, str, str]:
    run = message.alert.run
    return (run != LIVE_RUN, run, message.alert.place)


def _parsed(field: bytes, value: bytes) -> OperatorsMessage | None:
    """Return a place's message; None for the list of runs, and for what cannot be read."""
    if b"/" not in field:
        return None
    try:
        message = parse_channel_message(Audience.OPERATORS, value)
    except ValidationError as error:
        reason = describe_validation_error(error)
        log.warning("place.unreadable", field=field.decode(), reason=reason)
        return None
    return message if isinstance(message, OperatorsMessage) else None
