"""The violation's table of transitions: whole, and drawn as it is."""

import re
from itertools import product
from pathlib import Path

import pytest

from skyfence.tracks.violation import EXITED, LOST, NONE, THREAT, TRANSITIONS, VIOLATION, Signal
from skyfence.tracks.violation_episode import ViolationStatus

ARCHITECTURE = Path(__file__).parents[3] / "ARCHITECTURE.md"
STATUSES = (NONE, *ViolationStatus)

# Pairs that cannot come up, and why.
IMPOSSIBLE = {
    # Only a threat recedes.
    *product((NONE, VIOLATION, EXITED, LOST), [Signal.RECEDING]),
    # A threat is one already; what is inside is more than one.
    *product((THREAT, VIOLATION), [Signal.APPROACHING]),
    # What is inside has crossed already, or was found there.
    (VIOLATION, Signal.CROSSED_IN),
    # A threat was seen outside, and so was what has left.
    *product((THREAT, VIOLATION, EXITED), [Signal.FOUND_INSIDE]),
    # Only a violation is possible first and then beyond doubt.
    *product((NONE, THREAT, EXITED, LOST), [Signal.CONFIRMED]),
    # Only what was inside, seen or lost there, can be outside again.
    *product((NONE, THREAT, EXITED), [Signal.OUTSIDE]),
    # Only what has left stays away.
    *product((NONE, THREAT, VIOLATION, LOST), [Signal.GONE]),
    # Only what was lost is seen again.
    *product((NONE, THREAT, VIOLATION, EXITED), [Signal.SEEN_AGAIN]),
    # No other status has a deadline.
    *product((NONE, THREAT, VIOLATION), [Signal.TIME_UP]),
}


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("status", STATUSES)
def test_each_pair_is_in_the_table_or_impossible(
    status: ViolationStatus | None, signal: Signal
) -> None:
    """What a signal means in a status is written down, or that it cannot come there."""
    assert ((status, signal) in TRANSITIONS) != ((status, signal) in IMPOSSIBLE)


def test_what_has_no_event_changes_nothing() -> None:
    """No status is reached in silence."""
    silent = [(before, after) for (before, _), (after, kind) in TRANSITIONS.items() if not kind]
    assert silent
    assert all(before is after for before, after in silent)


def test_the_architecture_draws_the_table() -> None:
    """The arrows of the diagram in ARCHITECTURE.md are the table's transitions with an event."""
    arrows = re.findall(r"^    (\S+) --> (\S+): (\w+)$", ARCHITECTURE.read_text(), re.MULTILINE)
    transitions = {
        (before or "[*]", after or "[*]", kind)
        for (before, _), (after, kind) in TRANSITIONS.items()
        if kind is not None
    }
    assert len(arrows) == len(set(arrows))
    assert {*arrows} == transitions
