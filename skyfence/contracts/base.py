"""What every contract's model shares: unknown fields refused, times written in one way, frozen."""

from datetime import datetime
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from skyfence.times import RFC3339_PATTERN, format_time, parse_time

UtcTime = Annotated[
    datetime,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339_PATTERN}),
]
Latitude = Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)]

# Names that go into keys, channels and log lines: no blank, no slash, no control character.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
SourceName = Annotated[str, Field(strict=True, pattern=NAME_PATTERN)]
RunName = Annotated[str, Field(strict=True, pattern=NAME_PATTERN)]
# A track's name comes from sensors: any printable ASCII, blanks inside included.
TrackName = Annotated[str, Field(strict=True, pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")]


class Contract(BaseModel):
    """Base of the models that travel between processes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_json(self) -> bytes:
        """Write the model as compact JSON, leaving out what is not known."""
        return self.model_dump_json(exclude_none=True).encode()


def round_degrees(value: float) -> float:
    """Round to 1e-6 degrees (0.1 m), the precision of everything published."""
    return round(value, 6) + 0.0


def describe_validation_error(
    error: ValidationError, *, root: str = "report", beside_secrets: bool = False
) -> str:
    """Return one line that names the first wrong field, why it is wrong, and its value.

    The field is named by its path, as ``evidence.after.lat``, the whole by ``root``; the value is
    cut at 80 characters. With ``beside_secrets`` a value that may hold a secret is left out: that
    of an unknown field (a password in the wrong file), a table, and whatever looks like a URL.
    """
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or root
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    reason = reason[:1].lower() + reason[1:]
    if first["type"] == "extra_forbidden":
        reason = "unknown field"
    if first["type"] == "missing":
        return f"{field}: field required"
    value = first.get("input")
    is_shown = not beside_secrets or (
        first["type"] != "extra_forbidden" and _holds_no_secret(field, value)
    )
    got = f", got {repr(value)[:80]}" if is_shown else ""
    more = error.error_count() - 1
    also = f" (and {more} more)" if more else ""
    return f"{field}: {reason}{got}{also}"


def _holds_no_secret(field: str, value: object) -> bool:
    """Tell whether a value is a number or a text without anything of a URL."""
    if field.endswith("url") or not isinstance(value, str | int | float):
        return False
    return not any(mark in str(value) for mark in ("@", "://"))
