"""The fault run: a recording plays while parts of the pipeline die; nothing may be lost or doubled.

    python tests/chaos/run.py --seed 1 --kills 1000
    python tests/chaos/run.py --seed 1 --graceful 3 --backlog 100000

Processes, brokers and Redis are killed or stopped, networks cut, clocks set (``machines``), all
brokers killed at once. With ``--graceful`` nothing is: again and again a backlog of so many reports
waits, and while it is worked off, workers are told to stop and started again so many times. Then
nothing may be judged twice either: the topic of alerts holds each of them once.

What a subscriber holds at the end, who reads on where a cut left him, is compared with what the
engine alone says of the same recording; what the public, phones, an endpoint and the status were
owed, with what they got (``owed``). Exit status 1 if one alert differs, or anything is owed.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import math
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from random import Random
from typing import Any

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / folder) for folder in ("chaos", "support", "")]

import differences
from beacon import shine
from ending import findings, heard_out
from faults import Faults, Plan, Record, disturb
from graceful import Restarts, play_in_parts
from groups import until_shared
from hearing import Hearing
from player import Player
from readers import reading
from repository import ZONES
from running import supervise
from scenario import EVERY_S, WINDOW_S, recording, undisturbed
from stage import Stage, drained, staged
from verdict import Message, Verdict, judge, together

from skyfence.adapters.files import load_zones, read_recording
from skyfence.adapters.kafka import producer
from skyfence.adapters.progress import GroupProgress
from skyfence.adapters.settings import Settings
from skyfence.errors import SkyfenceError
from skyfence.frames.packing import play
from skyfence.naming import ALLIANCE

Outcome = Coroutine[Any, Any, tuple[Verdict, Record | Restarts, float]]

_RUN = "fault-run"
_GARBAGE = 20


async def throw_garbage(settings: Settings, draw: Random) -> int:
    """Send what nobody can read to every topic that somebody reads."""
    topics = settings.topics
    async with contextlib.AsyncExitStack() as stack:
        sender = producer(settings)
        await sender.start()
        stack.push_async_callback(sender.stop)
        for topic in (topics.tracks, topics.track_events, topics.alerts):
            for _ in range(_GARBAGE):
                key = draw.choice([None, b"radar-1", draw.randbytes(5)])
                await sender.send_and_wait(topic, draw.randbytes(draw.randrange(300)), key=key)
    return 3 * _GARBAGE


async def run(options: argparse.Namespace, folder: Path) -> tuple[Verdict, Record, float]:
    """Play the recording over and over while faults are done, compare."""
    draw = Random(options.seed)
    path = _recorded(options, folder)
    record = Record()
    async with (
        reading(folder) as readers,
        staged(folder, options.brokers, options.workers, readers=readers) as stage,
        heard(stage) as hearing,
        asyncio.TaskGroup() as tasks,
    ):
        start_s = time.monotonic()
        supervising = tasks.create_task(supervise(stage.edges, record.ends))
        await until_shared(stage.settings, options.workers)
        player = Player(stage, path, options.speed)
        playing = tasks.create_task(player.play(record.ends))
        await player.begun()
        beacon = tasks.create_task(shine(stage.settings))
        await disturb(_plan(options), draw, _faults(stage, draw), record)
        player.enough.set()
        await playing
        await drained(stage.settings)
        record.findings = await findings(stage.settings, readers, hearing, beacon)
        supervising.cancel()
        seconds = time.monotonic() - start_s
        policy = stage.settings.policy
    verdicts = [
        _verdict(folder, hearing, run, undisturbed(path, run, policy)) for run in player.runs
    ]
    return together(verdicts), record, seconds


def _verdict(folder: Path, hearing: Hearing, run: str, expected: Iterable[Message]) -> Verdict:
    """Compare what was heard of a run with what was expected; keep what differs."""
    expected = list(expected)
    differences.keep(folder, hearing.of(run), expected)
    return judge(hearing.of(run), expected)


async def run_graceful(
    options: argparse.Namespace, folder: Path
) -> tuple[Verdict, Restarts, float]:
    """Let backlogs wait, restart workers while they are worked off, compare."""
    path = _recorded(options, folder)
    lines = read_recording(str(path))
    items = play(line.report for line in lines if line.report is not None)
    expected = undisturbed(path, _RUN)
    async with (
        staged(folder, options.brokers, options.workers) as stage,
        heard(stage) as hearing,
    ):
        start_s = time.monotonic()
        draw = Random(options.seed)
        record = await play_in_parts(
            stage, items, _RUN, draw, restarts=options.graceful, part_s=options.part
        )
        seconds = time.monotonic() - start_s
        await heard_out(lambda: judge(hearing.of(_RUN), expected))
        async with GroupProgress(stage.settings) as progress:
            stored = await progress.stored(stage.settings.topics.alerts)
    verdict = _verdict(folder, hearing, _RUN, expected)
    record.judged_twice = stored - verdict.expected - verdict.place_messages
    return verdict, record, seconds


@contextlib.asynccontextmanager
async def heard(stage: Stage) -> AsyncIterator[Hearing]:
    """Let a subscriber listen; at the end he has read whatever was there."""
    places = [ALLIANCE, *(zone.id for zone in load_zones(ZONES).zones)]
    hearing = Hearing(stage.settings, places)
    listening = asyncio.create_task(hearing.listen())
    try:
        yield hearing
    finally:
        listening.cancel()
    await hearing.read_rest()


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        kills=options.kills,
        gap_s=tuple(options.gap),
        pause_s=options.pause,
        pause_every=options.pause_every,
        trouble_every=options.trouble_every,
    )


def _faults(stage: Stage, draw: Random) -> Faults:
    """Return all that may be done to a stage."""
    edges = [edge.victim(_at_once) for edge in stage.edges]
    troubles = [trouble for machine in stage.machines for trouble in machine.troubles()]
    return Faults(
        victims=[*edges, stage.redis, *stage.brokers.victims],
        troubles=[*troubles, *stage.brokers.troubles],
        throw_garbage=lambda: throw_garbage(stage.settings, draw),
    )


def _recorded(options: argparse.Namespace, folder: Path) -> Path:
    path = folder / "recording.jsonl"
    far = math.ceil(options.backlog * EVERY_S / options.part)
    lines = recording(options.seed, options.tracks, far=far, window_s=options.window)
    path.write_text("\n".join(lines) + "\n")
    return path


async def _at_once() -> None:
    """Return: whether a worker serves again is seen by what comes out, not by its answer."""


def main() -> int:
    """Run, print, and say by the exit status whether all was well."""
    options = _options()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers that are away are expected
    what = f"{options.graceful} restarts" if options.graceful else f"{options.kills} kills"
    print(f"seed {options.seed}, {what}, {options.brokers} brokers", flush=True)
    folder = Path(options.keep or tempfile.mkdtemp(prefix="skyfence-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    begin: Callable[[argparse.Namespace, Path], Outcome] = run_graceful if options.graceful else run
    try:
        verdict, record, seconds = asyncio.run(begin(options, folder))
    except SkyfenceError as error:
        print(f"failed: {error}; logs in {folder}")
        return 1
    print(json.dumps({"verdict": verdict.counts(), "faults": record.document()}, indent=1))
    holds = verdict.holds and record.holds
    wrong = "nothing missing, nothing twice, all in order" if holds else "NOT AS UNDISTURBED"
    print(f"{verdict.expected} alerts, {record.summary()}, {seconds:.0f} s: {wrong}")
    if not holds:
        print(f"logs in {folder}")
    return 0 if holds else 1


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--graceful", type=int, default=0, help="restarts a backlog, no kills")
    options.add_argument("--backlog", type=int, default=0, help="reports at least")
    options.add_argument("--part", type=int, default=1_200, help="s of event time in a backlog")
    options.add_argument("--tracks", type=int, default=240)
    options.add_argument("--window", type=int, default=WINDOW_S, help="s in which tracks begin")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--speed", type=float, default=2.0, help="of the recording")
    options.add_argument("--brokers", type=int, default=3, help="0: the embedded one, never killed")
    options.add_argument("--gap", type=float, nargs=2, default=(0.5, 4.0), help="s between faults")
    options.add_argument("--pause", type=float, default=20.0, help="s that a process is stopped")
    options.add_argument("--pause-every", type=int, default=10)
    options.add_argument("--trouble-every", type=int, default=3, help="cuts, clocks, all brokers")
    options.add_argument("--keep", help="folder for the logs")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
