"""One worker, two, four, and workers that join and leave: the same alerts whoever judges."""

import asyncio
import signal
from pathlib import Path

from graceful import InParts
from groups import until_shared
from hearing import Hearing
from repository import ZONES
from scenario import recording, undisturbed
from stage import Stage, drained, staged
from verdict import judge

from producers.publisher import Publisher
from skyfence.adapters.files import load_zones, read_recording
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.frames.packing import SourceItem, play
from skyfence.naming import ALLIANCE

SEED, TRACKS, WINDOW_S = 1, 30, 30
# Ten seconds in which nobody judges a partition are 120 of event time: far from the five minutes
# after which a source is not waited for.
SPEED = "12"


def items(path: Path) -> list[SourceItem]:
    """Return what a recording's sources say."""
    lines = read_recording(str(path))
    return list(play(line.report for line in lines if line.report is not None))


async def in_parts(stage: Stage, path: Path, run: str) -> None:
    """Play a recording as fast as it goes, no partition far ahead of another."""
    source = InParts(items(path), 240)
    async with Publisher(stage.settings, run) as publisher:
        publishing = asyncio.create_task(publisher.publish(source))
        while not source.ended:
            await source.next_part()
            await drained(stage.settings)
        await publishing
    await drained(stage.settings)


async def heard(stage: Stage, run: str) -> dict[str, list[Alert | PlaceAlert]]:
    """Return what a subscriber who reads all channels from their beginning holds of a run."""
    hearing = Hearing(stage.settings, [ALLIANCE, *(zone.id for zone in load_zones(ZONES).zones)])
    await hearing.read_rest()
    return {
        place: [alert for alert in alerts if alert.run == run]
        for place, alerts in hearing.heard.items()
    }


async def with_so_many(stage: Stage, workers: int) -> None:
    """Let the first so many workers run, and return when they have shared the partitions."""
    for number, worker in enumerate(stage.workers):
        if number < workers and worker.process.poll() is not None:
            worker.start()
        if number >= workers and worker.process.poll() is None:
            await asyncio.to_thread(worker.send, signal.SIGTERM)
    await until_shared(stage.settings, workers)


async def test_one_two_or_four_workers_tell_the_same(tmp_path: Path) -> None:
    """Ids and contents are the engine's, however many workers share eight partitions.

    So they are while workers join and leave amid the recording: one, two, four, one.
    """
    path = tmp_path / "recording.jsonl"
    path.write_text("\n".join(recording(SEED, TRACKS, window_s=WINDOW_S)) + "\n")
    async with staged(tmp_path, 1, 4) as stage:
        for count in (4, 2, 1):
            await with_so_many(stage, count)
            await in_parts(stage, path, f"workers-{count}")
        options = ["--speed", SPEED, "--run", "changing"]
        replay = stage.processes.skyfence(stage.settings, "replay", str(path), *options)
        for count in (2, 4, 1):
            await with_so_many(stage, count)
            assert replay.poll() is None, f"the recording was over before {count} workers worked"
        assert await asyncio.to_thread(replay.wait) == 0, stage.processes.said(replay)
        await drained(stage.settings)
        alerts_of = {
            run: await heard(stage, run)
            for run in ("workers-1", "workers-2", "workers-4", "changing")
        }
    for run, alerts in alerts_of.items():
        verdict = judge(alerts, undisturbed(path, run))
        assert verdict.expected > 200, "the recording tells too little"
        assert verdict.holds, f"{run}, seed {SEED}: {verdict.counts()}"
