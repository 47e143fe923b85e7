"""A source monitor for tests: sources are heard and looked at so many seconds after T0."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from builders import T0, T0_MS
from words import ENGLISH

from skyfence.contracts.alert import FeedAlarm, PlaceKind
from skyfence.contracts.track_event import SourceWatermark
from skyfence.frames.frame import LIVE_RUN
from skyfence.monitoring.feed import Feed
from skyfence.monitoring.sources import SourceMonitor
from skyfence.naming import Environment
from skyfence.policy.policy import Policy, PolicyFile

KINDS: dict[str, PlaceKind] = {"NATO": "alliance", "AA": "nation", "BB": "nation", "AA-1": "region"}
DAY_S = 24 * 3600.0
# A clock strikes every 5 s, so that a limit of 60 s is known to be over after 65.
LIMIT_S = 65.0


def feeds(known: Sequence[Feed] = (), /, **sources: dict[str, Any]) -> SourceMonitor:
    """Return feeds of an exercise, these known, under a policy that names these sources."""
    file = PolicyFile.model_validate({"version": "1", "sources": sources})
    return SourceMonitor(Environment.EXERCISE, Policy(file), KINDS, ENGLISH.feed, known)


def hear(
    monitor: SourceMonitor,
    at_s: float,
    key: str = "radar",
    *,
    run: str = LIVE_RUN,
    last: bool = False,
) -> None:
    """Let a source be heard so many seconds after T0, on partition 3."""
    time = T0 + timedelta(seconds=at_s)
    came_ms = T0_MS + round(at_s * 1000)
    monitor.hear(SourceWatermark(run=run, key=key, time=time, last=last), came_ms, 3, came_ms)


def look(monitor: SourceMonitor, at_s: float, *, judged_s: float | None = None) -> list[FeedAlarm]:
    """Judge so many seconds after T0, everything judged until then, and tell what there is."""
    now_ms = T0_MS + round(at_s * 1000)
    judged_to_ms = T0_MS + round((at_s if judged_s is None else judged_s) * 1000)
    monitor.judge(now_ms, T0_MS, {3: judged_to_ms})
    alarms = monitor.pending_alarms()
    monitor.note_sent()
    return alarms


def told(alarms: list[FeedAlarm]) -> list[tuple[str, int, str]]:
    return [(alarm.place, alarm.step, alarm.message_type) for alarm in alarms]
