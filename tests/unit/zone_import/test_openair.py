"""OpenAir files: each record understood or named with its line, curves within 10 m."""

from collections.abc import Iterable

import numpy as np
import pytest
import shapely

from skyfence.geometry.geodesy import WGS84, distance_m
from skyfence.zone_import.normalize import RawZone
from skyfence.zone_import.openair import limits, read_open_air

TRIANGLE = "DP 56:00:00 N 027:00:00 E\nDP 56:10:00 N 027:00:00 E\nDP 56:10:00 N 027:20:00 E\n"
CENTRE = "V X=56:30:00 N 027:30:00 E\n"
NM = 1852.0


def airspace(
    shape: str = TRIANGLE, *, kind: str = "R", low: str = "SFC", high: str = "FL95", more: str = ""
) -> str:
    return f"AC {kind}\nAN EVR1\nAL {low}\nAH {high}\n{more}{shape}"


def only_airspace(text: str) -> RawZone:
    (raw,), outside = read_open_air(text, "lv.txt")
    assert outside == []
    return raw


def refused(text: str) -> str:
    raw = only_airspace(text)
    assert raw.area is None
    (finding,) = raw.findings
    return finding.reason


def border(raw: RawZone) -> np.ndarray:
    assert raw.area is not None
    fine = shapely.segmentize(raw.area, 0.0005)
    return shapely.get_coordinates(fine)


def off_circle_m(points: Iterable[tuple[float, float]], lon: float, lat: float, nm: float) -> float:
    return max(abs(distance_m(lon, lat, *point) - nm * NM) for point in points)


def test_an_airspace_is_what_its_records_say() -> None:
    """Name, kind, limits and corners are taken over; comments, blanks and CRLF are no matter."""
    text = "* a comment\r\n\r\n" + airspace().replace("\n", "\r\n").replace("FL95", "FL95 * high")
    raw = only_airspace(text)
    assert raw.where == "lv.txt: feature 0, line 3"
    assert raw.fields["name"] == "EVR1"
    assert raw.fields["kind"] == "restricted"
    assert (raw.fields["ceiling_m"], raw.fields["vertical_ref"]) == (2895.6, "pressure")
    assert "floor_m" not in raw.fields
    assert raw.findings == ()
    assert shapely.Point(27.1, 56.12).within(raw.area)


def test_each_airspace_stands_at_its_line() -> None:
    """Airspaces are counted, and one that is wrong does not hide the next."""
    raws, _ = read_open_air(airspace("DP 56 N\n") + airspace(kind="Q") + airspace(), "lv.txt")
    assert [raw.where.rpartition(" ")[2] for raw in raws] == ["1", "6", "13"]
    assert [raw.area is None for raw in raws] == [True, False, False]


@pytest.mark.parametrize("lat", [0, 56, 80])
@pytest.mark.parametrize("nm", [0.1, 5, 100])
def test_a_circle_is_round(lat: int, nm: float) -> None:
    """A circle's border is nowhere more than 10 m off its radius, up to latitude 80."""
    raw = only_airspace(airspace(f"V X={lat}:00:00 N 027:00:00 E\nDC {nm}\n"))
    points = border(raw)[:: 1 if nm < 50 else 7]
    assert off_circle_m(map(tuple, points), 27, lat, nm) < 10


@pytest.mark.parametrize(("direction", "mid"), [("+", 0), ("-", 180)])
def test_an_arc_turns_as_it_says(direction: str, mid: float) -> None:
    """Clockwise from 270 to 90 passes north, the other way round south; each within 10 m."""
    raw = only_airspace(airspace(f"V D={direction}\n{CENTRE}DA 3,270,90\n"))
    lon, lat, _ = WGS84.fwd(27.5, 56.5, mid, 2.9 * NM)
    assert shapely.Point(lon, lat).within(raw.area)
    assert shapely.area(raw.area) > 0
    lon, lat, _ = WGS84.fwd(27.5, 56.5, 180 - mid, 0.1 * NM)
    assert not shapely.Point(lon, lat).within(raw.area)


def test_an_arc_between_two_points() -> None:
    """An arc given by its ends begins and ends there, and is as far from its centre as they."""
    ends = "DB 56:33:00 N 027:30:00 E, 56:30:00 N 027:35:25.5 E\n"
    raw = only_airspace(airspace(CENTRE + ends + "DP 56:30:00 N 027:30:00 E\n"))
    points = border(raw)
    away = [distance_m(27.5, 56.5, *point) for point in points]
    first = distance_m(27.5, 56.5, 27.5, 56.55)
    assert max(away) == pytest.approx(first, abs=35)  # its ends stand in whole seconds
    assert shapely.Point(27.55, 56.53).within(raw.area)
    assert raw.findings == ()


def test_an_arc_with_a_wrong_centre_is_told() -> None:
    """Ends that lie unequally far from the centre are a warning with both distances."""
    ends = "DB 56:33:00 N 027:30:00 E, 56:30:00 N 027:40:00 E\n"
    (finding,) = only_airspace(airspace(CENTRE + ends + "DP 56:30:00 N 027:30:00 E\n")).findings
    assert finding.severity == "warning"
    assert finding.reason == "an arc's ends lie 5568 m and 10264 m from its centre"


def test_straight_lines_are_geodesics() -> None:
    """A line of 250 km stays within 10 m of the shortest way between its ends."""
    long = "DP 56:00:00 N 024:00:00 E\nDP 56:00:00 N 028:00:00 E\nDP 57:00:00 N 026:00:00 E\n"
    area = only_airspace(airspace(long)).area
    points = np.array(WGS84.npts(24, 56, 28, 56, 500))
    border_line = shapely.boundary(area)
    assert np.max(shapely.distance(border_line, shapely.points(points))) * 111_000 < 10


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("SFC", "UNL", {}),
        ("GND", "4500 ft MSL", {"ceiling_m": 1371.6, "vertical_ref": "amsl"}),
        ("FL95", "UNL", {"floor_m": 2895.6, "vertical_ref": "pressure"}),
        ("0 ft AGL", "FL95", {"ceiling_m": 2895.6, "vertical_ref": "pressure"}),
        ("500ft AGL", "1000ft AGL", {"floor_m": 152.4, "ceiling_m": 304.8, "vertical_ref": "agl"}),
        ("300 m AMSL", "600m", {"floor_m": 300.0, "ceiling_m": 600.2, "vertical_ref": "amsl"}),
    ],
)
def test_limits_of_one_reference(low: str, high: str, expected: dict[str, object]) -> None:
    """Limits that one reference can express are taken over as they are, to 30 cm."""
    raw = only_airspace(airspace(low=low, high=high))
    names = ("floor_m", "ceiling_m", "vertical_ref")
    bounds = {name: raw.fields[name] for name in names if name in raw.fields}
    assert bounds == pytest.approx(expected, abs=0.31)
    assert raw.findings == ()


@pytest.mark.parametrize(
    ("low", "high", "expected", "said"),
    [
        (
            "3500ft MSL",
            "FL195",
            {"floor_m": 1066.8, "ceiling_m": 7329, "vertical_ref": "amsl"},
            "floor 3500 ft AMSL and ceiling FL195 have different references: "
            "the ceiling is 7329 m AMSL, the highest it can lie",
        ),
        (
            "FL95",
            "15000ft MSL",
            {"floor_m": 1276, "ceiling_m": 4572.0, "vertical_ref": "amsl"},
            "floor FL95 and ceiling 15000 ft AMSL have different references: "
            "the floor is 1276 m AMSL, the lowest it can lie",
        ),
        (
            "1000ft AGL",
            "FL95",
            {"ceiling_m": 2895.6, "vertical_ref": "pressure"},
            "floor 1000 ft AGL and ceiling FL95 have different references: "
            "the zone begins at the ground",
        ),
        (
            "500ft MSL",
            "1000ft AGL",
            {"ceiling_m": 304.8, "vertical_ref": "agl"},
            "floor 500 ft AMSL and ceiling 1000 ft AGL have different references: "
            "the zone begins at the ground",
        ),
    ],
)
def test_limits_of_two_references(
    low: str, high: str, expected: dict[str, object], said: str
) -> None:
    """Limits of two references make a zone that is larger than the airspace, and a warning."""
    raw = only_airspace(airspace(low=low, high=high))
    names = ("floor_m", "ceiling_m", "vertical_ref")
    assert {name: raw.fields[name] for name in names if name in raw.fields} == expected
    (finding,) = raw.findings
    assert (finding.severity, finding.reason) == ("warning", said)


@pytest.mark.parametrize(("sea_hpa", "warmth"), [(870, 0.8), (1085, 1.12), (1013.25, 1.0)])
@pytest.mark.parametrize("level", [10, 60, 195, 460])
def test_a_widened_limit_holds_in_any_weather(sea_hpa: float, warmth: float, level: int) -> None:
    """No recorded sea-level pressure or warmth puts a flight level outside of a widened limit.

    The barometric formula of the standard atmosphere, its heights stretched by the warmth.
    """
    pressure_m = level * 30.48
    shift_m = 44_330.8 * (1 - (sea_hpa / 1013.25) ** 0.190263)
    height_m = (pressure_m - shift_m) * (warmth if pressure_m > shift_m else 1.0)
    flight_level = {"type": "FlightLevel", "val": level}
    above, _ = limits({"type": "FeetAmsl", "val": 1}, flight_level)
    below, _ = limits(flight_level, {"type": "FeetAmsl", "val": 90_000})
    assert below["floor_m"] <= height_m <= above["ceiling_m"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (airspace(high="BY NOTAM"), "limit 'BY NOTAM' is not understood"),
        (airspace(low="FL95/4000ft"), "limit 'FL95/4000ft' is not understood"),
        (airspace(low="UNL"), "the lower limit is unlimited"),
        (airspace(high="SFC"), "the upper limit is the ground"),
        (airspace("DP 56:00:00 N\n"), 'invalid coord: "56:00:00 N"'),
        (
            airspace("DP 56:75:00 N 027:00:00 E\n"),
            "'DP 56:75:00 N 027:00:00 E' has 60 minutes or seconds, or more",
        ),
        (airspace(TRIANGLE[:52]), "an outline needs 3 corners, it has 2"),
        (airspace("DC 5\n"), "centerpoint missing"),
        (airspace(f"{CENTRE}DC -5\n"), "a radius of -5.0 nautical miles"),
        (airspace(f"{CENTRE}DC nan\n"), "a radius of nan nautical miles"),
        (airspace(f"{CENTRE}DC 9260\n"), "a radius of 9260.0 nautical miles"),
        (airspace(f"{CENTRE}DA 5,90,90\n"), "an arc begins where it ends"),
        (airspace(more="ZZ 1\n"), 'parse error (unexpected "ZZ")'),
        (airspace() + "\nAN EVR2\nAL SFC\nAH FL10\n", "'AN EVR2' stands behind the outline"),
        (airspace() + "AY TMZ\n" + TRIANGLE, "'AY TMZ' stands behind the outline"),
        (airspace(f"{CENTRE}AL FL10\nDC 5\n"), "'AL FL10' stands behind the outline"),
        ("AC R\nAN EVR1\nAL SFC\n" + TRIANGLE, "missing upper bound for 'EVR1'"),
    ],
)
def test_what_is_not_understood_is_named(text: str, reason: str) -> None:
    """A record that cannot be read refuses its airspace with the reason, and is never guessed."""
    assert refused(text) == reason


def test_what_stands_before_the_first_airspace_is_named() -> None:
    """A record that belongs to no airspace is not dropped in silence."""
    raws, (finding,) = read_open_air("AN EVR0\n" + airspace(), "lv.txt")
    assert str(finding) == "lv.txt: line 1: 'AN EVR0' stands before the first AC"
    assert len(raws) == 1


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("D", "", "class-d"),
        ("CTR", "", "CTR"),
        ("UNC", "AY TMZ\n", "TMZ"),
        ("Q", "AY NONE\n", "danger"),
    ],
)
def test_kinds(kind: str, more: str, expected: str) -> None:
    """The type says the kind, and where there is none the class does."""
    assert only_airspace(airspace(kind=kind, more=more)).fields["kind"] == expected


def test_activation_times() -> None:
    """Activation becomes validity, open where the record is."""
    fields = only_airspace(airspace(more="AA NONE/2024-09-08T13:00Z\n")).fields
    assert fields["valid_from"] is None
    assert fields["valid_until"].startswith("2024-09-08T13:00:00")
