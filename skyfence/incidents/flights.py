"""Whose echo is it: an unknown that flies with an identified flight of another source is that.

A primary radar shows an airliner as an unknown object. Its track agent alerts at once, and is right
to: it knows no better. Here both sources are seen:

    FlightsSighted ─▶ the flights near the border ─┐
    what its own source has identified ────────────┤
    unknown track, as decided ─────────────────────┴▶ fly alike over several reports?
        ──▶ its incident closes as identified, and its track opens no other
        ──▶ it was taken for a lost object: its track alone is taken out, that stays lost
        ──▶ parted, or it goes on near the border and the flight has gone: an incident again
        ──▶ inland, where flights are not published: after an hour

What says that it is a drone or a missile, or in an emergency, is nobody's echo, and an echo that
says so later has an incident at once (``silence``). Does not keep flights that are elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from skyfence.contracts.alert import Alert
from skyfence.incidents import association, flight_sightings, silence
from skyfence.incidents.chains import AlertChains
from skyfence.incidents.flight_sightings import Flight
from skyfence.incidents.incident import (
    EpisodeKey,
    Incident,
    MemberTrack,
    is_seen,
    knowledge_rank,
)
from skyfence.incidents.offsets import offset_of
from skyfence.incidents.repeated_violations import ViolationCounter
from skyfence.incidents.routing import IncidentUpdate
from skyfence.incidents.snapshot import Run
from skyfence.incidents.succession import first_of, seen_with
from skyfence.incidents.watermark import VIOLATION_COUNT
from skyfence.policy.parameters import HOUR_MS
from skyfence.policy.permit import EMERGENCY_CODES
from skyfence.times import to_ms

# Identified once, an unknown stays so inland, where flights are not published: a jet crosses most
# countries within an hour.
_IDENTIFIED_MS: Final = HOUR_MS
# Two heights of one aircraft differ by the reference and a radar's error; levels are 300 m apart.
_HEIGHT_M: Final = 1_000.0
# Farther apart than this, two positions are not compared: degrees, about 20 km.
_NEAR_LAT_DEG: Final = 0.2
_NEAR_LON_DEG: Final = 0.5


class EchoRecognition:
    """Closes the incidents of what turns out to be an identified flight, and opens them again."""

    def __init__(self, chains: AlertChains, counter: ViolationCounter) -> None:
        self._chains = chains
        self._counter = counter

    def decide(self, run: Run, track: MemberTrack) -> Iterator[Alert]:
        """Ask of a track, as it stood with an event, whether it is an identified flight."""
        now = run.tracks[track.key]
        if now.silenced == "flight":
            yield from self._go_on(run, track)
        elif now.silenced is None and _may_be_flight(track) and _may_be_flight(now):
            key = self._flight_of(run, track)
            if key is not None:
                yield from self._identify(run, track, key)

    def _flight_of(self, run: Run, track: MemberTrack) -> str | None:
        """Return the key of the flight that a track is, if any."""
        known_ms = _known_ms(track)
        costs = [
            (cost, key)
            for key, flight in _near(run.flights, track, known_ms)
            if (cost := _cost(track, flight, known_ms)) is not None
            and not _is_gone(run, flight, known_ms)
        ]
        if not costs:
            return None
        cost, key = min(costs)
        return None if self._is_anothers(run, track, key, cost) else key

    def _is_anothers(self, run: Run, track: MemberTrack, key: str, cost: int) -> bool:
        """Tell whether a flight is rather another track, or flight, of the track's own source."""
        flight, known_ms = run.flights[key], _known_ms(track)
        for own_key, other in run.decisions.decided.items():
            if own_key.source != track.key.source or own_key == track.key:
                continue
            now = run.tracks.get(own_key)
            taken = now is not None and now.flight == key
            may_be = now is not None and not taken and _near({key: flight}, other, known_ms)
            theirs = _cost(other, flight, known_ms) if may_be else None
            if association.are_shown_at_once([track], [other]) and (
                taken or (theirs is not None and theirs < cost)
            ):
                return True
        target = flight.trail(known_ms)
        for own in run.flights.values():
            if own.source == track.key.source and own.address in (flight.address, None):
                offset = offset_of(own.trail(known_ms), target)
                if offset is not None and offset.last.metres < cost:
                    return True
        return False

    def _identify(self, run: Run, track: MemberTrack, key: str) -> Iterator[Alert]:
        """Take what is an identified flight out of its incident, which closes if nothing is left.

        What was lost before the flight's echo appeared is another object, and stays lost.
        """
        flight, incident = run.flights[key], self._chains.incident_of(run.tracks[track.key])
        echoes = [track.key] if incident is None else seen_with(run, incident, track)
        if any(echo.source == flight.source for echo in echoes):
            return  # the flight's own source shows another object
        if any(silence.speaks_against_flight(run.tracks[echo]) for echo in echoes):
            return
        told = {"silenced": "flight", "flight": key, "flight_ms": _known_ms(track)}
        lead = run.tracks[track.key if incident is None else incident.lead_key]
        for echo in echoes:
            if echo in run.tracks:
                run.tracks[echo] = run.tracks[echo].model_copy(update=told)
        if incident is None:
            return
        others = [member for member in incident.member_keys if member not in echoes]
        left = first_of(run.tracks[member] for member in others if member in run.tracks)
        if left is not None:
            yield from self._take_out(run, incident, echoes, left)
            return
        event = lead.last.model_copy(update={"identified_as": flight.name})
        update = IncidentUpdate("identified", event, "closed")
        yield from self._chains.close_while_seen(run, incident, update)
        run.situation, alerts = self._counter.withdraw(
            run.situation, incident.incident_id, _known_ms(track)
        )
        yield from alerts

    def _take_out(
        self, run: Run, incident: Incident, echoes: Sequence[EpisodeKey], left: MemberTrack
    ) -> Iterator[Alert]:
        """Let an incident go on without the echoes of a flight; ``left`` leads if one of them did.

        Precondition: ``left`` is no echo.
        """
        for echo in echoes:
            run.tracks[echo] = run.tracks[echo].model_copy(update={"incident_id": None})
        members = tuple(key for key in incident.member_keys if key not in echoes)
        led_by = incident.lead_key
        incident = incident.model_copy(update={"member_keys": members})
        self._chains.state.open[incident.incident_id] = incident
        if led_by in echoes:
            yield from self._chains.hand_over(incident, left, run.tracks[led_by].last)

    def _go_on(self, run: Run, track: MemberTrack) -> Iterator[Alert]:
        """Alert to what was an identified flight, if it no longer flies with it or another one."""
        now, known_ms = run.tracks[track.key], _known_ms(track)
        flight = run.flights.get(now.flight or "")
        offset = offset_of(track.trail, flight.trail(known_ms)) if flight else None
        is_alone = flight is not None and _flies_alone(run, track, flight)
        if offset is not None and not association.have_parted(offset) and not is_alone:
            run.tracks[track.key] = now.model_copy(update={"flight_ms": known_ms})
            return
        if offset is None and not is_alone and known_ms - now.flight_ms <= _IDENTIFIED_MS:
            return
        other = self._flight_of(run, track)
        if other is not None:  # its source gave it another number
            changes = {"flight": other, "flight_ms": known_ms}
            run.tracks[track.key] = now.model_copy(update=changes)
            return
        now = run.tracks[track.key] = silence.end(now)
        if now.confidence == "fact" or not knowledge_rank(now):
            return
        now = run.tracks[track.key] = self._chains.open_incident(now)
        if now.state == "violation" and now.confidence == "confirmed":
            run.decisions.add(now, VIOLATION_COUNT)
        incident = self._chains.incident_of(now)
        assert incident is not None  # noqa: S101 - it was opened just now
        yield from self._chains.tell(incident, IncidentUpdate("reopened", now.last, now.state))


def _flies_alone(run: Run, track: MemberTrack, flight: Flight) -> bool:
    """Tell whether a track goes on where its flight would be sighted, and is not."""
    seen_near = track.last.near_border and is_seen(track)
    return seen_near and _is_gone(run, flight, _known_ms(track))


def _is_gone(run: Run, flight: Flight, now_ms: int) -> bool:
    """Tell whether a flight is no longer there at a time, by its own source's clock."""
    watches = run.decisions.has_come_to(flight.source, now_ms)
    return watches and flight_sightings.is_gone(run.flights, flight, now_ms)


def _may_be_flight(track: MemberTrack) -> bool:
    """Tell whether a track says nothing against being an airliner's echo."""
    # A single emergency code is no emergency, but reason to wait for the next event.
    code = track.last.object.mode_3a
    against = silence.speaks_against_flight(track) or code in EMERGENCY_CODES
    return track.position is not None and not against


def _near(
    flights: Mapping[str, Flight], track: MemberTrack, until_ms: int
) -> list[tuple[str, Flight]]:
    """Return the flights that were sighted last near a track up to a time, with their keys.

    All flights near the border are passed over with each decision: so little is called for each.
    """
    if track.position is None:
        return []
    lat, lon = track.position.seen.lat, track.position.seen.lon
    south, north = lat - _NEAR_LAT_DEG, lat + _NEAR_LAT_DEG
    return [
        (key, flight)
        for key, flight in flights.items()
        if (last := flight.sighted_before(until_ms)) is not None
        and south <= last.lat <= north
        and abs(last.lon - lon) <= _NEAR_LON_DEG
    ]


def _cost(track: MemberTrack, flight: Flight, until_ms: int) -> int | None:
    """Return how far a track is off a flight of another source, metres; None if it is not it."""
    position, known = track.position, track.last.object
    if position is None or flight.source == track.key.source:
        return None
    addresses = {association.address_of(known), flight.address} - {None}
    sighting = flight.sighted_before(until_ms)
    if sighting is None or len(addresses) > 1:
        return None
    if _are_levels_apart(known.altitude_m, sighting.altitude_m):
        return None
    trail = flight.trail(until_ms)
    offset = offset_of(track.trail, trail)
    if offset is None:
        return None
    return association.fits(position, trail[-1], offset, None, at_once=False)


def _are_levels_apart(height_m: float | None, other_m: float | None) -> bool:
    return height_m is not None and other_m is not None and abs(height_m - other_m) > _HEIGHT_M


def _known_ms(track: MemberTrack) -> int:
    """Return when a track's last event was known, ms since 1970, event time."""
    return max(to_ms(track.last.time), to_ms(track.last.last_seen))
