"""The Faust app behind typed methods: the rest of ``streams`` sees neither Faust nor its types.

    topic ──▶ Faust's stream ──▶ a queue a partition ──▶ handler    consume
    bytes ──▶ Faust's producer ──▶ topic                            output_topic
    state ──▶ commit with the checkpoint's name ──▶ consumer group  commit_checkpoint

It does not judge messages and keeps no state. docs/decisions/0001 explains each setting that
decides what a crash loses.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import faust
from faust.types import TP
from mode import CrashingSupervisor

from skyfence.adapters.record_batches import bound_batches
from skyfence.adapters.settings import Settings
from skyfence.adapters.watchdog import WATCHDOG
from streams.driver.consumer import CheckpointConsumer
from streams.driver.message import KafkaMessage
from streams.driver.partition_queues import PartitionQueues
from streams.driver.producer import IdempotentProducer, OutputTopic, credentials
from streams.handling import Handling

# Kafka waits this long for a static member before others get its partitions.
_SESSION_TIMEOUT_S = 6.0
# What one fetch brings is handed out before another partition's messages are fetched, 0.1 ms each.
_MOST_AT_ONCE = 200


class Handler(Protocol):
    """Deals with a message; an exception that leaves it ends the process."""

    async def __call__(self, message: KafkaMessage, *, more: bool) -> None:
        """Return when the partition's next message may come; ``more``: one waits already."""


class CheckpointingApp(faust.App):  # type: ignore[misc]  # mypy does not follow into Faust
    """A Faust app whose partitions are given up with a last checkpoint.

    ``on_leaving`` writes it; Faust waits for it before partitions go to another worker, and before
    it stops. It must be set before the app starts.
    """

    on_leaving: Callable[[], Awaitable[None]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._messages = Handling()
        self._queues: list[PartitionQueues] = []
        self._notes_of_leaving: list[Callable[[], None]] = []

    def consume(self, topic: str, agent: str, handler: Handler) -> None:
        """Hand the messages of a topic to a handler, as the Faust agent of that name.

        Those of a partition come in turn, those of several partitions beside one another.
        """

        async def handle(message: KafkaMessage, more: bool) -> None:
            with self._handling(agent, message.partition):
                await handler(message, more=more)

        queues = PartitionQueues(handle, self._note_full, self._note_drained)
        self._queues.append(queues)

        async def run(stream: Any) -> None:
            # ``noack``: the plain loop acknowledges the message at which the handler failed.
            await queues.run(stream.noack().events())

        self.agent(self._raw_topic(topic), name=agent)(run)

    def leave_queues(self) -> None:
        """Forget the messages that wait; Kafka hands out again what no checkpoint covers."""
        for queues in self._queues:
            queues.leave()
        for note in self._notes_of_leaving:
            note()

    def _note_full(self, topic: str, partition: int) -> None:
        self._checkpoint_consumer.on_buffer_full(TP(topic, partition))

    def _note_drained(self, topic: str, partition: int) -> None:
        self._checkpoint_consumer.on_buffer_drop(TP(topic, partition))

    @contextmanager
    def _handling(self, agent: str, partition: int) -> Iterator[None]:
        """Note that a message is dealt with; one that fails is to end the process."""
        try:
            with self._messages.of((agent, partition)):
                yield
        except Exception:
            WATCHDOG.begin_stop()  # Faust does not always come to an end by itself
            raise

    @property
    def longest_step_s(self) -> float:
        """Return for how long a message has come no step further, the longest, in seconds."""
        return self._messages.longest_step_s

    def output_topic(self, name: str) -> OutputTopic:
        """Return a topic to send bytes to."""
        return OutputTopic(self._raw_topic(name))

    def in_background(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task as long as the app runs; its exception ends the process."""
        self.task(task)

    def on_queues_left(self, note: Callable[[], None]) -> None:
        """Have a function called when the messages that wait are forgotten."""
        self._notes_of_leaving.append(note)

    def on_assigned(self, note: Callable[[Collection[tuple[str, int]]], None]) -> None:
        """Have a function told, at each assignment, all topics and partitions of this worker."""

        async def handle(_: faust.App, assigned: Collection[tuple[str, int]], **__: Any) -> None:
            for queues in self._queues:
                queues.begin()
            note(assigned)

        # Faust keeps a weak reference only: without this the handler is gone at once.
        self.on_partitions_assigned.connect(handle, weak=False)

    @property
    def stopping(self) -> bool:
        """Tell whether background tasks should end."""
        return bool(self.should_stop)

    async def commit_checkpoint(self, topic: str, partition: int, offset: int, text: str) -> bool:
        """Commit an offset with a text; return False if another worker has the partition now."""
        return await self._checkpoint_consumer.commit_checkpoint(topic, partition, offset, text)

    async def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the end offsets of this worker's partitions; raise ``NotStartedError``."""
        return await self._checkpoint_consumer.end_offsets(topic)

    async def next_offset(self, topic: str, partition: int) -> int:
        """Return the offset that is fetched next; raise ``NotStartedError``."""
        return await self._checkpoint_consumer.next_offset(topic, partition)

    @property
    def _checkpoint_consumer(self) -> CheckpointConsumer:
        consumer: CheckpointConsumer = self.consumer
        return consumer

    def _raw_topic(self, name: str) -> Any:
        return self.topic(name, key_serializer="raw", value_serializer="raw")

    def _new_transport(self) -> Any:
        # Private in faust-streaming 0.15.3: a transport's classes can be replaced nowhere else.
        transport = super()._new_transport()
        transport.Consumer = CheckpointConsumer
        transport.Producer = IdempotentProducer
        return transport


def new_app(settings: Settings) -> CheckpointingApp:
    """Return the app of an environment, without agents; it connects when it is started."""
    bound_batches()  # also where Faust's own command line starts the app
    brokers = ";".join(f"kafka://{address}" for address in settings.kafka.bootstrap.split(","))
    return CheckpointingApp(
        settings.topics.worker_group,
        origin="streams.app",
        broker=brokers,
        broker_credentials=credentials(settings),
        store="memory://",
        web_enabled=False,
        web_bind="127.0.0.1",
        agent_supervisor=CrashingSupervisor,
        topic_allow_declare=False,  # skyfence.adapters.topics creates them
        topic_disable_leader=True,
        broker_session_timeout=_SESSION_TIMEOUT_S,
        broker_heartbeat_interval=_SESSION_TIMEOUT_S / 3,
        broker_max_poll_records=_MOST_AT_ONCE,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id(settings.topics.worker_group),
        producer_acks=-1,
        producer_linger_ms=0,
    )
