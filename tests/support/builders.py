"""Small valid things for tests to change: a report, a zone, an airspace, a place's alert."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.adapters.files import load_zones
from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import PlaceAlert, PlaceLevel
from skyfence.contracts.alert_chain import ALL_CLEAR_WORDS, CapWords, chain_fields
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import SourceWatermark, TrackEvent
from skyfence.frames.frame import Frame, frame_of, row_fields
from skyfence.geometry.geodesy import WGS84
from skyfence.identity import derive
from skyfence.naming import ALLIANCE, Environment, operators_channel
from skyfence.times import to_ms
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import Zone, ZoneProperties, ZoneSet, zone_set

T0 = datetime(2024, 9, 7, 3, 58, tzinfo=UTC)
T0_MS = to_ms(T0)
VERSION = "2024-1"
# The countries that the recordings' tracks come near to.
COUNTRIES = ("LV", "BY", "EE", "LT", "RU", "RO", "UA", "MD", "BG")


def fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of a valid report as a decoded JSON document, with changes."""
    valid = {
        "time": "2024-09-07T03:58:00.000Z",
        "source": "radar",
        "track_id": "T1",
        "lat": 56.5,
        "lon": 27.25,
    }
    return valid | changes


def report(**changes: Any) -> Report:
    """Return a valid report, with changes."""
    return Report.model_validate(fields(**changes))


def zone(
    id: str,  # noqa: A002
    area: BaseGeometry | tuple[float, float, float, float],
    **properties: Any,
) -> Zone:
    """Return a member nation's zone over a polygon or a box (west, south, east, north)."""
    given = {"name": id, "kind": "nation", "country": id, "accuracy_m": 0.0, "nato": True}
    shape = area if isinstance(area, BaseGeometry) else shapely.box(*area)
    return Zone(ZoneProperties.model_validate({"id": id} | given | properties), shape, VERSION)


def airspace(*zones: Zone) -> Airspace:
    """Return the airspace of some zones."""
    return Airspace(zone_set([zones]))


def world() -> ZoneSet:
    """Return a neighbour XX, and east of it the members AA (two regions) and BB (one)."""
    region = {"kind": "region"}
    neighbour = zone("XX", (26.0, 56.0, 27.0, 57.0), nato=False)
    a = zone("AA", (27.0, 56.0, 28.0, 57.0))
    a1 = zone("AA-1", (27.0, 56.0, 28.0, 56.5), country="AA", **region)
    a2 = zone("AA-2", (27.0, 56.5, 28.0, 57.0), country="AA", **region)
    b = zone("BB", (28.0, 56.0, 29.0, 57.0))
    b1 = zone("BB-1", (28.0, 56.0, 29.0, 57.0), country="BB", **region)
    return zone_set([[neighbour, a, a1, a2, b, b1]])


@cache
def recorded_world() -> ZoneSet:
    """Return the default zones about the two recordings: a quarter of all."""
    zones = load_zones()
    near = [zone for zone in zones.zones if zone.id in COUNTRIES or zone.id[:3] in ("LV-", "RO-")]
    return ZoneSet(tuple(near), zones.version)


def seen(at_s: float, lon: float, lat: float = 56.25, **changes: Any) -> Report:
    """Return a report of a place, so many seconds after T0, good to 10 m."""
    given = {"accuracy_m": 10.0} | changes
    return report(time=T0 + timedelta(seconds=at_s), lon=lon, lat=lat, **given)


def flight(
    at_s: float,
    lon: float,
    course_deg: float,
    *,
    reports: int,
    speed_mps: float = 50.0,
    every_s: float = 4.0,
    told: bool = True,
    **changes: Any,
) -> list[Report]:
    """Return the reports of a straight flight; with ``told`` they name speed and course."""
    motion = {"ground_speed_mps": speed_mps, "course_deg": course_deg % 360.0} if told else {}
    start = (lon, changes.pop("lat", 56.25))
    reports_of_flight = []
    for number in range(reports):
        to_lon, to_lat, _ = WGS84.fwd(*start, course_deg, speed_mps * every_s * number)
        place = {"lon": round(to_lon, 6), "lat": round(to_lat, 6)}
        reports_of_flight.append(seen(at_s + every_s * number, **(motion | changes | place)))
    return reports_of_flight


def on_from(
    reports: Sequence[Report], course_deg: float, count: int, **changes: Any
) -> list[Report]:
    """Return how a flight goes on from its last report on another course, 4 s later."""
    last = reports[-1]
    start = {"lat": last.lat, "reports": count + 1} | changes
    return flight((last.time - T0).total_seconds(), last.lon, course_deg, **start)[1:]


def tell(by: Tracker, *items: Report | Frame) -> list[TrackEvent]:
    """Judge each item as a frame of its own; return what tracks did that people may hear of.

    Clocks and sightings, which are for those who join tracks, are left out.
    """
    frames = [packed(item) if isinstance(item, Report) else item for item in items]
    events = [event for frame in frames for event in by.process(frame).events]
    return [event for event in events if isinstance(event, TrackEvent) and event.kind != "sighted"]


def tracker(over: Airspace, **given: Any) -> Tracker:
    """Return a tracker of exercises over an airspace; ``given`` are its policy and parameters."""
    return Tracker(over, Environment.EXERCISE, **given)


def kinds(events: list[TrackEvent]) -> list[tuple[str, float]]:
    """Return what happened, and how many seconds after T0."""
    return [(event.kind, (event.time - T0).total_seconds()) for event in events]


def packed(*reports: Report, run: str = "run") -> Frame:
    """Return a frame of the reports."""
    return frame_of(reports, key=reports[0].source, run=run)


def beat(at_s: float, *, last: bool = False, run: str = "run") -> Frame:
    """Return a heartbeat, so many seconds after T0; the ``last`` one ends the source."""
    return frame_of([], key="radar", run=run, scan_time_ms=T0_MS + round(1000 * at_s), last=last)


def track_event(kind: str, number: int, **changes: Any) -> TrackEvent:
    """Return an event of a track inside AA-1, with changes; a minute passes with each number."""
    at = changes.pop("at", T0 + timedelta(minutes=number))
    seen_at = at - timedelta(seconds=0 if kind != "lost" else 60)
    lat, lon = changes.get("lat", 56.25), changes.get("lon", 27.0)
    after = {"time": seen_at, "lat": lat, "lon": lon, "accuracy_m": 50.0}
    given = {
        "event_id": derive("event", kind, number),
        "kind": kind,
        "run": "run",
        "source": "radar",
        "track_id": "T1",
        "opened": T0,
        "number": number,
        "time": at,
        "last_seen": seen_at,
        "lat": lat,
        "lon": lon,
        "nations": ("AA",),
        "regions": ("AA-1",),
        "other_side": ("XX",),
        "evidence": {
            "after": after,
            "time": seen_at,
            "lat": lat,
            "lon": lon,
            "probability": 0.999,
            "probability_weighed": 0.999,
        },
        "first": after,
        "zones_version": VERSION,
    }
    return TrackEvent.model_validate(given | changes)


def clock(at: datetime, key: str = "radar", *, last: bool = False) -> SourceWatermark:
    """Return a source's clock."""
    return SourceWatermark(run="run", key=key, time=at, last=last)


def row_of(frame: Frame, row: int) -> Report:
    """Return one row of a frame as a report."""
    return Report.model_validate(row_fields(frame.batch, row) | {"source": frame.source})


# CAP's words of each level: message type of the first step, response, urgency, severity, certainty.
_CAP_OF_LEVEL: dict[PlaceLevel, CapWords] = {
    "shelter": CapWords(
        message_type="Alert",
        response_type="Shelter",
        urgency="Immediate",
        severity="Extreme",
        certainty="Observed",
    ),
    "prepare": CapWords(
        message_type="Alert",
        response_type="Prepare",
        urgency="Expected",
        severity="Severe",
        certainty="Likely",
    ),
    "watch": CapWords(
        message_type="Alert",
        response_type="Monitor",
        urgency="Future",
        severity="Moderate",
        certainty="Possible",
    ),
    "clear": ALL_CLEAR_WORDS,
}


def place_alert(
    level: PlaceLevel = "shelter",
    step: int = 1,
    *,
    place: str = "AA-1",
    environment: Environment = Environment.ACTUAL,
    episode: int = 1,
    at: datetime = T0,
    **changes: Any,
) -> PlaceAlert:
    """Return a step of a place's episode, with changes; it sounds and holds for ten minutes.

    A place with a hyphen is a region, NATO the alliance, all others nations.
    """
    kind = "region" if "-" in place else "alliance" if place == ALLIANCE else "nation"
    run = changes.pop("run", "live")
    cap = _CAP_OF_LEVEL[level]
    if step > 1 and level != "clear":
        cap = replace(cap, message_type="Update")
    fields = chain_fields(
        environment=environment,
        chain_id=derive("episode", environment, run, place, episode),
        channel=operators_channel(environment, place),
        step=step,
        cap=cap,
        time=at,
        expires=at + timedelta(minutes=10),
        headline=f"{place}: {level}",
        instruction="Do what your authorities say.",
        notify="sound",
    )
    given = {
        "place": place,
        "place_kind": kind,
        "run": run,
        "episode": episode,
        "level": level,
        "known": at,
        "objects": 0 if level == "clear" else 1,
        "news": ("level",),
        "description": f"{place} is at {level}.",
    }
    return PlaceAlert.model_validate({**fields, **given, **changes})
