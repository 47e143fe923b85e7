"""The incident agent: order of what has one key, and when what follows from events is stored."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from builders import T0, place_alert, track_event
from fuzz.agents import TOPICS, kafka_message
from fuzz.kept import FakeApp
from fuzz.samples import Mail
from words import ENGLISH

from skyfence.contracts.alert import Alert
from skyfence.contracts.judging import JUDGED_KEY, JudgedPartitions, JudgedUntil
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from streams.checkpoint import Checkpoint, CheckpointStore
from streams.driver.app import CheckpointingApp
from streams.driver.message import KafkaMessage
from streams.incident_agent import IncidentAgent, key_of
from streams.judging import JudgingProgress
from streams.sends import PendingSends
from streams.turns import Turns


def test_all_episodes_of_a_place_have_one_key() -> None:
    """A new episode is not heard of before the last one's end; runs and places are apart."""
    first, second = place_alert(episode=1), place_alert(episode=2)
    assert key_of(first) == key_of(second) == "live/AA-1"
    others = {key_of(place_alert(place="AA")), key_of(place_alert(run="drill"))}
    assert len({key_of(first), *others}) == 3


def test_an_incident_has_one_key_on_all_channels() -> None:
    """Its chains stay in order, and together."""
    manager = IncidentManager(Environment.ACTUAL, {}, ENGLISH.operators)
    alerts = manager.process(track_event("entered", 1))
    assert {key_of(alert) for alert in alerts} == {str(alerts[0].incident_id)}


@dataclass
class SlowKafka(FakeApp):
    """Topics whose broker has not answered yet."""

    sent: list[str] = field(default_factory=list)  # the topics, in order
    values: list[bytes] = field(default_factory=list)
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)

    def output_topic(self, name: str) -> Any:
        kafka = self

        class _Topic:
            async def send(self, *, value: bytes, **_: Any) -> "asyncio.Future[None]":
                kafka.sent.append(name)
                kafka.values.append(value)
                kafka.waiting.append(asyncio.get_running_loop().create_future())
                return kafka.waiting[-1]

        return _Topic()

    def answer(self) -> None:
        """Store all that was sent."""
        for send in self.waiting:
            send.set_result(None)
        self.waiting.clear()


class NoCheckpoints:
    """Has none, and takes all."""

    async def committed_name(self, _: int) -> str:
        return ""

    async def load(self, *_: Any) -> Checkpoint | None:
        return None

    async def save(self, *_: Any) -> str:
        return "checkpoint"


async def nothing_stored() -> AsyncIterator[Alert]:
    """Read nothing from ``alerts``."""
    nothing: tuple[Alert, ...] = ()
    for alert in nothing:
        yield alert


@pytest.fixture
def kafka() -> SlowKafka:
    """Return a Kafka that has not answered yet."""
    return SlowKafka()


@pytest.fixture
def agent(kafka: SlowKafka) -> IncidentAgent:
    """Return an incident agent with nothing remembered."""
    return IncidentAgent(
        {},
        ENGLISH.operators,
        Environment.EXERCISE,
        PendingSends(cast("CheckpointingApp", kafka), TOPICS),
        cast("CheckpointStore", NoCheckpoints()),
        stored_alerts=nothing_stored,
        judging=JudgingProgress(1),
        turns=Turns(lambda: 0.0),
    )


def event(number: int) -> KafkaMessage:
    """Return the message of one track's entry, from which alerts follow."""
    entered = track_event("entered", 1, track_id=f"T{number}")
    return kafka_message(Mail(entered.to_json(), b"radar/T", ()), TOPICS.track_events, number)


def beat(offset: int) -> KafkaMessage:
    """Return the message that says until when all was judged."""
    judged = JudgedPartitions(as_of=T0, until={0: T0})
    return kafka_message(
        Mail(judged.to_json(), JUDGED_KEY.encode(), ()), TOPICS.track_events, offset
    )


async def hung(deciding: "asyncio.Task[None]") -> bool:
    """Tell whether something waits for Kafka."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not deciding.done()


async def test_no_flush_while_more_events_wait(agent: IncidentAgent, kafka: SlowKafka) -> None:
    """Their alerts go out at once; none is covered before Kafka has stored them."""
    await agent.process(event(0), more=True)
    await agent.process(event(1), more=True)
    assert kafka.sent.count(TOPICS.alerts) > 1
    assert agent.states.next_offset(0) == 0
    last = asyncio.create_task(agent.process(event(2)))
    assert await hung(last)
    kafka.answer()
    await last
    assert agent.states.next_offset(0) == 3


async def test_a_flush_comes_after_so_many_events(
    agent: IncidentAgent, monkeypatch: pytest.MonkeyPatch, kafka: SlowKafka
) -> None:
    """However many wait, after ``_FLUSH_EVERY`` the agent waits for Kafka."""
    monkeypatch.setattr("streams.incident_agent._FLUSH_EVERY", 2)
    await agent.process(event(0), more=True)
    deciding = asyncio.create_task(agent.process(event(1), more=True))
    assert await hung(deciding)
    kafka.answer()
    await deciding


async def test_it_is_judged_until_what_is_stored(agent: IncidentAgent, kafka: SlowKafka) -> None:
    """A beat is passed on when the alerts of all events before it are stored, and no earlier."""
    await agent.process(event(0), more=True)
    deciding = asyncio.create_task(agent.process(beat(1), more=True))
    assert await hung(deciding)
    assert TOPICS.judged not in kafka.sent
    kafka.answer()
    await deciding
    assert kafka.sent[-1] == TOPICS.judged


async def test_it_says_how_many_runs_wait(
    agent: IncidentAgent, kafka: SlowKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each beat, so that a replay knows whether its last alerts are yet to come."""
    monkeypatch.setattr(AlertDecisions, "undecided_runs", 2)
    await agent.process(beat(0), more=True)
    judged = JudgedUntil.model_validate_json(kafka.values[-1])
    assert (kafka.sent[-1], judged.undecided_runs) == (TOPICS.judged, 2)
