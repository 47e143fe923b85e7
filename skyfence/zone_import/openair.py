"""OpenAir, the text format in which pilots exchange airspaces, to raw zones.

A file is split into airspaces here, so that each mistake has its line; the library then reads the
records of an airspace, and curves become corners:

    AC R            ─▶ kind restricted
    AL 1000ft AGL   ─▶ floor_m, ceiling_m, vertical_ref
    DP, DA, DB, DC  ─▶ a polygon, nowhere more than 10 m off the curve

Straight lines are taken as geodesics. A zone has the same reference for both limits: where an
airspace has two, the zone is made higher or deeper than the airspace, never less, and a warning
says so. Does not read files (``readers``).
"""

import re
from collections.abc import Iterator, Sequence
from math import acos, ceil, degrees, floor
from typing import Any, Final

import numpy as np
import openair
from shapely.geometry import Polygon

from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.geometry.polygons import LonLat
from skyfence.zone_import.normalize import RawZone
from skyfence.zones.finding import Finding

_FOOT_M: Final = 0.3048
_NAUTICAL_MILE_M: Final = 1852.0
# How far a chord may lie inside its arc. A straight line of 5 km bends by under 3 m in longitude
# and latitude, up to latitude 80: together a border stays within 10 m of what is meant.
_SAGITTA_M: Final = 5.0
_LONGEST_EDGE_M: Final = 5_000.0
# Larger than any airspace: a larger radius is in another unit.
_WIDEST_NM: Final = 1_000.0
# Corners are written to whole seconds, 31 m: radii that differ more mean a wrong centre or end.
_RADII_DIFFER_M: Final = 100.0

# Between which heights over the sea a pressure altitude can lie. Sea-level pressure has been
# between 870 and 1085 hPa (1,270 m below and 580 m above the standard's), and the air between 20 %
# colder and 12 % warmer than the standard atmosphere, which scales every height by as much.
_LOWEST_SHIFT_M: Final = 1_300.0
_HIGHEST_SHIFT_M: Final = 600.0
_COLDEST: Final = 0.80
_WARMEST: Final = 1.12

# Kinds for the AC and AY tokens whose letters say little; other tokens are their own kinds.
_KINDS: Final = {"R": "restricted", "Q": "danger", "P": "prohibited", "GP": "no-gliders"} | {
    letter: f"class-{letter.lower()}" for letter in "ABCDEFG"
}
_NO_TYPE: Final = ("", "UNC", "NONE")
_COORDINATES: Final = re.compile(r"(DP|DB|V\s*X\s*=)")
_SIXTY: Final = re.compile(r":\s*([6-9]\d|\d{3,})")

Limit = tuple[float | None, str]  # metres (None: without end) and their reference


def read_open_air(text: str, where: str) -> tuple[list[RawZone], list[Finding]]:
    """Return the airspaces of a file's text, and findings about lines outside of them."""
    raws: list[RawZone] = []
    outside_findings: list[Finding] = []
    for line, records in _blocks(text):
        if not records[0].startswith("AC"):
            reason = f"line {line}: {records[0][:40]!r} stands before the first AC"
            outside_findings.append(Finding(where, reason))
            continue
        place = f"{where}: feature {len(raws)}, line {line}"
        raws.append(_airspace(records, place))
    return raws, outside_findings


def limits(lower: Any, upper: Any) -> tuple[dict[str, Any], list[Finding]]:
    """Return an airspace's limits as a zone's properties, never narrower, and the findings.

    ``lower`` and ``upper`` are limits as the library reads them. Raises ``ValueError`` where they
    cannot be understood.
    """
    low, high = _floor(lower), _ceiling(upper)
    if low[0] is None or high[0] is None or low[1] == high[1]:
        reference = high[1] if high[0] is not None else low[1]
        bounds = _rounded(low[0], high[0])
        return {**bounds, **({"vertical_ref": reference} if bounds else {})}, []
    conflict = (
        f"floor {_limit_text(lower)} and ceiling {_limit_text(upper)} have different references"
    )
    if "agl" in (low[1], high[1]):  # the ground between them is not known here
        reason = f"{conflict}: the zone begins at the ground"
        return {**_rounded(None, high[0]), "vertical_ref": high[1]}, [_warning(reason)]
    bottom, top = low[0], high[0]
    if low[1] == "pressure":
        bottom = floor(_lowest_m(bottom))
        reason = f"{conflict}: the floor is {bottom} m AMSL, the lowest it can lie"
    else:
        top = ceil((top + _HIGHEST_SHIFT_M) * _WARMEST)
        reason = f"{conflict}: the ceiling is {top} m AMSL, the highest it can lie"
    return {**_rounded(bottom, top), "vertical_ref": "amsl"}, [_warning(reason)]


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of each airspace with the number of its first line."""
    start, records = 0, list[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip().removeprefix("\ufeff")
        if not line.startswith(("AN", "AG")):  # a name may hold a star
            line = line.partition("*")[0].rstrip()
        if not line or line.startswith("*"):
            continue
        if re.match(r"AC\b", line) and records:
            yield start, records
            records = []
        start = start if records else number
        records.append(line)
    if records:
        yield start, records


def _airspace(records: list[str], where: str) -> RawZone:
    reason = _unnoticed_error(records)
    if reason:
        return RawZone(where, {"name": _name(records)}, None, (Finding("", reason),))
    try:
        (airspace,) = openair.parse_string("\n".join(records) + "\n")
        fields, notes = limits(airspace["lowerBound"], airspace["upperBound"])
        area, wrong = _area(airspace["geom"])
    except ValueError as error:
        reason = str(error).removeprefix("Failed to parse OpenAir data: ")
        fields = {"name": _name(records)}
        return RawZone(where, fields, None, (Finding("", reason[:1].lower() + reason[1:]),))
    fields |= {"name": airspace["name"], "kind": _kind(airspace)}
    times: Any = airspace.get("activationTimes") or {}
    fields |= {"valid_from": times.get("start"), "valid_until": times.get("end")}
    return RawZone(where, fields, area, (*notes, *wrong))


def _unnoticed_error(records: list[str]) -> str:
    """Return a mistake that the library passes over, or an empty text."""
    outlined = False
    for record in records:
        if _COORDINATES.match(record) and _SIXTY.search(record):
            return f"{record[:60]!r} has 60 minutes or seconds, or more"
        # The library drops these and all corners after them. AT (where the name goes) is harmless.
        if outlined and record.startswith("A") and not record.startswith("AT"):
            return f"{record[:60]!r} stands behind the outline"
        outlined = outlined or record.startswith(("D", "V"))
    return ""


def _name(records: list[str]) -> str | None:
    return next((record[2:].strip() for record in records if record.startswith("AN")), None)


def _kind(airspace: Any) -> str:
    token = str(airspace.get("type", ""))
    token = str(airspace["class"]) if token.upper() in _NO_TYPE else token
    return _KINDS.get(token.upper(), token)


def _floor(given: Any) -> Limit:
    if given["type"] == "Unlimited":
        raise ValueError("the lower limit is unlimited")
    return (None, "") if _is_ground(given) else _limit(given)


def _ceiling(given: Any) -> Limit:
    if _is_ground(given):
        raise ValueError("the upper limit is the ground")
    return (None, "") if given["type"] == "Unlimited" else _limit(given)


def _is_ground(given: Any) -> bool:
    return bool(given["type"] == "Gnd" or (given["type"] == "FeetAgl" and given["val"] == 0))


def _limit(given: Any) -> tuple[float, str]:
    match given["type"]:
        case "FlightLevel":
            return given["val"] * 100 * _FOOT_M, "pressure"
        case "FeetAmsl":
            return given["val"] * _FOOT_M, "amsl"
        case "FeetAgl":
            return given["val"] * _FOOT_M, "agl"
        case _:
            raise ValueError(f"limit {given['val']!r} is not understood")


def _limit_text(given: Any) -> str:
    if given["type"] == "FlightLevel":
        return f"FL{given['val']}"
    return f"{given['val']} ft {given['type'].removeprefix('Feet').upper()}"


def _rounded(low: float | None, high: float | None) -> dict[str, Any]:
    """Return the limits that are given, rounded to 10 cm (a foot is 30 cm)."""
    given = {"floor_m": low, "ceiling_m": high}
    return {name: round(value, 1) for name, value in given.items() if value is not None}


def _lowest_m(pressure_m: float) -> float:
    shifted = pressure_m - _LOWEST_SHIFT_M
    return shifted * _COLDEST if shifted > 0 else shifted


def _area(geometry: Any) -> tuple[Polygon, list[Finding]]:
    if geometry["type"] == "Circle":
        points = _circle(geometry)
        return Polygon(points), []
    points, notes = list[LonLat](), list[Finding]()
    for segment in geometry["segments"]:
        corners, wrong = _corners(segment)
        points += corners
        notes += wrong
    points = [
        point for point, before in zip(points, [None, *points], strict=False) if point != before
    ]
    if len(set(points)) < 3:
        raise ValueError(f"an outline needs 3 corners, it has {len(set(points))}")
    return Polygon(_densified(points)), notes


def _circle(circle: Any) -> list[LonLat]:
    radius_m = _radius_m(circle["radius"])
    return _arc(circle["centerpoint"], (radius_m, radius_m), 0.0, 360.0)[:-1]


def _corners(segment: Any) -> tuple[list[LonLat], list[Finding]]:
    if segment["type"] == "Point":
        return [(segment["lng"], segment["lat"])], []
    centre, clockwise = segment["centerpoint"], segment["direction"] == "cw"
    if segment["type"] == "ArcSegment":
        radius_m = _radius_m(segment["radius"])
        start, end = segment["angleStart"], segment["angleEnd"]
        return _arc(centre, (radius_m, radius_m), start, _sweep(start, end, clockwise)), []
    ends = [_azimuth_and_distance(centre, segment[name]) for name in ("start", "end")]
    (start, first_m), (end, last_m) = ends
    corners = _arc(centre, (first_m, last_m), start, _sweep(start, end, clockwise))
    if abs(first_m - last_m) <= max(_RADII_DIFFER_M, 0.01 * first_m):
        return corners, []
    reason = f"an arc's ends lie {first_m:.0f} m and {last_m:.0f} m from its centre"
    return corners, [_warning(reason, (centre["lng"], centre["lat"]))]


def _radius_m(radius_nm: float) -> float:
    if not 0 < radius_nm <= _WIDEST_NM:
        raise ValueError(f"a radius of {radius_nm} nautical miles")
    return radius_nm * _NAUTICAL_MILE_M


def _azimuth_and_distance(centre: Any, end: Any) -> tuple[float, float]:
    azimuth, _, metres = WGS84.inv(centre["lng"], centre["lat"], end["lng"], end["lat"])
    return float(azimuth), _radius_m(float(metres) / _NAUTICAL_MILE_M)


def _sweep(start: float, end: float, clockwise: bool) -> float:
    """Return by how much an arc turns, degrees, clockwise positive."""
    turn = (end - start) % 360 if clockwise else -((start - end) % 360)
    if turn == 0 and start == end:
        raise ValueError("an arc begins where it ends")
    return turn or (360.0 if clockwise else -360.0)


def _arc(centre: Any, radii_m: tuple[float, float], start: float, sweep: float) -> list[LonLat]:
    """Return the corners of an arc that starts at an azimuth (degrees), its ends included.

    ``radii_m`` are those of its start and its end; the radius between changes evenly.
    """
    widest_m = max(radii_m)
    step = 2 * acos(1 - min(_SAGITTA_M / widest_m, 0.1))
    step = min(step, _LONGEST_EDGE_M / widest_m)
    count = ceil(abs(sweep) / degrees(step))
    share = np.linspace(0.0, 1.0, count + 1)
    metres = radii_m[0] + share * (radii_m[1] - radii_m[0])
    lons, lats = np.full(count + 1, centre["lng"]), np.full(count + 1, centre["lat"])
    lons, lats, _ = WGS84.fwd(lons, lats, start + share * sweep, metres)
    return list(zip(lons.tolist(), lats.tolist(), strict=True))


def _densified(points: Sequence[LonLat]) -> list[LonLat]:
    """Return a ring's corners and more between them, so that its edges follow geodesics."""
    made: list[LonLat] = []
    for start, end in zip(points, [*points[1:], points[0]], strict=True):
        made.append(start)
        between = int(distance_m(*start, *end) // _LONGEST_EDGE_M)
        made += WGS84.npts(*start, *end, between) if between else []
    return made


def _warning(reason: str, place: LonLat | None = None) -> Finding:
    return Finding("", reason, place, "warning")
