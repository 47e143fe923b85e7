"""The notice: what one SMS is to say, before it is put into words of a language.

It travels through the outbox as JSON and is put into words only when it is sent, so that the
minutes in it are those that are left then. Until when it is sent says ``consumers.expiry``.

Does not choose recipients (``recipients``), nor which news is sent (``budget``).
"""

from collections.abc import Mapping
from typing import Final

from skyfence.contracts.alert import (
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
    level_rank,
)
from skyfence.contracts.base import Contract, UtcTime
from skyfence.naming import ZoneName
from skyfence.texts.tables import NoticeKind
from skyfence.times import from_ms, to_ms

# Kinds that name the number of objects, and those of the same meaning that do not.
_MANY: Final[Mapping[NoticeKind, NoticeKind]] = {
    "threat": "threat_many",
    "threat_now": "threat_now_many",
    "threat_open": "threat_open_many",
    "violation": "violation_many",
}
# What the minutes that are over by now make of a kind.
_WITHOUT_MINUTES: Final[Mapping[NoticeKind, NoticeKind]] = {
    "threat": "threat_now",
    "threat_many": "threat_now_many",
}
# A message that the gateway may or may not have taken is sent again at most this many times.
MOST_DOUBTS: Final = 2
_MS_PER_MINUTE: Final = 60_000


class Notice(Contract):
    """An alert as an SMS tells it.

    ``level`` is the place's and ``episode`` its number in the ``run``, None for a sensor feed;
    ``objects`` concern the place, and ``unseen`` says that no source covers it. ``sounds`` says
    that somebody has to act. ``nations`` are named to the alliance only; ``beneath`` are the
    regions and nations of a wider place that are in danger. ``time`` is the alert's own and the
    same in all notices of one event; ``as_of`` is the wall clock's time at that moment, and
    ``minutes`` were left then. ``warned`` says that the person may have been told of danger in the
    place before, and not yet of its end.
    """

    kind: NoticeKind
    status: AlertStatus
    severity: Severity
    language: str
    place: ZoneName
    place_kind: PlaceKind
    level: PlaceLevel | None = None
    objects: int = 0
    unseen: bool = False
    sounds: bool = True
    run: str = ""
    episode: int | None = None
    nations: tuple[str, ...] = ()
    beneath: tuple[ZoneName, ...] = ()
    step: int
    last: bool  # the chain ends with it
    time: UtcTime
    as_of: UtcTime
    decided: UtcTime | None = None
    minutes: int | None = None
    warned: bool = False

    @property
    def order(self) -> tuple[int, int]:
        """Return what orders the notices of one place's state, or of one silence."""
        return (self.episode or 0, self.step)

    def is_of_one_place(self, other: "Notice") -> bool:
        """Tell whether both tell the state of one place in one run, in whatever episode."""
        return None not in (self.episode, other.episode) and (self.run, self.place) == (
            other.run,
            other.place,
        )

    @property
    def rank(self) -> int:
        """Return how grave the notice is, 0 to 3: a silent sensor is as grave as it gets."""
        if self.level is None:
            return 3 if self.kind == "feed_silent" else 0
        return level_rank(self.level)

    @property
    def words(self) -> tuple[object, ...]:
        """Return what the words of the SMS follow from, its language aside."""
        return (self.kind, self.minutes, self.objects, self.nations, self.unseen)

    @property
    def is_severe(self) -> bool:
        """Tell whether receiving the SMS twice is better than not at all."""
        return self.severity in ("Extreme", "Severe")

    def kind_at(self, now_ms: int) -> NoticeKind:
        """Return the kind at a time of the wall clock (ms): its minutes may be over by then."""
        minutes = self.minutes_at(now_ms)
        return self.kind if minutes else _WITHOUT_MINUTES.get(self.kind, self.kind)

    def minutes_at(self, now_ms: int) -> int | None:
        """Return the whole minutes left at a time of the wall clock (ms), 0 when they are over.

        None where the alert names no minutes.
        """
        if self.minutes is None:
            return None
        gone = max(0, now_ms - to_ms(self.as_of)) // _MS_PER_MINUTE
        return max(0, self.minutes - gone)


def notice_of(alert: PlaceAlert | FeedAlarm, as_of_ms: int, decided_ms: int | None) -> Notice:
    """Return the notice of an alert, in no language yet: ``language`` is empty.

    ``as_of_ms`` is the alert's ``time`` by the wall clock; ``decided_ms`` is when it was decided.
    """
    state = alert if isinstance(alert, PlaceAlert) else None
    return Notice(
        kind=kind_of(alert),
        status=alert.status,
        severity=alert.severity,
        language="",
        place=alert.place,
        place_kind=alert.place_kind,
        level=state.level if state else None,
        objects=state.objects if state else 0,
        unseen=state.unseen if state else False,
        sounds=alert.notify == "sound" if state else True,
        run=alert.run,
        episode=state.episode if state else None,
        nations=state.nations if state and alert.place_kind == "alliance" else (),
        beneath=(*state.nations, *state.regions) if state else (),
        step=alert.step,
        last=alert.message_type == "Cancel",
        time=alert.time,
        as_of=from_ms(as_of_ms),
        decided=None if decided_ms is None else from_ms(decided_ms),
        minutes=state.minutes_left if state else None,
    )


def kind_of(alert: PlaceAlert | FeedAlarm) -> NoticeKind:
    """Return the kind of notice, which selects the text, of an alert."""
    if isinstance(alert, FeedAlarm):
        back: NoticeKind = "feed_given_up" if alert.heard_again is None else "feed_back"
        return back if alert.message_type == "Cancel" else "feed_silent"
    if is_abandoned(alert):
        return "untracked"
    if alert.level == "clear":
        return "all_clear"
    if alert.level == "watch":
        is_news = alert.unseen and "unseen" in alert.news and "level" not in alert.news
        return "unseen" if is_news else "averted"
    kind = _of_danger(alert)
    return _MANY.get(kind, kind) if alert.objects > 1 else kind


def _of_danger(alert: PlaceAlert) -> NoticeKind:
    """Return the kind of a place at ``prepare`` or ``shelter``, without a number of objects."""
    none_is_seen = 0 < alert.objects == alert.lost
    if alert.level == "shelter":
        return "lost" if none_is_seen else "violation"
    if alert.minutes_left is not None:
        return "threat" if alert.minutes_left else "threat_now"
    return "lost_watch" if none_is_seen else "threat_open"


def priority(alert: AnyAlert) -> int:
    """Return an alert's priority, by severity, then urgency: the lowest number is sent first."""
    severity = gravest_first(alert.severity, Severity)
    return 10 * severity + gravest_first(alert.urgency, Urgency)
