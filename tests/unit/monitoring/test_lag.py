"""The backlog: lags in messages turned into times."""

from skyfence.monitoring.lag import TimeLag


def test_done_is_as_of_when_the_end_was_there() -> None:
    """Once a group has acknowledged an end, all that came until that end was seen is done."""
    by = TimeLag()
    by.sample(1_000, {0: 10}, {0: 10})
    assert by.done_to_ms == {}
    by.sample(2_000, {0: 20}, {0: 15})
    assert by.done_to_ms == {}
    by.sample(3_000, {0: 30}, {0: 18})  # 12 acknowledged: past the 10 of the first sample
    assert by.done_to_ms == {0: 1_000}
    by.sample(4_000, {0: 30}, {0: 0})
    assert by.done_to_ms == {0: 4_000}


def test_a_quiet_partition_is_done_to_now() -> None:
    """Where nothing comes, everything is done at every look, an empty partition included."""
    by = TimeLag()
    for now_ms in (1_000, 2_000):
        by.sample(now_ms, {0: 0, 1: 7}, {0: 0, 1: 0})
        assert by.done_to_ms == {0: now_ms, 1: now_ms}


def test_a_stuck_group_stays_where_it_was() -> None:
    """While a group acknowledges nothing more, what is done does not move, however long."""
    by = TimeLag()
    by.sample(1_000, {0: 10}, {0: 0})
    for look in range(2, 5_000):
        by.sample(look * 1_000, {0: 10 + look}, {0: look})
    assert by.done_to_ms == {0: 1_000}
