"""The situation: two or more distinct objects with confirmed violations within 24 hours.

One violation may be a stray; a second within a day is news for the alliance by itself. The
situation is a chain of its own on the alliance's channel: an Alert at the second, an Update with
each further one, a Cancel when a day has passed without another.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import Field

from skyfence.contracts.alert import Alert, alert_id, status_of
from skyfence.contracts.base import Contract, UtcTime
from skyfence.contracts.track_event import TrackEvent
from skyfence.identity import derive
from skyfence.incidents import wording
from skyfence.naming import ALLIANCE, Environment, operators_channel
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
    step: int = 0  # of the one that is open; 0: none is
    told: tuple[UUID, ...] = ()
    violations: tuple[Violation, ...] = ()
    latest: Violation | None = Field(default=None)


def add(
    situation: RepeatedViolations,
    violation: Violation,
    environment: Environment,
    names: Mapping[str, str],
) -> tuple[RepeatedViolations, list[Alert]]:
    """Take in a confirmed violation; return the situation and what the alliance hears of it."""
    since_ms = to_ms(violation.confirmed) - WITHIN_MS
    kept = [
        one
        for one in situation.violations
        if to_ms(one.confirmed) > since_ms and one.incident_id != violation.incident_id
    ]
    violations = tuple(sorted([*kept, violation], key=lambda one: one.confirmed))
    situation = situation.model_copy(update={"violations": violations})
    members = tuple(one.incident_id for one in violations)
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
    return situation, [_alert(situation, environment, names, to_ms(violation.confirmed))]


def advance(
    situation: RepeatedViolations, now_ms: int, environment: Environment, names: Mapping[str, str]
) -> tuple[RepeatedViolations, list[Alert]]:
    """Let time pass: a day without another violation ends the situation."""
    if situation.step == 0 or situation.latest is None:
        return situation, []
    end_ms = to_ms(situation.latest.confirmed) + WITHIN_MS
    if now_ms < end_ms:
        return situation, []
    ending = situation.model_copy(update={"step": situation.step + 1})
    alert = _alert(ending, environment, names, end_ms, over=True)
    return situation.model_copy(update={"step": 0, "told": (), "latest": None}), [alert]


def _alert(
    situation: RepeatedViolations,
    environment: Environment,
    names: Mapping[str, str],
    time_ms: int,
    *,
    over: bool = False,
) -> Alert:
    assert situation.latest is not None  # noqa: S101 - nothing is told before one
    event = situation.latest.event
    own_id = derive("situation", environment, event.run, ALLIANCE, situation.number)
    channel = operators_channel(environment, ALLIANCE)
    nations = tuple(sorted({n for one in situation.violations for n in one.event.nations}))
    told = [names.get(nation, nation) for nation in nations]
    count = len(situation.violations)
    headline = wording.situation_headline(count, told, environment, over=over)
    listed = "; ".join(
        f"{one.event.track_id} of {one.event.source} at {one.event.lat:.4f} {one.event.lon:.4f}"
        for one in situation.violations
    )
    return Alert(
        alert_id=alert_id(own_id, channel, situation.step),
        incident_id=own_id,
        channel=channel,
        place=ALLIANCE,
        place_kind="alliance",
        step=situation.step,
        references=tuple(alert_id(own_id, channel, step) for step in range(1, situation.step)),
        status=status_of(environment),
        message_type="Cancel" if over else "Alert" if situation.step == 1 else "Update",
        event="repeated airspace violations",
        response_type="AllClear" if over else "Monitor",
        urgency="Past" if over else "Immediate",
        severity="Minor" if over else "Severe",
        certainty="Observed",
        incident_state="closed" if over else "violation",
        time=from_ms(time_ms),
        expires=from_ms(time_ms) + timedelta(hours=24),
        headline=headline,
        description=f"Confirmed violations: {listed}.",
        instruction="Stand down." if over else "Weigh the incidents together; consult the nations.",
        nations=nations,
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
