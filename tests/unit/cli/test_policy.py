"""``skyfence policy check``: what it says of a policy, of a report, and of what is wrong."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders import report

from skyfence.adapters.settings import PREFIX, load
from skyfence.cli.local import runtime_file
from skyfence.cli.main import main
from skyfence.naming import Environment

POLICY = """\
version = "romania-3"

[look_ahead_s]
country = 0
region = 90

[sources.radar]
lateness_ms = 2000
silent_after_s = 60

[sources.adsb]
silent_after_s = 12.5
watches = ["RO", "RO-TL"]

[public.regions.RO-TL]
mode = "automatic"

[[permit]]
name = "survey flight"
reason = "flood survey, order 112"
from = 2024-09-01T00:00:00Z
expires = 2024-10-01T00:00:00Z
icao_addresses = ["4A08F3", "4A08F4"]
callsigns = ["SVY*"]

[[permit]]
name = "corridor south"
reason = "flights of the rescue service"
expires = 2025-10-01T00:00:00Z

[permit.corridor]
polygon = [[27.0, 56.0], [28.0, 56.0], [28.0, 57.0]]
floor_m = 0
ceiling_m = 1500
vertical_ref = "amsl"
"""


@dataclass
class Ended:
    """How a command ended, and what it wrote."""

    code: Any
    lines: list[str]
    errors: list[str]


Check = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment of the tests may hold."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    """Return a function that runs ``skyfence policy check`` in this process."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["skyfence", "policy", "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return Ended(ended.value.code, written.out.splitlines(), written.err.splitlines())

    return run


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Write the policy; return the file's name."""
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    return str(path)


def said_of(check: Check, file: str, **changes: Any) -> list[str]:
    """Return what is said of a report, the first line of it first."""
    lines = check(file, "--report", report(**changes).to_json().decode()).lines
    (start,) = (n for n, line in enumerate(lines) if line.startswith("the report: "))
    return lines[start:]


def test_a_policy_in_plain_words(check: Check, file: str) -> None:
    """All that a policy sets is said, with each permit's reason and expiry."""
    ended = check(file)
    assert (ended.code, ended.errors) == (0, [])
    assert ended.lines == [
        f"policy romania-3 of {file}",
        "zones of country: not warned",
        "zones of region: warned 90 s ahead",
        "zones of any other kind: warned 5 min ahead",
        "source radar: reports may be 2000 ms late, "
        "silent for 1 min: alarm to the alliance and all members",
        "source adsb: reports may be 0 ms late, "
        "silent for 12.5 s: alarm to the alliance and RO, RO-TL",
        "identified civil flights: no alert",
        "    from outside, if at least 70 m/s fast or 600 m high; for 5 min without a callsign",
        "emergency codes 7500, 7600, 7700: alert, whoever it is",
        "first seen inside, 5000 m or more from the outer border, perhaps a private flight: "
        "told to its nation, quietly",
        "the public of a region: an operator decides; is told to take shelter, and nothing else "
        "where nobody has after 2 min",
        "the public of RO-TL: told at once",
        'permit 1 "survey flight": from 2024-09-01T00:00:00.000Z until 2024-10-01T00:00:00.000Z',
        "    reason: flood survey, order 112",
        "    covers: ICAO address 4A08F3 or 4A08F4; callsign SVY*",
        'permit 2 "corridor south": until 2025-10-01T00:00:00.000Z',
        "    reason: flights of the rescue service",
        "    covers: 0 to 1500 m amsl in a corridor between longitude 27 and 28, "
        "latitude 56 and 57",
    ]


def test_places_that_no_zone_has(check: Check, file: str) -> None:
    """An unknown place is an error with its line and a guess, unless a zone is added for it."""
    path = Path(file)
    path.write_text(POLICY.replace('"RO-TL"]', '"RO-TLL", "Plant"]'), encoding="utf-8")
    ended = check(file)
    assert (ended.code, ended.lines) == (1, [])
    assert ended.errors == [
        f"skyfence: {file}: line 13: sources.adsb: watches: unknown place 'RO-TLL', "
        "did you mean 'RO-TL'?",
        f"skyfence: {file}: line 13: sources.adsb: watches: unknown place 'Plant'",
    ]
    added = path.with_name("plant.geojson")
    ring = [[26, 45], [26.1, 45], [26.1, 45.1], [26, 45]]
    properties: dict[str, Any] = {"id": "Plant", "name": "Plant", "kind": "plant", "country": "RO"}
    properties |= {"accuracy_m": 10, "nato": True}
    feature: dict[str, Any] = {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    document = {"type": "FeatureCollection", "version": "plant-1", "features": [feature]}
    added.write_text(json.dumps(document), encoding="utf-8")
    path.write_text(POLICY.replace('"RO-TL"]', '"Plant"]'), encoding="utf-8")
    assert check(file, "--add-zones", str(added)).code == 0
    assert check(file).code == 1  # the option is gone with its command


def test_without_a_file_the_one_in_use(
    check: Check, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without FILE the default policy is told, or the one that the environment names."""
    assert check().lines[0].startswith("policy default-1 of ")
    assert check().lines[-1] == "no permits"
    monkeypatch.setenv("SKYFENCE_POLICY", file)
    assert check().lines[0] == f"policy romania-3 of {file}"


@pytest.mark.parametrize(
    ("at", "first", "second"),
    [
        ("2024-08-31T23:59:59Z", "not in force yet", "in force"),
        ("2024-09-01T00:00:00Z", "in force", "in force"),
        ("2024-10-01T00:00:00Z", "expired", "in force"),
        ("2025-10-01T00:00:00Z", "expired", "expired"),
    ],
)
def test_what_is_in_force(check: Check, file: str, at: str, first: str, second: str) -> None:
    """With --at each permit says whether it is in force then."""
    lines = [line for line in check(file, "--at", at).lines if line.startswith("permit ")]
    assert [line.split("Z, ")[1] for line in lines] == [first, second]


def test_a_permit_for_long_is_warned_of(check: Check, file: str) -> None:
    """A permit that ends more than a year after its beginning, or after --at, is warned of."""
    ended = check(file, "--at", "2024-09-01T00:00:00Z")
    assert ended.code == 0
    assert ended.errors == [
        f'{file}: warning: permit 2 ("corridor south"): expires 2025-10-01T00:00:00.000Z, '
        "more than a year after 2024-09-01T00:00:00.000Z"
    ]
    assert check(file, "--at", "2024-10-01T00:00:00Z").errors == []
    Path(file).write_text(POLICY.replace("expires = 2024-10", "expires = 2026-10"))
    (warning,) = check(file).errors
    assert 'permit 1 ("survey flight"): expires 2026-10-01T00:00:00.000Z, more than' in warning


def test_a_report_that_a_permit_covers(check: Check, file: str) -> None:
    """The permit that would hold a report back is named, with what it covers."""
    assert said_of(check, file, icao_address="4A08F4", callsign="SVY7", category="uav") == [
        'the report: no alert, permit "survey flight" covers it: '
        "ICAO address 4A08F3 or 4A08F4; callsign SVY*"
    ]


def test_a_report_of_a_civil_flight(check: Check, file: str) -> None:
    """An identified civil flight is told as such."""
    assert said_of(check, file, callsign="ROT1", mode_3a="2211", category="aircraft") == [
        "the report: no alert, it is an identified civil flight"
    ]


def test_a_report_that_alerts(check: Check, file: str) -> None:
    """Of a report that no rule holds back, it is said of each rule why it does not."""
    assert said_of(check, file, icao_address="4A08F4", callsign="ROT1", category="uav") == [
        "the report: alert, no rule holds it back",
        '    permit "survey flight": it names other callsigns',
        '    permit "corridor south": its altitude is not known',
        "    civil: it is a uav or a missile",
    ]
    Path(file).write_text('version = "1"\n[civil]\nidentified = "alert"\n')
    assert said_of(check, file, callsign="ROT1", mode_3a="2211", category="aircraft")[1:] == [
        "    civil: the policy alerts of identified civil flights"
    ]


def test_a_report_of_an_emergency(check: Check, file: str) -> None:
    """An emergency code is named as what makes an alert of a permitted flight."""
    assert said_of(check, file, icao_address="4A08F4", callsign="SVY7", mode_3a="7700") == [
        "the report: alert, 7700 is an emergency code"
    ]


def test_every_error_is_one_line(check: Check, file: str) -> None:
    """All that is wrong is told, one line each, with exit code 1 and nothing said of the rest."""
    text = POLICY.replace("2024-10-01T00:00:00Z", "2024-10-01T00:00:00").replace("1500", "-1")
    Path(file).write_text(text)
    ended = check(file)
    assert (ended.code, ended.lines) == (1, [])
    assert ended.errors == [
        f'skyfence: {file}: permit 1 ("survey flight"): expires: time has no zone, '
        "got 2024-10-01T00:00:00",
        f'skyfence: {file}: permit 2 ("corridor south"): corridor: '
        "floor_m 0.0 is not below ceiling_m -1.0",
    ]


def test_a_missing_file_is_one_line(check: Check, tmp_path: Path) -> None:
    """A policy that is not there ends with exit code 3 and one line."""
    ended = check(str(tmp_path / "none.toml"))
    assert (ended.code, ended.lines) == (3, [])
    assert ended.errors == [f"skyfence: {tmp_path / 'none.toml'}: no such file or directory"]


def test_a_report_that_is_none(check: Check, file: str) -> None:
    """A report that is none is refused with its reason, before the policy is told."""
    ended = check(file, "--report", '{"time": "2024-09-07T03:58:00Z"}')
    assert (ended.code, ended.lines) == (1, [])
    assert ended.errors == ["skyfence: --report: source: field required"]


def test_a_time_that_is_none(check: Check, file: str) -> None:
    """A time without zone is refused as such, with exit code 2."""
    ended = check(file, "--at", "2024-09-07T03:58:00")
    assert (ended.code, ended.lines) == (2, [])
    assert ended.errors[-1].startswith("Error: Invalid value for --at: time must be RFC 3339")


def test_a_running_skyfence_tells_its_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A policy named relative to one directory is found from another, by whoever reaches it."""
    monkeypatch.setenv("SKYFENCE_RUNTIME_FILE", str(tmp_path / "up.json"))
    monkeypatch.setenv("SKYFENCE_POLICY", "policy.toml")
    monkeypatch.chdir(tmp_path)
    runtime_file.write(load())
    monkeypatch.chdir("/")
    monkeypatch.delenv("SKYFENCE_POLICY")
    assert runtime_file.reach(Environment.EXERCISE).policy == tmp_path / "policy.toml"
