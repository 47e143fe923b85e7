"""A feed: what is known of one source (or shard of it) in one run.

    source clock    --> heard: its event time moved on
    mistimed frames --> its clock is wrong, as long as they go on
    a clock of ours is set --> every remembered time moves with it, so that spans stay as long

Judges nothing (``sources``). Times are the wall clock's, unless they are called event time.
"""

from datetime import timedelta

from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.contracts.track_event import SourceMistimed, SourceWatermark
from skyfence.monitoring.feed_alarm import Silence
from skyfence.times import from_ms, to_ms, was_set_back


class Mistimed(Contract):
    """A source whose clock is wrong: ``since`` when, ``until`` when at least (wall clock).

    ``off_ms`` is how far its last such frame was ahead of its arrival; negative: behind.
    """

    since: UtcTime
    until: UtcTime
    off_ms: int


class Feed(Contract):
    """What is known of one source or shard (``key``) of one run.

    ``heard`` is the wall clock at which its event time last moved on: when that frame reached
    Kafka. ``clock`` is its event time, ``partition`` that of ``tracks`` which its frames come by.
    """

    key: str
    run: RunName
    heard: UtcTime
    clock: UtcTime
    partition: int | None = None
    ended: bool = False
    silence: Silence | None = None
    mistimed: Mistimed | None = None

    @property
    def is_healthy(self) -> bool:
        """Tell whether the source is seen: it has not ended, and is not silent."""
        silence = self.silence
        is_back = silence is None or silence.heard_again is not None
        return is_back and not self.ended

    @property
    def is_silent(self) -> bool:
        """Tell whether it is silent, and waited for."""
        return self.silence is not None and self.silence.over is None

    def is_mistimed(self, now_ms: int, limit_ms: int) -> bool:
        """Tell whether its clock is wrong, as far as was said within a limit."""
        return self.mistimed is not None and now_ms - to_ms(self.mistimed.until) <= limit_ms

    def after_clock(
        self, clock: SourceWatermark, published_ms: int, partition: int | None, now_ms: int
    ) -> "Feed":
        """Return the feed when its event time has moved on, in a frame that came then."""
        heard = from_ms(max(self._arrival_ms(published_ms, now_ms), to_ms(self.heard)))
        silence = self.silence
        if silence is not None and heard > silence.since:
            silence = silence.model_copy(update={"broken": True})
        return self.model_copy(
            update={
                "heard": heard,
                "clock": clock.time,
                "partition": partition,
                "ended": clock.last,
                "silence": silence,
            }
        )

    def after_mistimed(
        self, event: SourceMistimed, published_ms: int, now_ms: int, limit_ms: int
    ) -> "Feed":
        """Return the feed when most of its frames did not fit the time at which they came.

        What is said again within a limit goes on.
        """
        until_ms = self._arrival_ms(published_ms, now_ms)
        since = until = from_ms(until_ms)
        if self.mistimed is not None and self.is_mistimed(until_ms, limit_ms):
            since = self.mistimed.since
        mistimed = Mistimed(since=since, until=until, off_ms=event.off_ms)
        return self.model_copy(update={"mistimed": mistimed})

    def shifted(self, by: timedelta) -> "Feed":
        """Return the feed after this machine's clock was set, with its times as they are now."""
        mistimed = self.mistimed
        if mistimed is not None:
            moved = {"since": mistimed.since + by, "until": mistimed.until + by}
            mistimed = mistimed.model_copy(update=moved)
        return self.model_copy(update={"heard": self.heard + by, "mistimed": mistimed})

    def _arrival_ms(self, published_ms: int, now_ms: int) -> int:
        """Return when a frame came: not after now, and now where the broker's clock was set back.

        A broker dates later frames later, so that one far before the last was dated anew.
        """
        is_dated_anew = was_set_back(published_ms, to_ms(self.heard))
        return now_ms if is_dated_anew else min(published_ms, now_ms)
