"""What the simulation knows: which objects there were, and where each of them was.

``truth.json`` has the objects of each recording, their crossings and the regions that they were
over; the recording itself has where each was seen. Neither says what skyfence should have told.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.contracts.report import Report
from skyfence.geometry.geodesy import metres_per_degree
from skyfence.naming import ALLIANCE
from skyfence.times import to_ms
from skyfence.zones.zone_file import ZoneSet

TRUTH: Final = Path(__file__).with_name("truth.json")
# A sighting is over a place for sure when it is this many sigma inside on all four sides.
_SIGMAS: Final = 3.0
_SIGMA_UNSAID_M: Final = 150.0


@dataclass(frozen=True)
class TrueObject:
    """An object of a recording, times in milliseconds.

    ``inside`` holds for each nation when the object was there (from, to); ``entered`` when it was
    first over a region, to ten seconds.
    """

    name: str
    begin_ms: int
    end_ms: int
    inside: dict[str, tuple[tuple[int, int], ...]]
    entered: dict[str, int]


@cache
def true_objects(recording: str) -> tuple[TrueObject, ...]:
    """Return the objects of a recording; none if it is all clutter, or a case without truth."""
    document = json.loads(TRUTH.read_text())
    return tuple(_object(name, said) for name, said in document.get(recording, {}).items())


def first_entry_ms(recording: str, place: str) -> int:
    """Return when the first object was over a region or a nation; raise ``ValueError`` if never."""
    entries = [
        entered
        for each in true_objects(recording)
        for entered in (
            *([each.entered[place]] if place in each.entered else []),
            *(start for start, _ in each.inside.get(place, ())),
        )
    ]
    return min(entries)


def _object(name: str, said: dict[str, object]) -> TrueObject:
    begin_ms, end_ms = _ms(said["begin"]), _ms(said["end"])
    inside: dict[str, list[tuple[int, int]]] = defaultdict(list)
    events = said["events"]
    assert isinstance(events, list)
    since: dict[str, int] = {}
    for kind, at, nations in events:
        for nation in nations:
            if kind == "enter":
                since[nation] = _ms(at)
            else:
                inside[nation].append((since.pop(nation, begin_ms), _ms(at)))
    for nation, start_ms in since.items():
        inside[nation].append((start_ms, end_ms))
    regions = said["regions"]
    assert isinstance(regions, list)
    return TrueObject(
        name=name,
        begin_ms=begin_ms,
        end_ms=end_ms,
        inside={nation: tuple(spans) for nation, spans in inside.items()},
        entered={region: _ms(at) for region, at in regions},
    )


def _ms(text: object) -> int:
    return to_ms(datetime.fromisoformat(str(text)))


class Presence:
    """Where the tracks of a recording were seen, by place."""

    def __init__(self, reports: Iterable[Report], zones: ZoneSet) -> None:
        kept = [report for report in reports if report.phase not in ("coasting", "ended")]
        self._zones = zones
        self._times_ms = np.array([to_ms(report.time) for report in kept], np.int64)
        self._tracks = np.array([report.track_id for report in kept], dtype=object)
        self._lons = np.array([report.lon for report in kept])
        self._lats = np.array([report.lat for report in kept])
        self._margins_m = _SIGMAS * np.array(
            [report.accuracy_m or _SIGMA_UNSAID_M for report in kept]
        )
        self._over: dict[str, npt.NDArray[np.bool_]] = {}

    def over(self, place: str, from_ms: int, to_ms: int, but: Iterable[str] = ()) -> list[str]:
        """Return the tracks seen over a place for sure within a span of time, save some."""
        chosen = self._is_over(place) & (self._times_ms >= from_ms) & (self._times_ms <= to_ms)
        return sorted(set(self._tracks[chosen]) - set(but))

    def position_at(self, at_ms: int) -> list[tuple[float, float]]:
        """Return where the tracks were seen last (lon, lat), in the two minutes up to a time."""
        recent = (self._times_ms <= at_ms) & (self._times_ms > at_ms - 120_000)
        last = {
            track: (float(lon), float(lat))
            for track, lon, lat in zip(
                self._tracks[recent], self._lons[recent], self._lats[recent], strict=True
            )
        }
        return list(last.values())

    @property
    def end_ms(self) -> int:
        """Return the time of the last sighting."""
        return int(self._times_ms.max())

    @property
    def begin_ms(self) -> int:
        """Return the time of the first sighting."""
        return int(self._times_ms.min())

    @property
    def regions(self) -> list[str]:
        """Return the regions of members over which something was seen for sure."""
        regions = {zone.id for zone in self._zones.zones if zone.is_region}
        return [place for place in self.places if place in regions]

    @property
    def places(self) -> list[str]:
        """Return the regions and nations of members over which something was seen for sure."""
        names = {
            zone.id if zone.is_region else zone.nation
            for zone in self._zones.zones
            if zone.properties.nato
        }
        return sorted(name for name in names if self._is_over(name).any())

    def _is_over(self, place: str) -> npt.NDArray[np.bool_]:
        if place not in self._over:
            over = np.zeros(len(self._times_ms), np.bool_)
            for zone in self._zones.zones:
                is_meant = (
                    zone.is_protected and place in (ALLIANCE, zone.nation)
                ) or zone.id == place
                if is_meant:
                    over |= self._within(zone.area)
            self._over[place] = over
        return self._over[place]

    def _within(self, area: BaseGeometry) -> npt.NDArray[np.bool_]:
        west, south, east, north = area.bounds
        near = (
            (self._lons >= west)
            & (self._lons <= east)
            & (self._lats >= south)
            & (self._lats <= north)
        )
        if near.any():
            shapely.prepare(area)
            rows = np.flatnonzero(near)
            per_lon, per_lat = metres_per_degree(float(self._lats[rows].mean()))
            margin = self._margins_m[rows]
            for east_m, north_m in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
                near[rows] &= shapely.contains_xy(
                    area,
                    self._lons[rows] + east_m * margin / per_lon,
                    self._lats[rows] + north_m * margin / per_lat,
                )
        return np.asarray(near)
