"""Recordings as they are, beside changed ones: another framing, one number, a ceiling."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from scenarios.attention import false_all_clears, incidents_opened
from scenarios.expectations import VARIANTS
from scenarios.judged import (
    CASES,
    RECORDINGS,
    Judge,
    ScenarioResult,
    engine_of,
    known_ms,
    messages_of,
    read,
)
from scenarios.marking import named

from skyfence.adapters.files import read_zones
from skyfence.contracts.alert import Alert
from skyfence.contracts.report import Report
from skyfence.zones.zone_file import ZoneSet, zone_set

# A track whose number changes may cost this much more in messages than one number.
MOST_MORE = 1.2


def with_ceiling(zones: ZoneSet, nation: str, ceiling_m: float) -> ZoneSet:
    """Return the zones with a ceiling over a nation and its regions."""
    changed = [
        replace(zone, properties=zone.properties.model_copy(update={"ceiling_m": ceiling_m}))
        if zone.nation == nation
        else zone
        for zone in zones.zones
    ]
    return zone_set([changed])


def test_a_ceiling_does_not_flap(judge: Judge) -> None:
    """Along a ceiling of 3,000 m, with errors of 60 m, one incident is opened."""
    zones = with_ceiling(judge.zones, "LV", 3_000.0)
    reports, _ = read(RECORDINGS / "altitude_flap.jsonl.gz")
    messages = messages_of(engine_of(zones), reports, run="altitude-flap")
    assert incidents_opened(ScenarioResult("altitude_flap", reports, messages, zones)) == 1


@pytest.mark.parametrize("name", [named("19-altitude-unknown/inside")])
def test_an_unknown_height_is_inside(name: str) -> None:
    """A drone of unknown height flies through a zone from 0 to 500 m: that is told."""
    zones = zone_set([read_zones(CASES / "19-limited.geojson")])
    reports, _ = read(CASES / f"{name.split('/', maxsplit=1)[0]}.jsonl.gz")
    messages = messages_of(engine_of(zones), reports, run="altitude-unknown")
    states = {each.incident_state for each in messages if isinstance(each, Alert)}
    assert "violation" in states


@pytest.mark.parametrize("name", [named(name) for name in VARIANTS if name.startswith("ids")])
def test_changing_numbers_cost_few_messages(name: str, judge: Judge) -> None:
    """A number that changes every minute gives a fifth more messages than one number at most."""
    changing = judge.result(RECORDINGS / f"{name.split('/', maxsplit=1)[0]}.jsonl.gz")
    steady = [
        report.model_copy(update={"track_id": "X"})
        for report in changing.reports
        if report.phase != "ended"
    ]
    reference = judge.changed("ids-steady", steady)
    more = len(changing.messages) / len(reference.messages)
    assert more <= MOST_MORE


@pytest.mark.parametrize("minutes", [15, 20, 35])
def test_lost_for_most_of_an_hour_it_is_the_same_object(minutes: int, judge: Judge) -> None:
    """Seen again 35, 40 or 55 minutes after its loss it is one incident; no place was clear."""
    recorded = judge.result(RECORDINGS / "lost_and_found_20min.jsonl.gz").reports
    reports = lost_for_longer(recorded, timedelta(minutes=minutes))
    airliner = list(airliner_meanwhile(reports))
    result = judge.changed(f"lost-{minutes}", sorted([*reports, *airliner], key=lambda r: r.time))
    assert incidents_opened(result) == 1
    assert any("seen again" in message.headline for message in result.messages)
    assert not false_all_clears(result, [airliner[0].track_id])
    found = min(each.time for each in result.alerts if "seen again" in each.headline)
    lost = [each for each in result.alerts if each.incident_state == "lost" and each.time < found]
    lost_over = {region for each in lost for region in each.regions}
    assert lost_over
    cleared = {
        each.place for each in result.place_alerts if each.level == "clear" and each.time < found
    }
    assert not lost_over & cleared


def lost_for_longer(reports: Sequence[Report], longer: timedelta) -> list[Report]:
    """Return a recording whose object is seen again so much later, under its second number."""
    first = reports[0].track_id
    return [
        report
        if report.track_id == first
        else report.model_copy(update={"time": report.time + longer})
        for report in reports
    ]


def airliner_meanwhile(reports: Sequence[Report]) -> Iterator[Report]:
    """Yield an identified flight far off, so that the source goes on while it sees nothing else."""
    begin, end = reports[0].time, max(report.time for report in reports)
    for seconds in range(0, round((end - begin).total_seconds()), 10):
        yield Report(
            time=begin + timedelta(seconds=seconds),
            source=reports[0].source,
            track_id="AIR",
            lat=54.0,
            lon=30.0 + seconds / 600.0 * 0.1,
            ground_speed_mps=200.0,
            altitude_m=10_000.0,
            category="aircraft",
            callsign="TEST12",
            icao_address="F0A123",
        )


@pytest.mark.parametrize("name", [named(name) for name in VARIANTS if name.endswith("as pipe")])
def test_a_recording_tells_the_same_from_file_and_pipe(name: str, judge: Judge) -> None:
    """Several sources' reports in large frames and one by one give the same messages, all of them.

    ``skyfence scan`` reads files and pipes so.
    """
    recording = name.split("/", maxsplit=1)[0]
    from_file = judge.result(RECORDINGS / f"{recording}.jsonl.gz")
    run = f"{recording}-pipe"
    from_pipe = judge.changed(run, from_file.reports, frame_reports=1)
    assert told(from_file) == told(from_pipe)


def told(result: ScenarioResult) -> list[tuple[str, int, str, str, int]]:
    """Return what was told, in order; identifiers name the run, and so they differ."""
    return [
        (each.channel, each.step, each.headline, each.description, known_ms(each))
        for each in result.messages
    ]
