"""Damage valid messages and hand them to what reads them: nothing may crash, and none may be lost.

    python tests/fuzz/run.py --messages 1000000 --seed 1
    python tests/fuzz/run.py --target 'track agent' --messages 5000     # one alone

    this process ──▶ a child a target: hypothesis's examples, then messages from the seed
         ▲                  └─ notes each message before it hands it over
         └── how it ended, how many were decoded and rejected; a dead child's last message

Each target has a process of its own, because a fault in native code kills the process. Exit status
1 if one failed: its seed, its last message and its last words are printed.
"""

import argparse
import asyncio
import json
import logging
import marshal
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from random import Random
from typing import Any, Final

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support")]

import structlog
from fuzz.agents import AGENTS
from fuzz.decoders import DECODERS, Target
from fuzz.kept import KEPT
from fuzz.relaying import RELAYS
from fuzz.samples import Mail
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

# The slowest first: in a long run they work beside all others.
TARGETS: Final[dict[str, Callable[[], Target]]] = AGENTS | DECODERS | RELAYS | KEPT
# How large a part of all messages a target gets, where that is not 1: a message costs from 20 µs
# (an event) to 20 ms (a GeoPackage), and files come from their authors, not over Kafka.
_PARTS: Final = {
    **dict.fromkeys(("track agent", "arrow frames"), 3),
    **dict.fromkeys(("incident agent", "json reports", "status", "status memory"), 8),
    **dict.fromkeys(("rejected records", "relay"), 14),
    **dict.fromkeys(("track events", "alert messages"), 25),
    "geopackages": 0.05,
    "kml": 0.5,  # a short run needs more than the thirty that hypothesis draws to tell a share by
    "open air": 0.2,
}
# A failure's last words.
_WORDS: Final = 4_000


class Notes:
    """Keeps the message that is being judged where another process finds it after a crash."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)

    def write(self, name: str, number: int, mail: Mail) -> None:
        """Note a message of a target."""
        noted = (name, number, mail.key, mail.value, mail.headers, mail.timestamp_ms)
        os.pwrite(self._file, marshal.dumps(noted), 0)

    @staticmethod
    def read(path: Path) -> str:
        """Return which message was noted last."""
        noted = path.read_bytes() if path.exists() else b""
        if not noted:
            return "before its first message"
        name, number, *rest = marshal.loads(noted)
        return f"{name}, message {number}: {Mail(rest[1], rest[0], rest[2], rest[3])}"


@dataclass
class Trial:
    """One target, and what became of its messages."""

    name: str
    notes: Notes

    def __post_init__(self) -> None:
        self._target = TARGETS[self.name]()
        self.counts: Counter[str] = Counter()

    def take(self, draw: Random, number: int) -> None:
        """Have one message damaged and judged."""
        mail = self._target.damaged(draw, number)
        self.notes.write(self.name, number, mail)
        reason = self._target.judge(mail)
        assert reason is None or reason.text.strip(), "rejected without a reason"
        self.counts["decoded" if reason is None else reason.reason_class] += 1

    def from_seed(self, given_seed: int, messages: int) -> None:
        """Judge as many messages as are wanted, the same for the same seed."""
        draw = Random(f"{given_seed} {self.name}")
        self._target.begin()
        for number in range(messages):
            self.take(draw, number)

    def with_hypothesis(self, given_seed: int, examples: int) -> None:
        """Judge short sequences that hypothesis draws; it makes what fails as small as it can."""

        @seed(given_seed)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.randoms(use_true_random=False),
            st.integers(0, 500),
            st.integers(1, 5),
        )
        def check(draw: Random, first: int, count: int) -> None:
            self._target.begin()
            for number in range(first, first + count):
                self.take(draw, number)

        check()


def judge_all(
    names: Sequence[str], given_seed: int, examples: int, parts: int, notes: Path
) -> None:
    """Run targets in this process; print what became of each one's messages."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for name in names:
        trial = Trial(name, Notes(notes))
        if examples:
            trial.with_hypothesis(given_seed, examples)
        trial.from_seed(given_seed, ceil(parts * _PARTS.get(name, 1)))
        print(json.dumps({"target": name, "counts": trial.counts}), flush=True)


@dataclass(frozen=True)
class End:
    """How a child ended: what became of its targets' messages, and what went wrong."""

    counts: dict[str, Counter[str]]
    failure: str


async def watch(command: Sequence[str], notes: Path) -> End:
    """Run a child to its end."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, errors = await child.communicate()
    lines = [json.loads(line) for line in said.splitlines()]
    counts = {line["target"]: Counter(line["counts"]) for line in lines}
    if child.returncode == 0:
        return End(counts, "")
    last = Notes.read(notes)
    return End(counts, f"ended with {child.returncode} at {last}\n{errors.decode()[-_WORDS:]}")


async def run(
    groups: Iterable[Sequence[str]], given_seed: int, examples: int, parts: int
) -> list[End]:
    """Run groups of targets in children, as many at once as there are processors."""
    free = asyncio.Semaphore(os.cpu_count() or 1)

    async def run_group(names: Sequence[str], notes: Path) -> End:
        numbers = (f"--seed={given_seed}", f"--examples={examples}", f"--parts={parts}")
        command = [sys.executable, __file__, *numbers, f"--notes={notes}"]
        async with free:
            end = await watch([*command, *(f"--target={name}" for name in names)], notes)
        show(end, given_seed)
        return end

    with tempfile.TemporaryDirectory() as folder:
        jobs = [run_group(names, Path(folder) / str(n)) for n, names in enumerate(groups)]
        return await asyncio.gather(*jobs)


def show(end: End, given_seed: int) -> None:
    """Print what became of a child's messages."""
    for name, counts in end.counts.items():
        rejected = counts.total() - counts["decoded"]
        why = ", ".join(
            f"{reason} {n:,}" for reason, n in counts.most_common() if reason != "decoded"
        )
        columns = f"{counts.total():>9,} {counts['decoded']:>9,} decoded {rejected:>9,} rejected"
        print(f"{name:<21}{columns}: {why}", flush=True)
    if end.failure:
        print(f"FAILED with seed {given_seed}: {end.failure}", flush=True)


def main() -> int:
    """Run what is asked for."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--messages", type=int, default=1_000_000, help="of all targets together")
    options.add_argument("--examples", type=int, default=100, help="hypothesis's, a target")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--target", choices=TARGETS, action="append", help="only this one")
    options.add_argument("--notes", type=Path, help=argparse.SUPPRESS)  # of a child
    options.add_argument("--parts", type=int, help=argparse.SUPPRESS)
    wanted = options.parse_args()
    names = wanted.target or list(TARGETS)
    if wanted.notes:
        judge_all(names, wanted.seed, wanted.examples, wanted.parts, wanted.notes)
        return 0
    parts = ceil(wanted.messages / sum(_PARTS.get(name, 1) for name in names))
    ends = asyncio.run(run([[name] for name in names], wanted.seed, wanted.examples, parts))
    total: Any = sum((counts for end in ends for counts in end.counts.values()), Counter())
    failed = sum(bool(end.failure) for end in ends)
    print(f"{total.total():,} messages, {total['decoded']:,} decoded, {failed} targets failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
