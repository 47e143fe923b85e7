"""Recurring times: weekdays and hours of a time zone, or from sunset to sunrise.

    rules, place ──▶ ActiveTimes ──▶ stretches of time about an instant (cached by day)
                                       └─▶ is it inside, at an end, or outside?

A stretch begins on each of a rule's days at its ``from`` and lasts until the next ``until`` after
it, the next day's where that is not later on the same day. Sunrise and sunset are when the sun's
upper limb is at the horizon of the place, rounded to the second. Where the sun does not set all
day, sunrise is the day's beginning and sunset its end; where it does not rise, the other way round:
so "sunset to sunrise" is all of a polar night and nothing of a polar day.

Time zones are those of the package ``tzdata``, not of the machine, so that all machines agree. Does
not read the clock: time arrives as data.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from astral import Observer
from astral.sun import elevation, sunrise, sunset
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from skyfence.contracts.base import Contract
from skyfence.times import MS_PER_S, to_ms

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Stretch = tuple[int, int]  # from and until, milliseconds since 1970

_DAY_MS: Final = 86_400_000
# A stretch that is under way began at most so many local days before, or begins that many after:
# one for a night, one for an offset, one for the time zone.
_DAYS_AROUND: Final = 3
# Days whose stretches are remembered: event time goes on, and sources are hours apart at most.
_DAYS_KEPT: Final = 64
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_SUN: Final = re.compile(r"(sunrise|sunset)(?:([+-])(0\d|1[0-2]):([0-5]\d))?")


def _checked_moment(value: object) -> str:
    if isinstance(value, time):  # TOML has times of day
        value = value.strftime("%H:%M")
    if not isinstance(value, str) or not (_CLOCK.fullmatch(value) or _SUN.fullmatch(value)):
        raise ValueError(
            "must be a time of day as '22:00', or 'sunrise' or 'sunset', "
            "which may be moved by up to 12 hours as in 'sunset-00:30'"
        )
    if value.startswith("24") and value != "24:00":
        raise ValueError("the last time of a day is '24:00'")
    return value


def _checked_zone(name: str) -> str:
    _time_zone(name)
    return name


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Moment = Annotated[str, BeforeValidator(_checked_moment)]


class Schedule(Contract):
    """A recurring time: on these weekdays (all of them where none is named), from when until when.

    Hours are those of ``time_zone`` (an IANA name); so are the days. On both ends the time holds.
    """

    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)] | None = None
    begins: Annotated[Moment, Field(alias="from")] = "00:00"
    ends: Annotated[Moment, Field(alias="until")] = "24:00"
    time_zone: Annotated[str, AfterValidator(_checked_zone)] = "UTC"

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.begins == self.ends:
            raise ValueError(f"from and until are both {self.begins}")
        return self

    @property
    def follows_the_sun(self) -> bool:
        """Tell whether the times depend on where they are asked for."""
        return self.begins.startswith("sun") or self.ends.startswith("sun")

    def __str__(self) -> str:
        """Return the schedule for people: ``mon, tue from 22:00 until sunrise (Europe/Warsaw)``."""
        days = "every day" if self.weekdays is None else ", ".join(self.weekdays)
        return f"{days} from {self.begins} until {self.ends} ({self.time_zone})"


# One schedule, or several of which any may hold.
Schedules = Annotated[tuple[Schedule, ...], BeforeValidator(_as_list), Field(min_length=1)]


class ActiveTimes:
    """When schedules hold at a place (degrees), any of them."""

    def __init__(self, schedules: Sequence[Schedule], lon: float, lat: float) -> None:
        self._schedules = tuple(schedules)
        # Rounded to 10 m, a hundredth of a second of the sun: computed centres differ in last bits.
        self._observer = Observer(round(lat, 4), round(lon, 4))
        self._stretches: dict[int, tuple[Stretch, ...]] = {}

    def stretch_at(self, time_ms: float) -> Stretch | None:
        """Return the stretch that an instant lies in, its ends included; None outside of all."""
        stretches = self._about(time_ms)
        index = bisect_right(stretches, (time_ms, float("inf"))) - 1
        if index >= 0 and time_ms <= stretches[index][1]:
            return stretches[index]
        return None

    def holds(self, time_ms: int) -> bool:
        """Tell whether a schedule holds at an instant: from its beginning, up to its end."""
        stretch = self.stretch_at(time_ms)
        return stretch is not None and time_ms < stretch[1]

    def ends_between(self, start_ms: int, end_ms: int) -> list[int]:
        """Return the instants between two at which a stretch begins or ends, ascending."""
        days = range(start_ms // _DAY_MS, end_ms // _DAY_MS + 1)
        ends = {end for day in days for stretch in self._about(day * _DAY_MS) for end in stretch}
        return sorted(end for end in ends if start_ms < end < end_ms)

    def _about(self, time_ms: float) -> tuple[Stretch, ...]:
        """Return the stretches about a day of UTC, in order, none touching another."""
        day = int(time_ms // _DAY_MS)
        if day not in self._stretches:
            if len(self._stretches) >= _DAYS_KEPT:
                self._stretches.clear()
            self._stretches[day] = self._find(day)
        return self._stretches[day]

    def _find(self, day: int) -> tuple[Stretch, ...]:
        first = date(1970, 1, 1) + timedelta(days=day - _DAYS_AROUND)
        stretches = [
            stretch
            for schedule in self._schedules
            for number in range(2 * _DAYS_AROUND + 1)
            if (stretch := self._stretch(schedule, first + timedelta(days=number))) is not None
        ]
        merged: list[Stretch] = []
        for start, end in sorted(stretches):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return tuple(merged)

    def _stretch(self, schedule: Schedule, day: date) -> Stretch | None:
        """Return the stretch of a schedule that begins on a local day, None if none does."""
        if schedule.weekdays is not None and WEEKDAYS[day.weekday()] not in schedule.weekdays:
            return None
        zone = _time_zone(schedule.time_zone)
        start = self._moment(schedule.begins, day, zone)
        end = self._moment(schedule.ends, day, zone)
        if end <= start:
            end = self._moment(schedule.ends, day + timedelta(days=1), zone)
        return (start, end) if start < end else None

    def _moment(self, moment: str, day: date, zone: ZoneInfo) -> int:
        """Return when a time of a local day is, milliseconds since 1970."""
        clock = _CLOCK.fullmatch(moment)
        if clock is not None:
            hours, minutes = int(clock[1]), int(clock[2])
            return _local_ms(day + timedelta(days=hours // 24), zone, time(hours % 24, minutes))
        sun = _SUN.fullmatch(moment)
        assert sun is not None  # noqa: S101 - the schedule was checked
        offset_ms = (int(sun[3]) * 60 + int(sun[4])) * 60 * MS_PER_S if sun[2] else 0
        event_ms = self._sun_ms(sun[1] == "sunrise", day, zone)
        return event_ms - offset_ms if sun[2] == "-" else event_ms + offset_ms

    def _sun_ms(self, rises: bool, day: date, zone: ZoneInfo) -> int:
        """Return when the sun rises or sets on a local day; see the module for polar days."""
        try:
            event = (sunrise if rises else sunset)(self._observer, day, zone)
        except ValueError:  # it does not: it is up, or down, all day
            noon = datetime.combine(day, time(12), zone)
            is_up = elevation(self._observer, noon) > 0.0
            return _local_ms(day + timedelta(days=int(rises != is_up)), zone, time(0))
        return round(to_ms(event) / MS_PER_S) * MS_PER_S


def _local_ms(day: date, zone: ZoneInfo, clock: time) -> int:
    return to_ms(datetime.combine(day, clock, zone))


@cache
def _time_zone(name: str) -> ZoneInfo:
    """Return a time zone of the package ``tzdata``; raise ``ValueError`` where it has none."""
    parts = name.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9_+-]+", part) for part in parts):
        raise ValueError("must be a time zone's name as 'Europe/Warsaw'")
    file: Any = resources.files("tzdata").joinpath("zoneinfo", *parts)
    if not file.is_file():
        raise ValueError("is no time zone that is known")
    with file.open("rb") as data:
        return ZoneInfo.from_file(data, name)
