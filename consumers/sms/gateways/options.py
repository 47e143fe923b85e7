"""What the adapters of SMS gateways share: options checked, numbers left out.

    [kannel] table ──▶ parse ──▶ frozen model, or UsageError naming the option

A gateway's options are a table of its TOML file. They hold no secret: passwords and tokens stand in
files of their own (``skyfence.adapters.credentials``).
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from skyfence.contracts.base import describe_validation_error
from skyfence.errors import UsageError
from skyfence.identity import derive

# A number has at most 15 digits; what has fewer than seven, or is hexadecimal, is an error code.
_NUMBERS: Final = re.compile(r"(0x[0-9A-Fa-f]{1,8}\b)|\+?\d(?:[ -]?\d){6,}")
_REASON_CHARACTERS: Final = 120


class Options(BaseModel):
    """Base of the adapters' options: an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Options)


def parse(model: type[Model], options: Mapping[str, Any], adapter: str) -> Model:
    """Return the options as their model; raise ``UsageError`` naming the first that is wrong."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        described = describe_validation_error(error, root="options", beside_secrets=True)
        raise UsageError(f"sms gateway {adapter}: option {described}") from None


def own_reference(key: str) -> str:
    """Return our reference for a message, 32 hexadecimal digits: the same for the same key.

    It stands in URLs and in other people's logs, so nothing of the key can be read from it.
    """
    return derive("sms", key).hex


def without_numbers(text: str) -> str:
    """Return a gateway's words on one line of at most 120 characters, each phone number as "…"."""
    line = " ".join(text.split())
    return _NUMBERS.sub(lambda number: number[1] or "…", line)[:_REASON_CHARACTERS]
