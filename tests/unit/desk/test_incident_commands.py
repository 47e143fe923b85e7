"""Operators close, dismiss, join and separate: who may, what is handed over, what is on record.

The desk runs against a real Valkey; what goes to the incident agent is kept in a list.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from builders import T0
from mortal import KilledError, Mortal
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from redis_server import Server
from talk import golden
from words import ENGLISH

from consumers.channels.sink import RedisChannels
from consumers.desk.audit import check_audit
from consumers.desk.commands import CommandService
from consumers.desk.release import ReleaseService
from skyfence.adapters.redis import connect
from skyfence.contracts.alert import (
    AlertMessage,
    AnyAlert,
    FeedAlarm,
    IncidentState,
    PlaceAlert,
    Timeline,
)
from skyfence.contracts.channel_message import (
    IncidentDecision,
    NoteMessage,
    parse_channel_message,
)
from skyfence.contracts.operator_command import (
    Acknowledge,
    AuditRecord,
    Close,
    CommandOutcome,
    Dismiss,
    Join,
    OperatorCommand,
    Separate,
)
from skyfence.contracts.track_event import OperatorClosed, OperatorEvent
from skyfence.errors import UnavailableError, UsageError
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment, operators_channel
from skyfence.operators.accounts import Operator
from skyfence.policy.policy import Policy

EXERCISE = Environment.EXERCISE
PLACES = ("NATO", "RO", "RO-TL", "RO-CT")
PATTERN = next(alert for alert in golden("romania-2024-09-08.jsonl") if alert.place == "RO-TL")
FIRST, SECOND = derive("incident", 1), derive("incident", 2)
SILENCE = derive("silence", 1)
STREAM, OUTCOMES = "exercise:commands:anna", "exercise:outcomes:anna"
CLOSE = Close(incident_id=FIRST, reason="found")


def alert(place: str, step: int = 1, incident: UUID = FIRST, **changes: Any) -> AlertMessage:
    """Return a step of an incident's chain for a place."""
    own = {
        "alert_id": derive("alert", str(incident), place, step),
        "incident_id": incident,
        "channel": operators_channel(EXERCISE, place),
        "place": place,
        "step": step,
        "time": T0 + timedelta(seconds=step),
        "references": (),
        "tracks": ("ro-recon/T0423", "coast/7"),
    }
    return AlertMessage(alert=PATTERN.model_copy(update=own | changes), timeline=Timeline())


def chain_fields_of(pattern: AnyAlert) -> dict[str, Any]:
    """Return what an alert shares with those of other kinds."""
    own = set(FeedAlarm.model_fields) & set(PlaceAlert.model_fields) - {"event"}
    return {name: value for name, value in pattern.model_dump().items() if name in own}


def silence(place: str = "RO-TL") -> AlertMessage:
    """Return the alarm of a silent source at a place."""
    own = {
        "incident_id": SILENCE,
        "alert_id": derive("silence", place, 1),
        "channel": operators_channel(EXERCISE, place),
        "place": place,
        "cause": "silent",
        "key": "coast",
        "last_heard": T0,
        "silent_after_s": 60.0,
        "notify": "quiet",
    }
    alarm = FeedAlarm.model_validate(chain_fields_of(PATTERN) | own)
    return AlertMessage(alert=alarm, timeline=Timeline())


class Office:
    """A desk that may die, and the operators anna (Tulcea, all rights), bob and carl."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.handed: list[OperatorEvent] = []
        self.kafka_is_away = False
        self.sink: RedisChannels

    def desk(self, redis: Any = None) -> CommandService:
        """Return a desk that starts now."""
        given = redis or self.redis
        public = ReleaseService(given, EXERCISE, Policy(), {}, texts=ENGLISH.public, now=lambda: T0)
        return CommandService(
            given, EXERCISE, public, self._hand_over, places=PLACES, name="1", now=lambda: T0
        )

    async def _hand_over(self, event: OperatorEvent) -> None:
        if self.kafka_is_away:
            raise UnavailableError("no broker")
        self.handed.append(event)

    async def employ(self) -> None:
        """Store the operators' records, without users of their own."""
        for name, channels, may in (
            ("anna", ("RO-TL",), ("close", "associate")),
            ("bob", ("RO-TL",), ()),
            ("carl", ("RO-CT",), ("close", "associate")),
        ):
            operator = Operator.model_validate(
                {"name": name, "channels": channels, "may": may, "created": T0}
            )
            await self.redis.hset("exercise:operators", name, operator.to_json())

    async def stand(self, *messages: AlertMessage) -> None:
        """Let alerts stand on their channels."""
        for message in messages:
            await self.sink.deliver(message)

    async def command(self, command: OperatorCommand, by: str = "anna") -> CommandOutcome:
        """Command something, and return the desk's answer."""
        await self.redis.xadd(f"exercise:commands:{by}", {"command": command.to_json()})
        assert await self.desk().process_commands() == 1
        return (await self.outcomes(by))[-1]

    async def outcomes(self, by: str = "anna") -> list[CommandOutcome]:
        """Return what an operator was answered."""
        entries: Any = await self.redis.xrange(f"exercise:outcomes:{by}")
        return [CommandOutcome.model_validate_json(fields[b"outcome"]) for _, fields in entries]

    async def audit(self) -> list[AuditRecord]:
        """Return the records of the audit."""
        entries: Any = await self.redis.xrange("exercise:audit")
        return [AuditRecord.model_validate_json(fields[b"record"]) for _, fields in entries]

    async def notes(self, place: str) -> list[IncidentDecision]:
        """Return what a place's operators were told of commands, each note once."""
        channel = Channel(EXERCISE, Audience.OPERATORS, place)
        entries: Any = await self.redis.xrange(channel.stream)
        read = [
            parse_channel_message(Audience.OPERATORS, fields[b"message"]) for _, fields in entries
        ]
        notes = [message.note for message in read if isinstance(message, NoteMessage)]
        decisions = {note.note_id: note for note in notes if isinstance(note, IncidentDecision)}
        return list(decisions.values())

    async def abandon(self) -> None:
        """Let time pass for what a dead desk has taken and not answered."""
        with contextlib.suppress(ResponseError):  # no desk has come so far as to take anything
            pending = await self.redis.xpending_range(STREAM, "desk", "-", "+", 9)
            taken: list[Any] = [entry["message_id"] for entry in pending]
            if taken:
                await self.redis.xclaim(STREAM, "desk", "dead", 0, taken, idle=60_000)


@pytest.fixture
async def office(server: Server, redis: Redis) -> AsyncIterator[Office]:
    made = Office(redis)
    made.sink = await RedisChannels.open(server.settings)
    await made.employ()
    yield made
    await made.sink.close()


@pytest.mark.parametrize("state", [state for state in get_args(IncidentState) if state != "closed"])
async def test_an_incident_is_closed_in_any_state(office: Office, state: str) -> None:
    """A threat, a violation whose radar died, what went out or is lost: an officer ends it."""
    await office.stand(alert("RO-TL", incident_state=state))
    outcome = await office.command(CLOSE)
    assert (outcome.outcome, outcome.what) == (
        "done",
        "handed to the incident agent: its Cancel says that it is closed",
    )
    [event] = office.handed
    assert isinstance(event, OperatorClosed)
    assert (event.run, event.by, event.reason) == (PATTERN.run, "anna", "found")
    assert (event.incident_id, event.dismissed) == (FIRST, False)


@pytest.mark.parametrize(
    ("command", "kind", "decision"),
    [
        (CLOSE, "closed", "closed"),
        (Dismiss(incident_id=FIRST, reason="false track"), "closed", "dismissed"),
        (Join(incident_id=FIRST, other_id=SECOND, reason="one echo"), "joined", "joined"),
        (
            Separate(incident_id=FIRST, source="coast", track_id="7", reason="two lights"),
            "separated",
            "separated",
        ),
    ],
    ids=["close", "dismiss", "join", "separate"],
)
async def test_who_when_what_and_why_is_on_record_and_told(
    office: Office, command: OperatorCommand, kind: str, decision: str
) -> None:
    """The audit has the command and its event, and all channels where the incident stands a note.

    That includes channels which are not the operator's own.
    """
    await office.stand(*[alert(place) for place in ("NATO", "RO", "RO-TL")])
    await office.stand(alert("RO-TL", incident=SECOND))
    assert (await office.command(command)).outcome == "done"
    [event] = office.handed
    [record] = await office.audit()
    assert (event.kind, record.event) == (kind, event)
    assert (record.by, record.command, record.outcome) == ("anna", command, "done")
    assert (record.time, set(record.places)) == (T0, {"NATO", "RO", "RO-TL"})
    for place in record.places:
        [note] = await office.notes(place)
        assert (note.by, note.time, note.decision) == ("anna", T0, decision)
        assert (note.incident_id, note.reason) == (FIRST, event.reason)
    assert await office.notes("RO-CT") == []


async def test_joining_is_told_where_the_other_stands(office: Office) -> None:
    """The places of both incidents hear that they are one."""
    await office.stand(alert("RO-TL"), alert("RO-TL", incident=SECOND))
    await office.stand(alert("RO-CT", incident=SECOND))
    await office.command(Join(incident_id=FIRST, other_id=SECOND, reason="one echo"))
    [note] = await office.notes("RO-CT")
    assert (note.incident_id, note.other_id) == (FIRST, SECOND)


NOT_YOURS = f"incident {FIRST} does not stand on your channels (exercise: RO-CT)"


@pytest.mark.parametrize(
    ("by", "command", "why"),
    [
        ("bob", CLOSE, "bob has no right to close incidents"),
        (
            "bob",
            Dismiss(incident_id=FIRST, reason="found"),
            "bob has no right to dismiss incidents",
        ),
        (
            "bob",
            Join(incident_id=FIRST, other_id=SECOND, reason="x"),
            "bob has no right to join incidents",
        ),
        (
            "bob",
            Separate(incident_id=FIRST, source="a", track_id="1", reason="x"),
            "bob has no right to separate tracks",
        ),
        ("carl", CLOSE, NOT_YOURS),
        ("carl", Dismiss(incident_id=FIRST, reason="found"), NOT_YOURS),
        ("carl", Separate(incident_id=FIRST, source="a", track_id="1", reason="x"), NOT_YOURS),
        (
            "anna",
            Join(incident_id=FIRST, other_id=derive("incident", 9), reason="x"),
            f"incident {derive('incident', 9)} does not stand on your channels (exercise: RO-TL)",
        ),
        (
            "anna",
            Join(incident_id=FIRST, other_id=SECOND, reason="x"),
            f"incident {FIRST} is of run {PATTERN.run}, {SECOND} of live",
        ),
        (
            "anna",
            Separate(incident_id=FIRST, source="coast", track_id="8", reason="x"),
            f"incident {FIRST} has no track coast/8: it has ro-recon/T0423, coast/7",
        ),
        (
            "anna",
            Separate(incident_id=SECOND, source="coast", track_id="7", reason="x"),
            f"coast/7 is the only track of incident {SECOND}",
        ),
    ],
)
async def test_what_is_refused(office: Office, by: str, command: OperatorCommand, why: str) -> None:
    """Whoever may not, or asks for what cannot be, is answered why; it is on record all the same.

    Nothing is handed over, and nobody is told.
    """
    await office.stand(alert("RO-TL"))
    await office.stand(alert("RO-TL", incident=SECOND, run="live", tracks=("coast/7",)))
    outcome = await office.command(command, by=by)
    assert (outcome.outcome, outcome.what) == ("refused", why)
    assert office.handed == []
    assert await office.notes("RO-TL") == []
    [record] = await office.audit()
    assert (record.by, record.command, record.outcome, record.what) == (by, command, "refused", why)


def test_an_incident_is_not_joined_with_itself() -> None:
    """The command itself is refused before anybody is asked."""
    with pytest.raises(ValueError, match=f"cannot be joined with itself: {FIRST}"):
        Join(incident_id=FIRST, other_id=FIRST, reason="x")


async def test_what_is_no_incident_cannot_be_closed(office: Office) -> None:
    """A place's episode, a silence and the news of repeated violations are called what they are."""
    common = chain_fields_of(PATTERN) | {"notify": "quiet", "incident_id": SECOND}
    episode = PlaceAlert.model_validate(
        common
        | {"episode": 1, "level": "prepare", "known": T0, "objects": 1, "incidents": (FIRST,)}
    )
    repeated = alert("RO-TL", incident=derive("day", 1), event="repeated airspace violations")
    await office.stand(AlertMessage(alert=episode, timeline=Timeline()), silence(), repeated)
    answers = [
        (await office.command(command(incident_id=chain_id, reason="found"))).what
        for command, chain_id in (
            (Close, SECOND),
            (Dismiss, SILENCE),
            (Close, derive("day", 1)),
        )
    ]
    assert answers == [
        f"{SECOND} is the episode of RO-TL, which ends with its incidents: {FIRST}",
        f"{SILENCE} is the silence of coast, not an incident: skyfence close retires the source",
        f"{derive('day', 1)} is the news of repeated airspace violations, not an incident",
    ]


async def test_a_silent_source_is_retired(office: Office) -> None:
    """Who may close and hears the alarm ends it; nobody else does, and every place is told."""
    await office.stand(silence("RO-TL"), silence("RO"))
    close = Close(incident_id=SILENCE, reason="dismantled")
    refused = await office.command(close, by="carl")
    assert refused.what.startswith(f"incident {SILENCE} does not stand on your channels")
    assert (await office.command(close, by="bob")).what == "bob has no right to close incidents"
    outcome = await office.command(close)
    assert outcome.what.startswith("handed to the monitor: coast is no longer waited for")
    [event] = office.handed
    assert (event.kind, event.incident_id, event.by) == ("closed", SILENCE, "anna")
    assert [note.reason for note in await office.notes("RO")] == ["dismantled"]


async def test_an_incident_of_ones_episode_is_closed_without_a_chain_there(office: Office) -> None:
    """What holds the operator's place may be closed though its own chain is only the nation's."""
    common = chain_fields_of(PATTERN) | {"notify": "quiet", "incident_id": SECOND}
    episode = PlaceAlert.model_validate(
        common | {"episode": 1, "level": "watch", "known": T0, "objects": 1, "incidents": (FIRST,)}
    )
    await office.stand(AlertMessage(alert=episode, timeline=Timeline()), alert("RO"))
    assert (await office.command(CLOSE)).outcome == "done"
    [record] = await office.audit()
    assert record.places == ("RO", "RO-TL")


async def test_an_acknowledgement_is_on_record_too(office: Office) -> None:
    """Every command is in the audit, and what is no command with the reason."""
    await office.stand(alert("RO-TL"))
    await office.command(Acknowledge(incident_id=FIRST), by="bob")
    await office.redis.xadd(STREAM, {"command": b"{}"})
    await office.desk().process_commands()
    known = [(record.by, record.outcome, record.what[:13]) for record in await office.audit()]
    assert known == [("bob", "done", "acknowledged "), ("anna", "refused", "not a command")]


async def test_killed_anywhere_a_closing_has_the_effect_of_one(office: Office) -> None:
    """Wherever a desk dies, the next one hands over the same event and gives the same answer.

    Between the two the incident's Cancel comes, if the first desk had handed the event over: the
    command is not decided anew, which would refuse it.
    """
    redis, used, lives = office.redis, 0, -1
    while used >= lives:  # the last one did not live to the end
        lives += 1
        await redis.flushdb()
        await office.employ()
        await office.stand(alert("RO-TL"), alert("RO"))
        await redis.xadd(STREAM, {"command": CLOSE.to_json()})
        office.handed = []
        mortal: Any = Mortal(redis, lives)
        with contextlib.suppress(KilledError):
            await office.desk(mortal).process_commands()
        if office.handed:
            over: dict[str, Any] = {"message_type": "Cancel", "incident_state": "closed"}
            await office.stand(alert("RO-TL", 2, **over), alert("RO", 2, **over))
        await office.abandon()
        await office.desk().process_commands()
        assert {outcome.outcome for outcome in await office.outcomes()} == {"done"}, lives
        assert len({event.to_json() for event in office.handed}) == 1, f"killed after {lives}"
        assert {len(await office.notes(place)) for place in ("RO-TL", "RO")} == {1}
        used = mortal.used
    assert lives > 5


async def test_what_kafka_does_not_take_is_handed_over_later(office: Office) -> None:
    """While Kafka is away a command stays without an answer, and is carried out afterwards once."""
    await office.stand(alert("RO-TL"))
    await office.redis.xadd(STREAM, {"command": CLOSE.to_json()})
    office.kafka_is_away = True
    with pytest.raises(UnavailableError, match="no broker"):
        await office.desk().process_commands()
    assert (await office.outcomes(), await office.notes("RO-TL")) == ([], [])
    office.kafka_is_away = False
    await office.abandon()
    assert await office.desk().process_commands() == 1
    assert len(office.handed) == len(await office.outcomes()) == len(await office.audit()) == 1


async def test_a_desk_without_an_audit_does_not_start(office: Office, server: Server) -> None:
    """A user who may not keep the audit is named at the start, before any command is taken."""
    await check_audit(office.redis, server.settings)
    await office.redis.acl_setuser(
        "desk", enabled=True, nopass=True, categories=["+@all"], keys=["exercise:commands:*"]
    )
    as_desk = {"user": "desk", "password": SecretStr("any")}
    redis = server.settings.redis.model_copy(update=as_desk)
    limited = await connect(server.settings.model_copy(update={"redis": redis}))
    with pytest.raises(UsageError, match="XADD of exercise:audit is not permitted"):
        await check_audit(limited, server.settings)
    await limited.aclose()
