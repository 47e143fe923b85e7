"""Reports on their way into frames: what a source hands over, and how it is packed.

``play`` adds to a recording what its sensors would have said besides: heartbeats while a source has
nothing to report, and its end. ``Packer`` makes frames of it. Replay and scan both use them, so
that a recording means the same with and without Kafka. Pure: waiting is the publisher's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from skyfence.contracts.report import Report
from skyfence.frames.frame import Frame, frame_of
from skyfence.times import to_ms

# Half the time after which the slowest radar's tracks begin to miss scans.
HEARTBEAT_MS: Final = 10_000
# Large enough to make the cost of a message vanish, small enough to be judged in milliseconds.
FRAME_REPORTS: Final = 500


@dataclass(frozen=True)
class SourceHeartbeat:
    """A source watches, and had nothing to report up to this time."""

    source: str
    time_ms: int


@dataclass(frozen=True)
class End:
    """A finite source is at its end."""

    source: str
    time_ms: int


SourceItem = Report | SourceHeartbeat | End


def time_of(item: SourceItem) -> int:
    """Return an item's event time, milliseconds."""
    return to_ms(item.time) if isinstance(item, Report) else item.time_ms


def play(reports: Iterable[Report]) -> Iterator[SourceItem]:
    """Yield reports in the order given, with each source's heartbeats between and ends after."""
    heard_ms: dict[str, int] = {}
    for report in reports:
        now_ms = to_ms(report.time)
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

    No frame waits for more than a heartbeat of event time: what joins tracks is decided when every
    source has come as far, and a source that nobody has heard of is not waited for.
    """

    def __init__(self, run: str, *, frame_reports: int = FRAME_REPORTS) -> None:
        self._run = run
        self._frame_reports = frame_reports
        self._pending: dict[str, list[Report]] = {}
        self._oldest_ms: int | None = None

    def add(self, item: SourceItem) -> list[Frame]:
        """Take an item; return the frames that are complete with it."""
        now_ms = time_of(item)
        if self._oldest_ms is None:
            self._oldest_ms = now_ms
        frames = self.flush() if now_ms - self._oldest_ms >= HEARTBEAT_MS else []
        if not isinstance(item, Report):
            return [*frames, self._frame(item.source, now_ms, last=isinstance(item, End))]
        self._oldest_ms = now_ms if self._oldest_ms is None else self._oldest_ms
        pending = self._pending.setdefault(item.source, [])
        pending.append(item)
        return (
            [*frames, self._frame(item.source)] if len(pending) >= self._frame_reports else frames
        )

    def flush(self) -> list[Frame]:
        """Return what is pending, as frames."""
        self._oldest_ms = None
        return [self._frame(source) for source in list(self._pending)]

    def _frame(self, source: str, scan_time_ms: int = 0, *, last: bool = False) -> Frame:
        reports = self._pending.pop(source, [])
        scan_time_ms = max([scan_time_ms, *(to_ms(report.time) for report in reports)])
        return frame_of(reports, key=source, run=self._run, scan_time_ms=scan_time_ms, last=last)
