"""What a recording's messages ask of people: sounds, merged incidents, levels over time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from scenarios.judged import Message, ScenarioResult, channel_of, known_ms

from skyfence.contracts.alert import Alert, PlaceAlert, PlaceLevel
from skyfence.times import from_ms, to_ms

WINDOW_MS: Final = 600_000
# A track that has been over a region for so long has been told of.
_OVER_MS: Final = 60_000
# Two sensors' tracks of one object are told apart for no longer than this.
JOINED_WITHIN_MS: Final = 15_000
LEVELS: Final[Sequence[PlaceLevel]] = ("clear", "watch", "prepare", "shelter")


@dataclass(frozen=True)
class LevelSpan:
    """A place's level, from when it was known until the next message."""

    level: PlaceLevel
    from_ms: int
    until_ms: int


def sounds(result: ScenarioResult) -> dict[str, list[int]]:
    """Return when each channel sounded, milliseconds in order."""
    times: dict[str, list[int]] = defaultdict(list)
    for message in result.messages:
        if message.notify == "sound":
            times[channel_of(message)].append(known_ms(message))
    return {channel: sorted(at) for channel, at in times.items()}


def most_within(times_ms: Sequence[int], window_ms: int = WINDOW_MS) -> int:
    """Return how many of some times, in order, lie within the fullest window."""
    most = start = 0
    for end, at_ms in enumerate(times_ms):
        while at_ms - times_ms[start] >= window_ms:
            start += 1
        most = max(most, end - start + 1)
    return most


def incidents_opened(result: ScenarioResult) -> int:
    """Return how many incidents were opened, but for those joined with another one at once."""
    opened: dict[UUID, int] = {}
    joined: set[UUID] = set()
    for alert in result.alerts:
        if alert.event != "airspace violation":
            continue
        opened.setdefault(alert.incident_id, known_ms(alert))
        if is_merger(alert) and known_ms(alert) - opened[alert.incident_id] <= JOINED_WITHIN_MS:
            joined.add(alert.incident_id)
    return len(opened.keys() - joined)


def is_merger(alert: Alert) -> bool:
    """Tell whether an incident ends because it is the same object as another one's."""
    return (
        alert.event == "airspace violation"
        and alert.message_type == "Cancel"
        and alert.response_type == "Monitor"
        and bool(alert.incidents)
    )


def alliance_counts(result: ScenarioResult) -> list[int]:
    """Return the numbers of violations that the alliance was told, in order."""
    return [
        int(alert.headline.removeprefix("EXERCISE: ").split()[0])
        for alert in result.alerts
        if alert.event == "repeated airspace violations" and alert.message_type != "Cancel"
    ]


def level_spans(messages: Iterable[PlaceAlert], end_ms: int) -> list[LevelSpan]:
    """Return a place's levels over event time; equal neighbours are one span."""
    spans: list[LevelSpan] = []
    for message in messages:
        at_ms = known_ms(message)
        if spans and spans[-1].level == message.level:
            continue
        if spans:
            spans[-1] = LevelSpan(spans[-1].level, spans[-1].from_ms, at_ms)
        spans.append(LevelSpan(message.level, at_ms, max(at_ms, end_ms)))
    return spans


def is_raised(message: Message) -> bool:
    """Tell whether a place's message warns people: prepare, or shelter."""
    return isinstance(message, PlaceAlert) and message.level in ("prepare", "shelter")


def first_warning_ms(result: ScenarioResult, place: str) -> int | None:
    """Return when a place was first at prepare or shelter; None if never."""
    times = [known_ms(each) for each in result.by_place.get(place, []) if is_raised(each)]
    return min(times, default=None)


def false_all_clears(result: ScenarioResult, harmless: Iterable[str] = ()) -> list[str]:
    """Return the all-clears that a track belies, there then or within ten minutes."""
    harmless = tuple(harmless)
    belied = []
    for message in result.place_alerts:
        if message.level == "clear":
            at_ms = known_ms(message)
            over = result.presence.over(message.place, at_ms, at_ms + WINDOW_MS, harmless)
            if over:
                belied.append(f"{message.place} at {message.known:%H:%M:%S}: {', '.join(over)}")
    return belied


def without_shelter(result: ScenarioResult, harmless: Iterable[str] = ()) -> list[str]:
    """Return where a track was over a region for a minute, and the region not at ``shelter``.

    Looked at every half minute; the first moment of each level of a region stands for all.
    """
    presence, harmless = result.presence, tuple(harmless)
    lacking: dict[tuple[str, str], int] = {}
    for place in presence.regions:
        spans = level_spans(result.by_place.get(place, []), presence.end_ms)
        for at_ms in range(presence.begin_ms + 2 * _OVER_MS, presence.end_ms, _OVER_MS // 2):
            before = presence.over(place, at_ms - 4 * _OVER_MS // 3, at_ms - _OVER_MS, harmless)
            now = presence.over(place, at_ms - _OVER_MS // 3, at_ms) if before else ()
            held = [span.level for span in spans if span.from_ms <= at_ms < span.until_ms]
            if set(before) & set(now) and held != ["shelter"]:
                lacking.setdefault((place, held[0] if held else "clear"), at_ms)
    return [
        f"{place}: {level} at {from_ms(at_ms):%H:%M:%S}"
        for (place, level), at_ms in lacking.items()
    ]


def report_times_ms(result: ScenarioResult) -> list[int]:
    """Return the times of all reports, in order."""
    return sorted(to_ms(report.time) for report in result.reports)
