"""The replay source: recorded reports again, at the pace they had or faster.

Guarantee: at least once, in the order of the recording. A replay that fails midway is not begun
again, because it would tell everything twice; its run's id tells what came of it.

Paced by absolute deadlines, so that a slow moment is made up for and errors do not add up. Event
time in which nothing was reported is skipped. Times stay the original ones.

    due = start + (event time - first event time - skipped) / speed
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Final

from pydantic import Field

from producers.source import Source, SourceComponent, SourceContext
from skyfence.adapters.files import read_recording
from skyfence.components.component import ComponentOptions
from skyfence.contracts.base import RunName
from skyfence.contracts.rejected import Reason
from skyfence.contracts.report import Report
from skyfence.errors import UsageError
from skyfence.frames.packing import HEARTBEAT_MS, SourceItem, play, time_of
from skyfence.naming import Environment

# A silence longer than this is skipped; heartbeats tell the tracker that time has passed.
_LONGEST_SILENCE_MS: Final = 2 * HEARTBEAT_MS
# At full speed, what is handed over in one go.
_BATCH: Final = 1_000
_SHORTEST_SLEEP_S: Final = 0.005  # below this, timers cost more than they give


class Replay:
    """Items in order of time, ``speed`` times as fast as life (``inf``: as fast as it goes)."""

    def __init__(self, items: Iterable[SourceItem], speed: float) -> None:
        self._items = items
        self._speed = speed

    async def batches(self) -> AsyncIterator[Sequence[SourceItem]]:
        """Yield what is due, sleeping until more is."""
        loop = asyncio.get_running_loop()
        start_s, played_ms, last_ms = loop.time(), 0, None
        batch: list[SourceItem] = []
        for item in self._items:
            at_ms = time_of(item)
            if last_ms is not None and at_ms > last_ms:
                played_ms += min(at_ms - last_ms, _LONGEST_SILENCE_MS)
            last_ms = at_ms if last_ms is None else max(at_ms, last_ms)
            wait_s = start_s + played_ms / 1000 / self._speed - loop.time()
            if batch and (wait_s > _SHORTEST_SLEEP_S or len(batch) >= _BATCH):
                yield batch
                batch = []
            if wait_s > _SHORTEST_SLEEP_S:
                await asyncio.sleep(wait_s)
            batch.append(item)
        if batch:
            yield batch


class ReplayOptions(ComponentOptions):
    """What ``skyfence source replay`` takes."""

    recording: Annotated[
        str, Field(description="JSON lines of reports; .gz, .zst, or - for standard input.")
    ]
    speed: Annotated[
        float, Field(gt=0, description="Times as fast as life; inf is as fast as it goes.")
    ] = 1.0
    run_id: Annotated[
        RunName | None, Field(description="The run's own id; without it a new one.")
    ] = None


@asynccontextmanager
async def open_replay(options: ReplayOptions, context: SourceContext) -> AsyncIterator[Source]:
    """Open a recording, as an exercise only: `skyfence replay` asks for words before more."""
    if context.settings.environment is not Environment.EXERCISE:
        raise UsageError("source replay is for exercises; see `skyfence replay --actual`")
    yield Replay(play(_reports(options.recording, context)), options.speed)


def _reports(recording: str, context: SourceContext) -> Iterator[Report]:
    for line in read_recording(recording):
        if line.report is None:
            text = f"{recording}: line {line.number}: {line.reason}"
            context.bad_items.reject(b"", Reason("unreadable", text))
        else:
            yield line.report


def _run_of(options: ReplayOptions) -> str:
    return options.run_id or f"replay-{secrets.token_hex(6)}"


COMPONENT = SourceComponent(
    name="replay",
    summary="a recording's reports again, at the pace they had or faster",
    guarantee="at least once, in the recording's order; what fails midway is not begun again",
    options=ReplayOptions,
    open=open_replay,
    finite=True,
    run=_run_of,
)
