"""Zone files of other forms: read as they are meant, and what is wrong named with its place."""

import json
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from skyfence.errors import InputError, UnavailableError, UsageError
from skyfence.zone_import.normalize import ImportOptions, normalize, zone_file_text
from skyfence.zone_import.readers import read_raw, write_text
from skyfence.zone_import.reproject import reference_system
from skyfence.zones.finding import Finding
from skyfence.zones.slug import slug
from skyfence.zones.zone_file import Zone, parse_zones

SQUARE = shapely.box(27, 56, 28, 57)
BOW = Polygon([(27, 56), (28, 57), (28, 56), (27, 57)])
SAID = {"kind": "restricted", "accuracy_m": 30.0, "nato": True}
KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Folder><name>Zones</name>
<Placemark><name>Rēzekne</name>
<ExtendedData><Data name="accuracy_m"><value>50</value></Data></ExtendedData>
<Polygon><outerBoundaryIs><LinearRing><coordinates>
27,56,100 28,56,100 28,57,100 27,56,100
</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
<Placemark><name>open</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
27,56 28,56 28,57
</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
</Folder>
<Folder><name>Labels</name>
<Placemark><name>tower</name><Point><coordinates>27,56</coordinates></Point></Placemark>
</Folder></Document></kml>
"""


def reprojected(area: BaseGeometry, transformer: Transformer) -> BaseGeometry:
    """Return an area in another reference system."""

    def transformed(places: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(*places.T))

    return shapely.transform(area, transformed)


def write(path: Path, *areas: BaseGeometry, crs: str | None = "EPSG:4326", **fields: Any) -> Path:
    """Write areas with their fields, as GDAL does; return the path."""
    kind = areas[0].geom_type
    columns = [np.array(values, dtype=object) for values in fields.values()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file that is meant to say no reference system
        pyogrio.raw.write(
            path, shapely.to_wkb(areas), columns, list(fields), geometry_type=kind, crs=crs
        )
    return path


def geojson(path: Path, *features: Any, **members: Any) -> Path:
    """Write a GeoJSON file; return the path."""
    document = {"type": "FeatureCollection", "features": list(features)} | members
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def feature(area: Any, **properties: Any) -> dict[str, Any]:
    geometry = shapely.geometry.mapping(area) if isinstance(area, BaseGeometry) else area
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def imported(
    path: Path, *, layer: str | None = None, crs: str | None = None, **wanted: Any
) -> tuple[list[Zone], list[str]]:
    """Return a file's zones, and all that was found with the file's name left out."""
    read = read_raw(path, layer=layer, crs=crs)
    placed, findings = normalize(read.raws, ImportOptions(given=SAID, **wanted), str(path))
    lines: list[Finding] = [*read.findings, *findings]
    return [item.zone for item in placed], [str(item).removeprefix(f"{path}: ") for item in lines]


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_tables_of_features(tmp_path: Path, suffix: str) -> None:
    """A GeoPackage and a Shapefile give the outline, the name and the fields that are ours."""
    path = write(tmp_path / f"z{suffix}", SQUARE, name=["Rēzekne"], country=["LV"])
    (zone,), lines = imported(path)
    assert (zone.id, zone.properties.name, zone.properties.country) == ("Rezekne", "Rēzekne", "LV")
    assert (zone.properties.kind, zone.properties.accuracy_m) == ("restricted", 30.0)
    assert zone.area.equals(SQUARE)
    assert lines == []


@pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
def test_another_reference_system(tmp_path: Path, suffix: str) -> None:
    """A file in Latvia's own system lands where PROJ says, its long edges within 3 m."""
    home = shapely.box(600_000, 200_000, 690_000, 290_000)
    path = write(tmp_path / f"z{suffix}", home, crs="EPSG:3059", name=["Latgale"])
    (zone,), lines = imported(path)
    assert lines == ["remark: moved from EPSG:3059 to WGS 84"]
    way = Transformer.from_crs("EPSG:3059", "EPSG:4326", always_xy=True)
    back = Transformer.from_crs("EPSG:4326", "EPSG:3059", always_xy=True)
    assert zone.area.distance(shapely.Point(way.transform(690_000, 290_000))) < 1e-7
    fine = shapely.segmentize(zone.area, 0.001)
    moved = reprojected(fine, back)
    points = shapely.points(shapely.get_coordinates(moved))
    assert shapely.distance(home.exterior, points).max() < 3


def test_layers_are_named(tmp_path: Path) -> None:
    """All layers are read, what is no area is named with its layer, and one may be chosen."""
    path = write(tmp_path / "z.gpkg", SQUARE, name=["a"])
    columns = [np.array(["p"], dtype=object)]
    where = {"layer": "points", "geometry_type": "Point", "crs": "EPSG:4326"}
    pyogrio.raw.write(path, shapely.to_wkb([shapely.Point(1, 2)]), columns, ["name"], **where)
    zones, lines = imported(path)
    assert [zone.id for zone in zones] == ["a"]
    assert lines == [
        "layer 'points', feature 0 (p): geometry must be a Polygon or MultiPolygon, got 'Point'"
    ]
    assert imported(path, layer="z")[1] == []
    assert imported(path, areas_only=True)[1] == [
        "layer 'points', feature 0 (p): remark: left out: "
        "geometry must be a Polygon or MultiPolygon, got 'Point'"
    ]
    with pytest.raises(UsageError, match="no layer 'zones', it has z, points"):
        read_raw(path, layer="zones")


@pytest.mark.parametrize("suffix", [".kml", ".kmz"])
def test_kml(tmp_path: Path, suffix: str) -> None:
    """KML's folders are layers; a ring that is not closed is named, not closed in silence."""
    path = tmp_path / f"z{suffix}"
    if suffix == ".kml":
        path.write_text(KML, encoding="utf-8")
    else:
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("doc.kml", KML)
    (zone,), lines = imported(path, layer="Zones")
    assert (zone.id, zone.area.area, zone.area.has_z) == ("Rezekne", 0.5, False)
    assert lines[0].startswith("warning: its reader says: Non closed ring")
    assert lines[1].startswith("layer 'Zones', feature 1 (open): unreadable geometry: ")
    assert len(lines) == 2
    assert "feature 0 (tower): geometry must be" in imported(path)[1][-1]


def test_a_files_own_fields(tmp_path: Path) -> None:
    """Without an option a field of that name counts, also one that a Shapefile cut short."""
    fields: dict[str, Any] = {
        "vertical_r": ["AMSL"],
        "ceiling_m": ["900"],
        "NATO": ["0"],
        "kind": ["Danger Area"],
    }
    path = write(tmp_path / "z.shp", SQUARE, name=["a"], accuracy_m=["12.5"], **fields)
    read = read_raw(path)
    (placed,), findings = normalize(read.raws, ImportOptions(), "z")
    properties = placed.zone.properties
    assert (properties.vertical_ref, properties.ceiling_m) == ("amsl", 900.0)
    assert (properties.nato, properties.kind, properties.accuracy_m) == (False, "danger-area", 12.5)
    assert findings == []


def test_fields_left_behind_are_named(tmp_path: Path) -> None:
    """A field that says something and is not read is named: it may be a limit."""
    path = write(tmp_path / "z.gpkg", SQUARE, name=["a"], lower_limit=["1000"], empty=[None])
    assert imported(path)[1] == ["remark: fields not read: lower_limit"]
    alike = feature(SQUARE, name="a", vertical_reference="amsl")
    path = geojson(tmp_path / "z.geojson", alike)
    assert imported(path)[1] == ["remark: fields not read: vertical_reference"]


def test_missing_properties_are_asked_for(tmp_path: Path) -> None:
    """Kind, accuracy and membership have no default: who leaves them out is told the option."""
    path = geojson(tmp_path / "z.geojson", feature(SQUARE), feature(SQUARE, kind="x"))
    _, findings = normalize(read_raw(path).raws, ImportOptions(), "z")
    assert [str(finding) for finding in findings] == [
        "z: kind is not said of 1 of 2 zones: give --kind",
        "z: accuracy_m is not said of 2 of 2 zones: give --accuracy-m",
        "z: nato is not said of 2 of 2 zones: give --nato or --no-nato",
    ]


def test_the_reference_system_must_be_known(tmp_path: Path) -> None:
    """A file without a system is refused unless --crs names it; a file's own is not overruled."""
    path = write(tmp_path / "z.shp", shapely.box(5e5, 2e5, 5.1e5, 3e5), crs=None, name=["a"])
    with pytest.raises(InputError, match="does not say its reference system; give --crs"):
        read_raw(path)
    (zone,), _ = imported(path, crs="EPSG:3059")
    assert zone.area.bounds[0] == pytest.approx(24, abs=0.1)
    known = write(tmp_path / "k.gpkg", SQUARE, name=["a"])
    with pytest.raises(UsageError, match="says its reference system, EPSG:4326; leave --crs out"):
        read_raw(known, crs="EPSG:3059")


def test_old_geojson_names_its_system(tmp_path: Path) -> None:
    """A crs member is followed, whatever today's GeoJSON says of it."""
    named = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3059"}}
    area = shapely.box(500_000, 200_000, 510_000, 210_000)
    (zone,), _ = imported(geojson(tmp_path / "z.json", feature(area, name="a"), crs=named))
    assert shapely.box(23.9, 55.7, 24.3, 56.1).contains(zone.area)


def test_no_guess_at_a_reference_system() -> None:
    """A system without an exact way to WGS 84 is refused; an inexact one says how inexact."""
    with pytest.raises(InputError, match=r"^not a coordinate reference system: 'EPSG:1'$"):
        reference_system("EPSG:1")
    with pytest.raises(InputError, match=r"^no exact way from .* to WGS 84 is known here"):
        reference_system("+proj=longlat +ellps=bessel +no_defs +type=crs")
    datum = reference_system("EPSG:4284")
    moved = datum.to_wgs84(SQUARE)
    assert datum.accuracy_m is not None
    assert datum.accuracy_m > 1
    assert 0 < moved.hausdorff_distance(SQUARE) < 0.01


@pytest.mark.parametrize("document", [feature(SQUARE), shapely.geometry.mapping(SQUARE)])
def test_geojson_of_any_kind(tmp_path: Path, document: Any) -> None:
    """A lone Feature or geometry is a file of one zone."""
    path = tmp_path / "z.geojson"
    path.write_text(json.dumps(document), encoding="utf-8")
    (zone,), _ = imported(path)
    assert (zone.id, zone.area.equals(SQUARE)) == ("zone-0", True)


RING = [[27, 56], [28, 56], [28, 57], [27, 56]]


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        (None, "the feature has no geometry"),
        ({"type": "Point", "coordinates": [1, 2]}, "got 'Point'"),
        ({"type": "Polygon", "coordinates": [RING[:3]]}, "ring 0 has fewer than 4 positions"),
        (
            {"type": "Polygon", "coordinates": [[*RING[:3], [26, 56]]]},
            "ring 0 is not closed: [27, 56] to [26, 56]",
        ),
        ({"type": "Polygon", "coordinates": [[*RING, [27]]]}, "ring 0 has a bad position: [27]"),
        ({"type": "Polygon", "coordinates": 7}, "coordinates are no Polygon's: 7"),
        (shapely.box(56, 100, 57, 101), "latitude -90..90: [57.0, 100.0] (and 4 more)"),
    ],
)
def test_geometry_that_is_no_area(tmp_path: Path, geometry: Any, reason: str) -> None:
    """Geometry that is no area, open or out of the world is named, and not mended."""
    path = geojson(tmp_path / "z.geojson", feature(geometry, name="a"), feature(SQUARE, name="b"))
    zones, (lines,) = imported(path, repair=True)
    assert lines.startswith("feature 0 (a): ")
    assert lines.endswith(reason)
    assert [zone.id for zone in zones] == ["b"]


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:3059"])
def test_a_crossing_is_named_with_its_place(tmp_path: Path, crs: str) -> None:
    """An outline that crosses itself is refused with the place, whatever system it came in."""
    way = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    area = reprojected(BOW, way)
    zones, lines = imported(write(tmp_path / "z.gpkg", area, crs=crs, name=["bow"]))
    assert zones == []
    head, _, place = lines[-1].partition(" at ")
    assert head == "feature 0 (bow): not a valid area: Self-intersection"
    lon, lat = map(float, place.split())
    assert (lon, lat) == pytest.approx((27.5, 56.5), abs=0.01)


def test_a_hole_outside_is_named(tmp_path: Path) -> None:
    """A hole that lies outside of its area is refused."""
    area = Polygon(SQUARE.exterior, [[(29, 56), (29, 57), (30, 57)]])
    _, (lines,) = imported(geojson(tmp_path / "z.geojson", feature(area, name="a")))
    assert lines == "feature 0 (a): not a valid area: Hole lies outside shell at 29.0 56.0"


def test_repair_says_how_much(tmp_path: Path) -> None:
    """Repair mends an outline only where it is asked to, and says which, where and how much."""
    path = geojson(tmp_path / "z.geojson", feature(BOW, name="bow"), feature(SQUARE, name="b"))
    zones, (lines,) = imported(path, repair=True)
    assert zones[0].area.equals(shapely.make_valid(BOW))
    assert lines == (
        "feature 0 (bow): warning: repaired (not a valid area: Self-intersection), "
        "+3428761602 m2 against the outline as drawn, polygons now: 2, 3428761602 m2 at 27.5 56.5"
    )


def test_across_the_antimeridian(tmp_path: Path) -> None:
    """A zone across longitude 180 is cut there, and said to be."""
    ring = [(179, 66), (-179, 66), (-179, 67), (179, 67)]
    (zone,), (lines,) = imported(geojson(tmp_path / "z.geojson", feature(Polygon(ring), name="a")))
    assert zone.area.equals(
        shapely.union(shapely.box(179, 66, 180, 67), shapely.box(-180, 66, -179, 67))
    )
    assert lines == "feature 0 (a): remark: cut at longitude 180, polygons now: 2"


def test_round_the_pole(tmp_path: Path) -> None:
    """A zone round the pole, in a polar system, becomes its whole cap."""
    ring = shapely.Point(0, 0).buffer(1_000_000)
    (zone,), _ = imported(write(tmp_path / "z.gpkg", ring, crs="EPSG:3995", name=["pole"]))
    assert zone.area.is_valid
    assert zone.area.bounds[3] == 90
    assert zone.area.contains(shapely.Point(123, 85))


def test_what_goes_round_the_world_is_refused(tmp_path: Path) -> None:
    """An outline whose inside cannot be told is refused with the reason and a place."""
    ring = Polygon([(0, 10), (120, -10), (-120, 10)])
    _, (lines,) = imported(geojson(tmp_path / "z.geojson", feature(ring, name="a")))
    assert lines == (
        "feature 0 (a): goes round the world and not round one pole; cut it at longitude 180 "
        "at 0.0 10.0"
    )


def test_open_air_and_its_letters(tmp_path: Path) -> None:
    """OpenAir in an old Windows' letters is read, and said to be guessed at."""
    text = (
        "AC P\nAN Žagarė\nAL SFC\nAH 1000ft AGL\nV X=56:30:00 N 027:30:00 E\nDC 5\n"
        "AC Q\nAN Žagarė\nAL FL95\nAH FL10\nV X=56:30:00 N 027:30:00 E\nDC 5\n"
    )
    path = tmp_path / "z.txt"
    path.write_text(text, encoding="utf-8")
    zones, lines = imported(path)
    assert [zone.id for zone in zones] == ["Zagare"]
    assert lines == ["feature 1, line 7 (Zagare-2): floor_m 2895.6 is not below ceiling_m 304.8"]
    path.write_bytes(text.encode("cp1257"))
    zones, lines = imported(path)
    assert zones[0].properties.name == "Žagarė"
    assert lines[0] == (
        "warning: it does not say its encoding: its letters were read as cp1257 ('AN Žagarė'); "
        "give --encoding if they are others"
    )


def test_identifiers(tmp_path: Path) -> None:
    """An identifier is made safe and says so; names that repeat are numbered in their order."""
    own = [("a b", "x"), (None, "Rīga"), (None, "Rīga"), (None, "Rīga-2"), (None, None)]
    features = [feature(SQUARE, id=identifier, name=name) for identifier, name in own]
    zones, lines = imported(geojson(tmp_path / "z.geojson", *features))
    assert [zone.id for zone in zones] == ["a-b", "Riga", "Riga-2", "Riga-2-2", "zone-4"]
    assert lines == ["feature 0: warning: identifier 'a b' was written as 'a-b'"]


def test_fields_that_identify_and_name(tmp_path: Path) -> None:
    """The fields that options name are used, numbers too, and where one is missing it is said."""
    features = [feature(SQUARE, code=7, title="Seven"), feature(SQUARE, title="None")]
    path = geojson(tmp_path / "z.geojson", *features)
    zones, lines = imported(path, id_field="CODE", name_field="title")
    assert (zones[0].id, zones[0].properties.name) == ("7", "Seven")
    assert lines == ["feature 1: no 'CODE' to be its identifier"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Rēzekne 2 (šaušana)", "Rezekne-2-sausana"),
        ("Рівне / Щастя", "Rivne-Shchastia"),
        ("Łódź Großstraße Åre", "Lodz-Grossstrasse-Are"),
        ("Θεσσαλονίκη", "Thessaloniki"),
        ("_x_", "x"),
        ("東京", ""),
        ("A" * 70, "A" * 64),
    ],
)
def test_slugs(name: str, expected: str) -> None:
    """A name becomes the identifier that people would write, in letters channels can carry."""
    assert slug(name) == expected


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """The written form is read by the strict parse, the same, and the same each time."""
    features = [
        feature(SQUARE, name="b", floor_m=0.5, vertical_ref="agl"),
        feature(SQUARE, name="a"),
    ]
    zones, _ = imported(geojson(tmp_path / "z.geojson", *features), version="t-1")
    header = {"version": "t-1", "source": "ours"}
    path = tmp_path / "out.geojson"
    write_text(path, zone_file_text(zones, header))
    read = parse_zones(json.loads(path.read_text(encoding="utf-8")), "out")
    assert read == sorted(zones, key=lambda zone: zone.id)
    assert path.read_text(encoding="utf-8") == zone_file_text(reversed(zones), header)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == '{"type":"FeatureCollection","version":"t-1","source":"ours","features":['
    assert len(lines) == 4
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("z.gpkg", b"not a database", "not a .gpkg file: it begins with b'not a database'"),
        ("z.kml", b"<OGRVRTDataSource/>", "not a .kml file: it begins with b'<OGRVRTDataSourc'"),
        ("z.gpkg", b"SQLite format 3\0" + bytes(100), "unreadable: "),
        ("z.geojson", b"", "the file is empty"),
        ("z.geojson", b"{", "not GeoJSON: "),
        ("z.geojson", b"[]", "not a GeoJSON FeatureCollection, Feature or geometry"),
        ("z.geojson", b"\xff\xfe", "not GeoJSON: "),
        ("z.txt", b"hello", None),
        ("z.txt", b"* nothing", "no airspace in it (an OpenAir file has AC records)"),
        ("z.dwg", b"", "a zone file's name ends in one of .geojson .json .gpkg .shp"),
    ],
)
def test_what_is_no_zone_file(
    tmp_path: Path, name: str, content: bytes, reason: str | None
) -> None:
    """A file that is not what its name says is refused with its name and the reason."""
    path = tmp_path / name
    path.write_bytes(content)
    if reason is None:
        assert imported(path) == ([], ["line 1: 'hello' stands before the first AC"])
        return
    with pytest.raises(InputError) as caught:
        read_raw(path)
    assert str(caught.value).startswith(f"{path}: {reason}")


numbers = st.one_of(
    st.integers(-200, 200),
    st.floats(),
    st.sampled_from([10**400, 1e308, -1e200, 540, 180.0000001, True]),
)
rings = st.lists(st.lists(numbers, min_size=1, max_size=3), min_size=1, max_size=6).map(
    lambda ring: [*ring, ring[0]]
)
geometries = st.one_of(
    st.builds(
        lambda coordinates: {"type": "Polygon", "coordinates": coordinates},
        st.lists(rings, max_size=3),
    ),
    st.builds(lambda polygon: {"type": "MultiPolygon", "coordinates": [polygon]}, st.lists(rings)),
    st.builds(lambda line: {"type": "LineString", "coordinates": line}, rings),
    st.recursive(st.none() | numbers | st.text(max_size=3), st.lists, max_leaves=5),
)


@given(geometry=geometries, crs=st.sampled_from([None, "EPSG:3059", "EPSG:3857", "EPSG:4284"]))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_breaks_an_import(tmp_path: Path, geometry: Any, crs: str | None) -> None:
    """Any geometry becomes a valid zone or a finding."""
    path = tmp_path / "z.geojson"
    path.write_text(json.dumps(feature(geometry, name="a")), encoding="utf-8")
    zones, lines = imported(path, crs=crs, repair=True)
    errors = [line for line in lines if ": warning: " not in line and "remark: " not in line]
    assert len(zones) == 1 or errors
    for zone in zones:
        west, south, east, north = zone.area.bounds
        assert zone.area.is_valid
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90


@pytest.mark.parametrize(("name", "library"), [("z.gpkg", "pyogrio"), ("z.air", "openair")])
def test_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    """Where the libraries are not installed, the error says how to install them."""
    (tmp_path / name).write_bytes(b"SQLite format 3\0")
    monkeypatch.delitem(sys.modules, "skyfence.zone_import.openair", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        UsageError, match=r"needs the extra: pip install '\.\[zones\]' in a checkout"
    ):
        read_raw(tmp_path / name)


@pytest.mark.parametrize("name", ["z.gpkg", "z.shp", "z.kml", "z.txt", "z.geojson"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    """A file that is not there is unavailable, whatever its form."""
    with pytest.raises(UnavailableError, match="no such file or directory"):
        read_raw(tmp_path / name)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1257", "Ādaži Ķekava Šķaune"),
        ("cp1257", "Õhtu Pärnu Võru"),
        ("cp1250", "Bucureşti Vâlcea"),
        ("cp1250", "Łódź Gdańsk"),
        ("cp1251", "Рівне Київ"),
        ("cp1253", "Αθήνα"),
        ("cp1254", "Şırnak Ağrı"),
        ("cp1252", "Ålesund Tromsø"),
        ("utf-8", "Ādaži"),
    ],
)
def test_a_shapefile_that_does_not_say_its_encoding(
    tmp_path: Path, encoding: str, name: str
) -> None:
    """Without a .cpg its letters are read as what makes words of them, and a guess is said."""
    path = shapefile(tmp_path, name, encoding)
    zones, lines = imported(path)
    assert [zone.properties.name for zone in zones] == [name]
    warned = [line for line in lines if "does not say its encoding" in line]
    assert len(warned) == (encoding != "utf-8")
    assert all(f"read as {encoding} ('{name}')" in line for line in warned)


def test_an_encoding_that_is_given(tmp_path: Path) -> None:
    """What --encoding says is not guessed; it is for what has letters of its own only."""
    path = shapefile(tmp_path, "Žagarė", "cp1257")
    assert read_raw(path, encoding="cp1252").raws[0].fields["name"] == "Þagarë"
    assert not read_raw(path, encoding="cp1257").findings
    with pytest.raises(UsageError, match="--encoding: unknown encoding 'cp9999'"):
        read_raw(path, encoding="cp9999")
    with pytest.raises(UsageError, match="--encoding is for Shapefile and OpenAir"):
        read_raw(geojson(tmp_path / "z.geojson", feature(SQUARE)), encoding="cp1257")


def shapefile(folder: Path, name: str, encoding: str) -> Path:
    """Write a Shapefile of one square with a name, without a file that says the encoding."""
    path, raw = folder / "z.shp", name.encode(encoding)
    pyogrio.raw.write(
        path,
        geometry=np.array([shapely.to_wkb(shapely.box(27, 56, 28, 57))], dtype=object),
        field_data=[np.array(["x" * len(raw)], dtype=object)],
        fields=["name"],
        geometry_type="Polygon",
        crs="OGC:CRS84",
    )
    path.with_suffix(".cpg").unlink()
    content = path.with_suffix(".dbf").read_bytes().replace(b"x" * len(raw), raw)
    path.with_suffix(".dbf").write_bytes(content[:29] + b"\0" + content[30:])
    return path


def test_areas_and_a_pin_in_one_placemark(tmp_path: Path) -> None:
    """The areas of a collection are the zone, however deep they lie; a pin is left out by name."""
    ring = (
        "<outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs>"
    )
    squares = [ring.format(f"{x},56 {x + 1},56 {x + 1},57 {x},57 {x},56") for x in (20, 22)]
    one, two = (f"<Polygon>{square}</Polygon>" for square in squares)
    pin = "<Point><coordinates>20.5,56.5</coordinates></Point>"
    multi = "<MultiGeometry>{}</MultiGeometry>"
    shapes = [multi.format(one + two + pin), multi.format(multi.format(one) + multi.format(two))]
    marks = "".join(
        f"<Placemark><name>P{number}</name>{inner}</Placemark>"
        for number, inner in enumerate(shapes)
    )
    path = tmp_path / "z.kml"
    head = '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2">'
    path.write_text(f"{head}<Document>{marks}</Document></kml>", encoding="utf-8")
    zones, lines = imported(path)
    assert [(zone.id, round(zone.area.area, 6)) for zone in zones] == [("P0", 2.0), ("P1", 2.0)]
    assert [line for line in lines if "left out" in line] == [
        "feature 0 (P0): remark: a Point beside its areas is left out at 20.5 56.5"
    ]
