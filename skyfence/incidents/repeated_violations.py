"""The situation: two or more distinct objects with confirmed violations within 24 hours.

One violation may be a stray; a second within a day is news for the alliance by itself. The
situation is a chain of its own on the alliance's channel: an Alert at the second, an Update with
each further one, a Cancel when a day has passed without another.
"""

from typing import Final
from uuid import UUID

from pydantic import Field

from skyfence.contracts.alert import Alert
from skyfence.contracts.alert_chain import CapWords, chain_fields
from skyfence.contracts.base import Contract, UtcTime
from skyfence.contracts.track_event import TrackEvent
from skyfence.identity import derive
from skyfence.incidents.wording import Vocabulary
from skyfence.naming import ALLIANCE, Environment, operators_channel
from skyfence.texts.tables import RepeatedTexts
from skyfence.times import from_ms, to_ms

WITHIN_MS: Final = 24 * 3_600_000


class Violation(Contract):
    """A confirmed violation: whose, and the event that confirmed it."""

    incident_id: UUID
    confirmed: UtcTime
    event: TrackEvent


class RepeatedViolations(Contract):
    """What the alliance was told of repeated violations in one run."""

    number: int = 0  # how many there have been in this run
    step: int = 0  # last step of the open situation; 0 while none is open
    told: tuple[UUID, ...] = ()
    violations: tuple[Violation, ...] = ()
    latest: Violation | None = Field(default=None)


def add(
    situation: RepeatedViolations,
    violation: Violation,
    environment: Environment,
    vocabulary: Vocabulary,
) -> tuple[RepeatedViolations, list[Alert]]:
    """Take in a confirmed violation; return the situation and what the alliance hears of it."""
    since_ms = to_ms(violation.confirmed) - WITHIN_MS
    earlier = [
        other
        for other in situation.violations
        if to_ms(other.confirmed) > since_ms and other.incident_id != violation.incident_id
    ]
    violations = tuple(sorted([*earlier, violation], key=lambda counted: counted.confirmed))
    situation = situation.model_copy(update={"violations": violations})
    members = tuple(counted.incident_id for counted in violations)
    if len(members) < 2 or set(members) <= set(situation.told):
        return situation, []
    opened = situation.step == 0
    situation = situation.model_copy(
        update={
            "number": situation.number + opened,
            "step": situation.step + 1,
            "told": tuple(dict.fromkeys([*situation.told, *members])),
            "latest": violation,
        }
    )
    return situation, [_alert(situation, environment, vocabulary, to_ms(violation.confirmed))]


def advance(
    situation: RepeatedViolations, now_ms: int, environment: Environment, vocabulary: Vocabulary
) -> tuple[RepeatedViolations, list[Alert]]:
    """Let time pass: a day without another violation ends the situation."""
    if situation.step == 0 or situation.latest is None:
        return situation, []
    end_ms = to_ms(situation.latest.confirmed) + WITHIN_MS
    if now_ms < end_ms:
        return situation, []
    ending = situation.model_copy(update={"step": situation.step + 1})
    alert = _alert(ending, environment, vocabulary, end_ms, over=True)
    return situation.model_copy(update={"step": 0, "told": (), "latest": None}), [alert]


def _alert(
    situation: RepeatedViolations,
    environment: Environment,
    vocabulary: Vocabulary,
    time_ms: int,
    *,
    over: bool = False,
) -> Alert:
    assert situation.latest is not None  # noqa: S101 - nobody is told before a violation
    event = situation.latest.event
    nations = sorted({nation for each in situation.violations for nation in each.event.nations})
    texts = vocabulary.texts.repeated
    headline = texts.headline_over if over else texts.headline
    where = texts.where.format(nations=vocabulary.join(nations)) if nations else ""
    return Alert(
        **chain_fields(
            environment=environment,
            chain_id=derive("situation", environment, event.run, ALLIANCE, situation.number),
            channel=operators_channel(environment, ALLIANCE),
            step=situation.step,
            cap=_cap_words(situation.step, over=over),
            time=from_ms(time_ms),
            expires=from_ms(time_ms + WITHIN_MS),
            headline=headline.format(count=len(situation.violations), where=where),
            instruction=texts.instruction_over if over else texts.instruction,
        ),
        event="repeated airspace violations",
        place=ALLIANCE,
        place_kind="alliance",
        incident_state="closed" if over else "violation",
        description=_description(situation, texts),
        nations=tuple(nations),
        regions=(),
        other_side=(),
        incidents=situation.told,
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


def _cap_words(step: int, *, over: bool) -> CapWords:
    if over:
        return CapWords(
            message_type="Cancel",
            response_type="AllClear",
            urgency="Past",
            severity="Minor",
            certainty="Observed",
        )
    return CapWords(
        message_type="Alert" if step == 1 else "Update",
        response_type="Monitor",
        urgency="Immediate",
        severity="Severe",
        certainty="Observed",
    )


def _description(situation: RepeatedViolations, texts: RepeatedTexts) -> str:
    """Return which tracks violated the airspace, and where: degrees with four decimals, 11 m."""
    events = [violation.event for violation in situation.violations]
    violations = [
        texts.violation.format(
            track=event.track_id,
            source=event.source,
            lat=f"{event.lat:.4f}",
            lon=f"{event.lon:.4f}",
        )
        for event in events
    ]
    return texts.description.format(violations=texts.separator.join(violations))
