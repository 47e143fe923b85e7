"""Damaged messages: decoded or refused with a reason, none lost, in processes that live.

A short run of ``tests/fuzz/run.py``, and proof that it would notice; ``make fuzz`` is the long one.
"""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from fuzz import mutate, run, samples
from fuzz.agents import AGENTS, Agent
from fuzz.floods import FLOODS, flood
from fuzz.run import TARGETS, End
from pydantic_core import to_json

from skyfence.errors import UnavailableError
from skyfence.incidents.decisions import AlertDecisions
from skyfence.tracks.tracker import Tracker
from streams.partition_state import PartitionStates
from streams.sends import PendingSends

TESTS = Path(__file__).parents[1]
SEED = 20240907
EXAMPLES = 10
MESSAGES = 60
# A child whose target is the one named here.
CHILD = """
import os, signal, sys
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/support"]
from pathlib import Path
from fuzz import run
from fuzz.samples import Mail
from skyfence.contracts.rejected import Reason

class Bad:
    def begin(self): pass
    def damaged(self, draw, number): return Mail(b"message %d" % number)
    def judge(self, mail):
        if mail.value == b"message 3": {deed}

run.TARGETS["bad"] = Bad
run.judge_all(["bad"], 7, 0, 10, Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def ends() -> list[End]:
    """Run every target for a short while, in as many processes as there are processors."""
    names = list(TARGETS)
    return asyncio.run(run.run([names[::2], names[1::2]], SEED, EXAMPLES, MESSAGES))


def child(deed: str, folder: Path) -> End:
    """Run a child whose target does something wrong with its fourth message."""
    notes = folder / "notes"
    command = [sys.executable, "-c", CHILD.replace("{deed}", deed), str(notes), str(TESTS)]
    return asyncio.run(run.watch(command, notes))


def judged(name: str, count: int = 60) -> None:
    """Hand an agent some damaged messages in this process."""
    target, draw = AGENTS[name](), random.Random(SEED)
    for number in range(count):
        target.judge(target.damaged(draw, number))


def test_nothing_crashes_and_none_is_lost(ends: list[End]) -> None:
    """Every decoder, both agents and the relay decode or reject each of their damaged messages."""
    assert [end.failure for end in ends if end.failure] == []
    by_target = {name: counts for end in ends for name, counts in end.counts.items()}
    assert by_target.keys() == TARGETS.keys()
    assert min(counts.total() for counts in by_target.values()) > EXAMPLES


@pytest.mark.parametrize("name", TARGETS)
def test_damage_goes_deeper_than_the_parser(ends: list[End], name: str) -> None:
    """Of each target's messages one in 25 is decoded, and three in ten get past the parser."""
    counts = Counter[str]()
    for end in ends:
        counts += end.counts.get(name, Counter())
    assert counts["decoded"] > 0.04 * counts.total()
    assert counts["unreadable"] < 0.7 * counts.total()


def test_a_dead_child_s_last_message_is_named(tmp_path: Path) -> None:
    """A crash of the interpreter is a failure that shows its signal and the message of it."""
    end = child("os.kill(os.getpid(), signal.SIGSEGV)", tmp_path)
    assert end.counts == {}
    assert end.failure.startswith("ended with -11 at bad, message 3: Mail(value=b'message 3'")


def test_a_defect_is_named_with_its_message(tmp_path: Path) -> None:
    """An exception other than a refusal is a failure with its traceback."""
    end = child("raise KeyError('x')", tmp_path)
    assert end.failure.startswith("ended with 1 at bad, message 3: Mail(value=b'message 3'")
    assert "KeyError: 'x'" in end.failure


def test_a_refusal_without_a_reason_is_a_failure(tmp_path: Path) -> None:
    """Nobody could mend a message that was rejected for nothing."""
    assert "rejected without a reason" in child("return Reason('other', '')", tmp_path).failure


@pytest.mark.parametrize("name", AGENTS)
def test_what_is_not_kept_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that drops a bad message, as none may, is found out."""

    async def reject(*_: object) -> None: ...

    monkeypatch.setattr(PendingSends, "reject", reject)
    with pytest.raises(AssertionError):
        judged(name)


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("track agent", AssertionError, "not covered"),
        # It takes several messages before they are compared, and the second is no next one to it.
        ("incident agent", UnavailableError, "were not handed"),
    ],
)
def test_an_offset_that_stands_still_is_noticed(
    name: str, error: type[Exception], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that does not note what it has judged is found out: it would judge it again."""
    monkeypatch.setattr(PartitionStates, "mark_judged", lambda *_: None)
    with pytest.raises(error, match=reason):
        judged(name)


@pytest.mark.parametrize(
    ("name", "engine", "method"),
    [("track agent", Tracker, "steps"), ("incident agent", AlertDecisions, "process")],
)
def test_a_defect_of_ours_is_no_rejection(
    name: str, engine: type, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that fails at a message ends the run, though the agent would go on."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine, method, fail)
    with pytest.raises(ZeroDivisionError):
        judged(name)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_is_killed_now_and_then(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In some hundred messages another agent goes on from a checkpoint, more than once."""
    lives, kill = 0, Agent._kill

    def count(self: Agent) -> None:
        nonlocal lives
        lives += 1
        kill(self)

    monkeypatch.setattr(Agent, "_kill", count)
    judged(name, 300)
    assert lives > 1


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_what_its_size_allows(name: str) -> None:
    """Whatever comes in numbers: time, what is sent and what is kept stay in proportion."""
    agent = AGENTS["track agent"]()
    for mail in flood(name, 12):
        agent.judge(mail)
    agent.save()


def test_a_record_for_each_bad_row_costs_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was once: what is wrong with a message must not be said 5,000 times."""
    monkeypatch.setattr("skyfence.frames.codec._MOST_ROWS", 5_000)
    with pytest.raises(AssertionError, match="bytes rejected"):
        AGENTS["track agent"]().judge(next(flood("bad", 1)))


def test_the_same_seed_does_the_same_damage() -> None:
    """A message is known by its target, seed and number; the document it is made of stays whole."""
    reports = samples.reports_of(2)
    before = to_json(reports)
    draw, same_draw = random.Random(SEED), random.Random(SEED)
    damaged = [mutate.json_message(reports, draw) for _ in range(200)]
    assert damaged == [mutate.json_message(reports, same_draw) for _ in range(200)]
    assert len(set(damaged)) > 150
    assert to_json(reports) == before
