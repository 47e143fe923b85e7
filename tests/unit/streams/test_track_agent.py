"""Frames judged before what follows from the last ones is stored: never covered too early."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import pytest
from builders import T0_MS, report
from fuzz import samples
from fuzz.agents import TOPICS, kafka_message
from fuzz.kept import FakeApp

from skyfence.frames.codec import encode_frame
from skyfence.frames.frame import frame_of
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.tracker import Tracker
from streams import partition_state
from streams.arrival_clock import ArrivalClock
from streams.checkpoint import Checkpoint, CheckpointStore
from streams.driver.app import CheckpointingApp
from streams.driver.message import KafkaMessage
from streams.sends import PendingSends
from streams.track_agent import TrackAgent
from streams.turns import Turns


@dataclass
class SlowKafka(FakeApp):
    """Topics whose broker has not answered yet."""

    waiting: list["asyncio.Future[None]"] = field(default_factory=list)

    def output_topic(self, name: str) -> Any:
        return self

    async def send(self, **_: Any) -> "asyncio.Future[None]":
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]

    def answer(self, error: Exception | None = None) -> None:
        """Store all that was sent, or refuse it."""
        for send in self.waiting:
            send.set_exception(error) if error else send.set_result(None)
        self.waiting.clear()


@dataclass
class Store:
    """Keeps the offsets that checkpoints covered."""

    covered: list[int] = field(default_factory=list)

    async def committed_name(self, _: int) -> str:
        return ""

    async def load(self, *_: Any) -> Checkpoint | None:
        return None

    async def find_break(self, *_: Any) -> None:
        return None

    async def save(self, _: int, next_offset: int, __: int | None, state: bytes) -> str:
        self.covered.append(next_offset)
        return f"checkpoint {next_offset}"


def messages() -> list[KafkaMessage]:
    """Return the first frames of a raid, each of which has something follow from it."""
    made = []
    for offset, frame in enumerate(samples.frames()[:6]):
        mail = samples.as_mail(frame, encode_frame(frame)[1], as_json=False)
        made.append(kafka_message(mail, TOPICS.tracks, offset))
    return made


@pytest.fixture
def kafka() -> SlowKafka:
    """Return a Kafka that has not answered yet."""
    return SlowKafka()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return a store; a snapshot is always due."""
    monkeypatch.setattr(partition_state, "SNAPSHOT_EVERY_S", 0.0)
    monkeypatch.setattr(partition_state, "_PAUSE_PER_SNAPSHOT", 0.0)
    return Store()


@pytest.fixture
def agent(kafka: SlowKafka, store: Store) -> TrackAgent:
    """Return a track agent with nothing remembered."""
    sends = partial(PendingSends, cast("CheckpointingApp", kafka), TOPICS)
    return TrackAgent(
        samples.airspace(),
        samples.policy(),
        samples.EXERCISE,
        sends,
        cast("CheckpointStore", store),
        arrivals=ArrivalClock(lambda: T0_MS),
        turns=Turns(lambda: 0.0),
    )


async def until_saved(agent: TrackAgent) -> None:
    """Let what is being saved be saved."""
    await asyncio.sleep(0)
    await agent.states.save_all()


async def test_no_flush_while_more_frames_wait(
    agent: TrackAgent, kafka: SlowKafka, store: Store
) -> None:
    """While more wait, frames are judged without a flush; no checkpoint covers them before one."""
    first, second, third, *_ = messages()
    await agent.process(first, more=True)
    await agent.process(second, more=True)
    assert kafka.waiting
    agent.states.snapshot_due()
    await until_saved(agent)
    assert (store.covered, agent.states.next_offset(0)) == ([], 0)
    last = asyncio.create_task(agent.process(third))
    await asyncio.sleep(0)
    assert not last.done()
    kafka.answer()
    await last
    await until_saved(agent)
    assert (set(store.covered), agent.states.next_offset(0)) == ({3}, 3)


async def test_the_timer_flushes_the_last_frame(agent: TrackAgent, kafka: SlowKafka) -> None:
    """A frame after which more seemed to wait is flushed though none came."""
    await agent.process(messages()[0], more=True)
    kafka.answer()
    await agent.flush()
    assert agent.states.next_offset(0) == 1


async def test_a_flush_comes_after_so_many_frames(
    agent: TrackAgent, kafka: SlowKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many frames wait, after ``_FLUSH_EVERY`` the agent waits for Kafka."""
    monkeypatch.setattr("streams.track_agent._FLUSH_EVERY", 2)
    first, second, *_ = messages()
    await agent.process(first, more=True)
    taking = asyncio.create_task(agent.process(second, more=True))
    await asyncio.sleep(0)
    assert not taking.done()
    kafka.answer()
    await taking
    assert agent.states.next_offset(0) == 2


async def test_what_is_handed_out_again_before_a_flush_is_not_judged_twice(
    agent: TrackAgent, kafka: SlowKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions that come back hand out again what no checkpoint covers: it is known."""
    judged: list[int] = []
    steps = Tracker.steps

    def noted(tracker: Tracker, frame: Any, result: FrameResult) -> Iterator[None]:
        judged.append(frame.scan_time_ms)
        return steps(tracker, frame, result)

    monkeypatch.setattr(Tracker, "steps", noted)
    first, second, *_ = messages()
    await agent.process(first, more=True)
    agent.states.on_assigned([0])
    await agent.process(first, more=True)
    kafka.answer()
    await agent.process(second, more=True)
    assert len(judged) == 2


async def test_what_kafka_refused_is_never_covered(
    agent: TrackAgent, kafka: SlowKafka, store: Store
) -> None:
    """Every flush after a refusal raises it again, and nothing is saved."""
    await agent.process(messages()[0], more=True)
    kafka.answer(OSError("no space"))
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            await agent.flush()
    agent.states.snapshot_due()
    await until_saved(agent)
    assert store.covered == []


async def test_a_flush_that_was_cancelled_is_made_up_for(
    agent: TrackAgent, kafka: SlowKafka
) -> None:
    """A worker that stops amid the wait still learns of the answer, and covers what was judged."""
    taking = asyncio.create_task(agent.process(messages()[0]))
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    kafka.answer()
    await agent.flush()
    assert agent.states.next_offset(0) == 1


async def test_what_was_judged_by_half_is_never_covered(
    agent: TrackAgent, kafka: SlowKafka, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judging that is broken off leaves a state that no offset belongs to: it is not saved."""
    first, second, *_ = messages()
    await agent.process(first, more=True)
    never = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(agent, "_send", lambda *_: never)
    taking = asyncio.create_task(agent.process(second, more=True))
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    kafka.answer()
    await agent.flush()
    agent.states.snapshot_due()
    await until_saved(agent)
    assert (store.covered, agent.states.next_offset(0)) == ([], 0)


async def test_a_partition_may_go_before_a_flush(agent: TrackAgent, kafka: SlowKafka) -> None:
    """What was judged of a partition that is another worker's now is flushed, and forgotten."""
    await agent.process(messages()[0], more=True)
    agent.states.on_assigned([])
    kafka.answer()
    await agent.flush()
    assert agent.states.next_offset(0) is None


async def test_others_have_their_turns_amid_a_long_frame(
    agent: TrackAgent, kafka: SlowKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame of hundreds of tracks that must be judged leaves the process to others on the way.

    The incident agent, whose alert another source waits for, is one of them.
    """
    monkeypatch.setattr("streams.turns._TURN_S", 0.0)
    frame = samples.frames()[0]
    rows = [report(track_id=f"T{number}", source=frame.source) for number in range(200)]
    long_frame = frame_of(rows, key=frame.key, run=frame.run)
    mail = samples.as_mail(long_frame, encode_frame(long_frame)[1], as_json=False)
    judging = asyncio.ensure_future(agent.process(kafka_message(mail, TOPICS.tracks, 0), more=True))
    turns = 0
    while not judging.done():
        await asyncio.sleep(0)
        turns += 1
    judging.result()
    assert turns > 200
