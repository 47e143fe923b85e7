"""What an incident contributes to places: from its state and its last event to a ``Standing``.

    threat      the nations and regions ahead: prepare, with the minutes left
    violation   where it is: shelter once that is sure, prepare before; ahead: prepare
    lost        where it was seen last, and where it can be by now: prepare
    exited      nowhere; where it has been it is watched for (``places`` knows)
    closed      over, or another incident's

What circles without getting anywhere also asks ``prepare`` of the places that it can be in within
minutes. Nations and the alliance are held by what holds the places beneath them (``places``); at
the border a nation is asked itself. What may be a private flight asks nothing: it is told on the
nation's channel as an incident, quietly.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from skyfence.contracts.alert import PlaceKind, PlaceLevel, level_rank
from skyfence.contracts.track_event import Ahead, TrackEvent
from skyfence.incidents.routing import IncidentUpdate
from skyfence.places.contribution import Contribution, Standing
from skyfence.times import to_ms

# Who is warned of what circles. Of places farther off two in five such warnings came true
# (docs/score.md); they are held all the same, if it has headed for them.
_CIRCLED_WITHIN_MIN: Final = 5


def standing(incident_id: UUID, update: IncidentUpdate, nations: Mapping[str, str]) -> Standing:
    """Return where an incident stands after an update; ``nations`` names each region's nation."""
    event = update.event
    over = update.state == "closed"
    merged = update.news == "merged" and bool(update.joined)
    time = to_ms(event.time)
    return Standing(
        incident_id=incident_id,
        time_ms=time,
        known_ms=max(time, to_ms(event.last_seen)),
        contributions={} if over or event.private_flight else _contributions(update, nations),
        in_reach=_in_reach(event, nations),
        lost=update.state == "lost",
        lets_go=event.kind == "searched",
        over=over,
        merged_into=update.joined[0] if merged else None,
        at_once=update.closed is not None,
        counts_from_ms=update.counts_from_ms,
    )


class _Asked:
    """The levels that an incident asks of places."""

    def __init__(self, update: IncidentUpdate, nations: Mapping[str, str]) -> None:
        self.contributions: dict[str, Contribution] = {}
        self._event, self._nations = update.event, nations

    def ask(self, place: str, level: PlaceLevel, minutes_left: int | None = None) -> None:
        """Ask a level of a place; the highest and soonest counts."""
        contribution = Contribution(
            kind=_kind(place, self._event, self._nations),
            level=level,
            minutes_left=minutes_left,
            direction=_direction(self._event),
            circling=self._event.circling and not self._event.depth_m,
        )
        self.contributions[place] = _graver(self.contributions.get(place), contribution)


def _contributions(update: IncidentUpdate, nations: Mapping[str, str]) -> dict[str, Contribution]:
    event, state, asked = update.event, update.state, _Asked(update, nations)
    sure = state == "violation" and event.confidence == "confirmed" and not event.coasted
    if state in ("violation", "lost"):
        for place in (*event.regions, *event.nations):
            asked.ask(place, "shelter" if sure else "prepare")
    if state == "threat":
        for place in event.nations:
            asked.ask(place, "prepare", event.minutes_left)
    ahead = () if state == "exited" else event.ahead
    for near in (*ahead, *_circled(update)):
        asked.ask(near.place, "prepare", near.minutes_left)
    return asked.contributions


def _circled(update: IncidentUpdate) -> Iterator[Ahead]:
    """Yield the places that an object which circles asks to prepare."""
    if update.event.circling and update.state != "lost":
        for near in update.event.within_reach:
            if near.minutes_left is not None and near.minutes_left < _CIRCLED_WITHIN_MIN:
                yield near


def _in_reach(event: TrackEvent, nations: Mapping[str, str]) -> frozenset[str]:
    """Return the places that the object can be in within the look-ahead, and their nations."""
    near = {ahead.place for ahead in event.within_reach}
    above = {nations[place] for place in near if place in nations}
    return frozenset({*near, *above})


def _graver(before: Contribution | None, now: Contribution) -> Contribution:
    """Return the higher of two contributions; of equal ones that with fewer minutes left."""
    if before is None or level_rank(now.level) > level_rank(before.level):
        return now
    if level_rank(now.level) < level_rank(before.level) or now.minutes_left is None:
        return before
    sooner = before.minutes_left is None or now.minutes_left < before.minutes_left
    return now if sooner else before


def _kind(place: str, event: TrackEvent, nations: Mapping[str, str]) -> PlaceKind:
    """Return the kind of a place of an incident: its nations need not have regions."""
    if place in nations:
        return "region"
    return "nation" if nations or place in event.nations else "region"


def _direction(event: TrackEvent) -> int | None:
    return octant(event.object.course_deg)


def octant(course_deg: float | None) -> int | None:
    """Return the octant of a course: 0 is north, 2 east; None where there is no course."""
    return None if course_deg is None else int((round(course_deg) % 360 + 22.5) // 45) % 8
