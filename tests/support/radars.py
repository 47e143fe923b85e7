"""Drones that fly straight and radars that see them, as the track events that follow of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians, sin
from random import Random
from typing import Any

from builders import T0, clock, track_event

from skyfence.contracts.track_event import TrackTopicEvent

LON_M, LAT_M = 61_990, 111_300  # metres a degree, at 56.25 N
END_S = 120


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Drone:
    """A drone that flies straight: where it is at T0, metres, its course and speed.

    It is told of from ``from_s`` on, seconds after T0.
    """

    east_m: float = 0.0
    north_m: float = 0.0
    course_deg: float = 90.0
    speed_mps: float = 50.0
    from_s: float = 0.0

    def place(self, seconds: float) -> tuple[float, float]:
        """Return where it is, metres to east and north."""
        way_m, course = self.speed_mps * seconds, radians(self.course_deg)
        return self.east_m + way_m * sin(course), self.north_m + way_m * cos(course)


@dataclass(frozen=True)
class Radar:
    """A radar that turns every few seconds, is off by a bias, and whose clock is behind.

    A drone's first event holds ``earlier`` scans before it.
    """

    name: str
    east_m: float = 0.0
    north_m: float = 0.0
    behind_s: float = 0.0
    accuracy_m: float = 100.0
    starts_s: float = 10.0
    scan_s: float = 4.0
    earlier: int = 0

    def events(self, drones: dict[str, Drone], seed: int) -> list[TrackTopicEvent]:
        """Return what the radar says of drones, scan by scan, with its clock and its end."""
        noise, events = Random(seed), list[TrackTopicEvent]()
        opened = dict[str, float]()
        events.append(clock(at(0), self.name))
        for number in range(1, int((END_S - self.starts_s) // self.scan_s)):
            seconds = self.starts_s + self.scan_s * number
            for track_id, drone in drones.items():
                if seconds >= drone.from_s:
                    opened_s = opened.setdefault(track_id, seconds)
                    events.append(self._event(opened_s, seconds, track_id, drone, noise))
            events.append(clock(at(seconds - self.behind_s), self.name))
        return events

    def _fix(self, seconds: float, drone: Drone, noise: Random) -> dict[str, Any]:
        """Return where the radar sees a drone, and when by its clock."""
        east_m, north_m = drone.place(seconds)
        east_m += self.east_m + noise.gauss(0, self.accuracy_m / 2)
        north_m += self.north_m + noise.gauss(0, self.accuracy_m / 2)
        lat, lon = round(56.25 + north_m / LAT_M, 6), round(27.1 + east_m / LON_M, 6)
        stamp = at(seconds - self.behind_s)
        return {"time": stamp, "lat": lat, "lon": lon, "accuracy_m": self.accuracy_m}

    def _event(
        self, opened_s: float, seconds: float, track_id: str, drone: Drone, noise: Random
    ) -> TrackTopicEvent:
        number = 1 + round((seconds - opened_s) / self.scan_s)
        scans = range(self.earlier, 0, -1) if number == 1 else ()
        earlier = [self._fix(seconds - scan * self.scan_s, drone, noise) for scan in scans]
        after = self._fix(seconds, drone, noise)
        stamp, lat, lon = after["time"], after["lat"], after["lon"]
        opened = at(opened_s - self.behind_s)
        flies = {"ground_speed_mps": drone.speed_mps, "course_deg": drone.course_deg}
        given: dict[str, Any] = {
            "at": stamp,
            "source": self.name,
            "track_id": track_id,
            "opened": opened,
            "lat": lat,
            "lon": lon,
            "object": flies,
            "evidence": {
                "after": after,
                "time": stamp,
                "lat": lat,
                "lon": lon,
                "probability": 0.999,
                "probability_weighed": 0.999,
            },
            "first": after | {"time": opened},
            "earlier_fixes": [fix | flies for fix in earlier],
        }
        return track_event("entered" if number == 1 else "sighted", number, **given)
