"""``skyfence zones``: zone files looked through, and brought from other forms.

any form ──▶ raw zones ──▶ the project's form, strictly parsed ──▶ findings | OUT.geojson
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from skyfence.cli.recording import counted
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import InputError
from skyfence.geometry.polygons import area_m2
from skyfence.times import parse_time
from skyfence.zone_import.lint import lint_zones, repeated, swapped
from skyfence.zone_import.normalize import ImportOptions, normalize, zone_file_text
from skyfence.zone_import.readers import (
    GEOJSON,
    known_extents,
    named_crs,
    read_json,
    read_raw,
    write_text,
)
from skyfence.zones.finding import Finding
from skyfence.zones.zone_file import LocatedZone, ZoneProperties, read_document

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class _Checked:
    """A file that was looked through."""

    path: Path
    version: str
    placed: list[LocatedZone]
    findings: list[Finding]


@click.group()
def zones() -> None:
    """Look through zone files, and bring them from other forms."""


@zones.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.option("--at", metavar="TIME", help="Remark what is not valid then (RFC 3339, with a zone).")
def check(files: Sequence[Path], at: str | None) -> int:
    """Say all that is wrong with zone files, and where.

    GeoJSON must be in the project's form; GeoPackage, Shapefile, KML and OpenAir are read as an
    import would. One line for each finding on standard output, a summary on standard error; exit
    code 1 if one is an error.
    """
    moment = _moment(at)
    checked: list[_Checked] = []
    errors = 0
    for path in files:
        try:
            result = _read(path)
        except InputError as error:
            click.echo(str(error))
            errors += 1
            continue
        extents = known_extents() if any(_country(placed) for placed in result.placed) else {}
        result.findings.extend(lint_zones(result.placed, str(path), at=moment, extents=extents))
        result.findings.extend(_in_several(checked, result))
        checked.append(result)
        for finding in result.findings:
            click.echo(str(finding))
        errors += _count(result.findings)["error"]
        click.echo(f"{path}: {_summary(result)}", err=True)
    return 1 if errors else 0


@zones.command(name="import")
@click.argument("file", type=_FILE)
@click.option("--out", type=_FILE, required=True, metavar="OUT.geojson", help="Where to write.")
@click.option("--version", required=True, help="Alerts name it; change it with every outline.")
@click.option("--kind", help="Of all zones: country, region, or a word of your own.")
@click.option("--country", help="Of all zones: ISO 3166-1 code.")
@click.option("--nato/--no-nato", default=None, help="Whether the zones are an ally's.")
@click.option("--accuracy-m", type=float, help="Of all zones: one sigma of the border, metres.")
@click.option("--id-field", help="The field that identifies a zone.")
@click.option("--name-field", help="The field that names a zone for people.")
@click.option("--layer", help="The one layer to read, instead of all.")
@click.option("--crs", help="Reference system of a file that does not say its own (EPSG:3059).")
@click.option("--encoding", help="Of the letters of a Shapefile or OpenAir file (cp1257).")
@click.option("--force", is_flag=True, help="Write zones whose coordinates look exchanged, too.")
@click.option("--source", help="Where the outlines come from.")
@click.option("--license", "license_", help="Under which terms.")
@click.option("--repair", is_flag=True, help="Mend outlines that cross themselves, and say how.")
@click.option("--areas-only", is_flag=True, help="Leave out what is no area, and say so.")
def import_(
    file: Path,
    out: Path,
    version: str,
    layer: str | None,
    crs: str | None,
    encoding: str | None,
    force: bool,
    source: str | None,
    license_: str | None,
    **options: Any,
) -> None:
    """Write the zones of FILE (GeoPackage, Shapefile, KML, OpenAir, GeoJSON) in the project's form.

    What an option says holds for all zones; without it a zone's own field of that name does.
    All that is found or changed is said on standard error; after an error nothing is written.
    """
    if not version.strip():
        raise click.BadParameter("alerts could not name it", param_hint="--version")
    read = read_raw(file, layer=layer, crs=crs, encoding=encoding)
    placed, findings = normalize(read.raws, _wanted(version, options), str(file))
    extents = known_extents() if any(_country(located) for located in placed) else {}
    exchanged = swapped(placed, extents)
    findings = [*read.findings, *findings, *repeated(placed), *exchanged]
    for finding in findings:
        click.echo(str(finding), err=True)
    errors = _count(findings)["error"]
    if errors or not placed:
        reason = counted(errors, "error") if errors else "no zone is left"
        raise InputError(f"{file}: {reason}; nothing was written")
    if exchanged and not force:
        zones_ = counted(len(exchanged), "zone")
        raise InputError(
            f"{file}: longitude and latitude of {zones_} look exchanged; nothing was written, "
            "--force writes them as they are"
        )
    given = {"version": version, "source": source, "license": license_}
    header = {"version": version, "source": file.name} | read.header
    header |= {name: value for name, value in given.items() if value}
    if "license" not in header:
        click.echo(f"{file}: warning: its terms are not said: give --license", err=True)
    write_text(out, zone_file_text((located.zone for located in placed), header))
    click.echo(f"{out}: {_summary(_Checked(out, version, placed, findings))}", err=True)


def _moment(at: str | None) -> datetime | None:
    if at is None:
        return None
    try:
        return parse_time(at)
    except ValueError as error:
        raise click.BadParameter(f"{error}, got {at!r}", param_hint="--at") from None


def _read(path: Path) -> _Checked:
    where = str(path)
    if path.suffix.lower() not in GEOJSON:
        read = read_raw(path)
        placed, findings = normalize(read.raws, ImportOptions(lenient=True), where)
        return _Checked(path, "", placed, [*read.findings, *findings])
    document = read_json(path)
    placed, findings = read_document(document, where)
    header = document if isinstance(document, dict) else {}
    if named_crs(header) is not None:
        reason = "its crs member is not read, it is taken as WGS 84; an import converts it"
        findings.append(Finding(where, reason, severity="warning"))
    for name in ("source", "license"):
        if not header.get(name):
            findings.append(Finding(where, f"the collection has no {name}", severity="remark"))
    return _Checked(path, str(header.get("version") or ""), placed, findings)


def _wanted(version: str, options: dict[str, Any]) -> ImportOptions:
    names = ("kind", "country", "nato", "accuracy_m")
    given = {name: value for name in names if (value := options[name]) is not None}
    any_zone = {"id": "X", "name": "X", "kind": "x", "country": None, "nato": False}
    try:
        ZoneProperties.model_validate(any_zone | {"accuracy_m": 0.0} | given)
    except ValidationError as error:
        raise click.BadParameter(describe_validation_error(error)) from None
    return ImportOptions(
        version=version,
        given=given,
        id_field=options["id_field"],
        name_field=options["name_field"],
        repair=options["repair"],
        areas_only=options["areas_only"],
    )


def _in_several(before: Iterable[_Checked], result: _Checked) -> list[Finding]:
    """Warn of zones that stand in another file too: a process refuses to load both."""
    homes = {placed.zone.id: other.path for other in before for placed in other.placed}
    return [
        Finding(placed.where, f"stands in {homes[placed.zone.id]} too", severity="warning")
        for placed in result.placed
        if placed.zone.id in homes
    ]


def _country(placed: LocatedZone) -> str | None:
    return placed.zone.properties.country


def _count(findings: Iterable[Finding]) -> Counter[str]:
    return Counter(finding.severity for finding in findings)


def _summary(result: _Checked) -> str:
    kinds: dict[str, list[float]] = defaultdict(list)
    for placed in result.placed:
        kinds[placed.zone.properties.kind].append(area_m2(placed.zone.area) / 1e6)
    areas_by_kind = ", ".join(
        f"{len(areas)} {kind} of {sum(areas):.3f} km2" for kind, areas in sorted(kinds.items())
    )
    count = _count(result.findings)
    counts = ", ".join(counted(count[name], name) for name in ("error", "warning", "remark"))
    version = f", version {result.version}" if result.version else ""
    return f"{counted(len(result.placed), 'zone')} ({areas_by_kind or 'none'}){version}: {counts}"
