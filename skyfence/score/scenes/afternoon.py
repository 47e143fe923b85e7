"""What a good engineer would write in an afternoon: debounce, and a straight look-ahead.

A track is over a place when three reports in a row say so, and not any more when three do not. It
heads for a place when the line of its speed and course, ten minutes long, leads over it, three
reports in a row. A place is at shelter while a track is over it, at prepare while one heads for it,
and all clear when neither; a track that is silent for a minute is forgotten. Each change of a
place's level rings. It knows no evidence, no identity beyond a callsign, no objects, no episodes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import shapely

from skyfence.contracts.alert import PlaceKind, PlaceLevel
from skyfence.contracts.report import Report
from skyfence.naming import ALLIANCE
from skyfence.score.scenes.frontier import moved
from skyfence.score.scenes.told import PlaceMessage, Told
from skyfence.times import to_ms
from skyfence.zones.zone_file import Zone, ZoneSet

DEBOUNCE: Final = 3
LOOK_AHEAD_S: Final = 600.0
_STEPS: Final = 21  # points along the look-ahead, every half minute
_SILENT_MS: Final = 60_000
_SHELTER, _PREPARE, _CLEAR = 2, 1, 0
_LEVELS: Final[Sequence[PlaceLevel]] = ("clear", "prepare", "shelter")


@dataclass
class _Debounced:
    """A fact about a track and a place, and how many reports in a row have contradicted it."""

    level: int = _CLEAR
    candidate: int = _CLEAR
    count: int = 0
    minutes_left: int | None = None

    def take(self, level: int, minutes_left: int | None) -> None:
        self.count = self.count + 1 if level == self.candidate else 1
        self.candidate = level
        if self.count >= DEBOUNCE:
            self.level, self.minutes_left = level, minutes_left


@dataclass
class _Track:
    seen_ms: int = 0
    places: dict[str, _Debounced] = field(default_factory=lambda: defaultdict(_Debounced))


class AfternoonDetector:
    """Judges one scene after the other."""

    def __init__(self, zones: ZoneSet) -> None:
        self._zones = [zone for zone in zones.zones if zone.properties.nato]
        self._tree = shapely.STRtree([zone.area for zone in self._zones])
        for zone in self._zones:
            shapely.prepare(zone.area)

    def judge(self, reports: Iterable[Report]) -> Told:
        """Return what it tells of a scene's reports."""
        tracks: dict[str, _Track] = defaultdict(_Track)
        told: dict[str, int] = {}
        messages: list[PlaceMessage] = []
        violators: set[str] = set()
        at_ms = 0
        for report in reports:
            if report.callsign is not None:
                continue
            at_ms = to_ms(report.time)
            for name in [
                name for name, each in tracks.items() if at_ms - each.seen_ms > _SILENT_MS
            ]:
                del tracks[name]
            track = tracks[report.track_id]
            track.seen_ms = at_ms
            self._take(track, report)
            if any(each.level == _SHELTER for each in track.places.values()):
                violators.add(report.track_id)
            messages += _changes(told, tracks, at_ms)
        messages += _changes(told, {}, at_ms + _SILENT_MS)
        return Told(tuple(messages), len(violators))

    def _take(self, track: _Track, report: Report) -> None:
        """Take in a report: where its track is, and where its course leads."""
        reached = self._reached(report)
        for place in track.places.keys() | reached.keys():
            step = reached.get(place)
            level = _CLEAR if step is None else _SHELTER if step == 0 else _PREPARE
            minutes = None if step is None else int(step * LOOK_AHEAD_S / (_STEPS - 1) // 60.0)
            track.places[place].take(level, minutes)

    def _reached(self, report: Report) -> dict[str, int]:
        """Return the first step along the look-ahead that lies over each place."""
        reach_m = (report.ground_speed_mps or 0.0) * LOOK_AHEAD_S
        end = moved(report.lon, report.lat, report.course_deg or 0.0, reach_m)
        shares = np.linspace(0.0, 1.0, _STEPS)
        lons = report.lon + shares * (end[0] - report.lon)
        lats = report.lat + shares * (end[1] - report.lat)
        line = shapely.box(lons.min(), lats.min(), lons.max(), lats.max())
        reached: dict[str, int] = {}
        for index in self._tree.query(line).tolist():
            zone = self._zones[index]
            over = np.flatnonzero(shapely.contains_xy(zone.area, lons, lats))
            if len(over):
                for place in _places_of(zone):
                    reached[place] = min(int(over[0]), reached.get(place, _STEPS))
        return reached


def _places_of(zone: Zone) -> tuple[str, ...]:
    return (zone.id,) if zone.is_region else (zone.nation, ALLIANCE)


def _changes(told: dict[str, int], tracks: dict[str, _Track], at_ms: int) -> Iterator[PlaceMessage]:
    """Yield a message for each place whose level has changed; ``told`` holds the levels told."""
    levels: dict[str, tuple[int, int | None]] = dict.fromkeys(told, (_CLEAR, None))
    for track in tracks.values():
        for place, each in track.places.items():
            if each.level > levels.get(place, (_CLEAR, None))[0]:
                levels[place] = each.level, each.minutes_left
    for place, (level, minutes_left) in levels.items():
        if level != told.get(place, _CLEAR):
            told[place] = level
            yield PlaceMessage(
                at_ms, place, _kind_of(place), _LEVELS[level], minutes_left, sounds=True
            )


def _kind_of(place: str) -> PlaceKind:
    if place == ALLIANCE:
        return "alliance"
    return "region" if "-" in place else "nation"
