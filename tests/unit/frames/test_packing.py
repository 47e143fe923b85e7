"""Playback: the heartbeats and ends that a recording lacks, and frames."""

import pytest
from builders import T0, T0_MS, row_of, seen

from skyfence.contracts.report import Report
from skyfence.frames.packing import (
    FRAME_REPORTS,
    End,
    Packer,
    SourceHeartbeat,
    SourceItem,
    play,
    time_of,
)


def of(source: str, at_s: float) -> Report:
    return seen(at_s, 27.0, source=source)


def spoken(items: list[SourceItem]) -> list[tuple[str, str, float]]:
    """Return what was said: the kind of item, its source, and seconds since T0."""
    return [(type(item).__name__, item.source, (time_of(item) - T0_MS) / 1000) for item in items]


def test_reports_come_in_the_order_given() -> None:
    """Reports pass unchanged and in order, out of time though they be."""
    reports = [of("a", 0), of("b", 5), of("a", 3), of("a", 9)]
    assert [item for item in play(reports) if isinstance(item, Report)] == reports


def test_a_silent_source_watches_on() -> None:
    """A source that says nothing for ten seconds, while others report, is heard by a heartbeat."""
    items = spoken(list(play([of("a", 0), of("b", 9.999), of("b", 10), of("b", 19), of("b", 20)])))
    assert items == [
        ("Report", "a", 0),
        ("Report", "b", 9.999),
        ("SourceHeartbeat", "a", 10),
        ("Report", "b", 10),
        ("Report", "b", 19),
        ("SourceHeartbeat", "a", 20),
        ("Report", "b", 20),
        ("End", "a", 20),
        ("End", "b", 20),
    ]


def test_every_source_ends_where_it_was_heard_last() -> None:
    """After the last report each source ends, at its latest time and no earlier one."""
    items = spoken(list(play([of("a", 5), of("b", 6), of("a", 2)])))
    assert items[3:] == [("End", "a", 5), ("End", "b", 6)]


def test_nothing_says_nothing() -> None:
    """A recording without reports has no sources, and so no ends."""
    assert list(play([])) == []


def test_reports_are_packed_by_source() -> None:
    """A frame is complete with its number of reports, all of one source, in order."""
    packer = Packer("run", frame_reports=2, by_source=True)
    assert packer.add(of("a", 0)) == []
    assert packer.add(of("b", 1)) == []
    (frame,) = packer.add(of("a", 2))
    assert (frame.source, frame.key, frame.run, len(frame)) == ("a", "a", "run", 2)
    assert [row_of(frame, row) for row in range(2)] == [of("a", 0), of("a", 2)]
    assert not frame.last


@pytest.mark.parametrize("frame_reports", [1, 2, 5])
def test_frames_of_any_size_keep_the_order(frame_reports: int) -> None:
    """However many reports a frame may hold, sources' items are judged in the order given."""
    packer = Packer("run", frame_reports=frame_reports)
    order = [("a", 0), ("a", 1), ("b", 1), ("a", 2), ("c", 2), ("b", 3), ("b", 4), ("b", 5)]
    items: list[SourceItem] = [of(source, at_s) for source, at_s in order]
    items[3] = SourceHeartbeat("a", T0_MS + 2000)
    frames = [frame for item in items for frame in packer.add(item)] + packer.flush()
    judged = [frame.source for frame in frames for _ in range(max(len(frame), 1))]
    assert judged == [source for source, _ in order]
    assert max(map(len, frames)) == min(frame_reports, 3)


def test_a_frame_is_scanned_at_its_latest_report() -> None:
    """The scan time is the latest of the frame's reports, not the last one's."""
    packer = Packer("run", frame_reports=2)
    packer.add(of("a", 4))
    (frame,) = packer.add(of("a", 1))
    assert frame.scan_time_ms == T0_MS + 4000


def test_a_heartbeat_takes_what_is_pending_along() -> None:
    """A heartbeat makes a frame at once, with the reports before it, scanned at its own time."""
    packer = Packer("run")
    packer.add(of("a", 0))
    (frame,) = packer.add(SourceHeartbeat("a", T0_MS + 9000))
    assert (len(frame), frame.scan_time_ms, frame.last) == (1, T0_MS + 9000, False)
    (empty,) = packer.add(SourceHeartbeat("a", T0_MS + 10_000))
    assert (len(empty), empty.scan_time_ms) == (0, T0_MS + 10_000)


def test_the_end_marks_the_last_frame() -> None:
    """A source's end makes its last frame, with what was pending, and leaves other sources be."""
    packer = Packer("run", by_source=True)
    packer.add(of("a", 0))
    packer.add(of("b", 0))
    (frame,) = packer.add(End("a", T0_MS))
    assert (frame.source, len(frame), frame.last) == ("a", 1, True)
    assert [(frame.source, len(frame), frame.last) for frame in packer.flush()] == [("b", 1, False)]


def test_flushing_leaves_nothing() -> None:
    """Reports that were flushed are not packed again."""
    packer = Packer("run")
    packer.add(of("a", 0))
    assert len(packer.flush()) == 1
    assert packer.flush() == []


def test_frames_are_bounded() -> None:
    """However long a recording is, no frame holds more than the default number of reports."""
    packer = Packer("run")
    reports = [of("a", n / 10) for n in range(2 * FRAME_REPORTS + 1)]
    frames = [frame for item in play(reports) for frame in packer.add(item)]
    assert max(map(len, frames)) <= FRAME_REPORTS
    assert sum(map(len, frames)) == len(reports)
    assert [frame.last for frame in frames] == [False] * (len(frames) - 1) + [True]


def test_time_of_an_item() -> None:
    """Reports and heartbeats tell their event time alike."""
    assert time_of(of("a", 1)) == time_of(SourceHeartbeat("a", T0_MS + 1000)) == T0_MS + 1000
    assert of("a", 0).time == T0
