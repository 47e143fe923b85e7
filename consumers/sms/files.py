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
    """Return a file's text, without a byte order mark.

    Raises ``InputError`` where it is not UTF-8, ``UnavailableError`` where it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None


def load_gateway(path: Path) -> GatewayFile:
    """Read a gateway's file and make the paths in it absolute.

    Raises ``InputError`` naming the first fault, ``UnavailableError`` where it cannot be read.
    """
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
    """Return options with every ``*_file``, however deep, made absolute."""
    absolute: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, dict):
            absolute[name] = _with_paths(value, folder)
        elif name.endswith("_file") and isinstance(value, str):
            absolute[name] = str(folder / value)
        else:
            absolute[name] = value
    return absolute
