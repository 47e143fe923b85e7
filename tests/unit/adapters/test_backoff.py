"""Back-off: pauses that double from the first to the longest, half of each by chance."""

from random import Random

import pytest

from skyfence.adapters.backoff import Backoff


@pytest.mark.parametrize(("first_s", "longest_s"), [(1.0, 60.0), (0.1, 10.0)])
def test_pauses_double_up_to_the_longest(first_s: float, longest_s: float) -> None:
    """Each lies between half and the whole of its doubled span."""
    backoff = Backoff(first_s, longest_s, Random(7))
    for number in range(20):
        whole_s = min(longest_s, first_s * 2**number)
        assert whole_s / 2 <= backoff.next_s() <= whole_s


def test_a_success_makes_the_next_pause_short_again() -> None:
    """After ``reset`` the failures are counted anew."""
    backoff = Backoff(1.0, 60.0, Random(7))
    for _ in range(9):
        backoff.next_s()
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next_s() <= 1.0


def test_asking_for_a_pause_counts_nothing() -> None:
    """``pause_s`` is for failures that are counted elsewhere, as an outbox does for its items."""
    backoff = Backoff(1.0, 60.0, Random(7))
    assert backoff.pause_s(4) > 1.0
    assert backoff.failures == 0


def test_failures_without_end_overflow_nothing() -> None:
    """A year of failures still has a pause."""
    assert 30.0 <= Backoff(1.0, 60.0).pause_s(1_000_000) <= 60.0


def test_two_peers_do_not_come_back_together() -> None:
    """Pauses are drawn: of twenty, at least sixteen differ."""
    pauses = {Backoff(1.0, 60.0, Random(seed)).next_s() for seed in range(20)}
    assert len(pauses) > 15
