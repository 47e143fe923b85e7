"""A source's reports beyond its limit: which are left out, and how often that is told."""

from collections.abc import Sequence

import pytest
from builders import T0_MS, airspace, packed, seen, tracker, zone

from skyfence.frames.frame import Frame
from skyfence.policy.parameters import MINUTE_MS
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.report_rate import LEFT_OUT, ReportRate

assert T0_MS % MINUTE_MS == 0  # so that the tests' seconds are those of minutes
TEN_A_MINUTE = 10 / 60


def frames(seconds: Sequence[float], size: int) -> list[Frame]:
    """Return frames of so many reports each, made so many seconds after T0."""
    reports = [seen(at_s, 25.0) for at_s in seconds]
    return [packed(*reports[n : n + size]) for n in range(0, len(reports), size)]


def admitted(seconds: Sequence[float], size: int = 1) -> tuple[list[float], int, int]:
    """Return the times that are let through, how many are not, and how often that is told."""
    rate, through, result = ReportRate(TEN_A_MINUTE), list[float](), FrameResult()
    for frame in frames(seconds, size):
        times_ms = rate.admit(frame, result).times_ms
        through += ((times_ms - T0_MS) / 1_000).tolist()
    return through, result.left_out[LEFT_OUT], len(result.refused)


@pytest.mark.parametrize("size", [1, 7, 40])
def test_what_is_beyond_a_minute_s_share_is_left_out(size: int) -> None:
    """However it is framed; the next minute has a share of its own, and each is told once."""
    many = range(40)
    through, left_out, told = admitted([*many, *[60 + at_s for at_s in many]], size)
    assert through == [*range(10), *range(60, 70)]
    assert (left_out, told) == (60, 2)


@pytest.mark.parametrize("size", [1, 4, 10])
def test_a_scan_of_many_is_no_flood(size: int) -> None:
    """A minute's share may come in one moment."""
    assert admitted([59.9] * 10, size) == ([59.9] * 10, 0, 0)
    assert admitted([59.9] * 10 + [60.0] * 10, size)[1:] == (0, 0)


def test_late_reports_use_up_the_share_of_the_minute_that_has_come() -> None:
    """Old times are no way around the limit."""
    through, left_out, told = admitted([120.0, *range(40)])
    assert (len(through), left_out, told) == (10, 31, 1)


def test_a_heartbeat_passes() -> None:
    """It holds no report, and says that the source watches."""
    rate, result = ReportRate(TEN_A_MINUTE), FrameResult()
    (frame,) = frames([0.0], 1)
    empty = Frame(frame.key, frame.run, frame.scan_time_ms, frame.last, frame.batch.slice(0, 0))
    assert rate.admit(empty, result) is empty


def test_the_policy_s_limit_counts_for_the_source_that_it_names() -> None:
    """In the tracker; the reason names the source, its limit and until when."""
    rules = {"radar": SourceRules(most_reports_per_s=TEN_A_MINUTE)}
    by = tracker(
        airspace(zone("AA", (27.0, 55.5, 28.0, 57.0))),
        policy=Policy(PolicyFile(version="v", sources=rules)),
    )
    result = by.process(packed(*[seen(at_s, 25.0) for at_s in range(12)]))
    (reason,) = result.refused
    assert (result.left_out[LEFT_OUT], reason.reason_class) == (2, "limit")
    assert reason.text.startswith("radar sends more than 0.166667 reports/s")
    assert "until 2024-09-07T03:59:00.000Z" in reason.text
