"""Where a track's path changes sides: exact transitions along the legs between two reports.

A transition is a change between outside and inside that lasts: touching a border, or running along
it, is none. The side at a leg's end is the point's own, so that a track's state never drifts from
what a brute-force test of the point would say. A leg that clips a corner yields two transitions.
"""

from collections.abc import Iterator, Mapping
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
    now_inside = was_inside
    for start, side in _sides(airspace, leg, area, pieces):
        if side is Side.BORDER or (side is Side.INSIDE) == now_inside:
            continue
        now_inside = not now_inside
        fraction = leg.start + start * (leg.end - leg.start)
        if found and found[-1].fraction == fraction:
            found.pop()  # there and back in no time
        else:
            found.append(Transition(fraction, now_inside, area, *_point(leg, start)))
    return found


def _sides(
    airspace: Airspace, leg: Leg, area: int, pieces: list[int]
) -> Iterator[tuple[float, Side]]:
    """Yield where each stretch between two cuts begins, and its side."""
    bounds = [0.0, *airspace.cuts(leg, pieces), 1.0]
    for start, end in pairwise(bounds[:-1]):
        yield start, _side_of_middle(airspace, leg, area, (start + end) / 2)
    last = airspace.side(area, leg.lon1, leg.lat1)  # the end's own side, though it be a hair's
    if last is Side.BORDER:
        last = _side_of_middle(airspace, leg, area, (bounds[-2] + 1.0) / 2)
    yield bounds[-2], last
    if leg.wraps and airspace.side(area, -leg.lon1, leg.lat1) is Side.OUTSIDE:
        yield 1.0, Side.OUTSIDE  # the next leg begins where nothing of this area is


def _side_of_middle(airspace: Airspace, leg: Leg, area: int, share: float) -> Side:
    middle = _point(leg, share)
    # Along a sloping border, or between two cuts at one vertex, rounding puts it on either side.
    if airspace.is_at_border(area, *middle):
        return Side.BORDER
    return airspace.side(area, *middle)


def _point(leg: Leg, share: float) -> tuple[float, float]:
    return (
        leg.lon0 + share * (leg.lon1 - leg.lon0),
        leg.lat0 + share * (leg.lat1 - leg.lat0),
    )
