"""Arrivals: what a look can say of when frames came, whatever the broker's clock says."""

from skyfence.monitoring.arrivals import Arrivals

HOUR_MS = 3_600_000
NOW_MS = 10 * HOUR_MS


def looks(arrivals: Arrivals, *judged_to_ms: int) -> None:
    for time_ms in judged_to_ms:
        arrivals.begin_look({0: time_ms})


def test_a_frame_came_after_what_two_looks_ago_was_judged() -> None:
    """An hour behind, the broker dates a frame before all that was judged already."""
    arrivals = Arrivals()
    looks(arrivals, NOW_MS, NOW_MS + 2_000)
    assert arrivals.came_ms(NOW_MS + 3_000 - HOUR_MS, 0) == NOW_MS


def test_the_first_two_looks_believe_the_broker() -> None:
    """What they read may have been said long ago."""
    arrivals = Arrivals()
    arrivals.begin_look({})
    assert arrivals.came_ms(NOW_MS - HOUR_MS, 0) == NOW_MS - HOUR_MS
    looks(arrivals, NOW_MS)
    assert arrivals.came_ms(NOW_MS - HOUR_MS + 1, 0) == NOW_MS - HOUR_MS + 1


def test_what_waited_for_a_worker_came_when_it_came() -> None:
    """While nothing is judged, no bound moves: a source that fell silent meanwhile did so then."""
    arrivals = Arrivals()
    looks(arrivals, *[NOW_MS - HOUR_MS] * 10)
    assert arrivals.came_ms(NOW_MS - HOUR_MS + 60_000, 0) == NOW_MS - HOUR_MS + 60_000


def test_a_frame_that_is_judged_again_is_no_new_one() -> None:
    """Of two frames that the broker dates alike, or backwards, the later word is a repetition."""
    arrivals = Arrivals()
    looks(arrivals, NOW_MS, NOW_MS)
    arrivals.came_ms(NOW_MS - HOUR_MS, 0)
    for published_ms in (NOW_MS - HOUR_MS, NOW_MS - 2 * HOUR_MS):
        assert arrivals.came_ms(published_ms, 0) == published_ms


def test_a_bound_is_of_its_partition_and_of_its_clock() -> None:
    """Other partitions have no bound yet; none has one after the clock was set."""
    arrivals = Arrivals()
    looks(arrivals, NOW_MS, NOW_MS)
    for partition in (1, None):
        assert arrivals.came_ms(NOW_MS - HOUR_MS, partition) == NOW_MS - HOUR_MS
    arrivals.forget()
    assert arrivals.came_ms(NOW_MS - HOUR_MS, 0) == NOW_MS - HOUR_MS
