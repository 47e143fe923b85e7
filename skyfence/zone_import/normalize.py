"""Raw zones, as any file has them, in the project's form.

    RawZone (a file's own fields, an outline)
       │  name and identifier; properties from the import's options, then the file's own fields
       │  the outline, repaired or refused (repair)
       ▼
    read_feature, the same strict parse that the worker does
       ▼
    LocatedZone, or findings

Every change is a finding. Does not read or write files (``readers``).
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
from skyfence.zones.finding import Finding
from skyfence.zones.slug import slug
from skyfence.zones.zone_file import LocatedZone, Zone, ZoneProperties, read_feature

_REQUIRED: Final = ("kind", "accuracy_m", "nato")
_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_DBF_LETTERS: Final = 10  # a Shapefile cuts the names of its fields to these
# The values of properties that are given nowhere: so the rest of a zone can be checked. An import
# is refused for it.
_ANY: Final[Mapping[str, Any]] = {"kind": "zone", "accuracy_m": 0.0, "nato": False}


@dataclass(frozen=True)
class RawZone:
    """A feature as its file has it. Its findings get their ``where`` in ``normalize``."""

    where: str
    fields: Mapping[str, Any]
    area: BaseGeometry | None  # longitude and latitude, degrees; not checked yet
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class ImportOptions:
    """The properties that an import gives to all zones, and the changes that it allows."""

    version: str = "unversioned"
    given: Mapping[str, Any] = field(default_factory=dict)  # these win over the file's own
    lenient: bool = False  # for checking a file: properties may be missing
    id_field: str | None = None
    name_field: str | None = None
    repair: bool = False
    areas_only: bool = False


def normalize(
    raws: Sequence[RawZone], options: ImportOptions, where: str
) -> tuple[list[LocatedZone], list[Finding]]:
    """Return raw zones in the project's form, and all findings about them.

    ``where`` names the file. A zone with an error is left out. Identifiers may still repeat; see
    ``lint.repeated``.
    """
    named, findings = _with_identifiers(raws, options)
    findings += [] if options.lenient else _missing_properties(raws, options, where)
    findings += _unread_fields(raws, options, where)
    located_zones: list[LocatedZone] = []
    for raw, identifier, name in named:
        full = f"{raw.where} ({identifier})"
        findings += [replace(note, where=full) for note in raw.findings]
        if any(note.severity == "error" for note in raw.findings):
            continue
        area, notes = repair_outline(raw.area, repair=options.repair, areas_only=options.areas_only)
        findings += [replace(note, where=full) for note in notes]
        if area is None:
            continue
        properties = _properties(raw.fields, options) | {"id": identifier, "name": name}
        feature = {
            "type": "Feature",
            "properties": properties,
            "geometry": json.loads(json.dumps(mapping(area))),  # lists, as a file has
        }
        zone, wrong = read_feature(feature, raw.where, options.version)
        located_zones += [zone] if zone is not None else []
        findings += wrong
    return located_zones, findings


def zone_file_text(zones: Iterable[Zone], header: Mapping[str, str]) -> str:
    """Return the text of a zone file: sorted by id, a feature on each line.

    ``header`` holds version, source and license. The same zones give the same bytes.
    """
    head = _compact({"type": "FeatureCollection", **header})[:-1]
    features = [
        {
            "type": "Feature",
            "properties": _properties_of(zone.properties),
            "geometry": mapping(zone.area),
        }
        for zone in sorted(zones, key=lambda zone: zone.id)
    ]
    return head + ',"features":[\n' + ",\n".join(map(_compact, features)) + "\n]}\n"


def _with_identifiers(
    raws: Sequence[RawZone], options: ImportOptions
) -> tuple[list[tuple[RawZone, str, str]], list[Finding]]:
    """Return each raw zone with its identifier and its name, and the findings.

    An identifier in the file is kept even if it repeats, which is an error later; an identifier
    made of a name gets a number if it is taken.
    """
    findings: list[Finding] = []
    own = [_identifier_in_file(raw, options) for raw in raws]
    taken = {slug(identifier) for identifier in own if identifier}
    named: list[tuple[RawZone, str, str]] = []
    for number, (raw, given) in enumerate(zip(raws, own, strict=True)):
        name = _text(_field(raw.fields, options.name_field or "name"))
        identifier = slug(given or name) or f"zone-{number}"
        if not given:
            identifier = _unused(identifier, taken)
            taken.add(identifier)
        elif identifier != given:
            reason = f"identifier {given!r} was written as {identifier!r}"
            findings.append(Finding(raw.where, reason, severity="warning"))
        if options.id_field and not given:
            findings.append(Finding(raw.where, f"no {options.id_field!r} to be its identifier"))
        named.append((raw, identifier, name or identifier))
    return named, findings


def _identifier_in_file(raw: RawZone, options: ImportOptions) -> str:
    if options.id_field:
        return _text(_field(raw.fields, options.id_field))
    given = _field(raw.fields, "id")
    # a bare number is more likely a row of a table than the name of a channel
    return given.strip() if isinstance(given, str) and not given.strip().isdigit() else ""


def _unused(identifier: str, taken: set[str]) -> str:
    if identifier not in taken:
        return identifier
    number = 2
    while (numbered := f"{identifier[:58]}-{number}") in taken:
        number += 1
    return numbered


def _missing_properties(
    raws: Sequence[RawZone], options: ImportOptions, where: str
) -> list[Finding]:
    findings: list[Finding] = []
    readable = [
        raw for raw in raws if not any(finding.severity == "error" for finding in raw.findings)
    ]
    for name in _REQUIRED:
        lacking = sum(_field(raw.fields, name) is None for raw in readable)
        if lacking and options.given.get(name) is None:
            option = "--nato or --no-nato" if name == "nato" else f"--{name.replace('_', '-')}"
            reason = f"{name} is not said of {lacking} of {len(readable)} zones: give {option}"
            findings.append(Finding(where, reason))
    return findings


def _unread_fields(raws: Sequence[RawZone], options: ImportOptions, where: str) -> list[Finding]:
    """Name the fields that have a value and are not read; limits may be among them."""
    ours = list(ZoneProperties.model_fields)
    known = {*ours, *(name[:_DBF_LETTERS] for name in ours)}
    known |= {(options.id_field or "id").lower(), (options.name_field or "name").lower()}
    left = {
        str(name)
        for raw in raws
        for name, value in raw.fields.items()
        if _plain(value) is not None and str(name).lower() not in known
    }
    if not left:
        return []
    return [Finding(where, f"fields not read: {', '.join(sorted(left))}", severity="remark")]


def _properties(fields: Mapping[str, Any], options: ImportOptions) -> dict[str, Any]:
    made: dict[str, Any] = {"country": None}
    for name in ZoneProperties.model_fields:
        value = options.given.get(name)
        if value is None:
            value = _typed(name, _field(fields, name))
        if value is None and name in _ANY:
            value = _ANY[name]  # ``_missing_properties`` has reported it
        if value is not None:
            made[name] = value
    return made


def _field(fields: Mapping[str, Any], name: str) -> Any:
    """Return the value of a feature's field, whatever the case of its name, or None."""
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
    """Return a field's value as its property's type where it is clear; else as it is."""
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


def _properties_of(properties: ZoneProperties) -> dict[str, Any]:
    made = properties.model_dump(mode="json", by_alias=True, exclude_none=True)
    made = {name: made.get(name) for name in type(properties).model_fields}
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in made.items()
        if value is not None or name == "country"
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
