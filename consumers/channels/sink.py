"""The Redis sink: each alert to the channel it names.

Guarantee: at least once to Redis; every message once and in order to a subscriber who follows the
sequence (``skyfence.client``, docs/clients.md), also over cuts. One atomic step drops what is not
newer than the chain's last step, numbers the message, appends it to the channel's stream, keeps or
drops it among what is active there, keeps a place's as its state, and publishes it
(``functions.lua``).
"""

from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from consumers.channels.functions import ChannelFunctions, Delivery, install
from consumers.channels.reconciling import RedisReconciler, check_rights
from consumers.sink import Judging
from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import AlertMessage
from skyfence.contracts.channel_message import Beat
from skyfence.errors import UsageError
from skyfence.naming import (
    ALLIANCE,
    Audience,
    Channel,
    Environment,
    heartbeat_channel,
    places_key,
)
from skyfence.times import from_ms

# All that ``deliver`` runs: command, which of the channel's keys, and further words.
_NEEDED: Final = (
    ("GET", "steps", ()),
    ("SET", "steps", ("1",)),
    ("XREVRANGE", "stream", ("+", "-")),
    ("XADD", "stream", ("*", "message", "")),
    ("HGET", "active", ("",)),
    ("HSET", "active", ("", "")),
    ("HDEL", "active", ("",)),
    ("HGET", "acknowledged", ("",)),
    ("HDEL", "acknowledged", ("",)),
    ("HGET", "places", ("",)),
    ("HSET", "places", ("", "")),
    ("HKEYS", "places", ()),
    ("HDEL", "places", ("",)),
)


class RedisChannels:
    """Publishes alerts on their channels."""

    def __init__(self, redis: Redis, environment: Environment) -> None:
        self._redis = redis
        self._library = ChannelFunctions(redis)
        self._environment = environment

    @classmethod
    async def open(cls, settings: Settings) -> "RedisChannels":
        """Connect; raise what ``connect`` and ``install`` do, or ``UsageError`` without the rights.

        A relay without the right to publish would otherwise be found out by the first alert.
        """
        redis = await connect(settings)
        try:
            await install(redis)
            await _check_rights(redis, settings)
            await check_rights(ChannelFunctions(redis), settings)
        except BaseException:
            await redis.aclose()
            raise
        return cls(redis, settings.environment)

    def reconciler(self, settings: Settings, group: str) -> RedisReconciler:
        """Return what finds out that this Redis has lost what a group gave it."""
        return RedisReconciler(settings, self._library, group, self.restore_all)

    async def deliver(self, message: AlertMessage) -> int | None:
        """Publish an alert if it is newer than the last of its chain; return who received it."""
        (receivers,) = await self.deliver_all([message])
        return receivers

    async def deliver_all(self, messages: Sequence[AlertMessage]) -> list[int | None]:
        """Publish alerts as ``deliver`` would one by one, with one write to Redis's disk."""
        return await self._library.deliver_all(self._deliveries(messages))

    async def restore_all(self, messages: Sequence[AlertMessage]) -> None:
        """Publish the last messages of chains again, where Redis has lost them.

        What is over and does not stand here is told to nobody.
        """
        await self._library.restore_all(self._deliveries(messages))

    def _deliveries(self, messages: Sequence[AlertMessage]) -> list[Delivery]:
        return [
            Delivery(
                Channel(self._environment, Audience.OPERATORS, message.alert.place),
                message.alert,
                message,
            )
            for message in messages
        ]

    async def beat(self, now_ms: int, judging: Judging | None = None) -> None:
        """Tell subscribers that alerts would be published, and whether reports are judged."""
        sign = Beat(
            heartbeat=from_ms(now_ms),
            judging=None if judging is None else judging.now,
            judged=None if judging is None else judging.until,
        )
        await self._library.beat(self._environment, sign)

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()


async def _check_rights(redis: Redis, settings: Settings) -> None:
    """Refuse a user who may not do all that ``deliver`` does; raise ``UsageError``."""
    library, user = ChannelFunctions(redis), settings.redis.user or "default"
    channel = Channel(settings.environment, Audience.OPERATORS, ALLIANCE)
    keys = {
        "steps": channel.steps("0"),
        "stream": channel.stream,
        "active": channel.active,
        "acknowledged": channel.acknowledged,
        "places": places_key(settings.environment),
    }
    needed = [(command, keys[key], *words) for command, key, words in _NEEDED]
    for name in (channel.name, heartbeat_channel(settings.environment)):
        needed.append(("PUBLISH", name, ""))
    for command in needed:
        if not await library.may(*command):
            right = f"{command[0]} of {command[1]} is not permitted"
            raise UsageError(f"redis user {user} may not publish alerts: {right}")
