"""A subscriber who misses nothing: reads the channels' streams, goes on where it was cut off."""

import asyncio
from collections import defaultdict

from redis.exceptions import RedisError

from skyfence.adapters.redis import connect
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import Alert, FeedAlarm, PlaceAlert
from skyfence.contracts.channel_message import OperatorsMessage
from skyfence.errors import SkyfenceError
from skyfence.naming import Audience, Channel

_BLOCK_MS = 500
_COUNT = 500


class Hearing:
    """What was read from each place's stream, in order."""

    def __init__(self, settings: Settings, places: list[str]) -> None:
        self._settings = settings
        self._keys = {
            Channel(settings.environment, Audience.OPERATORS, place).stream: place
            for place in places
        }
        self._last = dict.fromkeys(self._keys, "0")
        self.heard: dict[str, list[Alert | PlaceAlert]] = defaultdict(list)
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
                message = OperatorsMessage.model_validate_json(fields[b"message"])
                assert not isinstance(message.alert, FeedAlarm), "no monitor runs here"
                self.heard[self._keys[name]].append(message.alert)
                count += 1
        return count
