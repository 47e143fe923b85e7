"""A subscriber who misses nothing: reads the channels' streams, goes on where it was cut off."""

import asyncio
from collections import defaultdict

from redis.exceptions import RedisError

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import Alert, FeedAlarm, PlaceAlert, PublicAlert
from skyfence.contracts.channel_message import (
    OperatorsMessage,
    PublicMessage,
    parse_channel_message,
)
from skyfence.errors import SkyfenceError
from skyfence.naming import Audience, Channel

_BLOCK_MS = 500
_COUNT = 500


class Hearing:
    """What was read from each place's streams, in order.

    ``heard`` are the operators' alerts, ``alarms`` those of silent sources, ``public`` is what
    regions' people were told. Notes beside alerts are left out.
    """

    def __init__(self, settings: Settings, places: list[str]) -> None:
        self._settings = settings
        self._channels = {
            (channel := Channel(settings.environment, audience, place)).stream: channel
            for place in places
            for audience in Audience
        }
        self._last = dict.fromkeys(self._channels, "0")
        self.heard: dict[str, list[Alert | PlaceAlert]] = defaultdict(list)
        self.public: dict[str, list[PublicAlert]] = defaultdict(list)
        self.alarms: list[FeedAlarm] = []
        self.cuts = 0

    async def listen(self) -> None:
        """Read for ever; a cut is only a reason to read on."""
        while True:
            try:
                redis = await connect(self._settings)
                async with redis:
                    while True:
                        await self._read(redis, _BLOCK_MS)
            except (SkyfenceError, RedisError, OSError):
                self.cuts += 1
                await asyncio.sleep(0.1)

    async def read_rest(self) -> None:
        """Read what is there and not read yet."""
        async with await connect(self._settings) as redis:
            while await self._read(redis, None):
                pass

    async def _read(self, redis: object, block_ms: int | None) -> int:
        answer = await redis.xread(self._last, count=_COUNT, block=block_ms)  # type: ignore[attr-defined]
        count = 0
        for key, entries in answer or []:
            name = key.decode()
            for number, fields in entries:
                self._last[name] = number.decode()
                self._take(self._channels[name], fields[b"message"])
                count += 1
        return count

    def _take(self, channel: Channel, value: bytes) -> None:
        message = parse_channel_message(channel.audience, value)
        if isinstance(message, PublicMessage):
            self.public[channel.place].append(message.alert)
        elif isinstance(message, OperatorsMessage) and isinstance(message.alert, FeedAlarm):
            self.alarms.append(message.alert)
        elif isinstance(message, OperatorsMessage):
            assert not isinstance(message.alert, FeedAlarm)
            self.heard[channel.place].append(message.alert)

    def of(self, run: str) -> dict[str, list[Alert | PlaceAlert]]:
        """Return what operators heard of a run."""
        return {
            place: [alert for alert in alerts if alert.run == run]
            for place, alerts in self.heard.items()
        }
