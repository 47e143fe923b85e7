"""The file of one SMS gateway: through what, how fast, to whom, and whether for exercises.

    name = "duty"
    exercises = false
    adapter = "kannel"
    rate_per_s = 20
    recipients = "recipients.csv"      # or "redis"
    opt_outs = "opt-outs.txt"          # or "redis"
    outbox = "/var/lib/skyfence/sms.db"

    [kannel]                           # the adapter's own options
    password_file = "kannel.password"

What is not named has a default, save ``exercises``: that has to be said. Paths are relative to the
file. Secrets stand in files of their own. Does not open any of them, and knows of an adapter's
options only this much.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from consumers.sms.rules.budget import LEAST_IN_WINDOW
from skyfence.contracts.base import NAME_PATTERN, Contract, describe_validation_error
from skyfence.errors import InputError

IN_REDIS: Final = "redis"
Adapter = Literal["kannel", "smpp", "http"]
# What a message is made of is the gateway's to say, whatever its fields are called.
_TEMPLATES: Final = ("headers", "form", "json")
_SECRET: Final = re.compile(r"(^|_)(password|passwd|secret|token|api_?key)$", re.IGNORECASE)


class GatewayFile(Contract):
    """A gateway's file. ``rate_per_s`` and ``window`` count messages."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    exercises: bool
    adapter: Adapter
    recipients: Annotated[str, Field(min_length=1)]
    opt_outs: Annotated[str, Field(min_length=1)]
    outbox: Annotated[str, Field(min_length=1)]
    # What an operator usually grants to begin with.
    rate_per_s: Annotated[float, Field(gt=0, le=1_000)] = 10.0
    # Messages that are being submitted at once, and so may be doubled by a kill.
    window: Annotated[int, Field(ge=1, le=1_000)] = 10
    # Messages to a person in half an hour, save those that must be.
    most_in_30_min: Annotated[int, Field(ge=LEAST_IN_WINDOW, le=100)] = LEAST_IN_WINDOW
    # A folder of more languages, or of other texts for those that there are.
    texts: str | None = None
    kannel: dict[str, Any] | None = None
    smpp: dict[str, Any] | None = None
    http: dict[str, Any] | None = None

    @property
    def options(self) -> Mapping[str, Any]:
        """Return the adapter's own options."""
        options: dict[str, Any] | None = getattr(self, self.adapter)
        return options or {}


def parse_gateway(text: str, where: str) -> GatewayFile:
    """Read a gateway's file; raise ``InputError`` naming its first fault and how many more."""
    wrong = list(findings(text, where))
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise InputError(wrong[0] + more)
    return GatewayFile.model_validate(tomllib.loads(text))


def findings(text: str, where: str) -> Iterator[str]:
    """Yield each fault of a gateway's file; ``where`` stands before each."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        yield f"{where}: not TOML: {error}"
        return
    if document.pop("most_per_incident", None) is not None:
        yield (
            f"{where}: most_per_incident: is gone, messages are counted by half an hour: "
            "most_in_30_min"
        )
    secrets = set(_secrets(document))
    for name in sorted(secrets):
        yield f"{where}: {name}: a secret stands in a file of its own: give {name}_file"
    try:
        file = GatewayFile.model_validate(document)
    except ValidationError as error:
        yield from (f"{where}: {reason}" for reason in _reasons(error))
        return
    for name in ("kannel", "smpp", "http"):
        given = getattr(file, name) is not None
        if given is not (name == file.adapter):
            fault = "is given and not used" if given else "is missing"
            yield f"{where}: [{name}] {fault}: adapter is {file.adapter!r}"


def _reasons(error: ValidationError) -> Iterator[str]:
    details: list[Any] = error.errors(include_url=False)
    for detail in details:
        # A misplaced secret must not be shown with what it holds.
        shown = detail | {"input": "…"} if _SECRET.search(str(detail["loc"][-1])) else detail
        yield describe_validation_error(ValidationError.from_exception_data(error.title, [shown]))


def _secrets(table: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            inner = {} if name in _TEMPLATES else value
            yield from _secrets(inner, f"{before}{name}.")
        elif _SECRET.search(name):
            yield before + name
