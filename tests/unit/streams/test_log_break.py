"""A log that does not go on: nothing new is passed over as if it had been judged."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from fuzz.agents import TOPICS, kafka_message
from fuzz.samples import Mail

from skyfence.errors import UnavailableError
from skyfence.steps import Steps
from streams.checkpoint import Checkpoint
from streams.driver.message import KafkaMessage
from streams.log_break import LogBreak
from streams.partition_entry import StateCodec
from streams.partition_state import PartitionStates

TRACKS = TopicPartition(TOPICS.tracks, 0)


@dataclass
class Log:
    """A checkpoint that covers a hundred messages, and what is found when the log is compared."""

    log_break: LogBreak | None
    compared: list[tuple[int, int | None]] = field(default_factory=list)
    saved: list[tuple[int, int | None]] = field(default_factory=list)
    told: list[LogBreak] = field(default_factory=list)
    asked: int = 0
    first: int | None = None
    looked: list[int] = field(default_factory=list)

    async def committed_name(self, _: int) -> str:
        return f"checkpoint {len(self.saved)}"

    async def covered_by(self, *_: Any) -> int:
        self.asked += 1
        return 100

    async def load(self, *_: Any) -> Checkpoint:
        return Checkpoint(b"state", 100, "checkpoint", last_ms=5_000)

    async def find_break(self, _: int, covered: int, last_ms: int | None) -> LogBreak | None:
        self.compared.append((covered, last_ms))
        return self.log_break

    async def first_message(self, _: int, start: int) -> int | None:
        self.looked.append(start)
        return self.first

    async def save(self, _: int, next_offset: int, last_ms: int | None, state: bytes) -> str:
        self.saved.append((next_offset, last_ms))
        return f"checkpoint {len(self.saved)}"

    async def tell(self, log_break: LogBreak) -> None:
        assert log_break.next_offset not in [offset for offset, _ in self.saved]
        self.told.append(log_break)

    async def recover(self) -> list[bytes]:
        assert self.told
        return [b"recovered"]

    def states(self, *, recovers: bool = False) -> PartitionStates[list[bytes]]:
        recover = self.recover if recovers else None
        codec = StateCodec(list[bytes], pack, list.append, self.tell, recover)
        store: Any = self
        return PartitionStates("track", codec, store)


def pack(state: list[bytes]) -> Steps[bytes]:
    yield
    return b"".join(state)


def at(offset: int) -> KafkaMessage:
    return kafka_message(Mail(b"{}"), TOPICS.tracks, offset)


def cut(next_offset: int) -> LogBreak:
    return LogBreak(TRACKS, 100, next_offset, 5_000, is_cut=True)


async def test_a_log_that_goes_on_is_compared_once() -> None:
    """The first message after an assignment has the log compared, those after it have not."""
    log = Log(None)
    states = log.states()
    for offset in (100, 101, 102):
        assert await states.state_for(at(offset)) == [b"state"]
        states.mark_judged(at(offset))
    assert log.compared == [(100, 5_000)]


async def test_what_stands_in_the_place_of_judged_messages_is_judged() -> None:
    """Read from its start, a log that was cut at 60 has new messages from there on."""
    log = Log(cut(60))
    states = log.states()
    assert [await states.state_for(at(offset)) for offset in (0, 59)] == [None, None]
    assert await states.state_for(at(60)) == [b"state"]
    assert (log.told, log.saved) == ([cut(60)], [(60, None)])


async def test_new_messages_before_the_first_that_is_read_are_read_anew() -> None:
    """A log that has grown past what was judged is read again from where it was cut."""
    log = Log(cut(60))
    with pytest.raises(UnavailableError, match="tracks/0 was cut: offset 99, stored at 1970-01-01"):
        await log.states().state_for(at(100))
    assert (log.told, log.saved) == ([cut(60)], [(60, None)])


async def test_a_gap_is_told_and_judged_behind() -> None:
    """What was deleted before it was judged is told of, and what is left is judged."""
    gap = LogBreak(TRACKS, 100, 250, 5_000, is_cut=False)
    log = Log(gap)
    assert await log.states().state_for(at(250)) == [b"state"]
    assert log.told == [gap]
    assert "offsets 100 to 249" in gap.text


async def test_a_log_that_is_cut_while_it_is_read_is_compared() -> None:
    """Messages that come again make the log be compared, once for all that come so."""
    log = Log(None)
    states = log.states()
    for offset in (100, 101):
        await states.state_for(at(offset))
        states.mark_judged(at(offset))
    states.mark_flushed(0)
    log.log_break = cut(101)
    assert [await states.state_for(at(offset)) for offset in (0, 100)] == [None, None]
    assert await states.state_for(at(101)) == [b"state"]
    assert len(log.compared) == 2
    assert log.told == [cut(101)]


async def test_a_log_that_ends_too_early_is_noticed_without_a_message() -> None:
    """Nothing comes of a log that is shorter than what was judged: its end tells."""
    log = Log(cut(60))
    with pytest.raises(UnavailableError, match="judged on from offset 60"):
        await log.states().compare(0, 80)
    assert (log.told, log.saved) == ([cut(60)], [(60, None)])


async def test_a_quiet_partition_costs_one_question() -> None:
    """Where nothing comes, the commit is looked up once an assignment, and nothing is loaded."""
    log = Log(None)
    states = log.states()
    for _ in range(3):
        await states.compare(0, 100)
    assert (log.asked, log.compared) == (1, [])
    states.on_assigned([0])
    await states.compare(0, 100)
    assert log.asked == 2


async def test_a_log_that_is_cut_behind_a_running_worker_is_noticed() -> None:
    """A state that is in memory is compared, too."""
    log = Log(None)
    states = log.states()
    await states.state_for(at(100))
    states.mark_judged(at(100))
    states.mark_flushed(0)
    log.log_break = cut(60)
    with pytest.raises(UnavailableError):
        await states.compare(0, 80)


@pytest.mark.parametrize(
    ("is_cut", "offset", "state"), [(False, 150, b"recovered"), (True, 100, b"state")]
)
async def test_what_stood_before_deleted_messages_is_given_up(
    is_cut: bool, offset: int, state: bytes
) -> None:
    """Its end may be among them; a log that lost its tail keeps what stands."""
    log = Log(LogBreak(TRACKS, 100, offset, None, is_cut=is_cut))
    assert await log.states(recovers=True).state_for(at(offset)) == [state]


@pytest.mark.parametrize(
    ("first", "comes"), [(101, 103), (102, 103), (None, 103), (101, 102), (None, 102)]
)
async def test_messages_that_the_reader_left_out_are_read_anew(
    first: int | None, comes: int
) -> None:
    """Where messages stand in the log that did not come, be it one, the worker ends."""
    log = Log(None, first=first)
    states = log.states()
    assert await states.state_for(at(100)) == [b"state"]
    states.mark_judged(at(100))
    left_out = f"offsets 101 to {comes - 1} of partition 0 were not handed"
    with pytest.raises(UnavailableError, match=left_out):
        await states.state_for(at(comes))


async def test_marks_of_transactions_are_passed_over() -> None:
    """Offsets at which nothing stands leave nothing out; single ones are looked at once."""
    log = Log(None, first=102)
    states = log.states()
    for offset in (100, 102, 104, 106):
        assert await states.state_for(at(offset)) == [b"state"]
        states.mark_judged(at(offset))
    assert log.looked == [101]
