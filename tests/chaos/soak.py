"""The soak: ten times what the demonstration sends; memory flat and lag zero at the end.

    python tests/chaos/soak.py --minutes 20

The demonstration's two recordings play over and over at its speed, ten times beside one another:
each under sources of its own, so that all partitions have some, and each time as a run of its own.
On one node of Apache Kafka (``--brokers 0``: the embedded broker). Memory is the resident set of
each process.
"""

import argparse
import asyncio
import heapq
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / folder) for folder in ("chaos", "support", "")]

from groups import until_shared
from running import Running
from stage import Stage, drained, staged

from producers.publisher import Publisher
from producers.replay import Replay
from skyfence.adapters.files import default_file, read_recording
from skyfence.adapters.progress import GroupProgress
from skyfence.cli.demo import RECORDINGS, SPEED
from skyfence.contracts.report import Report
from skyfence.frames.packing import SourceItem, play, time_of

_EVERY_S = 10.0
# The first third fills caches; after it a process may grow by this share until the end.
_WARM_SHARE, _GROWTH = 1 / 3, 0.10


@dataclass
class Sent:
    """What was published to its end so far."""

    runs: int = 0
    reports: int = 0


def resident_mb(running: Running) -> float:
    """Return a process's resident memory (Linux)."""
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def grown(samples: Sequence[float]) -> float:
    """Return by which share memory has grown since the process was warm, medians of five."""
    warm = sorted(samples[int(len(samples) * _WARM_SHARE) :][:5])
    last = sorted(samples[-5:])
    return last[len(last) // 2] / warm[len(warm) // 2] - 1.0


def as_demonstrated(beside: int) -> list[SourceItem]:
    """Return what the demonstration plays, under sources of this one's own."""
    played = []
    for name in RECORDINGS:
        lines = read_recording(str(default_file("recordings", name)))
        reports = [line.report for line in lines if line.report is not None]
        own = {"simulated": True}
        played.append(
            list(
                play(
                    report.model_copy(update=own | {"source": f"{report.source}-{beside}"})
                    for report in reports
                )
            )
        )
    return list(heapq.merge(*played, key=time_of))


async def play_over_and_over(stage: Stage, beside: int, until_s: float, sent: Sent) -> None:
    """Publish run after run until it is time to stop; what is begun is played to its end."""
    items, number = as_demonstrated(beside), 0
    while time.monotonic() < until_s:
        async with Publisher(stage.settings, f"soak-{beside}-{number}") as publisher:
            await publisher.publish(Replay(items, SPEED), lambda batch: _count(sent, batch))
        number += 1
        sent.runs += 1


def _count(sent: Sent, batch: Sequence[SourceItem]) -> None:
    sent.reports += sum(isinstance(item, Report) for item in batch)


async def watch(stage: Stage, sent: Sent, samples: dict[str, list[float]]) -> None:
    """Note each process's memory every ten seconds, and print it with what is not judged yet."""
    start_s, topics = time.monotonic(), stage.settings.topics
    async with GroupProgress(stage.settings) as progress:
        while True:
            await asyncio.sleep(_EVERY_S)
            for edge in stage.edges:
                samples[edge.name].append(resident_mb(edge))
            now = ", ".join(f"{name} {taken[-1]:.0f} MB" for name, taken in samples.items())
            left = await progress.left(topics.worker_group, topics.tracks)
            passed_s = time.monotonic() - start_s
            print(
                f"{passed_s:5.0f} s: {sent.runs} runs, {sent.reports / passed_s:,.0f} reports/s, "
                f"{left} messages left; {now}",
                flush=True,
            )


async def soak(options: argparse.Namespace, folder: Path) -> int:
    """Run it, and return the exit status."""
    async with staged(folder, options.brokers, options.workers, zones=None) as stage:
        samples: dict[str, list[float]] = {edge.name: [] for edge in stage.edges}
        sent, until_s = Sent(), time.monotonic() + 60.0 * options.minutes
        await until_shared(stage.settings, options.workers)
        watching = asyncio.create_task(watch(stage, sent, samples))
        await asyncio.gather(
            *(play_over_and_over(stage, beside, until_s, sent) for beside in range(options.times))
        )
        last_s = time.monotonic()
        await drained(stage.settings)
        print(f"nothing left {time.monotonic() - last_s:.0f} s after the last report")
        watching.cancel()
    flat = True
    for name, taken in samples.items():
        share = grown(taken)
        flat = flat and share <= _GROWTH
        print(f"{name}: {share:+.1%} since it was warm, {max(taken):.0f} MB at most")
    print(f"{sent.runs} runs, lag zero, memory {'flat' if flat else 'NOT FLAT'}")
    return 0 if flat else 1


def main() -> int:
    """Run and say by the exit status whether all was well."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--times", type=int, default=10, help="demonstrations beside one another")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--brokers", type=int, default=1)
    return asyncio.run(soak(options.parse_args(), Path(tempfile.mkdtemp(prefix="skyfence-soak-"))))


if __name__ == "__main__":
    sys.exit(main())
