"""Zone files: read strictly, and each thing that is wrong named with its file and feature."""

import json
import math
from typing import Any

import pytest
from builders import VERSION, zone

from skyfence.errors import InputError
from skyfence.zones.zone_file import Zone, parse_zones, zone_set

SQUARE = [[27, 56], [28, 56], [28, 57], [27, 57], [27, 56]]
BOX = (27.0, 56.0, 28.0, 57.0)
HOLE = [[27.2, 56.2], [27.4, 56.2], [27.4, 56.4], [27.2, 56.4], [27.2, 56.2]]
FEATURE = "zones.json: feature 0 (LV)"


def feature(ring: Any = None, *, geometry: Any = None, **properties: Any) -> dict[str, Any]:
    given = {"id": "LV", "name": "Latvia", "kind": "nation", "country": "LV"}
    given |= {"accuracy_m": 30, "nato": True} | properties
    return {
        "type": "Feature",
        "properties": {name: value for name, value in given.items() if value != "left out"},
        "geometry": geometry or {"type": "Polygon", "coordinates": [ring or SQUARE]},
    }


def document(*features: Any, **changes: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "version": VERSION, "features": list(features)} | changes


def refused(given: object) -> str:
    with pytest.raises(InputError) as caught:
        parse_zones(given, "zones.json")
    return str(caught.value)


def parsed_zone(**properties: Any) -> Zone:
    (made,) = parse_zones(document(feature(**properties)), "zones.json")
    return made


def test_a_zone_is_what_its_file_says() -> None:
    """A good feature gives its properties, its area with the hole, and its file's version."""
    geometry = {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE]]}
    made = parsed_zone(geometry=geometry, floor_m=0, ceiling_m=3_000.5, vertical_ref="amsl")
    assert (made.id, made.version, made.properties.ceiling_m) == ("LV", VERSION, 3_000.5)
    assert made.area.area == pytest.approx(1 - 0.04)
    assert (made.is_region, made.is_protected) == (False, True)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("Rēzeknes novads", "Rēzeknes novads"),
        ("Two  blanks", "Two  blanks"),
        ("\tTulcea\r\n", "Tulcea"),
        ("Tul\x1b[2Jcea", "Tul [2Jcea"),
        ("Tul\u202eaec", "Tul aec"),
    ],
)
def test_a_name_commands_no_screen_and_no_phone(given: str, read: str) -> None:
    """Control characters, line ends and what turns the text are blanks; all else stays."""
    assert parsed_zone(name=given).properties.name == read


def test_a_name_of_control_characters_is_none() -> None:
    """Nobody could read it."""
    assert "must hold letters" in refused(document(feature(name="\x00\n")))


def test_what_is_protected() -> None:
    """A member's nation is protected; its regions are part of it, and others are not."""
    assert parsed_zone().is_protected
    assert not parsed_zone(nato=False).is_protected
    region = parsed_zone(kind="region")
    assert (region.is_region, region.is_protected) == (True, False)


def test_which_zones_are_places() -> None:
    """Member nations, their regions, and zones of other kinds wherever they lie; no other lands."""
    zones = [
        zone("LV", BOX),
        zone("LV-1", BOX, kind="region", country="LV"),
        zone("PLANT", BOX, kind="plant", country="LV"),
        zone("RU", BOX, nato=False),
        zone("RU-1", BOX, kind="region", country="RU", nato=False),
        zone("RANGE", BOX, kind="danger", country=None, nato=False),
    ]
    assert zone_set([zones]).places == {
        "NATO": "alliance",
        "LV": "nation",
        "LV-1": "region",
        "PLANT": "zone",
        "RANGE": "zone",
    }


def test_no_plant_is_called_like_a_nation() -> None:
    """A zone of another kind cannot take a nation's channel."""
    zones = [zone("LV", BOX, kind="plant", country="EE"), zone("LV-1", BOX, country="LV")]
    with pytest.raises(InputError, match="'LV': a plant zone cannot have a nation's identifier"):
        zone_set([zones])


def test_heights_are_dropped() -> None:
    """A third coordinate is no part of a border."""
    assert not parsed_zone(ring=[[*position, 7.0] for position in SQUARE]).area.has_z


def test_an_unknown_property_is_refused() -> None:
    """A misspelt ceiling is named: it must not mean that there is none."""
    with pytest.raises(InputError, match=r"celing_m: unknown field, got 500\.0$"):
        parsed_zone(celing_m=500.0)


@pytest.mark.parametrize("reserved", ["NATO", "all"])
def test_a_reserved_identifier_is_refused(reserved: str) -> None:
    """No zone may have the channel of the alliance, or the word for all."""
    with pytest.raises(InputError, match="stands for more than one zone"):
        zone_set([[zone(reserved, (0, 0, 1, 1))]])


def test_a_region_named_as_a_nation_is_refused() -> None:
    """Two chains on one channel would mix their steps."""
    region = zone("AA", (0, 0, 1, 1), kind="region", country="BB")
    with pytest.raises(InputError, match="a region cannot have the identifier of a nation"):
        zone_set([[zone("AREA", (0, 0, 1, 1), country="AA"), region]])


@pytest.mark.parametrize("given", [None, [], "x", {}, {"type": "Feature"}])
def test_not_a_collection(given: object) -> None:
    """Only a FeatureCollection is a zone file."""
    assert refused(given) == "zones.json: not a GeoJSON FeatureCollection"


@pytest.mark.parametrize("version", [None, "", 7])
def test_no_version(version: object) -> None:
    """A file without a version that alerts could name is refused."""
    assert refused(document(feature(), version=version)) == (
        "zones.json: the collection has no version (a text that alerts name)"
    )


@pytest.mark.parametrize("features", [None, [], {}])
def test_no_features(features: object) -> None:
    """A file without a zone is refused."""
    assert refused(document(features=features)) == "zones.json: the collection has no features"


@pytest.mark.parametrize("given", [None, {"type": "Polygon"}, 5])
def test_not_a_feature(given: object) -> None:
    """An element that is no Feature is named by its number."""
    assert refused(document(feature(), given)) == "zones.json: feature 1: not a GeoJSON Feature"


@pytest.mark.parametrize("properties", [None, [], "x"])
def test_no_properties(properties: object) -> None:
    """A feature without properties is named for that."""
    given = feature() | {"properties": properties}
    assert refused(document(given)) == "zones.json: feature 0: the feature has no properties"


@pytest.mark.parametrize("name", ["id", "name", "kind", "country", "accuracy_m", "nato"])
def test_a_missing_property_is_named(name: str) -> None:
    """None of the six properties has a default that could be forgotten."""
    given = feature(**{name: "left out"})
    assert refused(document(given)) == f"zones.json: feature 0: {name}: field required"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("id", "L V", "must be letters, digits, '.', '_' or '-', at most 64, got 'L V'"),
        ("id", "LV:1", "must be letters, digits, '.', '_' or '-', at most 64, got 'LV:1'"),
        ("id", "*", "must be letters, digits, '.', '_' or '-', at most 64, got '*'"),
        ("id", 5, "input should be a valid string, got 5"),
        ("country", "", "must be letters, digits, '.', '_' or '-', at most 64, got ''"),
        ("name", "", "string should have at least 1 character, got ''"),
        ("accuracy_m", -1, "input should be greater than or equal to 0, got -1"),
        ("accuracy_m", math.nan, "input should be a finite number, got nan"),
        ("accuracy_m", "30", "input should be a valid number, got '30'"),
        ("accuracy_m", True, "input should be a valid number, got True"),
        ("nato", "yes", "input should be a valid boolean, got 'yes'"),
        ("nato", 1, "input should be a valid boolean, got 1"),
        ("floor_m", math.inf, "input should be a finite number, got inf"),
        ("ceiling_m", "3000", "input should be a valid number, got '3000'"),
        (
            "vertical_ref",
            "feet",
            "input should be 'pressure', 'amsl', 'wgs84' or 'agl', got 'feet'",
        ),
        (
            "valid_from",
            "2024-09-07T00:00:00",
            "time must be RFC 3339 with a zone, as 2024-09-07T03:58:00.000Z, "
            "got '2024-09-07T00:00:00'",
        ),
    ],
)
def test_a_bad_property_is_shown(name: str, value: object, reason: str) -> None:
    """A property with a value it cannot have is named with the reason and the value."""
    given = feature(**{name: value})
    assert refused(document(given)) == f"zones.json: feature 0: {name}: {reason}"


@pytest.mark.parametrize("kind", ["Nation", "", "no-fly zone", "a" * 33, "1st"])
def test_a_bad_kind_is_refused(kind: str) -> None:
    """A kind is one lower-case word."""
    assert refused(document(feature(kind=kind))).startswith("zones.json: feature 0: kind: string")


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            {"floor_m": 100, "ceiling_m": 100, "vertical_ref": "agl"},
            "floor_m 100.0 is not below ceiling_m 100.0",
        ),
        ({"floor_m": 0}, "floor_m or ceiling_m without vertical_ref"),
        ({"ceiling_m": 0}, "floor_m or ceiling_m without vertical_ref"),
        (
            {"valid_from": "2024-09-07T00:00:00Z", "valid_until": "2024-09-07T02:00:00+02:00"},
            "valid_from 2024-09-07 00:00:00+00:00 is not before "
            "valid_until 2024-09-07 00:00:00+00:00",
        ),
    ],
)
def test_limits_that_contradict_are_refused(properties: dict[str, Any], reason: str) -> None:
    """Limits between which nothing lies, or of unknown reference, are refused with both."""
    assert refused(document(feature(**properties))) == f"{FEATURE}: {reason}"


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ({"type": "Point", "coordinates": [27, 56]}, "got 'Point'"),
        ({"type": None}, "got None"),
        ([1], "got None"),
    ],
)
def test_a_zone_is_an_area(geometry: object, reason: str) -> None:
    """A point, a line or nothing is no area."""
    assert refused(document(feature(geometry=geometry))) == (
        f"{FEATURE}: geometry must be a Polygon or MultiPolygon, {reason}"
    )


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [
        ("Polygon", 5),
        ("Polygon", None),
        ("Polygon", {"a": 1}),
        ("MultiPolygon", 5),
        ("MultiPolygon", [5]),
        ("MultiPolygon", None),
        ("MultiPolygon", [None]),
    ],
)
def test_coordinates_are_lists(kind: str, coordinates: object) -> None:
    """Coordinates that are no nested lists are shown, and raise nothing but InputError."""
    given = feature(geometry={"type": kind, "coordinates": coordinates})
    assert refused(document(given)) == f"{FEATURE}: coordinates are no {kind}'s: {coordinates}"


@pytest.mark.parametrize(
    ("ring", "reason"),
    [
        (SQUARE[:3], "ring 0 has fewer than 4 positions"),
        ("x", "ring 0 has fewer than 4 positions"),
        (SQUARE[:4], "ring 0 is not closed: [27, 56] to [27, 57]"),
        ([*SQUARE[:2], [28, math.nan], SQUARE[0]], "ring 0 has a bad position: [28, nan]"),
        ([*SQUARE[:2], [28, -math.inf], SQUARE[0]], "ring 0 has a bad position: [28, -inf]"),
        ([*SQUARE[:2], [28], SQUARE[0]], "ring 0 has a bad position: [28]"),
        ([*SQUARE[:2], ["28", 56], SQUARE[0]], "ring 0 has a bad position: ['28', 56]"),
        ([*SQUARE[:2], [True, 56], SQUARE[0]], "ring 0 has a bad position: [True, 56]"),
        ([*SQUARE[:2], 5, SQUARE[0]], "ring 0 has a bad position: 5"),
        (
            [*SQUARE[:2], [56, 91], SQUARE[0]],
            "ring 0 leaves longitude -180..180, latitude -90..90: [56, 91]",
        ),
        (
            [*SQUARE[:2], [-180.5, 56], SQUARE[0]],
            "ring 0 leaves longitude -180..180, latitude -90..90: [-180.5, 56]",
        ),
        (
            [[179, 60], [-179, 60], [-179, 61], [179, 61], [179, 60]],
            "ring 0 crosses the antimeridian; cut it at longitude 180",
        ),
        (
            [[27, 56], [28, 57], [28, 56], [27, 57], [27, 56]],
            "not a valid area: Self-intersection[27.5 56.5]",
        ),
    ],
)
def test_a_bad_ring_is_shown(ring: Any, reason: str) -> None:
    """A ring that is open, crosses itself or leaves the world is named, with the place."""
    assert refused(document(feature(ring))) == f"{FEATURE}: {reason}"


def test_a_number_beyond_floats_is_out_of_the_world() -> None:
    """A whole number that no float can hold is a bad position, not a crash."""
    ring = [*SQUARE[:2], [10**400, 56], SQUARE[0]]
    assert "ring 0 leaves longitude" in refused(document(feature(ring)))


def test_every_ring_is_checked() -> None:
    """The second part's hole is checked as the first part's shell is, and counted."""
    away = [[x + 5, y] for x, y in SQUARE]
    hole = [[x + 5, y] for x, y in HOLE[:4]]
    geometry = {"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [away, hole]]}
    assert refused(document(feature(geometry=geometry))).startswith(
        f"{FEATURE}: ring 3 is not closed"
    )


@pytest.mark.parametrize(("kind", "coordinates"), [("Polygon", []), ("MultiPolygon", [])])
def test_an_empty_area_is_refused(kind: str, coordinates: list[Any]) -> None:
    """A zone without any ring covers nothing."""
    given = feature(geometry={"type": kind, "coordinates": coordinates})
    assert refused(document(given)) == f"{FEATURE}: the geometry is empty"


def test_json_nan_is_found() -> None:
    """Python's JSON reader lets NaN through; the zone parser does not."""
    text = json.dumps(document(feature([*SQUARE[:2], [28, math.nan], SQUARE[0]])))
    assert "bad position" in refused(json.loads(text))


def test_identifiers_are_unique_over_files() -> None:
    """A zone may stand in one file only, because a channel has one meaning."""
    with pytest.raises(InputError, match=r"^zone 'LV' appears twice$"):
        zone_set([[zone("LV", (0, 0, 1, 1))], [zone("LV", (2, 2, 3, 3))]])


def test_the_version_names_every_file() -> None:
    """The version of a set joins those of its files, each once, in order."""
    other = Zone(zone("RO", (0, 0, 1, 1)).properties, zone("RO", (0, 0, 1, 1)).area, "regions-2")
    joined = zone_set([[zone("LV", (0, 0, 1, 1)), zone("EE", (1, 1, 2, 2))], [other]])
    assert joined.version == f"{VERSION}+regions-2"
    assert [made.id for made in joined.zones] == ["LV", "EE", "RO"]
