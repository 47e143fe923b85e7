"""The default zones: complete, licensed, and with towns on the side of the border they are on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import shapely
from repository import ROOT

from skyfence.zones.zone_file import ZoneSet, parse_zones, zone_set

GEODATA = ROOT / "geodata"
FILES = ("countries.geojson", "regions.geojson")
MEMBERS = {"BG", "EE", "FI", "HU", "LT", "LV", "NO", "PL", "RO", "SK", "TR"}
OTHERS = {"BY", "MD", "RU", "UA"}
WITHOUT_REGIONS = {"BY", "RU"}
PROPERTIES = {"id", "name", "kind", "country", "accuracy_m", "nato"}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {name: json.loads((GEODATA / name).read_text(encoding="utf-8")) for name in FILES}


@pytest.fixture(scope="module")
def zones(documents: dict[str, dict[str, Any]]) -> ZoneSet:
    return zone_set([parse_zones(document, name) for name, document in documents.items()])


def convert(tmp_path: Path, ring: list[list[float]]) -> subprocess.CompletedProcess[str]:
    """Convert one country with this outline and one region in it."""
    geometry = {"type": "Polygon", "coordinates": [ring]}
    country = {"iso_a2": "RO", "name": "Romania", "nato": True}
    region = {"iso_3166_2": "RO-TL", "name": "Tulcea", "iso_a2": "RO", "type": "County"}
    for name, properties in (("c.json", country), ("r.json", region)):
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        (tmp_path / name).write_text(json.dumps({"features": [feature]}))
    command = [sys.executable, str(GEODATA / "convert.py"), "--out", str(tmp_path)]
    command += ["--countries", str(tmp_path / "c.json"), "--regions", str(tmp_path / "r.json")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_parse(zones: ZoneSet) -> None:
    """Both files parse together, with unique ids, under one version."""
    assert zones.version == "countries-2026.11+regions-2026.11"
    assert len(zones.names) == len(zones.zones) == 15 + 361


@pytest.mark.parametrize("name", FILES)
def test_licence_and_attribution(documents: dict[str, dict[str, Any]], name: str) -> None:
    """Each file carries its licence, its source and the attribution the licence asks for."""
    document = documents[name]
    assert document["license"] == "ODbL-1.0"
    assert "© OpenStreetMap contributors, ODbL 1.0" in document["attribution"]
    assert "OpenStreetMap" in document["source"]


def test_natural_earth_is_named(documents: dict[str, dict[str, Any]]) -> None:
    """The regions, whose inner borders are Natural Earth's, say so."""
    assert "Made with Natural Earth" in documents["regions.geojson"]["attribution"]


@pytest.mark.parametrize("name", FILES)
def test_one_sorted_feature_a_line(documents: dict[str, dict[str, Any]], name: str) -> None:
    """A file has a line for each feature, sorted by id, with the documented properties only."""
    document = documents[name]
    ids = [feature["properties"]["id"] for feature in document["features"]]
    assert ids == sorted(ids)
    assert len((GEODATA / name).read_text(encoding="utf-8").splitlines()) == len(ids) + 2
    assert all(set(feature["properties"]) == PROPERTIES for feature in document["features"])


def test_membership(zones: ZoneSet) -> None:
    """The members are nato, and Belarus, Moldova, Russia and Ukraine are not."""
    countries = {zone.id: zone for zone in zones.zones if not zone.is_region}
    assert {code for code, zone in countries.items() if zone.is_protected} == MEMBERS
    assert set(countries) - MEMBERS == OTHERS


def test_regions_belong_to_countries(zones: ZoneSet) -> None:
    """Every region inherits from an existing country, and only two countries have no regions."""
    regions = [zone for zone in zones.zones if zone.is_region]
    countries = {zone.id: zone for zone in zones.zones if not zone.is_region}
    for region in regions:
        assert region.id.startswith(f"{region.properties.country}-")
        assert region.properties.country is not None
        assert region.properties.nato == countries[region.properties.country].properties.nato
    with_regions = {region.properties.country for region in regions}
    assert with_regions == (MEMBERS | OTHERS) - WITHOUT_REGIONS


def test_accuracy(zones: ZoneSet) -> None:
    """Country borders are good to 5 m but for Bulgaria's Danube; regions say 1 km."""
    for zone in zones.zones:
        expected = 1000 if zone.is_region else 190 if zone.id == "BG" else 5
        assert zone.properties.accuracy_m == expected


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        pytest.param(45.179, 28.803, {"RO", "RO-TL"}, id="Tulcea"),
        pytest.param(45.382, 29.540, {"RO", "RO-TL"}, id="south of Periprava"),
        pytest.param(44.174, 28.639, {"RO", "RO-CT"}, id="Constanta"),
        pytest.param(45.411, 29.597, {"UA", "UA-51"}, id="Vylkove"),
        pytest.param(44.952, 34.102, {"UA", "UA-43"}, id="Simferopol"),
        pytest.param(56.507, 27.333, {"LV", "LV-REZ"}, id="Rezekne"),
        pytest.param(56.730, 27.070, {"LV", "LV-077"}, id="Gaigalava"),
        pytest.param(47.011, 28.857, {"MD", "MD-CU"}, id="Chisinau"),
        pytest.param(53.902, 27.562, {"BY"}, id="Minsk"),
        pytest.param(55.752, 37.618, {"RU"}, id="Moscow"),
        pytest.param(44.400, 31.000, set(), id="Black Sea"),
        pytest.param(57.700, 23.650, set(), id="Gulf of Riga"),
    ],
)
def test_places(zones: ZoneSet, lat: float, lon: float, expected: set[str]) -> None:
    """A place lies in its country and its region and in no other."""
    held = {zone.id for zone in zones.zones if shapely.contains_xy(zone.area, lon, lat)}
    assert held == expected


def test_convert(tmp_path: Path) -> None:
    """The converter writes the form that the parser reads, rounded to five decimals."""
    done = convert(tmp_path, [[28, 44], [29.123456, 44], [29, 45], [28, 44]])
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "regions.geojson").read_text(encoding="utf-8"))
    [zone] = parse_zones(document, "regions")
    assert (zone.id, zone.properties.country, zone.properties.nato) == ("RO-TL", "RO", True)
    assert document["features"][0]["geometry"]["coordinates"][0][1] == [29.12346, 44.0]


def test_convert_refuses_an_invalid_outline(tmp_path: Path) -> None:
    """An outline that crosses itself stops the conversion with one line that names it."""
    done = convert(tmp_path, [[28, 44], [29, 45], [29, 44], [28, 45], [28, 44]])
    assert done.returncode == 1
    assert done.stderr.startswith("convert: RO: not a valid area: Self-intersection")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "countries.geojson").exists()
