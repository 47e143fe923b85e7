"""Answers about borders for all reports of a frame, fetched in a few batches.

Reports are judged one by one. Each needs to know which borders its segment cuts and how far the
protected border is from it, and asking for twenty at once takes hardly longer than asking for one.
So the answers are fetched before the frame is judged, and looked up by the exact numbers asked for.
What was not fetched is asked of the airspace when it is needed: prefetching changes how fast an
answer comes, never the answer.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.geodesy import SHORT_LAT_DEG, SHORT_LON_DEG
from skyfence.geometry.proper_intersections import Cuts

QueryPoint = tuple[float, float]  # lon, lat, degrees
Segment = tuple[float, float, float, float]  # lon0, lat0, lon1, lat1, degrees


class BatchedBorderQueries:
    """A cache of an airspace's answers for one frame."""

    def __init__(self, airspace: Airspace) -> None:
        self._airspace = airspace
        self._cuts: dict[Segment, Cuts | None] = {}
        self._borders: dict[QueryPoint, tuple[float, float]] = {}

    def clear(self) -> None:
        """Drop all answers, before a new frame."""
        self._cuts.clear()
        self._borders.clear()

    def add_cuts(self, segment: Segment, cuts: Cuts) -> None:
        """Keep an answer that is known already: what a segment properly cuts."""
        self._cuts[segment] = cuts

    def prefetch(self, segments: Iterable[Segment], places: Sequence[QueryPoint]) -> None:
        """Fetch what short segments cut, and how far the protected border is from places."""
        short = [segment for segment in segments if _is_short(segment)]  # others have several legs
        if short:
            cuts = self._airspace.proper_intersections(np.array(short))
            self._cuts.update(zip(short, cuts, strict=True))
        self._borders.update(zip(places, self._airspace.protected_borders(places), strict=True))

    def cuts(self, segment: Segment) -> Cuts | None:
        """Return what a segment cuts, or None where it is not clear or was not fetched."""
        return self._cuts.get(segment)

    def protected_border(self, lon: float, lat: float) -> tuple[float, float]:
        """Return what ``Airspace.protected_border`` does."""
        border = self._borders.get((lon, lat))
        return self._airspace.protected_border(lon, lat) if border is None else border

    def border_distances_m(self, areas: Sequence[int], lon: float, lat: float) -> list[float]:
        """Return the distance from a place to the border of each area, metres.

        Unlike ``Airspace.border_distances_m``, ``areas`` may include ``outer_area``.
        """
        outer = self._airspace.outer_area
        zones = [area for area in areas if area != outer]
        measured_m = self._airspace.border_distances_m(zones, [(lon, lat)] * len(zones))
        distances_m = dict(zip(zones, measured_m, strict=True))
        if outer is not None and outer in areas:
            distances_m[outer] = self.protected_border(lon, lat)[0]
        return [distances_m[area] for area in areas]


def _is_short(segment: Segment) -> bool:
    """Tell whether a segment is a single leg for sure; see ``geodesy.legs``."""
    lon0, lat0, lon1, lat1 = segment
    return abs(lon1 - lon0) < SHORT_LON_DEG and abs(lat1 - lat0) < SHORT_LAT_DEG
