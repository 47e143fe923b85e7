"""What places heard of a scene, measured against where its objects truly were."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from skyfence.contracts.alert import PlaceLevel
from skyfence.score.scenes.kinds import SceneName
from skyfence.score.scenes.told import PlaceMessage, Told
from skyfence.score.scenes.truth import SceneTruth, Visit

WINDOW_MS: Final = 600_000
# Classes of minutes left: from, to.
MINUTE_CLASSES: Final = ((0, 4), (5, 9), (10, 19), (20, 29))
_RAISED: Final[tuple[PlaceLevel, ...]] = ("prepare", "shelter")
# A warning has come true if an object is there within twice the minutes said, and five more.
_TWICE: Final = 2
_MORE_MS: Final = 300_000


@dataclass(frozen=True)
class FirstWarning:
    """A region's first warning of an episode: minutes left as it said, and whether it came true."""

    minutes_left: int
    true: bool


@dataclass(frozen=True)
class SceneMeasure:
    """One detector's measures of one scene.

    ``entries`` are regions that an object entered after it was known, ``unwarned`` those of them
    that were not at prepare or shelter when it did. ``real_clears`` are all-clears, ``belied``
    those with an object there then or within ten minutes, ``realerted`` those that a new warning
    of the same place followed within ten minutes. ``place_windows`` are the ten-minute spans that
    places spent in episodes.
    """

    name: SceneName
    hours: float
    objects: int
    counted: int
    first_warnings: tuple[FirstWarning, ...]
    vain: int
    entries: int
    unwarned: int
    clears: int
    belied: int
    realerted: int
    most_sounds: int
    sounds: int
    place_windows: float


def measure(name: SceneName, told: Told, truth: SceneTruth) -> SceneMeasure:
    """Measure what a detector told of a scene."""
    by_place: dict[str, list[PlaceMessage]] = defaultdict(list)
    for message in told.messages:
        by_place[message.place].append(message)
    warnings = [warning for place in by_place.values() for warning in _warnings(place, truth)]
    clears = [message for message in told.messages if message.level == "clear"]
    entries = [visit for visit in _first_visits(truth) if visit.from_ms > truth.seen_from_ms]
    return SceneMeasure(
        name=name,
        hours=truth.hours,
        objects=truth.entered,
        counted=told.counted,
        first_warnings=tuple(warning for warning, _ in warnings if warning is not None),
        vain=sum(not true for _, true in warnings),
        entries=len(entries),
        unwarned=sum(not _is_warned(by_place[each.place], each.from_ms) for each in entries),
        clears=len(clears),
        belied=sum(truth.over(each.place, each.at_ms, each.at_ms + WINDOW_MS) for each in clears),
        realerted=sum(_realerted(by_place[each.place], each) for each in clears),
        most_sounds=max(map(_most_sounds, by_place.values()), default=0),
        sounds=sum(message.sounds for message in told.messages),
        place_windows=sum(map(_windows, by_place.values())),
    )


def _warnings(
    messages: Sequence[PlaceMessage], truth: SceneTruth
) -> Iterator[tuple[FirstWarning | None, bool]]:
    """Yield each episode's first warning of a region, and whether it came true.

    A warning that names no minutes (lost, circling, shelter at once) is no ``FirstWarning``.
    """
    warned = False
    for message in messages:
        if message.place_kind != "region":
            return
        if message.level == "clear":
            warned = False
        elif message.level in _RAISED and not warned:
            warned = True
            minutes = message.minutes_left if message.level == "prepare" else None
            until_ms = message.at_ms + _MORE_MS + _TWICE * 60_000 * (minutes or 0)
            true = truth.over(message.place, message.at_ms, until_ms)
            yield (None if minutes is None else FirstWarning(minutes, true)), true


def _first_visits(truth: SceneTruth) -> Iterator[Visit]:
    """Yield each object's first visit to each region."""
    seen = set()
    for visit in truth.visits:
        if (visit.number, visit.place) not in seen and visit.place in truth.regions:
            seen.add((visit.number, visit.place))
            yield visit


def _is_warned(messages: Sequence[PlaceMessage], at_ms: int) -> bool:
    before = [message for message in messages if message.at_ms <= at_ms]
    return bool(before) and before[-1].level in _RAISED


def _realerted(messages: Sequence[PlaceMessage], clear: PlaceMessage) -> bool:
    return any(
        message.level in _RAISED and 0 <= message.at_ms - clear.at_ms <= WINDOW_MS
        for message in messages[messages.index(clear) + 1 :]
    )


def _most_sounds(messages: Sequence[PlaceMessage]) -> int:
    times = sorted(message.at_ms for message in messages if message.sounds)
    return max(
        (sum(start <= at_ms < start + WINDOW_MS for at_ms in times) for start in times), default=0
    )


def _windows(messages: Sequence[PlaceMessage]) -> float:
    """Return how many spans of ten minutes a place spent off clear; each episode one at least."""
    spans, since_ms = 0.0, None
    for message in messages:
        if since_ms is None and message.level != "clear":
            since_ms = message.at_ms
        elif since_ms is not None and message.level == "clear":
            spans += max(1.0, (message.at_ms - since_ms) / WINDOW_MS)
            since_ms = None
    if since_ms is not None:
        spans += max(1.0, (messages[-1].at_ms - since_ms) / WINDOW_MS)
    return spans
