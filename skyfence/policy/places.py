"""The places that a policy names, and which of them the zones do not have.

    policy's text ──▶ places, each with its line ──▶ those that no alert can be for, with a guess

A misspelt place is an error: a rule for nobody would be silence. Does not read files.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skyfence.contracts.alert import PlaceKind


@dataclass(frozen=True)
class NamedPlace:
    """A place as a policy names it: the section, which kinds of place may stand there."""

    section: str
    place: str
    kinds: tuple[PlaceKind, ...]


def unknown_places(
    text: str, where: str, kinds: Mapping[str, PlaceKind], names: Mapping[str, str]
) -> list[str]:
    """Return a line for each place that a policy names and no zone has, beginning with ``where``.

    ``kinds`` holds the places that alerts can be for, ``names`` what zones are called.
    Precondition: the text is a valid policy.
    """
    findings = []
    for named in named_places(text):
        if kinds.get(named.place) in named.kinds:
            continue
        wanted = [place for place, kind in kinds.items() if kind in named.kinds]
        line = _line_of(text, named)
        reason = _reason(named, kinds.get(named.place), _guess(named.place, wanted, names))
        findings.append(f"{where}: line {line}: {named.section}: {reason}")
    return findings


def named_places(text: str) -> list[NamedPlace]:
    """Return the places that a policy names, in order. Precondition: the text is a valid policy."""
    return list(_named_places(tomllib.loads(text)))


def _named_places(document: Mapping[str, Any]) -> Iterator[NamedPlace]:
    for name, source in document.get("sources", {}).items():
        for place in source.get("watches", ()):
            section = f"sources.{name}: watches"
            yield NamedPlace(section, place, ("region", "nation", "alliance", "zone"))
    for place in document.get("public", {}).get("regions", {}):
        yield NamedPlace("public.regions", place, ("region",))


def _reason(named: NamedPlace, kind: PlaceKind | None, guess: str | None) -> str:
    if kind is not None:
        return f"{named.place!r} is no region but {'an' if kind == 'alliance' else 'a'} {kind}"
    hint = "" if guess is None else f", did you mean {guess!r}?"
    return f"unknown place {named.place!r}{hint}"


def _guess(place: str, wanted: list[str], names: Mapping[str, str]) -> str | None:
    """Return the place that was likely meant: by its name, or by letters that look alike."""
    folded = place.casefold()
    by_name = [own for own in wanted if names.get(own, own).casefold() == folded]
    by_letters = {own.casefold(): own for own in wanted}
    close = difflib.get_close_matches(folded, sorted(by_letters), n=1)
    return next(iter([*by_name, *(by_letters[letters] for letters in close)]), None)


def _line_of(text: str, named: NamedPlace) -> int:
    """Return the number of the line that names a place: the first one in its section, else at all.

    TOML's own reader keeps no lines.
    """
    section = named.section.partition(":")[0]
    lines = [line.partition("#")[0] for line in text.splitlines()]
    start = next((n for n, line in enumerate(lines) if _opens(line, section, named.place)), 0)
    numbers = [*range(start, len(lines)), *range(start)]
    return next((number + 1 for number in numbers if named.place in lines[number]), 1)


def _opens(line: str, section: str, place: str) -> bool:
    """Tell whether a line is the header of a section, or of a place's own part of it."""
    header = line.strip().strip("[]").replace('"', "").replace("'", "").replace(" ", "")
    return line.lstrip().startswith("[") and header in (section, f"{section}.{place}")
