"""The function library in Redis (``functions.lua``): loaded where it is missing, called from here.

A function runs with its caller's rights, but whoever may load one decides what it does for all. So
where users have rights of their own, an administrator loads it (``skyfence redis install``), and
everybody else only makes sure that it is the version they know.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from skyfence.adapters.redis import redis_errors
from skyfence.contracts.alert import AnyAlert, PlaceAlert, PublicAlert
from skyfence.contracts.base import Contract
from skyfence.contracts.channel_message import Acknowledged, Beat, OperatorNote, gravity, is_over
from skyfence.errors import UnavailableError, UsageError
from skyfence.frames.frame import LIVE_RUN
from skyfence.naming import Channel, Environment, heartbeat_channel, places_key

log = structlog.get_logger()

# As long as Kafka keeps alerts (``skyfence.adapters.topics``): what it could hand out again is
# known for a repeat.
_STEPS_KEPT_S: Final = 14 * 24 * 3600
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


@dataclass(frozen=True)
class Delivery:
    """An alert with its ``channel``, and the ``message`` that is published of it there."""

    channel: Channel
    alert: AnyAlert | PublicAlert
    message: Contract

    def keys(self) -> list[str]:
        """Return the keys that ``deliver`` takes for it."""
        channel = self.channel
        incident = str(self.alert.incident_id)
        keys = [channel.steps(incident), channel.stream, channel.active, channel.acknowledged]
        is_of_a_place = isinstance(self.alert, PlaceAlert)
        return [*keys, places_key(channel.environment)] if is_of_a_place else keys

    def arguments(self) -> list[Any]:
        """Return the arguments that ``deliver`` takes for it."""
        alert = self.alert
        arguments: list[Any] = [
            alert.step,
            _STEPS_KEPT_S,
            self.channel.name,
            STREAM_LENGTH,
            str(alert.incident_id),
            "over" if is_over(alert) else "open",
            gravity(alert),
            self.message.to_json(),
        ]
        if isinstance(alert, PlaceAlert):
            arguments += [alert.run, alert.place, LIVE_RUN, RUNS_KEPT]
        return arguments


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
        (receivers,) = await self.deliver_all([Delivery(channel, alert, message)])
        return receivers

    async def deliver_all(self, deliveries: Sequence[Delivery]) -> list[int | None]:
        """Publish steps in their order, in one call and so with one write to the disk.

        Returns for each how many received it, None if it was no news. Where one fails, those
        before it are published, it and those behind it are not, and ``UnavailableError`` is raised:
        all may be delivered again.
        """
        return await self._call_with_all("deliver", deliveries)

    async def restore_all(self, deliveries: Sequence[Delivery]) -> list[int | None]:
        """Publish the last steps of chains again, in a Redis that may have lost them.

        As ``deliver_all``; but of a chain that is over and does not stand on its channel, nobody is
        told: its place's state is kept.
        """
        return await self._call_with_all("restore", deliveries)

    async def _call_with_all(self, name: str, deliveries: Sequence[Delivery]) -> list[int | None]:
        keys: list[str] = []
        arguments: list[Any] = []
        for delivery in deliveries:
            own_keys, own_arguments = delivery.keys(), delivery.arguments()
            keys += own_keys
            arguments += [len(own_keys), len(own_arguments), *own_arguments]
        results = await self._call(name, keys, arguments)
        return [None if int(receivers) < 0 else int(receivers) for receivers in results]

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

    async def progress(self, key: str, fields: Sequence[str]) -> tuple[str, list[int | None]]:
        """Return Redis's epoch, and which offset each field of a hash holds."""
        epoch, *values = await self._call("progress", [key], fields)
        return epoch.decode(), [int(value) if value else None for value in values]

    async def mark(
        self, key: str, epoch: str, changes: Mapping[str, tuple[int | None, int]]
    ) -> bool:
        """Change fields of a hash from an offset to another; return False if anything differs.

        Then nothing is changed: Redis is of another epoch, or holds other offsets.
        """
        arguments: list[Any] = [epoch]
        for field, (known, new) in changes.items():
            arguments += [field, "" if known is None else known, new]
        return bool(await self._call("mark", [key], arguments))

    async def may(self, *command: str) -> bool:
        """Tell whether this user may run a command, given word by word."""
        return bool(await self._call("may", [], command))

    async def _call(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Call a function; load the library again where Redis has lost it."""
        call = (f"skyfence_{name}", len(keys), *keys, *arguments)
        with redis_errors(f"redis did not {name}"):
            try:
                return await self._redis.fcall(*call)
            except ResponseError as error:
                if _MISSING not in str(error):
                    raise
        try:
            await install(self._redis)
        except UsageError as error:  # an administrator may load it any moment
            raise UnavailableError(f"redis did not {name}: {error}") from None
        log.warning("library.loaded", reason=f"redis had no function {call[0]}")
        with redis_errors(f"redis did not {name}"):
            return await self._redis.fcall(*call)


def _noted(note: OperatorNote) -> bytes:
    return b'{"note":' + note.to_json() + b"}"
