"""A sensor of the live run that only says that it watches, until it falls silent for good.

It shows whether the feed alarm tells the truth: while it is heard nobody may be told of a silence
that lasts, and when it stops everybody who watches it must be.
"""

import asyncio
import contextlib
import time

from aiokafka.errors import KafkaError

from skyfence.adapters.kafka import LastingProducer, producer
from skyfence.adapters.settings import Settings

BEACON = "beacon"
# Of its silence people are told so soon, seconds.
SILENT_AFTER_S = 20.0
_EVERY_S = 1.0


async def shine(settings: Settings) -> None:
    """Send a heartbeat each second, for ever; what a broker does not take is not sent again."""
    sender = LastingProducer(lambda: producer(settings))
    try:
        while True:
            scan = ("scan-time", str(round(time.time() * 1_000)).encode())
            with contextlib.suppress(KafkaError):
                await sender.send(settings.topics.tracks, b"[]", BEACON.encode(), [scan])
            await asyncio.sleep(_EVERY_S)
    finally:
        await sender.stop()
