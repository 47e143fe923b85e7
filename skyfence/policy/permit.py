"""The permit: an exception that an authority makes, for a reason and until a date.

A permit names its objects by what they send (ICAO address, callsign, mode 3/A code) or by the
corridor that they keep to; an object must meet all the conditions that it names. A condition on a
value that the report lacks is not met: suppression must be certain. Which permits there are, and
what takes precedence over them, is decided in ``policy``.
"""

import math
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, pairwise
from typing import Annotated, Final, Self

import shapely
from pydantic import AfterValidator, Field, model_validator

from skyfence.contracts.base import Contract, Latitude, Longitude, UtcTime, round_degrees
from skyfence.contracts.crossing import ObjectInfo
from skyfence.contracts.report import AltitudeM, AltitudeRef
from skyfence.schedules import ActiveTimes, Schedules
from skyfence.times import format_time, to_ms

# Unlawful interference, loss of radio, emergency (ICAO Annex 10, Volume IV).
EMERGENCY_CODES: Final = frozenset({"7500", "7600", "7700"})
# Never assigned to an aircraft (ICAO Annex 10, Volume III); broken transponders send them.
NO_ADDRESSES: Final = frozenset({"000000", "FFFFFF"})

# Airlines have three letters (ICAO Doc 8585), and permits for all flights of one are common.
AIRLINE_LETTERS: Final = 3

_CODES: Final = re.compile(r"([0-7]{4})(?:-([0-7]{4}))?")
_CALLSIGN: Final = re.compile(r"[A-Z0-9][A-Z0-9 _-]{0,15}\*?")
_ADDRESS: Final = re.compile(r"[0-9A-F]{6}")


def plain_callsign(sent: str | None) -> str:
    """Return a callsign as permits compare it: in capitals, without blanks at either end."""
    return sent.strip().upper() if sent else ""


def _checked_text(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable, with no blank at either end")
    return text


def _checked_address(text: str) -> str:
    address = text.upper()
    if not _ADDRESS.fullmatch(address):
        raise ValueError("must be six hex digits")
    if address in NO_ADDRESSES:
        raise ValueError("is no aircraft's address")
    return address


def _checked_callsign(text: str) -> str:
    callsign = text.strip().upper()
    if not _CALLSIGN.fullmatch(callsign):
        raise ValueError(
            "must be 1 to 16 letters, digits, blanks, '_' or '-', then at most one '*'"
        )
    return callsign


def _checked_codes(text: str) -> str:
    codes = list(_codes(text))
    if not codes:
        raise ValueError("must be four octal digits, or a range from low to high as '4000-4077'")
    for code in sorted(EMERGENCY_CODES.intersection(codes)):
        raise ValueError(f"{code} is an emergency code, which always alerts")
    return text


def _codes(text: str) -> Iterator[str]:
    """Yield the codes of an entry of ``mode_3a``; none where it is neither a code nor a range."""
    if match := _CODES.fullmatch(text):
        first, last = int(match[1], 8), int(match[2] or match[1], 8)
        yield from (f"{code:04o}" for code in range(first, last + 1))


PermitName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_checked_text)]
PermitReason = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_checked_text)]
_Addresses = tuple[Annotated[str, AfterValidator(_checked_address)], ...]
_Callsigns = tuple[Annotated[str, AfterValidator(_checked_callsign)], ...]
_CodeList = tuple[Annotated[str, AfterValidator(_checked_codes)], ...]
_Ring = tuple[tuple[Longitude, Latitude], ...]


def _checked_list(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        raise ValueError("names none; leave it out instead")
    return given


def _checked_ring(ring: _Ring) -> _Ring:
    closed = (*ring, ring[0]) if ring else ring
    if len(set(ring)) < 3:
        raise ValueError("fewer than 3 positions")
    if any(abs(start[0] - end[0]) > 180 for start, end in pairwise(closed)):
        raise ValueError("crosses the antimeridian; make one permit for each side")
    area = shapely.Polygon(ring)
    if not area.is_valid:
        raise ValueError(f"not a valid area: {shapely.is_valid_reason(area)}")
    return ring


class Corridor(Contract):
    """An area in degrees and a layer in metres in which flights are expected.

    Both are closed. An altitude that is unknown, or over another reference, is not inside.
    """

    polygon: Annotated[_Ring, AfterValidator(_checked_ring)]
    floor_m: AltitudeM
    ceiling_m: AltitudeM
    vertical_ref: AltitudeRef

    @model_validator(mode="after")
    def _is_a_layer(self) -> Self:
        if self.floor_m >= self.ceiling_m:
            raise ValueError(f"floor_m {self.floor_m} is not below ceiling_m {self.ceiling_m}")
        return self

    @property
    def centre(self) -> tuple[float, float]:
        """Return the longitude and latitude of the middle, degrees."""
        return self._area.centroid.x, self._area.centroid.y

    @cached_property
    def _area(self) -> shapely.Polygon:
        area = shapely.Polygon(self.polygon)
        shapely.prepare(area)
        return area

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        west, south, east, north = self._area.bounds
        return west, south, east, north

    def unmet(self, known: ObjectInfo, lon: float, lat: float) -> str | None:
        """Return why an object at a place (degrees) is not in the corridor, or None if it is."""
        if known.altitude_m is None or known.altitude_ref is None:
            return "its altitude is not known"
        if known.altitude_ref != self.vertical_ref:
            return "its altitude has another reference than the corridor's"
        if not self.floor_m <= known.altitude_m <= self.ceiling_m:
            return "it is above or below the corridor"
        # Rounded as published places are, so that another processor's last bit changes nothing.
        lon, lat = round_degrees(lon), round_degrees(lat)
        west, south, east, north = self._bounds
        if not (west <= lon <= east and south <= lat <= north):
            return "it is outside the corridor"
        if not shapely.intersects_xy(self._area, lon, lat):
            return "it is outside the corridor"
        return None


class Permit(Contract):
    """Which flights are expected, why, and from when until when.

    It holds at ``begins`` and no longer at ``expires``, and with a schedule only at its hours.
    ``callsigns`` are exact, or beginnings that end with ``*``; ``mode_3a`` holds codes and ranges
    of codes.
    """

    name: PermitName
    reason: PermitReason
    begins: Annotated[UtcTime | None, Field(alias="from")] = None
    expires: UtcTime
    icao_addresses: Annotated[_Addresses, AfterValidator(_checked_list)] | None = None
    callsigns: Annotated[_Callsigns, AfterValidator(_checked_list)] | None = None
    mode_3a: Annotated[_CodeList, AfterValidator(_checked_list)] | None = None
    corridor: Corridor | None = None
    schedule: Schedules | None = None

    @model_validator(mode="after")
    def _has_a_sun(self) -> Self:
        sunny = any(rule.follows_the_sun for rule in self.schedule or ())
        if sunny and self.corridor is None:
            raise ValueError("sunrise and sunset are a corridor's: name one, or write hours")
        return self

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.icao_addresses or self.callsigns or self.mode_3a or self.corridor):
            raise ValueError("names no icao_addresses, callsigns, mode_3a or corridor")
        if self.begins is not None and self.begins >= self.expires:
            begins, expires = format_time(self.begins), format_time(self.expires)
            raise ValueError(f"from {begins} is not before expires {expires}")
        return self

    @cached_property
    def signs(self) -> frozenset[str]:
        """Return values of which an object under this permit sends at least one, to look it up by.

        They are those of the narrowest condition (addresses, callsigns, codes); of a callsign's
        beginning only the airline's letters. Empty: the object may be any. ``unmet`` decides.
        """
        if self._addresses:
            return self._addresses
        if self.callsigns and all(
            len(beginning) >= AIRLINE_LETTERS for beginning in self._beginnings
        ):
            return self._exact.union(beginning[:AIRLINE_LETTERS] for beginning in self._beginnings)
        return self._codes

    def unmet(self, known: ObjectInfo, time_ms: int, lon: float, lat: float) -> str | None:
        """Return the first reason why the permit does not cover an object, or None if it does.

        The time is milliseconds since 1970, the place degrees.
        """
        begins_ms, expires_ms = self._period_ms
        if not begins_ms <= time_ms < expires_ms:
            return "it has expired" if time_ms >= expires_ms else "it is not in force yet"
        if self._active is not None and not self._active.holds(time_ms):
            return "it does not hold at this hour"
        if self._addresses and known.icao_address not in self._addresses:
            return "it names other ICAO addresses"
        if self.callsigns and not self._is_called(known.callsign):
            return "it names other callsigns"
        if self._codes and known.mode_3a not in self._codes:
            return "it names other mode 3/A codes"
        return self.corridor.unmet(known, lon, lat) if self.corridor else None

    def _is_called(self, sent: str | None) -> bool:
        callsign = plain_callsign(sent)
        return callsign in self._exact or callsign.startswith(self._beginnings)

    @cached_property
    def _active(self) -> ActiveTimes | None:
        if self.schedule is None:
            return None
        lon, lat = (0.0, 0.0) if self.corridor is None else self.corridor.centre
        return ActiveTimes(self.schedule, lon, lat)

    @cached_property
    def _period_ms(self) -> tuple[float, int]:
        return -math.inf if self.begins is None else to_ms(self.begins), to_ms(self.expires)

    @cached_property
    def _addresses(self) -> frozenset[str]:
        return frozenset(self.icao_addresses or ())

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(
            callsign for callsign in self.callsigns or () if not callsign.endswith("*")
        )

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        return tuple(callsign[:-1] for callsign in self.callsigns or () if callsign.endswith("*"))

    @cached_property
    def _codes(self) -> frozenset[str]:
        return frozenset(chain.from_iterable(map(_codes, self.mode_3a or ())))
