"""``skyfence scan``: what it writes, and how it fails."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import shapely
from builders import seen, world

from skyfence.cli.main import main
from skyfence.contracts.crossing import Crossing

TRACK = [seen(0, 26.99), seen(10, 27.01), seen(20, 26.99)]  # in at 5 s, out at 15 s
BAD = b'{"time": "yesterday"}\n'


@dataclass
class Ended:
    """How a command ended, and what it wrote."""

    code: Any
    documents: list[dict[str, Any]]
    errors: str


@pytest.fixture
def zones(tmp_path: Path) -> str:
    """Write the small world's zones; return the file's name."""
    features = [
        {
            "type": "Feature",
            "properties": zone.properties.model_dump(),
            "geometry": shapely.geometry.mapping(zone.area),
        }
        for zone in world().zones
    ]
    path = tmp_path / "zones.geojson"
    document = {"type": "FeatureCollection", "version": "small-1", "features": features}
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """Write the track; return the file's name."""
    path = tmp_path / "tracks.jsonl"
    path.write_bytes(lines())
    return str(path)


def lines() -> bytes:
    return b"".join(report.to_json() + b"\n" for report in TRACK)


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs ``skyfence scan`` in this process."""

    def run(*arguments: str, typed: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["skyfence", "scan", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        documents = [json.loads(line) for line in written.out.splitlines()]
        return Ended(ended.value.code, documents, written.err)

    return run


def places_and_types(documents: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(document["place"], document["message_type"]) for document in documents]


def test_alerts_are_json_lines(scan: Any, recording: str, zones: str) -> None:
    """Alerts go to standard output, one a line and nothing else; a summary to standard error."""
    ended = scan(recording, "--zones", zones)
    places = ("AA-1", "AA", "NATO")
    expected = [(place, message) for message in ("Alert", "Update", "Cancel") for place in places]
    incidents = [document for document in ended.documents if "track_id" in document]
    assert places_and_types(incidents) == expected
    assert {document["run"] for document in ended.documents} == {"scan"}
    assert ended.code == 0
    assert ended.errors == (
        "3 reports of 1 source, 0 bad lines, 0 late; 8 crossings, 9 alerts, "
        "9 messages of places, 0 incidents open\n"
    )


def test_crossings_instead_of_alerts(scan: Any, recording: str, zones: str) -> None:
    """With --crossings each crossing is a line with all that its contract holds."""
    documents = scan(recording, "--zones", zones, "--crossings").documents
    crossings = [Crossing.model_validate(document) for document in documents]
    assert [(first.kind, first.zone) for first in crossings] == [
        ("appear", "XX"),
        *[("exit", "XX"), ("enter", "AA"), ("enter", "AA-1")],
        *[("exit", "AA"), ("exit", "AA-1"), ("enter", "XX")],
        ("vanish", "XX"),
    ]
    assert {"time", "lat", "lon", "other_side", "zones_version"} <= documents[1].keys()
    assert documents[4]["depth_m"] == 620


def test_places_instead_of_alerts(scan: Any, recording: str, zones: str) -> None:
    """With --places each change of a place's state is a line with all its fields."""
    documents = scan(recording, "--zones", zones, "--places").documents
    assert {document["run"] for document in documents} == {"scan"}
    assert set(documents[0]) >= {"time", "known", "place", "place_kind", "level", "objects"}
    assert set(documents[0]) >= {"minutes_left", "incidents", "episode_id", "step", "notify"}
    own = [document["level"] for document in documents if document["place"] == "AA-1"]
    assert own[0] == "shelter"
    assert own[-1] == "clear"


def test_crossings_and_places_exclude_each_other(scan: Any, recording: str) -> None:
    """Asking for both is refused: a line says nothing of which it would be."""
    ended = scan(recording, "--places", "--crossings")
    assert ended.code == 2
    assert "--crossings and --places" in ended.errors


def test_zones_alone_replace_all_defaults(scan: Any, recording: str, zones: str) -> None:
    """With --zones alone no default country or region is judged by."""
    documents = scan(recording, "--zones", zones, "--crossings").documents
    assert {document["zones_version"] for document in documents} == {"small-1"}
    assert {document["zone"] for document in documents} == {"XX", "AA", "AA-1"}


def test_what_stays_open_is_named(scan: Any, zones: str) -> None:
    """An incident that the recording leaves open is named, with those who wait for its end."""
    typed = b"".join(report.to_json() + b"\n" for report in TRACK[:2])
    ended = scan("-", "--zones", zones, typed=typed)
    assert ended.errors.splitlines()[1] == "open: radar/T1, lost, AA-1, AA, NATO"


def test_standard_input(scan: Any, recording: str, zones: str) -> None:
    """From a pipe the same reports give the same alerts as from a file."""
    piped = scan("-", "--zones", zones, typed=lines())
    assert piped.documents == scan(recording, "--zones", zones).documents
    assert piped.documents


def test_a_bad_line_is_named_and_left_out(scan: Any, recording: str, zones: str) -> None:
    """A line that is no report is named with its number; the others are judged, and all is well."""
    Path(recording).write_bytes(lines().replace(b"\n", b"\n" + BAD, 1))
    ended = scan(recording, "--zones", zones)
    assert ended.errors.startswith(f"{recording}: line 2: time: time must be RFC 3339 with a zone")
    assert "3 reports of 1 source, 1 bad line," in ended.errors
    assert len(ended.documents) == 18
    assert ended.code == 0


def test_strict_fails_on_a_bad_line(scan: Any, recording: str, zones: str) -> None:
    """With --strict a bad line makes the exit code 1, after all that follows was written."""
    Path(recording).write_bytes(lines() + BAD)
    ended = scan(recording, "--zones", zones, "--strict")
    assert ended.code == 1
    assert ended.errors.splitlines()[-1] == (
        f"skyfence: {recording}: 1 of its lines are no reports"
    )
    assert len(ended.documents) == 18


def test_strict_passes_without_one(scan: Any, recording: str, zones: str) -> None:
    """With --strict a recording without bad lines ends well."""
    assert scan(recording, "--zones", zones, "--strict").code == 0


def test_only_a_few_bad_lines_are_named(scan: Any, recording: str, zones: str) -> None:
    """A wrong file does not fill the screen: twenty lines are named, all are counted."""
    Path(recording).write_bytes(BAD * 50)
    errors = scan(recording, "--zones", zones).errors
    assert errors.count(": line ") == 20
    assert "0 reports of 0 sources, 50 bad lines" in errors


def test_a_missing_file_is_one_line(scan: Any, tmp_path: Path) -> None:
    """A recording that is not there ends with exit code 3 and one line, before zones are read."""
    missing = tmp_path / "none.jsonl"
    ended = scan(str(missing))
    assert (ended.code, ended.documents) == (3, [])
    assert ended.errors == f"skyfence: {missing}: no such file or directory\n"


def test_an_empty_file_is_one_line(scan: Any, recording: str) -> None:
    """An empty recording ends with exit code 1 and one line."""
    Path(recording).write_bytes(b"")
    ended = scan(recording)
    assert (ended.code, ended.documents) == (1, [])
    assert ended.errors == f"skyfence: {recording}: the file is empty\n"


def test_missing_zones_are_one_line(scan: Any, recording: str, tmp_path: Path) -> None:
    """Zones that are not there end with exit code 3 and one line."""
    ended = scan(recording, "--zones", str(tmp_path / "none"))
    assert ended.code == 3
    assert ended.errors == f"skyfence: {tmp_path / 'none'}: no such file or directory\n"


def test_zones_that_protect_nobody_are_told(scan: Any, recording: str, zones: str) -> None:
    """Where no zone is a member's, the summary says why there are no alerts."""
    Path(zones).write_text(Path(zones).read_text().replace('"nato": true', '"nato": false'))
    ended = scan(recording, "--zones", zones)
    assert ended.documents == []
    assert "no zone is a member's (nato: true): no alerts can follow" in ended.errors


@pytest.mark.parametrize("run", ["", "a b", "a/b", "x" * 65])
def test_a_run_must_be_a_name(scan: Any, recording: str, zones: str, run: str) -> None:
    """A run that cannot be part of keys is refused before anything is judged."""
    ended = scan(recording, "--zones", zones, "--run", run)
    assert (ended.code, ended.documents) == (2, [])
    assert "Invalid value for --run: letters, digits, '.', '_' or '-', at most 64" in ended.errors


def test_a_run_is_part_of_what_is_written(scan: Any, recording: str, zones: str) -> None:
    """Another run gives the same alerts under other identifiers."""
    first, second = (scan(recording, "--zones", zones, "--run", run).documents for run in "ab")
    assert places_and_types(first) == places_and_types(second)
    assert {alert["run"] for alert in second} == {"b"}
    assert not {alert["alert_id"] for alert in first} & {alert["alert_id"] for alert in second}


def test_the_module_is_the_command(recording: str, zones: str) -> None:
    """`python -m skyfence scan` does what the command does, from any directory."""
    command = [sys.executable, "-m", "skyfence", "scan", recording, "--zones", zones]
    done = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ))
    assert len(done.stdout.splitlines()) == 18


def test_a_recording_that_is_not_sorted_is_an_error(scan: Any, zones: str) -> None:
    """From the last report to the first nearly all are late: that is told, and is no silence."""
    track = [seen(10 * number, 26.99 + 0.001 * number) for number in range(10)]
    typed = b"".join(report.to_json() + b"\n" for report in reversed(track))
    ended = scan("-", "--zones", zones, typed=typed)
    assert ended.code == 1
    assert "9 of its 10 reports come after later ones of their source; sort it by time" in (
        ended.errors
    )
