"""Mistimed frames: when a source's clock is called wrong, and when not."""

from builders import T0_MS, beat, packed, seen

from skyfence.contracts.track_event import SourceMistimed
from skyfence.frames.codec import AheadOfArrivalError
from skyfence.frames.frame import LIVE_RUN, Frame
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.mistimed import MistimedFrames

HOUR_MS = 3_600_000


def ahead(by_ms: int) -> AheadOfArrivalError:
    return AheadOfArrivalError("ahead", run="live", key="radar", ahead_ms=by_ms)


def offs(events: list[SourceMistimed | None]) -> list[int]:
    return [event.off_ms for event in events if event is not None]


def judged(frame: Frame, count: int, result: FrameResult, behind_ms: int = 500) -> list[int]:
    """Return by how much a source is called off that sends a frame every second."""
    frames = MistimedFrames()
    came_ms = frame.scan_time_ms + behind_ms
    return offs([frames.judged(frame, result, came_ms + 1_000 * n) for n in range(count)])


def test_frames_from_the_future_are_told_once_in_ten_seconds() -> None:
    """A source that is fifty minutes ahead is called so, not for each of its frames."""
    frames = MistimedFrames()
    told = [frames.refused(ahead(50 * 60_000), T0_MS + 1_000 * n) for n in range(31)]
    assert offs(told) == [50 * 60_000] * 3
    assert next(event.time for event in told if event).second == 10


def test_frames_in_time_say_nothing() -> None:
    """Neither reports nor heartbeats that fit are remarked on."""
    assert judged(packed(seen(0, 27.0)), 40, FrameResult(reports=1)) == []
    assert judged(beat(0), 40, FrameResult()) == []


def test_frames_of_which_most_reports_are_late_are_told() -> None:
    """Half of them may be late."""
    assert judged(packed(seen(0, 27.0)), 31, FrameResult(reports=4, late=2)) == []
    assert len(judged(packed(seen(0, 27.0)), 31, FrameResult(reports=4, late=3))) == 3


def test_a_live_source_that_is_far_behind_is_told() -> None:
    """Who reports an hour late warns nobody; a replay is always behind."""
    live, replay = packed(seen(0, 27.0), run=LIVE_RUN), packed(seen(0, 27.0))
    assert len(judged(live, 31, FrameResult(reports=1), HOUR_MS)) == 3
    assert judged(replay, 31, FrameResult(reports=1), HOUR_MS) == []


def test_a_heartbeat_behind_its_own_source_is_told() -> None:
    """Its clock was set back: it moves nothing until the source has come there again."""
    assert len(judged(beat(0), 31, FrameResult(behind_ms=HOUR_MS))) == 3
    assert judged(beat(0), 31, FrameResult(behind_ms=10_000)) == []


def test_a_slow_radar_is_told_with_its_second_frame() -> None:
    """One frame says little, two of a radar that turns in 75 s are enough."""
    frames = MistimedFrames()
    assert frames.refused(ahead(HOUR_MS), T0_MS) is None
    assert frames.refused(ahead(HOUR_MS), T0_MS + 75_000) is not None


def test_a_single_wrong_frame_is_not_told() -> None:
    """Most frames must be wrong."""
    frames = MistimedFrames()
    frame, fits = packed(seen(0, 27.0)), FrameResult(reports=1)
    told = [frames.refused(ahead(HOUR_MS), T0_MS)]
    told += [frames.judged(frame, fits, T0_MS + 1_000 * n) for n in range(1, 31)]
    assert offs(told) == []


def test_invented_sources_are_forgotten() -> None:
    """However many names are invented, what is remembered of them is bounded."""
    frames = MistimedFrames()
    for number in range(1_500):
        error = AheadOfArrivalError("ahead", run="live", key=f"r{number}", ahead_ms=HOUR_MS)
        frames.refused(error, T0_MS)
    assert len(frames._counts) == 1_000
