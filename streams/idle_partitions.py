"""Reports now and then up to when each partition of ``tracks`` has been judged, if nothing is left.

The incident agent waits for every healthy source. A source that sends nothing would make it wait
for ever, and a source whose reports only wait in Kafka must not be passed over: whether its
partition has unjudged messages tells the two apart. So Kafka is asked for the partition's end,
which is compared with the offset up to which this worker has judged.

    Kafka's end of a partition == next offset to judge ──▶ PartitionWatermark ──▶ track.events
"""

from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from skyfence.adapters.clock import Clock
from skyfence.contracts.track_event import PartitionWatermark
from skyfence.naming import Topics
from skyfence.times import from_ms
from streams.backlog import backlog
from streams.driver.app import CheckpointingApp
from streams.driver.consumer import NotStartedError
from streams.partition_state import PartitionStates
from streams.sends import PendingSends

log = structlog.get_logger()

LOOK_EVERY_S: Final = 2.0
# Each partition, while nothing is left in it: the incident agent takes one that it has not heard of
# for fifteen seconds for one that is behind (``incidents.watermark``).
_REPORT_EVERY_MS: Final = 4_000
# The clocks of the brokers, which date the messages, and ours differ by less than this.
_CLOCK_SKEW_MS: Final = 2_000


class IdlePartitionReporter:
    """Watches the partitions of ``tracks`` that a worker has."""

    def __init__(
        self,
        app: CheckpointingApp,
        topics: Topics,
        states: PartitionStates[Any],
        sends: PendingSends,
        clock: Clock,
    ) -> None:
        self._app = app
        self._topics = topics
        self._states = states
        self._sends = sends
        self._clock = clock
        self._reported_ms: dict[int, int] = {}

    async def report(self) -> None:
        """Send a watermark for each partition that is due and has nothing left; return when stored.

        It does nothing before the consumer has started. Where Kafka does not answer, that is
        logged: the next report comes soon, and until then the incident agent only waits.
        """
        now_ms = self._clock.now_ms()
        try:
            left = (await backlog(self._app, self._states, self._topics.tracks)).left
            for partition in (number for number, count in left.items() if count <= 0):
                if now_ms - self._reported_ms.get(partition, 0) >= _REPORT_EVERY_MS:
                    await self._send(partition, now_ms - _CLOCK_SKEW_MS)
                    self._reported_ms[partition] = now_ms
        except NotStartedError:
            return
        except KafkaError as error:
            log.warning("partitions.unknown", reason=str(error))
        await self._sends.flush()

    async def _send(self, partition: int, time_ms: int) -> None:
        watermark = PartitionWatermark(partition=partition, time=from_ms(time_ms))
        key = f"partition/{partition}"
        await self._sends.send(self._topics.track_events, key, watermark.to_json(), {})
