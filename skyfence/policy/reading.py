"""The reading of a policy: its text into a ``Policy``, or all that is wrong with it.

Says for each finding which entry is wrong, why, and its value. Does not open files
(``adapters.files``).
"""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from skyfence.errors import InputError
from skyfence.policy.policy import CIVIL, Policy, PolicyFile

_GOT_LENGTH: Final = 80  # how much of a wrong value is shown
_WITHOUT_VALUE: Final = {"extra_forbidden": "unknown key", "missing": "field required"}
_IN_TOML_S_WORDS: Final = {
    "tuple_type": "must be a list",
    "too_short": "the list is too short",
    "too_long": "the list is too long",
    "dict_type": "must be a section",
    "model_type": "must be a section",
}


def parse_policy(text: str, where: str) -> Policy:
    """Return the policy of a TOML text.

    Raises ``InputError`` with the first thing that is wrong; ``where`` names the file in it.
    """
    file, findings = _read(text, where)
    if file is None:
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        raise InputError(findings[0] + more)
    return Policy(file)


def check_policy(text: str, where: str) -> list[str]:
    """Return all that is wrong with a policy, one line each, beginning with ``where``."""
    return _read(text, where)[1]


def _read(text: str, where: str) -> tuple[PolicyFile | None, list[str]]:
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number too long, brackets too deep
        reason = str(error)
        return None, [f"{where}: not TOML: {reason[:1].lower()}{reason[1:]}"]
    findings = [f"{where}: {reason}" for reason in _names_taken(_permits_of(document))]
    try:
        file = PolicyFile.model_validate(document)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        return None, [f"{where}: {_finding(detail, document)}" for detail in wrong] + findings
    return (None if findings else file), findings


def _names_taken(permits: Sequence[Any]) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, permit in enumerate(permits, 1):
        name = permit.get("name") if isinstance(permit, dict) else None
        if not isinstance(name, str):
            continue
        if name == CIVIL:
            yield f"permit {number}: name: {CIVIL!r} is what the rule for civil flights is called"
        elif name in first:
            yield f"permit {number}: name: permit {first[name]} has it too, got {name!r}"
        first.setdefault(name, number)


def _finding(error: ErrorDetails, document: dict[str, Any]) -> str:
    """Return a line that says which entry is wrong, why, and its value."""
    place = _place(error["loc"], document)
    if error["type"] in _WITHOUT_VALUE:
        return f"{place}: {_WITHOUT_VALUE[error['type']]}"
    reason = _IN_TOML_S_WORDS.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    value = error["input"]
    if isinstance(value, dict):  # a whole section: its name says enough
        return f"{place}: {reason}"
    return f"{place}: {reason}, got {_shown(value)[:_GOT_LENGTH]}"


def _place(loc: Sequence[int | str], document: dict[str, Any]) -> str:
    """Return an entry's path as its author would say it: counted from 1, permits with names."""
    if len(loc) > 1 and loc[0] == "permit":
        number = int(loc[1])
        permit = _permits_of(document)[number]
        name = permit.get("name") if isinstance(permit, dict) else None
        own = f"permit {number + 1}" + (f' ("{name}")' if isinstance(name, str) else "")
        return ": ".join(filter(None, [own, _dotted(loc[2:])]))
    return _dotted(loc)


def _dotted(loc: Sequence[int | str]) -> str:
    parts = [f" {part + 1}" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(part for part in parts if part != ".[key]").removeprefix(".")


def _permits_of(document: dict[str, Any]) -> list[Any]:
    permits = document.get("permit")
    return permits if isinstance(permits, list) else []


def _shown(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime | date | time) else repr(value)
