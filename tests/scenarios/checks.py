"""What can be expected of a recording's messages, wherever they go.

Each check raises ``AssertionError`` with what it met instead.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from scenarios.attention import (
    WINDOW_MS,
    alliance_counts,
    incidents_opened,
    most_within,
    report_times_ms,
    sounds,
)
from scenarios.judged import ScenarioResult, channel_of, known_ms

Check = Callable[[ScenarioResult], None]
Count = int | Callable[[ScenarioResult], int]

# No channel sounds more often in ten minutes, whatever flies (EEMUA 191, ISA-18.2).
MOST_SOUNDS: Final = 10


def each_track(result: ScenarioResult) -> int:
    """Return how many tracks were judged: the number of objects where each track is one."""
    return len({report.track_id for report in result.reports})


def incidents(number: Count) -> Check:
    """Expect a number of incidents, but for those that are joined within 15 seconds."""

    def check(result: ScenarioResult) -> None:
        opened = incidents_opened(result)
        assert opened == _number(number, result), f"{opened} incidents"

    return check


def counted(number: Count) -> Check:
    """Expect that the alliance is told this number of violations in the end, and never more.

    One violation is told as an incident; there is no "1 violations".
    """

    def check(result: ScenarioResult) -> None:
        counts, objects = alliance_counts(result), _number(number, result)
        expected = [] if objects < 2 else [objects]
        assert counts[-1:] == expected, f"the alliance was told {counts[-3:]}"
        assert not counts or max(counts) == objects, f"the alliance was told {max(counts)}"

    return check


def sounds_at_most(number: int, within_ms: int | None = WINDOW_MS) -> Check:
    """Expect that places speak, and no channel sounds more often, in ten minutes or (None) ever."""

    def check(result: ScenarioResult) -> None:
        assert result.place_alerts, "no place has a state"
        most = {
            channel: len(times) if within_ms is None else most_within(times, within_ms)
            for channel, times in sounds(result).items()
        }
        above = {channel: count for channel, count in most.items() if count > number}
        assert not above, f"{above}"

    return check


def messages_at_most(number: int) -> Check:
    """Expect that no channel hears more messages than this, quiet ones included."""

    def check(result: ScenarioResult) -> None:
        counts = Counter(channel_of(message) for message in result.messages)
        above = {channel: count for channel, count in counts.items() if count > number}
        assert not above, f"{above}"

    return check


def nobody_woken(*, channels: frozenset[str] | None = None) -> Check:
    """Expect no sound anywhere, and quiet messages on no other channels than these."""

    def check(result: ScenarioResult) -> None:
        woken = {channel: len(times) for channel, times in sounds(result).items()}
        assert not woken, f"sounds: {woken}"
        if channels is not None:
            others = {channel_of(message) for message in result.messages} - channels
            assert not others, f"messages on {sorted(others)}"

    return check


def silence() -> Check:
    """Expect no message at all."""

    def check(result: ScenarioResult) -> None:
        assert not result.messages, f"{len(result.messages)} messages"

    return check


def told_from_report(number: int) -> Check:
    """Expect that a violation is told by this report of the recording."""

    def check(result: ScenarioResult) -> None:
        at_ms = report_times_ms(result)[number - 1]
        states = [
            alert.incident_state
            for alert in result.alerts
            if known_ms(alert) <= at_ms and alert.incident_state == "violation"
        ]
        assert states, f"no violation by report {number}"

    return check


def says(words: str) -> Check:
    """Expect some message whose headline has these words."""

    def check(result: ScenarioResult) -> None:
        assert any(words in message.headline for message in result.messages), "nobody says so"

    return check


def never_says(words: str) -> Check:
    """Expect messages, and none up to the last report whose headline has these words."""

    def check(result: ScenarioResult) -> None:
        assert result.messages, "nobody says anything"
        end_ms = report_times_ms(result)[-1]
        saying = [
            message.headline
            for message in result.messages
            if known_ms(message) <= end_ms and words in message.headline
        ]
        assert not saying, f"{saying[0]}"

    return check


def all_lines_read() -> Check:
    """Expect that every line of the recording is a report."""

    def check(result: ScenarioResult) -> None:
        assert not result.unreadable_lines, f"{result.unreadable_lines} lines are none"

    return check


def _number(expected: Count, result: ScenarioResult) -> int:
    return expected if isinstance(expected, int) else expected(result)
