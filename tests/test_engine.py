"""The engine on the two recordings: the alerts they lead to with the default zones."""

from dataclasses import dataclass, field

import pytest

from skyfence.alert import Alert
from skyfence.crossing import Crossing
from skyfence.engine import Engine
from skyfence.files import default_file, load_zones, read_recording
from skyfence.incident import Incident
from skyfence.playback import Packer, play
from skyfence.zones import ZoneSet

LATVIA, ROMANIA = "latvia-2024-09-07", "romania-2024-09-08"
NAMES = (LATVIA, ROMANIA)
DRONES = {LATVIA: "T0417", ROMANIA: "T0423"}
FRAME_SIZES = (1, 50, 500)
# time (UTC), channel without its prefix, step, message type, state of the incident
Row = tuple[str, str, int, str, str]

# From Belarus into Krāslava municipality (LV-047), on into Rēzekne (LV-077) eleven minutes later,
# and lost there a minute after the last report. The file ends while it is lost: nothing is closed.
IN_LATVIA: list[Row] = [
    ("04:59:05.203", "LV-047", 1, "Alert", "violation"),
    ("04:59:05.203", "LV", 1, "Alert", "violation"),
    ("04:59:05.203", "NATO", 1, "Alert", "violation"),
    ("05:10:09.563", "LV-077", 1, "Alert", "violation"),
    ("05:10:09.563", "LV", 2, "Update", "violation"),
    ("05:10:09.563", "NATO", 2, "Update", "violation"),
    ("05:11:17.892", "LV-047", 2, "Update", "violation"),
    ("05:11:17.892", "LV", 3, "Update", "violation"),
    ("05:11:17.892", "NATO", 3, "Update", "violation"),
    ("05:32:14.162", "LV-047", 3, "Update", "lost"),
    ("05:32:14.162", "LV", 4, "Update", "lost"),
    ("05:32:14.162", "NATO", 4, "Update", "lost"),
    ("05:32:14.162", "LV-077", 2, "Update", "lost"),
]
# From Ukraine over the Danube into Tulcea county (RO-TL), back out after nine minutes, and the
# all-clear two minutes later.
IN_ROMANIA: list[Row] = [
    ("00:37:38.379", "RO-TL", 1, "Alert", "violation"),
    ("00:37:38.379", "RO", 1, "Alert", "violation"),
    ("00:37:38.379", "NATO", 1, "Alert", "violation"),
    ("00:47:02.492", "RO-TL", 2, "Update", "exited"),
    ("00:47:02.492", "RO", 2, "Update", "exited"),
    ("00:47:02.492", "NATO", 2, "Update", "exited"),
    ("00:49:02.492", "RO-TL", 3, "Cancel", "closed"),
    ("00:49:02.492", "RO", 3, "Cancel", "closed"),
    ("00:49:02.492", "NATO", 3, "Cancel", "closed"),
]


@dataclass
class Judged:
    """What followed from one recording."""

    alerts: list[Alert] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    late: int = 0
    open: list[Incident] = field(default_factory=list)


@pytest.fixture(scope="session")
def zones() -> ZoneSet:
    return load_zones()


@pytest.fixture(scope="session")
def by_size(zones: ZoneSet) -> dict[int, dict[str, Judged]]:
    """Judge both recordings in frames of each size, one after the other by one engine."""
    engines = {size: Engine(zones) for size in FRAME_SIZES}
    return {size: {name: judge(one, name, size) for name in NAMES} for size, one in engines.items()}


@pytest.fixture(scope="session", params=FRAME_SIZES)
def judged(
    request: pytest.FixtureRequest, by_size: dict[int, dict[str, Judged]]
) -> dict[str, Judged]:
    return by_size[request.param]


def judge(engine: Engine, name: str, frame_reports: int) -> Judged:
    lines = read_recording(str(default_file("recordings", f"{name}.jsonl")))
    packer = Packer("golden", frame_reports=frame_reports)
    found = Judged()
    before = engine.open_incidents
    for item in play(line.report for line in lines if line.report is not None):
        for frame in packer.add(item):
            outcome = engine.take(frame)
            found.alerts += outcome.alerts
            found.crossings += outcome.crossings
            found.late += outcome.late
    found.open = [incident for incident in engine.open_incidents if incident not in before]
    return found


def rows(alerts: list[Alert]) -> list[Row]:
    return [
        (
            f"{alert.time:%H:%M:%S}.{alert.time.microsecond // 1000:03d}",
            alert.channel.removeprefix("exercise:alerts:"),
            alert.step,
            alert.message_type,
            alert.incident_state,
        )
        for alert in alerts
    ]


def test_the_alerts_of_latvia(judged: dict[str, Judged]) -> None:
    """The drone is told to two regions in turn, to Latvia and to the alliance, and stays open."""
    latvia = judged[LATVIA]
    assert rows(latvia.alerts) == IN_LATVIA
    assert latvia.alerts[0].other_side == ("BY",)
    assert latvia.alerts[-1].depth_m > 50_000
    (incident,) = latvia.open
    assert (incident.state, incident.regions, incident.track_id) == ("lost", ("LV-077",), "T0417")
    assert incident.steps == {"LV-047": 3, "LV": 4, "NATO": 4, "LV-077": 2}


def test_the_alerts_of_romania(judged: dict[str, Judged]) -> None:
    """The object is told to Tulcea, Romania and the alliance, and the all-clear to each of them."""
    romania = judged[ROMANIA]
    assert rows(romania.alerts) == IN_ROMANIA
    assert {alert.other_side for alert in romania.alerts[:6]} == {("UA",)}
    assert 10_000 < romania.alerts[-1].depth_m < 12_000
    assert romania.open == []


def test_frames_of_any_size_lead_to_the_same(by_size: dict[int, dict[str, Judged]]) -> None:
    """Alerts and crossings are equal to the last byte and in order, whatever the frame size."""
    assert by_size[1] == by_size[50] == by_size[500]


def test_identifiers_are_what_they_were(by_size: dict[int, dict[str, Judged]]) -> None:
    """The recordings' first alerts have the identifiers they always had."""
    first = [by_size[500][name].alerts[0] for name in NAMES]
    assert [str(alert.alert_id) for alert in first] == [
        "bc1690f2-1ded-5460-ad57-cc600d1b570e",
        "74430c35-93f4-5539-a8d4-b9751a9e0591",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_harmless_traffic_alerts_nobody(judged: dict[str, Judged], name: str) -> None:
    """Every alert is about the one intruder, though the others cross many borders of members."""
    assert {alert.track_id for alert in judged[name].alerts} == {DRONES[name]}
    others = {found.track_id for found in judged[name].crossings} - {DRONES[name]}
    assert len(others) >= 4
    assert judged[name].late == 0


@pytest.mark.parametrize("name", NAMES)
def test_what_the_intruder_crossed(judged: dict[str, Judged], name: str) -> None:
    """The intruder's crossings of nations are those the recording's README tells of."""
    own = [found for found in judged[name].crossings if found.track_id == DRONES[name]]
    nations = [(found.kind, found.zone) for found in own if found.zone_kind != "region"]
    assert (
        nations
        == {
            LATVIA: [("appear", "BY"), ("exit", "BY"), ("enter", "LV"), ("vanish", "LV")],
            ROMANIA: [
                *[("appear", "UA"), ("exit", "UA"), ("enter", "RO")],
                *[("exit", "RO"), ("enter", "UA"), ("vanish", "UA")],
            ],
        }[name]
    )


def test_a_recording_judged_again_tells_nobody_again(zones: ZoneSet) -> None:
    """The same run a second time gives the same crossings and no alert: all are known already."""
    few = {"BY", "LV", "LV-047", "LV-077"}
    engine = Engine(ZoneSet(tuple(zone for zone in zones.zones if zone.id in few), zones.version))
    first, second = (judge(engine, LATVIA, 500) for _ in range(2))
    assert first.alerts
    assert second.alerts == []
    assert second.crossings == first.crossings
