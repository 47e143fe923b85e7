"""Commands about incidents: may this operator, can it be, and which event says so to the agent.

    close (of a silence) ──▶ its source is retired: the monitor ends the alarm
    close, dismiss, join, separate ──▶ does it stand on the operator's channels? ──▶ Verdict
                                                                                      │
              event for ``track.events``, the places to tell, the answer in words ◀───┘

What stands is read from the hashes of active messages. Whether an event changes anything is the
incident agent's: it passes over one that comes too late. Changes nothing in Redis or Kafka itself.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from skyfence.contracts.alert import Alert, AnyAlert, FeedAlarm, PlaceAlert
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.channel_message import (
    IncidentDecision,
    OperatorsMessage,
    parse_channel_message,
)
from skyfence.contracts.operator_command import (
    Close,
    Dismiss,
    IncidentCommand,
    Join,
    Separate,
)
from skyfence.contracts.track_event import (
    OperatorClosed,
    OperatorEvent,
    OperatorJoined,
    OperatorSeparated,
)
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment
from skyfence.operators.accounts import Operator, Right

log = structlog.get_logger()

_RIGHTS: Final[Mapping[type[IncidentCommand], tuple[Right, str]]] = {
    Close: ("close", "close incidents"),
    Dismiss: ("close", "dismiss incidents"),
    Join: ("associate", "join incidents"),
    Separate: ("associate", "separate tracks"),
}
_HANDED_OVER: Final = "handed to the incident agent: "


class RefusedError(Exception):
    """The operator may not, or it cannot be; ``str`` says why."""


@dataclass(frozen=True)
class Verdict:
    """What follows from a command: the agent's event, the places to tell, the answer."""

    event: OperatorEvent
    places: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class _Standing:
    """An incident as it stands: its newest alert, and the places whose channels have its chain."""

    newest: Alert
    places: tuple[str, ...]


class IncidentCommands:
    """Judges the commands of one environment's operators; ``places`` are all that have channels."""

    def __init__(
        self,
        redis: Redis,
        environment: Environment,
        places: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        self._redis = redis
        self._environment = environment
        self._places = tuple(places)
        self._now = now

    async def judge(self, operator: Operator, command: IncidentCommand) -> Verdict:
        """Return what follows from a command; raise ``RefusedError``, or what redis-py raises."""
        right, deed = _RIGHTS[type(command)]
        if right not in operator.may:
            raise RefusedError(f"{operator.name} has no right to {deed}")
        said = {
            "incident_id": command.incident_id,
            "by": operator.name,
            "reason": command.reason,
            "time": self._now(),
        }
        alarms = await self._alarms(operator, command.incident_id)
        if alarms and isinstance(command, Close):
            return _retire(alarms, said)
        standing = await self._standing(operator, command.incident_id)
        said["run"] = standing.newest.run
        if isinstance(command, Join):
            return await self._join(operator, command, standing, said)
        if isinstance(command, Separate):
            return _separate(command, standing, said)
        is_dismissed = isinstance(command, Dismiss)
        closing = OperatorClosed.model_validate(said | {"dismissed": is_dismissed})
        deed = "dismissed" if is_dismissed else "closed"
        return Verdict(closing, standing.places, f"{_HANDED_OVER}its Cancel says that it is {deed}")

    async def _join(
        self, operator: Operator, command: Join, standing: _Standing, said: Mapping[str, Any]
    ) -> Verdict:
        other = await self._standing(operator, command.other_id)
        run, other_run = standing.newest.run, other.newest.run
        if run != other_run:
            raise RefusedError(
                f"incident {command.incident_id} is of run {run}, {command.other_id} of {other_run}"
            )
        joined = OperatorJoined.model_validate({**said, "other_id": command.other_id})
        places = tuple(dict.fromkeys([*standing.places, *other.places]))
        what = (
            f"{_HANDED_OVER}the incident opened first goes on, and the other one's Cancel says so"
        )
        return Verdict(joined, places, what)

    async def _standing(self, operator: Operator, incident_id: UUID) -> _Standing:
        """Return an incident of the operator's channels; raise ``RefusedError`` if it is none."""
        alerts = await self._active(incident_id)
        own = [place for place in operator.channels if place in alerts]
        for place in own:
            _check_kind(alerts[place])
        chains = {place: alert for place, alert in alerts.items() if isinstance(alert, Alert)}
        if not own:
            own = [p for p in operator.channels if await self._concerns(p, incident_id)]
        if not own or not chains:
            channels = ", ".join(operator.channels)
            raise RefusedError(
                f"incident {incident_id} does not stand on your channels "
                f"({self._environment}: {channels})"
            )
        newest = max(chains.values(), key=lambda alert: (alert.time, alert.step))
        return _Standing(newest, tuple(dict.fromkeys([*chains, *own])))

    async def _alarms(self, operator: Operator, chain_id: UUID) -> dict[str, FeedAlarm]:
        """Return the alarms of a silent source by place, if the operator hears it on a channel."""
        active = await self._active(chain_id)
        alarms = {place: alarm for place, alarm in active.items() if isinstance(alarm, FeedAlarm)}
        return alarms if alarms.keys() & {*operator.channels} else {}

    async def _active(self, chain_id: UUID) -> dict[str, AnyAlert]:
        """Return the last message of a chain, by place, where it stands."""
        pipeline = self._redis.pipeline(transaction=False)
        for place in self._places:
            pipeline.hget(self._channel(place).active, str(chain_id))
        stored: list[bytes | None] = await pipeline.execute()
        alerts = {
            place: alert_of(value)
            for place, value in zip(self._places, stored, strict=True)
            if value is not None
        }
        return {place: alert for place, alert in alerts.items() if alert is not None}

    async def _concerns(self, place: str, incident_id: UUID) -> bool:
        """Tell whether an incident without a chain at a place is of its episode."""
        command: Any = self._redis.hgetall(self._channel(place).active)
        messages: Mapping[bytes, bytes] = await command
        alerts = [alert_of(value) for value in messages.values()]
        return any(
            isinstance(alert, PlaceAlert) and incident_id in alert.incidents for alert in alerts
        )

    def _channel(self, place: str) -> Channel:
        return Channel(self._environment, Audience.OPERATORS, place)


def _retire(alarms: Mapping[str, FeedAlarm], said: Mapping[str, Any]) -> Verdict:
    """Return what follows where a silent source is not waited for any more."""
    alarm = next(iter(alarms.values()))
    closing = OperatorClosed.model_validate({**said, "run": alarm.run})
    what = f"handed to the monitor: {alarm.key} is no longer waited for, and its alarm ends"
    return Verdict(closing, tuple(alarms), what)


def _separate(command: Separate, standing: _Standing, said: Mapping[str, Any]) -> Verdict:
    tracks = standing.newest.tracks
    if command.track not in tracks:
        raise RefusedError(
            f"incident {command.incident_id} has no track {command.track}: "
            f"it has {', '.join(tracks) or 'none'}"
        )
    if len(tracks) == 1:
        raise RefusedError(f"{command.track} is the only track of incident {command.incident_id}")
    track = {"source": command.source, "track_id": command.track_id}
    separated = OperatorSeparated.model_validate({**said, **track})
    return Verdict(
        separated, standing.places, f"{_HANDED_OVER}{command.track} goes on as another incident"
    )


def _check_kind(alert: AnyAlert) -> None:
    """Refuse a chain that is no incident's, by what it is."""
    if isinstance(alert, PlaceAlert):
        incidents = ", ".join(map(str, alert.incidents)) or "none now"
        raise RefusedError(
            f"{alert.incident_id} is the episode of {alert.place}, which ends with its incidents: "
            f"{incidents}"
        )
    if isinstance(alert, FeedAlarm):
        raise RefusedError(
            f"{alert.incident_id} is the silence of {alert.key}, not an incident: "
            "skyfence close retires the source"
        )
    if alert.event != "airspace violation":
        raise RefusedError(f"{alert.incident_id} is the news of {alert.event}, not an incident")


def note_of(event: OperatorEvent, command_id: str, place: str) -> IncidentDecision:
    """Return what a place's operators are told of a command; the same for the same command."""
    told = {
        "note_id": derive("incident decision", event.by, command_id, place),
        "incident_id": event.incident_id,
        "by": event.by,
        "reason": event.reason,
        "time": event.time,
    }
    if isinstance(event, OperatorClosed):
        told |= {"decision": "dismissed" if event.dismissed else "closed"}
    elif isinstance(event, OperatorJoined):
        told |= {"decision": "joined", "other_id": event.other_id}
    else:
        told |= {"decision": "separated", "track": f"{event.source}/{event.track_id}"}
    return IncidentDecision.model_validate(told)


def alert_of(value: bytes) -> AnyAlert | None:
    """Return the alert of a message among the active ones; None, with a word, if it is none."""
    try:
        message = parse_channel_message(Audience.OPERATORS, value)
    except ValidationError as error:
        log.warning("message.unreadable", reason=describe_validation_error(error))
        return None
    return message.alert if isinstance(message, OperatorsMessage) else None
