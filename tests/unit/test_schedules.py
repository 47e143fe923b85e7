"""Recurring times: hours, weekdays, and nights as long as the sun makes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from skyfence.schedules import ActiveTimes, Schedules
from skyfence.times import parse_time, to_ms

CHELM = (23.4716, 51.1431)
TROMSO = (18.9553, 69.6492)
NIGHT = {"from": "sunset", "until": "sunrise", "time_zone": "Europe/Warsaw"}
DAY = NIGHT | {"from": "sunrise", "until": "sunset"}
_SCHEDULES: TypeAdapter[Any] = TypeAdapter(Schedules)


def active(*rules: dict[str, Any], place: tuple[float, float] = CHELM) -> ActiveTimes:
    return ActiveTimes(_SCHEDULES.validate_python(rules), *place)


def ms(text: str) -> int:
    return to_ms(parse_time(text))


def holds(times: ActiveTimes, text: str) -> bool:
    return times.holds(ms(text))


def test_sunset_and_sunrise_as_published() -> None:
    """The night of 24 to 25 December 2026 at Chelm ends when an almanac has the sun rise.

    https://ilednido.pl/dlugosc-dnia/grudzien/25: 25 December, Chełm, 07:28:59 and 15:23:17 of
    Poland's time. Almanacs differ by a minute in the place and in the refraction that they assume.
    """
    stretch = active(NIGHT).stretch_at(ms("2026-12-25T03:00:00Z"))
    day = active(DAY).stretch_at(ms("2026-12-25T11:00:00Z"))
    assert stretch is not None
    assert day is not None
    assert abs(stretch[1] - ms("2026-12-25T06:28:59Z")) <= 120_000
    assert abs(day[1] - ms("2026-12-25T14:23:17Z")) <= 120_000
    assert day[0] == stretch[1]


@pytest.mark.parametrize(
    ("moment", "night"),
    [
        ("2025-09-10T00:30:00Z", True),
        ("2025-09-10T03:00:00Z", True),
        ("2025-09-10T05:00:00Z", False),
        ("2025-09-10T16:00:00Z", False),
        ("2025-09-10T18:00:00Z", True),
        ("2025-09-10T23:59:59Z", True),
    ],
)
def test_a_night(moment: str, night: bool) -> None:
    """A ban from sunset to sunrise holds by night, over midnight, and a day's rule otherwise."""
    assert holds(active(NIGHT), moment) is night
    assert holds(active(DAY), moment) is not night


@pytest.mark.parametrize("month", ["06", "12"])
def test_polar_days_and_nights(month: str) -> None:
    """Where the sun does not set there is no night; where it does not rise nothing else."""
    night = NIGHT | {"time_zone": "Europe/Oslo"}
    for hour in range(0, 24, 3):
        moment = f"2026-{month}-21T{hour:02d}:10:00Z"
        assert holds(active(night, place=TROMSO), moment) is (month == "12")
        day = night | {"from": "sunrise", "until": "sunset"}
        assert holds(active(day, place=TROMSO), moment) is (month == "06")


def test_every_instant_of_a_year_is_day_or_night() -> None:
    """Night and day leave no gap and do not overlap, where the polar seasons begin and end too."""
    oslo = {"time_zone": "Europe/Oslo"}
    night, day = active(NIGHT | oslo, place=TROMSO), active(DAY | oslo, place=TROMSO)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(365 * 8):
        moment += timedelta(hours=3)
        assert night.holds(to_ms(moment)) is not day.holds(to_ms(moment)), moment


def test_hours_are_of_the_time_zone() -> None:
    """Ten in the evening in Poland is an hour earlier in UTC by summer than by winter."""
    times = active({"from": "22:00", "until": "06:00", "time_zone": "Europe/Warsaw"})
    assert not holds(times, "2026-07-01T19:59:59Z")
    assert holds(times, "2026-07-01T20:00:00Z")
    assert not holds(times, "2026-12-01T20:59:59Z")
    assert holds(times, "2026-12-01T21:00:00Z")
    assert not holds(times, "2026-12-02T05:00:00Z")


def test_a_weekday_is_that_on_which_it_begins() -> None:
    """Friday's night lasts until Saturday morning; Saturday has none."""
    times = active({"weekdays": ["fri"], "from": "22:00", "until": "06:00"})
    assert holds(times, "2026-11-28T03:00:00Z")  # a Saturday
    assert not holds(times, "2026-11-28T23:00:00Z")


def test_a_whole_week_has_no_seams() -> None:
    """Days that follow one another are one stretch: midnight is no end."""
    times = active({"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]})
    day = ms("2026-11-28T00:00:00Z")
    assert times.stretch_at(day) == times.stretch_at(day + 1)
    assert times.ends_between(day - 1_000, day + 1_000) == []


def test_offsets() -> None:
    """A time that is moved from the sun's is earlier or later by so much."""
    plain = active(NIGHT).ends_between(ms("2026-12-25T00:00:00Z"), ms("2026-12-26T00:00:00Z"))
    moved = active(NIGHT | {"from": "sunset-00:30", "until": "sunrise+01:15"})
    half_hour, more = 30 * 60_000, 75 * 60_000
    expected = [plain[0] + more, plain[1] - half_hour]
    assert moved.ends_between(ms("2026-12-25T00:00:00Z"), ms("2026-12-26T00:00:00Z")) == expected


def test_several_rules() -> None:
    """With several rules it holds when any of them does."""
    times = active(
        {"weekdays": ["sat", "sun"]}, {"weekdays": ["mon"], "from": "08:00", "until": "10:00"}
    )
    assert holds(times, "2026-11-29T15:00:00Z")
    assert holds(times, "2026-11-30T09:00:00Z")
    assert not holds(times, "2026-11-30T10:00:00Z")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        pytest.param({"from": "25:00"}, "must be a time of day as '22:00'", id="hour"),
        pytest.param({"from": "24:30"}, "the last time of a day is '24:00'", id="past midnight"),
        pytest.param({"from": "dusk"}, "must be a time of day", id="word"),
        pytest.param({"until": "sunset+13:00"}, "must be a time of day", id="offset"),
        pytest.param({"time_zone": "Poland/Warsaw"}, "is no time zone that is known", id="zone"),
        pytest.param({"time_zone": "../passwd"}, "must be a time zone's name", id="path"),
        pytest.param({"from": "08:00", "until": "08:00"}, "are both 08:00", id="empty"),
        pytest.param({"weekdays": []}, "at least 1 item", id="no day"),
        pytest.param({"weekdays": ["monday"]}, "should be 'mon'", id="day"),
        pytest.param({"days": ["mon"]}, "not permitted", id="unknown"),
    ],
)
def test_what_is_refused(rule: dict[str, Any], reason: str) -> None:
    """A schedule that says nothing, or nothing that is understood, is an error."""
    with pytest.raises(ValidationError, match=reason):
        _SCHEDULES.validate_python([rule])
