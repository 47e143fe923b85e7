"""The desk: carries out what operators command, and decides what the public is told.

    commands:anna ──▶ may anna? ──▶ acknowledge ──▶ the channel, for all to see
                          │     ──▶ close ────────▶ Kafka track.events ──▶ the incident agent
                          │     ──▶ release, withdraw ──▶ (``release``)
                          └──────────────────────▶ outcomes:anna

Guarantee: every command is answered, and carried out once or, after a crash between the deed and
its answer, again with the same effect: an acknowledgement, a closing and a release that were made
already change nothing. Who commands is known from the stream's key, to which nobody else can write.
Several desks share the work: Redis hands a command to one of them, and to another if that one dies.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from consumers.channels.functions import ChannelFunctions
from consumers.desk.release import ReleaseService
from skyfence.adapters.operator_store import parse_operators
from skyfence.adapters.redis import redis_errors
from skyfence.contracts.alert import Alert, AnyAlert
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import (
    Acknowledged,
    Acknowledgement,
    OperatorsMessage,
    parse_channel_message,
)
from skyfence.contracts.operator_command import (
    Acknowledge,
    Close,
    CommandOutcome,
    OperatorCommand,
    Release,
    parse_command,
)
from skyfence.contracts.track_event import OperatorClosed
from skyfence.errors import UnavailableError
from skyfence.identity import derive
from skyfence.naming import (
    Audience,
    Channel,
    Environment,
    commands_key,
    operators_key,
    outcomes_key,
)
from skyfence.operators.accounts import Operator
from skyfence.times import to_ms

log = structlog.get_logger()

_GROUP: Final = "desk"
_BLOCK_MS: Final = 500
# A desk that has not answered by then is dead, and another takes its commands over.
_ABANDONED_MS: Final = 10_000
_OUTCOMES_KEPT: Final = 1_000
_COMMANDS_KEPT: Final = 10_000
# Whoever acknowledges has seen what stood then; after this it may be another story.
_ACKNOWLEDGED_WITHIN_MS: Final = 60_000
_TRIES: Final = 5
_AFTER_FAILURE_S: Final = 1.0
Closes = Callable[[OperatorClosed], Awaitable[None]]


class CommandService:
    """Serves the operators of one environment; ``name`` is this process's own among desks."""

    def __init__(
        self,
        redis: Redis,
        environment: Environment,
        public: ReleaseService,
        close: Closes,
        *,
        name: str,
        now: Callable[[], datetime],
    ) -> None:
        self._redis = redis
        self._functions = ChannelFunctions(redis)
        self._environment = environment
        self._public = public
        self._close = close
        self._name = name
        self._now = now
        self._known: set[str] = set()

    async def run(self) -> None:
        """Serve until cancelled; Redis that is away is waited for."""
        while True:
            try:
                await self._public.process_pending()
                await self.process_commands()
            except UnavailableError as error:
                log.warning("desk.waits", reason=str(error))
                await asyncio.sleep(_AFTER_FAILURE_S)

    async def process_commands(self) -> int:
        """Answer the commands that wait or come within half a second; return how many those are.

        Raises ``UnavailableError`` where Redis fails; commands without an answer come again.
        """
        try:
            with redis_errors("redis gave no commands"):
                operators = await self._operators()
                entries = await self._entries(sorted(operators)) if operators else []
                if not operators:
                    await asyncio.sleep(_BLOCK_MS / 1000)
                for name, command_id, fields in entries:
                    await self._answer(operators[name], command_id, fields)
        except UnavailableError:
            self._known.clear()  # a stream may have gone with its operator, and come back
            raise
        return len(entries)

    async def _operators(self) -> dict[str, Operator]:
        records: Any = self._redis.hgetall(operators_key(self._environment))
        return parse_operators(await records)

    async def _entries(self, names: Sequence[str]) -> list[tuple[str, str, Mapping[bytes, bytes]]]:
        """Return commands without an answer, as (operator, identifier, fields).

        Those that a dead desk has read come first, then new ones.
        """
        keys = {commands_key(self._environment, name): name for name in names}
        commands: list[tuple[str, str, Mapping[bytes, bytes]]] = []
        for key, name in keys.items():
            await self._join(key)
            abandoned = await self._redis.xautoclaim(key, _GROUP, self._name, _ABANDONED_MS)
            commands += [(name, at.decode(), fields) for at, fields in abandoned[1] if fields]
        answer: Any = await self._redis.xreadgroup(
            _GROUP, self._name, dict.fromkeys(keys, ">"), block=_BLOCK_MS
        )
        for key_raw, entries in answer or []:
            name = keys[key_raw.decode()]
            commands += [(name, at.decode(), fields) for at, fields in entries]
        return commands

    async def _join(self, key: str) -> None:
        if key in self._known:
            return
        try:
            await self._redis.xgroup_create(key, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._known.add(key)

    async def _answer(
        self, operator: Operator, command_id: str, fields: Mapping[bytes, bytes]
    ) -> None:
        context = {"operator": operator.name, "id": command_id}
        try:
            command = parse_command(fields.get(b"command", b""))
            answer = await self._carry_out(operator, command, command_id)
            done = True
        except ValidationError as error:
            answer, done = f"not a command: {describe_validation_error(error)}", False
        except _RefusedError as error:
            answer, done = str(error), False
        outcome = CommandOutcome(
            command_id=command_id,
            outcome="done" if done else "refused",
            what=answer,
            time=self._now(),
        )
        key = commands_key(self._environment, operator.name)
        outcomes = outcomes_key(self._environment, operator.name)
        await self._redis.xadd(outcomes, {"outcome": outcome.to_json()}, maxlen=_OUTCOMES_KEPT)
        await self._redis.xack(key, _GROUP, command_id)
        await self._redis.xtrim(key, maxlen=_COMMANDS_KEPT)
        log.info("command.answered", outcome=outcome.outcome, what=answer, **context)

    async def _carry_out(
        self, operator: Operator, command: OperatorCommand, command_id: str
    ) -> str:
        """Carry out a command; return what was done, in words, or raise ``_RefusedError``."""
        if isinstance(command, Acknowledge):
            return await self._acknowledge(operator, command, command_id)
        if isinstance(command, Close):
            return await self._close_incident(operator, command)
        if "release" not in operator.may:
            raise _RefusedError(f"{operator.name} has no right to release or withdraw")
        regions = frozenset(operator.channels)
        alert_id = str(command.alert_id)
        if isinstance(command, Release):
            refused = await self._public.release(alert_id, operator.name, regions)
        else:
            refused = await self._public.withdraw(alert_id, operator.name, command.reason, regions)
        if refused is not None:
            raise _RefusedError(refused)
        return "released" if isinstance(command, Release) else "withdrawn"

    async def _acknowledge(self, operator: Operator, command: Acknowledge, command_id: str) -> str:
        if command.place is not None and command.place not in operator.channels:
            raise _RefusedError(f"{command.place} is not among your channels")
        if to_ms(self._now()) - int(command_id.partition("-")[0]) > _ACKNOWLEDGED_WITHIN_MS:
            raise _RefusedError(
                "no desk read this in time: look what stands now, and command again"
            )
        places = operator.channels if command.place is None else (command.place,)
        done = [
            place
            for place in places
            if await self._acknowledge_at(operator, command, command_id, place)
        ]
        if not done:
            raise _RefusedError(f"incident {command.incident_id} does not stand on your channels")
        return f"acknowledged on {', '.join(done)}"

    async def _acknowledge_at(
        self, operator: Operator, command: Acknowledge, command_id: str, place: str
    ) -> bool:
        channel = Channel(self._environment, Audience.OPERATORS, place)
        acknowledged = Acknowledged(by=operator.name, time=self._now())
        note = Acknowledgement(
            note_id=derive("acknowledged", operator.name, command_id, place),
            incident_id=command.incident_id,
            by=acknowledged.by,
            time=acknowledged.time,
        )
        for _ in range(_TRIES):  # again where there was news in between
            judged, alert = await self._standing(channel, command.incident_id)
            if judged is None or alert is None:
                return False
            if await self._functions.acknowledge(channel, alert, judged, acknowledged, note):
                return True
        raise UnavailableError(f"incident {command.incident_id} changes too fast on {place}")

    async def _close_incident(self, operator: Operator, command: Close) -> str:
        if "close" not in operator.may:
            raise _RefusedError(f"{operator.name} has no right to close incidents")
        for place in operator.channels:
            channel = Channel(self._environment, Audience.OPERATORS, place)
            _, alert = await self._standing(channel, command.incident_id)
            if not isinstance(alert, Alert):
                continue
            if alert.incident_state != "lost":
                raise _RefusedError(
                    f"incident {command.incident_id} is not lost: {alert.incident_state}"
                )
            closing = OperatorClosed(
                run=alert.run,
                incident_id=command.incident_id,
                by=operator.name,
                reason=command.reason,
                time=self._now(),
            )
            await self._close(closing)
            return "handed to the incident agent: its Cancel says that it is closed"
        raise _RefusedError(f"incident {command.incident_id} does not stand on your channels")

    async def _standing(
        self, channel: Channel, incident_id: UUID
    ) -> tuple[bytes | None, AnyAlert | None]:
        """Return an incident's last message on a channel, and its alert."""
        command: Any = self._redis.hget(channel.active, str(incident_id))
        stored: bytes | None = await command
        return stored, None if stored is None else _alert_of(stored)


class _RefusedError(Exception):
    """The operator may not, or it cannot be; ``str`` says why."""


def _alert_of(value: bytes) -> AnyAlert | None:
    try:
        message = parse_channel_message(Audience.OPERATORS, value)
    except ValidationError as error:
        log.warning("message.unreadable", reason=describe_validation_error(error))
        return None
    return message.alert if isinstance(message, OperatorsMessage) else None
