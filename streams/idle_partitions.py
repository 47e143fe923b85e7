"""Says now and then up to when each partition of ``tracks`` has been judged, where nothing is left.

The incident agent waits for every healthy source. One that sends nothing would hold it up for ever,
and one whose reports only wait must not be passed over: whether a partition has anything left tells
them apart. Kafka is asked for its end, and what was judged compared with that.
"""

import time
from typing import Any, Final

import faust
import structlog
from aiokafka.errors import KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from skyfence.contracts.track_event import PartitionWatermark
from skyfence.naming import Topics
from skyfence.times import from_ms
from streams.partition_state import PartitionStates
from streams.sends import PendingSends

log = structlog.get_logger()

REPORT_EVERY_S: Final = 10.0
# Brokers' clocks, which date what reaches them, and ours may differ by less than this.
_CLOCKS_DIFFER_MS: Final = 2_000


class IdlePartitionReporter:
    """Watches the partitions of ``tracks`` that a worker has."""

    def __init__(
        self, app: faust.App, topics: Topics, held: PartitionStates[Any], outbox: PendingSends
    ) -> None:
        self._app = app
        self._topics = topics
        self._held = held
        self._outbox = outbox

    async def tell(self) -> None:
        """Say of each partition that has nothing left up to when that holds."""
        consumer = self._app.consumer
        asked_ms = round(time.time() * 1000) - _CLOCKS_DIFFER_MS
        try:
            mine = {tp for tp in consumer.assignment() if tp.topic == self._topics.tracks}
            ends = await consumer.highwaters(*mine) if mine else {}
            for tp, end in ends.items():
                if await self._judged_to(tp) >= end:
                    await self._send(tp.partition, asked_ms)
        except ConsumerNotStarted:
            return
        except KafkaError as error:  # asked again soon; nobody is passed over meanwhile
            log.warning("partitions.unknown", reason=str(error))
        await self._outbox.stored()

    async def _judged_to(self, tp: TP) -> int:
        """Return the offset before which all is judged; what was never read begins there."""
        held = self._held.judged_to(tp.partition)
        return int(await self._app.consumer.position(tp) or 0) if held is None else held

    async def _send(self, partition: int, time_ms: int) -> None:
        clock = PartitionWatermark(partition=partition, time=from_ms(time_ms))
        key = f"partition/{partition}"
        await self._outbox.send(self._topics.track_events, key, clock.to_json(), {})
