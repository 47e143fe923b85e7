"""What the sources of a world report: a few objects from a seed, and what must be told of them.

Every source sees objects of its own, each with an ICAO address, so that none is taken for another:
when tracks are joined depends on who is read first, and what is compared must not. Each object
comes over the border and goes back, turns before it, passes through two regions, or is lost inside.
The last ones begin when no fault comes any more, and must be told whatever was before.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from random import Random
from typing import Any, Final

from builders import report, world
from words import ENGLISH

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import Alert, PlaceAlert
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import TrackFact
from skyfence.frames.frame import Frame, frame_of
from skyfence.incidents.decisions import AlertDecisions
from skyfence.naming import Environment
from skyfence.times import to_ms
from skyfence.tracks.tracker import Tracker

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
START_S: Final = START.timestamp()
RUN: Final = "simulated"
SCAN_S: Final = 4
# Faults come in the first part; what begins in the second is told undisturbed.
FAULTS_END_S: Final = 100
END_S: Final = 260
_BORDER_LON: Final = 27.0
_M_PER_DEG_LON, _M_PER_DEG_LAT = 61_990.0, 111_300.0
_KINDS: Final = ("in and out", "turns before", "through", "lost inside")


@dataclass(frozen=True)
class Sent:
    """A frame, and how many seconds after ``START`` its source sends it."""

    at_s: float
    frame: Frame


@dataclass(frozen=True)
class Recording:
    """What the sources send, in the order of time."""

    sent: tuple[Sent, ...]
    late_tracks: frozenset[str]  # ``source/track`` of the objects that come after all faults

    @cached_property
    def events(self) -> list[TrackFact]:
        """Return what the engine alone finds out of tracks."""
        tracker = Tracker(airspace(), Environment.EXERCISE)
        return [event for sent in self.sent for event in tracker.process(sent.frame).events]

    @cached_property
    def expected(self) -> list[Alert | PlaceAlert]:
        """Return what the engine alone says of it."""
        alone = decisions()
        return [alert for event in self.events for alert in alone.process(event)]


def decisions() -> AlertDecisions:
    """Return what decides on the alerts of a world."""
    zones = world()
    return AlertDecisions(
        Environment.EXERCISE, zones.names, ENGLISH.operators, nations=zones.nations
    )


@cache
def airspace() -> Airspace:
    """Return the airspace of all worlds, prepared once: workers that are born again share it."""
    made = Airspace(world())
    made.prepare()
    return made


@cache
def recording(seed: int) -> Recording:
    """Return what the sources of a seed send."""
    draw = Random(f"recording {seed}")
    sources = [f"radar-{number}" for number in range(draw.randint(2, 3))]
    late = frozenset(f"{source}/late" for source in sources)
    by_scan: dict[tuple[str, int], list[Report]] = defaultdict(list)
    number = 0
    for source in sources:
        for index in range(draw.randint(1, 2)):
            start_s = draw.randrange(0, FAULTS_END_S // 2, SCAN_S)
            for each in _flight(draw, f"{source}/T{index}", number, start_s):
                by_scan[source, _scan_of(each)].append(each)
            number += 1
        start_s = FAULTS_END_S + draw.randrange(8, 40, SCAN_S)
        for each in _flight(draw, f"{source}/late", number, start_s):
            by_scan[source, _scan_of(each)].append(each)
        number += 1
    frames = [
        Sent(scan * SCAN_S + offset_s, _frame(source, scan, offset_s, by_scan[source, scan]))
        for offset_s, source in enumerate(sources)
        for scan in range(END_S // SCAN_S + 1)
    ]
    return Recording(tuple(sorted(frames, key=lambda sent: sent.at_s)), late)


def _frame(source: str, scan: int, offset_s: int, reports: list[Report]) -> Frame:
    is_last = scan == END_S // SCAN_S
    scan_ms = to_ms(START) + 1000 * (scan * SCAN_S + offset_s)
    shifted = [r.model_copy(update={"time": r.time + timedelta(seconds=offset_s)}) for r in reports]
    return frame_of(shifted, key=source, run=RUN, scan_time_ms=scan_ms, last=is_last)


def _scan_of(each: Report) -> int:
    return round((each.time - START).total_seconds() / SCAN_S)


def _flight(draw: Random, name: str, number: int, start_s: int) -> list[Report]:
    """Return one object's reports, scan by scan."""
    kind = draw.choice(_KINDS)
    speed_mps = draw.uniform(60.0, 110.0)
    lat = round(56.1 + 0.03 * number, 6)
    east_m = -draw.uniform(1_500.0, 4_000.0)
    turn_m = draw.uniform(1_500.0, 3_000.0)
    if kind == "turns before":
        turn_m = -draw.uniform(900.0, 1_200.0)
    north_mps = speed_mps * 0.5 if kind == "through" else 0.0
    towards, reports = 1.0, list[Report]()
    for second in range(start_s, END_S - 2 * SCAN_S, SCAN_S):
        if east_m >= turn_m:
            towards = -1.0
            if kind == "lost inside":
                break
        if east_m < -20_000.0:
            break
        where = {"lat": round(lat, 6), "lon": round(_BORDER_LON + east_m / _M_PER_DEG_LON, 6)}
        moving = {"speed_mps": speed_mps, "course_deg": 90.0 if towards > 0 else 270.0}
        reports.append(_report(second, name, number, **moving, **where))
        east_m += towards * speed_mps * SCAN_S
        lat += north_mps * SCAN_S / _M_PER_DEG_LAT
    return reports


def _report(
    second: int, name: str, number: int, *, speed_mps: float, course_deg: float, **where: Any
) -> Report:
    source, _, track_id = name.partition("/")
    return report(
        time=START + timedelta(seconds=second),
        source=source,
        track_id=track_id,
        accuracy_m=20.0,
        ground_speed_mps=round(speed_mps, 1),
        course_deg=course_deg,
        category="uav",
        icao_address=f"4A{number:04X}",
        simulated=True,
        **where,
    )
