"""The recordings: valid reports, flyable paths, and the crossings that their README tells of."""

import json
import subprocess
import sys
from bisect import bisect_left
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path

import pytest
import shapely
from repository import ROOT
from shapely.geometry.base import BaseGeometry

from skyfence.airspace.airspace import protected_outline
from skyfence.contracts.report import Report
from skyfence.geometry.geodesy import distance_m
from skyfence.zones.zone_file import ZoneSet, parse_zones, zone_set

RECORDINGS = ROOT / "recordings"
LATVIA, ROMANIA = NAMES = ("latvia-2024-09-07", "romania-2024-09-08")
DRONES = {LATVIA: "T0417", ROMANIA: "T0423"}
GAIGALAVA = (27.07, 56.73)


@cache
def zones() -> ZoneSet:
    names = ("countries", "regions")
    files = [(ROOT / "geodata" / f"{name}.geojson").read_text(encoding="utf-8") for name in names]
    return zone_set([parse_zones(json.loads(text), "zones") for text in files])


def area_of(zone_id: str) -> BaseGeometry:
    [area] = [zone.area for zone in zones().zones if zone.id == zone_id]
    return area


@cache
def outline() -> BaseGeometry:
    union = protected_outline(zones().zones)
    assert union is not None
    return union


@cache
def reports(name: str) -> list[Report]:
    text = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8")
    return [Report.model_validate_json(line) for line in text.splitlines()]


@cache
def tracks(name: str) -> dict[str, list[Report]]:
    ordered = sorted(reports(name), key=lambda report: report.track_id)  # stable: times stay sorted
    return {key: list(group) for key, group in groupby(ordered, key=lambda report: report.track_id)}


def drone(name: str) -> list[Report]:
    return tracks(name)[DRONES[name]]


def path(track: list[Report]) -> shapely.LineString:
    return shapely.LineString([(report.lon, report.lat) for report in track])


def seconds_between(first: Report, second: Report) -> float:
    return (second.time - first.time).total_seconds()


def metres_between(first: Report, second: Report) -> float:
    return distance_m(first.lon, first.lat, second.lon, second.lat)


def visits(track: list[Report]) -> list[str]:
    """Return the zones that a path meets, one entry for each stretch inside, in any order."""
    line = path(track)
    visited = []
    for zone in zones().zones:
        inside = shapely.line_merge(shapely.intersection(line, zone.area))
        visited += [zone.id] * (0 if inside.is_empty else shapely.get_num_geometries(inside))
    return sorted(visited)


@pytest.mark.parametrize("name", NAMES)
def test_sorted_and_continuous(name: str) -> None:
    """Reports are sorted by time, come from one source, and never pause for ten seconds."""
    gaps = [seconds_between(first, second) for first, second in pairwise(reports(name))]
    assert min(gaps) >= 0
    assert max(gaps) <= 10
    assert 15 * 60 <= sum(gaps) <= 40 * 60
    assert len({report.source for report in reports(name)}) == 1
    assert not any(report.simulated for report in reports(name))


@pytest.mark.parametrize("name", NAMES)
def test_drone_spacing(name: str) -> None:
    """The drone is reported every one to four seconds."""
    gaps = [seconds_between(first, second) for first, second in pairwise(drone(name))]
    assert min(gaps) >= 1
    assert max(gaps) <= 4


@pytest.mark.parametrize("name", NAMES)
def test_drone_speed(name: str) -> None:
    """Over any twenty seconds the drone's reports move at 50 m/s, give or take 10."""
    track = drone(name)
    since = [seconds_between(track[0], report) for report in track]
    for index, start in enumerate(since):
        later = bisect_left(since, start + 20)
        if later < len(track):
            speed = metres_between(track[index], track[later]) / (since[later] - start)
            assert 40 <= speed <= 60, track[index].time


def test_latvia_route() -> None:
    """The drone goes from Belarus through two Latvian regions, entering each once."""
    assert visits(drone(LATVIA)) == ["BY", "LV", "LV-047", "LV-077"]


def test_latvia_depth_and_loss() -> None:
    """More than 50 km inside Latvia, in Gaigalava, the record stops though the feed goes on."""
    track = drone(LATVIA)
    latvia = area_of("LV")
    entered = next(
        report for report in track if shapely.contains_xy(latvia, report.lon, report.lat)
    )
    last = track[-1]
    assert metres_between(entered, last) > 50_000
    assert distance_m(last.lon, last.lat, *GAIGALAVA) < 300
    assert last.phase == "confirmed"
    assert seconds_between(last, reports(LATVIA)[-1]) > 120


def test_romania_route() -> None:
    """The drone enters Tulcea county once, and leaves it once to where it came from."""
    assert visits(drone(ROMANIA)) == ["RO", "RO-TL", "UA", "UA", "UA-51", "UA-51"]


def test_romania_exit_and_end() -> None:
    """After its exit the drone is tracked over Ukraine for four minutes, and then it ends."""
    track = drone(ROMANIA)
    romania = area_of("RO")
    inside = [report for report in track if shapely.contains_xy(romania, report.lon, report.lat)]
    assert seconds_between(inside[-1], track[-1]) > 240
    assert [report.phase for report in track].index("ended") == len(track) - 1


@pytest.mark.parametrize("name", NAMES)
def test_other_traffic_crosses_nothing(name: str) -> None:
    """Every other track stays inside the members' airspace or outside, and some do each."""
    others = [track for key, track in tracks(name).items() if key != DRONES[name]]
    inside = [outline().covers(path(track)) for track in others]
    outside = [outline().disjoint(path(track)) for track in others]
    assert all(is_in != is_out for is_in, is_out in zip(inside, outside, strict=True))
    assert 4 <= len(others) <= 6
    assert 0 < sum(inside) < len(others)


def test_reproducible(tmp_path: Path) -> None:
    """The script that made the recordings makes the same bytes again."""
    script = RECORDINGS / "reconstruct.py"
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True)
    for name in NAMES:
        made, kept = (place / f"{name}.jsonl" for place in (tmp_path, RECORDINGS))
        assert made.read_bytes() == kept.read_bytes()
