"""The naive detector that the engine is measured against: point in polygon, report by report.

It takes reports in order of arrival, remembers only the side on which it last saw each track, and
says ``enter`` or ``exit`` when that changes. It believes every report, late and wild ones too, and
predicts nothing: it is a simple geofence.
"""

from dataclasses import dataclass
from typing import Literal

import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.frames.frame import Frame


@dataclass(frozen=True)
class NaiveSighting:
    """A track was seen on the other side; the place and time are the report's.

    ``known_ms`` is when it could be known: the time of the track's latest report that had arrived,
    which may be later than the report's own time if that came late.
    """

    change: Literal["enter", "exit"]
    track_id: str
    time_ms: int
    known_ms: int
    lon: float
    lat: float


class Naive:
    """Judges frames against one area, in order of arrival."""

    def __init__(self, area: BaseGeometry) -> None:
        self._area = area
        shapely.prepare(area)
        self._last: dict[tuple[str, str], tuple[bool, int]] = {}  # inside, latest report

    def take(self, frame: Frame) -> list[NaiveSighting]:
        """Judge one frame. A track that is first seen inside has entered."""
        sightings: list[NaiveSighting] = []
        held = shapely.contains_xy(self._area, frame.lons, frame.lats).tolist()
        for row, (track_id, inside) in enumerate(zip(frame.track_ids, held, strict=True)):
            key = (frame.run, track_id)
            was_inside, latest_ms = self._last.get(key, (False, 0))
            latest_ms = max(latest_ms, int(frame.times_ms[row]))
            if inside != was_inside:
                sightings.append(_seen(frame, row, latest_ms, inside=inside))
            self._last[key] = inside, latest_ms
        if frame.last:
            self._last = {key: held for key, held in self._last.items() if key[0] != frame.run}
        return sightings


def _seen(frame: Frame, row: int, known_ms: int, *, inside: bool) -> NaiveSighting:
    return NaiveSighting(
        change="enter" if inside else "exit",
        track_id=frame.track_ids[row],
        time_ms=int(frame.times_ms[row]),
        known_ms=known_ms,
        lon=float(frame.lons[row]),
        lat=float(frame.lats[row]),
    )
