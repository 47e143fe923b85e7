"""The desk: carries out what operators command, and decides what the public is told.

    commands:anna ──▶ may anna? ──▶ acknowledge ──▶ the channel, for all to see
                          │     ──▶ release, withdraw ──▶ (``release``)
                          │     ──▶ close, dismiss, join, separate (``incident_commands``)
                          ▼                             │
                    audit, whatever came of it          ├──▶ Kafka track.events: the incident agent
                          │                             └──▶ a note on the channels concerned
                          └──▶ outcomes:anna

Guarantee: every command is on record and answered, and carried out once or, after a crash between
the deed and its answer, again with the same effect: an acknowledgement and a release that were made
already change nothing, and what the record holds for the incident agent is handed over as it is.
Who commands is known from the stream's key, to which nobody else can write. Several desks share the
work: Redis hands a command to one of them, and to another if that one dies.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from consumers.channels.functions import ChannelFunctions
from consumers.desk.audit import AuditLog
from consumers.desk.incident_commands import (
    IncidentCommands,
    RefusedError,
    Verdict,
    alert_of,
    note_of,
)
from consumers.desk.release import ReleaseService
from skyfence.adapters.operator_store import parse_operators
from skyfence.adapters.redis import redis_errors
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.contracts.alert import AnyAlert
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import Acknowledged, Acknowledgement
from skyfence.contracts.operator_command import (
    Acknowledge,
    AuditRecord,
    CommandOutcome,
    OperatorCommand,
    Release,
    Withdraw,
    parse_command,
)
from skyfence.contracts.track_event import OperatorEvent
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
from skyfence.times import from_ms, to_ms

log = structlog.get_logger()

_GROUP: Final = "desk"
_BLOCK_MS: Final = 500
# A desk that has not answered by then is dead, and another takes its commands over.
_ABANDONED_MS: Final = 10_000
# So many commands of one operator are answered before the others have their turn.
_TURN: Final = 10
_OUTCOMES_KEPT: Final = 1_000
_COMMANDS_KEPT: Final = 1_000  # answered ones; the audit has all
# A command has a few hundred bytes: so many bytes are no operator's work.
_MOST_BYTES: Final = 4_000_000
# Whoever acknowledges has seen what stood then; after this it may be another story.
_ACKNOWLEDGED_WITHIN_MS: Final = 60_000
_TRIES: Final = 5
_AFTER_FAILURE_S: Final = 1.0
HandOver = Callable[[OperatorEvent], Awaitable[None]]


@dataclass(frozen=True)
class _Entry:
    """An entry of an operator's stream; ``was_taken`` by a desk that has not answered it."""

    operator: str
    command_id: str
    fields: Mapping[bytes, bytes]
    was_taken: bool


class CommandService:
    """Serves the operators of one environment; ``name`` is this process's own among desks.

    ``hand_over`` stores an event for the incident agent, and raises ``UnavailableError`` where it
    cannot. ``places`` are all that have channels.
    """

    def __init__(
        self,
        redis: Redis,
        environment: Environment,
        public: ReleaseService,
        hand_over: HandOver,
        *,
        places: Collection[str],
        name: str,
        now: Callable[[], datetime],
    ) -> None:
        self._redis = redis
        self._functions = ChannelFunctions(redis)
        self._environment = environment
        self._public = public
        self._hand_over = hand_over
        self._incidents = IncidentCommands(redis, environment, places, now)
        self._audit = AuditLog(redis, environment)
        self._name = name
        self._now = now
        self._known: set[str] = set()

    async def run(self) -> None:
        """Serve until cancelled; Redis that is away is waited for.

        Deadlines have a task of their own: no operator's commands put a public message off.
        """
        await run_until_first_exit(
            self._repeat(self._decide_what_is_due), self._repeat(self.process_commands)
        )

    async def _repeat(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
            except UnavailableError as error:
                log.warning("desk.waits", reason=str(error))
                await asyncio.sleep(_AFTER_FAILURE_S)

    async def _decide_what_is_due(self) -> None:
        await self._public.process_pending()
        await asyncio.sleep(_BLOCK_MS / 1000)

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
                for entry in entries:
                    await self._answer(operators[entry.operator], entry)
        except UnavailableError:
            self._known.clear()  # a stream may have gone with its operator, and come back
            raise
        return len(entries)

    async def _operators(self) -> dict[str, Operator]:
        records: Any = self._redis.hgetall(operators_key(self._environment))
        return parse_operators(await records)

    async def _entries(self, names: Sequence[str]) -> list[_Entry]:
        """Return commands without an answer: those that a dead desk has read, then new ones."""
        keys = {commands_key(self._environment, name): name for name in names}
        commands: list[_Entry] = []
        for key, name in keys.items():
            await self._drop_flood(key, name)
            await self._join(key)
            abandoned = await self._redis.xautoclaim(
                key, _GROUP, self._name, _ABANDONED_MS, count=_TURN
            )
            commands += [
                _Entry(name, at.decode(), fields, was_taken=True)
                for at, fields in abandoned[1]
                if fields
            ]
        answer: Any = await self._redis.xreadgroup(
            _GROUP, self._name, dict.fromkeys(keys, ">"), count=_TURN, block=_BLOCK_MS
        )
        for key_raw, entries in answer or []:
            name = keys[key_raw.decode()]
            commands += [
                _Entry(name, at.decode(), fields, was_taken=False) for at, fields in entries
            ]
        return commands

    async def _drop_flood(self, key: str, operator: str) -> None:
        """Drop an operator's commands unread where they are more than any operator gives.

        They would fill Redis, and then the desk that reads them. Whoever waits for an answer is
        told that none came.
        """
        size = await self._redis.memory_usage(key) or 0
        if size > _MOST_BYTES:
            dropped = await self._redis.xtrim(key, maxlen=0, approximate=False)
            log.error("commands.flood", operator=operator, bytes=size, dropped=dropped)

    async def _join(self, key: str) -> None:
        if key in self._known:
            return
        try:
            await self._redis.xgroup_create(key, _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._known.add(key)

    async def _answer(self, operator: Operator, entry: _Entry) -> None:
        """Decide on a command, keep it on record, let its effect follow, and answer it."""
        name, command_id = operator.name, entry.command_id
        record = await self._audit.written(name, command_id) if entry.was_taken else None
        if record is None:
            record = await self._decide(operator, entry)
            await self._audit.write(record)
        if record.event is not None:
            await self._hand_over(record.event)
            for place in record.places:
                channel = Channel(self._environment, Audience.OPERATORS, place)
                await self._functions.note(channel, note_of(record.event, command_id, place))
        await self._tell_outcome(record)

    async def _decide(self, operator: Operator, entry: _Entry) -> AuditRecord:
        """Return the record of a command; all that does not concern incidents is carried out."""
        command, verdict, is_done = None, None, True
        try:
            command = parse_command(entry.fields.get(b"command", b""))
            answer = await self._carry_out(operator, command, entry.command_id)
            verdict = answer if isinstance(answer, Verdict) else None
            what = answer.what if isinstance(answer, Verdict) else answer
        except ValidationError as error:
            what, is_done = f"not a command: {describe_validation_error(error)}", False
        except RefusedError as error:
            what, is_done = str(error), False
        return AuditRecord(
            command_id=entry.command_id,
            by=operator.name,
            given=from_ms(int(entry.command_id.partition("-")[0])),
            command=command,
            outcome="done" if is_done else "refused",
            what=what,
            time=self._now(),
            event=None if verdict is None else verdict.event,
            places=() if verdict is None else verdict.places,
        )

    async def _tell_outcome(self, record: AuditRecord) -> None:
        """Answer a command, and strike it from those without an answer."""
        outcome = CommandOutcome(
            command_id=record.command_id,
            outcome=record.outcome,
            what=record.what,
            time=record.time,
        )
        key = commands_key(self._environment, record.by)
        outcomes = outcomes_key(self._environment, record.by)
        await self._redis.xadd(outcomes, {"outcome": outcome.to_json()}, maxlen=_OUTCOMES_KEPT)
        await self._redis.xack(key, _GROUP, record.command_id)
        await self._redis.xtrim(key, maxlen=_COMMANDS_KEPT)
        known = {"operator": record.by, "id": record.command_id}
        log.info("command.answered", outcome=record.outcome, what=record.what, **known)

    async def _carry_out(
        self, operator: Operator, command: OperatorCommand, command_id: str
    ) -> str | Verdict:
        """Carry out a command, or say what follows for the incident agent.

        Returns what was done, in words, or the verdict. Raises ``RefusedError``.
        """
        if isinstance(command, Acknowledge):
            return await self._acknowledge(operator, command, command_id)
        if not isinstance(command, Release | Withdraw):
            return await self._incidents.judge(operator, command)
        if "release" not in operator.may:
            raise RefusedError(f"{operator.name} has no right to release or withdraw")
        regions = frozenset(operator.channels)
        alert_id = str(command.alert_id)
        if isinstance(command, Release):
            refused = await self._public.release(alert_id, operator.name, regions)
        else:
            refused = await self._public.withdraw(alert_id, operator.name, command.reason, regions)
        if refused is not None:
            raise RefusedError(refused)
        return "released" if isinstance(command, Release) else "withdrawn"

    async def _acknowledge(self, operator: Operator, command: Acknowledge, command_id: str) -> str:
        if command.place is not None and command.place not in operator.channels:
            raise RefusedError(f"{command.place} is not among your channels")
        if to_ms(self._now()) - int(command_id.partition("-")[0]) > _ACKNOWLEDGED_WITHIN_MS:
            raise RefusedError("no desk read this in time: look what stands now, and command again")
        places = operator.channels if command.place is None else (command.place,)
        done = [
            place
            for place in places
            if await self._acknowledge_at(operator, command, command_id, place)
        ]
        if not done:
            raise RefusedError(f"incident {command.incident_id} does not stand on your channels")
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

    async def _standing(
        self, channel: Channel, incident_id: UUID
    ) -> tuple[bytes | None, AnyAlert | None]:
        """Return an incident's last message on a channel, and its alert."""
        command: Any = self._redis.hget(channel.active, str(incident_id))
        stored: bytes | None = await command
        return stored, None if stored is None else alert_of(stored)
