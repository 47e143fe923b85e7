"""Until when a sink tells people of an alert, by the wall clock.

Whose clock an alert's times are (``as_of_ms``):

    live          the alert's own times are the wall clock's
    replays       keep the times of what they replay; in an exercise they count from the moment at
                  which the alert was decided, and hold as long as they would have held
    actual        always the alert's own times, whatever the run: a replay of old times is history,
                  and no actual alert that is past its expiry can reach a phone
    feed alarms   the wall clock's, in every run

Does no I/O and reads no clock.
"""

from typing import Final

from skyfence.contracts.alert import AlertMessage, AnyAlert, FeedAlarm
from skyfence.frames.frame import LIVE_RUN
from skyfence.naming import Environment
from skyfence.times import MS_PER_S, to_ms

# That a sensor is silent is news for whoever can act at once; its alarm on the channels holds for
# as long as the source is waited for.
FEED_ALARM_HOLDS_MS: Final = 10 * 60 * MS_PER_S
# Whoever was told of danger is told of its end, however late; after a day they know it otherwise.
END_TOLD_WITHIN_MS: Final = 24 * 3600 * MS_PER_S


def as_of_ms(alert: AnyAlert, decided_ms: int | None, environment: Environment) -> int:
    """Return the wall clock's time, in ms, at an alert's own ``time``: see the table above."""
    own_times = environment is Environment.ACTUAL or alert.run == LIVE_RUN
    if own_times or isinstance(alert, FeedAlarm) or decided_ms is None:
        return to_ms(alert.time)
    return decided_ms


def expires_ms(
    alert: AnyAlert, as_of: int, decided_ms: int | None = None, *, read_ms: int | None = None
) -> int:
    """Return when an alert expires by the wall clock, in ms; ``as_of`` is its ``as_of_ms``.

    A feed alarm counts from the moment in which it was decided for its place, which may be long
    after the source fell silent. ``read_ms`` is when the alert was read as the newest of its chain
    by a sink that begins: an end holds anew from then on, for a day.
    """
    holds_ms = to_ms(alert.expires) - to_ms(alert.time)
    expires = as_of + holds_ms
    if alert.message_type == "Cancel":
        if read_ms is not None and read_ms < as_of + END_TOLD_WITHIN_MS:
            return max(expires, read_ms + holds_ms)
        return expires
    if isinstance(alert, FeedAlarm):
        return min(expires, max(as_of, decided_ms or as_of) + FEED_ALARM_HOLDS_MS)
    return expires


def message_expires_ms(
    message: AlertMessage, environment: Environment, now_ms: int, *, read_ms: int | None = None
) -> int:
    """Return when a message expires by the wall clock, in ms; ``read_ms`` as for ``expires_ms``.

    A replayed one of which nobody knows when it was decided holds from ``now_ms`` on.
    """
    decided = message.timeline.decided
    decided_ms = None if decided is None else to_ms(decided)
    as_of = as_of_ms(message.alert, decided_ms or now_ms, environment)
    return expires_ms(message.alert, as_of, decided_ms, read_ms=read_ms)
