"""Zones of kinds of one's own: each hears of what comes, by its kind's rule in the policy."""

from datetime import timedelta
from typing import Any

from builders import T0, beat, flight, kinds, on_from, packed, seen, tell, tracker, zone

from skyfence.adapters.files import load_catalogue
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import PlaceAlert
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import ZoneVisit
from skyfence.engine import Engine
from skyfence.frames.frame import Frame
from skyfence.policy.policy import Policy, PolicyFile
from skyfence.tracks.snapshot import restore_snapshot, take_snapshot
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import ZoneSet, zone_set

IDENTIFIED: dict[str, Any] = {"callsign": "TEST1", "icao_address": "F00001", "category": "aircraft"}
# What an airliner sends: fast and high enough to be believed.
AIRLINER = IDENTIFIED | {"altitude_m": 9_000.0, "altitude_ref": "pressure", "speed_mps": 200.0}


def land(**plant: Any) -> ZoneSet:
    """Return a member's land, and a plant in the middle of it that is 12 km wide."""
    given = {"kind": "plant", "country": "AA", "nato": False, "accuracy_m": 10.0} | plant
    return zone_set(
        [[zone("AA", (20.0, 50.0, 30.0, 60.0)), zone("PLANT", (27.0, 56.2, 27.2, 56.3), **given)]]
    )


def policy(**zones: Any) -> Policy:
    return Policy(PolicyFile.model_validate({"version": "1", **zones}))


def follow(by: Tracker, *items: Report | Frame) -> list[ZoneVisit]:
    """Judge each item as a frame of its own; return the steps of visits."""
    frames = [packed(item) if isinstance(item, Report) else item for item in items]
    events = [event for frame in frames for event in by.process(frame).events]
    return [event for event in events if isinstance(event, ZoneVisit)]


def steps(visits: list[ZoneVisit]) -> list[str]:
    return [visit.step for visit in visits]


def through(**changes: Any) -> list[Report]:
    """Return a flight at 50 m/s from 18 km west of the plant through it and 24 km on."""
    return flight(0, 26.71, 90, reports=270, lat=56.25, **changes)


def test_a_flight_through_a_plant() -> None:
    """What heads for it, is in it, and leaves is told it step by step, and then that it is over."""
    told = follow(tracker(Airspace(land())), *through())
    assert steps(told) == ["ahead", "ahead", "ahead", "inside", "confirmed", "left", "over"]
    assert [visit.minutes_left for visit in told[:3]] == [4, 1, 0]
    assert {visit.zone for visit in told} == {"PLANT"}
    assert [visit.number for visit in told] == [1, 2, 3, 4, 5, 6, 7]


def test_a_private_flight_is_no_less_told() -> None:
    """A plant hears of what the nation alone hears of otherwise: an unknown far inside."""
    by = tracker(Airspace(land()))
    start = seen(0, 27.1, 56.25, altitude_m=2_000.0, altitude_ref="amsl")
    assert steps(follow(by, start, seen(4, 27.102, 56.25))) == ["confirmed"]


def test_no_zone_no_rule() -> None:
    """A kind whose rule says none is told nothing; nor are zones of other members' kinds."""
    quiet = policy(zones={"plant": {"alerts": "none"}})
    assert not follow(tracker(Airspace(land()), policy=quiet), *through())
    assert not follow(tracker(Airspace(land(kind="region", nato=True))), *through())


def test_no_look_ahead() -> None:
    """Without a look-ahead for its kind a zone hears of what is in it only."""
    blind = policy(look_ahead_s={"plant": 0})
    told = follow(tracker(Airspace(land()), policy=blind), *through())
    assert steps(told) == ["inside", "confirmed", "left", "over"]


def test_an_identified_flight() -> None:
    """An identified civil flight is told by the rule that asks for it, and by no other."""
    speed = AIRLINER | {"told": True}
    assert not follow(tracker(Airspace(land())), *through(**speed))
    asked = policy(zones={"plant": {"identified": "alert"}})
    assert "confirmed" in steps(follow(tracker(Airspace(land()), policy=asked), *through(**speed)))


def test_a_permit_keeps_it_back() -> None:
    """What a permit covers is told to no zone, whatever its kind's rule."""
    permit = {"name": "crane", "reason": "survey of the plant", "expires": "2100-01-01T00:00:00Z"}
    asked = policy(
        zones={"plant": {"identified": "alert"}}, permit=[permit | {"callsigns": ["TEST1"]}]
    )
    assert not follow(tracker(Airspace(land()), policy=asked), *through(**IDENTIFIED))


def test_limits_hold() -> None:
    """Above its ceiling a zone is not entered, and not warned of."""
    limited = Airspace(land(ceiling_m=500.0, vertical_ref="amsl"))
    above = {"altitude_m": 1_000.0, "altitude_ref": "amsl"}
    assert not follow(tracker(limited), *through(**above))
    below = {"altitude_m": 300.0, "altitude_ref": "amsl"}
    assert "confirmed" in steps(follow(tracker(limited), *through(**below)))


def test_a_schedule_holds() -> None:
    """A zone that is banned by night alone is told by night alone; T0 is a morning."""
    night = {"from": "sunset", "until": "sunrise", "time_zone": "Europe/Warsaw"}
    banned = Airspace(land(schedule=[night]))
    assert not follow(tracker(banned), *through())
    later = [
        report.model_copy(update={"time": report.time + timedelta(hours=16)})
        for report in through()
    ]
    assert "confirmed" in steps(follow(tracker(banned), *later))


def test_a_zone_closes_over_a_flight() -> None:
    """What circles inside when the zone's hours begin has entered it then, and not before."""
    opens = T0 + timedelta(seconds=400)
    hours = {"from": opens.strftime("%H:%M"), "until": "24:00"}
    begins_s = 400 - opens.second
    inside = flight(0, 27.05, 90, reports=120, lat=56.25, speed_mps=10.0)
    told = follow(tracker(Airspace(land(schedule=hours))), *inside)
    entered = next(visit for visit in told if visit.step in ("inside", "confirmed"))
    assert begins_s <= (entered.time - T0).total_seconds() <= begins_s + 4


def test_it_turns_away() -> None:
    """What no longer heads for a zone is over for it, after as long as a circle takes."""
    there = through()[:40]
    told = follow(tracker(Airspace(land())), *there, *on_from(there, 270, 60))
    assert steps(told) == ["ahead", "over"]


def test_lost_inside() -> None:
    """What is lost in a zone is told so, and is over when nobody waits for it any more."""
    by = tracker(Airspace(land()))
    told = follow(by, *through()[:120], beat(600.0), beat(4 * 3600.0))
    assert steps(told)[-3:] == ["confirmed", "lost", "over"]


def test_seen_again() -> None:
    """What was lost in a zone and is seen there again is told anew."""
    flown = through()[:150]
    told = follow(tracker(Airspace(land())), *flown[:120], beat(580.0), *flown[149:])
    assert steps(told)[-3:] == ["confirmed", "lost", "confirmed"]


def test_a_snapshot_keeps_visits() -> None:
    """A tracker that goes on from a snapshot tells the same steps."""
    flown, over = through(), Airspace(land())
    expected = follow(tracker(over), *flown)
    before = tracker(over)
    told = follow(before, *flown[:110])
    after = tracker(over)
    restore_snapshot(after, take_snapshot(before))
    assert [*told, *follow(after, *flown[110:])] == expected


def test_the_filter_changes_nothing() -> None:
    """In large frames, where rows are skipped, the same steps come as row by row."""
    flown = [through(track_id="T1"), through(track_id="T2", **AIRLINER)]
    far = [
        flight(0, 22.0 + n / 10, 0, reports=270, lat=52.0, track_id=f"F{n}", **IDENTIFIED)
        for n in range(20)
    ]
    asked = policy(zones={"plant": {"identified": "alert"}})

    def told(*, sift: bool) -> list[ZoneVisit]:
        by = tracker(Airspace(land()), policy=asked, sift=sift)
        frames = [packed(*reports) for reports in zip(*flown, *far, strict=True)]
        return follow(by, *frames)

    assert told(sift=True) == told(sift=False)
    assert {visit.track_id for visit in told(sift=True)} == {"T1", "T2"}


def test_the_zone_s_channel_and_no_other() -> None:
    """The zone's place goes through its levels on its own channel; nobody else hears of it."""
    engine = Engine(land(), load_catalogue().english.operators)
    asked = dict(IDENTIFIED, callsign=None, icao_address=None)
    reports = through(**asked)
    frames = [*map(packed, reports), beat(1_200.0), beat(3_000.0, last=True)]
    alerts = [message for frame in frames for message in engine.process(frame).messages]
    places = [alert for alert in alerts if isinstance(alert, PlaceAlert)]
    assert {(alert.channel, alert.place_kind) for alert in places} == {
        ("exercise:alerts:PLANT", "zone")
    }
    assert list(dict.fromkeys(alert.level for alert in places)) == ["prepare", "shelter", "clear"]
    assert [alert.level for alert in places].count("clear") == 1
    assert places[-1].time > T0
    assert not kinds(tell(tracker(Airspace(land())), *through(**IDENTIFIED)))
