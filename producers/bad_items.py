"""What a source received and could not use: counted always, logged with its reason, up to a limit.

Such an item never was a message of Kafka, so it is no ``rejected`` record, which names the topic
and the offset of one: the log line keeps the reason and the first bytes. A sender that is wrong
altogether would fill the disk, so of each minute only the first lines are written; the next one
that is says how many were left out.
"""

from typing import Final

import structlog

from skyfence.adapters import metrics
from skyfence.adapters.clock import Clock
from skyfence.contracts.rejected import Reason
from skyfence.times import MS_PER_S

log = structlog.get_logger()

EXCERPT_BYTES: Final = 100
LOGGED_A_MINUTE: Final = 20
_MINUTE_MS: Final = 60 * MS_PER_S


class BadItems:
    """Takes the bad items of one source; the clock says which minute it is."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._minute = -1
        self._logged = 0
        self._left_out = 0

    def reject(self, item: bytes, reason: Reason) -> None:
        """Count an item, and log it with the reason unless too many were logged this minute."""
        metrics.SOURCE_REJECTED.labels(self._source, reason.reason_class).inc()
        minute = self._clock.now_ms() // _MINUTE_MS
        if minute != self._minute:
            self._minute, self._logged = minute, 0
        if self._logged >= LOGGED_A_MINUTE:
            self._left_out += 1
            return
        self._logged += 1
        log.warning(
            "source.rejected",
            source=self._source,
            reason=reason.text,
            excerpt=item[:EXCERPT_BYTES].decode("utf-8", "backslashreplace"),
            size_bytes=len(item),
            left_out=self._left_out,
        )
        self._left_out = 0
