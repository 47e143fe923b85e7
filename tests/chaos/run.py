"""The fault run: a recording plays while parts of the pipeline die; nothing may be lost or doubled.

    python tests/chaos/run.py --seed 1 --kills 200

What a subscriber holds at the end, who reads on where a cut left him, is compared with what the
engine alone says of the same recording. Exit status 1 if they differ in one alert.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / one) for one in ("chaos", "kafka", "")]

from faults import Plan, Record, disturb
from hearing import Hearing
from scenario import recording
from stage import ZONES, drained, staged
from verdict import Verdict, judge

from skyfence.alert import Alert
from skyfence.channels import ALLIANCE
from skyfence.engine import Engine
from skyfence.errors import SkyfenceError
from skyfence.files import load_zones, read_recording
from skyfence.kafka import producer
from skyfence.playback import Packer, play
from skyfence.settings import Settings

_RUN = "fault-run"
_GARBAGE = 20


def undisturbed(path: Path) -> list[Alert]:
    """Return what the engine says of a recording."""
    engine, packer = Engine(load_zones(ZONES, None)), Packer(_RUN)
    items = play(line.report for line in read_recording(str(path)) if line.report is not None)
    return [
        alert for item in items for frame in packer.add(item) for alert in engine.take(frame).alerts
    ]


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
    """Play the recording, do the faults, compare."""
    draw = Random(options.seed)
    path = folder / "recording.jsonl"
    path.write_text("\n".join(recording(options.seed, options.tracks)) + "\n")
    async with staged(folder, options.brokers, options.workers) as stage:
        settings = stage.settings
        places = [ALLIANCE, *(zone.id for zone in load_zones(ZONES).zones)]
        hearing = Hearing(settings, places)
        listening = asyncio.create_task(hearing.listen())
        start_s = time.monotonic()
        speed = ["--speed", str(options.speed), "--run", _RUN]
        replay = stage.processes.skyfence(settings, "replay", str(path), *speed)
        edges = [one.victim(_at_once) for one in stage.edges]
        victims = [*edges, stage.redis, *stage.brokers.victims]
        plan = Plan(options.kills, tuple(options.gap), options.pause, options.pause_every)
        record = await disturb(plan, draw, victims, lambda: throw_garbage(settings, draw))
        code = await asyncio.to_thread(replay.wait)
        if code:
            raise SystemExit(f"the replay ended with {code}: see {folder}")
        await drained(settings)
        seconds = time.monotonic() - start_s
        listening.cancel()
        await hearing.read_rest()
    return judge(hearing.heard, undisturbed(path)), record, seconds


async def _at_once() -> None:
    """Return: whether a worker serves again is seen by what comes out, not by its answer."""


def main() -> int:
    """Run, print, and say by the exit status whether all was well."""
    options = _options()
    print(f"seed {options.seed}, {options.kills} kills, {options.brokers} brokers", flush=True)
    folder = Path(options.keep or tempfile.mkdtemp(prefix="skyfence-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        verdict, record, seconds = asyncio.run(run(options, folder))
    except SkyfenceError as error:
        print(f"failed: {error}; logs in {folder}")
        return 1
    print(json.dumps({"verdict": verdict.counts(), "faults": record.document()}, indent=1))
    wrong = (
        "nothing missing, nothing twice, all in order" if verdict.holds else "NOT AS UNDISTURBED"
    )
    kills, pauses = sum(record.kills.values()), sum(record.pauses.values())
    print(f"{verdict.expected} alerts, {kills} kills, {pauses} pauses, {seconds:.0f} s: {wrong}")
    if not verdict.holds:
        print(f"logs in {folder}")
    return 0 if verdict.holds else 1


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--tracks", type=int, default=240)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--speed", type=float, default=2.0, help="of the recording")
    options.add_argument("--brokers", type=int, default=3, help="0: the embedded one, never killed")
    options.add_argument("--gap", type=float, nargs=2, default=(0.5, 4.0), help="s between faults")
    options.add_argument("--pause", type=float, default=20.0, help="s that a process is stopped")
    options.add_argument("--pause-every", type=int, default=10)
    options.add_argument("--keep", help="folder for the logs")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
