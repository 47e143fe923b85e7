"""Sources' health: when each was last heard, and whether its silence is alarming.

    source clocks (from track.events) ──▶ hear ─┐
    how far the workers have judged ────────────┼▶ judge ──▶ silences ──▶ feed alarms
    where a source's incidents stand ───────────┘

A source is heard when its event time moves on, by reports or heartbeats; a source whose event time
stands still is silent, whatever it sends. A source that has ended is not silent. Sources that were
never heard are not known here. The wall clock arrives as data. Does not send alarms.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from skyfence.contracts.alert import FeedAlarm, PlaceKind, SilenceCause
from skyfence.contracts.base import Contract, RunName, UtcTime
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import LIVE_RUN, source_of
from skyfence.monitoring.feed_alarm import Silence, given_up_after, untold
from skyfence.naming import ALLIANCE, Environment
from skyfence.policy.parameters import DetectionParameters
from skyfence.policy.policy import Policy
from skyfence.texts.tables import FeedTexts
from skyfence.times import MS_PER_S, from_ms, to_ms

# A source's clock is published this often, so it may have sent this much later than it was heard.
_CLOCK_STEP_MS: Final = DetectionParameters().clock_every_ms
# Healthy workers have judged what is older than this: ticks, commits and a restart included.
_JUDGED_WITHIN_MS: Final = 15_000
# An ended source is shown for so long, and then forgotten.
_ENDED_KEPT: Final = timedelta(hours=1)
# A silence sounds at a place once in this time, however many sources fall silent: where a line or a
# worker fails, all do, and a channel may sound ten times in ten minutes for everything together.
_SOUNDS_EVERY: Final = timedelta(minutes=10)
# The places where an incident of a source stands: run and source to places.
ConcernedPlaces = Callable[[str, str], Collection[str]]


def _nowhere(_run: str, _source: str) -> Collection[str]:
    """Return no place: no incident stands."""
    return ()


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

    @property
    def is_healthy(self) -> bool:
        """Tell whether the source is seen: it has not ended, and is not silent."""
        silence = self.silence
        is_back = silence is None or silence.heard_again is not None
        return is_back and not self.ended


class SourceMonitor:
    """The sources of one environment. ``kinds`` holds the kinds of the places that may be told.

    ``known`` and ``sounded`` are what an earlier monitor left.
    """

    def __init__(
        self,
        environment: Environment,
        policy: Policy,
        kinds: Mapping[str, PlaceKind],
        texts: FeedTexts,
        known: Iterable[Feed] = (),
        *,
        sounded: Mapping[str, datetime] | None = None,
    ) -> None:
        self._environment = environment
        self._policy = policy
        self._kinds = kinds
        self._texts = texts
        self._feeds = {(feed.run, feed.key): feed for feed in known}
        self._sounded = dict(sounded or {})

    @property
    def all(self) -> list[Feed]:
        """Return all sources that are known, live ones first."""
        return sorted(
            self._feeds.values(), key=lambda feed: (feed.run != LIVE_RUN, feed.run, feed.key)
        )

    @property
    def sounded(self) -> dict[str, datetime]:
        """Return when a silence sounded last at each place."""
        return dict(self._sounded)

    @property
    def covered(self) -> dict[str, list[Collection[str] | None]]:
        """Return what each healthy source covers, by run: places, or None for all.

        A replay whose sources have all ended is over, and left out; the live run never is.
        """
        covered: dict[str, list[Collection[str] | None]] = {LIVE_RUN: []}
        for feed in self.all:
            if feed.is_healthy:
                watched = self._policy.watches(source_of(feed.key))
                covered.setdefault(feed.run, []).append(watched)
            elif not feed.ended:
                covered.setdefault(feed.run, [])
        return covered

    def hear(self, clock: SourceWatermark, published_ms: int, partition: int | None) -> None:
        """Take in a source's clock; the frame that moved it reached Kafka at ``published_ms``."""
        before = self._feeds.get((clock.run, clock.key))
        heard = from_ms(published_ms)
        self._feeds[clock.run, clock.key] = Feed(
            key=clock.key,
            run=clock.run,
            heard=heard if before is None else max(heard, before.heard),
            clock=clock.time,
            partition=partition,
            ended=clock.last,
            silence=None if before is None else before.silence,
        )

    def judge(
        self,
        now_ms: int,
        watching_since_ms: int,
        judged_to_ms: Mapping[int, int],
        concerned: ConcernedPlaces = _nowhere,
    ) -> None:
        """Find out which sources are silent at ``now_ms``, and whose silence is over.

        ``judged_to_ms`` holds, by partition of ``tracks``, up to when all that came was judged. No
        silence is counted from before ``watching_since_ms``, so that a monitor that begins gives
        every source the time to be heard. All are the wall clock's, in ms since 1970. A silence is
        also told at the ``concerned`` places, and at those that come to be while it lasts.
        """
        now = from_ms(now_ms)
        self._sounded = {
            place: time for place, time in self._sounded.items() if now - time < _SOUNDS_EVERY
        }
        for name, feed in list(self._feeds.items()):
            before = feed.silence
            if before is None:
                cause = self._cause(feed, now_ms, watching_since_ms, judged_to_ms)
                if cause is not None:
                    silent = self._fall_silent(feed, cause, now_ms)
                    self._feeds[name] = self._spread(silent, (), concerned, now)
                elif feed.ended and now - feed.heard > _ENDED_KEPT:
                    del self._feeds[name]
            elif before.over is None:
                after = self._after_silence(feed, before, now_ms)
                self._feeds[name] = self._spread(after, before.told_by_place, concerned, now)

    def pending_alarms(self) -> list[FeedAlarm]:
        """Return the alarms that follow from silences and are not noted as sent."""
        return [
            alarm
            for feed in self.all
            if feed.silence is not None
            for alarm in untold(
                feed.silence, feed.key, feed.run, self._environment, self._kinds, texts=self._texts
            )
        ]

    def note_sent(self) -> None:
        """Note that all pending alarms are stored in Kafka; forget silences that are over."""
        for name, feed in list(self._feeds.items()):
            silence = feed.silence
            if silence is None:
                continue
            if silence.over is None:
                self._feeds[name] = feed.model_copy(update={"silence": silence.all_told()})
            elif silence.heard_again is None:
                del self._feeds[name]  # given up; if it comes back after all, it is new
            else:
                self._feeds[name] = feed.model_copy(update={"silence": None})

    def silent_after_s(self, key: str) -> float:
        """Return after how long a source's silence is alarming, in seconds."""
        return self._policy.silent_after_s(source_of(key))

    def _limit_ms(self, key: str) -> int:
        return round(self.silent_after_s(key) * MS_PER_S) + _CLOCK_STEP_MS

    def _cause(
        self, feed: Feed, now_ms: int, since_ms: int, judged_to_ms: Mapping[int, int]
    ) -> SilenceCause | None:
        """Return why a source counts as silent; None if it does not."""
        if feed.ended:
            return None
        bound_ms = max(to_ms(feed.heard), since_ms) + self._limit_ms(feed.key)
        partition = -1 if feed.partition is None else feed.partition
        if judged_to_ms.get(partition, 0) > bound_ms:
            return "silent"
        return "unjudged" if now_ms > bound_ms + _JUDGED_WITHIN_MS else None

    def _fall_silent(self, feed: Feed, cause: SilenceCause, now_ms: int) -> Feed:
        silence = Silence(
            since=feed.heard,
            noticed=from_ms(now_ms),
            cause=cause,
            silent_after_s=self.silent_after_s(feed.key),
            places=self._places(feed.key),
        )
        return feed.model_copy(update={"silence": silence})

    def _after_silence(self, feed: Feed, silence: Silence, now_ms: int) -> Feed:
        """Return a silent source as it is now: still silent, heard again, ended or given up."""
        now = from_ms(now_ms)
        moved = feed.heard > silence.since
        fresh = moved and now_ms - to_ms(feed.heard) <= self._limit_ms(feed.key)
        if not (fresh or feed.ended or now - feed.heard > given_up_after(feed.run)):
            return feed
        heard_again = feed.heard if fresh or feed.ended else None
        over = silence.model_copy(update={"over": now, "heard_again": heard_again})
        return feed.model_copy(update={"silence": over})

    def _spread(
        self, feed: Feed, known: Collection[str], concerned: ConcernedPlaces, now: datetime
    ) -> Feed:
        """Return a source whose silence, while it lasts, also concerns the ``concerned`` places.

        It sounds at those that are not ``known`` from before, where no silence has sounded lately.
        """
        silence = feed.silence
        if silence is None or silence.over is not None:
            return feed
        silence = silence.concerning(concerned(feed.run, source_of(feed.key)))
        new = [p for p in silence.told_by_place if p not in known and p not in self._sounded]
        self._sounded |= dict.fromkeys(new, now)
        sounding = {"sounding": (*silence.sounding, *new)}
        return feed.model_copy(update={"silence": silence.model_copy(update=sounding)})

    def _places(self, key: str) -> Sequence[str]:
        """Return the places that watch a source: the alliance, and those that the policy names.

        Where it names none, they are all nations.
        """
        watched = self._policy.watches(source_of(key))
        if watched is None:
            watched = tuple(place for place, kind in self._kinds.items() if kind == "nation")
        return tuple(dict.fromkeys([ALLIANCE, *sorted(watched)]))
