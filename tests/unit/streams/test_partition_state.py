"""Checkpoints that cannot be read: nobody begins with nothing, and what is made anew is saved."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from builders import track_event
from fuzz.agents import TOPICS, kafka_message
from fuzz.kept import FakeApp
from fuzz.samples import EXERCISE, Mail
from words import ENGLISH

from skyfence.contracts.alert import Alert, parse_alert
from skyfence.errors import InputError
from skyfence.incidents.manager import IncidentManager
from skyfence.steps import Steps
from streams.checkpoint import Checkpoint
from streams.driver.message import KafkaMessage
from streams.incident_agent import IncidentAgent
from streams.log_break import LogBreak
from streams.partition_entry import StateCodec
from streams.partition_state import PartitionStates
from streams.sends import PendingSends


@dataclass
class BrokenStore:
    """Its committed checkpoint cannot be read; what is saved after it can."""

    saved: list[tuple[int, bytes]] = field(default_factory=list)

    async def committed_name(self, _: int) -> str:
        return f"checkpoint {len(self.saved)}"

    async def load(self, *_: Any) -> Checkpoint:
        if not self.saved:
            raise InputError("tracks.checkpoint/0: checkpoint 0: its pieces are not whole")
        offset, state = self.saved[-1]
        return Checkpoint(state, offset, "checkpoint")

    async def find_break(self, *_: Any) -> None:
        return None

    async def save(self, _: int, next_offset: int, __: int | None, state: bytes) -> str:
        self.saved.append((next_offset, state))
        return f"checkpoint {len(self.saved)}"


SEVENTH = kafka_message(Mail(b"{}"), TOPICS.tracks, 7)


async def untold(log_break: LogBreak) -> None:
    raise AssertionError(log_break.text)


def pack(state: list[str]) -> Steps[bytes]:
    yield
    return "".join(state).encode()


def restore(state: list[str], packed: bytes) -> None:
    state.append(packed.decode())


async def test_an_agent_that_cannot_recover_refuses_to_begin() -> None:
    """The error says what cannot be read and what to do, and nothing is saved over it."""
    store: Any = BrokenStore()
    states = PartitionStates("track", StateCodec(list, pack, restore, untold), store)
    with pytest.raises(InputError, match=r"its pieces are not whole; run the skyfence that wrote"):
        await states.state_for(SEVENTH)
    assert store.saved == []


async def test_what_is_recovered_is_saved_before_anything_is_judged() -> None:
    """The next start finds a checkpoint that can be read, at the offset of the first message."""

    async def recover() -> list[str]:
        return ["recovered"]

    store: Any = BrokenStore()
    codec = StateCodec(list, pack, restore, untold, recover)
    assert await PartitionStates("incident", codec, store).state_for(SEVENTH) == ["recovered"]
    assert store.saved == [(7, b"recovered")]
    assert await PartitionStates("incident", codec, store).state_for(SEVENTH) == ["recovered"]


class EmptyStore:
    """No commit names a checkpoint."""

    async def find_break(self, *_: Any) -> None:
        return None

    async def save(self, *_: Any) -> str:
        return "checkpoint 1"

    async def committed_name(self, _: int) -> str:
        return ""

    async def load(self, *_: Any) -> None:
        return None


@pytest.mark.parametrize(("offset", "state"), [(7, ["recovered"]), (0, [])])
async def test_an_agent_without_a_commit_recovers_where_the_logs_head_is_gone(
    offset: int, state: list[str]
) -> None:
    """After an outage longer than commits are kept; a whole log is judged from its start."""

    async def recover() -> list[str]:
        return ["recovered"]

    store: Any = EmptyStore()
    codec = StateCodec(list[str], pack, restore, untold, recover)
    first = kafka_message(Mail(b"{}"), TOPICS.track_events, offset)
    assert await PartitionStates("incident", codec, store).state_for(first) == state


@dataclass
class Broker(FakeApp):
    """Stores what is sent until it is killed, after so many messages."""

    stored: list[bytes]
    lives_for: int

    def output_topic(self, name: str) -> Any:
        return self

    async def send(self, *, value: bytes, **_: Any) -> "asyncio.Future[None]":
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.lives_for == 0:
            answer.set_exception(ConnectionError("killed"))
        else:
            self.lives_for -= 1
            self.stored.append(value)
            answer.set_result(None)
        return answer


def told() -> list[bytes]:
    """Return the alerts of an incident that stands open."""
    manager = IncidentManager(EXERCISE, {}, ENGLISH.operators)
    events = (track_event("entered", 1), track_event("confirmed", 2))
    return [alert.to_json() for event in events for alert in manager.process(event)]


async def begin(store: Any, app: Any) -> None:
    """Start an incident agent on what stands in ``alerts``, and have it judge the next event."""

    async def stored_alerts() -> AsyncIterator[Alert]:
        for value in list(app.stored):
            alert = parse_alert(value)
            assert isinstance(alert, Alert)
            yield alert

    sends = PendingSends(app, TOPICS)
    agent = IncidentAgent(
        {}, ENGLISH.operators, EXERCISE, sends, store, stored_alerts=stored_alerts
    )
    event = track_event("updated", 3, changes=("deeper",))
    mail = Mail(event.to_json(), b"radar/T1", ())
    await agent.process(kafka_message(mail, TOPICS.track_events, 7))


@pytest.mark.parametrize("killed_after", range(3))
async def test_each_open_chain_ends_once_though_the_agent_is_killed(killed_after: int) -> None:
    """Killed amid its Cancels, the agent saves nothing, and ends the other chains the next time."""
    before = told()
    store: Any = BrokenStore()
    app: Any = Broker(before.copy(), killed_after)
    with pytest.raises(ConnectionError):
        await begin(store, app)
    assert store.saved == []
    app.lives_for = 1_000
    await begin(store, app)
    after = [parse_alert(value) for value in app.stored[len(before) :]]
    chains = {(alert.incident_id, alert.channel) for alert in map(parse_alert, before)}
    cancels = [alert for alert in after if alert.message_type == "Cancel"]
    assert sorted((a.incident_id, a.channel) for a in cancels) == sorted(chains)
    opened = [alert for alert in after if alert.message_type == "Alert"]
    assert opened
    assert not {alert.incident_id for alert in opened} & {chain for chain, _ in chains}
    assert store.saved[0][0] == 7


@dataclass
class Store:
    """Keeps what was saved: the offset that it covers, and the state."""

    saved: list[tuple[int, bytes]] = field(default_factory=list)

    async def committed_name(self, _: int) -> str:
        return ""

    async def load(self, *_: Any) -> None:
        return None

    async def find_break(self, *_: Any) -> None:
        return None

    async def save(self, _: int, next_offset: int, __: int | None, state: bytes) -> str:
        self.saved.append((next_offset, state))
        return f"checkpoint {len(self.saved)}"


async def test_a_state_is_not_handed_out_while_it_is_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its next message waits; that of another partition does not."""
    monkeypatch.setattr("streams.turns._TURN_S", 0.0)
    steps: list[str] = []

    def slowly(state: list[str]) -> Steps[bytes]:
        for _ in range(20):
            steps.append("packed")
            yield
        return "".join(state).encode()

    store: Any = Store()
    states = PartitionStates("track", StateCodec(list[str], slowly, restore, untold), store)
    state = await states.state_for(SEVENTH)
    assert state is not None
    state.append("seventh")
    states.mark_judged(SEVENTH)
    states.mark_flushed(0)

    async def judge(message: KafkaMessage) -> None:
        state = await states.state_for(message)
        assert state is not None
        state.append("next")
        steps.append(f"judged {message.partition}")

    await asyncio.gather(
        judge(replace(SEVENTH, offset=8)), judge(replace(SEVENTH, partition=1, offset=0))
    )
    assert steps.index("judged 1") < steps.index("judged 0") == 20 + 1
    await states.save_all()
    assert (8, b"seventh") in store.saved
