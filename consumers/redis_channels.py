"""The Redis sink: each alert to the channel it names.

Guarantee: at least once to Redis, once to a subscriber who is connected. The last step of each
chain is kept in Redis by the same atomic script that publishes; a step that is not newer is
dropped. Pub/sub itself keeps nothing for those who are away.
"""

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from skyfence.alert import AlertMessage
from skyfence.channels import Environment, steps_key
from skyfence.client import connect
from skyfence.errors import UnavailableError
from skyfence.settings import Settings

# As long as Kafka keeps alerts by default: what it could hand out again is known for a repeat.
_STEPS_KEPT_S: Final = 7 * 24 * 3600
# KEYS: the chain's last step. ARGV: step, seconds to keep it, channel, message.
_PUBLISH_IF_NEWER: Final = """
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then return -1 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return redis.call('PUBLISH', ARGV[3], ARGV[4])
"""


class RedisChannels:
    """Publishes alerts on their channels."""

    def __init__(self, redis: Redis, environment: Environment) -> None:
        self._redis = redis
        self._environment = environment
        self._publish = redis.register_script(_PUBLISH_IF_NEWER)

    @classmethod
    async def open(cls, settings: Settings) -> "RedisChannels":
        """Connect; raise ``UnavailableError`` where Redis does not answer."""
        return cls(await connect(settings), settings.environment)

    async def deliver(self, message: AlertMessage) -> int | None:
        """Publish an alert if it is newer than the last of its chain; return who received it."""
        alert = message.alert
        key = steps_key(self._environment, alert.place, str(alert.incident_id))
        values: list[str | int | bytes] = [
            alert.step,
            _STEPS_KEPT_S,
            alert.channel,
            message.to_json(),
        ]
        try:
            receivers = int(await self._publish(keys=[key], args=values))
        except (RedisError, OSError) as error:
            raise UnavailableError(f"redis took no alert: {error}") from None
        return None if receivers < 0 else receivers

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()
