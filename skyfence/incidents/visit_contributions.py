"""What a visit to a zone of a kind of one's own contributes: to that zone's state alone.

    ahead, inside, lost   prepare
    confirmed             shelter
    left                  nothing; it can be back, so the level is held for a while
    over                  the visit holds the zone no longer

A visit stands among the zone's incidents under an identifier of its own; it is no incident, so that
what is told of a zone is told nobody else.
"""

from uuid import UUID

from skyfence.contracts.alert import PlaceLevel
from skyfence.contracts.track_event import ZoneVisit
from skyfence.identity import derive
from skyfence.incidents.contributions import octant
from skyfence.naming import Environment
from skyfence.places.contribution import Contribution, Standing
from skyfence.times import to_ms


def visit_id(environment: Environment, visit: ZoneVisit) -> UUID:
    """Return the identifier of a visit."""
    names = (environment, visit.run, visit.source, visit.track_id, visit.zone)
    return derive("zone visit", *names, to_ms(visit.opened))


def visit_standing(identifier: UUID, visit: ZoneVisit) -> Standing:
    """Return where a visit stands after a step."""
    level: PlaceLevel = "shelter" if visit.step == "confirmed" else "prepare"
    contribution = Contribution(
        kind="zone",
        level=level,
        minutes_left=visit.minutes_left,
        direction=octant(visit.object.course_deg),
    )
    asks = visit.step not in ("left", "over")
    time_ms = to_ms(visit.time)
    return Standing(
        incident_id=identifier,
        time_ms=time_ms,
        known_ms=max(time_ms, to_ms(visit.last_seen)),
        contributions={visit.zone: contribution} if asks else {},
        in_reach=frozenset({visit.zone}),
        lost=visit.step == "lost",
        over=visit.step == "over",
    )
