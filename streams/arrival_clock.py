"""When messages reached Kafka, also where a clock was set, and where the sender dated its message.

    broker's time  ──▶ as it stands, unless the broker's clock was set back since: then ours
    sender's time  ──▶ no later than ours

What a source says of the time is held against this (``frames.codec``): a report from the future
moves the clock of its source, and all that come after it would be late. Does not judge sources.
"""

from collections.abc import Callable
from dataclasses import replace

from skyfence.times import was_set_back
from streams.driver.message import KafkaMessage


class ArrivalClock:
    """Dates the messages of the partitions that a worker has.

    ``now_ms`` is this worker's clock, which never goes back: ``SteadyClock.latest_ms``.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._latest_ms: dict[int, int] = {}  # of what came, by partition

    def dated(self, message: KafkaMessage) -> KafkaMessage:
        """Return a message with the timestamp at which it reached Kafka, as far as is known."""
        arrived_ms = self._arrived_ms(message)
        if arrived_ms == message.timestamp_ms:
            return message
        return replace(message, timestamp_ms=arrived_ms)

    def _arrived_ms(self, message: KafkaMessage) -> int:
        if not message.is_broker_time:
            return min(message.timestamp_ms, self._now_ms())
        latest_ms = self._latest_ms.get(message.partition, message.timestamp_ms)
        if was_set_back(message.timestamp_ms, latest_ms):
            return max(message.timestamp_ms, self._now_ms())
        self._latest_ms[message.partition] = max(latest_ms, message.timestamp_ms)
        return message.timestamp_ms
