"""Where a track's path changes sides: exact transitions along the legs between two reports.

A transition is a change between outside and inside that lasts: touching a border, or running along
it, is none. At a leg's end the side is that of the point itself, so a track's state never drifts
from what a brute-force test of the point would say. A leg that clips a corner has two transitions.

    legs -> proper intersections, many at once -> each cut changes its area's side
         -> the few that are not clear -> side of each stretch between two cuts

An area with limits is entered where its outline and its limits both hold: a path that climbs
through the floor, or is inside the outline when the zone becomes valid, enters as one that crosses
the outline does.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from skyfence.airspace.airspace import Airspace
from skyfence.geometry.geodesy import Leg
from skyfence.geometry.proper_intersections import Cuts
from skyfence.zones.limits import Profile, Side, common_side


@dataclass(frozen=True, order=True)
class Transition:
    """The path enters or leaves an area at ``fraction`` (0..1) of the segment's time.

    Ordered by time; at the same instant leaving sorts before entering.
    """

    fraction: float
    entered: bool
    area: int
    lon: float
    lat: float


def path_transitions(
    airspace: Airspace,
    legs: Sequence[Leg],
    inside: set[int],
    profile: Profile | None = None,
    known_cuts: Cuts | None = None,
) -> list[Transition]:
    """Return the transitions along all legs of a segment, in order.

    ``inside`` holds the areas that the track is in at the start, and is updated to those at the
    end. ``profile`` is the segment's; without it limits of height and time are ignored.
    ``known_cuts`` spares the search where the segment is a single leg whose proper intersections
    are known.
    """
    limits = frozenset() if profile is None else airspace.limits.keys()
    cuts = [known_cuts] if known_cuts is not None and len(legs) == 1 else _cuts_of(airspace, legs)
    clear = {
        number: leg_cuts
        for number, (leg, leg_cuts) in enumerate(zip(legs, cuts, strict=True))
        if leg_cuts is not None and not (limits and _meets_limits(airspace, leg, leg_cuts))
    }
    unclear = [number for number in range(len(legs)) if number not in clear]
    met = airspace.borders_met([legs[number] for number in unclear])
    transitions: list[Transition] = []
    for number, leg in enumerate(legs):
        if number in clear:
            transitions += _transitions_at_cuts(leg, clear[number], inside)
        else:
            pieces = met.get(unclear.index(number), {})
            transitions += leg_transitions(airspace, leg, pieces, inside, profile)
    return transitions


def _meets_limits(airspace: Airspace, leg: Leg, cuts: Cuts) -> bool:
    """Tell whether a clear leg is anywhere in an area with limits: it may pass these, too."""
    held = airspace.covering(leg.lon0, leg.lat0)
    return not airspace.limits.keys().isdisjoint({*held, *(area for _, area in cuts)})


def _cuts_of(airspace: Airspace, legs: Sequence[Leg]) -> list[Cuts | None]:
    """Return what each leg cuts, None where it is not clear; see ``proper_intersections``."""
    ends = np.array([(leg.lon0, leg.lat0, leg.lon1, leg.lat1) for leg in legs])
    cuts = airspace.proper_intersections(ends.reshape(-1, 4))
    return [None if leg.wraps else leg_cuts for leg, leg_cuts in zip(legs, cuts, strict=True)]


def _transitions_at_cuts(leg: Leg, cuts: Cuts, inside: set[int]) -> list[Transition]:
    """Return the transitions of a clear leg: each cut changes its area's side."""
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
    pieces_met: Mapping[int, list[int]],
    inside: set[int],
    profile: Profile | None = None,
) -> list[Transition]:
    """Return the transitions along a leg, in order, and update ``inside`` to the leg's end.

    ``pieces_met`` holds the areas whose border the leg meets, with the indices of the border pieces
    that it meets. ``profile`` is that of the whole segment; without it limits of height and time
    are ignored.
    """
    transitions: list[Transition] = []
    areas = dict(pieces_met)
    if profile is not None and airspace.limits:  # limits may change sides where no border is met
        held = airspace.covering(leg.lon0, leg.lat0) & airspace.limits.keys()
        areas |= {area: [] for area in held - pieces_met.keys()}
    for area, pieces in areas.items():
        on_leg = _AreaOnLeg(airspace, leg, area, pieces, profile)
        transitions += _area_transitions(on_leg, area in inside)
    for transition in sorted(transitions):
        (inside.add if transition.entered else inside.discard)(transition.area)
    return sorted(transitions)


class _AreaOnLeg:
    """An area as a leg meets it: the border pieces, and the limits if they are to be applied."""

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
        """Return the side of the place at a share of the leg, which lies between two cuts."""
        place = _point(self.leg, share)
        # Along a sloping border, or between two cuts at a vertex, rounding decides the side.
        at_border = self._airspace.is_at_border(self.index, *place)
        side = Side.BORDER if at_border else self._airspace.side(self.index, *place)
        return self._limited(side, self.leg.start + share * (self.leg.end - self.leg.start))

    def side_at_end(self) -> Side:
        """Return the side of the leg's end itself, even where it is inside by less than a touch."""
        side = self._airspace.side(self.index, self.leg.lon1, self.leg.lat1)
        return self._limited(side, self.leg.end)

    def ends_at_cut(self) -> bool:
        """Tell whether the leg ends at the antimeridian and the area does not go on beyond."""
        if not self.leg.wraps:
            return False
        beyond = self._airspace.side(self.index, -self.leg.lon1, self.leg.lat1)
        return beyond is Side.OUTSIDE

    def _limited(self, side: Side, fraction: float) -> Side:
        if self._limits is None or self._profile is None:
            return side
        return common_side(side, self._limits.side_on(self._profile, fraction))


def _area_transitions(area: _AreaOnLeg, was_inside: bool) -> list[Transition]:
    """Return the transitions of a single area along a leg, in order."""
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


def _sides(area: _AreaOnLeg) -> Iterator[tuple[float, Side]]:
    """Yield for each stretch between two cuts its begin, a share of the leg, and its side."""
    bounds = [0.0, *area.cuts(), 1.0]
    for start, end in pairwise(bounds[:-1]):
        yield start, area.side_at((start + end) / 2)
    last = area.side_at_end()
    if last is Side.BORDER:
        last = area.side_at((bounds[-2] + 1.0) / 2)
    yield bounds[-2], last
    if area.ends_at_cut():
        yield 1.0, Side.OUTSIDE  # the next leg begins outside, across the antimeridian


def _point(leg: Leg, share: float) -> tuple[float, float]:
    """Return the place (lon, lat) at a share 0..1 of a leg."""
    return (
        leg.lon0 + share * (leg.lon1 - leg.lon0),
        leg.lat0 + share * (leg.lat1 - leg.lat0),
    )
