"""Where a track's path changes sides: exact transitions along the legs between two reports.

A transition is a change between outside and inside that lasts: touching a border, or running along
it, is none. The side at a leg's end is the point's own, so that a track's state never drifts from
what a brute-force test of the point would say. A leg that clips a corner yields two transitions.

An area with limits is entered where outline and limits both hold: a path that climbs through the
floor, or is there when the zone becomes valid, enters like one that crosses the outline.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.geodesy import Leg
from skyfence.geometry.proper_intersections import Cuts
from skyfence.zones.limits import Profile, Side, both


@dataclass(frozen=True, order=True)
class Transition:
    """The path enters or leaves one area at ``fraction`` (0..1) of the segment's time."""

    fraction: float
    entered: bool  # leaving sorts before entering at the same instant
    area: int
    lon: float
    lat: float


def path_transitions(
    airspace: Airspace,
    legs: Sequence[Leg],
    inside: set[int],
    profile: Profile | None = None,
    known: Cuts | None = None,
) -> list[Transition]:
    """Return the transitions along all legs of a segment, in order; see ``leg_transitions``.

    ``known`` is what a single leg cuts plainly, where somebody has found that out already.
    """
    limits = frozenset() if profile is None else airspace.limits.keys()
    cuts = [known] if known is not None and len(legs) == 1 else _cuts_of(airspace, legs)
    plain = {
        number: leg_cuts
        for number, (leg, leg_cuts) in enumerate(zip(legs, cuts, strict=True))
        if leg_cuts is not None and not (limits and _meets_limits(airspace, leg, leg_cuts))
    }
    close = [number for number in range(len(legs)) if number not in plain]
    met = airspace.met_by([legs[number] for number in close])
    transitions: list[Transition] = []
    for number, leg in enumerate(legs):
        if number in plain:
            transitions += _plain_transitions(leg, plain[number], inside)
        else:
            pieces = met.get(close.index(number), {})
            transitions += leg_transitions(airspace, leg, pieces, inside, profile)
    return transitions


def _meets_limits(airspace: Airspace, leg: Leg, cuts: Cuts) -> bool:
    """Tell whether a plain leg is anywhere in an area whose limits may begin or end to hold."""
    held = airspace.covering(leg.lon0, leg.lat0)
    return not airspace.limits.keys().isdisjoint({*held, *(area for _, area in cuts)})


def _cuts_of(airspace: Airspace, legs: Sequence[Leg]) -> list[Cuts | None]:
    """Return what is cut plainly on each leg, None where one must be looked at closer."""
    ends = np.array([(leg.lon0, leg.lat0, leg.lon1, leg.lat1) for leg in legs])
    cuts = airspace.proper_intersections(ends.reshape(-1, 4))
    return [None if leg.wraps else leg_cuts for leg, leg_cuts in zip(legs, cuts, strict=True)]


def _plain_transitions(leg: Leg, cuts: Cuts, inside: set[int]) -> list[Transition]:
    """Return the transitions where a leg cuts borders plainly: each changes its area's side."""
    transitions = []
    for share, area in cuts:
        fraction = leg.start + share * (leg.end - leg.start)
        transitions.append(Transition(fraction, area not in inside, area, *_point(leg, share)))
    for transition in transitions:
        (inside.add if transition.entered else inside.discard)(transition.area)
    return sorted(transitions)


def leg_transitions(
    airspace: Airspace,
    leg: Leg,
    met: Mapping[int, list[int]],
    inside: set[int],
    profile: Profile | None = None,
) -> list[Transition]:
    """Return the transitions along one leg, in order, and bring ``inside`` up to its end.

    ``met`` holds the areas whose border the leg meets, with the border pieces it meets. ``profile``
    is that of the whole segment; without one, limits of height and time are not looked at.
    """
    transitions: list[Transition] = []
    areas = dict(met)
    if profile is not None and airspace.limits:  # what changes, though no border is met
        held = airspace.covering(leg.lon0, leg.lat0) & airspace.limits.keys()
        areas |= {area: [] for area in held - met.keys()}
    for area, pieces in areas.items():
        crossed = _Area(airspace, leg, area, pieces, profile)
        transitions += _area_transitions(crossed, area in inside)
    for transition in sorted(transitions):
        (inside.add if transition.entered else inside.discard)(transition.area)
    return sorted(transitions)


class _Area:
    """One area as one leg meets it: the border pieces, and the limits that are to be kept."""

    def __init__(
        self, airspace: Airspace, leg: Leg, index: int, pieces: list[int], profile: Profile | None
    ) -> None:
        self.leg = leg
        self.index = index
        self._airspace = airspace
        self._pieces = pieces
        self._profile = profile
        self._limits = None if profile is None else airspace.limits.get(index)

    def cuts(self) -> list[float]:
        """Return where on the leg the side may change, as fractions 0..1 of it, ascending."""
        cuts = self._airspace.cuts(self.leg, self._pieces)
        start, span = self.leg.start, self.leg.end - self.leg.start
        if self._limits is None or self._profile is None or span <= 0.0:
            return cuts
        shares = [(at - start) / span for at in self._limits.cuts(self._profile)]
        return sorted({*cuts, *(share for share in shares if 0.0 <= share <= 1.0)})

    def side_at(self, share: float) -> Side:
        """Return the side of a place between two cuts."""
        place = _point(self.leg, share)
        # Along a sloping border, or between two cuts at one vertex, rounding puts it on either.
        at_border = self._airspace.is_at_border(self.index, *place)
        side = Side.BORDER if at_border else self._airspace.side(self.index, *place)
        return self._limited(side, self.leg.start + share * (self.leg.end - self.leg.start))

    def side_at_end(self) -> Side:
        """Return the side of the leg's end itself, though it be inside by a hair."""
        side = self._airspace.side(self.index, self.leg.lon1, self.leg.lat1)
        return self._limited(side, self.leg.end)

    def ends_at_cut(self) -> bool:
        """Tell whether the leg ends at the antimeridian and nothing of the area is beyond."""
        if not self.leg.wraps:
            return False
        beyond = self._airspace.side(self.index, -self.leg.lon1, self.leg.lat1)
        return beyond is Side.OUTSIDE

    def _limited(self, side: Side, fraction: float) -> Side:
        if self._limits is None or self._profile is None:
            return side
        return both(side, self._limits.side_on(self._profile, fraction))


def _area_transitions(area: _Area, was_inside: bool) -> list[Transition]:
    transitions: list[Transition] = []
    leg, now_inside = area.leg, was_inside
    for start, side in _sides(area):
        if side is Side.BORDER or (side is Side.INSIDE) == now_inside:
            continue
        now_inside = not now_inside
        fraction = leg.start + start * (leg.end - leg.start)
        if transitions and transitions[-1].fraction == fraction:
            transitions.pop()  # there and back in no time
        else:
            transitions.append(Transition(fraction, now_inside, area.index, *_point(leg, start)))
    return transitions


def _sides(area: _Area) -> Iterator[tuple[float, Side]]:
    """Yield where each stretch between two cuts begins, and its side."""
    bounds = [0.0, *area.cuts(), 1.0]
    for start, end in pairwise(bounds[:-1]):
        yield start, area.side_at((start + end) / 2)
    last = area.side_at_end()
    if last is Side.BORDER:
        last = area.side_at((bounds[-2] + 1.0) / 2)
    yield bounds[-2], last
    if area.ends_at_cut():
        yield 1.0, Side.OUTSIDE  # the next leg begins where nothing of this area is


def _point(leg: Leg, share: float) -> tuple[float, float]:
    return (
        leg.lon0 + share * (leg.lon1 - leg.lon0),
        leg.lat0 + share * (leg.lat1 - leg.lat0),
    )
