"""A sink with receivers at work: its file is watched, and a change of it takes effect.

    file ──load──▶ Receivers ──▶ Courier.run ──┐
      ▲                                        │ until the file, or one that it names, changes
      └────────────────────────────────────────┘

A file that has become wrong changes nothing: the error is logged and the old receivers stay.
Whether a receiver had said that it is gone is forgotten with each change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from consumers.outgoing.courier import Dispatcher, Receiver
from skyfence.adapters.clock import Clock
from skyfence.adapters.file_change import Fingerprint, fingerprint
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.errors import SkyfenceError

log = structlog.get_logger()

_LOOK_EVERY_MS: Final = 5_000


@dataclass(frozen=True)
class Receivers:
    """What a file says, made ready: ``files`` are all that were read for it."""

    outbox: Path
    targets: tuple[Receiver, ...]
    files: tuple[Path, ...]


Load = Callable[[], Awaitable[Receivers]]


class ReloadingSink:
    """One sink's receivers, kept up to date."""

    def __init__(self, courier: Dispatcher, load: Load, receivers: Receivers, clock: Clock) -> None:
        self._courier = courier
        self._load = load
        self._receivers = receivers
        self._clock = clock
        self._seen = _stamps(receivers.files)
        self._never = asyncio.Event()
        courier.serve(receivers.targets)

    async def run(self) -> None:
        """Carry until cancelled."""
        while True:
            await run_until_first_exit(self._courier.run(), self._changed())
            targets = self._receivers.targets
            self._courier.serve(targets)
            log.info("receivers.changed", receivers=[one.wanted.name for one in targets])

    async def _changed(self) -> None:
        """Return when there are other receivers to serve."""
        while True:
            await self._clock.wait(self._never, self._clock.now_ms() + _LOOK_EVERY_MS)
            now = await asyncio.to_thread(_stamps, self._receivers.files)
            if now == self._seen:
                continue
            self._seen = now
            try:
                found = await self._load()
            except SkyfenceError as error:
                log.error("receivers.unusable", reason=str(error))  # noqa: TRY400 - not ours to mend
                continue
            if found.outbox != self._receivers.outbox:
                log.error("receivers.unusable", reason="another outbox needs a new start")
                continue
            if found.files != self._receivers.files:  # else as it was before they were read
                self._seen = await asyncio.to_thread(_stamps, found.files)
            self._receivers = found
            return


def _stamps(files: Iterable[Path]) -> tuple[Fingerprint | None, ...]:
    return tuple(map(fingerprint, files))
