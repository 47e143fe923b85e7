"""Framing independence: the same reports give the same facts, however they are packed.

Random tracks fly over a small world whose corners lie on the grid that they visit.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from builders import airspace, beat, packed, seen, zone
from hypothesis import given, settings
from hypothesis import strategies as st

from skyfence.channels import Environment
from skyfence.report import Report
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


def told(reports: Sequence[Report], sizes: Sequence[int]) -> tuple[dict[str, list[bytes]], int]:
    """Judge reports in frames of these sizes; return what is told of each track, and the late."""
    by = Tracker(SMALL, Environment.EXERCISE)
    rows = [reports[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]
    found: dict[str, list[bytes]] = defaultdict(list)
    late = 0
    for frame in [*(packed(*some) for some in rows if some), beat(END_S, last=True)]:
        facts = by.take(frame)
        late += facts.late
        for fact in [*facts.crossings, *facts.events]:
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
