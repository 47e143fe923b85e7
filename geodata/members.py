"""Add the alliance's members that lie away from its eastern border to ``countries.geojson``.

    python geodata/members.py --borders package/borders.geo.json

Reads the outlines of the npm package ``@osm_borders/maritime_10m`` and the present
``countries.geojson``, and writes the latter anew: the countries that stand in it already keep their
lines byte for byte, the members named here are made anew. The same input gives the same bytes.

    package -> parts that the treaty covers -> simplified together -> rounded -> a line each

They are simplified together, so that neighbours go on sharing one line. Which parts belong to a
member follows Article 6 of the North Atlantic Treaty; README.md lists them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from convert import COUNTRY_HEADER, DECIMALS, collection, features, rounded
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]  # west, south, east, north, degrees

EUROPE: Final = {
    "AL": "Albania",
    "BE": "Belgium",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FR": "France",
    "GB": "United Kingdom",
    "GR": "Greece",
    "HR": "Croatia",
    "IS": "Iceland",
    "IT": "Italy",
    "LU": "Luxembourg",
    "ME": "Montenegro",
    "MK": "North Macedonia",
    "NL": "Netherlands",
    "PT": "Portugal",
    "SE": "Sweden",
    "SI": "Slovenia",
}
AMERICA: Final = {"CA": "Canada", "US": "United States"}
# Territories that the package has by themselves and Article 6 covers.
TERRITORIES: Final = {
    "DK": ("DK", "FO", "GL"),
    "GB": ("GB", "BM", "GG", "GI", "IM", "JE"),
}
# Where Article 6 covers only a part of what the package has: the boxes that hold that part.
COVERED: Final[dict[str, tuple[Box, ...]]] = {
    # The mainland (its sea south of Tarifa is cut where Ceuta's begins), Alboran, the Canaries.
    "ES": ((-10, 35.96, 5, 44.5), (-3.4, 35.7, -2.7, 36.2), (-19, 27, -13, 30)),
    # The mainland with Corsica; Saint-Pierre and Miquelon.
    "FR": ((-6, 41, 10, 52), (-57.5, 46, -55, 48)),
    "NL": ((2, 50, 8, 54),),
    # The contiguous states; Alaska, on both sides of longitude 180.
    "US": ((-126, 24.2, -66, 49.5), (-180, 51, -129.9, 72), (172, 51, 180, 54)),
}
# Tolerances of shapely's coverage_simplify: the root of the area in square degrees that a removed
# corner may span. Crossing the line between two members is no violation, so it may be coarser; the
# closing of slivers (``protected_outline``) allows for what that leaves beside a member that is not
# simplified.
BETWEEN_MEMBERS: Final = 0.002
OUTER: Final = 0.001
OUTER_AMERICA: Final = 0.01
# One sigma, metres: what simplifying moved the package's vertices by (root mean square 33 and
# 210 m), and the package's own 10 m. README.md has more of it.
EUROPE_ACCURACY_M: Final = 35
AMERICA_ACCURACY_M: Final = 250


def covered_outlines(borders: Path, codes: Sequence[str]) -> list[BaseGeometry]:
    """Return the outlines of members (ISO 3166-1 codes), as far as the treaty covers them."""
    package = {raw["properties"].get("isoA2"): raw["geometry"] for raw in features(borders)}
    outlines = []
    for code in codes:
        parts = [outline_of(package[part]) for part in TERRITORIES.get(code, (code,))]
        outline = shapely.union_all(parts)
        if code in COVERED:
            boxes = shapely.union_all([shapely.box(*sides) for sides in COVERED[code]])
            outline = shapely.intersection(outline, boxes)
        outlines.append(outline)
    return outlines


def outline_of(geometry: dict[str, Any]) -> BaseGeometry:
    """Return the one area in a geometry of the package, a collection."""
    areas = [part for part in geometry["geometries"] if part["type"].endswith("Polygon")]
    if len(areas) != 1:
        raise ValueError(f"a collection of {len(areas)} areas, expected one")
    return shapely.force_2d(shape(areas[0]))


def simplified(outlines: Sequence[BaseGeometry], outer: float) -> list[BaseGeometry]:
    """Simplify outlines that share lines, each shared line once, and round them."""
    coarse = shapely.coverage_simplify(
        np.array(outlines, dtype=object), BETWEEN_MEMBERS, simplify_boundary=False
    )
    both = shapely.coverage_simplify(coarse, outer)
    return list(shapely.set_precision(both, 10.0**-DECIMALS))


def member(code: str, name: str, accuracy_m: int, outline: BaseGeometry) -> dict[str, Any]:
    """Return a member as a zone; refuse an outline that is no valid area."""
    geometry = mapping(outline)
    form = {"type": geometry["type"], "coordinates": rounded(as_lists(geometry["coordinates"]))}
    if not shape(form).is_valid:
        raise ValueError(f"{code}: not a valid area: {shapely.is_valid_reason(shape(form))}")
    properties = {
        "id": code,
        "name": name,
        "kind": "country",
        "country": code,
        "accuracy_m": accuracy_m,
        "nato": True,
    }
    return {"type": "Feature", "properties": properties, "geometry": form}


def as_lists(coordinates: Any) -> Any:
    """Return nested tuples as lists."""
    return [as_lists(part) if isinstance(part, tuple) else part for part in coordinates]


def add_members(borders: Path, countries: Path, release: str) -> None:
    """Write ``countries`` anew with the members of the tables above."""
    present = features(countries)
    added = []
    for names, accuracy_m, outer in (
        (EUROPE, EUROPE_ACCURACY_M, OUTER),
        (AMERICA, AMERICA_ACCURACY_M, OUTER_AMERICA),
    ):
        outlines = simplified(covered_outlines(borders, list(names)), outer)
        for (code, name), outline in zip(names.items(), outlines, strict=True):
            added.append(member(code, name, accuracy_m, outline))
    codes = EUROPE.keys() | AMERICA.keys()
    kept = [zone for zone in present if zone["properties"]["id"] not in codes]
    text = collection(f"countries-{release}", COUNTRY_HEADER, [*kept, *added])
    countries.write_text(text, encoding="utf-8", newline="\n")
    print(f"{len(kept)} countries kept, {len(added)} members added")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Add members to countries.geojson.")
    parser.add_argument("--borders", type=Path, required=True, help="borders.geo.json")
    parser.add_argument("--release", default="2026.12", help="goes into the file's version")
    parser.add_argument(
        "--countries", type=Path, default=Path(__file__).parent / "countries.geojson"
    )
    given = parser.parse_args()
    try:
        add_members(given.borders, given.countries, given.release)
    except KeyError as error:
        sys.exit(f"members: a feature or file lacks {error}")
    except (OSError, ValueError) as error:
        sys.exit(f"members: {error}")


if __name__ == "__main__":
    main()
