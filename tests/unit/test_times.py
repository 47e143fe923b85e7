"""Instants: read strictly, kept in whole milliseconds, written in one way."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from builders import T0, T0_MS
from hypothesis import given
from hypothesis import strategies as st

from skyfence.times import LATEST_MS, format_time, from_ms, parse_time, to_ms

YEAR_9999_MS = 253_402_300_799_999


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2024-09-07T03:58:00Z", "2024-09-07T03:58:00.000Z"),
        ("2024-09-07t03:58:00.5z", "2024-09-07T03:58:00.500Z"),
        ("2024-09-07 05:58:00+02:00", "2024-09-07T03:58:00.000Z"),
        ("2024-09-06T23:58:00.1-04:00", "2024-09-07T03:58:00.100Z"),
        ("2024-09-07T03:58:00.999999999Z", "2024-09-07T03:58:00.999Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("2024-02-29T23:59:59.9Z", "2024-02-29T23:59:59.900Z"),
    ],
)
def test_rfc_3339_is_read(text: str, written: str) -> None:
    """Every spelling of RFC 3339 with a zone is one UTC instant, cut to the millisecond."""
    assert format_time(parse_time(text)) == written


@pytest.mark.parametrize(
    "value",
    [
        "2024-09-07T03:58:00",
        "2024-09-07T03:58Z",
        "2024-09-07",
        "20240907T035800Z",
        "2024-W36-6T03:58:00Z",
        "2024-09-07T03:58:00Z\n",
        " 2024-09-07T03:58:00Z",
        "2024-09-07T03:58:60Z",
        "2024-09-07T24:00:01Z",
        "2023-02-29T00:00:00Z",
        "2024-09-07T03:58:00+24:00",
        "2024-09-07T03:58:00.0123456789Z",
        "1969-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "",
        T0.replace(tzinfo=None),
        T0.date(),
        0,
        1.5,
        None,
        True,
        b"2024-09-07T03:58:00Z",
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    """What is no full RFC 3339 instant since 1970 raises ValueError, never another exception."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_time(value)


def test_an_aware_datetime_is_turned_into_utc() -> None:
    """A datetime of another zone is the same instant, with the zone UTC."""
    parsed = parse_time(T0.astimezone(timezone(timedelta(hours=3))))
    assert (parsed, parsed.tzinfo) == (T0, UTC)


def test_a_known_instant_has_its_known_milliseconds() -> None:
    """Milliseconds count from 1970 as everywhere else (GNU date: 1725681480)."""
    assert to_ms(datetime(2024, 9, 7, 3, 58, 0, 7_999, tzinfo=UTC)) == 1_725_681_480_007
    assert T0_MS == 1_725_681_480_000


@given(st.integers(0, LATEST_MS))
def test_milliseconds_survive_every_form(value: int) -> None:
    """From milliseconds to datetime to text and back loses not one millisecond."""
    instant = from_ms(value)
    assert to_ms(instant) == value
    assert parse_time(format_time(instant)) == instant


@pytest.mark.parametrize("value", [YEAR_9999_MS + 1, 10**15, 10**30])
def test_an_instant_that_the_calendar_lacks_is_refused(value: int) -> None:
    """Milliseconds beyond the year 9999 raise one of the errors that callers expect."""
    with pytest.raises((ValueError, OverflowError, OSError)):
        from_ms(value)


def test_an_instant_after_2100_is_refused() -> None:
    """A broken clock's far future is no time of a report."""
    with pytest.raises(ValueError, match="time is after 2100"):
        parse_time("2100-01-01T00:00:00.001Z")
