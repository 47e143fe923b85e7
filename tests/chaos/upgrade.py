"""An upgrade amid a raid: an earlier release's processes give way to today's.

    python tests/chaos/upgrade.py --from 583fb3f

The earlier release's own code runs out of a work tree of its commit, with today's libraries. It
publishes the fault run's recording to its end; meanwhile the relay is replaced, then the workers
together, as docs/upgrades.md says. What a subscriber heard is judged by what every release
promises: nothing twice, all in order, each object that enters is told of, and each chain ends. Exit
status 1 if that does not hold.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / folder) for folder in ("chaos", "support", "")]

from ending import until_still
from groups import until_shared
from proc import Processes
from repository import ROOT
from run import heard
from running import Running
from scenario import recording, undisturbed
from stage import drained, staged
from verdict import Message, disordered, of_incidents, place_episodes

from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import Alert
from skyfence.contracts.channel_message import is_over

_RUN = "upgrade"
_WORKERS = 2
# When the relay is replaced, and the workers: shares of the window in which tracks begin.
_RELAY_AT, _WORKERS_AT = 0.3, 0.7
_SILENT_S = 15.0


@dataclass(frozen=True)
class Release:
    """The work tree of an earlier release."""

    tree: Path

    def start(
        self, processes: Processes, settings: Settings, *arguments: str
    ) -> subprocess.Popen[bytes]:
        """Start its skyfence with settings."""
        # Else the folder in which this was started comes first.
        path = {"PYTHONPATH": str(self.tree), "PYTHONSAFEPATH": "1"}
        return processes.python(settings, "-m", "skyfence", *arguments, **path)


async def upgrade(options: argparse.Namespace, folder: Path, release: Release) -> list[str]:
    """Play the recording amid an upgrade; return what is wrong."""
    path = folder / "recording.jsonl"
    lines = recording(options.seed, options.tracks, window_s=options.window)
    path.write_text("\n".join(lines) + "\n")
    async with (
        staged(folder, 1, _WORKERS, start=release.start) as stage,
        heard(stage) as hearing,
    ):
        processes = stage.processes
        await until_shared(stage.settings, _WORKERS)
        begun_s, window_s = time.monotonic(), options.window / options.speed
        how = ("--speed", str(options.speed), "--run", _RUN)
        replay = release.start(processes, stage.settings, "replay", str(path), *how)
        # First who reads alerts.
        for share, edges in ((_RELAY_AT, stage.edges[-1:]), (_WORKERS_AT, stage.workers)):
            await asyncio.sleep(max(0.0, begun_s + share * window_s - time.monotonic()))
            assert replay.poll() is None, "the recording ended before the upgrade did"
            await asyncio.to_thread(_replace, processes, stage.settings, edges)
            names = ", ".join(edge.name for edge in edges)
            print(f"{time.monotonic() - begun_s:6.1f} s: today's {names}", flush=True)
        status = await asyncio.to_thread(replay.wait)
        assert status == 0, processes.said(replay)
        await drained(stage.settings)
        await until_still(lambda: -sum(map(len, hearing.heard.values())), _SILENT_S)
        told = [message for messages in hearing.of(_RUN).values() for message in messages]
        (folder / "heard.jsonl").write_bytes(b"\n".join(m.to_json() for m in told))
        ended = [e.name for e in stage.edges if e.process.poll() is not None]
    return [f"{name} has ended" for name in ended] + wrong(
        hearing.of(_RUN), undisturbed(path, _RUN)
    )


def _replace(processes: Processes, settings: Settings, edges: Sequence[Running]) -> None:
    """Stop processes of the earlier release, all of them, and start today's in their place."""
    for edge in edges:
        edge.send(signal.SIGTERM)
    for edge in edges:
        name, _, slot = edge.name.partition("-")
        own = settings.model_copy(update={"worker_slot": slot or "0"})
        edge.begin = partial(processes.skyfence, own, name)
        edge.start()


def wrong(heard_of: Mapping[str, Sequence[Message]], expected: Iterable[Message]) -> list[str]:
    """Return what of the promises does not hold."""
    messages = [message for told in heard_of.values() for message in told]
    names = [str(message.alert_id) for message in messages]
    twice = sorted({name for name in names if names.count(name) > 1})
    last = {(m.place, m.incident_id): m for m in of_incidents(messages).values()}
    untold = _violations(expected) - _violations(messages)
    return [
        *(f"{name} was said twice" for name in twice),
        *(f"out of order: {chain}" for chain in disordered(heard_of)),
        *(f"{track} came in and was not told of" for track in sorted(untold)),
        *(f"{m.place}: {m.headline!r} has no end" for m in last.values() if _stands(m)),
        *(f"{e} has no end" for e in sorted(map(str, _lasting(messages)))),
    ]


def _stands(last: Alert) -> bool:
    """Tell whether a chain is open; violations are counted for longer than a recording lasts."""
    return last.event == "airspace violation" and not is_over(last)


def _violations(messages: Iterable[Message]) -> set[str]:
    """Return the tracks that were told to be inside, each by the name that it opened with."""
    return {
        alert.track_id
        for alert in of_incidents(messages).values()
        if alert.incident_state == "violation"
    }


def _lasting(messages: Iterable[Message]) -> list[object]:
    return [episode for episode in place_episodes(messages) if episode.cleared is None]


def main() -> int:
    """Run, print, and say by the exit status whether all was well."""
    options = _options()
    folder = Path(options.keep or tempfile.mkdtemp(prefix="skyfence-upgrade-"))
    folder.mkdir(parents=True, exist_ok=True)
    tree = folder / options.release
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", tree, options.release], check=True)
    print(f"from {options.release}, seed {options.seed}, {options.tracks} tracks", flush=True)
    try:
        findings = asyncio.run(upgrade(options, folder, Release(tree)))
    finally:
        subprocess.run([*git, "remove", "--force", tree], check=True)
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings; logs in {folder}" if findings else "as promised")
    return 1 if findings else 0


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--from", dest="release", default="583fb3f", help="commit")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--tracks", type=int, default=120)
    options.add_argument("--window", type=int, default=300, help="s in which tracks begin")
    options.add_argument("--speed", type=float, default=6.0, help="of the recording")
    options.add_argument("--keep", help="folder for the logs")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
