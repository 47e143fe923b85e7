"""Sources' health: when each was last heard, and whether its silence is alarming.

    source clocks (from track.events) ──▶ hear ─┐
    mistimed frames (the same) ─────────────────┤
    how far the workers have judged ────────────┼▶ judge ──▶ silences ──▶ feed alarms
    where a source's incidents stand ───────────┘

A source is heard when its event time moves on, by reports or heartbeats; a source whose event time
stands still is silent, whatever it sends. A source that has ended is not silent. Sources that were
never heard are not known here. Those that the policy does not name have one alarm for all of them
(``unregistered``). The wall clock arrives as data. Does not send alarms.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from skyfence.contracts.alert import FeedAlarm, PlaceKind, SilenceCause
from skyfence.contracts.track_event import OperatorClosed, SourceMistimed, SourceWatermark
from skyfence.frames.frame import LIVE_RUN, source_of
from skyfence.monitoring.feed import Feed
from skyfence.monitoring.feed_alarm import (
    UNREGISTERED,
    Silence,
    given_up_after,
    silence_id,
    untold,
)
from skyfence.monitoring.unregistered import ended_summary, excess, new_summary
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
_SUMMARY: Final = (LIVE_RUN, UNREGISTERED)
# The places where an incident of a source stands: run and source to places.
ConcernedPlaces = Callable[[str, str], Collection[str]]


def _nowhere(_run: str, _source: str) -> Collection[str]:
    """Return no place: no incident stands."""
    return ()


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
        """Return all sources that are known, live ones first, and the summary while it stands."""
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

        A replay whose sources have all ended is over, and left out; the live run never is. What
        the policy does not name covers nothing there: anybody can invent it.
        """
        covered: dict[str, list[Collection[str] | None]] = {LIVE_RUN: []}
        for feed in self.all:
            if feed.run == LIVE_RUN and not self.is_registered(feed.key):
                continue
            if feed.is_healthy:
                watched = self._policy.watches(source_of(feed.key))
                covered.setdefault(feed.run, []).append(watched)
            elif not feed.ended:
                covered.setdefault(feed.run, [])
        return covered

    def hear(
        self, clock: SourceWatermark, published_ms: int, partition: int | None, now_ms: int
    ) -> None:
        """Take in a source's clock; the frame that moved it reached Kafka at ``published_ms``."""
        before = self._known(clock.run, clock.key, published_ms, now_ms)
        self._feeds[clock.run, clock.key] = before.after_clock(
            clock, published_ms, partition, now_ms
        )

    def note_mistimed(self, event: SourceMistimed, published_ms: int, now_ms: int) -> None:
        """Take in that a source's clock is wrong, of which none may have been heard before."""
        before = self._known(event.run, event.key, published_ms, now_ms)
        self._feeds[event.run, event.key] = before.after_mistimed(
            event, published_ms, now_ms, self._limit_ms(event.key)
        )

    def retire(self, word: OperatorClosed) -> None:
        """Note that an operator waits no longer for a silent source; other closings pass by.

        Whoever closes the summary waits for none of the unregistered ones.
        """
        for name, feed in self._feeds.items():
            silence = feed.silence
            if silence is None or silence.over is not None:
                continue
            if word.incident_id == silence_id(self._environment, *name, silence.since):
                over = silence.model_copy(update={"over": word.time})
                self._feeds[name] = feed.model_copy(update={"silence": over})
                if name == _SUMMARY:
                    self._forget([feed for feed in self._unregistered if feed.is_silent])
                    return

    def shift(self, step_ms: int) -> None:
        """Note that this machine's clock was set, on or (negative) back: no span has changed."""
        by = timedelta(milliseconds=step_ms)
        self._feeds = {name: feed.shifted(by) for name, feed in self._feeds.items()}
        self._sounded = {place: time + by for place, time in self._sounded.items()}

    def _known(self, run: str, key: str, published_ms: int, now_ms: int) -> Feed:
        """Return a source as it is known; one that was never heard as of a frame that came."""
        known = self._feeds.get((run, key))
        if known is not None:
            return known
        came = from_ms(min(published_ms, now_ms))
        return Feed(key=key, run=run, heard=came, clock=came)

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
            if name == _SUMMARY:
                continue
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
            elif not self.is_registered(feed.key):
                self._close_silence(name, feed)  # nobody is told of it by itself
        self._summarize(now)

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
            if feed.is_silent and feed.silence is not None:
                told = feed.silence.all_told()
                self._feeds[name] = feed.model_copy(update={"silence": told})
            else:
                self._close_silence(name, feed)

    def _close_silence(self, name: tuple[str, str], feed: Feed) -> None:
        """Forget a silence that is over and was told, and the source if it was given up."""
        silence = feed.silence
        if silence is None:
            return
        if silence.heard_again is None or name == _SUMMARY:
            del self._feeds[name]  # if it comes back after all, it is new
        else:
            self._feeds[name] = feed.model_copy(update={"silence": None})

    def silent_after_s(self, key: str) -> float:
        """Return after how long a source's silence is alarming, in seconds."""
        return self._policy.silent_after_s(source_of(key))

    def is_registered(self, key: str) -> bool:
        """Tell whether the policy knows a source, or knows none by name."""
        return self._policy.is_registered(source_of(key))

    @property
    def _unregistered(self) -> list[Feed]:
        return [
            feed
            for name, feed in self._feeds.items()
            if name != _SUMMARY and not self.is_registered(feed.key)
        ]

    def _forget(self, feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            del self._feeds[feed.run, feed.key]

    def _summarize(self, now: datetime) -> None:
        """Begin the summary when an unregistered source is silent, and end it when none is."""
        self._forget(excess(self._unregistered))
        unregistered, summary = self._unregistered, self._feeds.get(_SUMMARY)
        silent = [feed for feed in unregistered if feed.is_silent]
        if summary is not None and not silent:
            self._feeds[_SUMMARY] = ended_summary(summary, unregistered, now)
        elif summary is None and silent:
            sounding = {ALLIANCE} - self._sounded.keys()
            self._feeds[_SUMMARY] = new_summary(silent, now, sorted(sounding))
            self._sounded |= dict.fromkeys(sounding, now)

    def _limit_ms(self, key: str) -> int:
        return round(self.silent_after_s(key) * MS_PER_S) + _CLOCK_STEP_MS

    def _cause(
        self, feed: Feed, now_ms: int, since_ms: int, judged_to_ms: Mapping[int, int]
    ) -> SilenceCause | None:
        """Return why a source counts as silent; None if it does not.

        One whose clock is wrong for as long as a silence may last counts as silent, also if some of
        what it sends is judged.
        """
        if feed.ended:
            return None
        limit_ms = self._limit_ms(feed.key)
        is_mistimed = feed.is_mistimed(now_ms, limit_ms)
        if is_mistimed and feed.mistimed is not None:
            lasted = feed.mistimed.until - feed.mistimed.since
            if lasted >= timedelta(milliseconds=limit_ms):
                return "clock"
        bound_ms = max(to_ms(feed.heard), since_ms) + limit_ms
        partition = -1 if feed.partition is None else feed.partition
        if judged_to_ms.get(partition, 0) > bound_ms:
            return "clock" if is_mistimed else "silent"
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
        limit_ms = self._limit_ms(feed.key)
        is_recent = now_ms - to_ms(feed.heard) <= limit_ms
        fresh = silence.broken and is_recent and not feed.is_mistimed(now_ms, limit_ms)
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
        if silence is None or silence.over is not None or not self.is_registered(feed.key):
            return feed
        silence = silence.concerning(concerned(feed.run, source_of(feed.key)))
        new = [p for p in silence.told_by_place if p not in known and p not in self._sounded]
        self._sounded |= dict.fromkeys(new, now)
        sounding = {"sounding": (*silence.sounding, *new)}
        return feed.model_copy(update={"silence": silence.model_copy(update=sounding)})

    def _places(self, key: str) -> Sequence[str]:
        """Return the places that watch a source: the alliance, and those that the policy names.

        Where it names none, they are all nations; nobody by himself where it does not name the
        source (``_summarize``).
        """
        if not self.is_registered(key):
            return ()
        watched = self._policy.watches(source_of(key))
        if watched is None:
            watched = tuple(place for place, kind in self._kinds.items() if kind == "nation")
        return tuple(dict.fromkeys([ALLIANCE, *sorted(watched)]))
