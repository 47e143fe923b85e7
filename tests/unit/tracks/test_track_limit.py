"""The limit of a source's tracks: invented numbers take nothing from what is followed."""

from collections.abc import Sequence

import pytest
from builders import T0_MS, VERSION, report, zone

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.report import Report
from skyfence.frames.frame import frame_of
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.policy.source_rules import SourceRules
from skyfence.times import from_ms
from skyfence.tracks.frame_result import FrameResult
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import ZoneSet

MOST = 50
POLICY = Policy(PolicyFile(version="test", sources={"radar": SourceRules(most_tracks=MOST)}))


@pytest.fixture
def tracker() -> Tracker:
    """Return a tracker whose source may have fifty tracks."""
    airspace = Airspace(ZoneSet((zone("AA", (20, 50, 22, 51)),), VERSION))
    return Tracker(airspace, Environment.EXERCISE, POLICY)


def at(track_id: str, seconds: float, lon: float = 5.0) -> Report:
    """Return a report of a track, far from any other by the latitude that its name gives."""
    lat = 30.0 + int.from_bytes(track_id.encode()) % 1_999 * 0.01
    time = from_ms(T0_MS + round(seconds * 1000))
    return report(time=time, track_id=track_id, lat=lat, lon=lon)


def judged(tracker: Tracker, reports: Sequence[Report]) -> FrameResult:
    return tracker.process(frame_of(reports, key="radar"))


def numbers(tracker: Tracker) -> set[str]:
    """Return the numbers of the tracks that are remembered."""
    (source,) = tracker.export_state().values()
    return set(source.tracks)


def test_invented_numbers_are_left_out_and_told_once(tracker: Tracker) -> None:
    """However many come; each report is counted."""
    results = [
        judged(tracker, [at(f"I{frame}-{number}", frame) for number in range(200)])
        for frame in range(3)
    ]
    assert len(numbers(tracker)) == MOST
    assert sum(len(result.refused) for result in results) == 1
    assert results[0].refused[0].reason_class == "limit"
    left_out = sum(sum(result.left_out.values()) for result in results)
    assert left_out == 3 * 200 - MOST


def test_what_is_followed_is_judged_on(tracker: Tracker) -> None:
    """A track that was there before the flood moves on with its reports."""
    judged(tracker, [at("T1", 0)])
    judged(tracker, [at(f"I{number}", 1) for number in range(200)])
    judged(tracker, [at("T1", 2, lon=5.001)])
    (source,) = tracker.export_state().values()
    assert source.tracks["T1"].observation.time_ms == T0_MS + 2_000


def test_what_was_lost_makes_room(tracker: Tracker) -> None:
    """Invented numbers that were never seen again keep no drone from being followed."""
    judged(tracker, [at(f"I{number}", 0) for number in range(200)])
    judged(tracker, [at("T1", 100)])
    assert "T1" in numbers(tracker)
    assert len(numbers(tracker)) <= MOST
