"""``skyfence zones``: every finding on a line of its own, and nothing written after an error."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import shapely
from builders import VERSION

from skyfence.adapters.files import load_zones
from skyfence.cli.main import main

OPEN_AIR = """AC R
AN EVR1 Ādaži
AL SFC
AH FL95
DP 56:00:00 N 027:00:00 E
DP 56:10:00 N 027:00:00 E
DP 56:10:00 N 027:20:00 E
AC P
AN EVP2
AL 3500ft MSL
AH FL195
V X=56:30:00 N 027:30:00 E
DC 5
"""
BOW = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
Box = tuple[float, float, float, float]


@dataclass
class Ended:
    """How a command ended, and what it wrote."""

    code: Any
    out: list[str]
    errors: list[str]


Run = Callable[..., Ended]


@pytest.fixture
def zones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """Return a function that runs ``skyfence zones`` in this process, in a directory of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["skyfence", "zones", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return Ended(ended.value.code, written.out.splitlines(), written.err.splitlines())

    return run


def feature(name: str, area: Box | dict[str, Any], **changes: Any) -> dict[str, Any]:
    geometry = area if isinstance(area, dict) else shapely.geometry.mapping(shapely.box(*area))
    given = {"id": name, "name": name, "kind": "area", "country": None}
    given |= {"accuracy_m": 10, "nato": False} | changes
    return {"type": "Feature", "properties": given, "geometry": geometry}


def save(name: str, *features: Any, **members: Any) -> str:
    document = {"type": "FeatureCollection", "version": VERSION, "source": "s", "license": "l"}
    document |= {"features": list(features)} | members
    Path(name).write_text(json.dumps(document), encoding="utf-8")
    return name


def test_a_good_file(zones: Run) -> None:
    """A file without fault has no finding; what it holds stands in the summary."""
    ended = zones("check", save("z.geojson", feature("A", (0, 0, 1, 1))))
    assert ended == Ended(
        0,
        [],
        [
            "z.geojson: 1 zone (1 area of 12308.778 km2), version 2024-1: "
            "0 errors, 0 warnings, 0 remarks"
        ],
    )


def test_every_error_is_named(zones: Run) -> None:
    """Not only the first error of a file, of a feature or of an outline is named."""
    twice = {
        "type": "Polygon",
        "coordinates": [[[0, 0], [4, 0], [4, 1], [1, -1], [0.5, 1], [0, 1], [0, 0]]],
    }
    broken = feature("a b", {"type": "Polygon", "coordinates": [[[0, 0]]]}, nato="yes")
    limits = feature("C", (0, 0, 1, 1), floor_m=5, ceiling_m=5)
    name = save("z.geojson", feature("A", twice), broken, limits, 7, version="")
    ended = zones("check", name)
    assert ended.code == 1
    assert ended.out == [
        "z.geojson: the collection has no version (a text that alerts name)",
        "z.geojson: feature 0 (A): not a valid area: Self-intersection at 2.5 0.0",
        "z.geojson: feature 0 (A): crosses itself at 0.75 0.0",
        "z.geojson: feature 1: id: must be letters, digits, '.', '_' or '-', at most 64, got 'a b'",
        "z.geojson: feature 1: nato: input should be a valid boolean, got 'yes'",
        "z.geojson: feature 1: ring 0 has fewer than 4 positions",
        "z.geojson: feature 2 (C): floor_m 5.0 is not below ceiling_m 5.0",
        "z.geojson: feature 2 (C): floor_m or ceiling_m without vertical_ref",
        "z.geojson: feature 3: not a GeoJSON Feature",
    ]
    assert ended.errors[0].endswith("9 errors, 0 warnings, 0 remarks")


def test_several_files(zones: Run) -> None:
    """Each file is looked through, one that cannot be read too; a zone in two is a warning."""
    Path("bad.geojson").write_text("{")
    first = save("one.geojson", feature("A", (0, 0, 1, 1)))
    second = save("two.geojson", feature("A", (5, 5, 6, 6)), feature("B", (0, 0, 1, 1)))
    ended = zones("check", first, "bad.geojson", second)
    assert ended.code == 1
    assert ended.out[0].startswith("bad.geojson: not GeoJSON: ")
    assert ended.out[1:] == ["two.geojson: feature 0 (A): warning: stands in one.geojson too"]
    assert len(ended.errors) == 2


def test_an_identifier_stands_once(zones: Run) -> None:
    """An identifier that stands twice in a file is an error, with the place of the first."""
    name = save("z.geojson", feature("A", (0, 0, 1, 1)), feature("A", (5, 5, 6, 6)))
    ended = zones("check", name)
    assert ended.out == [
        "z.geojson: feature 1 (A): its id stood before, in z.geojson: feature 0 (A)"
    ]
    assert ended.code == 1


def test_overlaps(zones: Run) -> None:
    """Zones of one kind that overlap are named with the place, narrow overlaps are only counted."""
    name = save(
        "z.geojson",
        feature("A", (0, 0, 1, 1)),
        feature("B", (0.9, 0, 2, 1)),
        feature("C", (1.9995, 0, 3, 1)),
        feature("D", (0, 0, 3, 1), kind="other"),
    )
    ended = zones("check", name)
    assert ended.out == [
        "z.geojson: feature 0 (A): warning: overlaps B by 1230.847 km2, 10113 m wide at 0.95 0.5",
        "z.geojson: remark: narrow overlaps of zones of one kind: 1, together 6.154 km2, "
        "the widest 56 m at 1.99975 0.5",
    ]
    assert ended.code == 0


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        (
            {"ceiling_m": 100, "vertical_ref": "amsl"},
            {"floor_m": 100, "vertical_ref": "amsl"},
        ),
        ({"valid_until": "2024-09-08T00:00:00Z"}, {"valid_from": "2024-09-08T00:00:00Z"}),
    ],
)
def test_one_above_the_other(zones: Run, lower: dict[str, Any], upper: dict[str, Any]) -> None:
    """Zones that no object can be in at once, by height or by time, overlap on the map only."""
    area = (0, 0, 1, 1)
    name = save("z.geojson", feature("A", area, **lower), feature("B", area, **upper))
    assert zones("check", name).out == []


def test_between_members(zones: Run) -> None:
    """Slivers between members, and gaps that they enclose, are counted with the widest's place."""
    ring = shapely.box(0, 0, 3, 3) - shapely.box(1, 1, 2, 2)
    name = save(
        "z.geojson",
        feature("A", shapely.geometry.mapping(ring), nato=True),
        feature("B", (3.001, 0, 4, 3), nato=True),
    )
    slivers, gaps = zones("check", name).out
    assert slivers.startswith("z.geojson: remark: slivers between members, closed: 1, together 36.")
    assert slivers.endswith("the widest 111 m at 3.0005 1.5")
    assert gaps.startswith("z.geojson: remark: gaps enclosed by members, left open: 1, together 12")
    assert gaps.endswith(" at 1.5 1.5")


def test_coordinates_exchanged(zones: Run) -> None:
    """A zone that lies in its country, or beside the others, only the other way round is named."""
    name = save(
        "z.geojson",
        feature("A", (45, 28.6, 45.4, 29), country="RO"),
        feature("B", (27, 56, 28, 57)),
        feature("C", (26, 56, 27, 57)),
        feature("D", (56, 26.5, 57, 27.5)),
    )
    ended = zones("check", name)
    assert ended.out == [
        "z.geojson: feature 0 (A): warning: longitude and latitude look exchanged at 45.2 28.8",
        "z.geojson: feature 3 (D): warning: longitude and latitude look exchanged at 56.5 27.0",
    ]


def test_too_narrow_for_its_accuracy(zones: Run) -> None:
    """A zone that is narrower than its border is vague is named."""
    name = save("z.geojson", feature("A", (0, 0, 1, 0.001), accuracy_m=500))
    assert zones("check", name).out == [
        "z.geojson: feature 0 (A): warning: its width of 110 m is less than its accuracy_m of 500 "
        "at 0.5 0.0005"
    ]


def test_validity_is_judged_at_a_time_that_is_given(zones: Run) -> None:
    """Without --at nothing is expired; with it, it is a remark."""
    name = save("z.geojson", feature("A", (0, 0, 1, 1), valid_until="2024-09-08T00:00:00Z"))
    assert zones("check", name).out == []
    ended = zones("check", name, "--at", "2024-09-08T00:00:00Z")
    assert ended.out == ["z.geojson: feature 0 (A): remark: expired at 2024-09-08 00:00:00+00:00"]
    assert ended.code == 0
    assert zones("check", name, "--at", "today").code == 2


def test_what_a_file_should_say_of_itself(zones: Run) -> None:
    """A source and a licence are missed, and a crs member that is not read is a warning."""
    members = {"source": None, "license": None, "crs": {"properties": {"name": "EPSG:3059"}}}
    assert zones("check", save("z.geojson", feature("A", (0, 0, 1, 1)), **members)).out == [
        "z.geojson: warning: its crs member is not read, it is taken as WGS 84; "
        "an import converts it",
        "z.geojson: remark: the collection has no source",
        "z.geojson: remark: the collection has no license",
    ]


def test_other_forms_are_checked_too(zones: Run) -> None:
    """An OpenAir file is looked through as an import would, without asking for what it lacks."""
    Path("lv.txt").write_text(OPEN_AIR.replace("AH FL195", "AH BY NOTAM"), encoding="utf-8")
    ended = zones("check", "lv.txt")
    assert ended.out == ["lv.txt: feature 1, line 8 (EVP2): limit 'BY NOTAM' is not understood"]
    assert ended.code == 1


def test_a_missing_file(zones: Run) -> None:
    """A file that is not there ends the check with 3."""
    ended = zones("check", "z.gpkg")
    assert ended.code == 3
    assert ended.errors == ["skyfence: z.gpkg: no such file or directory"]


OPTIONS = ["--version", "lv-1", "--no-nato", "--accuracy-m", "50", "--country", "LV"]


def test_import(zones: Run) -> None:
    """An OpenAir file becomes a file of ours, which a process loads; what was widened is said."""
    Path("lv.txt").write_text(OPEN_AIR, encoding="utf-8")
    terms = ["--source", "AIP Latvia", "--license", "ours"]
    ended = zones("import", "lv.txt", "--out", "lv.geojson", *OPTIONS, *terms)
    assert ended.code == 0
    assert ended.out == []
    assert ended.errors == [
        "lv.txt: feature 1, line 8 (EVP2): warning: floor 3500 ft AMSL and ceiling FL195 have "
        "different references: the ceiling is 7329 m AMSL, the highest it can lie",
        "lv.geojson: 2 zones (1 prohibited of 269.192 km2, 1 restricted of 192.141 km2), "
        "version lv-1: 0 errors, 1 warning, 0 remarks",
    ]
    loaded = load_zones(Path("lv.geojson"))
    assert [zone.id for zone in loaded.zones] == ["EVP2", "EVR1-Adazi"]
    assert loaded.version == "lv-1"
    document = json.loads(Path("lv.geojson").read_text(encoding="utf-8"))
    assert (document["source"], document["license"]) == ("AIP Latvia", "ours")
    assert zones("check", "lv.geojson").out == []


def test_exchanged_coordinates_are_not_written(zones: Run) -> None:
    """Zones that lie in their country only with latitude first are not written without --force."""
    name = save("z.geojson", feature("A", (56.0, 27.0, 57.0, 28.0)))
    ended = zones("import", name, "--out", "o.geojson", *OPTIONS)
    assert ended.code == 1
    assert ended.errors == [
        "z.geojson: feature 0 (A): warning: longitude and latitude look exchanged at 56.5 27.5",
        "skyfence: z.geojson: longitude and latitude of 1 zone look exchanged; nothing was "
        "written, --force writes them as they are",
    ]
    assert not Path("o.geojson").exists()
    assert zones("import", name, "--out", "o.geojson", *OPTIONS, "--force").code == 0


def test_nothing_is_written_after_an_error(zones: Run) -> None:
    """With one error in it a file is not imported, and the one that was there stays."""
    Path("out.geojson").write_text("before")
    save("z.geojson", feature("A", BOW), feature("B", (0, 0, 1, 1)))
    ended = zones("import", "z.geojson", "--out", "out.geojson", *OPTIONS)
    assert ended.code == 1
    assert ended.errors == [
        "z.geojson: feature 0 (A): not a valid area: Self-intersection at 0.5 0.5",
        "skyfence: z.geojson: 1 error; nothing was written",
    ]
    assert Path("out.geojson").read_text() == "before"
    assert zones("import", "z.geojson", "--out", "out.geojson", *OPTIONS, "--repair").code == 0
    assert len(load_zones(Path("out.geojson")).zones) == 2


def test_an_import_keeps_what_our_own_form_says(zones: Run) -> None:
    """A file in our form comes out as it was, but for what the options say of all zones."""
    given = feature("A", (0, 0, 1, 1), nato=True, floor_m=5, vertical_ref="agl")
    name = save("z.geojson", given, attribution="© somebody")
    assert zones("import", name, "--out", "o.geojson", "--version", "2", "--kind", "x").code == 0
    document = json.loads(Path("o.geojson").read_text(encoding="utf-8"))
    assert document["attribution"] == "© somebody"
    assert document["features"][0]["properties"] == given["properties"] | {"kind": "x"}


@pytest.mark.parametrize(
    "options",
    [
        ["--version", " "],
        ["--version", "1", "--kind", "No Fly"],
        ["--version", "1", "--country", "L V"],
        ["--version", "1", "--accuracy-m", "-5"],
        ["--version", "1", "--crs", "EPSG:3059", "--accuracy-m", "nan"],
        [],
    ],
)
def test_options_that_cannot_be(zones: Run, options: list[str]) -> None:
    """An option that no zone could have is refused once, before any feature is."""
    name = save("z.geojson", feature("A", (0, 0, 1, 1)))
    assert zones("import", name, "--out", "o.geojson", *options).code == 2
    assert not Path("o.geojson").exists()
