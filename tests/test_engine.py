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
    packer = Packer(name, frame_reports=frame_reports)
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


def test_latvia_stays_open(judged: dict[str, Judged]) -> None:
    """The drone came from Belarus, was over 50 km deep, and its incident is lost, not closed."""
    latvia = judged[LATVIA]
    entered = [alert for alert in latvia.alerts if alert.incident_state == "violation"]
    assert entered[0].other_side == ("BY",)
    assert latvia.alerts[-1].depth_m > 50_000
    (incident,) = latvia.open
    assert (incident.state, incident.regions) == ("lost", ("LV-077",))
    assert incident.teller.name == "lv-recon/T0417"


def test_romania_is_closed(judged: dict[str, Judged]) -> None:
    """The object came from Ukraine, was fifteen kilometres deep, and nothing stays open."""
    romania = judged[ROMANIA]
    assert {alert.other_side for alert in romania.alerts if alert.other_side} == {("UA",)}
    assert 14_000 < romania.alerts[-1].depth_m < 16_000
    assert romania.open == []


def test_frames_of_any_size_lead_to_the_same(by_size: dict[int, dict[str, Judged]]) -> None:
    """Alerts and crossings are equal to the last byte and in order, whatever the frame size."""
    assert by_size[1] == by_size[50] == by_size[500]


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


def test_two_incidents_within_a_day_are_told_to_the_alliance(zones: ZoneSet) -> None:
    """Replayed as one run, the second confirmed violation raises a situation, and only once."""
    engine, packer = Engine(zones), Packer("both")
    names = [str(default_file("recordings", f"{name}.jsonl")) for name in NAMES]
    reports = [line.report for name in names for line in read_recording(name) if line.report]
    frames = [frame for item in play(reports) for frame in packer.add(item)]
    alerts = [alert for frame in frames for alert in engine.take(frame).alerts]
    (situation,) = [alert for alert in alerts if alert.event == "repeated airspace violations"]
    assert (situation.place, situation.message_type, situation.step) == ("NATO", "Alert", 1)
    assert situation.nations == ("LV", "RO")
    assert len(situation.incidents) == 2


@pytest.mark.parametrize("name", NAMES)
def test_no_text_names_what_it_should_not(judged: dict[str, Judged], name: str) -> None:
    """Headlines and instructions carry no coordinates, and nothing that is not known."""
    for alert in judged[name].alerts:
        assert "None" not in alert.headline + alert.instruction + alert.description
        assert f"{alert.lat:.2f}" not in alert.headline + alert.instruction
