"""The engine: frames in, alerts out; on the two recordings, and on a small world.

The recordings' alerts themselves are in tests/golden; here is what must hold of them.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from builders import beat, flight, on_from, packed, recorded_world, seen, world, zone
from words import ENGLISH

from skyfence.adapters.files import default_file, read_recording
from skyfence.contracts.alert import Alert, alert_id
from skyfence.contracts.crossing import Crossing
from skyfence.contracts.report import Report
from skyfence.engine import Engine
from skyfence.frames.frame import Frame
from skyfence.frames.packing import Packer, play
from skyfence.incidents.incident import Incident
from skyfence.naming import Environment
from skyfence.zones.zone_file import zone_set

LATVIA, ROMANIA = "latvia-2024-09-07", "romania-2024-09-08"
NAMES = (LATVIA, ROMANIA)
DRONES = {LATVIA: "T0417", ROMANIA: "T0423"}


@dataclass
class Judged:
    """What followed from one recording."""

    alerts: list[Alert] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    late: int = 0
    open: list[Incident] = field(default_factory=list)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(recorded_world(), ENGLISH.operators)


@pytest.fixture(scope="module")
def judged(engine: Engine) -> dict[str, Judged]:
    """Judge both recordings, one after the other."""
    return {name: judge(engine, name) for name in NAMES}


def judge(engine: Engine, name: str) -> Judged:
    lines = read_recording(str(default_file("recordings", f"{name}.jsonl")))
    packer = Packer(name)
    result = Judged()
    before = engine.open_incidents
    for item in play(line.report for line in lines if line.report is not None):
        for frame in packer.add(item):
            outcome = engine.process(frame)
            result.alerts += outcome.alerts
            result.crossings += outcome.crossings
            result.late += outcome.late
    result.open = [incident for incident in engine.open_incidents if incident not in before]
    return result


def test_latvia_stays_open(judged: dict[str, Judged]) -> None:
    """The drone came from Belarus, was over 50 km deep, and its incident is lost, not closed."""
    latvia = judged[LATVIA]
    entered = [alert for alert in latvia.alerts if alert.incident_state == "violation"]
    assert entered[0].other_side == ("BY",)
    assert latvia.alerts[-1].depth_m > 50_000
    (incident,) = latvia.open
    assert (incident.state, incident.regions) == ("lost", ("LV-077",))
    assert incident.lead_key.name == "lv-recon/T0417"


def test_romania_is_closed(judged: dict[str, Judged]) -> None:
    """The object came from Ukraine, was fifteen kilometres deep, and nothing stays open."""
    romania = judged[ROMANIA]
    assert {alert.other_side for alert in romania.alerts if alert.other_side} == {("UA",)}
    assert 14_000 < romania.alerts[-1].depth_m < 16_000
    assert romania.open == []


@pytest.mark.parametrize("name", NAMES)
def test_harmless_traffic_alerts_nobody(judged: dict[str, Judged], name: str) -> None:
    """Every alert is about the one intruder, though the others cross many borders of members."""
    assert {alert.track_id for alert in judged[name].alerts} == {DRONES[name]}
    others = {crossing.track_id for crossing in judged[name].crossings} - {DRONES[name]}
    assert len(others) >= 4
    assert judged[name].late == 0


@pytest.mark.parametrize("name", NAMES)
def test_what_the_intruder_crossed(judged: dict[str, Judged], name: str) -> None:
    """The intruder's crossings of nations are those the recording's README tells of."""
    own = [crossing for crossing in judged[name].crossings if crossing.track_id == DRONES[name]]
    nations = [(crossing.kind, crossing.zone) for crossing in own if crossing.zone_kind != "region"]
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


def test_a_recording_judged_again_tells_nobody_again(
    engine: Engine, judged: dict[str, Judged]
) -> None:
    """The same run a second time gives the same crossings and no alert: all are known already."""
    again = judge(engine, ROMANIA)
    assert judged[ROMANIA].alerts
    assert again.alerts == []
    assert again.crossings == judged[ROMANIA].crossings


def test_two_incidents_within_a_day_are_told_to_the_alliance(engine: Engine) -> None:
    """Replayed as one run, the second confirmed violation raises a situation, and only once."""
    names = [str(default_file("recordings", f"{name}.jsonl")) for name in NAMES]
    reports = [line.report for name in names for line in read_recording(name) if line.report]
    packer = Packer("both")
    drones = play(report for report in reports if report.track_id in DRONES.values())
    frames = [frame for item in drones for frame in packer.add(item)]
    alerts = [alert for frame in frames for alert in engine.process(frame).alerts]
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


def chains(alerts: list[Alert]) -> dict[str, list[Alert]]:
    """Return each channel's messages, by the place that it stands for."""
    by_place: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        by_place[alert.place].append(alert)
    return by_place


@pytest.mark.parametrize("name", NAMES)
def test_chains_are_whole(judged: dict[str, Judged], name: str) -> None:
    """Each channel's messages are numbered through, begin with an Alert, and name those before."""
    for place, chain in chains(judged[name].alerts).items():
        assert [alert.step for alert in chain] == list(range(1, len(chain) + 1))
        assert [alert.message_type == "Alert" for alert in chain] == [
            alert.step == 1 for alert in chain
        ]
        for alert in chain:
            assert alert.channel == f"exercise:alerts:{place}"
            assert alert.alert_id == alert_id(alert.incident_id, alert.channel, alert.step)
            assert alert.references == tuple(
                earlier.alert_id for earlier in chain[: alert.step - 1]
            )


@pytest.mark.parametrize(("name", "nation"), [(LATVIA, "LV"), (ROMANIA, "RO")])
def test_nobody_else_is_woken(judged: dict[str, Judged], name: str, nation: str) -> None:
    """Only the nation that the object heads for, its regions and the alliance hear of it."""
    for place in chains(judged[name].alerts):
        assert place in (nation, "NATO") or place.startswith(f"{nation}-")


@pytest.mark.parametrize(("name", "region"), [(LATVIA, "LV-047"), (ROMANIA, "RO-TL")])
def test_the_first_region_is_warned_minutes_before(
    judged: dict[str, Judged], name: str, region: str
) -> None:
    """The region at the border, its nation and the alliance hear of it four minutes before."""
    by_place = chains(judged[name].alerts)
    entered = next(alert for alert in by_place["NATO"] if alert.incident_state == "violation")
    for place in (region, region[:2], "NATO"):
        first = by_place[place][0]
        assert (first.incident_state, first.message_type, first.minutes_left) == (
            *("threat", "Alert", 4),
        )
        assert 240 <= (entered.time - first.last_seen).total_seconds() <= 300


def alerts_of(engine: Engine, *items: Report | Frame) -> list[Alert]:
    """Judge each item as a frame of its own."""
    frames = [packed(item) if isinstance(item, Report) else item for item in items]
    return [alert for frame in frames for alert in engine.process(frame).alerts]


def heard(alerts: list[Alert]) -> dict[str, list[tuple[str, str]]]:
    """Return what each place hears: the types of messages and the states that they tell."""
    return {
        place: [(alert.message_type, alert.incident_state) for alert in chain]
        for place, chain in chains(alerts).items()
    }


def test_a_threat_that_turns_away_is_called_off_everywhere() -> None:
    """All who were warned of what never came get a Cancel, and nobody else anything."""
    engine = Engine(world(), ENGLISH.operators)
    out = flight(0, 26.9, 90.0, reports=10)
    alerts = alerts_of(engine, *out, *on_from(out, 270.0, 150))
    told = heard(alerts)
    assert set(told) == {"AA-1", "AA", "NATO"}
    assert {messages[0] for messages in told.values()} == {("Alert", "threat")}
    assert {messages[-1] for messages in told.values()} == {("Cancel", "closed")}
    assert engine.open_incidents == []


def test_an_entry_and_an_exit_end_with_an_all_clear() -> None:
    """Each channel that was warned hears of the entry, the exit, and at last a Cancel."""
    engine = Engine(world(), ENGLISH.operators)
    out = flight(0, 26.95, 90.0, reports=25)
    alerts = alerts_of(engine, *out, *on_from(out, 270.0, 60), beat(1_000))
    for place, messages in heard(alerts).items():
        assert messages[0] == ("Alert", "threat")
        assert messages[-2:] == [("Update", "exited"), ("Cancel", "closed")]
        assert ("Update", "violation") in messages or place == "BB-1"
    assert engine.open_incidents == []


def test_a_lost_object_stays_open_until_it_expires() -> None:
    """Nobody hears an all-clear of what was lost inside before six hours have passed."""
    engine = Engine(world(), ENGLISH.operators)
    alerts = alerts_of(engine, seen(0, 26.99), seen(10, 27.01), beat(6 * 3600 + 69))
    assert {messages[-1] for messages in heard(alerts).values()} == {("Update", "lost")}
    (incident,) = engine.open_incidents
    assert incident.state == "lost"
    ends = alerts_of(engine, beat(6 * 3600 + 71))
    assert {alert.message_type for alert in ends} == {"Cancel"}
    assert {alert.place for alert in ends} == set(chains(alerts))
    assert engine.open_incidents == []


def test_what_may_be_a_private_flight_is_told_to_its_nation_alone() -> None:
    """An unknown first seen deep inside concerns its nation, and neither regions nor allies."""
    engine = Engine(world(), ENGLISH.operators)
    outcome = engine.process(packed(*flight(0, 27.5, 90.0, reports=40)))
    assert {(crossing.kind, crossing.zone) for crossing in outcome.crossings} == {
        *(("appear", place) for place in ("AA", "AA-1")),
    }
    assert {alert.place for alert in outcome.alerts} == {"AA"}


def test_alerts_carry_the_environment() -> None:
    """The same frames on the actual side have other channels, identifiers and status."""
    pairs = [
        alerts_of(Engine(world(), ENGLISH.operators, environment), seen(0, 26.99), seen(10, 27.01))
        for environment in (Environment.EXERCISE, Environment.ACTUAL)
    ]
    assert [{alert.status for alert in alerts} for alerts in pairs] == [{"Exercise"}, {"Actual"}]
    exercise, actual = pairs
    assert [alert.place for alert in exercise] == [alert.place for alert in actual]
    assert not {alert.alert_id for alert in exercise} & {alert.alert_id for alert in actual}
    assert not {alert.channel for alert in exercise} & {alert.channel for alert in actual}


def test_an_engine_says_whether_it_protects_anything() -> None:
    """Without a member's zone nothing is protected: crossings are told, alerts never."""
    neighbour = zone_set([[zone("XX", (27.0, 56.0, 28.0, 57.0), nato=False)]])
    engine = Engine(neighbour, ENGLISH.operators)
    outcome = engine.process(packed(seen(0, 26.99), seen(10, 27.01)))
    assert [crossing.kind for crossing in outcome.crossings] == ["enter"]
    assert outcome.alerts == []
    assert (engine.protects, Engine(world(), ENGLISH.operators).protects) == (False, True)


def test_late_reports_are_counted() -> None:
    """An outcome says how many reports were too late to be used."""
    engine = Engine(world(), ENGLISH.operators)
    assert engine.process(packed(seen(10, 26.0), seen(10, 26.0), seen(5, 26.0))).late == 2
