"""The soak: ten times what the demonstration sends; memory flat and lag zero at the end.

    python tests/chaos/soak.py --minutes 20

Recordings of the fault run follow one another, each as a run of its own, on one node of Apache
Kafka (``--brokers 0``: the embedded broker). Memory is the resident set of each process.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / one) for one in ("chaos", "kafka", "")]

from scenario import recording
from stage import Running, drained, staged

_EVERY_S = 10.0
# The first third fills caches; after it a process may grow by this share until the end.
_WARM_SHARE, _GROWTH = 1 / 3, 0.10


def resident_mb(running: Running) -> float:
    """Return a process's resident memory (Linux)."""
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def grown(samples: Sequence[float]) -> float:
    """Return by which share memory has grown since the process was warm, medians of five."""
    warm = sorted(samples[int(len(samples) * _WARM_SHARE) :][:5])
    last = sorted(samples[-5:])
    return last[len(last) // 2] / warm[len(warm) // 2] - 1.0


async def soak(options: argparse.Namespace, folder: Path) -> int:
    """Run it, print a line every ten seconds, return the exit status."""
    path = folder / "recording.jsonl"
    path.write_text("\n".join(recording(options.seed)) + "\n")
    async with staged(folder, options.brokers, options.workers) as stage:
        samples: dict[str, list[float]] = {one.name: [] for one in stage.edges}
        start_s, runs, replay = time.monotonic(), 0, None
        while time.monotonic() - start_s < 60.0 * options.minutes:
            if replay is None or replay.poll() is not None:
                speed = ["--speed", str(options.speed), "--run", f"soak-{runs}"]
                replay = stage.processes.skyfence(stage.settings, "replay", str(path), *speed)
                runs += 1
            await asyncio.sleep(_EVERY_S)
            for one in stage.edges:
                samples[one.name].append(resident_mb(one))
            now = ", ".join(f"{name} {found[-1]:.0f} MB" for name, found in samples.items())
            print(f"{time.monotonic() - start_s:5.0f} s, run {runs}: {now}", flush=True)
        assert replay is not None
        await asyncio.to_thread(replay.wait)
        await drained(stage.settings)
    flat = True
    for name, found in samples.items():
        share = grown(found)
        flat = flat and share <= _GROWTH
        print(f"{name}: {share:+.1%} since it was warm, {max(found):.0f} MB at most")
    print(f"{runs} runs, lag zero, memory {'flat' if flat else 'NOT FLAT'}")
    return 0 if flat else 1


def main() -> int:
    """Run and say by the exit status whether all was well."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--speed", type=float, default=180.0, help="of the recording: 2,700/s")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--brokers", type=int, default=1)
    return asyncio.run(soak(options.parse_args(), Path(tempfile.mkdtemp(prefix="skyfence-soak-"))))


if __name__ == "__main__":
    sys.exit(main())
