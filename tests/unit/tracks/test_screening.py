"""Reports that say nothing: left out and counted, and all else as if they had not come."""

from collections.abc import Iterable, Sequence

import pytest
from builders import airspace, beat, flight, packed, seen, tracker, zone

from skyfence.contracts.report import Report
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import Frame
from skyfence.frames.packing import End, Packer, SourceHeartbeat, play
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot

EAST = 90.0
WORLD = airspace(zone("AA", (27.0, 55.5, 28.0, 57.0)))
DAY_S = 86_400
INTRUDER = flight(0, 26.95, EAST, reports=80)
END = beat(600, last=True)


def said(
    frames: Iterable[Frame], *, sift: bool = True, restart: bool = False, lateness_ms: int = 0
) -> tuple[list[bytes], int, int]:
    """Return what is said of tracks in frames, how many reports are late, and are left out."""
    rules = SourceRules(lateness_ms=lateness_ms)
    policy = Policy(PolicyFile(version="v", sources={"radar": rules}))
    by = tracker(WORLD, policy=policy, sift=sift)
    told, late, left_out = list[bytes](), 0, 0
    for frame in frames:
        if restart:
            state, by = take_snapshot(by), tracker(WORLD, policy=policy)
            restore_snapshot(by, state)
        result = by.process(frame)
        facts = [*result.crossings, *result.events]
        told += [fact.to_json() for fact in facts if not isinstance(fact, SourceWatermark)]
        late, left_out = late + result.late, left_out + result.left_out.total()
    return sorted(told), late, left_out


def framed(reports: Sequence[Report], size: int = 1) -> list[Frame]:
    return [*(packed(*reports[n : n + size]) for n in range(0, len(reports), size)), END]


PLAIN, _, _ = said(framed(INTRUDER))
ahead_s = [1200, 3600, DAY_S]


@pytest.mark.parametrize("at_s", ahead_s)
@pytest.mark.parametrize("size", [1, 7, 80])
@pytest.mark.parametrize("lateness_ms", [0, 2_000])
def test_one_report_ahead_does_not_move_the_clock(at_s: int, size: int, lateness_ms: int) -> None:
    """A report of another number, minutes to a day ahead, is left out; no other is late by it."""
    wrong = seen(100 + at_s, 25.0, track_id="T9")
    reports = [*INTRUDER[:20], wrong, *INTRUDER[20:]]
    assert said(framed(reports, size), lateness_ms=lateness_ms) == (PLAIN, 0, 1)


def test_a_track_s_own_wrong_stamp_is_left_out() -> None:
    """A report of the track itself, a day ahead, is left out, also after a restart."""
    wrong = INTRUDER[20].model_copy(update={"time": seen(DAY_S, 0).time})
    reports = [*INTRUDER[:20], wrong, *INTRUDER[20:]]
    assert said(framed(reports)) == (PLAIN, 0, 1)
    assert said(framed(reports), restart=True) == (PLAIN, 0, 1)


def test_a_source_that_was_silent_goes_on_with_its_second_report() -> None:
    """After an hour of silence two reports bear one another out; neither is left out or late."""
    later = flight(3600, 27.2, EAST, reports=10, track_id="T2")
    told, late, left_out = said([*map(packed, [*INTRUDER[:5], *later]), beat(3700, last=True)])
    assert (late, left_out) == (0, 0)
    assert any(b'"track_id":"T2"' in fact for fact in told)


def test_a_heartbeat_bears_a_report_out() -> None:
    """A source whose clock comes to where its report was has judged it."""
    by = tracker(WORLD)
    for frame in (packed(seen(0, 26.5)), packed(seen(3600, 27.5, track_id="T2"))):
        assert by.process(frame).crossings == []
    (appear,) = by.process(beat(3601)).crossings
    assert (appear.kind, appear.track_id) == ("appear", "T2")


def test_one_report_ahead_moves_no_other_source_s_clock() -> None:
    """A recording's heartbeats and ends are as if the report were not there."""
    other = [report.model_copy(update={"source": "other"}) for report in INTRUDER[:40:10]]
    wrong = seen(DAY_S, 25.0, track_id="T9")
    reports = sorted([*INTRUDER[:40], *other], key=lambda report: report.time)
    marks = [item for item in play(reports) if isinstance(item, SourceHeartbeat | End)]
    again = [*reports[:20], wrong, *reports[20:]]
    assert [item for item in play(again) if isinstance(item, SourceHeartbeat | End)] == marks
    frames = [frame for item in play(again) for frame in Packer("run").add(item)]
    assert all(frame.scan_time_ms < frame.times_ms.max() + 1 for frame in frames if len(frame))


@pytest.mark.parametrize("size", [1, 80])
def test_null_island_is_no_position(size: int) -> None:
    """Reports at 0/0, also several in a row, leave no trace but their count."""
    nowhere = [seen(81 + n, 0.0, 0.0) for n in range(3)]
    reports = [*INTRUDER[:21], *nowhere, *INTRUDER[21:]]
    assert said(framed(reports, size)) == (PLAIN, 0, 3)


def test_a_fast_track_s_last_place_is_no_new_position() -> None:
    """What reports a speed and stands still repeats an old place, for as long as it does."""
    frozen = [INTRUDER[39].model_copy(update={"time": report.time}) for report in INTRUDER[40:47]]
    kept = [*INTRUDER[:40], *INTRUDER[47:]]
    expected, _, _ = said(framed(kept))
    assert said(framed([*INTRUDER[:40], *frozen, *INTRUDER[47:]])) == (expected, 0, 7)


@pytest.mark.parametrize("speed_mps", [None, 0.0, 4.0])
def test_what_hovers_is_seen(speed_mps: float | None) -> None:
    """A place that is repeated without a speed, or at hardly any, is a new position each time."""
    hovering = [seen(4 * n, 27.1, ground_speed_mps=speed_mps) for n in range(60)]
    assert said(framed(hovering))[1:] == (0, 0)


def test_the_filter_leaves_out_the_same() -> None:
    """Among many rows those that repeat their place are judged, and left out."""
    bystanders = [
        flight(0, 20.0 + n / 10, EAST, reports=30, track_id=f"B{n}", speed_mps=100.0)
        for n in range(20)
    ]
    scans = [[reports[min(scan, 25)] for reports in bystanders] for scan in range(30)]
    times = [scan[0].time for scan in zip(*bystanders, strict=True)]
    reports = [
        report.model_copy(update={"time": time})
        for scan, time in zip(scans, times, strict=True)
        for report in scan
    ]
    assert said(framed(reports, 20)) == said(framed(reports, 20), sift=False)
    assert said(framed(reports, 20))[2] == 20 * 4
