"""The policy: whom it holds back, whom it never does, and what is said of a wrong file."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from builders import T0_MS
from hypothesis import given
from hypothesis import strategies as st
from repository import DOCS

from skyfence.adapters.files import load_policy, policy_text
from skyfence.contracts.crossing import ObjectInfo
from skyfence.errors import InputError, UnavailableError
from skyfence.policy.civil import Civil, implausible, not_civil
from skyfence.policy.permit import EMERGENCY_CODES, Permit
from skyfence.policy.policy import CIVIL, Policy, PolicyFile
from skyfence.policy.reading import check_policy, parse_policy

WHERE = "policy.toml"
LON, LAT = 28.5, 45.5
SQUARE = [[28.0, 45.0], [29.0, 45.0], [29.0, 46.0], [28.0, 46.0]]
CORRIDOR: dict[str, Any] = {
    "polygon": SQUARE,
    "floor_m": 100,
    "ceiling_m": 1_500,
    "vertical_ref": "amsl",
}
LOW: dict[str, Any] = {"altitude_m": 300.0, "altitude_ref": "amsl"}
AIRLINER: dict[str, Any] = {
    "callsign": "ROT123",
    "icao_address": "4A08F3",
    "mode_3a": "2211",
    "category": "aircraft",
    "ground_speed_mps": 230.0,
}


def permit(**changes: Any) -> Permit:
    """Return a permit from an hour before T0 to an hour after, with changes."""
    given = {
        "name": "survey",
        "reason": "flood survey",
        "from": "2024-09-07T02:58:00Z",
        "expires": "2024-09-07T04:58:00Z",
    }
    return Permit.model_validate(given | changes)


def policy(*permits: Permit, **sections: Any) -> Policy:
    return Policy(PolicyFile.model_validate({"version": "v1", "permit": permits} | sections))


def rule(
    judged: Policy, *, after_s: int = 0, lon: float = LON, lat: float = LAT, **known: Any
) -> Any:
    """Return the rule that holds an object back, so many seconds after T0."""
    return judged.suppressed_by(ObjectInfo.model_validate(known), T0_MS + 1_000 * after_s, lon, lat)


def findings(text: str, version: str = 'version = "v1"') -> list[str]:
    """Return what is wrong with a policy of this text, without the file's name."""
    lines = check_policy(f"{version}\n{text}", WHERE)
    assert all(line.startswith(f"{WHERE}: ") for line in lines)
    return [line.removeprefix(f"{WHERE}: ") for line in lines]


def entry(lines: str = 'callsigns = ["AB1"]', name: str = "survey flight") -> str:
    """Return a permit as a file writes it."""
    start = f'[[permit]]\nname = "{name}"\nreason = "flood survey"\n'
    expires = "" if "expires" in lines else "expires = 2026-12-01T18:00:00Z\n"
    return f"{start}{expires}{lines}\n"


def test_the_default_file_is_the_default_policy() -> None:
    """The policy without a file is that of the default file."""
    assert load_policy() == Policy()
    assert Policy().version == "default-1"
    assert Policy().inside.near_border_m == 5_000


def test_the_default_file_s_examples_are_good() -> None:
    """The examples in the default file's comments are accepted once they are uncommented."""
    text = "\n".join(
        line.removeprefix("#     ") if line.startswith("#     ") else line
        for line in policy_text()[0].splitlines()
        if "skyfence policy check" not in line
    )
    shown = parse_policy(text, WHERE)
    assert [candidate.name for candidate in shown.file.permit] == ["survey flight"]
    assert shown.lateness_ms("radar-north") == 2_000
    assert shown.silent_after_s("radar-north") == 30
    assert tomllib.loads(text)["permit"][0]["corridor"]["vertical_ref"] == "amsl"


def test_the_example_of_the_docs_is_good() -> None:
    """The example in docs/policy.md is a policy without fault."""
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    example = page.split("```toml\n")[1].split("```")[0]
    assert check_policy(example, WHERE) == []
    assert parse_policy(example, WHERE).file.permit


def test_unknown_is_alertable() -> None:
    """Of what nothing is known people are told, whatever permits there are."""
    strict = policy(
        permit(icao_addresses=["4A08F3"], name="a"),
        permit(callsigns=["R*"], name="b"),
        permit(mode_3a=["0000-7477"], name="c"),
        permit(corridor=CORRIDOR, name="d"),
    )
    assert rule(strict) is None
    assert rule(Policy()) is None


@pytest.mark.parametrize(
    ("changes", "held_back"),
    [
        ({}, True),
        ({"icao_address": None}, True),
        ({"mode_3a": None}, True),
        ({"icao_address": None, "mode_3a": None}, False),
        ({"callsign": None}, False),
        ({"category": "helicopter"}, True),
        ({"category": "glider"}, True),
        ({"category": "balloon"}, True),
        ({"category": "uav"}, False),
        ({"category": "missile"}, False),
        ({"category": "unknown"}, True),
        ({"category": "unknown", "mode_3a": None}, True),
        ({"category": "unknown", "icao_address": None}, False),
        ({"icao_address": "000000", "mode_3a": None}, False),
        ({"icao_address": "FFFFFF", "category": "unknown"}, False),
    ],
)
def test_identified_civil_flights(changes: dict[str, Any], held_back: bool) -> None:
    """A civil flight is identified by callsign and code or address; a uav never is."""
    known = AIRLINER | changes
    assert rule(Policy(), **known) == (CIVIL if held_back else None)
    assert (not_civil(ObjectInfo.model_validate(known)) is None) is held_back
    assert rule(policy(civil={"identified": "alert"}), **known) is None


@pytest.mark.parametrize(
    ("flown", "held_back"),
    [
        ({"ground_speed_mps": 50.0, "altitude_m": 300.0}, False),
        ({"ground_speed_mps": 50.0, "altitude_m": 300.0, "category": "helicopter"}, True),
        ({"ground_speed_mps": 50.0, "altitude_m": 700.0}, True),
        ({"ground_speed_mps": 75.0, "altitude_m": 300.0}, True),
        ({"ground_speed_mps": 50.0, "altitude_m": None}, False),
        ({"ground_speed_mps": None, "altitude_m": 300.0}, False),
        ({"ground_speed_mps": None, "altitude_m": None}, True),
        ({"ground_speed_mps": None, "altitude_m": None, "category": "unknown"}, False),
    ],
)
def test_an_identity_must_be_plausible(flown: dict[str, Any], held_back: bool) -> None:
    """What flies as drones do is not held back by what it calls itself."""
    assert (rule(Policy(), **AIRLINER | flown) == CIVIL) is held_back
    lenient = policy(civil={"least_speed_mps": 40.0})
    if flown["ground_speed_mps"]:
        assert rule(lenient, **AIRLINER | flown) == CIVIL


@pytest.mark.parametrize("code", sorted(EMERGENCY_CODES))
def test_emergency_codes_always_alert(code: str) -> None:
    """No permit and no civil identity holds back an object that sends an emergency code."""
    judged = policy(permit(icao_addresses=["4A08F3"]), permit(corridor=CORRIDOR, name="b"))
    assert rule(judged, **AIRLINER | LOW) == "survey"
    assert rule(judged, **AIRLINER | LOW | {"mode_3a": code}) is None


@pytest.mark.parametrize(
    ("hours", "reason"),
    [
        ({"from": "03:00", "until": "04:00"}, None),
        ({"from": "04:00"}, "it does not hold at this hour"),
        ({"from": "sunset", "until": "sunrise"}, "it does not hold at this hour"),
        ({"from": "sunrise", "until": "sunset"}, None),
    ],
)
def test_a_permit_holds_at_its_hours(hours: dict[str, str], reason: str | None) -> None:
    """At 03:58 UTC on a September morning the sun is up over Latvia, and hours are UTC's."""
    known = ObjectInfo(altitude_m=300.0, altitude_ref="amsl")
    by_hours = permit(corridor=CORRIDOR, schedule=hours, icao_addresses=None)
    assert by_hours.unmet(known, T0_MS, LON, LAT) == reason


def test_a_sun_needs_a_place() -> None:
    """Sunset is nowhere without a corridor."""
    (finding,) = findings(entry('mode_3a = ["4021"]\nschedule = { from = "sunset" }'))
    assert "sunrise and sunset are a corridor's: name one, or write hours" in finding


@pytest.mark.parametrize(
    ("after_s", "held_back"), [(-3_601, False), (-3_600, True), (3_599, True), (3_600, False)]
)
def test_a_permit_holds_from_its_beginning_until_it_expires(after_s: int, held_back: bool) -> None:
    """A permit counts from its first moment, and no more at the one when it expires."""
    judged = policy(permit(mode_3a=["4021"]))
    assert (rule(judged, after_s=after_s, mode_3a="4021") == "survey") is held_back


def test_a_permit_without_beginning_has_always_been() -> None:
    """Without ``from`` only the expiry bounds a permit."""
    judged = policy(permit(**{"from": None}, mode_3a=["4021"]))
    assert rule(judged, after_s=-1_000_000, mode_3a="4021") == "survey"


@pytest.mark.parametrize(
    ("given", "known", "held_back"),
    [
        ({"icao_addresses": ["4a08f3", "4A08F4"]}, {"icao_address": "4A08F3"}, True),
        ({"icao_addresses": ["4A08F3"]}, {"icao_address": "4A08F5"}, False),
        ({"callsigns": ["SVY1"]}, {"callsign": "svy1  "}, True),
        ({"callsigns": ["SVY1"]}, {"callsign": "SVY12"}, False),
        ({"callsigns": ["SVY*", "X1"]}, {"callsign": "SVY12"}, True),
        ({"callsigns": ["SVY*", "X1"]}, {"callsign": "X1"}, True),
        ({"callsigns": ["SVY*", "X1"]}, {"callsign": "SV"}, False),
        ({"callsigns": ["S*"]}, {"callsign": "SVY12"}, True),
        ({"callsigns": ["SVY*"]}, {"callsign": None}, False),
        ({"mode_3a": ["4000-4077"]}, {"mode_3a": "4000"}, True),
        ({"mode_3a": ["4000-4077"]}, {"mode_3a": "4077"}, True),
        ({"mode_3a": ["4000-4077", "0101"]}, {"mode_3a": "0101"}, True),
        ({"mode_3a": ["4000-4077"]}, {"mode_3a": "4100"}, False),
    ],
)
def test_what_a_permit_names(given: dict[str, Any], known: dict[str, Any], held_back: bool) -> None:
    """Addresses, callsigns (whole or beginning) and codes (single or ranges) are compared."""
    assert (rule(policy(permit(**given)), **known) == "survey") is held_back


def test_all_conditions_hold_together() -> None:
    """A permit with several conditions covers only what meets every one of them."""
    judged = policy(
        permit(icao_addresses=["4A08F3"], callsigns=["SVY*"], mode_3a=["4021"], corridor=CORRIDOR),
        civil={"identified": "alert"},
    )
    whole: dict[str, Any] = {"icao_address": "4A08F3", "callsign": "SVY1", "mode_3a": "4021"} | LOW
    assert rule(judged, **whole) == "survey"
    assert rule(judged, **whole, lon=29.5) is None
    for missing in whole:
        assert rule(judged, **whole | {missing: None}) is None, missing


@pytest.mark.parametrize(
    ("lon", "lat", "inside"),
    [
        (28.5, 45.5, True),
        (28.0, 45.0, True),  # a corner
        (29.0, 45.3, True),  # an edge
        (29.000_000_4, 45.3, True),  # within a millionth of it
        (29.000_001, 45.3, False),
        (28.5, 46.1, False),
    ],
)
def test_a_corridor_is_closed(lon: float, lat: float, inside: bool) -> None:
    """A corridor holds its border, to the millionth of a degree."""
    judged = policy(permit(corridor=CORRIDOR))
    assert (rule(judged, lon=lon, lat=lat, **LOW) == "survey") is inside


def test_a_corridor_is_not_its_bounding_box() -> None:
    """A corner that a corridor leaves out is outside."""
    judged = policy(permit(corridor=CORRIDOR | {"polygon": SQUARE[:3]}))
    assert rule(judged, lon=28.9, lat=45.1, **LOW) == "survey"
    assert rule(judged, lon=28.1, lat=45.9, **LOW) is None


@pytest.mark.parametrize(
    ("altitude_m", "altitude_ref", "inside"),
    [
        (100.0, "amsl", True),
        (1_500.0, "amsl", True),
        (99.9, "amsl", False),
        (1_500.1, "amsl", False),
        (300.0, "wgs84", False),
        (300.0, None, False),
        (None, "amsl", False),
    ],
)
def test_a_corridor_s_layer(altitude_m: Any, altitude_ref: Any, inside: bool) -> None:
    """An altitude that is unknown, or counted from elsewhere, is in no corridor."""
    judged = policy(permit(corridor=CORRIDOR))
    known: dict[str, Any] = {"altitude_m": altitude_m, "altitude_ref": altitude_ref}
    assert (rule(judged, **known) == "survey") is inside


def test_which_of_several_permits_is_named() -> None:
    """A permit by address goes before one by callsign, by code, by place, and before civil."""
    kinds: dict[str, Any] = {"corridor": CORRIDOR, "mode_3a": ["2211"], "callsigns": ["ROT*"]}
    kinds |= {"icao_addresses": ["4A08F3"]}
    permits = [permit(name=name, **{name: given}) for name, given in kinds.items()]
    while permits:
        assert rule(policy(*permits), **AIRLINER | LOW) == permits[-1].name
        permits.pop()
    assert rule(policy(), **AIRLINER | LOW) == CIVIL


_ADDRESSES = st.sampled_from(["4A08F3", "4A08F4", "400000"])
_CALLSIGNS = st.sampled_from(["SVY", "SVY1", "SVY12", "S", "4021", "ROT9"])
_BEGINNINGS = _CALLSIGNS.map(lambda callsign: f"{callsign}*")
_CODES = st.sampled_from(["4021", "4022", "0000"])
_PERMITS = st.fixed_dictionaries(
    {"expires": st.sampled_from(["2024-09-07T04:58:00Z", "2024-09-07T03:00:00Z"])},
    optional={
        "icao_addresses": st.lists(_ADDRESSES, min_size=1),
        "callsigns": st.lists(_CALLSIGNS | _BEGINNINGS, min_size=1),
        "mode_3a": st.lists(_CODES, min_size=1),
        "corridor": st.just(CORRIDOR),
    },
).filter(lambda given: len(given) > 1)
_KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "icao_address": _ADDRESSES,
        "callsign": _CALLSIGNS,
        "mode_3a": _CODES | st.just("7700"),
        "altitude_m": st.just(300.0),
        "altitude_ref": st.sampled_from(["amsl", "agl"]),
    },
)


@given(st.lists(_PERMITS, max_size=6), _KNOWN)
def test_looking_permits_up_finds_what_asking_each_would(
    permits: list[dict[str, Any]], given: dict[str, Any]
) -> None:
    """An object is held back by one of the permits that cover it, or by none if none does."""
    made = [permit(name=f"p{number}", **conditions) for number, conditions in enumerate(permits)]
    known = ObjectInfo.model_validate(given)
    covering: set[str | None] = {
        candidate.name for candidate in made if candidate.unmet(known, T0_MS, LON, LAT) is None
    }
    if known.mode_3a == "7700":
        covering = set()
    elif not covering and not_civil(known) is None and implausible(known, Civil()) is None:
        covering = {CIVIL}
    held_back_by = policy(*made).suppressed_by(known, T0_MS, LON, LAT)
    assert held_back_by in (covering or {None})


def test_how_early_to_warn() -> None:
    """Each kind has its own look-ahead, and what is not named the default."""
    ahead = Policy().look_ahead_s
    assert [ahead(kind) for kind in ("country", "region", "prison")] == [300, 1_800, 300]
    own = policy(look_ahead_s={"region": 0, "default": 60})
    assert [own.look_ahead_s(kind) for kind in ("country", "region")] == [60, 0]
    assert policy(look_ahead_s={"region": 600}).look_ahead_s("country") == 300
    assert policy(look_ahead_s={}).look_ahead_s("country") == 300


def test_sources() -> None:
    """A source that is not named may not be late, and its silence is an alarm after a minute."""
    judged = policy(sources={"radar": {"lateness_ms": 2_000, "silent_after_s": 12.5}})
    assert (judged.lateness_ms("radar"), judged.silent_after_s("radar")) == (2_000, 12.5)
    assert (judged.lateness_ms("other"), judged.silent_after_s("other")) == (0, 60)


def test_how_a_source_reports_is_learned_unless_it_is_set() -> None:
    """The scan interval is learned, and two reports of any speed are enough, unless set."""
    judged = policy(sources={"radar": {"scan_interval_s": 12.5, "least_speed_mps": 20}})
    radar, other = judged.rules_of("radar"), judged.rules_of("other")
    assert (radar.scan_interval_s, radar.least_reports, radar.least_speed_mps) == (12.5, 2, 20)
    assert (other.scan_interval_s, other.least_reports, other.least_speed_mps) == (None, 2, 0)


def test_a_source_has_limits_also_where_nobody_has_set_them() -> None:
    """A source that is not named has limits, too, so that invented names have."""
    judged = policy(sources={"radar": {"most_tracks": 5, "most_reports_per_s": 2.5}})
    radar, other = judged.rules_of("radar"), judged.rules_of("other")
    assert (radar.most_tracks, radar.most_reports_per_s) == (5, 2.5)
    assert (other.most_tracks, other.most_reports_per_s) == (100_000, 20_000)


def test_a_source_must_sign_where_the_policy_says_so() -> None:
    """Nobody else need."""
    judged = policy(sources={"radar": {"requires_signature": True}, "coast": {}})
    assert judged.signing_sources == ("radar",)


def test_a_source_is_registered_by_its_section() -> None:
    """What the policy names is registered, and everything where it names no source at all."""
    assert policy(sources={"radar": {}}).is_registered("radar")
    assert not policy(sources={"radar": {}}).is_registered("other")
    assert Policy().is_registered("other")


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("extra = 1", "extra: unknown key"),
        ("[look_ahead_s]\nregion = 3601", "input should be less than or equal to 3600, got 3601"),
        ("[look_ahead_s]\nregion = -1", "input should be greater than or equal to 0, got -1"),
        ("[look_ahead_s]\nregion = true", "input should be a valid number, got True"),
        ("[sources.r]\nlateness_ms = 600001", "sources.r.lateness_ms: input should be less than"),
        ("[sources.r]\nlateness_ms = 1.5", "sources.r.lateness_ms: input should be a valid int"),
        ("[sources.r]\nscan_interval_s = 601", "input should be less than or equal to 600, got"),
        ("[sources.r]\nleast_reports = 0", "input should be greater than or equal to 1, got 0"),
        ("[sources.r]\nmost_tracks = 0", "sources.r.most_tracks: input should be greater than or"),
        ("[sources.r]\nmost_reports_per_s = 0", "most_reports_per_s: input should be greater than"),
        ("[sources.r]\nrequires_signature = 1", "requires_signature: input should be a valid bool"),
        ("[sources.r]\nleast_speed_mps = -1", "should be greater than or equal to 0, got -1"),
        ("[sources.r]\nlate = 1", "sources.r.late: unknown key"),
        ("[sources.'a b']\nlateness_ms = 1", "sources.a b: string should match pattern"),
        ("sources = []", "sources: must be a section, got []"),
        ("[civil]\nidentified = 'no'", "input should be 'no-alert' or 'alert', got 'no'"),
        ("[appear]\nnear_border_m = 5000", "appear: unknown key"),
        (
            "[inside]\nnear_border_m = inf",
            "near_border_m: input should be a finite number, got inf",
        ),
        ("[permit]\nname = 'a'", "permit: write [[permit]], in double brackets"),
        ("permit = [3]", "permit 1: must be a section, got 3"),
    ],
)
def test_what_is_wrong_is_named(text: str, finding: str) -> None:
    """Each wrong entry is named with its place, the reason and the value."""
    (line,) = findings(text)
    assert finding in line


@pytest.mark.parametrize(
    ("lines", "finding"),
    [
        ("expires = 2026-12-01T18:00:00\nmode_3a = ['4021']", "expires: time has no zone, got "),
        ("expires = 2026-12-01\nmode_3a = ['4021']", "expires: time must be a text"),
        ("expires = '2026-12-01T18:00:00'\nmode_3a = ['4021']", "expires: time must be RFC 3339"),
        (
            "from = 2026-12-01T18:00:00Z\nmode_3a = ['4021']",
            "from 2026-12-01T18:00:00.000Z is not before expires 2026-12-01T18:00:00.000Z",
        ),
        ("", "names no icao_addresses, callsigns, mode_3a or corridor"),
        ("mode_3a = []", "mode_3a: names none; leave it out instead, got []"),
        ("mode_3a = '4021'", "mode_3a: must be a list, got '4021'"),
        ("mode_3a = [4021]", "mode_3a 1: input should be a valid string, got 4021"),
        ("mode_3a = ['0001', '8000']", "mode_3a 2: must be four octal digits, or a range from"),
        ("mode_3a = ['4077-4000']", "mode_3a 1: must be four octal digits, or a range from"),
        ("mode_3a = ['7700']", "mode_3a 1: 7700 is an emergency code, which always alerts, got"),
        ("mode_3a = ['7400-7577']", "7500 is an emergency code, which always alerts, got '7400"),
        ("icao_addresses = ['4A08F']", "icao_addresses 1: must be six hex digits, got '4A08F'"),
        ("icao_addresses = ['ffffff']", "icao_addresses 1: is no aircraft's address, got 'ffffff'"),
        ("callsigns = ['*']", "callsigns 1: must be 1 to 16 letters, digits, blanks, '_' or '-'"),
        ("callsigns = ['A*B']", "callsigns 1: must be 1 to 16 letters"),
        ("callsing = ['AB1']\nmode_3a = ['4021']", "callsing: unknown key"),
        ("corridor = {}", "corridor.polygon: field required"),
    ],
)
def test_a_wrong_permit_is_named(lines: str, finding: str) -> None:
    """A wrong permit is named with its number and name."""
    line = findings(entry(name="first") + entry(lines))[0]
    assert line.startswith('permit 2 ("survey flight"): ')
    assert finding in line


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"polygon": SQUARE[:2]}, "fewer than 3 positions"),
        ({"polygon": [[179, 45], [-179, 45], [-179, 46]]}, "crosses the antimeridian"),
        ({"polygon": [[28, 45], [29, 46], [29, 45], [28, 46]]}, "not a valid area: Self-inter"),
        ({"polygon": [[28, 45], [29, 45], [30, 45]]}, "not a valid area: "),
        ({"polygon": [[28, 45], [29, 91], [30, 45]]}, "less than or equal to 90"),
        ({"polygon": [[28, 45], [29, 45, 3], [30, 45]]}, "at most 2 items"),
        ({"floor_m": 1_500}, "floor_m 1500.0 is not below ceiling_m 1500.0"),
        ({"vertical_ref": "fl"}, "should be 'pressure', 'amsl', 'wgs84' or 'agl'"),
    ],
)
def test_a_wrong_corridor_is_refused(changes: dict[str, Any], finding: str) -> None:
    """A corridor that has no area, no layer or no reference is an error."""
    with pytest.raises(ValueError, match=finding):
        permit(corridor=CORRIDOR | changes)


def test_a_closed_ring_is_the_open_one() -> None:
    """Whether the first position is repeated at the end makes no difference."""
    judged = policy(permit(corridor=CORRIDOR | {"polygon": [*SQUARE, SQUARE[0]]}))
    assert rule(judged, **LOW) == "survey"


def test_names_are_unique() -> None:
    """Two permits of one name, or one that is called as the civil rule is, are told apart."""
    assert findings(entry() + entry(name="other") + entry()) == [
        "permit 3: name: permit 1 has it too, got 'survey flight'"
    ]
    assert findings(entry(name="civil")) == [
        "permit 1: name: 'civil' is what the rule for civil flights is called"
    ]


def test_all_findings_are_collected() -> None:
    """Everything that is wrong is told at once; who only needs to know gets the first."""
    text = "extra = 1\n" + entry("mode_3a = ['9']") + entry("corridor = 3")
    assert len(findings(text, version="")) == 5
    with pytest.raises(InputError) as caught:
        parse_policy(text, WHERE)
    assert str(caught.value) == f"{WHERE}: version: field required (and 4 more)"


@pytest.mark.parametrize(
    "text", ["version = ", "version 1", "a = " + "[" * 5_000, "a = " + "1" * 5_000]
)
def test_what_is_not_toml_is_one_line(text: str) -> None:
    """A file that cannot be read as TOML is one finding that says so."""
    (line,) = check_policy(text, WHERE)
    assert line.startswith(f"{WHERE}: not TOML: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe", "not TOML: not UTF-8 text"),
        (b"version = 1", "version: input should be a valid string, got 1"),
    ],
)
def test_bad_policy_files(tmp_path: Path, data: bytes, reason: str) -> None:
    """A file that holds no policy is named, with what it is instead."""
    path = tmp_path / "policy.toml"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_policy(path)
    assert str(caught.value) == f"{path}: {reason}"


def test_a_missing_policy_file(tmp_path: Path) -> None:
    """A policy that is not there is away, and the default one does not stand in for it."""
    with pytest.raises(UnavailableError, match=r"none\.toml: no such file or directory$"):
        load_policy(tmp_path / "none.toml")


def test_a_region_says_only_what_is_its_own() -> None:
    """A value that a region's rules leave out is that of [public], not of the default policy."""
    judged = policy(
        public={
            "after_deadline": "withdraw",
            "deadline_s": 30.0,
            "regions": {"AA-1": {"deadline_s": 60.0}, "AA-2": {"mode": "automatic"}},
        }
    )
    own = judged.public_rules("AA-1")
    assert (own.mode, own.deadline_s, own.after_deadline) == ("held", 60.0, "withdraw")
    assert judged.public_rules("AA-2").mode == "automatic"
    assert judged.public_rules("AA-3").deadline_s == 30.0


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("deadline_s = 0.0", "public.deadline_s: input should be greater than 0, got 0.0"),
        ('mode = "never"', "public.mode: input should be 'automatic' or 'held', got 'never'"),
        ("[public.regions.RO-TL]\nmod = 1", "public.regions.RO-TL.mod: unknown key"),
    ],
)
def test_wrong_rules_for_the_public_are_named(lines: str, said: str) -> None:
    """A rule for the public that would not be kept is an error."""
    assert findings(f"[public]\n{lines}") == [said]
