"""Reports on their way into frames: the items that a source hands over, and how they are packed.

``play`` adds to a recording what its sources would have sent besides: heartbeats while a source has
nothing to report, and its end. ``Packer`` makes frames of the items. Replay and scan both use them,
so that a recording gives the same alerts with and without Kafka. Does not wait: the publisher does.

    reports --play--> reports, heartbeats, ends --Packer--> frames
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from skyfence.contracts.report import Report
from skyfence.frames.frame import Frame, frame_of
from skyfence.times import to_ms

# Half the time after which the slowest radar's tracks begin to miss scans.
HEARTBEAT_MS: Final = 10_000
# A report so far ahead of all before it may have a wrong time, until another one bears it out.
# Longer than any source's usual silence.
AHEAD_MS: Final = 600_000
# Large enough for the cost of a message not to matter, small enough to be judged in milliseconds.
FRAME_REPORTS: Final = 500


@dataclass(frozen=True)
class SourceHeartbeat:
    """A source is alive, and had nothing to report up to this time."""

    source: str
    time_ms: int


@dataclass(frozen=True)
class End:
    """A finite source has reached its end."""

    source: str
    time_ms: int


SourceItem = Report | SourceHeartbeat | End


def time_of(item: SourceItem) -> int:
    """Return an item's event time, milliseconds."""
    return to_ms(item.time) if isinstance(item, Report) else item.time_ms


def play(reports: Iterable[Report]) -> Iterator[SourceItem]:
    """Yield reports in the order given, each source's heartbeats between them, and ends last."""
    heard_ms: dict[str, int] = {}
    clock_ms: int | None = None
    ahead_ms: int | None = None
    for report in reports:
        now_ms = to_ms(report.time)
        borne_out = ahead_ms is not None and now_ms >= ahead_ms - AHEAD_MS
        if clock_ms is not None and now_ms - clock_ms > AHEAD_MS and not borne_out:
            ahead_ms = now_ms  # one wrong stamp moves no source's clock
            heard_ms.setdefault(report.source, clock_ms)
            yield report
            continue
        clock_ms, ahead_ms = max(now_ms, clock_ms or now_ms), None
        for source, at_ms in heard_ms.items():
            if now_ms - at_ms >= HEARTBEAT_MS:
                heard_ms[source] = now_ms
                yield SourceHeartbeat(source, now_ms)
        heard_ms[report.source] = max(now_ms, heard_ms.get(report.source, now_ms))
        yield report
    for source, at_ms in heard_ms.items():
        yield End(source, at_ms)


class Packer:
    """Packs items into frames of one source each, in order within each source.

    A frame ends where another source's item follows, so that frames of any size are judged in the
    order of the items, and what is told is the same to the last byte. With ``by_source`` frames of
    several sources are filled side by side: larger, and in another order of the sources.

    No report waits for longer than a heartbeat of event time. Association of tracks waits for all
    sources that are known, so a source must become known soon after its first report.
    """

    def __init__(
        self, run: str, *, frame_reports: int = FRAME_REPORTS, by_source: bool = False
    ) -> None:
        self._run = run
        self._frame_reports = frame_reports
        self._by_source = by_source
        self._pending: dict[str, list[Report]] = {}
        self._oldest_ms: int | None = None

    def add(self, item: SourceItem) -> list[Frame]:
        """Add an item; return the frames that are complete now."""
        now_ms = time_of(item)
        if self._oldest_ms is None:
            self._oldest_ms = now_ms
        self._oldest_ms = min(self._oldest_ms, now_ms)
        waited = now_ms - self._oldest_ms >= HEARTBEAT_MS
        frames = self.flush() if waited or self._is_overtaken(item.source) else []
        if not isinstance(item, Report):
            return [*frames, self._frame(item.source, now_ms, last=isinstance(item, End))]
        self._oldest_ms = now_ms if self._oldest_ms is None else self._oldest_ms
        pending = self._pending.setdefault(item.source, [])
        pending.append(item)
        return (
            [*frames, self._frame(item.source)] if len(pending) >= self._frame_reports else frames
        )

    def _is_overtaken(self, source: str) -> bool:
        """Tell whether an item of a source must not come before what is pending of others."""
        return not self._by_source and bool(self._pending.keys() - {source})

    def flush(self) -> list[Frame]:
        """Return the pending reports as frames."""
        self._oldest_ms = None
        return [self._frame(source) for source in list(self._pending)]

    def _frame(self, source: str, scan_time_ms: int = 0, *, last: bool = False) -> Frame:
        reports = self._pending.pop(source, [])
        scan_time_ms = max([scan_time_ms, *(to_ms(report.time) for report in reports)])
        return frame_of(reports, key=source, run=self._run, scan_time_ms=scan_time_ms, last=last)
