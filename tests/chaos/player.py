"""Plays the recording as one run after another, for as long as faults are done."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from stage import Stage
from talk import LONGEST_S

from skyfence.adapters.progress import GroupProgress

_LOOK_AGAIN_S = 0.1
_AGAIN_AFTER_S = 1.0


@dataclass
class Player:
    """A player of one recording; ``runs`` are those that it has begun, ``enough`` ends it."""

    stage: Stage
    path: Path
    speed: float
    runs: list[str] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, ends: Counter[tuple[str, int]]) -> None:
        """Play until it is enough, and the last run to its end.

        Where Kafka is away for too long a replay ends, which is counted, and its run is played
        again from its beginning: what came before fires nothing.
        """
        while not self.enough.is_set():
            self.runs.append(f"fault-run-{len(self.runs) + 1}")
            while status := await self._replay(self.runs[-1]):
                ends["replay", status] += 1
                await asyncio.sleep(_AGAIN_AFTER_S)

    async def _replay(self, run: str) -> int:
        """Return a replay's exit status."""
        words = ("replay", str(self.path), "--speed", str(self.speed), "--run", run)
        process = self.stage.processes.skyfence(self.stage.settings, *words)
        return await asyncio.to_thread(process.wait)

    async def begun(self) -> None:
        """Return when something is published: before, there is nothing to disturb."""
        async with asyncio.timeout(LONGEST_S), GroupProgress(self.stage.settings) as progress:
            topic = self.stage.settings.topics.tracks
            while not await progress.stored(topic):  # noqa: ASYNC110 - the broker tells nobody
                await asyncio.sleep(_LOOK_AGAIN_S)
