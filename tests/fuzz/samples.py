"""Valid messages of every kind, for ``mutate`` to damage: a raid, and what the pipeline says of it.

    three objects, two sensors ──▶ frames ──Tracker──▶ events ──IncidentBook──▶ alerts
                                                 └──────────┴──▶ what a checkpoint holds of both

Files stand at the end. Everything is made once a process.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any, Final

from builders import T0, T0_MS, flight, on_from, place_alert, world, zone
from words import ENGLISH

from skyfence.airspace.airspace import Airspace
from skyfence.contracts.alert import Alert, AnyAlert, FeedAlarm, PlaceAlert, PlaceLevel
from skyfence.contracts.report import Report
from skyfence.contracts.track_event import TrackTopicEvent
from skyfence.frames.codec import JSON_CONTENT_TYPE, encode_frame
from skyfence.frames.frame import Frame, frame_of
from skyfence.incidents import snapshot as incident_snapshot
from skyfence.incidents.manager import IncidentManager
from skyfence.monitoring.feed_alarm import Silence, untold
from skyfence.naming import Environment
from skyfence.policy.policy import Policy
from skyfence.policy.reading import parse_policy
from skyfence.tracks.snapshot import take_snapshot
from skyfence.tracks.tracker import Tracker
from skyfence.zones.zone_file import zone_set

EXERCISE: Final = Environment.EXERCISE
RUN: Final = "run"
SCANS: Final = 100
_EVERY_S: Final = 8.0
# What the broker's clock is ahead of a frame's scan.
_UNDER_WAY_MS: Final = 500


@dataclass(frozen=True)
class Mail:
    """A message as a broker hands it out; a file's bytes are the value of one."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = T0_MS


_AIRLINER: Final[dict[str, Any]] = {
    "track_id": "T3",
    "icao_address": "4A08F3",
    "callsign": "AB12",
    "altitude_m": 900.0,
    "altitude_ref": "amsl",
    "mode_3a": "2211",
}


@cache
def airspace() -> Airspace:
    """Return the airspace that everything is judged against; one of its zones has a ceiling."""
    low = {"kind": "danger", "country": "AA", "ceiling_m": 1_000.0, "vertical_ref": "amsl"}
    return Airspace(zone_set([[*world().zones, zone("AA-D", (27.3, 56.1, 27.6, 56.8), **low)]]))


@cache
def policy() -> Policy:
    """Return the policy that everything is judged by; one of the sensors may be late."""
    return parse_policy(POLICY, "policy")


def names() -> dict[str, str]:
    """Return what the zones are called."""
    return world().names


@cache
def frames() -> tuple[Frame, ...]:
    """Return the raid, scan by scan and sensor by sensor, with heartbeats and an end."""
    every: dict[str, Any] = {"every_s": _EVERY_S}
    through = flight(0, 26.9, 90.0, reports=SCANS, speed_mps=180.0, **every)
    there = flight(0, 26.8, 80.0, reports=20, lat=56.4, speed_mps=200.0, track_id="T2", **every)
    back = on_from(there, 250.0, SCANS - 20, speed_mps=200.0, track_id="T2", **every)
    lost = flight(0, 26.95, 70.0, reports=SCANS // 2, lat=56.7, told=False, **every, **_AIRLINER)
    paths = [through, there + back, lost]
    second = [
        report.model_copy(update={"source": "mlat", "track_id": "M1"})
        for report in through[: 3 * SCANS // 4]
    ]
    scans = []
    for scan in range(SCANS):
        scans += [_scan(scan, "radar/2", paths), _scan(scan, "mlat", [second])]
    return (*scans, replace(_scan(SCANS, "radar/2", []), last=True))


def _scan(scan: int, key: str, paths: list[list[Report]]) -> Frame:
    from_s = scan * _EVERY_S
    until = T0 + timedelta(seconds=from_s + _EVERY_S)
    since = T0 + timedelta(seconds=from_s)
    reports = [report for path in paths for report in path if since <= report.time < until]
    scan_ms = T0_MS + round(1_000 * (from_s + _EVERY_S)) - 1
    return frame_of(reports, key=key, run=RUN, scan_time_ms=scan_ms)


def headers_of(frame: Frame, *, as_json: bool) -> tuple[tuple[str, bytes], ...]:
    """Return the headers of the message that carries a frame."""
    headers = dict(encode_frame(frame)[2])
    if as_json:
        headers["content-type"] = JSON_CONTENT_TYPE.encode()
    return tuple(headers.items())


def as_mail(frame: Frame, value: bytes, *, as_json: bool) -> Mail:
    """Return the message that carries a frame in a form."""
    headers = headers_of(frame, as_json=as_json)
    return Mail(value, frame.key.encode(), headers, frame.scan_time_ms + _UNDER_WAY_MS)


@cache
def reports_of(frame_number: int) -> list[dict[str, Any]]:
    """Return a frame's reports as a decoded JSON document."""
    frame = frames()[frame_number]
    rows = frame.batch.to_pylist()
    for row in rows:
        row["time"] = row["time"].isoformat()
        row["source"] = frame.source
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


@dataclass(frozen=True)
class Told:
    """What follows from the raid: events, alerts, and the states half way through it."""

    events: tuple[TrackTopicEvent, ...]
    alerts: tuple[AnyAlert, ...]
    snapshot: bytes
    pages: bytes  # the ledger's


@cache
def told() -> Told:
    """Judge the raid as the pipeline would."""
    tracker, manager = (
        Tracker(airspace(), EXERCISE, policy()),
        IncidentManager(EXERCISE, names(), ENGLISH.operators),
    )
    events: list[TrackTopicEvent] = []
    alerts: list[Alert] = []
    snapshot = pages = b""
    for number, frame in enumerate(frames()):
        moved = tracker.process(frame).events
        events += moved
        alerts += [alert for event in moved for alert in manager.process(event)]
        if number == SCANS:
            snapshot, pages = take_snapshot(tracker), incident_snapshot.take_snapshot(manager.state)
    return Told(tuple(events), (*alerts, *_episode(), *_alarms()), snapshot, pages)


def _episode() -> Iterator[PlaceAlert]:
    levels: tuple[PlaceLevel, ...] = ("prepare", "shelter", "clear")
    for step, level in enumerate(levels, 1):
        yield place_alert(level, step, environment=EXERCISE, minutes_left=3, unseen=step == 2)


def _alarms() -> Iterator[FeedAlarm]:
    silence = Silence(
        since=T0,
        noticed=T0 + timedelta(seconds=60),
        cause="silent",
        silent_after_s=60.0,
        places=("NATO", "AA"),
        over=T0 + timedelta(seconds=90),
        heard_again=T0 + timedelta(seconds=90),
    )
    return untold(
        silence, "radar/2", RUN, EXERCISE, {"NATO": "alliance", "AA": "nation"}, texts=ENGLISH.feed
    )


def document(value: bytes) -> Any:
    """Return a message as a decoded JSON document."""
    return json.loads(value)


def in_json(tree: Any) -> bytes:
    """Return a document as JSON."""
    return json.dumps(tree).encode()


def documents(messages: tuple[Any, ...]) -> list[Any]:
    """Return messages of our contracts as decoded JSON documents."""
    return [document(message.to_json()) for message in messages]


POLICY: Final = """version = "v1"
[look_ahead_s]
country = 300
default = 120.5
[sources.radar]
lateness_ms = 2000
silent_after_s = 30
watches = ["AA"]
[civil]
identified = "no-alert"
least_speed_mps = 70
least_height_m = 600
holds_s = 300
[hold]
threat_s = 300
exit_s = 600
away_s = 1200
[lost]
regions_for_s = 1800
threat_depth_m = 90000
[inside]
private_flights = "nation"
near_border_m = 5000
[[permit]]
name = "survey"
reason = "flood survey"
from = 2024-09-01T06:00:00Z
expires = 2024-12-01T18:00:00Z
icao_addresses = ["4A08F3"]
callsigns = ["SURVEY1", "SVY*"]
mode_3a = ["4021", "4030-4037"]
[permit.corridor]
polygon = [[28.6, 45.0], [29.0, 45.0], [29.0, 45.2], [28.6, 45.2]]
floor_m = 0
ceiling_m = 1500
vertical_ref = "amsl"
[[permit]]
name = "mail"
reason = "every night"
expires = 2024-12-01T18:00:00Z
mode_3a = ["0021"]
"""

_RING: Final = [[27, 56], [28, 56], [28.0, 57.5], [27, 57], [27, 56]]
_FROM: Final = "2024-01-01T00:00:00Z"
_HOLE: Final = [[27.2, 56.2], [27.4, 56.2], [27.4, 56.4], [27.2, 56.4], [27.2, 56.2]]


def _feature(shape: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    given = {"id": "LV", "name": "Latvia", "kind": "country", "country": "LV", "accuracy_m": 30}
    return {
        "type": "Feature",
        "properties": given | {"nato": True} | properties,
        "geometry": {"type": shape, "coordinates": coordinates},
    }


ZONES: Final = {
    "type": "FeatureCollection",
    "version": "2024-1",
    "source": "a test",
    "license": "none",
    "features": [
        _feature("Polygon", [_RING, _HOLE], floor_m=0, ceiling_m=3_000.5, vertical_ref="amsl"),
        _feature(
            "MultiPolygon", [[_RING]], id="LV-1", kind="region", valid_from="2024-01-01T00:00:00Z"
        ),
    ],
}

OPEN_AIR: Final = """AC R
AN EVR1
AL SFC
AH FL95
DP 56:00:00 N 027:00:00 E
DP 56:10:00 N 027:00:00 E
DP 56:10:00 N 027:20:00 E

AC D
AN EVD2
AL 1000ft AGL
AH 4500ft AMSL
V X=56:30:00 N 027:30:00 E
DC 5

AC CTR
AN ARC
AL GND
AH UNL
V D=+
V X=56:30:00 N 027:30:00 E
DA 10,270,290
DB 56:35:00 N 027:30:00 E, 56:30:00 N 027:40:00 E
DP 56:20:00 N 027:30:00 E
"""

KML: Final = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>zones</name>
<Placemark><name>Latvia</name><description>all of it</description>
<Polygon><outerBoundaryIs><LinearRing><coordinates>
27,56,0 27.2,56,0 27.4,56,0 27.6,56,0 27.8,56.01,0 28,56,0 28,56.3,0 28,56.6,0 28,57,0
27.8,57,0 27.6,57.01,0 27.4,57,0 27.2,57,0 27,57,0 27,56.8,0 27,56.6,0 27,56.4,0 27,56,0
</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
</Document></kml>
"""
