"""Finds the components that are installed, by their packages' entry points.

    [project.entry-points."skyfence.sources"]       (skyfence.sinks likewise)
    csv-tcp = "producers.csv_tcp:COMPONENT"

What cannot be used is an error that names the entry point; it never hides the others.
"""

import re
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from skyfence.components.component import Component, Kind
from skyfence.errors import UsageError

AnyComponent = Component[Any, Any, Any]
# How the entry points of a group are found; tests bring their own.
FindEntryPoints = Callable[[str], Collection[EntryPoint]]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RESERVED: Final = "list"  # `skyfence source list`


def _installed(group: str) -> Collection[EntryPoint]:
    return entry_points(group=group)


def group_of(kind: Kind) -> str:
    """Return the group of a kind's entry points."""
    return f"skyfence.{kind}s"


def names(kind: Kind, find: FindEntryPoints = _installed) -> Sequence[str]:
    """Return the names of all components of a kind, sorted; nothing is imported."""
    return sorted({entry.name for entry in find(group_of(kind))})


def load(kind: Kind, name: str, find: FindEntryPoints = _installed) -> AnyComponent:
    """Import a component; raise ``UsageError`` where there is none, several, or none that works."""
    entries = [entry for entry in find(group_of(kind)) if entry.name == name]
    if not entries:
        known = ", ".join(names(kind, find)) or "none"
        raise UsageError(f"no {kind} is called {name!r}, there are: {known}")
    if len(entries) > 1:
        places = " and ".join(sorted(map(_place, entries)))
        raise UsageError(f"{len(entries)} {kind}s are called {name!r}: {places}")
    return _checked(kind, entries[0])


def _checked(kind: Kind, entry: EntryPoint) -> AnyComponent:
    if not _NAME.fullmatch(entry.name) or entry.name == _RESERVED:
        raise UsageError(f"{kind} {entry.name!r}: no name for a component, of {_place(entry)}")
    try:
        component = entry.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{kind} {entry.name}: {_place(entry)}: {reason}") from error
    if not isinstance(component, Component) or component.kind != kind:
        raise UsageError(f"{kind} {entry.name}: {_place(entry)} describes no {kind}")
    if component.name != entry.name:
        raise UsageError(
            f"{kind} {entry.name}: {_place(entry)} is called {component.name!r} by its description"
        )
    return component


def _place(entry: EntryPoint) -> str:
    """Return where an entry point leads, and whose it is where that is known."""
    package = "" if entry.dist is None else f" ({entry.dist.name})"
    return f"{entry.value}{package}"
