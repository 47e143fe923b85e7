"""The function library in Redis (``functions.lua``): loaded where it is missing, called from here.

A function runs with its caller's rights, but whoever may load one decides what it does for all. So
where users have rights of their own, an administrator loads it (``skyfence redis install``), and
everybody else only makes sure that it is the version they know.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from skyfence.adapters.redis import redis_errors
from skyfence.contracts.alert import AnyAlert, PlaceAlert, PublicAlert
from skyfence.contracts.base import Contract
from skyfence.contracts.channel_message import Acknowledged, Beat, OperatorNote, gravity, is_over
from skyfence.errors import UsageError
from skyfence.frames.frame import LIVE_RUN
from skyfence.naming import Channel, Environment, heartbeat_channel, places_key

# As long as Kafka keeps alerts by default: what it could hand out again is known for a repeat.
_STEPS_KEPT_S: Final = 7 * 24 * 3600
# Of a channel; some days of the busiest. Redis cuts whole nodes, so a few more stay.
STREAM_LENGTH: Final = 10_000
# Runs whose places are kept beside the live one: some replays that people still look at.
RUNS_KEPT: Final = 8
_SOURCE: Final = Path(__file__).with_name("functions.lua")
_MISSING: Final = "Function not found"


def library() -> tuple[str, str]:
    """Return the library's version, which follows from its code, and the code."""
    code = _SOURCE.read_text()
    version = hashlib.sha256(code.encode()).hexdigest()[:16]
    return version, code.replace("@VERSION@", version)


async def install(redis: Redis) -> bool:
    """Load the library unless Redis has this version; return whether that was needed.

    Raises ``UsageError`` where another version is there, or none, and this user may load none.
    """
    version, code = library()
    loaded = await _version(redis)
    if loaded == version:
        return False
    with redis_errors("redis took no function library"):
        try:
            await redis.function_load(code, replace=True)
        except NoPermissionError:
            state = "is missing" if loaded is None else f"has version {loaded}, not {version}"
            raise UsageError(
                f"the function library in redis {state}: run `skyfence redis install` "
                "as a user who may load it"
            ) from None
    return True


async def _version(redis: Redis) -> str | None:
    """Return the version of the library that Redis holds, None if it holds none."""
    with redis_errors("redis did not tell its function library"):
        try:
            version: bytes = await redis.fcall("skyfence_version", 0)
        except NoPermissionError:
            raise UsageError(
                "this redis user may not publish alerts: FCALL is not permitted"
            ) from None
        except ResponseError as error:
            if _MISSING not in str(error):
                raise
            return None
    return version.decode()


class ChannelFunctions:
    """The functions, as calls. Every method raises ``UnavailableError`` where Redis fails."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def deliver(
        self, channel: Channel, alert: AnyAlert | PublicAlert, message: Contract
    ) -> int | None:
        """Publish a step of a chain; return how many received it, None if it was no news.

        In the same step a place's message becomes the last one in the hash of places.
        """
        incident = str(alert.incident_id)
        keys = [channel.steps(incident), channel.stream, channel.active, channel.acknowledged]
        arguments: list[Any] = [
            alert.step,
            _STEPS_KEPT_S,
            channel.name,
            STREAM_LENGTH,
            incident,
            "over" if is_over(alert) else "open",
            gravity(alert),
            message.to_json(),
        ]
        if isinstance(alert, PlaceAlert):
            keys.append(places_key(channel.environment))
            arguments += [alert.run, alert.place, LIVE_RUN, RUNS_KEPT]
        receivers = int(await self._call("deliver", keys, arguments))
        return None if receivers < 0 else receivers

    async def acknowledge(
        self,
        channel: Channel,
        alert: AnyAlert,
        judged: bytes,
        acknowledged: Acknowledged,
        note: OperatorNote,
    ) -> bool:
        """Note who has acknowledged an incident; return False if there is news of it meanwhile.

        ``judged`` is the incident's message among the active ones, of which ``alert`` was read.
        """
        keys = [channel.stream, channel.active, channel.acknowledged]
        arguments = [
            str(alert.incident_id),
            judged,
            gravity(alert),
            acknowledged.to_json(),
            channel.name,
            STREAM_LENGTH,
            _noted(note),
        ]
        return bool(await self._call("acknowledge", keys, arguments))

    async def note(self, channel: Channel, note: OperatorNote) -> int:
        """Publish something beside the alerts; return how many received it."""
        arguments = [channel.name, STREAM_LENGTH, _noted(note)]
        return int(await self._call("note", [channel.stream], arguments))

    async def beat(self, environment: Environment, sign: Beat) -> int:
        """Publish a sign of life; return how many received it."""
        arguments = [heartbeat_channel(environment), sign.to_json()]
        return int(await self._call("beat", [], arguments))

    async def swap(self, key: str, field: str, known: bytes | None, new: bytes | None) -> bool:
        """Change a field of a hash; return False, changing nothing, if another was faster."""
        return bool(await self._call("swap", [key], [field, known or b"", new or b""]))

    async def may(self, *command: str) -> bool:
        """Tell whether this user may run a command, given word by word."""
        return bool(await self._call("may", [], command))

    async def _call(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        with redis_errors(f"redis did not {name}"):
            return await self._redis.fcall(f"skyfence_{name}", len(keys), *keys, *arguments)


def _noted(note: OperatorNote) -> bytes:
    return b'{"note":' + note.to_json() + b"}"
