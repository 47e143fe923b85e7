"""Limits of one zone besides its outline: a floor, a ceiling, and the times when it is valid.

The times are a period, from ``valid_from`` until ``valid_until``, and within it a schedule that
recurs (``skyfence.schedules``). Limits are closed like outlines: at the floor itself, or at the
instant of ``valid_from``, an object is on the border, and touching a border without passing it is
no crossing.

A height that is not known counts as inside. Heights over different references are compared by the
most that these can differ. The table has the range of (height over mean sea level) minus (height
over the reference), in metres:

    reference  range
    amsl       0
    wgs84      -110 .. 110            the geoid (EGM2008: -107 .. 86)
    pressure   -600 .. 600 and 10 %   QNH 950 .. 1050 hPa at 8.3 m a hPa; air 25 degrees warmer
                                      or colder than standard
    agl        -430 .. 8849           the ground: the shore of the Dead Sea, Mount Everest

For example, an object that is known only by its pressure altitude is surely below a zone that
begins at 1,000 m above mean sea level if it reads less than 363 m. Between a height over ground and
any other reference little is sure: a zone up to 500 m above ground is surely left only at 9,349 m
above mean sea level, wherever it is. Does not know where a zone is (``airspace``).
"""

from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import Final

from skyfence.schedules import ActiveTimes
from skyfence.times import to_ms
from skyfence.zones.zone_file import VerticalRef, Zone

# By how much a height over mean sea level exceeds the height over each reference, metres.
_ABOVE_M: Final[dict[VerticalRef, tuple[float, float]]] = {
    "amsl": (0.0, 0.0),
    "wgs84": (-110.0, 110.0),
    "pressure": (-600.0, 600.0),
    "agl": (-430.0, 8849.0),
}
# Pressure altitudes stretch with the air's temperature: 4 % in 10 degrees.
_STRETCH: Final = 0.1


class Side(Enum):
    """On which side of a zone's border something is, or that it is on the border."""

    OUTSIDE = 0
    BORDER = 1
    INSIDE = 2


@dataclass(frozen=True)
class Profile:
    """When and how high an object is at both ends of a segment; linear in between.

    Times are milliseconds since 1970, heights metres over their references (None: not known).
    """

    start_ms: int
    end_ms: int
    start_m: float | None = None
    end_m: float | None = None
    start_ref: VerticalRef | None = None
    end_ref: VerticalRef | None = None

    def height_at(self, fraction: float) -> float | None:
        """Return the height at a fraction 0..1 between the ends, metres.

        None unless both ends have a height, over the same reference.
        """
        if self.start_m is None or self.end_m is None or self.start_ref != self.end_ref:
            return None
        return self.start_m + fraction * (self.end_m - self.start_m)


@dataclass(frozen=True)
class Limits:
    """The limits of a zone, metres over ``ref`` and milliseconds; infinite where it has none."""

    floor_m: float
    ceiling_m: float
    ref: VerticalRef | None
    from_ms: float
    until_ms: float
    active: ActiveTimes | None = None  # without a schedule: always

    def holds(
        self, time_ms: float, altitude_m: float | None, altitude_ref: VerticalRef | None
    ) -> bool:
        """Tell whether an object may be inside or on the border, by time (ms) and height (m)."""
        return self.side(time_ms, altitude_m, altitude_ref) is not Side.OUTSIDE

    def side(
        self, time_ms: float, altitude_m: float | None, altitude_ref: VerticalRef | None
    ) -> Side:
        """Return the side of these limits that an object is on, by time (ms) and height (m)."""
        height = Side.INSIDE
        if altitude_m is not None:
            low_m, high_m = self._band(altitude_ref)
            height = _side(low_m, altitude_m, high_m)
        period = _side(self.from_ms, time_ms, self.until_ms)
        return common_side(height, common_side(period, self._scheduled_side(time_ms)))

    def _scheduled_side(self, time_ms: float) -> Side:
        if self.active is None:
            return Side.INSIDE
        stretch = self.active.stretch_at(time_ms)
        return Side.OUTSIDE if stretch is None else _side(stretch[0], time_ms, stretch[1])

    def height_depth_m(self, altitude_m: float | None, altitude_ref: VerticalRef | None) -> float:
        """Return how far within floor and ceiling a height is, metres; negative beyond them.

        Infinite where nothing limits it, or it is not known. A floor at the ground is none.
        """
        if altitude_m is None:
            return inf
        low_m, high_m = self._band(altitude_ref)
        above_m = inf if self.floor_m <= 0.0 else altitude_m - low_m
        return min(above_m, high_m - altitude_m)

    def side_on(self, profile: Profile, fraction: float) -> Side:
        """Return the side of these limits that an object is on at a fraction 0..1 of a segment."""
        if fraction <= 0.0:
            return self.side(profile.start_ms, profile.start_m, profile.start_ref)
        if fraction >= 1.0:
            return self.side(profile.end_ms, profile.end_m, profile.end_ref)
        time_ms = profile.start_ms + fraction * (profile.end_ms - profile.start_ms)
        return self.side(time_ms, profile.height_at(fraction), profile.start_ref)

    def cuts(self, profile: Profile) -> list[float]:
        """Return where on a segment the side may change, as fractions 0..1 of it, ascending.

        Both ends are among them where the height between the ends is not known.
        """
        ends_ms = profile.start_ms, profile.end_ms
        fractions = {*_passed(*ends_ms, self.from_ms), *_passed(*ends_ms, self.until_ms)}
        if self.active is not None:
            for end_ms in self.active.ends_between(*ends_ms):
                fractions.update(_passed(*ends_ms, end_ms))
        if profile.height_at(0.5) is None:
            fractions |= {0.0, 1.0}
        elif profile.start_m is not None and profile.end_m is not None:
            for limit_m in self._band(profile.start_ref):
                fractions.update(_passed(profile.start_m, profile.end_m, limit_m))
        return sorted(fractions)

    def _band(self, altitude_ref: VerticalRef | None) -> tuple[float, float]:
        """Return the lowest and highest reading over a reference that may be inside, metres."""
        if self.ref is None or altitude_ref == self.ref:
            return self.floor_m, self.ceiling_m
        if altitude_ref is None:  # it may be any of them
            bands = [self._band(ref) for ref in _ABOVE_M]
            return min(low for low, _ in bands), max(high for _, high in bands)
        least, most = _ABOVE_M[self.ref]
        least_read, most_read = _ABOVE_M[altitude_ref]
        low_m, high_m = self.floor_m + least - most_read, self.ceiling_m + most - least_read
        if "pressure" not in (altitude_ref, self.ref):
            return low_m, high_m
        return _stretched(low_m, -_STRETCH), _stretched(high_m, _STRETCH)


def limits_of(zone: Zone) -> Limits | None:
    """Return the limits of a zone, or None where it has none; the sun is its centre's."""
    properties, centre = zone.properties, zone.area.centroid
    schedule = properties.schedule
    start, end = properties.valid_from, properties.valid_until
    limits = Limits(
        -inf if properties.floor_m is None else properties.floor_m,
        inf if properties.ceiling_m is None else properties.ceiling_m,
        properties.vertical_ref,
        -inf if start is None else to_ms(start),
        inf if end is None else to_ms(end),
        None if schedule is None else ActiveTimes(schedule, centre.x, centre.y),
    )
    unlimited = (limits.floor_m, limits.ceiling_m, limits.from_ms, limits.until_ms, limits.active)
    return None if unlimited == (-inf, inf, -inf, inf, None) else limits


def common_side(first: Side, second: Side) -> Side:
    """Return the side of the intersection of two sets, given the side of each."""
    return first if first.value < second.value else second


def _side(low: float, value: float, high: float) -> Side:
    if low < value < high:
        return Side.INSIDE
    return Side.BORDER if low <= value <= high else Side.OUTSIDE


def _passed(start: float, end: float, limit: float) -> list[float]:
    """Return at what fraction a value that goes from start to end passes a limit, if it does."""
    if min(start, end) < limit < max(start, end):
        return [(limit - start) / (end - start)]
    return []


def _stretched(metres: float, share: float) -> float:
    """Return the reading at a limit of true height, where readings are off by a share (0..1)."""
    return metres / (1.0 - share if metres > 0.0 else 1.0 + share)
