"""The situation: two or more distinct objects with confirmed violations within 24 hours.

One violation may be a stray; a second within a day is news for the alliance by itself. The
situation is a chain of its own on the alliance's channel, and quiet, since the place's own message
sounds:

    second object ──▶ Alert ──further one, or fewer──▶ Update ──a day without another──▶ Cancel
                                                          └─────fewer than two left────▶ Cancel

Objects are counted, not incidents: one that comes back is the same, two incidents that turn out to
be one object count once, and what an operator dismisses counts no more.
"""

from bisect import bisect_right, insort
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import Field

from skyfence.contracts.alert import Alert
from skyfence.contracts.alert_chain import ALL_CLEAR_WORDS, CapWords, chain_fields
from skyfence.contracts.base import Contract, UtcTime
from skyfence.contracts.track_event import TrackEvent
from skyfence.identity import derive
from skyfence.incidents.wording import Vocabulary
from skyfence.naming import ALLIANCE, Environment, operators_channel
from skyfence.policy.parameters import MINUTE_MS
from skyfence.texts.tables import RepeatedTexts
from skyfence.times import from_ms, to_ms

WITHIN_MS: Final = 24 * 3_600_000
# A source keeps a track's number for so long; after that it may give it to another object.
_SAME_TRACK_MS: Final = 30 * MINUTE_MS
# What is remembered, and what one message lists, is bounded: swarms have hundreds.
_MOST_VIOLATIONS: Final = 1_000
_MOST_INCIDENTS: Final = 200
_MOST_LISTED: Final = 10
_MOST_TRACKS: Final = 20


class Violation(Contract):
    """A confirmed violation of one object: its incident, and the event that confirmed it last.

    ``tracks`` names those that were seen to be the object, ``earlier`` its incidents before.
    """

    incident_id: UUID
    confirmed: UtcTime
    event: TrackEvent
    tracks: tuple[str, ...] = ()
    earlier: tuple[UUID, ...] = ()

    @property
    def incidents(self) -> tuple[UUID, ...]:
        """Return the object's incidents, the latest last."""
        return (*self.earlier, self.incident_id)


class RepeatedViolations(Contract):
    """What the alliance was told of repeated violations in one run.

    ``told`` are the incidents that the open situation has named, ``count`` the number of objects.
    """

    number: int = 0  # how many there have been in this run
    step: int = 0  # last step of the open situation; 0 while none is open
    told: tuple[UUID, ...] = ()
    count: int = 0
    violations: tuple[Violation, ...] = ()
    latest: Violation | None = Field(default=None)


class ViolationCounter:
    """Counts the objects of a situation, and words what the alliance hears of it."""

    def __init__(self, environment: Environment, vocabulary: Vocabulary) -> None:
        self._environment = environment
        self._vocabulary = vocabulary

    def add(
        self, situation: RepeatedViolations, incident_id: UUID, event: TrackEvent
    ) -> tuple[RepeatedViolations, list[Alert]]:
        """Take in a confirmed violation; return the situation and what the alliance hears of it."""
        violation = Violation(
            incident_id=incident_id,
            confirmed=event.time,
            event=_without_details(event),
            tracks=(_name(event),),
        )
        since = violation.confirmed - timedelta(milliseconds=WITHIN_MS)
        first = bisect_right(situation.violations, since, key=_confirmed)
        recent = list(situation.violations[first:])
        for other in [other for other in recent if _is_same_object(other, violation)]:
            recent.remove(other)
            violation = _as_one(other, violation)
        insort(recent, violation, key=_order)
        violations = tuple(recent[-_MOST_VIOLATIONS:])
        situation = situation.model_copy(update={"violations": violations})
        return self._tell(situation, violation, to_ms(violation.confirmed))

    def merge(
        self, situation: RepeatedViolations, gone: UUID, into: UUID, time_ms: int
    ) -> tuple[RepeatedViolations, list[Alert]]:
        """Take in that two incidents are one object; ``gone`` is followed in ``into`` from now."""
        objects = [other for other in situation.violations if {gone, into} & set(other.incidents)]
        if not objects:
            return situation, []
        violation = objects[0]
        for other in objects[1:]:
            violation = _as_one(violation, other)
        earlier = tuple(dict.fromkeys([*violation.incidents, gone]))
        earlier = tuple(incident for incident in earlier if incident != into)
        violation = violation.model_copy(update={"incident_id": into, "earlier": earlier})
        left = [other for other in situation.violations if other not in objects]
        return self._correct(situation, [*left, violation], time_ms)

    def withdraw(
        self, situation: RepeatedViolations, incident_id: UUID, time_ms: int
    ) -> tuple[RepeatedViolations, list[Alert]]:
        """Take back the violation of an incident that an operator dismissed."""
        left = [other for other in situation.violations if incident_id not in other.incidents]
        return self._correct(situation, left, time_ms)

    def advance(
        self, situation: RepeatedViolations, now_ms: int
    ) -> tuple[RepeatedViolations, list[Alert]]:
        """Let time pass: a day without another violation ends the situation."""
        if situation.step == 0 or situation.latest is None:
            return situation, []
        end_ms = to_ms(situation.latest.confirmed) + WITHIN_MS
        if now_ms < end_ms:
            return situation, []
        texts = self._vocabulary.texts.repeated
        return self._end(situation, end_ms, texts.headline_over)

    def _correct(
        self, situation: RepeatedViolations, violations: list[Violation], time_ms: int
    ) -> tuple[RepeatedViolations, list[Alert]]:
        """Count other violations than before, and tell so if the situation is open."""
        named = {violation.incident_id for violation in violations}
        told = tuple(incident for incident in situation.told if incident in named)
        update = {"violations": _sorted(violations), "told": told}
        corrected = situation.model_copy(update=update)
        if situation.step == 0 or len(violations) == len(situation.violations):
            return corrected, []
        if len(violations) < 2:
            texts = self._vocabulary.texts.repeated
            return self._end(corrected, time_ms, texts.headline_corrected)
        return self._tell(corrected, violations[-1], time_ms)

    def _tell(
        self, situation: RepeatedViolations, latest: Violation, time_ms: int
    ) -> tuple[RepeatedViolations, list[Alert]]:
        """Tell how many objects there are, if that is news."""
        members = [violation.incident_id for violation in situation.violations]
        count = len(members)
        known = set(situation.told)
        new = [incident for incident in members if incident not in known]
        is_known = count == situation.count and not new
        if count < 2 or (is_known and situation.step):
            return situation, []
        told = (*situation.told, *new)[-_MOST_VIOLATIONS:]
        situation = situation.model_copy(
            update={
                "number": situation.number + (situation.step == 0),
                "step": situation.step + 1,
                "told": told,
                "count": count,
                "latest": latest,
            }
        )
        return situation, [self._alert(situation, time_ms)]

    def _end(
        self, situation: RepeatedViolations, time_ms: int, headline: str
    ) -> tuple[RepeatedViolations, list[Alert]]:
        ending = situation.model_copy(update={"step": situation.step + 1})
        alert = self._alert(ending, time_ms, over=headline)
        update = {"step": 0, "told": (), "count": 0, "latest": None}
        return situation.model_copy(update=update), [alert]

    def _alert(
        self, situation: RepeatedViolations, time_ms: int, *, over: str | None = None
    ) -> Alert:
        """Return the next message; ``over`` is the headline of one that ends the situation."""
        assert situation.latest is not None  # noqa: S101 - nobody is told before a violation
        event, environment = situation.latest.event, self._environment
        nations = sorted({nation for each in situation.violations for nation in each.event.nations})
        texts = self._vocabulary.texts.repeated
        where = texts.where.format(nations=self._vocabulary.join(nations)) if nations else ""
        headline = over or texts.headline
        return Alert(
            **chain_fields(
                environment=environment,
                chain_id=derive("situation", environment, event.run, ALLIANCE, situation.number),
                channel=operators_channel(environment, ALLIANCE),
                step=situation.step,
                cap=_cap_words(situation.step, over=over is not None),
                time=from_ms(time_ms),
                expires=from_ms(time_ms + WITHIN_MS),
                headline=headline.format(count=len(situation.violations), where=where),
                instruction=texts.instruction if over is None else texts.instruction_over,
            ),
            event="repeated airspace violations",
            place=ALLIANCE,
            place_kind="alliance",
            incident_state="violation" if over is None else "closed",
            description=_description(situation, texts),
            nations=tuple(nations),
            regions=(),
            other_side=(),
            incidents=situation.told[-_MOST_INCIDENTS:],
            lat=event.lat,
            lon=event.lon,
            last_seen=event.last_seen,
            depth_m=event.depth_m,
            zones_version=event.zones_version,
            run=event.run,
            source=event.source,
            track_id=event.track_id,
            object=event.object,
        )


def _name(event: TrackEvent) -> str:
    return f"{event.source}/{event.track_id}"


def _without_details(event: TrackEvent) -> TrackEvent:
    """Return an event without what no message of a situation says."""
    nothing = {"evidence": None, "earlier_fixes": (), "ahead": (), "within_reach": ()}
    return event.model_copy(update=nothing)


def _sorted(violations: list[Violation]) -> tuple[Violation, ...]:
    """Return the latest violations, in order of event time."""
    return tuple(sorted(violations, key=_order)[-_MOST_VIOLATIONS:])


def _confirmed(violation: Violation) -> datetime:
    return violation.confirmed


def _order(violation: Violation) -> tuple[datetime, str]:
    """Return what violations are sorted by."""
    return (violation.confirmed, str(violation.incident_id))


def _is_same_object(before: Violation, violation: Violation) -> bool:
    """Tell whether a violation is by an object that is counted: its incident, or its track again.

    A track is the same object's if it was followed since before, or nearly so: when a source has
    not used a track's number for a while, it may give it to another object.
    """
    if violation.incident_id == before.incident_id or violation.incident_id in before.earlier:
        return True
    if violation.tracks[0] not in before.tracks:
        return False
    event = violation.event
    followed_since = min(event.first.time, event.opened) if event.first else event.opened
    return to_ms(followed_since) - to_ms(before.event.last_seen) <= _SAME_TRACK_MS


def _as_one(before: Violation, violation: Violation) -> Violation:
    """Return the later of two violations of one object, with what is known of both."""
    earlier = dict.fromkeys([*before.incidents, *violation.earlier])
    earlier.pop(violation.incident_id, None)
    tracks = tuple(dict.fromkeys([*before.tracks, *violation.tracks]))
    return violation.model_copy(
        update={
            "earlier": tuple(earlier)[-_MOST_TRACKS:],
            "tracks": tracks[-_MOST_TRACKS:],
        }
    )


def _cap_words(step: int, *, over: bool) -> CapWords:
    if over:
        return ALL_CLEAR_WORDS
    return CapWords(
        message_type="Alert" if step == 1 else "Update",
        response_type="Monitor",
        urgency="Immediate",
        severity="Severe",
        certainty="Observed",
    )


def _description(situation: RepeatedViolations, texts: RepeatedTexts) -> str:
    """Return which tracks violated the airspace last, and where: degrees with four decimals, 11 m.

    Of many only the latest are listed, with the number of the others.
    """
    latest = situation.violations[-_MOST_LISTED:]
    violations = [
        texts.violation.format(
            track=violation.event.track_id,
            source=violation.event.source,
            lat=f"{violation.event.lat:.4f}",
            lon=f"{violation.event.lon:.4f}",
        )
        for violation in latest
    ]
    if (more := len(situation.violations) - len(latest)) > 0:
        violations.append(texts.more.format(count=more))
    return texts.description.format(violations=texts.separator.join(violations))
