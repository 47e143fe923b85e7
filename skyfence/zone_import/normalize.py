"""Raw zones, as any file has them, in the project's form.

    RawZone (a file's own fields, an outline)
       │  names and identifiers, what the importer says of all, the file's own fields
       │  its outline, settled (zone_outline)
       ▼
    read_feature, the same strict parse that the worker does
       ▼
    Placed, or findings

Nothing is changed in silence. Does not read or write files (``zone_files``).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any, Final

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from skyfence.zone_import.repair import repair_outline
from skyfence.zones.slug import slug
from skyfence.zones.zone_file import Finding, LocatedZone, Zone, ZoneProperties, read_feature

_REQUIRED: Final = ("kind", "accuracy_m", "nato")
_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_DBF_LETTERS: Final = 10  # a Shapefile cuts the names of its fields to these
# What a zone is read with where nobody says it; an import has been refused by then.
_ANY: Final[Mapping[str, Any]] = {"kind": "zone", "accuracy_m": 0.0, "nato": False}


@dataclass(frozen=True)
class RawZone:
    """One feature as its file has it. Findings get their ``where`` when it has an identifier."""

    where: str
    fields: Mapping[str, Any]
    area: BaseGeometry | None  # longitude and latitude; not judged yet
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ImportOptions:
    """What the importer says of all zones, and what may be done to them."""

    version: str = "unversioned"
    given: Mapping[str, Any] = field(default_factory=dict)  # properties, before the file's own
    lenient: bool = False  # to check a file: what is not said needs no saying
    id_field: str | None = None
    name_field: str | None = None
    repair: bool = False
    areas_only: bool = False


def normalize(
    raws: Sequence[RawZone], wanted: ImportOptions, where: str
) -> tuple[list[LocatedZone], list[Finding]]:
    """Return raw zones in the project's form, and all there is to say about them."""
    named, findings = _identified(raws, wanted)
    findings += [] if wanted.lenient else _not_said(raws, wanted, where)
    findings += _not_read(raws, wanted, where)
    placed: list[LocatedZone] = []
    for raw, identifier, name in named:
        full = f"{raw.where} ({identifier})"
        findings += [replace(note, where=full) for note in raw.findings]
        if any(note.severity == "error" for note in raw.findings):
            continue
        area, notes = repair_outline(raw.area, repair=wanted.repair, areas_only=wanted.areas_only)
        findings += [replace(note, where=full) for note in notes]
        if area is None:
            continue
        properties = _properties(raw.fields, wanted) | {"id": identifier, "name": name}
        feature = {
            "type": "Feature",
            "properties": properties,
            "geometry": json.loads(json.dumps(mapping(area))),  # lists, as a file has
        }
        located, wrong = read_feature(feature, raw.where, wanted.version)
        placed += [located] if located is not None else []
        findings += wrong
    return placed, findings


def written(zones: Iterable[Zone], header: Mapping[str, str]) -> str:
    """Return zones as a file of the project's form: sorted by id, one feature a line."""
    head = _compact({"type": "FeatureCollection", **header})[:-1]
    features = [
        {
            "type": "Feature",
            "properties": _written_properties(zone.properties),
            "geometry": mapping(zone.area),
        }
        for zone in sorted(zones, key=lambda zone: zone.id)
    ]
    return head + ',"features":[\n' + ",\n".join(map(_compact, features)) + "\n]}\n"


def _identified(
    raws: Sequence[RawZone], wanted: ImportOptions
) -> tuple[list[tuple[RawZone, str, str]], list[Finding]]:
    """Return each raw zone with its identifier and its name.

    An identifier that the file has is kept and may be a repetition, which is an error later; one
    made of a name gets a number if it is taken.
    """
    findings: list[Finding] = []
    own = [_own_identifier(raw, wanted) for raw in raws]
    taken = {slug(identifier) for identifier in own if identifier}
    named: list[tuple[RawZone, str, str]] = []
    for number, (raw, given) in enumerate(zip(raws, own, strict=True)):
        name = _text(_own(raw.fields, wanted.name_field or "name"))
        identifier = slug(given or name) or f"zone-{number}"
        if not given:
            identifier = _free(identifier, taken)
            taken.add(identifier)
        elif identifier != given:
            reason = f"identifier {given!r} was written as {identifier!r}"
            findings.append(Finding(raw.where, reason, severity="warning"))
        if wanted.id_field and not given:
            findings.append(Finding(raw.where, f"no {wanted.id_field!r} to be its identifier"))
        named.append((raw, identifier, name or identifier))
    return named, findings


def _own_identifier(raw: RawZone, wanted: ImportOptions) -> str:
    if wanted.id_field:
        return _text(_own(raw.fields, wanted.id_field))
    given = _own(raw.fields, "id")
    # a bare number is the row of a table rather than the name of a channel
    return given.strip() if isinstance(given, str) and not given.strip().isdigit() else ""


def _free(identifier: str, taken: set[str]) -> str:
    if identifier not in taken:
        return identifier
    number = 2
    while (numbered := f"{identifier[:58]}-{number}") in taken:
        number += 1
    return numbered


def _not_said(raws: Sequence[RawZone], wanted: ImportOptions, where: str) -> list[Finding]:
    findings: list[Finding] = []
    readable = [
        raw for raw in raws if not any(finding.severity == "error" for finding in raw.findings)
    ]
    for name in _REQUIRED:
        lacking = sum(_own(raw.fields, name) is None for raw in readable)
        if lacking and wanted.given.get(name) is None:
            option = "--nato or --no-nato" if name == "nato" else f"--{name.replace('_', '-')}"
            reason = f"{name} is not said of {lacking} of {len(readable)} zones: give {option}"
            findings.append(Finding(where, reason))
    return findings


def _not_read(raws: Sequence[RawZone], wanted: ImportOptions, where: str) -> list[Finding]:
    """Name the fields that say something and are left behind; limits may be among them."""
    ours = list(ZoneProperties.model_fields)
    known = {*ours, *(name[:_DBF_LETTERS] for name in ours)}
    known |= {(wanted.id_field or "id").lower(), (wanted.name_field or "name").lower()}
    left = {
        str(name)
        for raw in raws
        for name, value in raw.fields.items()
        if _plain(value) is not None and str(name).lower() not in known
    }
    if not left:
        return []
    return [Finding(where, f"fields not read: {', '.join(sorted(left))}", severity="remark")]


def _properties(fields: Mapping[str, Any], wanted: ImportOptions) -> dict[str, Any]:
    made: dict[str, Any] = {"country": None}
    for name in ZoneProperties.model_fields:
        value = wanted.given.get(name)
        if value is None:
            value = _typed(name, _own(fields, name))
        if value is None and name in _ANY:
            value = _ANY[name]  # that it is not said was found before
        if value is not None:
            made[name] = value
    return made


def _own(fields: Mapping[str, Any], name: str) -> Any:
    """Return a feature's own field, whatever the case of its name, or None."""
    lowered = {str(key).lower(): value for key, value in fields.items()}
    short = name.lower()[:_DBF_LETTERS]
    return _plain(lowered.get(name.lower(), lowered.get(short)))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, str) and not value.strip():
        return None
    return value


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()[:200]


def _typed(name: str, value: Any) -> Any:
    """Return a field as its property's type where that is plain; the strict parse judges it."""
    if value is None:
        return None
    match name:
        case "nato":
            return _TRUTHS.get(str(value).lower(), value)
        case "kind":
            return re.sub(r"[^a-z0-9_-]+", "-", slug(str(value)).lower())[:32] or None
        case "vertical_ref":
            return str(value).lower()
        case "accuracy_m" | "floor_m" | "ceiling_m":
            return _number(value)
    return value


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _written_properties(properties: ZoneProperties) -> dict[str, Any]:
    made = properties.model_dump(mode="json")
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in made.items()
        if value is not None or name == "country"
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
