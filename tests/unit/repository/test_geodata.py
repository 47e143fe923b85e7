"""The default zones: complete, licensed, and with towns on the side of the border they are on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import shapely
from repository import ROOT
from shapely.geometry.base import BaseGeometry

from skyfence.airspace.protected import protected_outline
from skyfence.zones.zone_file import ZoneSet, parse_zones, zone_set

GEODATA = ROOT / "geodata"
FILES = ("countries.geojson", "regions.geojson")
# Members whose outlines are the source's own, with regions; those made by members.py have none.
EASTERN = {"BG", "EE", "FI", "HU", "LT", "LV", "NO", "PL", "RO", "SK", "TR"}
AMERICAN = {"CA", "US"}
EUROPEAN = {"AL", "BE", "CZ", "DE", "DK", "ES", "FR", "GB", "GR", "HR", "IS", "IT", "LU", "ME"} | {
    *("MK", "NL", "PT", "SE", "SI")
}
FURTHER = AMERICAN | EUROPEAN
MEMBERS = EASTERN | FURTHER
OTHERS = {"BY", "MD", "RU", "UA"}
WITHOUT_REGIONS = {"BY", "RU"}
PROPERTIES = {"id", "name", "kind", "country", "accuracy_m", "nato"}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {name: json.loads((GEODATA / name).read_text(encoding="utf-8")) for name in FILES}


@pytest.fixture(scope="module")
def zones(documents: dict[str, dict[str, Any]]) -> ZoneSet:
    return zone_set([parse_zones(document, name) for name, document in documents.items()])


@pytest.fixture(scope="module")
def protected(zones: ZoneSet) -> BaseGeometry:
    outline = protected_outline(zones.zones)
    assert outline is not None
    return outline


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
    assert zones.version == "countries-2026.12+regions-2026.11"
    assert len(zones.names) == len(zones.zones) == 36 + 361


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
    """All 32 members are nato, and Belarus, Moldova, Russia and Ukraine are not."""
    assert len(MEMBERS) == 32
    countries = {zone.id: zone for zone in zones.zones if not zone.is_region}
    assert {code for code, zone in countries.items() if zone.is_protected} == MEMBERS
    assert set(countries) - MEMBERS == OTHERS


def test_regions_belong_to_countries(zones: ZoneSet) -> None:
    """Every region inherits from an existing country; those named here have no regions."""
    regions = [zone for zone in zones.zones if zone.is_region]
    countries = {zone.id: zone for zone in zones.zones if not zone.is_region}
    for region in regions:
        assert region.id.startswith(f"{region.properties.country}-")
        assert region.properties.country is not None
        assert region.properties.nato == countries[region.properties.country].properties.nato
    with_regions = {region.properties.country for region in regions}
    assert with_regions == (EASTERN | OTHERS) - WITHOUT_REGIONS


def test_accuracy(zones: ZoneSet) -> None:
    """Country borders are good to 5 m but for Bulgaria's Danube and what is simplified."""
    simplified_m = {"BG": 190.0} | dict.fromkeys(FURTHER, 35.0) | dict.fromkeys(AMERICAN, 250.0)
    for zone in zones.zones:
        expected = 1000 if zone.is_region else simplified_m.get(zone.id, 5)
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
        pytest.param(52.520, 13.405, {"DE"}, id="Berlin"),
        pytest.param(28.120, -15.430, {"ES"}, id="Las Palmas"),
        pytest.param(36.135, -5.350, {"GB"}, id="Gibraltar"),
        pytest.param(32.295, -64.780, {"GB"}, id="Bermuda"),
        pytest.param(46.780, -56.175, {"FR"}, id="Saint-Pierre"),
        pytest.param(64.180, -51.720, {"DK"}, id="Nuuk"),
        pytest.param(37.740, -25.670, {"PT"}, id="Ponta Delgada"),
        pytest.param(61.218, -149.900, {"US"}, id="Anchorage"),
        pytest.param(52.900, 172.900, {"US"}, id="Attu, beyond longitude 180"),
        pytest.param(46.948, 7.447, set(), id="Bern"),
        pytest.param(48.208, 16.373, set(), id="Vienna"),
        pytest.param(43.936, 12.447, set(), id="San Marino"),
        pytest.param(21.307, -157.858, set(), id="Honolulu, not in the treaty's area"),
        pytest.param(35.889, -5.320, set(), id="Ceuta, not in the treaty's area"),
        pytest.param(4.922, -52.313, set(), id="Cayenne, not in the treaty's area"),
        pytest.param(44.400, 31.000, set(), id="Black Sea"),
        pytest.param(57.700, 23.650, set(), id="Gulf of Riga"),
    ],
)
def test_places(zones: ZoneSet, lat: float, lon: float, expected: set[str]) -> None:
    """A place lies in its country and its region and in no other."""
    held = {zone.id for zone in zones.zones if shapely.contains_xy(zone.area, lon, lat)}
    assert held == expected


@pytest.mark.parametrize(
    "route",
    [
        pytest.param([(21.0, 52.2), (13.4, 52.5), (14.4, 50.1), (18.0, 49.0)], id="Warsaw-Zilina"),
        pytest.param(
            [(13.4, 52.5), (4.9, 52.4), (4.35, 50.85), (6.13, 49.61), (2.35, 48.85)],
            id="Berlin-Paris",
        ),
        pytest.param([(2.35, 48.85), (-3.7, 40.4), (-9.1, 38.75)], id="Paris-Lisbon"),
        pytest.param(
            [(2.35, 48.85), (5.7, 45.2), (7.7, 45.07), (10.5, 44.2), (12.5, 42.1)], id="Paris-Rome"
        ),
        pytest.param([(13.8, 45.65), (15.98, 45.81), (19.04, 47.5)], id="Trieste-Budapest"),
        pytest.param(
            [(19.26, 42.44), (19.82, 41.33), (21.43, 42.0), (23.73, 37.98)], id="Podgorica-Athens"
        ),
        pytest.param([(21.43, 42.0), (22.5, 41.9), (23.32, 42.0)], id="Skopje-Bulgaria"),
        pytest.param([(23.5, 41.1), (26.0, 41.1), (28.9, 41.2)], id="Serres-Istanbul"),
        pytest.param(
            [(18.06, 59.33), (10.75, 59.91), (20.2, 68.0), (26.0, 66.5)], id="Stockholm-Rovaniemi"
        ),
        pytest.param([(9.5, 54.0), (9.5, 55.5)], id="Germany-Denmark"),
        pytest.param(
            [(-75.7, 45.4), (-77.0, 38.9), (-114.0, 46.0), (-114.0, 52.0)], id="Ottawa-Alberta"
        ),
        pytest.param([(-149.9, 61.2), (-135.0, 60.7)], id="Anchorage-Whitehorse"),
    ],
)
def test_no_gap_between_members(protected: BaseGeometry, route: list[tuple[float, float]]) -> None:
    """A path over members alone does not leave the protected airspace, whatever the slivers."""
    assert shapely.covers(protected, shapely.LineString(route))


def test_non_members_stay_out(protected: BaseGeometry) -> None:
    """What members enclose without owning it is not closed."""
    enclosed = [
        (12.447, 43.936),
        (1.52, 42.51),
        (7.447, 46.948),
        (20.46, 44.82),
        (12.4534, 41.9033),
    ]
    assert not any(shapely.intersects_xy(protected, *place) for place in enclosed)


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
