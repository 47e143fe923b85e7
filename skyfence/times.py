"""UTC instants as whole milliseconds, the only clock unit inside the engine.

Milliseconds since 1970 in an ``int`` compare exactly and mean the same on every processor.
Does not read the clock.
"""

import re
from datetime import UTC, datetime

# RFC 3339 with a zone; a bare local time is refused, because nobody can say what it meant.
RFC3339_PATTERN = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$"
_RFC3339 = re.compile(RFC3339_PATTERN.replace("$", r"\Z"), re.ASCII)
MS_PER_S = 1000
# The year 2100: later instants are a broken clock's, or microseconds taken for milliseconds.
LATEST_MS = 4_102_444_800_000
# Brokers that date one source's frames in turn differ by less than this.
_MOST_BROKER_SKEW_MS = 60_000


def was_set_back(broker_ms: int, latest_ms: int) -> bool:
    """Tell whether a broker's clock was set back: it dates a message far before an earlier one."""
    return broker_ms < latest_ms - _MOST_BROKER_SKEW_MS


def header_number(value: bytes | None) -> int | None:
    """Return a whole number from a message's header, at most ``LATEST_MS``.

    None for a header that is missing or no such number: then it is not known, and is no error.
    """
    if value is None or not (value.isdigit() and len(value) <= 15 and int(value) <= LATEST_MS):
        return None
    return int(value)


def parse_time(value: object) -> datetime:
    """Turn an RFC 3339 text or an aware datetime into UTC, cut to the millisecond.

    Raises ``ValueError`` for anything else, a time without zone included.
    """
    if isinstance(value, str):
        if not _RFC3339.match(value):
            raise ValueError("time must be RFC 3339 with a zone, as 2024-09-07T03:58:00.000Z")
        value = datetime.fromisoformat(value.upper())
    if not isinstance(value, datetime):
        raise ValueError("time must be a text, as 2024-09-07T03:58:00.000Z")  # noqa: TRY004
    if value.tzinfo is None:
        raise ValueError("time has no zone")
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("time is out of range") from None
    if utc.year < 1970:
        raise ValueError("time is before 1970")
    if to_ms(utc) > LATEST_MS:
        raise ValueError("time is after 2100")
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def to_ms(value: datetime) -> int:
    """Return milliseconds since 1970 of an aware datetime, cut to the millisecond."""
    delta = value - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * MS_PER_S + delta.microseconds // 1000


def from_ms(value: int) -> datetime:
    """Return the UTC datetime of milliseconds since 1970."""
    return datetime.fromtimestamp(value // MS_PER_S, UTC).replace(
        microsecond=value % MS_PER_S * 1000
    )


def format_time(value: datetime) -> str:
    """Write a UTC datetime as RFC 3339 with milliseconds and ``Z``."""
    # Half of what strftime takes: messages and snapshots are full of times.
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
