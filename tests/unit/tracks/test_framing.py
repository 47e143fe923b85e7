"""Framing independence: the same reports give the same facts and alerts, however they come.

Random tracks fly over a small world whose corners lie on the grid that they visit; the two
recordings fly over real borders.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from builders import T0, T0_MS, airspace, beat, packed, recorded_world, seen, zone
from hypothesis import given, settings
from hypothesis import strategies as st
from words import ENGLISH

from skyfence.adapters.files import default_file, read_recording
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import Alert
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import TrackEvent
from skyfence.frames.frame import Frame, frame_of
from skyfence.frames.packing import Packer, play
from skyfence.incidents.manager import IncidentManager
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.times import to_ms
from skyfence.tracks.tracker import Tracker

_REGION = {"kind": "region", "country": "AA", "accuracy_m": 300.0}
SMALL = airspace(
    zone("AA", (27.0, 56.0, 27.1, 56.06)),
    zone("BB", (27.1, 56.0, 27.2, 56.06)),
    zone("XX", (26.9, 56.0, 27.0, 56.06), nato=False),
    zone("AA-1", (27.0, 56.0, 27.1, 56.03), **_REGION),
    zone("AA-2", (27.0, 56.03, 27.1, 56.06), **_REGION),
)
Waits = st.SearchStrategy[int]
WAITS: Waits = st.sampled_from([0, 1, 3, 10, 10, 10, 30, 61, 130, 650])
# Forty of the longest are less than ten minutes, after which a report is ahead of its source.
WAITS_IN_STEP: Waits = st.sampled_from([0, 1, 3, 10, 10, 10, 14])
PLACES = st.tuples(st.integers(0, 16), st.integers(0, 9))
END_S = 30_000  # later than 40 of the longest waits
LATE = Policy(PolicyFile(version="v", sources={"radar": SourceRules(lateness_ms=40_000)}))
PHASES = st.sampled_from(["confirmed"] * 9 + ["ended", "tentative", "coasting"])

PHASES_SEEN = ("confirmed", "tentative", "coasting", "ended")


@st.composite
def traffic(
    draw: st.DrawFn, *, disorder: bool, named: bool = False, waits: Waits = WAITS
) -> list[Report]:
    """Draw reports of three tracks; with ``disorder`` some are older than those before.

    ``named`` tracks have addresses, so that none can go on under another's number: that is a
    source's business, not a track's. With ``WAITS_IN_STEP`` the whole lasts for less than ten
    minutes, so that no report is ahead of its source (``screening``).
    """
    steps = draw(
        st.lists(
            st.tuples(waits, PLACES, PHASES, st.integers(0, 2)),
            min_size=1,
            max_size=40,
        )
    )
    times = list(accumulate(wait for wait, *_ in steps))
    if disorder:
        delays = draw(st.lists(st.sampled_from([0, 0, 0, 5, 40, 100]), min_size=len(steps)))
        times = [time - delay for time, delay in zip(times, delays, strict=False)]
    return [
        seen(
            time,
            round(26.88 + x / 50, 2),
            round(55.98 + y / 100, 2),
            phase=phase,
            track_id=f"T{n}",
            **({"icao_address": f"4A08F{n}"} if named else {}),
        )
        for time, (_, (x, y), phase, n) in zip(times, steps, strict=True)
    ]


class Told:
    """What is told of some frames: of each track its facts in order, the alerts, and the late."""

    def __init__(
        self,
        frames: Iterable[Frame],
        over: Airspace = SMALL,
        policy: Policy | None = None,
        *,
        sift: bool = True,
    ) -> None:
        """Judge frames as partitions would, one tracker a key, and all in one book."""
        self.facts: dict[str, list[bytes]] = defaultdict(list)
        self.alerts: list[Alert] = []
        self.late = 0
        manager = IncidentManager(Environment.EXERCISE, {}, ENGLISH.operators)
        trackers: dict[str, Tracker] = {}
        for frame in frames:
            if frame.key not in trackers:
                trackers[frame.key] = Tracker(over, Environment.EXERCISE, policy, sift=sift)
            facts = trackers[frame.key].process(frame)
            self.late += facts.late
            tracks = [event for event in facts.events if isinstance(event, TrackEvent)]
            told: list[Crossing | TrackEvent] = [*facts.crossings, *tracks]
            for fact in told:
                self.facts[f"{fact.track_id} {type(fact).__name__}"].append(fact.to_json())
            self.alerts += [alert for event in facts.events for alert in manager.process(event)]

    @property
    def chains(self) -> dict[tuple[str, str], list[bytes]]:
        """Return each chain's messages in order, by incident and place."""
        chains: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        for alert in self.alerts:
            chains[str(alert.incident_id), alert.place].append(alert.to_json())
        return chains


def told(
    reports: Sequence[Report],
    sizes: Sequence[int],
    policy: Policy | None = None,
    *,
    sift: bool = True,
) -> Told:
    """Judge reports in frames of these sizes, and the end of their source."""
    rows = [reports[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]
    frames = [*(packed(*some) for some in rows if some), beat(END_S, last=True)]
    return Told(frames, policy=policy, sift=sift)


def everything(outcome: Told) -> tuple[dict[str, list[bytes]], list[Alert], int]:
    return outcome.facts, outcome.alerts, outcome.late


@settings(deadline=None, max_examples=25)
@given(traffic(disorder=True), st.lists(st.integers(1, 7), min_size=40, max_size=40))
def test_framing_changes_nothing(reports: list[Report], sizes: list[int]) -> None:
    """One frame, a frame a report and random frames tell the same facts and alerts, in order."""
    whole = everything(told(reports, [len(reports)]))
    assert everything(told(reports, [1] * len(reports))) == whole
    assert everything(told(reports, sizes)) == whole


@settings(deadline=None, max_examples=25)
@given(traffic(disorder=True), st.lists(st.integers(1, 7), min_size=40, max_size=40))
def test_framing_changes_nothing_of_a_late_source(reports: list[Report], sizes: list[int]) -> None:
    """The same where a source may be late, also of reports that are later than it may be."""
    whole = everything(told(reports, [len(reports)], LATE))
    assert everything(told(reports, [1] * len(reports), LATE)) == whole
    assert everything(told(reports, sizes, LATE)) == whole


@settings(deadline=None, max_examples=25)
@given(traffic(disorder=False, named=True, waits=WAITS_IN_STEP))
def test_a_track_depends_on_itself_alone(reports: list[Report]) -> None:
    """Among others that it cannot be, or alone, a track gives the same facts."""
    together = told(reports, [len(reports)]).facts
    for track_id in {report.track_id for report in reports}:
        own = [report for report in reports if report.track_id == track_id]
        # A number that comes again after its end is a track of its own: T1, then T1~2.
        expected = {
            name: facts
            for name, facts in together.items()
            if name.split()[0].partition("~")[0] == track_id
        }
        assert told(own, [len(own)]).facts == expected


@settings(deadline=None, max_examples=20)
@given(traffic(disorder=True, waits=WAITS_IN_STEP))
def test_a_report_that_comes_twice_changes_nothing(reports: list[Report]) -> None:
    """With every report repeated at once, and all once more later on, the same is told.

    None is ahead of its source: one that was left out for that is news when it comes again later.
    """
    once = told(reports, [len(reports)])
    twice = [report for pair in zip(reports, reports, strict=True) for report in pair]
    again = told([*twice, *reports], [len(twice), len(reports)])
    assert (again.facts, again.alerts) == (once.facts, once.alerts)


@settings(deadline=None, max_examples=20)
@given(traffic(disorder=False), st.randoms(use_true_random=False))
def test_within_the_lateness_bound_order_means_nothing(
    reports: list[Report], random: Random
) -> None:
    """Reports that are late by less than their source may be are judged as if they were not."""
    # Of two reports of one instant nobody can say which came first.
    reports = list({(report.track_id, report.time): report for report in reports}.values())
    delays = {id(report): random.uniform(0, 39) for report in reports}
    late = sorted(
        reports, key=lambda report: (report.time - T0).total_seconds() + delays[id(report)]
    )
    ones = [1] * len(reports)
    delayed, in_order = told(late, ones, LATE), told(reports, ones)
    assert (delayed.facts, delayed.chains) == (in_order.facts, in_order.chains)
    assert delayed.late == in_order.late


@settings(deadline=None, max_examples=20)
@given(traffic(disorder=False), st.randoms(use_true_random=False))
def test_tracks_of_one_instant_may_come_in_any_order(reports: list[Report], random: Random) -> None:
    """However the tracks of a scan are interleaved, the same is told of each, and in each chain."""
    reports = list({(report.track_id, report.time): report for report in reports}.values())
    ranks = {id(report): random.random() for report in reports}
    mixed = sorted(reports, key=lambda report: (report.time, ranks[id(report)]))
    in_order, shuffled = told(reports, [len(reports)]), told(mixed, [len(mixed)])
    assert (in_order.facts, in_order.chains) == (shuffled.facts, shuffled.chains)


def spread(reports: Sequence[Report], step_s: float) -> list[Frame]:
    """Return the frames of a source in three shards, each with a scan every so many seconds."""
    scans: dict[tuple[int, str], list[Report]] = defaultdict(list)
    ends = int(max((report.time - T0).total_seconds() for report in reports) // step_s) + 1
    for report in reports:
        number = int((report.time - T0).total_seconds() // step_s)
        scans[number, f"radar/{report.track_id}"].append(report)
    keys = sorted({key for _, key in scans})
    frames = [
        frame_of(
            scans[number, key],
            key=key,
            run="run",
            scan_time_ms=T0_MS + round(1000 * step_s * (number + 1)) - 1,
        )
        for number in range(ends)
        for key in keys
    ]
    end_ms = T0_MS + 1000 * END_S
    last = [frame_of([], key=key, run="run", scan_time_ms=end_ms, last=True) for key in keys]
    return [*frames, *last]


@settings(deadline=None, max_examples=25)
@given(traffic(disorder=False, named=True, waits=WAITS_IN_STEP), st.sampled_from([7, 60, 1_000]))
def test_spread_over_partitions_the_tracks_are_the_same(
    reports: list[Report], step_s: float
) -> None:
    """In a shard for each track, wherever it is judged, each gives the same facts."""
    assert Told(spread(reports, step_s)).facts == told(reports, [len(reports)]).facts


class Many:
    """Fifty tracks of all sorts in whole scans, as a radar sends them."""

    def __init__(self, seed: int, seen_share: float = 0.95) -> None:
        self._random = Random(seed)
        self._seen_share = seen_share
        self._tracks = [self._track(number) for number in range(50)]

    def _track(self, number: int) -> dict[str, Any]:
        draw = self._random
        civil = {"callsign": f"ABC{number}", "mode_3a": "1234", "category": "aircraft"}
        known = civil if draw.random() < 0.6 else {}
        moves = {"ground_speed_mps": 200.0} if draw.random() < 0.5 else {}
        return {"lat": draw.uniform(55.9, 56.2), "lon": draw.uniform(26.8, 27.3)} | known | moves

    def scan(self, at_s: float) -> list[Report]:
        """Move every track a little, now and then far, and return what is seen of them."""
        reports = []
        for number, track in enumerate(self._tracks):
            step = 5.0 if self._random.random() < 0.002 else 0.004
            track["lat"] += self._random.uniform(-step, step)
            track["lon"] += self._random.uniform(-step, step)
            if self._random.random() < 0.01:
                track["mode_3a"] = self._random.choice(["1234", "7700", "2000"])
            if self._random.random() < self._seen_share:
                place = {"lat": round(track["lat"], 6), "lon": round(track["lon"], 6)}
                phase = self._random.choices(PHASES_SEEN, (0.9, 0.05, 0.048, 0.002))[0]
                reports.append(seen(at_s, track_id=f"T{number}", phase=phase, **(track | place)))
        return reports


@pytest.mark.parametrize("seed", [1, 2])
def test_sifting_changes_nothing(seed: int) -> None:
    """With every row judged in full, and with the quiet ones left out, the same is told."""
    many = Many(seed)
    scans = [many.scan(4.0 * number) for number in range(45)]
    reports, sizes = [report for scan in scans for report in scan], [len(scan) for scan in scans]
    sifted = told(reports, sizes)
    assert everything(sifted) == everything(told(reports, sizes, sift=False))
    assert sum(map(len, sifted.facts.values())) > 50


@pytest.mark.parametrize("seed", [3, 4])
def test_sifting_changes_nothing_where_rows_are_late(seed: int) -> None:
    """The same in frames of a minute in which tracks are seen now and then, and in disorder."""
    many, random = Many(seed, seen_share=0.3), Random(seed)
    scans = [many.scan(20.0 * number) for number in range(30)]
    reports: list[Report] = []
    for first in range(0, len(scans), 3):
        some = [report for scan in scans[first : first + 3] for report in scan]
        reports += random.sample(some, len(some))
    sizes = [sum(map(len, scans[first : first + 3])) for first in range(0, len(scans), 3)]
    sifted = told(reports, sizes)
    assert everything(sifted) == everything(told(reports, sizes, sift=False))
    assert sifted.late > 10


# Of each recording the intruder and one that is not.
TRACKS = ("T0417", "T0416", "T0423", "T0432")
RECORDINGS = ("latvia-2024-09-07", "romania-2024-09-08")


@pytest.fixture(scope="module")
def over() -> Airspace:
    return Airspace(recorded_world())


@pytest.fixture(scope="module")
def recorded() -> list[Report]:
    paths = [str(default_file("recordings", f"{name}.jsonl")) for name in RECORDINGS]
    reports = [line.report for path in paths for line in read_recording(path)]
    return [report for report in reports if report is not None and report.track_id in TRACKS]


def framed(reports: Iterable[Report], size: int) -> list[Frame]:
    """Return the frames of a replay, of so many reports each."""
    packer = Packer("run", frame_reports=size)
    return [frame for item in play(reports) for frame in packer.add(item)]


@pytest.fixture(scope="module")
def expected(over: Airspace, recorded: list[Report]) -> Told:
    """Return what both incidents lead to: among it, that they are two within a day."""
    whole = Told(framed(recorded, 500), over)
    assert len(whole.alerts) > 50
    assert {alert.track_id for alert in whole.alerts} == {"T0417", "T0423"}
    assert [alert.event for alert in whole.alerts].count("repeated airspace violations") == 1
    return whole


def test_the_recordings_report_by_report(
    over: Airspace, recorded: list[Report], expected: Told
) -> None:
    """In a frame for each report both incidents' facts and alerts are the same, in order."""
    assert everything(Told(framed(recorded, 1), over)) == everything(expected)


def test_the_recordings_with_every_frame_twice(
    over: Airspace, recorded: list[Report], expected: Told
) -> None:
    """Frames that Kafka hands out again change no fact and no alert."""
    frames = framed(recorded, 50)
    outcome = Told([frame for frame in frames for _ in range(1 if frame.last else 2)], over)
    assert (outcome.facts, outcome.alerts) == (expected.facts, expected.alerts)
    assert outcome.late == sum(len(frame) for frame in frames if not frame.last)


def test_the_recordings_spread_over_partitions(
    over: Airspace, recorded: list[Report], expected: Told
) -> None:
    """With each source in two shards, on two partitions, every chain is the same."""
    frames = []
    for some in (recorded[at : at + 20] for at in range(0, len(recorded), 20)):
        for shard in range(2):
            own = [report for report in some if int(report.track_id[1:]) % 2 == shard]
            now_ms = to_ms(some[-1].time)
            key = f"{some[0].source}/{shard}"
            frames.append(frame_of(own, key=key, run="run", scan_time_ms=now_ms))
    ends = {frame.key: frame.scan_time_ms for frame in frames}
    frames += [
        frame_of([], key=key, run="run", scan_time_ms=at, last=True) for key, at in ends.items()
    ]
    outcome = Told(frames, over)
    assert outcome.chains == expected.chains


@pytest.mark.parametrize("seed", [1])
def test_the_recordings_with_late_reports(
    over: Airspace, recorded: list[Report], expected: Told, seed: int
) -> None:
    """Each report late by up to 20 s, from sources that may be: every chain is the same."""
    random = Random(seed)
    sources = {report.source: SourceRules(lateness_ms=20_000) for report in recorded}
    delays = {id(report): random.uniform(0, 19.9) for report in recorded}
    late = sorted(recorded, key=lambda report: to_ms(report.time) / 1000 + delays[id(report)])
    assert late != recorded
    policy = Policy(PolicyFile(version="default-1", sources=sources))
    outcome = Told(framed(late, 10), over, policy)
    assert (outcome.facts, outcome.chains) == (expected.facts, expected.chains)
