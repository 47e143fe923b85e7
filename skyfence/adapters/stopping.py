"""The end of a Kafka consumer, where aiokafka does not come to one by itself."""

import asyncio

from aiokafka import AIOKafkaConsumer

from skyfence.adapters.cancellation import is_cancelled


async def stop_reading(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer and close its connections.

    aiokafka 0.14 raises the ``CancelledError`` of a task of its own where a fetch has just failed,
    or the consumer has just begun (aio-libs/aiokafka#647), and leaves the rest as it is. Whoever
    serves would take it for his own, which is a good end, and not be started again.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        # Private: nothing else ends them.
        fetcher = consumer._fetcher
        for task in (fetcher._fetch_task, *fetcher._pending_tasks):
            task.cancel()
        await consumer._client.close()
