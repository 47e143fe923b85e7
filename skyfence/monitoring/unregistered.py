"""Sources that the policy does not name: all of them together may raise one alarm, to the alliance.

Whoever may write to ``tracks`` can invent names. What they show is judged, but the silence of each
would wake every nation, so one summary stands for all of them: silent from when the first of them
falls silent until none is. Precondition: the policy names some source (``Policy.is_registered``).
Does not judge who is silent (``sources``).
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.feed import Feed
from skyfence.monitoring.feed_alarm import UNREGISTERED, Silence
from skyfence.naming import ALLIANCE

# So many are remembered: more than an authority has, and few enough to read.
_MOST: Final = 200


def excess(feeds: Collection[Feed]) -> Sequence[Feed]:
    """Return those of the unregistered feeds that are too many to remember.

    Silent ones stay before others, so that new names push no silence out, then the last heard.
    """
    by_worth = sorted(feeds, key=lambda feed: (feed.is_silent, feed.heard), reverse=True)
    return by_worth[_MOST:]


def new_summary(silent: Sequence[Feed], now: datetime, sounding: Sequence[str]) -> Feed:
    """Return the summary of unregistered feeds that have just fallen silent, some at least."""
    first = min(silent, key=lambda feed: feed.heard)
    cause = "silent" if first.silence is None else first.silence.cause
    limit_s = 0.0 if first.silence is None else first.silence.silent_after_s
    silence = Silence(
        since=first.heard,
        noticed=now,
        cause=cause,
        silent_after_s=limit_s,
        places=(ALLIANCE,),
        sounding=tuple(sounding),
    )
    return Feed(
        key=UNREGISTERED, run=LIVE_RUN, heard=first.heard, clock=first.clock, silence=silence
    )


def ended_summary(summary: Feed, feeds: Collection[Feed], now: datetime) -> Feed:
    """Return the summary when none of the unregistered ``feeds`` is silent.

    Where all were given up, none is back.
    """
    heard = [
        feed.heard for feed in feeds if feed.silence is None or feed.silence.heard_again is not None
    ]
    back = max(heard, default=None)
    silence = summary.silence
    if silence is None or silence.over is not None:
        return summary
    over = silence.model_copy(update={"over": now, "heard_again": back})
    return summary.model_copy(update={"silence": over})
