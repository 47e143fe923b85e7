"""Identified flights near the protected border, as other sources sighted them last: plain data.

Kept apart from incidents, of which they are none. What follows from them is decided in
``flights``.
"""

from dataclasses import dataclass, field
from typing import Final

from skyfence.contracts.crossing import PositionFix
from skyfence.contracts.track_event import FlightSighting, FlightsSighted
from skyfence.incidents.association import aircraft_address
from skyfence.incidents.incident import Position
from skyfence.policy.parameters import SECOND_MS
from skyfence.times import from_ms, to_ms

# A flight is published every ten seconds; of those that are not any more, nothing is kept.
_SIGHTINGS_KEPT: Final = 5
_FORGOTTEN_MS: Final = 120 * SECOND_MS


@dataclass(frozen=True)
class Sighting:
    """Where a flight was: ms since 1970, degrees, metres, m/s, degrees."""

    time_ms: int
    lat: float
    lon: float
    accuracy_m: float | None
    speed_mps: float | None
    course_deg: float | None

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
    """An identified flight near the border; ``sightings`` are its latest, oldest first."""

    source: str
    name: str  # callsign, or the track's name
    address: str | None = None
    altitude_m: float | None = None
    sightings: list[Sighting] = field(default_factory=list)

    def trail(self, until_ms: int) -> list[Position]:
        """Return its positions up to a time."""
        return [seen.position for seen in self.sightings if seen.time_ms <= until_ms]


def note(flights: dict[str, Flight], event: FlightsSighted) -> None:
    """Take in where flights were sighted."""
    for seen in event.flights:
        _note(flights, event.source, seen)


def _note(flights: dict[str, Flight], source: str, seen: FlightSighting) -> None:
    flight = flights.setdefault(
        f"{source}/{seen.track_id}", Flight(source, (seen.callsign or "").strip() or seen.track_id)
    )
    time_ms = to_ms(seen.time)
    if flight.sightings and time_ms <= flight.sightings[-1].time_ms:
        return
    flight.address, flight.altitude_m = aircraft_address(seen.icao_address), seen.altitude_m
    sighting = Sighting(
        time_ms=time_ms,
        lat=seen.lat,
        lon=seen.lon,
        accuracy_m=seen.accuracy_m,
        speed_mps=seen.ground_speed_mps,
        course_deg=seen.course_deg,
    )
    flight.sightings = [*flight.sightings[1 - _SIGHTINGS_KEPT :], sighting]


def forget(flights: dict[str, Flight], now_ms: int) -> None:
    """Forget the flights that were not sighted for two minutes of event time."""
    for key in [
        key
        for key, flight in flights.items()
        if flight.sightings[-1].time_ms < now_ms - _FORGOTTEN_MS
    ]:
        del flights[key]
