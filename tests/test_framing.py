"""Framing independence: the same reports give the same facts, however they are packed.

Random tracks fly over a small world whose corners lie on the grid that they visit.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from builders import airspace, beat, packed, seen, zone
from hypothesis import given, settings
from hypothesis import strategies as st

from skyfence.channels import Environment
from skyfence.policy import Policy, PolicyFile, SourceRules
from skyfence.report import Report
from skyfence.track_event import TrackEvent
from skyfence.tracking import Tracker

_REGION = {"kind": "region", "country": "AA", "accuracy_m": 300.0}
SMALL = airspace(
    zone("AA", (27.0, 56.0, 27.1, 56.06)),
    zone("BB", (27.1, 56.0, 27.2, 56.06)),
    zone("XX", (26.9, 56.0, 27.0, 56.06), nato=False),
    zone("AA-1", (27.0, 56.0, 27.1, 56.03), **_REGION),
    zone("AA-2", (27.0, 56.03, 27.1, 56.06), **_REGION),
)
WAITS = st.sampled_from([0, 1, 3, 10, 10, 10, 30, 61, 130, 650])
PLACES = st.tuples(st.integers(0, 16), st.integers(0, 9))
END_S = 30_000  # later than 40 of the longest waits
PHASES = st.sampled_from(["confirmed"] * 9 + ["ended"])


@st.composite
def traffic(draw: st.DrawFn, *, disorder: bool) -> list[Report]:
    """Draw reports of three tracks; with ``disorder`` some are older than those before."""
    steps = draw(
        st.lists(st.tuples(WAITS, PLACES, PHASES, st.integers(0, 2)), min_size=1, max_size=40)
    )
    times = list(accumulate(wait for wait, *_ in steps))
    if disorder:
        delays = draw(st.lists(st.sampled_from([0, 0, 0, 5, 40, 100]), min_size=len(steps)))
        times = [time - delay for time, delay in zip(times, delays, strict=False)]
    return [
        seen(
            time, round(26.88 + x / 50, 2), round(55.98 + y / 100, 2), phase=phase, track_id=f"T{n}"
        )
        for time, (_, (x, y), phase, n) in zip(times, steps, strict=True)
    ]


def told(
    reports: Sequence[Report],
    sizes: Sequence[int],
    policy: Policy | None = None,
    *,
    sift: bool = True,
) -> tuple[dict[str, list[bytes]], int]:
    """Judge reports in frames of these sizes; return what is told of each track, and the late."""
    by = Tracker(SMALL, Environment.EXERCISE, policy, sift=sift)
    rows = [reports[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]
    found: dict[str, list[bytes]] = defaultdict(list)
    late = 0
    for frame in [*(packed(*some) for some in rows if some), beat(END_S, last=True)]:
        facts = by.take(frame)
        late += facts.late
        tracks = [event for event in facts.events if isinstance(event, TrackEvent)]
        for fact in [*facts.crossings, *tracks]:
            found[f"{fact.track_id} {type(fact).__name__}"].append(fact.to_json())
    return found, late


@settings(deadline=None, max_examples=80)
@given(traffic(disorder=True), st.lists(st.integers(1, 7), min_size=40, max_size=40))
def test_framing_changes_nothing(reports: list[Report], sizes: list[int]) -> None:
    """One frame, a frame a report and random frames tell the same of each track, in order."""
    whole = told(reports, [len(reports)])
    assert told(reports, [1] * len(reports)) == whole
    assert told(reports, sizes) == whole


@settings(deadline=None, max_examples=80)
@given(traffic(disorder=False))
def test_a_track_depends_on_itself_alone(reports: list[Report]) -> None:
    """Among others or alone, a track gives the same facts."""
    together, _ = told(reports, [len(reports)])
    for track_id in {report.track_id for report in reports}:
        own = [report for report in reports if report.track_id == track_id]
        expected = {name: facts for name, facts in together.items() if name.split()[0] == track_id}
        assert told(own, [len(own)])[0] == expected


@settings(deadline=None, max_examples=60)
@given(traffic(disorder=True))
def test_a_report_that_comes_twice_changes_nothing(reports: list[Report]) -> None:
    """With every report repeated later on, the same is told of each track."""
    once, _ = told(reports, [len(reports)])
    twice = [report for pair in zip(reports, reports, strict=True) for report in pair]
    assert told([*twice, *reports], [len(twice), len(reports)])[0] == once


@settings(deadline=None, max_examples=40)
@given(traffic(disorder=False), st.randoms(use_true_random=False))
def test_within_the_lateness_bound_order_means_nothing(
    reports: list[Report], random: Random
) -> None:
    """Reports that are late by less than their source may be are judged as if they were not."""
    policy = Policy(PolicyFile(version="v", sources={"radar": SourceRules(lateness_ms=40_000)}))
    # Of two reports of one instant nobody can say which came first.
    reports = list({(one.track_id, one.time): one for one in reports}.values())
    delays = {id(report): random.uniform(0, 39) for report in reports}
    start = reports[0].time
    late = sorted(reports, key=lambda one: (one.time - start).total_seconds() + delays[id(one)])
    ones = [1] * len(reports)
    assert told(late, ones, policy) == told(reports, ones, policy)


class Many:
    """Fifty tracks of all sorts in whole scans, as a radar sends them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._tracks = [self._track(number) for number in range(50)]

    def _track(self, number: int) -> dict[str, Any]:
        draw = self._random
        civil = {"callsign": f"ABC{number}", "mode_3a": "1234", "category": "aircraft"}
        known = civil if draw.random() < 0.6 else {}
        moves = {"ground_speed_mps": 200.0} if draw.random() < 0.5 else {}
        return {"lat": draw.uniform(55.9, 56.2), "lon": draw.uniform(26.8, 27.3)} | known | moves

    def scan(self, at_s: float) -> list[Report]:
        """Move every track a little, now and then far, and return what is seen of them."""
        found = []
        for number, track in enumerate(self._tracks):
            step = 5.0 if self._random.random() < 0.002 else 0.004
            track["lat"] += self._random.uniform(-step, step)
            track["lon"] += self._random.uniform(-step, step)
            if self._random.random() < 0.01:
                track["mode_3a"] = self._random.choice(["1234", "7700", "2000"])
            if self._random.random() < 0.95:
                place = {"lat": round(track["lat"], 6), "lon": round(track["lon"], 6)}
                phase = "ended" if self._random.random() < 0.002 else "confirmed"
                found.append(seen(at_s, track_id=f"T{number}", phase=phase, **(track | place)))
        return found


@pytest.mark.parametrize("seed", [1, 2])
def test_sifting_changes_nothing(seed: int) -> None:
    """With every row judged in full, and with the quiet ones left out, the same is told."""
    many = Many(seed)
    scans = [many.scan(4.0 * number) for number in range(120)]
    reports, sizes = [one for scan in scans for one in scan], [len(scan) for scan in scans]
    sifted = told(reports, sizes)
    assert sifted == told(reports, sizes, sift=False)
    assert sum(map(len, sifted[0].values())) > 150
