"""The desk against a real Valkey: who may command what, and what the public is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import T0, place_alert
from mortal import KilledError, Mortal
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from redis_server import Server
from talk import golden
from words import ENGLISH

from consumers.channels.sink import RedisChannels
from consumers.desk.commands import CommandService
from consumers.desk.release import ReleaseService
from skyfence.adapters.operator_store import OperatorStore
from skyfence.contracts.alert import AlertMessage, PlaceLevel, Timeline
from skyfence.contracts.channel_message import (
    Decision,
    NoteMessage,
    OperatorsMessage,
    PublicMessage,
    parse_channel_message,
)
from skyfence.contracts.operator_command import (
    Acknowledge,
    Close,
    CommandOutcome,
    OperatorCommand,
    Release,
    Withdraw,
)
from skyfence.contracts.track_event import OperatorEvent
from skyfence.errors import UnavailableError
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment
from skyfence.operators.accounts import Operator
from skyfence.policy.policy import Policy
from skyfence.policy.reading import parse_policy
from skyfence.times import to_ms

EXERCISE = Environment.EXERCISE
CHANNEL = Channel(EXERCISE, Audience.OPERATORS, "RO-TL")
PUBLIC = Channel(EXERCISE, Audience.PUBLIC, "RO-TL")
PATTERN = next(
    alert
    for alert in golden("romania-2024-09-08.jsonl")
    if alert.place == "RO-TL" and alert.response_type == "Shelter"
)
HELD = parse_policy('version = "t"\n[public]\ndeadline_s = 60.0\n', "t")
AUTOMATIC = parse_policy('version = "t"\n[public]\nmode = "automatic"\n', "t")


def message(step: int = 1, incident: int = 1, **changes: Any) -> AlertMessage:
    """Return a step of an incident's chain for Tulcea."""
    own = {
        "alert_id": derive("alert", incident, step),
        "incident_id": derive("incident", incident),
        "step": step,
        "references": (),
    }
    return AlertMessage(alert=PATTERN.model_copy(update=own | changes), timeline=Timeline())


def state(step: int = 1, level: PlaceLevel = "shelter") -> AlertMessage:
    """Return a step of Tulcea's episode."""
    alert = place_alert(level, step, place="RO-TL", environment=EXERCISE)
    return AlertMessage(alert=alert, timeline=Timeline())


def cleared(step: int) -> AlertMessage:
    """Return the all-clear of Tulcea's episode."""
    return state(step, "clear")


class Office:
    """A desk with a clock of its own, and the operators anna (who may all) and bob (nothing)."""

    def __init__(self, redis: Redis, policy: Policy = HELD) -> None:
        self.redis = redis
        self.now = T0
        self.handed: list[OperatorEvent] = []
        self.public = ReleaseService(
            redis, EXERCISE, policy, {"RO-TL": "Tulcea"}, texts=ENGLISH.public, now=self._now
        )
        self.desk = CommandService(
            redis,
            EXERCISE,
            self.public,
            self._hand_over,
            places=("RO-TL", "RO-CT"),
            name="desk-1",
            now=self._now,
        )
        self.sink: RedisChannels

    def _now(self) -> datetime:
        return self.now

    async def _hand_over(self, event: OperatorEvent) -> None:
        self.handed.append(event)

    async def tell(self, *messages: AlertMessage) -> None:
        """Carry alerts as the relay and the desk's own relay do."""
        for alert in messages:
            await self.sink.deliver(alert)
            await self.public.deliver(alert)

    async def command(self, command: OperatorCommand | bytes, by: str = "anna") -> CommandOutcome:
        """Command something, and return the desk's answer."""
        value = command if isinstance(command, bytes) else command.to_json()
        await self.redis.xadd(f"exercise:commands:{by}", {"command": value})
        assert await self.desk.process_commands() == 1
        entries: Any = await self.redis.xrevrange(f"exercise:outcomes:{by}", count=1)
        [(_, fields)] = entries
        return CommandOutcome.model_validate_json(fields[b"outcome"])

    async def on(self, channel: Channel) -> list[Any]:
        """Return what a channel's stream holds."""
        entries: Any = await self.redis.xrange(channel.stream)
        return [
            parse_channel_message(channel.audience, fields[b"message"]) for _, fields in entries
        ]

    async def told(self) -> list[tuple[int, str]]:
        """Return the steps that the public was told, and in which words they begin."""
        public = [
            message for message in await self.on(PUBLIC) if isinstance(message, PublicMessage)
        ]
        return [(message.alert.step, message.alert.message_type) for message in public]

    async def decisions(self) -> list[tuple[str, str | None]]:
        """Return what was recorded: decision, and by whom."""
        entries: Any = await self.redis.xrange("exercise:decisions")
        decisions = [Decision.model_validate_json(fields[b"decision"]) for _, fields in entries]
        return [(decision.decision, decision.by) for decision in decisions]

    async def waiting(self) -> list[UUID]:
        """Return the messages that operators of the region see waiting."""
        notes = [
            message.note for message in await self.on(CHANNEL) if isinstance(message, NoteMessage)
        ]
        return [note.alert_id for note in notes if isinstance(note, Decision)]


@pytest.fixture
async def office(server: Server, redis: Redis) -> AsyncIterator[Office]:
    made = Office(redis)
    made.sink = await RedisChannels.open(server.settings)
    store = OperatorStore(redis, EXERCISE)
    anna = Operator(name="anna", channels=("RO-TL",), may=("close", "release"), created=T0)
    await store.add(anna)
    await store.add(Operator(name="bob", channels=("RO-TL",), created=T0))
    await store.add(anna.model_copy(update={"name": "carl", "channels": ("RO-CT",)}))
    yield made
    await made.sink.close()


# Commands


async def test_an_episode_is_acknowledged_as_an_incident_is(office: Office) -> None:
    """Who has taken note of a place's episode stands there until it becomes graver."""
    episode = state().alert.incident_id
    await office.tell(state(1, "prepare"))
    outcome = await office.command(Acknowledge(incident_id=episode), by="bob")
    assert (outcome.outcome, outcome.what) == ("done", "acknowledged on RO-TL")
    seen: list[str | None] = []
    levels: tuple[PlaceLevel, ...] = ("prepare", "shelter")
    for level in levels:
        await office.tell(state(2 + len(seen), level))
        raw: Any = await office.redis.hget(CHANNEL.active, str(episode))
        standing = parse_channel_message(Audience.OPERATORS, raw)
        assert isinstance(standing, OperatorsMessage)
        seen.append(standing.acknowledged.by if standing.acknowledged else None)
    assert seen == ["bob", None]


async def test_all_others_see_who_acknowledged(office: Office) -> None:
    """An acknowledgement is a note on the channel, and stands in what late comers read."""
    await office.tell(message())
    outcome = await office.command(Acknowledge(incident_id=derive("incident", 1)), by="bob")
    assert (outcome.outcome, outcome.what) == ("done", "acknowledged on RO-TL")
    note = (await office.on(CHANNEL))[-1]
    assert isinstance(note, NoteMessage)
    assert (note.note.kind, note.note.by) == ("acknowledged", "bob")
    raw: Any = await office.redis.hget(CHANNEL.active, str(derive("incident", 1)))
    standing = parse_channel_message(Audience.OPERATORS, raw)
    assert isinstance(standing, OperatorsMessage)
    assert standing.acknowledged is not None
    assert standing.acknowledged.by == "bob"


@pytest.mark.parametrize(
    ("by", "command", "why"),
    [
        ("carl", Acknowledge(incident_id=derive("incident", 1)), "does not stand on your channels"),
        (
            "carl",
            Acknowledge(incident_id=derive("incident", 1), place="RO-TL"),
            "RO-TL is not among your channels",
        ),
        ("bob", Release(alert_id=derive("alert", 1, 1)), "bob has no right to release"),
        ("anna", Release(alert_id=derive("alert", 7, 7)), "no such message waits"),
        ("anna", b"{}", "not a command"),
        ("anna", b"\xff", "not a command"),
    ],
)
async def test_what_is_refused(
    office: Office, by: str, command: OperatorCommand | bytes, why: str
) -> None:
    """Whoever may not, or asks for what cannot be, is answered with the reason; nothing happens."""
    await office.tell(message())
    before = len(await office.on(CHANNEL))
    outcome = await office.command(command, by=by)
    assert outcome.outcome == "refused"
    assert why in outcome.what
    assert len(await office.on(CHANNEL)) == before
    assert (office.handed, await office.told()) == ([], [])


async def test_a_command_is_taken_over_from_a_desk_that_died(office: Office) -> None:
    """What one desk has read and never answered is answered by another, once."""
    await office.tell(message())
    command = Acknowledge(incident_id=derive("incident", 1))
    await office.redis.xgroup_create("exercise:commands:bob", "desk", id="0", mkstream=True)
    await office.redis.xadd("exercise:commands:bob", {"command": command.to_json()})
    await office.redis.xreadgroup("desk", "dead", {"exercise:commands:bob": ">"})
    [(command_id, _)] = await stream(office.redis, "exercise:commands:bob")
    await office.redis.xclaim(
        "exercise:commands:bob",
        "desk",
        "dead",
        min_idle_time=0,
        message_ids=[command_id],
        idle=60_000,
    )
    assert await office.desk.process_commands() == 1
    assert await office.desk.process_commands() == 0
    assert await office.redis.xlen("exercise:outcomes:bob") == 1


async def test_a_name_that_comes_back_commands_nothing_of_before(office: Office) -> None:
    """What a revoked operator had commanded is never carried out, and a new one is served."""
    store = OperatorStore(office.redis, EXERCISE)
    await office.tell(message())
    command = Acknowledge(incident_id=derive("incident", 1))
    await office.command(command, by="bob")
    await office.redis.xadd("exercise:commands:bob", {"command": command.to_json()})
    await store.revoke("bob")
    await store.add(Operator(name="bob", channels=("RO-TL",), created=T0))
    with pytest.raises(UnavailableError):  # the stream that it knew is gone
        await office.desk.process_commands()
    assert await office.desk.process_commands() == 0
    assert (await office.command(command, by="bob")).outcome == "done"
    assert await office.redis.xlen("exercise:outcomes:bob") == 1


async def test_killed_anywhere_a_command_is_carried_out_and_answered(office: Office) -> None:
    """Wherever a desk dies, the next one answers, and the effect is that of one command."""
    redis, used, lives = office.redis, 0, -1
    record = Operator(name="bob", channels=("RO-TL",), created=T0).to_json()
    command = Acknowledge(incident_id=derive("incident", 1)).to_json()
    while used >= lives:  # the last one did not live to the end
        lives += 1
        await redis.flushdb()
        await redis.hset("exercise:operators", "bob", record)
        await office.tell(message())
        await redis.xadd("exercise:commands:bob", {"command": command})
        mortal: Any = Mortal(redis, lives)
        for given in (mortal, redis):
            desk = CommandService(
                given,
                EXERCISE,
                office.public,
                office._hand_over,
                places=("RO-TL",),
                name="1",
                now=office._now,
            )
            with contextlib.suppress(KilledError):
                await desk.process_commands()
            await abandoned(redis)
        answers: Any = await redis.xrange("exercise:outcomes:bob")
        outcomes = [CommandOutcome.model_validate_json(fields[b"outcome"]) for _, fields in answers]
        assert {outcome.what for outcome in outcomes} == {"acknowledged on RO-TL"}, (
            f"killed after {lives}"
        )
        notes = [
            message.note for message in await office.on(CHANNEL) if isinstance(message, NoteMessage)
        ]
        kinds = {(note.note_id, note.kind) for note in notes}
        assert [kind for _, kind in kinds if kind == "acknowledged"] == ["acknowledged"]
        used = mortal.used
    assert lives > 5


async def stream(redis: Redis, key: str) -> Any:
    """Return a stream's entries; redis-py's types hold for answers of RESP3, too."""
    return await redis.xrange(key)


async def abandoned(redis: Redis) -> None:
    """Let time pass for what a dead desk has taken and not answered."""
    key = "exercise:commands:bob"
    with contextlib.suppress(ResponseError):  # no desk has come so far as to take anything
        taken: list[Any] = [
            entry["message_id"] for entry in await redis.xpending_range(key, "desk", "-", "+", 9)
        ]
        if taken:
            await redis.xclaim(key, "desk", "dead", 0, taken, idle=60_000)


@pytest.mark.parametrize(("age_s", "outcome"), [(60, "done"), (61, "refused")])
async def test_nobody_acknowledges_what_came_after(
    office: Office, age_s: int, outcome: str
) -> None:
    """An acknowledgement that no desk read in time does not stand for what came meanwhile."""
    await office.tell(message())
    value = Acknowledge(incident_id=derive("incident", 1)).to_json()
    at = f"{to_ms(T0) - 1_000 * age_s}-0"
    await office.redis.xadd("exercise:commands:bob", {"command": value}, id=at)
    assert await office.desk.process_commands() == 1
    [(_, fields)] = await stream(office.redis, "exercise:outcomes:bob")
    assert CommandOutcome.model_validate_json(fields[b"outcome"]).outcome == outcome


# The public


async def test_automatic_is_told_at_once(office: Office) -> None:
    """Where the policy says so every step goes out, once, and each is on record."""
    office.public = ReleaseService(
        office.redis,
        EXERCISE,
        AUTOMATIC,
        {"RO-TL": "Tulcea"},
        texts=ENGLISH.public,
        now=lambda: office.now,
    )
    await office.tell(state(1), state(2), state(2), state(1), cleared(3))
    assert await office.told() == [(1, "Alert"), (2, "Update"), (3, "Cancel")]
    assert await office.decisions() == [("released", None)] * 3


async def test_a_public_chain_begins_with_an_alert(office: Office) -> None:
    """What was held and never told is no part of the public's chain, nor named in it."""
    await office.tell(state(1), state(2))
    await office.command(Release(alert_id=(await office.waiting())[-1]))
    await office.tell(state(3), cleared(4))
    alerts = [alert.alert for alert in await office.on(PUBLIC)]
    assert [alert.message_type for alert in alerts] == ["Alert", "Update", "Cancel"]
    ids = [alert.alert_id for alert in alerts]
    assert [list(alert.references) for alert in alerts] == [[], ids[:1], ids[:2]]


async def test_held_until_released(office: Office) -> None:
    """Nothing goes out before an operator says so; what follows of it goes out at once."""
    await office.tell(state(1))
    assert await office.told() == []
    [waiting] = await office.waiting()
    assert (await office.command(Release(alert_id=waiting))).outcome == "done"
    # Once more, as after a crash before the answer: the same effect, and the same answer.
    assert (await office.command(Release(alert_id=waiting))).outcome == "done"
    await office.tell(state(1), state(2), cleared(3))
    assert [step for step, _ in await office.told()] == [1, 2, 3]
    assert (await office.decisions())[:2] == [("held", None), ("released", "anna")]


async def test_withdrawn_is_not_told(office: Office) -> None:
    """What was withdrawn stays so, also when it is handed over again; the next step is asked."""
    await office.tell(state(1))
    [first] = await office.waiting()
    assert (await office.command(Withdraw(alert_id=first, reason="a balloon"))).outcome == "done"
    await office.tell(state(1))
    office.now += timedelta(hours=1)
    await office.public.process_pending()
    assert await office.told() == []
    await office.tell(state(2))
    assert len(await office.waiting()) == 3
    assert await office.decisions() == [("held", None), ("withdrawn", "anna"), ("held", None)]


async def test_an_end_of_which_nobody_heard_is_not_told(office: Office) -> None:
    """The public gets no all-clear for what it was never told, and nothing is left to decide."""
    await office.tell(state(1), cleared(2))
    assert await office.told() == []
    assert await office.redis.hgetall("exercise:held") == {}
    assert await office.decisions() == [("held", None), ("withdrawn", None)]


@pytest.mark.parametrize(("level", "told"), [("shelter", [(1, "Alert")]), ("prepare", [])])
async def test_at_the_deadline_people_are_told_to_take_shelter(
    office: Office, level: PlaceLevel, told: list[tuple[int, str]]
) -> None:
    """Nobody's silence keeps people from shelter; what may only come is withdrawn."""
    await office.tell(state(1, level))
    office.now += timedelta(seconds=59)
    await office.public.process_pending()
    assert await office.told() == []
    office.now += timedelta(seconds=1)
    await office.public.process_pending()
    await office.public.process_pending()
    assert await office.told() == told


async def test_the_deadline_counts_from_the_alert_s_decision(office: Office) -> None:
    """A desk that reads it a minute late has no minute more to wait."""
    decided = Timeline(decided=T0 - timedelta(seconds=60))
    await office.tell(state(1).model_copy(update={"timeline": decided}))
    await office.public.process_pending()
    assert await office.told() == [(1, "Alert")]


async def test_no_operator_s_commands_put_a_public_message_off(office: Office) -> None:
    """While one operator's commands never end, what is due is published."""
    await office.tell(state(1))
    office.now += timedelta(seconds=60)
    busy = asyncio.Event()

    async def never_ends() -> int:
        await busy.wait()
        return 0

    office.desk.process_commands = never_ends  # type: ignore[method-assign]
    serving = asyncio.create_task(office.desk.run())
    async with asyncio.timeout(30):
        while not await office.told():
            pass
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_operators_have_turns(office: Office) -> None:
    """Whoever commands a hundred times keeps another operator waiting for a few of those."""
    await office.tell(message())
    command = Acknowledge(incident_id=derive("incident", 1)).to_json()
    for _ in range(100):
        await office.redis.xadd("exercise:commands:anna", {"command": command})
    await office.redis.xadd("exercise:commands:bob", {"command": command})
    await office.desk.process_commands()
    assert await office.redis.xlen("exercise:outcomes:anna") == 10
    assert await office.redis.xlen("exercise:outcomes:bob") == 1


async def test_a_flood_of_commands_is_dropped_unread(office: Office) -> None:
    """Whoever fills Redis with commands keeps nobody from commanding, and may do so again."""
    await office.tell(message())
    command = Acknowledge(incident_id=derive("incident", 1))
    for _ in range(10):
        await office.redis.xadd("exercise:commands:anna", {"command": b"x" * 1_000_000})
    assert (await office.command(command, by="bob")).outcome == "done"
    assert (await office.redis.memory_usage("exercise:commands:anna") or 0) < 1_000_000
    assert not await office.redis.exists("exercise:outcomes:anna")
    assert (await office.command(command)).outcome == "done"


async def test_as_many_commands_as_are_kept_are_no_flood(office: Office) -> None:
    """The longest commands that an operator can give, and as many as stay in the stream."""
    await office.tell(message())
    longest = Close(incident_id=derive("incident", 1), reason="\N{BALLOON}" * 200).to_json()
    async with office.redis.pipeline(transaction=False) as pipe:
        for _ in range(1_000):
            pipe.xadd("exercise:commands:anna", {"command": longest})
        await pipe.execute()
    assert await office.desk.process_commands() == 10


async def test_a_newer_step_does_not_put_the_deadline_off(office: Office) -> None:
    """It takes the place of the one that waits, and its time."""
    await office.tell(state(1))
    office.now += timedelta(seconds=50)
    await office.tell(state(2))
    office.now += timedelta(seconds=10)
    await office.public.process_pending()
    assert await office.told() == [(2, "Alert")]


async def test_a_decision_is_carried_out_after_a_crash(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Released and not yet published when the desk died: the next one publishes it, once."""
    await office.tell(state(1))
    [waiting] = await office.waiting()

    async def dies(*_: object) -> None:
        raise UnavailableError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(office.public, "_publish", dies)
        with pytest.raises(UnavailableError):
            await office.public.release(str(waiting), "anna", frozenset({"RO-TL"}))
    assert await office.told() == []
    await office.public.process_pending()
    await office.public.process_pending()
    assert await office.told() == [(1, "Alert")]
    assert await office.decisions() == [("held", None), ("released", "anna")]


async def test_only_regions_have_a_public(office: Office) -> None:
    """A nation's state, or the alliance's, is no public message."""
    for place in ("RO", "NATO"):
        nation = place_alert(place=place, environment=EXERCISE)
        await office.tell(AlertMessage(alert=nation, timeline=Timeline()))
    assert await office.redis.keys("exercise:*public*") == []
