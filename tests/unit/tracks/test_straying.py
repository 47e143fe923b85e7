"""One report where its track's reported speed cannot have brought it: the next report tells."""

from typing import Any

import pytest
from builders import airspace, kinds, seen, tell, tracker, world, zone

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.report import Report
from skyfence.geometry.geodesy import metres_per_degree

WORLD = Airspace(world())
MPS, SCAN_S, REPORTS = 60.0, 10.0, 40
PER_LON_M, PER_LAT_M = metres_per_degree(56.25)
OUTSIDE_M = -5_000.0
STRIP = (27.0, 56.0, 27.2, 57.0)  # 12 km wide


def along(number: int, east_m: float = OUTSIDE_M, **changes: Any) -> Report:
    """Return a report of a flight north along AA-1's border, so many metres east of it."""
    at_s = SCAN_S * number
    moving = {"ground_speed_mps": MPS, "course_deg": 0.0, "accuracy_m": 60.0}
    place = round(27.0 + east_m / PER_LON_M, 6), round(56.1 + MPS * at_s / PER_LAT_M, 6)
    return seen(at_s, *place, **(moving | changes))


@pytest.mark.parametrize("aside_m", [6_500.0, 12_500.0, 30_000.0])
@pytest.mark.parametrize("strays", [{0}, {20}, {REPORTS - 1}, {10, 12}, {10, 30}], ids=str)
def test_single_reports_inside_are_no_violation(strays: set[int], aside_m: float) -> None:
    """Reports far aside, never two in a row, say nothing: first, in between or last."""
    track = [along(n, OUTSIDE_M + aside_m * (n in strays)) for n in range(REPORTS)]
    assert kinds(tell(tracker(WORLD), *track)) == []


def test_the_next_report_there_tells() -> None:
    """What is still there in the next report has entered, as of that one, beyond doubt."""
    track = [along(n, OUTSIDE_M if n < 20 else 7_500.0) for n in range(22)]
    entered, *_ = tell(tracker(WORLD), *track)
    assert (entered.kind, entered.confidence) == ("entered", "confirmed")
    assert entered.last_seen == track[21].time


def test_a_single_report_ends_and_moves_nothing_inside() -> None:
    """Inside, one report far outside or over another region changes nothing."""
    inside = [along(n, 7_500.0) for n in range(-REPORTS // 4, REPORTS)]
    plain = tell(tracker(WORLD), *inside)
    for east_m in (-30_000.0, 50_000.0):
        track = list(inside)
        track[20] = along(20 - REPORTS // 4, east_m)
        assert kinds(tell(tracker(WORLD), *track)) == kinds(plain)


def test_a_corner_is_not_cut_by_what_strays() -> None:
    """Neither the way to a report far aside nor the way back from it clips a corner."""
    strip = airspace(zone("XX", (26.0, 56.0, 27.0, 57.0), nato=False), zone("AA", STRIP))
    track = [along(n, OUTSIDE_M if n != 20 else 25_000.0) for n in range(REPORTS)]
    assert kinds(tell(tracker(strip), *track)) == []


def test_wrong_speeds_delay_an_entry_by_one_report() -> None:
    """A track whose reports name a tenth of its speed still enters, one report later at most."""
    slow = {"ground_speed_mps": MPS / 10, "course_deg": 90.0}
    track = [along(0, OUTSIDE_M + MPS * SCAN_S * 5 * n, **slow) for n in range(6)]
    track = [
        seen(SCAN_S * n, report.lon, report.lat, accuracy_m=60.0, **slow)
        for n, report in enumerate(track)
    ]
    entered = next(event for event in tell(tracker(WORLD), *track) if event.kind == "entered")
    first_inside = next(report for report in track if report.lon > 27.0)
    assert (entered.last_seen - first_inside.time).total_seconds() <= SCAN_S
