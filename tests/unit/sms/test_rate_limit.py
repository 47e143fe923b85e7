"""Token bucket: so many a second and no more."""

import pytest

from consumers.sms.rate_limit import TokenBucket


@pytest.mark.parametrize("rate_per_s", [0.5, 7.0, 150.0, 1_000.0])
@pytest.mark.parametrize("step_ms", [1, 37, 900])
def test_over_a_minute_the_rate_is_kept(rate_per_s: float, step_ms: int) -> None:
    """However often it is asked, never more than the rate and one burst go."""
    pace, gone = TokenBucket(rate_per_s), 0
    for now_ms in range(0, 60_000, step_ms):
        allowed = pace.allowed(now_ms)
        pace.spend(allowed)
        gone += allowed
    assert gone <= 60 * rate_per_s + max(1.0, rate_per_s / 10)


@pytest.mark.parametrize("rate_per_s", [0.5, 7.0, 150.0, 1_000.0])
def test_who_waits_as_long_as_told_uses_the_rate(rate_per_s: float) -> None:
    """Over ten minutes, all but what the rounding to milliseconds costs."""
    pace, gone, now_ms = TokenBucket(rate_per_s), 0, 0
    while now_ms < 600_000:
        allowed = pace.allowed(now_ms)
        pace.spend(allowed)
        gone += allowed
        now_ms += max(1, pace.wait_ms)
    assert gone >= 600 * rate_per_s * 0.99


def test_after_a_lull_only_a_burst_goes_at_once() -> None:
    """An hour without messages is not saved up."""
    pace = TokenBucket(20)
    pace.spend(pace.allowed(0))
    assert pace.allowed(3_600_000) == 2


def test_a_clock_that_goes_back_gives_nothing() -> None:
    """And takes nothing either: it goes on from there."""
    pace = TokenBucket(10)
    pace.spend(pace.allowed(10_000))
    assert pace.allowed(0) == 0
    assert pace.allowed(99) == 0
    assert pace.allowed(100) == 1


def test_the_wait_is_as_long_as_it_takes() -> None:
    """After it one more may go, and not a millisecond before."""
    pace = TokenBucket(7)
    pace.spend(pace.allowed(0))
    wait_ms = pace.wait_ms
    assert pace.allowed(wait_ms - 1) == 0
    assert pace.allowed(wait_ms) == 1
