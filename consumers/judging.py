"""Whether reports are judged at present, as the relay tells subscribers with its heartbeat.

    judged ──JudgedUntil──▶ JudgingWatch ──▶ Judging ──▶ heartbeat

Ages are measured by this machine's monotonic clock, and within one message, so that no two clocks
are compared.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from pydantic import ValidationError

from consumers.sink import Judging
from skyfence.contracts.judging import JudgedUntil

log = structlog.get_logger()

# Said every two seconds; with the heartbeat that follows watchers know within 15 s.
LATE_AFTER_S: Final = 10.0


class JudgingWatch:
    """Watches one environment; ``now_s`` is a monotonic clock, seconds."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._since_s: float | None = None  # when the last one came, or the watching began
        self._last: JudgedUntil | None = None

    def watch(self, *, assigned: bool) -> None:
        """Note whether the topic is ours to read, or another relay's."""
        if not assigned:
            self._since_s = self._last = None
        elif self._since_s is None:
            self._since_s = self._now_s()

    def take(self, record: Any) -> None:
        """Take in a message of the topic."""
        try:
            self._last = JudgedUntil.model_validate_json(record.value or b"")
        except ValidationError:
            log.warning("judged.unreadable", offset=record.offset)
            return
        self._since_s = self._now_s()

    def judging(self) -> Judging | None:
        """Return whether what comes is judged; None where another relay knows."""
        if self._since_s is None:
            return None
        age_s = self._now_s() - self._since_s
        if self._last is not None:
            age_s += (self._last.as_of - self._last.until).total_seconds()
        until = None if self._last is None else self._last.until
        return Judging(now=age_s < LATE_AFTER_S, until=until)
