"""Files: recordings and zones as people bring them, good and bad."""

import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from builders import fields

from skyfence.adapters.files import default_file, load_zones, read_recording, read_zones
from skyfence.errors import InputError, UnavailableError

GOOD = json.dumps(fields()).encode()
MANY = b"".join(json.dumps(fields(track_id=f"T{n}")).encode() + b"\n" for n in range(1000))
SQUARE = [[27, 56], [28, 56], [28, 57], [27, 57], [27, 56]]
BOW_TIE = [[27, 56], [28, 57], [28, 56], [27, 57], [27, 56]]


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


PACKINGS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd}


def recording(folder: Path, data: bytes, ending: str = "") -> str:
    """Write a recording; return its name."""
    path = folder / f"tracks.jsonl{ending}"
    path.write_bytes(data)
    return str(path)


def tracks(name: str) -> list[str | None]:
    return [None if line.report is None else line.report.track_id for line in read_recording(name)]


def zone_file(folder: Path, id: str = "AA", ring: Any = SQUARE) -> Path:  # noqa: A002
    """Write a file of one zone; return its path."""
    properties = {"id": id, "name": id, "kind": "nation", "country": id}
    feature = {
        "type": "Feature",
        "properties": properties | {"accuracy_m": 0.0, "nato": True},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    document = {"type": "FeatureCollection", "version": f"{id}-1", "features": [feature]}
    path = folder / f"{id}.geojson"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_recording_is_read(tmp_path: Path) -> None:
    """Each line is a report, with or without an end to the last one; blank lines are left out."""
    name = recording(tmp_path, GOOD + b"\n\n  \n" + GOOD.replace(b"T1", b"T2"))
    assert tracks(name) == ["T1", "T2"]
    assert [line.number for line in read_recording(name)] == [1, 4]


def test_a_byte_order_mark_is_no_part_of_a_report(tmp_path: Path) -> None:
    """A recording that an editor saved with one is read from its first line on."""
    assert tracks(recording(tmp_path, b"\xef\xbb\xbf" + GOOD)) == ["T1"]


@pytest.mark.parametrize("ending", PACKINGS)
def test_packed_recordings_are_unpacked(tmp_path: Path, ending: str) -> None:
    """A packed recording reads as it does unpacked, in several parts too."""
    pack = PACKINGS[ending]
    name = recording(tmp_path, pack(MANY[:5000]) + pack(MANY[5000:]), ending)
    assert tracks(name) == [f"T{n}" for n in range(1000)]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name - reads what is piped in."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD + b"\n")))
    assert tracks("-") == ["T1"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "report: invalid JSON: EOF while parsing an object at line 1 column 1, got b'{'"),
        (b"[]", "report: input should be an object, got []"),
        (
            json.dumps(fields(lat=91)).encode(),
            "lat: input should be less than or equal to 90, got 91",
        ),
        (json.dumps(fields(speed=3)).encode(), "speed: unknown field, got 3"),
        (b'{"time": "2024-09-07T03:58:00Z"}', "source: field required"),
        (b'\xff\xfe{"', "report: invalid JSON: expected value at line 1 column 1"),
        (GOOD.replace(b"T1", b"\xe4"), "report: invalid JSON: invalid unicode code point"),
    ],
    ids=["cut", "a list", "lat", "unknown", "missing", "utf-16", "latin-1"],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, reason: str) -> None:
    """A line that is no report comes with its number and the reason, and stops nothing."""
    lines = list(read_recording(recording(tmp_path, GOOD + b"\n" + line + b"\n" + GOOD)))
    assert [(line.number, line.report is None) for line in lines] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    assert lines[1].reason.startswith(reason)


def test_a_file_without_line_ends_does_not_fill_the_memory(tmp_path: Path) -> None:
    """What is longer than any report is refused as such."""
    (line, *_) = read_recording(recording(tmp_path, b"x" * 2_000_000))
    assert (line.number, line.report) == (1, None)
    assert line.reason == "longer than 1000000 bytes"


@pytest.mark.parametrize("ending", ["", *PACKINGS])
def test_an_empty_file(tmp_path: Path, ending: str) -> None:
    """An empty file is an error, not a recording in which nothing happened."""
    name = recording(tmp_path, b"", ending)
    with pytest.raises(InputError) as caught:
        tracks(name)
    assert str(caught.value) == f"{name}: the file is empty"


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that is not there, or is a folder, is named with the system's reason."""
    missing = str(tmp_path / "none.jsonl")
    with pytest.raises(UnavailableError) as caught:
        tracks(missing)
    assert str(caught.value) == f"{missing}: no such file or directory"
    with pytest.raises(UnavailableError, match="is a directory"):
        tracks(str(tmp_path))


@pytest.mark.parametrize("ending", PACKINGS)
def test_a_recording_that_was_cut_short(tmp_path: Path, ending: str) -> None:
    """A packed file that was cut short is told as such, after the lines that were whole."""
    packed = PACKINGS[ending](MANY)
    name = recording(tmp_path, packed[: len(packed) * 2 // 3], ending)
    with pytest.raises(InputError, match=rf"tracks\.jsonl{ending}: unreadable after line \d+: "):
        tracks(name)


@pytest.mark.parametrize("ending", PACKINGS)
def test_a_recording_that_is_not_what_its_name_says(tmp_path: Path, ending: str) -> None:
    """Plain text under a packed file's name is refused at once."""
    name = recording(tmp_path, MANY, ending)
    with pytest.raises(InputError, match="unreadable after line 0: "):
        tracks(name)


def test_the_default_files_are_there() -> None:
    """What comes with skyfence is found; what does not is named."""
    assert default_file("geodata", "countries.geojson").is_file()
    with pytest.raises(UnavailableError) as caught:
        default_file("recordings", "none.jsonl")
    assert (
        str(caught.value) == "recordings/none.jsonl is missing from this installation of skyfence"
    )


def test_zones_alone_replace_all(tmp_path: Path) -> None:
    """Zones given without regions are all the zones there are; with regions, both."""
    zones, regions = zone_file(tmp_path, "AA"), zone_file(tmp_path, "AA-1")
    assert [zone.id for zone in load_zones(zones).zones] == ["AA"]
    both = load_zones(zones, regions)
    assert [zone.id for zone in both.zones] == ["AA", "AA-1"]
    assert both.version == "AA-1+AA-1-1"


def test_added_zones_come_on_top(tmp_path: Path) -> None:
    """Added files replace nothing."""
    zones, added = zone_file(tmp_path, "AA"), zone_file(tmp_path, "PLANT")
    assert [zone.id for zone in load_zones(zones, None, [added]).zones] == ["AA", "PLANT"]


def test_a_zone_twice(tmp_path: Path) -> None:
    """The same identifier in both files is refused."""
    path = zone_file(tmp_path)
    with pytest.raises(InputError, match=r"^zone 'AA' appears twice$"):
        load_zones(path, path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"<kml>", "not GeoJSON: Expecting value: line 1 column 1 (char 0)"),
        (b"\xff\xfe", "not GeoJSON: not UTF-8 text"),
        (b"[]", "not a GeoJSON FeatureCollection"),
        (
            b'{"type": "FeatureCollection"}',
            "the collection has no version (a text that alerts name)",
        ),
    ],
)
def test_bad_zone_files(tmp_path: Path, data: bytes, reason: str) -> None:
    """A file that holds no zones is named, with what it is instead."""
    path = tmp_path / "zones.geojson"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_zones(path)
    assert str(caught.value) == f"{path}: {reason}"


def test_a_missing_zone_file(tmp_path: Path) -> None:
    """Zones that are not there are away, not empty."""
    with pytest.raises(UnavailableError, match=r"none\.geojson: no such file or directory$"):
        read_zones(tmp_path / "none.geojson")


def test_a_border_that_crosses_itself(tmp_path: Path) -> None:
    """An outline that crosses itself is refused with the zone and the place."""
    path = zone_file(tmp_path, ring=BOW_TIE)
    with pytest.raises(InputError) as caught:
        read_zones(path)
    assert str(caught.value) == (
        f"{path}: feature 0 (AA): not a valid area: Self-intersection[27.5 56.5]"
    )
