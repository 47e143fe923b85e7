"""The public desk killed between any two words to Redis, and crossed by a second desk.

Each test tells a story of alerts and decisions. Whoever was killed is followed by another desk,
which is handed the same act again, as Kafka and the stream of commands do.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from builders import T0, place_alert
from mortal import KilledError, Mortal
from redis.asyncio import Redis
from talk import golden
from words import ENGLISH

from consumers.channels.functions import install
from consumers.desk.release import ReleaseService
from skyfence.contracts.alert import AlertMessage, PlaceLevel, PublicAlert, Timeline
from skyfence.contracts.channel_message import (
    Decision,
    NoteMessage,
    PublicMessage,
    parse_channel_message,
)
from skyfence.identity import derive
from skyfence.naming import Audience, Channel, Environment, public_channel
from skyfence.policy.policy import Policy
from skyfence.policy.reading import parse_policy

EXERCISE = Environment.EXERCISE
CHANNEL = Channel(EXERCISE, Audience.OPERATORS, "RO-TL")
PUBLIC = Channel(EXERCISE, Audience.PUBLIC, "RO-TL")
REGIONS = frozenset({"RO-TL"})
HELD = parse_policy('version = "t"\n[public]\ndeadline_s = 60.0\n', "t")
AUTOMATIC = parse_policy('version = "t"\n[public]\nmode = "automatic"\n', "t")
EPISODE = place_alert(place="RO-TL", environment=EXERCISE).episode_id


@dataclass
class Office:
    """Desks that follow one another on one Redis, with a clock of the test's."""

    redis: Redis
    policy: Policy = HELD
    environment: Environment = EXERCISE
    after_s: float = 0.0

    def desk(self, redis: Any = None) -> ReleaseService:
        """Return a desk that starts now."""
        given = cast("Redis", redis or self.redis)
        return ReleaseService(
            given,
            self.environment,
            self.policy,
            {"RO-TL": "Tulcea"},
            texts=ENGLISH.public,
            now=self._now,
        )

    def _now(self) -> Any:
        return T0 + timedelta(seconds=self.after_s)

    async def told(self) -> list[tuple[int, str]]:
        """Return the steps that the public was told."""
        return [(alert.step, alert.message_type) for alert in await self.published()]

    async def heard(self) -> list[tuple[int, str]]:
        """Return the same steps, and whether each sounds."""
        return [(alert.step, alert.notify) for alert in await self.published()]

    async def published(self) -> list[PublicAlert]:
        """Return the public's messages in order."""
        entries: Any = await self.redis.xrange(PUBLIC.stream)
        read = [parse_channel_message(Audience.PUBLIC, fields[b"message"]) for _, fields in entries]
        return [message.alert for message in read if isinstance(message, PublicMessage)]

    async def recorded(self) -> list[tuple[int, str, str | None]]:
        """Return what is on record, each decision once: step, decision, by whom."""
        entries: Any = await self.redis.xrange("exercise:decisions")
        decisions = [Decision.model_validate_json(fields[b"decision"]) for _, fields in entries]
        return _distinct(decisions)

    async def noted(self) -> list[tuple[int, str, str | None]]:
        """Return the same of what the region's operators were told."""
        entries: Any = await self.redis.xrange(CHANNEL.stream)
        read = [
            parse_channel_message(Audience.OPERATORS, fields[b"message"]) for _, fields in entries
        ]
        notes = [message.note for message in read if isinstance(message, NoteMessage)]
        return _distinct([note for note in notes if isinstance(note, Decision)])


Act = Callable[[ReleaseService], Awaitable[Any]]


def _distinct(decisions: list[Decision]) -> list[tuple[int, str, str | None]]:
    steps = {public_id(step): step for step in range(1, 10)}
    distinct = {
        decision.note_id: (steps[decision.alert_id], decision.decision, decision.by)
        for decision in decisions
    }
    return list(distinct.values())


def public_id(step: int) -> Any:
    """Return the identifier of a step's public message."""
    return derive("alert", str(EPISODE), PUBLIC.name, step)


def comes(step: int, level: PlaceLevel = "shelter", **changes: Any) -> Act:
    """Return the act: a step of Tulcea's episode comes."""
    alert = place_alert(level, step, **{"place": "RO-TL", "environment": EXERCISE, **changes})
    message = AlertMessage(alert=alert, timeline=Timeline())
    return lambda desk: desk.deliver(message)


def ends(step: int) -> Act:
    """Return the act: the all-clear comes."""
    return comes(step, "clear")


def releases(step: int, by: str = "anna") -> Act:
    """Return the act: an operator releases a step, and is answered that it is done."""

    async def act(desk: ReleaseService) -> None:
        assert await desk.release(str(public_id(step)), by, REGIONS) is None

    return act


def withdraws(step: int) -> Act:
    """Return the act: an operator withdraws a step, and is answered that it is done."""

    async def act(desk: ReleaseService) -> None:
        assert await desk.withdraw(str(public_id(step)), "anna", "a balloon", REGIONS) is None

    return act


def ticks(desk: ReleaseService) -> Awaitable[None]:
    """Return the act: the desk decides on what has passed its deadline."""
    return desk.process_pending()


STORIES: dict[
    str, tuple[list[Act | float], list[tuple[int, str]], list[tuple[int, str, str | None]]]
]
STORIES = {
    "released": (
        [comes(1), releases(1), comes(2), ends(3)],
        [(1, "Alert"), (2, "Update"), (3, "Cancel")],
        [(1, "held", None), (1, "released", "anna"), (2, "released", None), (3, "released", None)],
    ),
    "replaced, then released": (
        [comes(1), comes(2), releases(2), ends(3)],
        [(2, "Alert"), (3, "Cancel")],
        [(1, "held", None), (2, "held", None), (2, "released", "anna"), (3, "released", None)],
    ),
    "withdrawn, then the deadline": (
        [comes(1), withdraws(1), comes(2), 60.0, ticks, ends(3)],
        [(2, "Alert"), (3, "Cancel")],
        [
            (1, "held", None),
            (1, "withdrawn", "anna"),
            (2, "held", None),
            (2, "released", None),
            (3, "released", None),
        ],
    ),
    "a rise while it waits, then the deadline": (
        [comes(1, "prepare"), 50.0, comes(2, "shelter"), 10.0, ticks, comes(3, "watch"), ends(4)],
        [(2, "Alert"), (3, "Update"), (4, "Cancel")],
        [
            (1, "held", None),
            (2, "held", None),
            (2, "released", None),
            (3, "released", None),
            (4, "released", None),
        ],
    ),
    "withdrawn, details, then a rise": (
        [
            *(comes(1, "prepare"), withdraws(1), comes(2, "prepare", notify="quiet", objects=2)),
            *(comes(3, "shelter"), releases(3), ends(4)),
        ],
        [(3, "Alert"), (4, "Cancel")],
        [
            (1, "held", None),
            (1, "withdrawn", "anna"),
            (3, "held", None),
            (3, "released", "anna"),
            (4, "released", None),
        ],
    ),
    "withdrawn, then a quiet rise": (
        [
            *(comes(1, "prepare"), withdraws(1), comes(2, notify="quiet"), 60.0, ticks),
            ends(3),
        ],
        [(2, "Alert"), (3, "Cancel")],
        [
            (1, "held", None),
            (1, "withdrawn", "anna"),
            (2, "held", None),
            (2, "released", None),
            (3, "released", None),
        ],
    ),
    "withdrawn, fallen, then a quiet rise": (
        [
            *(comes(1), withdraws(1), comes(2, "watch", notify="quiet")),
            *(comes(3, notify="quiet"), releases(3), ends(4)),
        ],
        [(3, "Alert"), (4, "Cancel")],
        [
            (1, "held", None),
            (1, "withdrawn", "anna"),
            (3, "held", None),
            (3, "released", "anna"),
            (4, "released", None),
        ],
    ),
    "withdrawn, and over": (
        [comes(1, "prepare"), withdraws(1), ends(2)],
        [],
        [(1, "held", None), (1, "withdrawn", "anna")],
    ),
    "over before anybody decided": (
        [comes(1), ends(2)],
        [],
        [(1, "held", None), (1, "withdrawn", None)],
    ),
}


async def play(office: Office, acts: list[Act | float], lives: int) -> int:
    """Play a story with a desk that dies after so many commands; return how many it gave."""
    mortal = Mortal(office.redis, lives)
    desk = office.desk(mortal)
    for act in acts:
        if isinstance(act, float):
            office.after_s += act
            continue
        try:
            await act(desk)
        except KilledError:
            desk = office.desk()
            await act(desk)
    return mortal.used


@pytest.mark.parametrize("story", STORIES)
async def test_killed_anywhere_nothing_is_lost_or_said_twice(redis: Redis, story: str) -> None:
    """Wherever a desk dies, the public is told the same, and the same decisions are on record."""
    acts, told, decided = STORIES[story]
    await install(redis)
    whole = await play(Office(redis), acts, 1_000)
    for lives in range(whole):
        await redis.flushdb()
        office = Office(redis)
        assert await play(office, acts, lives) == lives
        assert await office.told() == told, f"killed after {lives} of {whole} commands"
        assert await office.recorded() == decided, f"killed after {lives} of {whole} commands"
        assert await office.noted() == decided, f"killed after {lives} of {whole} commands"
        assert await redis.hgetall("exercise:held") == {}


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (comes(2), [(1, "Alert"), (2, "Update")]),
        (ends(2), [(1, "Alert"), (2, "Cancel")]),
    ],
    ids=["a newer step", "the end"],
)
async def test_a_release_that_crosses_an_alert_is_not_lost(
    redis: Redis, act: Act, told: list[tuple[int, str]]
) -> None:
    """A step that comes while the one before is released follows it, on the other desk."""
    await install(redis)
    office = Office(redis)
    await comes(1)(office.desk())
    await act(office.desk(Mortal(redis, cross=lambda: releases(1)(office.desk()))))
    await office.desk().process_pending()
    assert await office.told() == told


@pytest.mark.parametrize("decides", [[releases(2)], [60.0, ticks]], ids=["officer", "deadline"])
async def test_what_the_public_hears_first_sounds(redis: Redis, decides: list[Act | float]) -> None:
    """A quiet step that takes the place of the one that waits sounds once it is published."""
    await install(redis)
    office = Office(redis)
    quiet = comes(2, objects=3, notify="quiet")
    await play(office, [comes(1), quiet, *decides, comes(3, objects=4, notify="quiet")], 1_000)
    assert await office.heard() == [(2, "sound"), (3, "quiet")]


async def test_the_first_word_sounds_where_nobody_is_asked(redis: Redis) -> None:
    """A step that was stale is left out, and the quiet one after it is the public's first."""
    await install(redis)
    office = Office(redis, AUTOMATIC)
    await play(office, [comes(2, notify="quiet")], 1_000)
    assert await office.heard() == [(2, "sound")]


async def test_a_rise_above_what_was_published_sounds(redis: Redis) -> None:
    """The public's last level decides: what rises above it sounds, what falls stays quiet."""
    await install(redis)
    office = Office(redis)
    levels: list[PlaceLevel] = ["shelter", "prepare", "prepare", "shelter"]
    quiet = [comes(step, level, notify="quiet") for step, level in enumerate(levels, 2)]
    await play(office, [comes(1, "prepare"), releases(1), *quiet], 1_000)
    heard = ["sound", "sound", "quiet", "quiet", "sound"]
    assert await office.heard() == list(enumerate(heard, 1))


async def test_the_all_clear_is_told_once(redis: Redis) -> None:
    """An all-clear that is handed over again, as after a restart, reaches the public once."""
    await install(redis)
    office = Office(redis, AUTOMATIC)
    for act in (comes(1), ends(2), ends(2)):
        await act(office.desk())
    assert await office.told() == [(1, "Alert"), (2, "Cancel")]


async def test_a_second_episode_waits_for_a_word_of_its_own(redis: Redis) -> None:
    """Releasing an episode says nothing about the next one of the same place."""
    await install(redis)
    office = Office(redis)
    for act in (comes(1), releases(1), ends(2), comes(1, episode=2)):
        await act(office.desk())
    assert await office.told() == [(1, "Alert"), (2, "Cancel")]
    assert len(await redis.hgetall("exercise:held")) == 1


async def test_incidents_are_not_the_public_s(redis: Redis) -> None:
    """An incident's alert leads to no public text, held or told."""
    await install(redis)
    incident = golden("romania-2024-09-08.jsonl")[0]
    for policy in (HELD, AUTOMATIC):
        desk = Office(redis, policy).desk()
        await desk.deliver(AlertMessage(alert=incident, timeline=Timeline()))
    assert await redis.keys("*") == []


async def test_two_who_decide_are_told_what_holds(redis: Redis) -> None:
    """The second to decide is refused, with what was decided."""
    await install(redis)
    office = Office(redis)
    await comes(1)(office.desk())
    await releases(1)(office.desk())
    late = await office.desk().withdraw(str(public_id(1)), "bob", "a balloon", REGIONS)
    again = await office.desk().release(str(public_id(1)), "bob", REGIONS)
    assert late == again == "it is released already"


@pytest.mark.parametrize("policy", [HELD, AUTOMATIC], ids=["held", "automatic"])
async def test_what_has_expired_is_no_first_news(redis: Redis, policy: Policy) -> None:
    """An actual alert past its expiry, as a desk reads that comes new, is never the first word."""
    await install(redis)
    office = Office(redis, policy, Environment.ACTUAL)
    await comes(1, environment=Environment.ACTUAL, expires=T0)(office.desk())
    assert await redis.keys("*") == []


async def test_what_expires_while_it_waits_is_withdrawn(redis: Redis) -> None:
    """A desk that was away for long does not release at the deadline what is past by then."""
    await install(redis)
    office = Office(redis, HELD, Environment.ACTUAL)
    await comes(1, environment=Environment.ACTUAL)(office.desk())
    office.after_s = 3_600.0
    await office.desk().process_pending()
    entries: Any = await redis.xrange("decisions")
    decisions = [Decision.model_validate_json(fields[b"decision"]) for _, fields in entries]
    assert [(decision.decision, decision.reason) for decision in decisions] == [
        ("held", None),
        ("withdrawn", "it had expired"),
    ]
    assert await redis.exists("stream:public:RO-TL") == 0


@pytest.mark.parametrize("policy", [HELD, AUTOMATIC], ids=["held", "automatic"])
async def test_an_exercise_never_reaches_an_actual_public(redis: Redis, policy: Policy) -> None:
    """An exercise's alert that a desk of the actual world is handed goes nowhere."""
    await install(redis)
    await comes(1)(Office(redis, policy, Environment.ACTUAL).desk())
    assert await redis.keys("*") == []
    assert public_channel(Environment.ACTUAL, "RO-TL") != PUBLIC.name
