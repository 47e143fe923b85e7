"""The notice: what one SMS is to say, before it is put into words of a language.

It travels through the outbox as JSON and is put into words only when it is sent, so that the
minutes in it are those that are left then.

Whose clock an alert's times are, is decided here (``as_of_ms``):

    live          the alert's own times are the wall clock's
    replays       keep the times of what they replay; in an exercise they count from the moment at
                  which the alert was decided, and hold as long as they would have held
    actual        always the alert's own times, whatever the run: a replay of old times is history,
                  and no actual alert that is past its expiry can reach a phone
    feed alarms   the wall clock's, in every run

Does not choose recipients (``recipients``) and does not merge (``merging``).
"""

from collections.abc import Mapping
from typing import Final

from skyfence.contracts.alert import (
    Alert,
    AlertStatus,
    AnyAlert,
    FeedAlarm,
    PlaceAlert,
    PlaceKind,
    PlaceLevel,
    Severity,
    Urgency,
    gravest_first,
    is_abandoned,
)
from skyfence.contracts.base import Contract, UtcTime
from skyfence.frames.frame import LIVE_RUN
from skyfence.naming import Environment, ZoneName
from skyfence.texts.tables import NoticeKind
from skyfence.times import from_ms, to_ms

# How grave a kind of notice is; kinds that are not here are 0. A notice makes a less grave one of a
# wider place superfluous.
LEVELS: Final[Mapping[NoticeKind, int]] = {
    "threat": 1,
    "threat_now": 1,
    "threat_open": 1,
    "possible": 2,
    "lost_watch": 2,
    "violation": 3,
    "lost": 3,
    "situation": 3,
    "feed_silent": 3,
}
# Of a place's level; ``prepare`` also names the minutes left.
_OF_LEVEL: Final[Mapping[PlaceLevel, NoticeKind]] = {
    "clear": "all_clear",
    "watch": "averted",
    "shelter": "violation",
}
# A message that the gateway may or may not have taken is sent again at most this many times.
MOST_DOUBTS: Final = 2
_MS_PER_MINUTE: Final = 60_000


class Notice(Contract):
    """An alert as an SMS tells it.

    ``time`` is the alert's own and the same in all notices of one event; ``as_of`` is the wall
    clock's time at that moment, and ``minutes`` were left then. ``nations`` are named to the
    alliance only.
    """

    kind: NoticeKind
    status: AlertStatus
    severity: Severity
    language: str
    place: ZoneName
    place_kind: PlaceKind
    nations: tuple[str, ...] = ()
    step: int
    last: bool  # the chain ends with it
    time: UtcTime
    as_of: UtcTime
    decided: UtcTime | None = None
    minutes: int | None = None

    @property
    def level(self) -> int:
        """Return how grave the notice is, 0 to 3 (``LEVELS``)."""
        return LEVELS.get(self.kind, 0)

    @property
    def is_severe(self) -> bool:
        """Tell whether receiving the SMS twice is better than not at all."""
        return self.severity in ("Extreme", "Severe")

    def minutes_at(self, now_ms: int) -> int | None:
        """Return the whole minutes left at a time of the wall clock (ms), 0 when they are over.

        None where the alert names no minutes.
        """
        if self.minutes is None:
            return None
        gone = max(0, now_ms - to_ms(self.as_of)) // _MS_PER_MINUTE
        return max(0, self.minutes - gone)


def notice_of(alert: AnyAlert, as_of_ms: int, decided_ms: int | None) -> Notice:
    """Return the notice of an alert, in no language yet: ``language`` is empty.

    ``as_of_ms`` is the alert's ``time`` by the wall clock; ``decided_ms`` is when it was decided.
    """
    incident = alert if isinstance(alert, Alert) else None
    return Notice(
        kind=kind_of(alert),
        status=alert.status,
        severity=alert.severity,
        language="",
        place=alert.place,
        place_kind=alert.place_kind,
        nations=incident.nations if incident and alert.place_kind == "alliance" else (),
        step=alert.step,
        last=alert.message_type == "Cancel",
        time=alert.time,
        as_of=from_ms(as_of_ms),
        decided=None if decided_ms is None else from_ms(decided_ms),
        minutes=incident.minutes_left if incident else None,
    )


def kind_of(alert: AnyAlert) -> NoticeKind:
    """Return the kind of notice, which selects the text, of an alert."""
    over = alert.message_type == "Cancel"
    if isinstance(alert, FeedAlarm):
        back: NoticeKind = "feed_given_up" if alert.heard_again is None else "feed_back"
        return back if over else "feed_silent"
    if is_abandoned(alert):
        return "untracked"
    return _of_place(alert) if isinstance(alert, PlaceAlert) else _of_incident(alert, over=over)


def _of_incident(alert: Alert, *, over: bool) -> NoticeKind:
    if alert.event == "repeated airspace violations":
        return "situation_over" if over else "situation"
    if alert.incident_state == "closed":
        return "all_clear" if alert.response_type == "AllClear" else "merged"
    if alert.incident_state == "exited":
        return "exited"
    return _of_danger(alert)


def _of_place(alert: PlaceAlert) -> NoticeKind:
    fixed = _OF_LEVEL.get(alert.level)
    if fixed is not None:
        return fixed
    if alert.minutes_left is None:
        return "threat_open"
    return "threat" if alert.minutes_left else "threat_now"


def _of_danger(alert: Alert) -> NoticeKind:
    if alert.severity == "Moderate":  # it was on its way here, or was here, and moved on
        return "lost_watch" if alert.incident_state == "lost" else "averted"
    if alert.incident_state == "lost":
        return "lost" if alert.response_type == "Shelter" else "lost_watch"
    if alert.urgency == "Expected":
        if alert.minutes_left is None:
            return "threat_open"
        return "threat" if alert.minutes_left else "threat_now"
    # A region shelters once it is sure; who answers for more only watches, whatever is sure.
    sure = alert.response_type == "Shelter" or alert.place_kind != "region"
    return "violation" if sure and alert.certainty == "Observed" else "possible"


def as_of_ms(alert: AnyAlert, decided_ms: int | None, environment: Environment) -> int:
    """Return the wall clock's time, in ms, at an alert's own ``time``: see the table above."""
    own_times = environment is Environment.ACTUAL or alert.run == LIVE_RUN
    if own_times or isinstance(alert, FeedAlarm) or decided_ms is None:
        return to_ms(alert.time)
    return decided_ms


def expires_ms(alert: AnyAlert, as_of: int) -> int:
    """Return when an alert expires by the wall clock, in ms; ``as_of`` is its ``as_of_ms``."""
    return as_of + to_ms(alert.expires) - to_ms(alert.time)


def priority(alert: AnyAlert) -> int:
    """Return an alert's priority, by severity, then urgency: the lowest number is sent first."""
    severity = gravest_first(alert.severity, Severity)
    return 10 * severity + gravest_first(alert.urgency, Urgency)
