"""Reads the file of an SMS gateway.

Recipients and opt-outs, which change while a gateway runs, are followed by
``consumers.sms.recipient_lists``; texts are read by ``skyfence.adapters.files``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consumers.sms.rules.gateway_file import IN_REDIS, GatewayFile, parse_gateway
from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import InputError, UnavailableError

_PATHS = ("outbox", "texts")
_LISTS = ("recipients", "opt_outs")


def read(path: Path) -> str:
    """Return what a file holds; raise an error that names it where that cannot be."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None


def load_gateway(path: Path) -> GatewayFile:
    """Read a gateway's file, with the paths in it as seen from anywhere."""
    return with_paths(parse_gateway(read(path), str(path)), path.resolve().parent)


def with_paths(file: GatewayFile, folder: Path) -> GatewayFile:
    """Return a gateway's file with its paths, which are relative to a folder, made absolute."""
    changed: dict[str, Any] = {}
    for name in (*_PATHS, *_LISTS):
        value: str | None = getattr(file, name)
        if value is not None and not (name in _LISTS and value == IN_REDIS):
            changed[name] = str(folder / value)
    changed[file.adapter] = _with_paths(file.options, folder)
    return file.model_copy(update=changed)


def _with_paths(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, dict):
            found[name] = _with_paths(value, folder)
        elif name.endswith("_file") and isinstance(value, str):
            found[name] = str(folder / value)
        else:
            found[name] = value
    return found
