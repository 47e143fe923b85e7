"""One line for each recording: what was told, to whom, and how often it rang.

    PYTHONPATH=tests:tests/support python -m scenarios.report [--levels] [NAME ...]

Judges recordings whole. ``--levels`` adds a line for each place: its levels over event time.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from scenarios.attention import (
    alliance_counts,
    false_all_clears,
    first_warning_ms,
    incidents_opened,
    level_spans,
    most_within,
    sounds,
)
from scenarios.judged import CASES, RECORDINGS, Judge, ScenarioResult, channel_of
from scenarios.truth import true_objects

from skyfence.times import from_ms

# Identified flights, whose presence makes no all-clear wrong.
_HARMLESS = ("AIR", "X9")
_NAMES_SHOWN = 4


def summary(result: ScenarioResult) -> str:
    """Return a recording's line."""
    counts = alliance_counts(result)
    messages = Counter(channel_of(message) for message in result.messages)
    rung = sounds(result)
    most = {channel: most_within(times) for channel, times in rung.items()}
    belied = false_all_clears(result, _HARMLESS)
    busiest = max(most, key=lambda channel: (most[channel], channel), default="-")
    return (
        f"{result.name}: {incidents_opened(result)} incidents, counted {counts[-1:] or '-'}, "
        f"{sum(messages.values())} messages (most {max(messages.values(), default=0)} a channel), "
        f"sounds {sum(map(len, rung.values()))} (most {most.get(busiest, 0)} in ten minutes, "
        f"{busiest}), false all-clears {len(belied)}"
        + (f" ({'; '.join(belied[:_NAMES_SHOWN])})" if belied else "")
        + "".join(leads(result))
    )


def leads(result: ScenarioResult) -> Iterator[str]:
    """Yield how long before its first true entry each region was warned."""
    entries: dict[str, int] = {}
    for each in true_objects(result.name):
        for region, at_ms in each.entered.items():
            entries[region] = min(at_ms, entries.get(region, at_ms))
    for region, at_ms in list(entries.items())[:_NAMES_SHOWN]:
        warned_ms = first_warning_ms(result, region)
        lead = "unwarned" if warned_ms is None else f"{(at_ms - warned_ms) / 1_000.0:+.0f} s"
        yield f", {region} {lead}"


def levels(result: ScenarioResult) -> Iterator[str]:
    """Yield a line for each place: its levels over event time."""
    for place, messages in result.by_place.items():
        spans = level_spans(messages, result.presence.end_ms)
        told = ", ".join(f"{from_ms(span.from_ms):%H:%M:%S} {span.level}" for span in spans)
        yield f"    {place}: {told}"


def main(arguments: list[str]) -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="recordings, all if none is named")
    parser.add_argument("--levels", action="store_true", help="levels of places over time")
    options = parser.parse_args(arguments)
    judge = Judge()
    for path in [*sorted(RECORDINGS.glob("*.gz")), *sorted(CASES.glob("*.gz"))]:
        if options.names and path.name.removesuffix(".jsonl.gz") not in options.names:
            continue
        result = judge.result(path)
        print(summary(result), flush=True)
        for line in levels(result) if options.levels else ():
            print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
