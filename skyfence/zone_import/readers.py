"""Zone files of other forms: GeoPackage, Shapefile, KML, OpenAir, any GeoJSON; and writing ours.

    .gpkg .shp .kml .kmz  ── pyogrio ──┐
    .txt .openair .air    ── openair ──┼──▶ RawZone, longitude and latitude on WGS 84
    .geojson .json        ── json ─────┘

What a reader leaves out or changes is a finding. The libraries come with the extra ``zones`` and
are loaded when they are needed: a worker reads only the project's form, and needs none of them.
Does not check outlines (``normalize``, ``repair``) or compare zones (``lint``).
"""

import glob
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from skyfence.adapters.files import default_file, read_zones
from skyfence.adapters.os_errors import describe_os_error
from skyfence.errors import InputError, UnavailableError, UsageError
from skyfence.zone_import.lint import Box
from skyfence.zone_import.normalize import RawZone
from skyfence.zone_import.parts import only_areas
from skyfence.zone_import.reproject import ReferenceSystem, reference_system
from skyfence.zone_import.text_encoding import checked_encoding, guess_encoding
from skyfence.zones.finding import Finding
from skyfence.zones.outline_checks import ring_findings

GEOJSON: Final = (".geojson", ".json")
_OPEN_AIR: Final = (".txt", ".openair", ".air")
_SHAPEFILE: Final = ".shp"
# Where a .dbf says its language, and what says none (0x57: whatever Windows is set to).
_DBF_LANGUAGE: Final = 29
_NO_LANGUAGE: Final = (b"", b"\x00", b"\x57")
_BYTES_AS_LETTERS: Final = "ISO-8859-1"  # each byte is the letter of its number
# The first bytes of each kind. GDAL opens any file by its content, even a list of web addresses.
_BEGINS: Final = {
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\x00\x00\x27\x0a",
    ".kml": b"<",
    ".kmz": b"PK\x03\x04",
}
_EXTRA: Final = "the extra: pip install '.[zones]' in a checkout"
_WGS84: Final = "OGC:CRS84"
_NO_AREAS: Final = ("Point", "LineString", "MultiPoint", "MultiLineString", "GeometryCollection")
# The errors that shapely raises at geometry of the wrong form.
_UNREADABLE: Final = (
    ShapelyError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
# Arcs in a GeoPackage become corners so many degrees apart: within 4 m of an arc of 100 km radius.
_ARC_STEP_DEG: Final = "1"
# A transformation that is less accurate than this is a warning.
_EXACT_M: Final = 1.0


@dataclass(frozen=True)
class ReadResult:
    """A file's raw zones, the findings about it, and its header (version, source, license ...)."""

    raws: list[RawZone]
    findings: list[Finding]
    header: dict[str, str]


def read_raw(
    path: Path, *, layer: str | None = None, crs: str | None = None, encoding: str | None = None
) -> ReadResult:
    """Read a file of any known form, by the ending of its name.

    ``layer`` names the only layer to read, ``crs`` the reference system of a file that does not
    name its own, ``encoding`` that of the letters of a Shapefile or an OpenAir file. Raises
    ``UnavailableError`` where the file cannot be opened, ``InputError`` where its content is not
    what its name says, ``UsageError`` where a layer or a library is missing.
    """
    suffix = path.suffix.lower()
    if checked_encoding(encoding) is not None and suffix not in (_SHAPEFILE, *_OPEN_AIR):
        raise UsageError(f"{path}: --encoding is for Shapefile and OpenAir")
    if suffix in GEOJSON:
        return _geojson(read_json(path), str(path), crs)
    if suffix in _OPEN_AIR:
        return _open_air(_bytes(path), str(path), encoding)
    if suffix in _BEGINS:
        return _layers(path, layer, crs, encoding)
    known = " ".join((*GEOJSON, *_BEGINS, *_OPEN_AIR))
    raise InputError(f"{path}: a zone file's name ends in one of {known}")


def read_json(path: Path) -> Any:
    """Return the decoded document of a GeoJSON file, unchecked.

    Raises ``UnavailableError`` where it cannot be opened, ``InputError`` where it is not JSON.
    """
    content = _bytes(path)
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not GeoJSON: {error}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all; raise ``UnavailableError`` where that fails."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None


@lru_cache(maxsize=1)
def known_extents() -> dict[str, Box]:
    """Return the boxes of the countries in skyfence's own zone file, degrees, by identifier."""
    zones = read_zones(default_file("geodata", "countries.geojson"))
    return {zone.id: zone.area.bounds for zone in zones}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None


def _geojson(document: Any, where: str, crs: str | None) -> ReadResult:
    features = _features(document)
    if features is None:
        raise InputError(f"{where}: not a GeoJSON FeatureCollection, Feature or geometry")
    crs_of_file = _reference_system(_choose_crs(named_crs(document), crs or _WGS84, where), where)
    raws = [
        _geojson_feature(feature, f"{where}: feature {number}", crs_of_file)
        for number, feature in enumerate(features)
    ]
    header = {
        name: document[name]
        for name in ("version", "source", "license", "attribution")
        if isinstance(document.get(name), str)
    }
    return ReadResult(raws, _reprojection_findings(crs_of_file, where), header)


def _features(document: Any) -> list[Any] | None:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        return list(document["features"])
    if kind == "Feature":
        return [document]
    if isinstance(kind, str) and "coordinates" in document:
        return [{"type": "Feature", "properties": {}, "geometry": document}]
    return None


def named_crs(document: Any) -> str | None:
    """Return the reference system that a GeoJSON document (of 2008) names, or None: WGS 84."""
    given = document.get("crs") if isinstance(document, dict) else None
    properties = given.get("properties") if isinstance(given, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) else None


def _geojson_feature(feature: Any, where: str, crs_of_file: ReferenceSystem) -> RawZone:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return RawZone(where, {}, None, (Finding("", "not a GeoJSON Feature"),))
    properties = feature.get("properties")
    fields = dict(properties) if isinstance(properties, dict) else {}
    if isinstance(feature.get("id"), str):
        fields.setdefault("id", feature["id"])
    geometry = feature.get("geometry")
    if geometry is None:
        return RawZone(where, fields, None)
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in _NO_AREAS:  # these get a finding of their own, in ``repair``
        wrong = tuple(ring_findings(geometry, "", anywhere=True))
        if wrong:
            return RawZone(where, fields, None, wrong)
    try:
        area = shapely.force_2d(shape(geometry))
    except _UNREADABLE as error:
        return RawZone(where, fields, None, (Finding("", f"unreadable geometry: {error}"),))
    return RawZone(where, fields, crs_of_file.to_wgs84(area))


def _open_air(content: bytes, where: str, encoding: str | None) -> ReadResult:
    findings: list[Finding] = []
    if encoding is None:
        encoding, findings = _guessed([content], where)
    text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="replace")
    try:
        from skyfence.zone_import.openair import read_open_air  # noqa: PLC0415 - its library is an extra
    except ImportError:
        raise UsageError(f"{where}: OpenAir needs {_EXTRA}") from None
    raws, outside = read_open_air(text, where)
    if not raws and not outside:
        raise InputError(f"{where}: no airspace in it (an OpenAir file has AC records)")
    return ReadResult(raws, [*findings, *outside], {})


def _guessed(texts: Iterable[bytes], where: str) -> tuple[str, list[Finding]]:
    """Return the likely encoding of texts, and a warning where it is no more than likely."""
    texts = list(texts)
    guess = guess_encoding(texts)
    if guess is None or guess.name == "utf-8":
        return "utf-8", []
    lines = (line for text in texts for line in text.splitlines())
    shown = next(line for line in lines if not line.isascii()).decode(guess.name, "replace")
    doubt = "" if guess.is_sure else ", which is not sure"
    reason = (
        f"it does not say its encoding: its letters were read as {guess.name}{doubt} "
        f"({shown.strip()[:40]!r}); give --encoding if they are others"
    )
    return guess.name, [Finding(where, reason, severity="warning")]


def _layers(path: Path, layer: str | None, crs: str | None, encoding: str | None) -> ReadResult:
    _check_begin(path)
    try:
        import pyogrio  # noqa: PLC0415 - it brings 100 MB of GDAL and is an extra
        from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415
    except ImportError:
        raise UsageError(f"{path}: {path.suffix} needs {_EXTRA}") from None
    pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": _ARC_STEP_DEG})
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
            if layer is not None and layer not in names:
                raise UsageError(f"{path}: no layer {layer!r}, it has {', '.join(names)}")
            results = [
                _layer(pyogrio, path, name, crs, encoding=encoding, several=len(names) > 1)
                for name in names
                if layer in (None, name)
            ]
        # UnboundLocalError is how pyogrio fails at a broken .prj.
        except (DataSourceError, DataLayerError, UnboundLocalError) as error:
            raise InputError(f"{path}: unreadable: {error}") from None
    messages = dict.fromkeys(str(warning.message) for warning in said)
    findings = [
        Finding(str(path), f"its reader says: {text}", severity="warning") for text in messages
    ]
    raws = [raw for result in results for raw in result.raws]
    if not raws:
        raise InputError(f"{path}: no feature in it")
    return ReadResult(
        raws, [*findings, *(note for result in results for note in result.findings)], {}
    )


def _layer(
    pyogrio: Any, path: Path, name: str, crs: str | None, *, encoding: str | None, several: bool
) -> ReadResult:
    where = f"{path}: layer {name!r}" if several else str(path)
    as_bytes = encoding is not None or _says_no_encoding(path)
    meta, _, geometries, columns = pyogrio.raw.read(
        path,
        layer=name,
        force_2d=True,
        datetime_as_string=True,
        encoding=_BYTES_AS_LETTERS if as_bytes else None,
    )
    findings: list[Finding] = []
    if as_bytes:
        columns, findings = _decoded(columns, encoding, where)
    crs_of_file = _reference_system(_choose_crs(meta["crs"], crs, where), where)
    rows: Iterator[tuple[Any, ...]] = zip(*columns, strict=True)
    raws: list[RawZone] = []
    for number, wkb in enumerate(geometries):
        values = next(rows) if columns else ()
        fields = {
            str(field): value.item() if hasattr(value, "item") else value
            for field, value in zip(meta["fields"], values, strict=True)
        }
        place = f"{where}, feature {number}" if several else f"{where}: feature {number}"
        raws.append(_from_wkb(wkb, place, _without_drawing_fields(fields, path), crs_of_file))
    return ReadResult(raws, [*findings, *_reprojection_findings(crs_of_file, where)], {})


def _says_no_encoding(path: Path) -> bool:
    """Tell whether a file is a Shapefile that does not say what its letters are in."""
    if path.suffix.lower() != _SHAPEFILE:
        return False
    named_alike = path.parent.glob(f"{glob.escape(path.stem)}.*")
    beside = {other.suffix.lower(): other for other in named_alike}
    if ".cpg" in beside or ".dbf" not in beside:
        return False
    return _bytes(beside[".dbf"])[_DBF_LANGUAGE : _DBF_LANGUAGE + 1] in _NO_LANGUAGE


def _decoded(
    columns: Sequence[Any], encoding: str | None, where: str
) -> tuple[list[list[Any]], list[Finding]]:
    """Return columns whose texts hold bytes as letters in an encoding, or in the likely one."""
    values = [list(column) for column in columns]
    texts = [
        value.encode(_BYTES_AS_LETTERS)
        for column in values
        for value in column
        if isinstance(value, str)
    ]
    findings: list[Finding] = []
    if encoding is None:
        encoding, findings = _guessed(texts, where)
    decoded = [
        [
            value.encode(_BYTES_AS_LETTERS).decode(encoding, "replace")
            if isinstance(value, str)
            else value
            for value in column
        ]
        for column in values
    ]
    return decoded, findings


def _from_wkb(
    wkb: bytes | None, where: str, fields: dict[str, Any], crs_of_file: ReferenceSystem
) -> RawZone:
    if wkb is None:
        return RawZone(where, fields, None)
    try:
        area = shapely.from_wkb(wkb)
    except ShapelyError as error:
        reason = f"unreadable geometry: {str(error).removeprefix('IllegalArgumentException: ')}"
        return RawZone(where, fields, None, (Finding("", reason),))
    area, left_out = only_areas(crs_of_file.to_wgs84(area))
    return RawZone(where, fields, area, left_out)


def _without_drawing_fields(fields: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the fields without those on drawing that KML's reader adds to every feature."""
    if path.suffix.lower() not in (".kml", ".kmz"):
        return fields
    drawn = ("altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon")
    return {name: value for name, value in fields.items() if name not in drawn}


def _check_begin(path: Path) -> None:
    expected = _BEGINS[path.suffix.lower()]
    try:
        with path.open("rb") as stream:
            begin = stream.read(1_000)
    except OSError as error:
        raise UnavailableError(f"{path}: {describe_os_error(error)}") from None
    is_xml = path.suffix.lower() == ".kml"
    if not begin.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(expected) or (
        is_xml and b"<kml" not in begin
    ):
        raise InputError(f"{path}: not a {path.suffix} file: it begins with {begin[:16]!r}")


def _choose_crs(said: str | None, given: str | None, where: str) -> str:
    if said is None and given is None:
        raise InputError(f"{where}: does not say its reference system; give --crs")
    if said is not None and given not in (None, _WGS84):
        raise UsageError(f"{where}: says its reference system, {said[:40]}; leave --crs out")
    return str(said or given)


def _reference_system(given: str, where: str) -> ReferenceSystem:
    try:
        return reference_system(given)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _reprojection_findings(crs_of_file: ReferenceSystem, where: str) -> list[Finding]:
    """Return a finding that says that a file was moved to WGS 84, and how exactly."""
    accuracy_m = crs_of_file.accuracy_m
    if crs_of_file.transformer is None:
        return []
    if accuracy_m is not None and accuracy_m <= _EXACT_M:
        return [Finding(where, f"moved from {crs_of_file.name} to WGS 84", severity="remark")]
    exact = "nobody knows how exactly" if accuracy_m is None else f"good to {accuracy_m:g} m"
    return [Finding(where, f"moved from {crs_of_file.name} to WGS 84, {exact}", severity="warning")]
