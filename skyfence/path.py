"""Where a track's path changes sides: exact transitions along the legs between two reports.

A transition is a change between outside and inside that lasts: touching a border, or running along
it, is none. The side at a leg's end is the point's own, so that a track's state never drifts from
what a brute-force test of the point would say. A leg that clips a corner yields two transitions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from skyfence.airspace import Airspace, Side
from skyfence.geodesy import Leg


@dataclass(frozen=True, order=True)
class Transition:
    """The path enters or leaves one area at ``fraction`` (0..1) of the segment's time."""

    fraction: float
    entered: bool  # leaving sorts before entering at the same instant
    area: int
    lon: float
    lat: float


def leg_transitions(
    airspace: Airspace, leg: Leg, met: Mapping[int, list[int]], inside: set[int]
) -> list[Transition]:
    """Return the transitions along one leg, in order, and bring ``inside`` up to its end.

    ``met`` holds the areas whose border the leg meets, with the border pieces it meets.
    """
    found: list[Transition] = []
    for area, pieces in met.items():
        found += _area_transitions(airspace, leg, area, pieces, area in inside)
    for transition in sorted(found):
        (inside.add if transition.entered else inside.discard)(transition.area)
    return sorted(found)


def _area_transitions(
    airspace: Airspace, leg: Leg, area: int, pieces: list[int], was_inside: bool
) -> list[Transition]:
    found: list[Transition] = []
    bounds = [0.0, *airspace.cuts(leg, pieces), 1.0]
    now_inside = was_inside
    for start, end in pairwise(bounds):
        side = _side_of_stretch(airspace, leg, area, start, end)
        if side is Side.BORDER or (side is Side.INSIDE) == now_inside:
            continue
        now_inside = not now_inside
        lon, lat = _point(leg, start)
        fraction = leg.start + start * (leg.end - leg.start)
        found.append(Transition(fraction, now_inside, area, lon, lat))
    return found


def _side_of_stretch(airspace: Airspace, leg: Leg, area: int, start: float, end: float) -> Side:
    """Return the side of the open stretch between two cuts, by its end or its middle."""
    if end == 1.0:
        side = airspace.side(area, leg.lon1, leg.lat1)
        if side is not Side.BORDER:
            return side
    if start == end:
        return Side.BORDER  # no stretch: the state stays as it was
    return airspace.side(area, *_point(leg, (start + end) / 2))


def _point(leg: Leg, share: float) -> tuple[float, float]:
    return (
        leg.lon0 + share * (leg.lon1 - leg.lon0),
        leg.lat0 + share * (leg.lat1 - leg.lat0),
    )
