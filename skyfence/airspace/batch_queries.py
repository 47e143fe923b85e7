"""What judging a frame will ask of the airspace, asked for all of its rows at once.

Rows are judged one by one, and each asks what its way cuts and how far the protected border is.
Twenty ways or places take hardly longer than one, so both are asked beforehand. Answers stand under
the very numbers that were asked, and what nobody foresaw is asked when it comes up: this changes
how fast an answer comes, never what it is.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.geodesy import SHORT_LAT_DEG, SHORT_LON_DEG
from skyfence.geometry.proper_intersections import Cuts

QueryPoint = tuple[float, float]  # longitude, latitude
Segment = tuple[float, float, float, float]  # of both ends


class BatchedBorderQueries:
    """Answers of an airspace, kept while one frame is judged."""

    def __init__(self, airspace: Airspace) -> None:
        self._airspace = airspace
        self._cuts: dict[Segment, Cuts | None] = {}
        self._borders: dict[QueryPoint, tuple[float, float]] = {}

    def forget(self) -> None:
        """Begin a frame."""
        self._cuts.clear()
        self._borders.clear()

    def note(self, way: Segment, cuts: Cuts) -> None:
        """Keep what a way cuts plainly, where somebody has found that out already."""
        self._cuts[way] = cuts

    def look(self, ways: Iterable[Segment], places: Sequence[QueryPoint]) -> None:
        """Find out what ways cut, and how far the protected border is from places."""
        short = [way for way in ways if _is_short(way)]  # longer ones are more than one leg
        if short:
            cuts = self._airspace.proper_intersections(np.array(short))
            self._cuts.update(zip(short, cuts, strict=True))
        self._borders.update(zip(places, self._airspace.protected_borders(places), strict=True))

    def cuts(self, way: Segment) -> Cuts | None:
        """Return what a way cuts, or None where it is not plain or nobody has asked."""
        return self._cuts.get(way)

    def protected_border(self, lon: float, lat: float) -> tuple[float, float]:
        """Return what ``Airspace.protected_border`` does."""
        border = self._borders.get((lon, lat))
        return self._airspace.protected_border(lon, lat) if border is None else border

    def border_distances_m(self, areas: Sequence[int], lon: float, lat: float) -> list[float]:
        """Return how far the border of each area is from a place, metres."""
        outer = self._airspace.outer_area
        zones = [area for area in areas if area != outer]
        measured_m = self._airspace.border_distances_m(zones, [(lon, lat)] * len(zones))
        distances_m = dict(zip(zones, measured_m, strict=True))
        if outer is not None and outer in areas:
            distances_m[outer] = self.protected_border(lon, lat)[0]
        return [distances_m[area] for area in areas]


def _is_short(way: Segment) -> bool:
    return abs(way[2] - way[0]) < SHORT_LON_DEG and abs(way[3] - way[1]) < SHORT_LAT_DEG
