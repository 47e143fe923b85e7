"""A component's options: from the command line, the environment, a file, else their defaults.

    --port 5010  >  SKYFENCE_SOURCE_CSV_TCP_PORT=5010  >  port = 5010 in FILE.toml  >  the default

The first that says something of a field wins. An error names the option, variable or line of the
file that is wrong. Reads the file; the environment is read by ``skyfence.adapters.settings``.
"""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from skyfence.adapters.settings import variables
from skyfence.components.component import ComponentOptions
from skyfence.components.registry import AnyComponent
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import InputError, UnavailableError, UsageError


def is_secret(field: FieldInfo) -> bool:
    """Tell whether a field's value must not be shown."""
    return "SecretStr" in str(field.annotation)


def option_name(field: str) -> str:
    """Return a field's option, as ``--max-clients`` of ``max_clients``."""
    return "--" + field.replace("_", "-")


def load_options(
    component: AnyComponent,
    command: Mapping[str, Any],
    config: Path | None = None,
    *,
    others: Collection[str] = (),
) -> ComponentOptions:
    """Return a component's options; raise ``UsageError`` that names what is wrong, and where.

    ``command`` holds what the command line gives, as text or lists of texts; ``others`` are the
    prefixes of other components' variables, which may begin with this one's.
    """
    fields = component.options.model_fields
    origins: dict[str, str] = {}
    values: dict[str, Any] = {}
    if config is not None:
        for name, value in _read(config).items():
            values[name], origins[name] = value, f"{config}: {name}"
    for name, text in _environment(component, others).items():
        origins[name] = component.variable_prefix + name.upper()
        values[name] = _parsed(fields[name], text)
    for name, given in command.items():
        origins[name] = option_name(name)
        values[name] = _parsed(fields[name], given)
    try:
        options: ComponentOptions = component.options.model_validate(values)
    except ValidationError as error:
        raise UsageError(_described(component, error, origins)) from None
    return options


def _described(component: AnyComponent, error: ValidationError, origins: Mapping[str, str]) -> str:
    """Say what is wrong with the first bad value, and never show a secret one."""
    where, _, reason = describe_validation_error(error).partition(": ")
    name = where.partition(".")[0]
    field = component.options.model_fields.get(name)
    if field is not None and is_secret(field):
        reason = reason.partition(", got ")[0]
    if name in origins:
        return f"{origins[name]}: {reason}"
    if field is None:  # a check of several fields together
        return f"{component.kind} {component.name}: {reason}"
    variable = component.variable_prefix + name.upper()
    if reason == "field required":
        ways = variable if is_secret(field) else f"{option_name(name)} or {variable}"
        return f"{component.kind} {component.name}: {name} is missing, give it with {ways}"
    return f"{option_name(name)}: {reason}"


def _environment(component: AnyComponent, others: Collection[str]) -> Mapping[str, str]:
    """Return what the environment says of a component's fields; refuse a variable of none."""
    prefix, given = component.variable_prefix, {}
    longer = tuple(other for other in others if other.startswith(prefix) and other != prefix)
    for variable, text in variables(prefix).items():
        field = variable.removeprefix(prefix).lower()
        if field in component.options.model_fields:
            given[field] = text
        elif not variable.startswith(longer or ("\0",)):
            known = ", ".join(component.options.model_fields) or "none"
            raise UsageError(f"{variable}: {component.name} has no such option, it has: {known}")
    return given


def _parsed(field: FieldInfo, given: Any) -> Any:
    """Return what pydantic takes for a list or a table that is given as text or texts."""
    annotation = str(field.annotation)
    if "tuple[" in annotation:
        return given.split(",") if isinstance(given, str) else list(given)
    if "dict[" in annotation:
        pairs = given.split(",") if isinstance(given, str) else given
        return dict(pair.partition("=")[::2] for pair in pairs if pair)
    return given


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    except OSError as error:
        raise UnavailableError(f"{path}: {(error.strerror or 'unreadable').lower()}") from None
