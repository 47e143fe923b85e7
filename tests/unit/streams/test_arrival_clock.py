"""When a message reached Kafka: the broker's word, within what this worker's clock allows."""

from builders import T0_MS

from streams.arrival_clock import ArrivalClock
from streams.driver.message import KafkaMessage

HOUR_MS = 3_600_000


def message(at_ms: int, *, partition: int = 0, is_broker_time: bool = True) -> KafkaMessage:
    return KafkaMessage("tracks", partition, 0, at_ms, is_broker_time, None, None, {})


def clock_at(now_ms: int) -> ArrivalClock:
    return ArrivalClock(lambda: now_ms)


def test_what_a_sender_dates_ahead_came_now() -> None:
    """A timestamp that the sender made is not believed beyond this worker's clock."""
    ahead = message(T0_MS + HOUR_MS, is_broker_time=False)
    assert clock_at(T0_MS).dated(ahead).timestamp_ms == T0_MS


def test_what_waited_came_when_it_came() -> None:
    """A message that is read late keeps its time, whoever dated it."""
    for is_broker_time in (True, False):
        waited = message(T0_MS, is_broker_time=is_broker_time)
        assert clock_at(T0_MS + HOUR_MS).dated(waited) is waited


def test_a_broker_that_is_ahead_of_this_worker_is_believed() -> None:
    """A worker whose own clock is slow refuses nothing."""
    clock = clock_at(T0_MS - HOUR_MS)
    assert clock.dated(message(T0_MS)).timestamp_ms == T0_MS


def test_a_broker_that_was_set_back_dates_nothing() -> None:
    """After the broker's clock was set an hour back, what comes has come now, in its partition."""
    clock = clock_at(T0_MS + 5_000)
    clock.dated(message(T0_MS))
    assert clock.dated(message(T0_MS - HOUR_MS)).timestamp_ms == T0_MS + 5_000
    assert clock.dated(message(T0_MS - HOUR_MS, partition=1)).timestamp_ms == T0_MS - HOUR_MS


def test_brokers_may_differ_a_little() -> None:
    """A second broker whose clock is seconds behind is no clock that was set."""
    clock = clock_at(T0_MS + 5_000)
    clock.dated(message(T0_MS))
    assert clock.dated(message(T0_MS - 30_000)).timestamp_ms == T0_MS - 30_000
