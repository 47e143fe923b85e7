"""Reading a report: optional fields that are wrong are left out, everything else is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from skyfence.contracts.report import read_report

GOOD: dict[str, Any] = {
    "time": "2024-09-07T03:58:00Z",
    "source": "radar",
    "track_id": "T1",
    "lat": 56.5,
    "lon": 28.0,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("callsign", "        "),
        ("callsign", "@@@@@@@@"),
        ("callsign", "TEST.7"),
        ("callsign", "TEST7\x00\x00"),
        ("icao_address", "~2A3F41"),
        ("mode_3a", ""),
        ("altitude_m", "ground"),
        ("ground_speed_mps", -3),
        ("course_deg", 361),
    ],
)
def test_a_wrong_optional_field_is_left_out(name: str, value: object) -> None:
    """A receiver that pads a callsign knows where the object is: the position is judged."""
    report, left_out = read_report(GOOD | {name: value})
    assert getattr(report, name) is None
    assert left_out == (f"{name}: {value!r}",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lat", 91), ("time", "yesterday"), ("track_id", ""), ("phase", "gone"), ("speed", 3)],
)
def test_the_rest_is_refused(name: str, value: object) -> None:
    """Where, when, what and any field that a report does not have are refused as before."""
    with pytest.raises(ValidationError, match=name):
        read_report(GOOD | {name: value, "callsign": "@@"})


def test_a_good_report_loses_nothing() -> None:
    """What is right stays."""
    report, left_out = read_report(GOOD | {"callsign": "TEST7"})
    assert (report.callsign, left_out) == ("TEST7", ())
