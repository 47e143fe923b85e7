"""What a report may say, and the one line that tells a sender what was wrong."""

import math
from typing import Any

import pytest
from builders import T0, fields, report
from pydantic import ValidationError

from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.report import Report


def reason(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Report.model_validate(fields(**changes))
    return describe_validation_error(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lat", 90),
        ("lat", -90.0),
        ("lon", 180),
        ("lon", -180.0),
        ("altitude_m", -1_000),
        ("altitude_m", 2_000_000),
        ("ground_speed_mps", 0),
        ("ground_speed_mps", 10_000),
        ("course_deg", 0),
        ("course_deg", 360),
        ("vertical_rate_mps", -10_000),
        ("accuracy_m", 5e-324),
        ("accuracy_m", 100_000),
        ("callsign", "RYR 1_2-34"),
        ("callsign", "A"),
        ("mode_3a", "7700"),
        ("mode_3a", "0000"),
        ("altitude_ref", "agl"),
        ("category", "balloon"),
        ("phase", "ended"),
        ("track_id", "a b"),
        ("track_id", "!" * 128),
        ("source", "a" * 64),
        ("simulated", True),
        ("callsign", None),
        ("altitude_m", None),
    ],
)
def test_values_on_the_bounds_are_accepted(name: str, value: object) -> None:
    """A value that a sensor can mean is taken over unchanged, the bounds included."""
    assert getattr(report(**{name: value}), name) == value


@pytest.mark.parametrize("name", ["lat", "lon", "altitude_m", "course_deg", "accuracy_m"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1.5", True, [1.0], 10**400])
def test_no_number_is_refused(name: str, value: object) -> None:
    """NaN, infinity, a text, a bool, a list and a number beyond floats are no measurement."""
    assert reason(**{name: value}).startswith(f"{name}: input should be ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lat", 90.000001),
        ("lon", -180.000001),
        ("altitude_m", -1_000.5),
        ("altitude_m", 2_000_001),
        ("ground_speed_mps", -0.001),
        ("ground_speed_mps", 10_000.5),
        ("course_deg", 360.001),
        ("course_deg", -1e-9),
        ("vertical_rate_mps", 10_001),
        ("accuracy_m", 0),
        ("accuracy_m", 100_001),
        ("callsign", ""),
        ("callsign", " RYR"),
        ("callsign", "RYR\n"),
        ("callsign", "A" * 17),
        ("mode_3a", "7708"),
        ("mode_3a", "770"),
        ("mode_3a", "77000"),
        ("mode_3a", 7700),
        ("mode_3a", "٧٧٠٠"),
        ("icao_address", "4CA1G0"),
        ("icao_address", "4CA1F"),
        ("icao_address", 502_000),
        ("icao_address", "4CA1F0\n"),
        ("altitude_ref", "AMSL"),
        ("altitude_ref", ""),
        ("category", None),
        ("category", "drone"),
        ("phase", "lost"),
        ("phase", []),
        ("simulated", 1),
        ("simulated", "true"),
        ("track_id", ""),
        ("track_id", " a"),
        ("track_id", "a "),
        ("track_id", "a\x1fb"),
        ("track_id", "ā"),
        ("track_id", "!" * 129),
        ("track_id", 17),
        ("source", "radar/1"),
        ("source", "-radar"),
        ("source", "radar\n"),
        ("source", "a" * 65),
    ],
)
def test_values_beyond_the_bounds_are_refused(name: str, value: object) -> None:
    """A value that no sensor can mean is refused under its field's name."""
    assert reason(**{name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "value",
    ["2024-09-07T03:58:00", "2024-09-07", T0.replace(tzinfo=None), 1_725_681_480, True, None, ""],
)
def test_a_time_that_names_no_instant_is_refused(value: object) -> None:
    """A time without zone, a date, a number or nothing at all is no instant."""
    assert reason(time=value).startswith("time: time ")


def test_time_is_utc_in_whole_milliseconds() -> None:
    """A time with an offset is turned into UTC and cut, not rounded, to the millisecond."""
    made = report(time="2024-09-07T06:58:00.1239+03:00")
    assert made.time == T0.replace(microsecond=123_000)
    assert b'"time":"2024-09-07T03:58:00.123Z"' in made.to_json()


def test_icao_address_is_written_in_capitals() -> None:
    """The same transponder is the same address, however a sensor spells it."""
    assert report(icao_address="4ca1fb").icao_address == "4CA1FB"


@pytest.mark.parametrize("name", ["time", "source", "track_id", "lat", "lon"])
def test_what_a_report_must_say_is_required(name: str) -> None:
    """A report without one of its five required fields is refused by that field's name."""
    rest = {key: value for key, value in fields().items() if key != name}
    with pytest.raises(ValidationError) as caught:
        Report.model_validate(rest)
    assert describe_validation_error(caught.value) == f"{name}: field required"


def test_reports_are_frozen_and_survive_json() -> None:
    """A report cannot be changed, and its JSON reads back as the same report."""
    made = report(callsign="RYR12", altitude_m=120.5, altitude_ref="agl", simulated=True)
    with pytest.raises(ValidationError):
        made.lat = 1.0  # type: ignore[misc]
    assert Report.model_validate_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"lat": 91}, "lat: input should be less than or equal to 90, got 91"),
        ({"lat": "56"}, "lat: input should be a valid number, got '56'"),
        ({"speed": 5}, "speed: unknown field, got 5"),
        ({"mode_3a": "7780"}, "mode_3a: string should match pattern '^[0-7]{4}$', got '7780'"),
        (
            {"time": "2024-09-07T03:58:00"},
            "time: time must be RFC 3339 with a zone, as 2024-09-07T03:58:00.000Z, "
            "got '2024-09-07T03:58:00'",
        ),
        (
            {"time": T0.replace(tzinfo=None)},
            "time: time has no zone, got datetime.datetime(2024, 9, 7, 3, 58)",
        ),
        (
            {"lat": 91, "lon": 181, "phase": "x"},
            "lat: input should be less than or equal to 90, got 91 (and 2 more)",
        ),
    ],
)
def test_why_invalid_is_one_exact_line(changes: dict[str, Any], line: str) -> None:
    """The reason names the field, what it must be and what it held, in one line."""
    assert reason(**changes) == line


@pytest.mark.parametrize("value", ["x" * 10_000, "a\nb\r\nc", ["y"] * 1_000, "\u2028"])
def test_why_invalid_stays_short_and_on_one_line(value: object) -> None:
    """However long or broken the value, its reason is one printable line under 200 characters."""
    line = reason(callsign=value)
    assert len(line) < 200
    assert line.isprintable()


def test_a_report_that_is_no_object_is_named_so() -> None:
    """A list element that is no JSON object is refused as a report, not as a field."""
    with pytest.raises(ValidationError) as caught:
        Report.model_validate(7)
    assert describe_validation_error(caught.value).startswith("report: ")
    assert describe_validation_error(caught.value).endswith(", got 7")
