"""Identified flights near the protected border, as other sources sighted them: plain data.

Kept apart from incidents, of which they are none. A decision asks where a flight was at its time,
so sightings are kept for as long as decisions of their time may come: the clocks of sources, and
the partitions that they come through, may be minutes or hours apart. What follows from them is
decided in ``flights``.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from skyfence.contracts.crossing import PositionFix
from skyfence.contracts.track_event import FlightSighting, FlightsSighted
from skyfence.incidents.association import aircraft_address
from skyfence.incidents.incident import MemberTrack, Position
from skyfence.policy.parameters import SECOND_MS
from skyfence.times import from_ms, to_ms

# So many of a flight's sightings are compared with a track: those of 100 s.
_COMPARED: Final = 5
# Sightings older than this are not needed: five scans of the slowest radars, and more.
_FORGOTTEN_MS: Final = 600 * SECOND_MS
# A flight that misses so many of its scans, and at least so long, is no longer there.
_MISSED_SCANS: Final = 3
_LEAST_MISSED_MS: Final = 60 * SECOND_MS


@dataclass(frozen=True)
class Sighting:
    """Where a flight was: ms since 1970, degrees, metres, m/s, degrees."""

    time_ms: int
    lat: float
    lon: float
    accuracy_m: float | None
    speed_mps: float | None
    course_deg: float | None
    altitude_m: float | None = None

    @property
    def position(self) -> Position:
        """Return it as a position of a trail."""
        seen = PositionFix.model_construct(
            time=from_ms(self.time_ms), lat=self.lat, lon=self.lon, accuracy_m=self.accuracy_m
        )
        return Position.model_construct(
            seen=seen, speed_mps=self.speed_mps, course_deg=self.course_deg
        )


@dataclass
class Flight:
    """An identified flight near the border, and its ``sightings``, oldest first."""

    source: str
    name: str  # callsign, or the track's name
    address: str | None = None
    sightings: list[Sighting] = field(default_factory=list)

    def trail(self, until_ms: int) -> list[Position]:
        """Return its latest positions up to a time, oldest first."""
        end = bisect_right(self.sightings, until_ms, key=lambda seen: seen.time_ms)
        return [seen.position for seen in self.sightings[max(0, end - _COMPARED) : end]]

    def sighted_before(self, until_ms: int) -> Sighting | None:
        """Return where it was sighted last up to a time, if it was."""
        for seen in reversed(self.sightings):
            if seen.time_ms <= until_ms:
                return seen
        return None


def note(flights: dict[str, Flight], event: FlightsSighted) -> None:
    """Take in where flights were sighted."""
    for seen in event.flights:
        _note(flights, event.source, seen)


def note_identified(flights: dict[str, Flight], track: MemberTrack) -> None:
    """Take in where a track was that its own source has identified now: it was a flight so far.

    Precondition: the last event of the track says so.
    """
    known = track.last.object
    for position in track.trail:
        seen = FlightSighting(
            track_id=track.key.track_id,
            time=position.seen.time,
            lat=position.seen.lat,
            lon=position.seen.lon,
            accuracy_m=position.seen.accuracy_m,
            altitude_m=known.altitude_m,
            ground_speed_mps=position.speed_mps,
            course_deg=position.course_deg,
            callsign=known.callsign,
            icao_address=known.icao_address,
        )
        _note(flights, track.key.source, seen)


def _note(flights: dict[str, Flight], source: str, seen: FlightSighting) -> None:
    flight = flights.setdefault(
        f"{source}/{seen.track_id}", Flight(source, (seen.callsign or "").strip() or seen.track_id)
    )
    time_ms = to_ms(seen.time)
    if flight.sightings and time_ms <= flight.sightings[-1].time_ms:
        return
    flight.address = aircraft_address(seen.icao_address)
    sighting = Sighting(
        time_ms=time_ms,
        lat=seen.lat,
        lon=seen.lon,
        accuracy_m=seen.accuracy_m,
        speed_mps=seen.ground_speed_mps,
        course_deg=seen.course_deg,
        altitude_m=seen.altitude_m,
    )
    flight.sightings.append(sighting)


def is_gone(flights: Mapping[str, Flight], flight: Flight, now_ms: int) -> bool:
    """Tell whether a flight is sighted no more at a time, ms since 1970, though its source watches.

    It has missed three scans while its source sights other flights, or had no other. A source that
    ceases to sight all of its flights at once has fallen silent, and says nothing of any of them.
    Precondition: the source has come as far in event time.
    """
    times_ms = [seen.time_ms for seen in flight.sightings if seen.time_ms <= now_ms]
    if not times_ms:
        return False
    last_ms = times_ms[-1]
    scan_ms = max((after - before for before, after in pairwise(times_ms)), default=0)
    missed_ms = max(_LEAST_MISSED_MS, _MISSED_SCANS * scan_ms)
    # Beyond that the others of then may be forgotten.
    if not missed_ms <= now_ms - last_ms <= _FORGOTTEN_MS - missed_ms:
        return False
    seen_ms = [
        seen.time_ms
        for other in flights.values()
        if other.source == flight.source
        and other is not flight
        and (seen := other.sighted_before(now_ms)) is not None
    ]
    beside_ms = [time_ms for time_ms in seen_ms if time_ms > last_ms - missed_ms]
    # Flights of one source are sighted a scan apart at most.
    return not beside_ms or max(beside_ms) > last_ms + missed_ms * 2 // 3


def forget(flights: dict[str, Flight], watermark_ms: float) -> None:
    """Forget the sightings that no decision past the run's watermark needs, ms since 1970."""
    bound_ms = watermark_ms - _FORGOTTEN_MS
    for key, flight in [*flights.items()]:
        if flight.sightings[-1].time_ms < bound_ms:
            del flights[key]
        elif flight.sightings[0].time_ms < bound_ms:
            flight.sightings = [seen for seen in flight.sightings if seen.time_ms >= bound_ms]
