"""What counts as a civil flight: its identity, whether it can be true, and who may lack one.

An object says itself who it is, and whoever wants to deceive can say so too. So an identity counts
only of what flies like an aircraft that has one, and is then the track's: a callsign that is
missing from a report, or a landing, takes it away no more than one report's emergency code does
(``tracks.identification`` remembers). A private flight needs no transponder in most airspace; one
that is first seen inside is told apart here from what nobody would fly for pleasure.

Does not remember what earlier reports said.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from skyfence.contracts.base import Contract
from skyfence.contracts.crossing import ObjectInfo
from skyfence.policy.permit import NO_ADDRESSES

# Operators of these who do not want an alert get a permit.
NEVER_CIVIL: Final = frozenset({"uav", "missile"})
# These fly low and slow, all of them.
_SLOW_KINDS: Final = frozenset({"helicopter", "glider", "balloon"})
# What may be flown privately without a transponder; a balloon that drifts in is news.
_PRIVATE_KINDS: Final = frozenset({"unknown", "aircraft", "glider", "helicopter"})

_Metres = Annotated[float, Field(strict=True, ge=0, le=1_000_000, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(strict=True, ge=0, le=3_600, allow_inf_nan=False)]
_MetresASecond = Annotated[float, Field(strict=True, ge=0, le=1_000, allow_inf_nan=False)]


class Civil(Contract):
    """Whether people are told of an identified civil flight, and when an identity counts.

    What comes from outside must be at least this fast or this high for that (helicopters, gliders
    and balloons need not); without a callsign its identity holds for ``holds_s``.
    """

    identified: Literal["no-alert", "alert"] = "no-alert"
    # Propeller drones fly at 40 to 60 m/s; airliners on approach at 70.
    least_speed_mps: _MetresASecond = 70.0
    # Light aircraft cross borders higher, and drones that hide from radar lower.
    least_height_m: _Metres = 600.0
    # Surveillance loses a callsign for a few turns at most; a flight that is switched off is news.
    holds_s: _Seconds = 300.0


class Inside(Contract):
    """Who is told of an unknown that is first seen inside and may well be a private flight.

    ``nation``: its nation alone, quietly; ``all``: everybody, as of any violation. First seen
    nearer to the outer border than ``near_border_m``, it may have crossed unseen, and is none.
    """

    private_flights: Literal["nation", "all"] = "nation"
    near_border_m: _Metres = 5_000.0


def not_civil(known: ObjectInfo) -> str | None:
    """Return why a report does not name an identified civil flight, or None if it does."""
    if known.category in NEVER_CIVIL:
        return "it is a uav or a missile"
    if not known.callsign:
        return "it has no callsign"
    if known.icao_address and known.icao_address not in NO_ADDRESSES:
        return None
    if known.category == "unknown":
        return "its category is unknown and it has no ICAO address"
    return None if known.mode_3a else "it has neither a mode 3/A code nor an ICAO address"


def implausible(known: ObjectInfo, rules: Civil) -> str | None:
    """Return why an identity cannot be true of what a report shows, or None if it can.

    Where the report names neither speed nor height, that it is an aircraft has to be said.
    """
    speed_mps, height_m = known.ground_speed_mps, known.altitude_m
    if known.category in _SLOW_KINDS:
        return None
    if speed_mps is None and height_m is None:
        return None if known.category == "aircraft" else "it has neither a speed nor a height"
    if speed_mps is not None and speed_mps >= rules.least_speed_mps:
        return None
    if height_m is not None and height_m >= rules.least_height_m:
        return None
    return f"it is below {rules.least_speed_mps:g} m/s and {rules.least_height_m:g} m"


def may_be_private(known: ObjectInfo) -> bool:
    """Tell whether an object's category is one that is flown privately without a transponder."""
    return known.category in _PRIVATE_KINDS


def is_high(known: ObjectInfo, rules: Civil) -> bool:
    """Tell whether a report shows an object at least ``least_height_m`` high."""
    return known.altitude_m is not None and known.altitude_m >= rules.least_height_m


def is_low_and_slow(known: ObjectInfo, rules: Civil) -> bool:
    """Tell whether a report shows what has no identity at all as low and slow as drones fly.

    What names no height does not count; helicopters, gliders and balloons always fly so.
    """
    if known.category in _SLOW_KINDS or known.altitude_m is None:
        return False
    if known.callsign or known.icao_address or known.mode_3a:
        return False
    slow = known.ground_speed_mps is None or known.ground_speed_mps < rules.least_speed_mps
    return slow and known.altitude_m < rules.least_height_m
