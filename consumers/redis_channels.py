"""The Redis sink: each alert to the channel it names.

Guarantee: at least once to Redis, once to a subscriber who is connected. The last step of each
chain is kept in Redis by the same atomic script that publishes; a step that is not newer is
dropped. Pub/sub itself keeps nothing for those who are away; the same script appends the message to
the channel's stream, from which they read what they missed.
"""

from typing import Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from skyfence.alert import AlertMessage
from skyfence.channels import ALLIANCE, Environment, operators_channel, steps_key, stream_key
from skyfence.client import connect
from skyfence.errors import UnavailableError, UsageError
from skyfence.settings import Settings

# As long as Kafka keeps alerts by default: what it could hand out again is known for a repeat.
_STEPS_KEPT_S: Final = 7 * 24 * 3600
# Of a channel; some days of the busiest. Redis cuts whole nodes, so a few more stay.
_STREAM_LENGTH: Final = 10_000
# KEYS: the chain's last step, the channel's stream. ARGV: step, seconds to keep it, channel,
# message, length of the stream.
_PUBLISH_IF_NEWER: Final = """
if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then return -1 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'message', ARGV[4])
return redis.call('PUBLISH', ARGV[3], ARGV[4])
"""
# Asks without doing it. KEYS: a chain's last step, a stream. ARGV: a channel.
_MAY_PUBLISH: Final = """
local needed = {
  {'GET', KEYS[1]}, {'SET', KEYS[1], '1'}, {'XADD', KEYS[2], '*', 'message', ''},
  {'PUBLISH', ARGV[1], ''},
}
for _, command in ipairs(needed) do
  if not redis.acl_check_cmd(unpack(command)) then return command[1] end
end
return ''
"""


class RedisChannels:
    """Publishes alerts on their channels."""

    def __init__(self, redis: Redis, environment: Environment) -> None:
        self._redis = redis
        self._environment = environment
        self._publish = redis.register_script(_PUBLISH_IF_NEWER)

    @classmethod
    async def open(cls, settings: Settings) -> "RedisChannels":
        """Connect; raise what ``connect`` does, or ``UsageError`` where we may not publish.

        A relay without the right to publish would otherwise be found out by the first alert.
        """
        redis = await connect(settings)
        refused = await _refused(redis, settings.environment)
        if refused is not None:
            await redis.aclose()
            user = settings.redis_user or "default"
            raise UsageError(f"redis user {user} may not publish alerts: {refused}")
        return cls(redis, settings.environment)

    async def deliver(self, message: AlertMessage) -> int | None:
        """Publish an alert if it is newer than the last of its chain; return who received it."""
        alert = message.alert
        keys = [
            steps_key(self._environment, alert.place, str(alert.incident_id)),
            stream_key(self._environment, alert.place),
        ]
        values: list[str | int | bytes] = [
            alert.step,
            _STEPS_KEPT_S,
            alert.channel,
            message.to_json(),
            _STREAM_LENGTH,
        ]
        try:
            receivers = int(await self._publish(keys=keys, args=values))
        except (RedisError, OSError) as error:
            raise UnavailableError(f"redis took no alert: {error}") from None
        return None if receivers < 0 else receivers

    async def close(self) -> None:
        """Disconnect."""
        await self._redis.aclose()


async def _refused(redis: Redis, environment: Environment) -> str | None:
    """Return what this user may not do of all that ``deliver`` does, if anything."""
    channel = operators_channel(environment, ALLIANCE)
    keys = [steps_key(environment, ALLIANCE, "0"), stream_key(environment, ALLIANCE)]
    try:
        command = await redis.register_script(_MAY_PUBLISH)(keys=keys, args=[channel])
    except NoPermissionError as error:
        return str(error)
    except (RedisError, OSError) as error:
        raise UnavailableError(f"redis did not say what may be done: {error}") from None
    return (
        f"{command.decode()} for {keys[0]}, {keys[1]} and {channel} is not permitted"
        if command
        else None
    )
