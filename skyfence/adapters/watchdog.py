"""The watchdog: ends this process where it hangs, so that whoever runs it starts it anew.

    event loop ──a tick each half second──▶ ┌────────┐ none for ``loop_s``
    health file, a component's attempt ───▶ │ thread │ no work for ``work_s``      ──▶ log line,
    told to stop, or crashed ─────────────▶ └────────┘ still there after ``stop_s``    stacks, 4

Loading zones comes before the loop, and is not watched. Only time in which the thread itself ran is
counted, so that a machine or a process that was suspended is not taken for one that hangs. Where
the thread cannot run, because code that is not Python keeps the interpreter's lock, faulthandler
writes the stacks and ends the process with exit code 1. That backstop alone counts the time in
which a process was stopped: one that was for longer than its limit may end when it goes on.
"""

import asyncio
import faulthandler
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from skyfence.adapters.settings import Settings, WatchdogSettings
from skyfence.times import MS_PER_S, format_time, from_ms

# Beside 1 to 3 of ``skyfence.errors``: the process did not end by itself.
EXIT_HUNG: Final = 4
_POLL_S: Final = 0.5
# Beyond the loop's limit, so that the thread comes first where it can.
_BACKSTOP_S: Final = 15.0
_STDERR: Final = 2


def _end(code: int) -> None:
    os._exit(code)


class Watchdog:
    """Watches one process; ``WATCHDOG`` is this one's. ``end`` is what ends it."""

    def __init__(self, end: Callable[[int], None] = _end) -> None:
        self._end = end
        self._limits = WatchdogSettings()
        self._about: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        # For how long each has been missing; None: it is not watched.
        self._loop_s: float | None = None
        self._work_s: float | None = None
        self._stop_s: float | None = None

    @contextmanager
    def watching(self, settings: Settings, process: str) -> Iterator[None]:
        """Watch the process while the block lasts; afterwards ``begin_stop`` alone counts."""
        self._limits = settings.watchdog
        self._about = {"process": process, "environment": str(settings.environment)}
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()
        try:
            yield
        finally:
            self._loop_s = self._work_s = self._stop_s = None

    def watch_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch a loop from its first turn on, until the block of ``watching`` ends."""

        def tick() -> None:
            self._loop_s = 0.0
            loop.call_later(_POLL_S, tick)

        loop.call_soon(tick)

    def note_work(self) -> None:
        """Note that the process does its work, or tries to; it is watched for that from now on."""
        self._work_s = 0.0

    def begin_stop(self) -> None:
        """Have the process end within ``stop_s``; a second call changes nothing.

        Does nothing in a process that is not watched. May be called by a signal's handler.
        """
        if self._thread is not None and self._stop_s is None:
            self._stop_s = 0.0

    def end_now(self, reason: str, code: int) -> None:
        """Write the log line and end the process, whatever it is doing."""
        with _unblocked_stderr():
            self._say("watchdog.ended", reason=reason, code=code)
        self._end(code)

    def poll(self, elapsed_s: float) -> None:
        """Count what is missing for ``elapsed_s`` longer; end the process at a limit."""
        limits = self._limits
        self._loop_s = _longer(self._loop_s, elapsed_s)
        self._work_s = _longer(self._work_s, elapsed_s)
        self._stop_s = _longer(self._stop_s, elapsed_s)
        for reason, missing_s, limit_s in (
            ("the event loop stands still", self._loop_s, limits.loop_s),
            ("there is no sign of work", self._work_s, limits.work_s),
            ("it was to stop and did not", self._stop_s, limits.stop_s),
        ):
            if missing_s is not None and missing_s >= limit_s:
                self._expire(reason, limit_s)
                return

    def _watch(self) -> None:
        polled_s = time.monotonic()
        while True:
            faulthandler.dump_traceback_later(
                self._limits.loop_s + _BACKSTOP_S, exit=True, file=_STDERR
            )
            time.sleep(_POLL_S)
            now_s = time.monotonic()
            # More than that went by while nothing of this process ran.
            self.poll(min(now_s - polled_s, 2 * _POLL_S))
            polled_s = now_s

    def _expire(self, reason: str, limit_s: float) -> None:
        with _unblocked_stderr():
            self._say("watchdog.expired", reason=reason, limit_s=limit_s, code=EXIT_HUNG)
            faulthandler.dump_traceback(_STDERR, all_threads=True)
        self._end(EXIT_HUNG)

    def _say(self, event: str, **fields: Any) -> None:
        """Write a log line past the logger, whose lock a thread that hangs may hold."""
        now = format_time(from_ms(round(time.time() * MS_PER_S)))
        line = {**self._about, "level": "critical", "timestamp": now, "event": event, **fields}
        os.write(_STDERR, json.dumps(line).encode() + b"\n")


@contextmanager
def _unblocked_stderr() -> Iterator[None]:
    """Let no writing to standard error wait for its reader: the process may hang for want of it."""
    with suppress(OSError):  # it may be closed, or full
        os.set_blocking(_STDERR, False)
        try:
            yield
        finally:
            os.set_blocking(_STDERR, True)  # others may share it


def _longer(missing_s: float | None, elapsed_s: float) -> float | None:
    return None if missing_s is None else missing_s + elapsed_s


WATCHDOG: Final = Watchdog()
