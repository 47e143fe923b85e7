"""The naive detector that the engine is measured against: point in polygon, report by report.

It goes by order of arrival, remembers nothing of a track but on which side it saw it last, and says
``enter`` or ``exit`` when that changes. It takes every report at its word, late and wild ones too,
and predicts nothing: what a plain geofence does.
"""

from dataclasses import dataclass
from typing import Literal

import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.frame import Frame


@dataclass(frozen=True)
class Seen:
    """A track was seen on the other side; the place and time are the report's."""

    what: Literal["enter", "exit"]
    track_id: str
    time_ms: int
    lon: float
    lat: float


class Naive:
    """Judges frames against one area, in order of arrival."""

    def __init__(self, area: BaseGeometry) -> None:
        self._area = area
        shapely.prepare(area)
        self._inside: dict[tuple[str, str], bool] = {}

    def take(self, frame: Frame) -> list[Seen]:
        """Judge one frame. A track that is first seen inside has entered."""
        found: list[Seen] = []
        held = shapely.contains_xy(self._area, frame.lons, frame.lats).tolist()
        for row, (track_id, inside) in enumerate(zip(frame.track_ids, held, strict=True)):
            key = (frame.run, track_id)
            if inside != self._inside.get(key, False):
                found.append(_seen(frame, row, inside=inside))
            self._inside[key] = inside
        if frame.last:
            self._inside = {key: held for key, held in self._inside.items() if key[0] != frame.run}
        return found


def _seen(frame: Frame, row: int, *, inside: bool) -> Seen:
    return Seen(
        "enter" if inside else "exit",
        frame.track_ids[row],
        int(frame.times_ms[row]),
        float(frame.lons[row]),
        float(frame.lats[row]),
    )
