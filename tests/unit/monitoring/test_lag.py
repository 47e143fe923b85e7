"""The backlog: lags in messages turned into times."""

from skyfence.monitoring.lag import TimeLag


def test_done_is_as_of_when_the_end_was_there() -> None:
    """Once a group has acknowledged an end, all that came until that end was seen is done."""
    lag = TimeLag()
    lag.sample(1_000, {0: 10}, {0: 10})
    assert lag.done_to_ms == {}
    lag.sample(2_000, {0: 20}, {0: 15})
    assert lag.done_to_ms == {}
    lag.sample(3_000, {0: 30}, {0: 18})  # 12 acknowledged: past the 10 of the first sample
    assert lag.done_to_ms == {0: 1_000}
    lag.sample(4_000, {0: 30}, {0: 0})
    assert lag.done_to_ms == {0: 4_000}


def test_a_quiet_partition_is_done_to_now() -> None:
    """Where nothing comes, everything is done at every look, an empty partition included."""
    lag = TimeLag()
    for now_ms in (1_000, 2_000):
        lag.sample(now_ms, {0: 0, 1: 7}, {0: 0, 1: 0})
        assert lag.done_to_ms == {0: now_ms, 1: now_ms}


def test_a_stuck_group_stays_where_it_was() -> None:
    """While a group acknowledges nothing more, what is done does not move, however long."""
    lag = TimeLag()
    lag.sample(1_000, {0: 10}, {0: 0})
    for look in range(2, 5_000):
        lag.sample(look * 1_000, {0: 10 + look}, {0: look})
    assert lag.done_to_ms == {0: 1_000}
