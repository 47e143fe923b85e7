"""A sink with receivers at work: its file is watched, and a change of it takes effect.

    file ──load──▶ LoadedReceivers ──▶ Dispatcher.run ──┐
      ▲                                                 │ until a file that was read changes
      └─────────────────────────────────────────────────┘

A file that has become wrong changes nothing: the error is logged and the old receivers stay.
Whether a receiver had said that it is gone is forgotten with each change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from consumers.outgoing.dispatcher import Dispatcher, Receiver
from skyfence.adapters.clock import Clock
from skyfence.adapters.file_change import Fingerprint, fingerprint
from skyfence.adapters.tasks import run_until_first_exit
from skyfence.errors import SkyfenceError

log = structlog.get_logger()

_LOOK_EVERY_MS: Final = 5_000


@dataclass(frozen=True)
class LoadedReceivers:
    """What a file says, made ready: ``files`` are all that were read for it."""

    outbox: Path
    receivers: tuple[Receiver, ...]
    files: tuple[Path, ...]


Load = Callable[[], Awaitable[LoadedReceivers]]


class ReloadingSink:
    """One sink's receivers, kept up to date."""

    def __init__(
        self, dispatcher: Dispatcher, load: Load, loaded: LoadedReceivers, clock: Clock
    ) -> None:
        self._dispatcher = dispatcher
        self._load = load
        self._loaded = loaded
        self._clock = clock
        self._seen = _fingerprints(loaded.files)
        self._never = asyncio.Event()
        dispatcher.set_receivers(loaded.receivers)

    async def run(self) -> None:
        """Send until cancelled, each time anew with the receivers of the changed file."""
        while True:
            await run_until_first_exit(self._dispatcher.run(), self._changed())
            self._dispatcher.set_receivers(self._loaded.receivers)
            names = [receiver.options.name for receiver in self._loaded.receivers]
            log.info("receivers.changed", receivers=names)

    async def _changed(self) -> None:
        """Return when the file has changed and was read without an error."""
        while True:
            await self._clock.wait(self._never, self._clock.now_ms() + _LOOK_EVERY_MS)
            current = await asyncio.to_thread(_fingerprints, self._loaded.files)
            if current == self._seen:
                continue
            self._seen = current
            try:
                changed = await self._load()
            except SkyfenceError as error:
                log.error("receivers.unusable", reason=str(error))  # noqa: TRY400 - not ours to mend
                continue
            if changed.outbox != self._loaded.outbox:
                log.error("receivers.unusable", reason="another outbox needs a new start")
                continue
            if changed.files != self._loaded.files:  # else as it was before they were read
                self._seen = await asyncio.to_thread(_fingerprints, changed.files)
            self._loaded = changed
            return


def _fingerprints(files: Iterable[Path]) -> tuple[Fingerprint | None, ...]:
    return tuple(map(fingerprint, files))
