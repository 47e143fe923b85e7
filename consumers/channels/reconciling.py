"""What Redis was given and has lost: found out, and given to it again.

How far each group has handed alerts over stands in Redis itself (the hash ``relayed``), changed
only from what it is known to hold, in the Redis of the known epoch. So it is as old as everything
else there:

    as the group left it         ──▶ on with the next alert
    before that (an older copy)  ──▶ the reading goes back to there: every step again, in order
    nothing (emptied, or new)    ──▶ ``alerts`` from its beginning: of each chain the last step

Steps are known by their numbers, so it comes to the same however often it is begun. What Redis
alone knows (acknowledgements, an operator's decision on a public message) does not come back.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from consumers.alert_record import read_alert
from consumers.channels.functions import ChannelFunctions
from skyfence.adapters import health_file
from skyfence.adapters.settings import Settings
from skyfence.adapters.stored_records import stored_records
from skyfence.contracts.alert import AlertMessage
from skyfence.errors import UsageError
from skyfence.naming import relayed_key

log = structlog.get_logger()

# So many messages are written in one call, as the relay does.
_AT_ONCE: Final = 100
# Reading so many back takes a tenth of a second.
_HEALTH_EVERY: Final = 1_000


async def check_rights(functions: ChannelFunctions, settings: Settings) -> None:
    """Refuse a user who may not note what was handed over; raise ``UsageError``."""
    key = relayed_key(settings.environment)
    for command in (("HGET", key, ""), ("HSET", key, "", "")):
        if not await functions.may(*command):
            user = settings.redis.user or "default"
            raise UsageError(
                f"redis user {user} may not note which alerts were handed over: "
                f"{command[0]} of {key} is not permitted"
            )


class RedisReconciler:
    """Keeps one group's offsets and what Redis holds in step (``consumers.sink.Reconciler``).

    ``restore_all`` writes the last messages of chains where they are missing.
    """

    def __init__(
        self,
        settings: Settings,
        functions: ChannelFunctions,
        group: str,
        restore_all: Callable[[Sequence[AlertMessage]], Awaitable[object]],
    ) -> None:
        self._settings = settings
        self._functions = functions
        self._group = group
        self._restore_all = restore_all
        self._topic = settings.topics.alerts
        self._key = relayed_key(settings.environment)
        self._epoch = ""
        self._known: dict[TopicPartition, int] = {}

    async def reconcile(
        self, consumer: AIOKafkaConsumer, polled: Mapping[TopicPartition, Sequence[Any]]
    ) -> Mapping[TopicPartition, Sequence[Any]]:
        """Return what of the polled records may be handed over; all else is read again.

        Raises ``UnavailableError`` where Redis fails.
        """
        own = self._own_partitions(consumer)
        if not own:
            return polled
        epoch, offsets = await self._functions.progress(self._key, [*map(self._field, own)])
        if epoch != self._epoch:
            self._epoch, self._known = epoch, {}
        held = dict(zip(own, offsets, strict=True))
        lost: dict[TopicPartition, int] = {}
        for at, offset in held.items():
            if offset is not None and self._known.get(at) == offset:
                continue
            records = polled.get(at)
            reads_at = records[0].offset if records else await consumer.position(at)
            if offset is None or offset < reads_at:
                lost[at] = reads_at
        # What is lost becomes known at the end, so that a break leaves it to be found out again.
        self._known = {at: held[at] or 0 for at in own if at not in lost}
        if not lost:
            return polled
        await self._give_again(consumer, lost, held)
        return {at: records for at, records in polled.items() if at not in lost}

    async def mark(self, consumer: AIOKafkaConsumer) -> bool:
        """Note in Redis that all before the consumer's positions was handed over.

        Return False where Redis has lost some of it meanwhile: it is not to be acknowledged.
        """
        # Of what was assigned meanwhile nothing was handed over.
        own = [at for at in self._own_partitions(consumer) if at in self._known]
        positions = {at: await consumer.position(at) for at in own}
        changed = {at: offset for at, offset in positions.items() if self._known[at] != offset}
        return not changed or await self._mark(changed)

    async def _mark(self, offsets: Mapping[TopicPartition, int]) -> bool:
        changes = {self._field(at): (self._known.get(at), new) for at, new in offsets.items()}
        if await self._functions.mark(self._key, self._epoch, changes):
            self._known.update(offsets)
            return True
        log.error("redis.lost_alerts", reason="it was started anew, or replaced, meanwhile")
        self._known.clear()
        return False

    async def _give_again(
        self,
        consumer: AIOKafkaConsumer,
        lost: Mapping[TopicPartition, int],
        held: Mapping[TopicPartition, int | None],
    ) -> None:
        """Have all that Redis has ``lost`` given to it again, up to where the consumer reads."""
        for at, reads_at in lost.items():
            known = held[at]
            if reads_at:  # else nothing was ever handed over, as to a new Redis
                told = {"partition": at.partition, "holds": known, "handed_over": reads_at}
                log.error("redis.lost_alerts", **told)
            consumer.seek(at, reads_at if known is None else known)
        emptied = {at: reads_at for at, reads_at in lost.items() if held[at] is None}
        if emptied:
            await self._rebuild({at.partition: end for at, end in emptied.items() if end})
            if not await self._mark(emptied):
                return
        self._known |= {at: offset for at in lost if (offset := held[at]) is not None}

    async def _rebuild(self, before: Mapping[int, int]) -> None:
        """Give Redis the last step of each chain that stands before offsets of partitions."""
        if not before:
            return
        last: dict[tuple[UUID, str], tuple[int, Any]] = {}
        count = 0
        async for record in stored_records(self._settings, self._topic, before):
            count += 1
            if count % _HEALTH_EVERY == 0:
                health_file.refresh(self._settings.health_file)
            message = _read(record)
            if message is not None:
                _keep_last(last, message, record)
        records = [record for _, record in last.values()]
        for start in range(0, len(records), _AT_ONCE):
            health_file.refresh(self._settings.health_file)
            messages = [read_alert(record) for record in records[start : start + _AT_ONCE]]
            await self._restore_all(messages)
        log.warning("redis.rebuilt", chains=len(records), partitions=sorted(before))

    def _own_partitions(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        return sorted(at for at in consumer.assignment() if at.topic == self._topic)

    def _field(self, at: TopicPartition) -> str:
        return f"{self._group}/{at.partition}"


def _read(record: Any) -> AlertMessage | None:
    """Return a record's message, None of one that the relay has rejected long since."""
    try:
        return read_alert(record)
    except ValidationError:
        return None


def _keep_last(
    last: dict[tuple[UUID, str], tuple[int, Any]], message: AlertMessage, record: Any
) -> None:
    """Note a record if it is its chain's last so far; the chains stand in their last's order."""
    alert = message.alert
    chain = (alert.incident_id, alert.channel)
    if chain not in last or alert.step > last[chain][0]:
        last.pop(chain, None)
        last[chain] = (alert.step, record)
