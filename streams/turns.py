"""Turns: whatever works long gives way every few milliseconds, so that nothing waits for it long.

    partition 0   2 ms        2 ms            the others, and what Kafka answers, between:
    partition 1        2 ms        2 ms       alerts are decided and sent there

Time decides when work goes on, never what follows from it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from skyfence.steps import ResultT, Steps
from streams.handling import note_step

# An alert on its way passes some hundreds of rounds of the event loop, and waits for a turn at each
# while others have work. A step may last longer: a row at the border takes up to 4 ms.
_TURN_S: Final = 0.002
# What Kafka answers passes through several callbacks, each of them a round of the event loop later.
# So many rounds at once take 0.1 ms, 5 % of a turn.
_ROUNDS: Final = 5


class Turns:
    """Lets those that share an event loop work in turn."""

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._going_on = asyncio.Lock()  # first come, first served

    async def give_way(self) -> None:
        """Let everything else have its turn, if the present turn has lasted long enough.

        The message that this task deals with has come a step further (``handling``).
        """
        note_step()
        if self._now_s() - self._began_s < _TURN_S:
            return
        async with self._going_on:
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            self._began_s = self._now_s()

    async def work_off(self, steps: Steps[ResultT]) -> ResultT:
        """Return the result of work, and give way between its steps."""
        while True:
            await self.give_way()
            try:
                next(steps)
            except StopIteration as end:
                result: ResultT = end.value
                return result
